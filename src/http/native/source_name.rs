//! Names that people give scanners.

use std::sync::Arc;

use axum::extract::{Request, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::shown_name;
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::body::Bodies;
use crate::http::request::fields::fill;
use crate::http::request::path::Argument;
use crate::http::request::query::Query;
use crate::http::response::json::Json;
use crate::http::state::RequestLimits;
use crate::ingest::Ingest;
use crate::log::{SourceName, What};
use crate::report::SourceId;
use crate::tracker::Tracker;

const NAME: &str = "name";

/// A name for a scanner.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = NewSourceName)]
pub(super) struct NewName {
    /// The name. With the empty one, the name that the scanner sends counts again.
    #[schema(required = true, value_type = String, max_length = 256)]
    name: Option<String>,
}

/// A scanner that has another name now.
#[derive(Serialize, ToSchema)]
#[schema(as = RenamedSource)]
pub(super) struct Renamed {
    /// Its UUID.
    source: String,
    /// Its name now.
    name: Box<str>,
    /// The name that it sends, if it has another one.
    sent_name: Option<Box<str>>,
}

/// `POST /api/v1/sources/{uuid}/name`: gives a scanner a name.
pub(in crate::http) async fn rename(
    State(tracker): State<Arc<Tracker>>,
    State(ingest): State<Ingest>,
    State(limits): State<RequestLimits>,
    State(bodies): State<Bodies>,
    Argument(uuid): Argument,
    query: Query,
    request: Request,
) -> Result<Json, ApiError> {
    query.finish()?;
    let source: SourceId = uuid.parse()?;
    if !tracker.has_source(source) {
        return Err(ApiError::NoSuchSource(source));
    }
    let received = bodies.receive_command(request).await?;
    let (NewName { mut name }, variables) = received.command()?;
    fill(&mut [(NAME, &mut name)], variables)?;
    let name = checked(name.as_deref(), limits.source_name_bytes_max)?;
    let order = What::SourceName(SourceName { source, name });
    ingest.submit(now(), order).await?;
    let renamed = tracker
        .source(source)
        .ok_or(ApiError::NoSuchSource(source))?;
    Json::compact(&Renamed {
        source: source.to_string(),
        name: renamed.name,
        sent_name: renamed.sent_name,
    })
}

/// The name, without blanks around it.
fn checked(name: Option<&str>, bytes_max: usize) -> Result<Box<str>, BadParameter> {
    let name = name
        .ok_or_else(|| BadParameter::new(NAME, "missing"))?
        .trim();
    if bytes_max < name.len() {
        let reason =
            format!("longer than {bytes_max} bytes, which is limits.source_name_bytes_max");
        return Err(BadParameter::new(NAME, &reason));
    }
    if shown_name(name) != name {
        let reason = "has control characters, or characters that nobody sees";
        return Err(BadParameter::new(NAME, reason));
    }
    Ok(name.into())
}
