//! Notes about alerts: people acknowledge them, take that back, and comment on them.

use axum::extract::{Request, State};
use axum::http::Extensions;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::alerts::AlertStore;
use crate::auth::{Principal, Standing};
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::body::{Bodies, Received};
use crate::http::request::fields::fill;
use crate::http::request::path::Argument;
use crate::http::request::query::Query;
use crate::http::response::json::Json;
use crate::http::state::RequestLimits;
use crate::ingest::Ingest;
use crate::log::{AlertNote, AlertOrder, What};
use crate::views::native::HandledAlert;

const COMMENT: &str = "comment";

/// What may come with an acknowledgement.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = AcknowledgeAlert)]
pub(super) struct Acknowledge {
    /// A comment for those who read the alert later.
    #[schema(nullable = false, max_length = 256)]
    comment: Option<String>,
}

/// A comment on an alert.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = CommentOnAlert)]
pub(super) struct NewComment {
    /// The text.
    #[schema(required = true, value_type = String, pattern = "\\S", max_length = 256)]
    comment: Option<String>,
}

/// `POST /api/v1/alerts/{id}/acknowledge`: acknowledges an alert.
pub(in crate::http) async fn acknowledge(
    State(alerts): State<AlertStore>,
    State(ingest): State<Ingest>,
    State(limits): State<RequestLimits>,
    State(bodies): State<Bodies>,
    Argument(id): Argument,
    query: Query,
    request: Request,
) -> Result<Json, ApiError> {
    query.finish()?;
    let by = name_of(request.extensions());
    let received = bodies.receive_command(request).await?;
    let comment = comment(received, limits, |Acknowledge { comment }| comment)?;
    let note = AlertNote {
        alert: id.into(),
        by,
        acknowledged: Some(true),
        comment,
    };
    take(&alerts, &ingest, limits, note).await
}

/// `DELETE /api/v1/alerts/{id}/acknowledge`: takes the acknowledgement back. The comments stay.
pub(in crate::http) async fn reopen(
    State(alerts): State<AlertStore>,
    State(ingest): State<Ingest>,
    State(limits): State<RequestLimits>,
    Argument(id): Argument,
    query: Query,
    extensions: Extensions,
) -> Result<Json, ApiError> {
    query.finish()?;
    let note = AlertNote {
        alert: id.into(),
        by: name_of(&extensions),
        acknowledged: Some(false),
        comment: None,
    };
    take(&alerts, &ingest, limits, note).await
}

/// `POST /api/v1/alerts/{id}/comments`: adds a comment.
pub(in crate::http) async fn add_comment(
    State(alerts): State<AlertStore>,
    State(ingest): State<Ingest>,
    State(limits): State<RequestLimits>,
    State(bodies): State<Bodies>,
    Argument(id): Argument,
    query: Query,
    request: Request,
) -> Result<Json, ApiError> {
    query.finish()?;
    let by = name_of(request.extensions());
    let received = bodies.receive_command(request).await?;
    let comment = comment(received, limits, |NewComment { comment }| comment)?;
    if comment.is_none() {
        return Err(BadParameter::new(COMMENT, "missing, or empty").into());
    }
    let note = AlertNote {
        alert: id.into(),
        by,
        acknowledged: None,
        comment,
    };
    take(&alerts, &ingest, limits, note).await
}

/// Hands a note to the log, and answers the alert as it is then.
async fn take(
    alerts: &AlertStore,
    ingest: &Ingest,
    limits: RequestLimits,
    note: AlertNote,
) -> Result<Json, ApiError> {
    let id = note.alert.to_string();
    let known = alerts.by_id(&id);
    let known = known.ok_or_else(|| ApiError::NoSuchAlertId(id.clone()))?;
    let max = limits.alert_comments_max;
    // Comments that arrive at the same moment may exceed the limit by their number.
    if note.comment.is_some() && max <= known.handling.comments.len() {
        return Err(ApiError::TooManyComments { max });
    }
    let order = AlertOrder::Note(Box::new(note));
    ingest.submit(now(), What::AlertOrder(order)).await?;
    let alert = alerts.by_id(&id).ok_or(ApiError::NoSuchAlertId(id))?;
    Json::compact(&HandledAlert::of(&alert))
}

/// Name of the user or key that the client showed.
fn name_of(extensions: &Extensions) -> Option<Box<str>> {
    let standing = extensions.get::<Standing>()?;
    Some(match &standing.identity.principal {
        Principal::User(name) | Principal::Key(name) => (&**name).into(),
    })
}

/// The comment of a body, which is JSON or a form.
fn comment<T: serde::de::DeserializeOwned + Default>(
    received: Received,
    limits: RequestLimits,
    of: impl FnOnce(T) -> Option<String>,
) -> Result<Option<Box<str>>, ApiError> {
    let (document, variables) = received.command::<T>()?;
    let mut comment = of(document);
    fill(&mut [(COMMENT, &mut comment)], variables)?;
    let bytes_max = limits.alert_text_bytes_max;
    match comment.as_deref().map(str::trim) {
        None | Some("") => Ok(None),
        Some(text) if bytes_max < text.len() => {
            let reason = format!("longer than {bytes_max} bytes, which is alerts.text_bytes_max");
            Err(BadParameter::new(COMMENT, &reason).into())
        }
        Some(text) => Ok(Some(text.into())),
    }
}
