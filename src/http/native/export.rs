//! Files for other programs, of devices or of observations.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{Extensions, header};
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;
use tracing::{error, info};

use super::filter::{Filter, ReportFilter};
use super::imports::is_admin;
use crate::auth::RequiredRole;
use crate::export::{
    Choices, Devices, Export, ExportError, FORMS, Form, Observations, Observed, Per, PlaceOf, Row,
    RowSource, is_opted_out,
};
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::path::Argument;
use crate::http::request::query::Query;
use crate::http::response::pace::Pace;
use crate::http::response::pieces::{self, Pieces};
use crate::http::state::ExportReads;
use crate::log::{History, LogPosition};
use crate::tracker::{Device, Tracker};
use crate::views::list::Texts;

/// Why a parameter of other forms is refused.
const NOT_OF_THIS_FORM: &str = "this form has no such parameter";

/// `GET /api/v1/export/{form}`: a file of a form, made while it is sent.
pub(in crate::http) async fn export(
    reads: ExportReads,
    State(tracker): State<Arc<Tracker>>,
    State(pace): State<Pace>,
    Argument(word): Argument,
    mut query: Query,
    extensions: Extensions,
) -> Result<Response, ApiError> {
    let form = Form::of_word(&word).ok_or_else(|| {
        let words = FORMS.map(|form| form.word);
        ApiError::NoSuchForm(words.join(", "))
    })?;
    let mut choices = take_choices(&mut query, form)?;
    let includes_opted_out = query.take_with("include", |text| match text {
        "nomap" => Ok(()),
        _ => Err("expected nomap"),
    })?;
    let filter = Filter::take(&mut query, &tracker)?;
    query.finish()?;
    let includes_opted_out = includes_opted_out.is_some();
    if includes_opted_out && !is_admin(&extensions) {
        return Err(ApiError::Forbidden(RequiredRole::Admin));
    }
    let history = reads.history.clone();
    if choices.per == Per::Observation && history.is_none() {
        return Err(ApiError::Impossible(
            "this server keeps its log in memory, so it cannot export observations",
        ));
    }
    let place = reads.admit().await?;
    choices.position = end_of(history.clone()).await?;
    let is_left_out = move |row: &Row<'_>| !includes_opted_out && is_opted_out(row);
    let rows: Box<dyn RowSource> = match (choices.per, history) {
        (Per::Observation, Some(history)) => {
            let filter = ReportFilter::new(filter, &tracker);
            let wanted = move |observed: &Observed<'_>| {
                let source = observed.batch.source;
                filter.wants(source, observed.report, observed.device)
                    && !is_left_out(&Row::Observation(*observed))
            };
            let end = choices.position;
            Box::new(Observations::new(history, tracker, end, wanted))
        }
        _ => Box::new(Devices::new(tracker, move |device: &Device| {
            filter.wants(device) && !is_left_out(&Row::Device(device))
        })),
    };
    let file = File {
        form,
        export: form.export(&choices, rows),
    };
    let name = form.file_name(&choices);
    let headers = [
        (header::CONTENT_TYPE, form.media_type.to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    let body = pieces::body(file, pace.of_one_answer(), place);
    Ok((headers, body).into_response())
}

/// What the query says of the file, apart from its rows.
fn take_choices(query: &mut Query, form: &Form) -> Result<Choices, BadParameter> {
    let per = query.take_with("per", |text| {
        let mut allowed = form.per.iter().copied();
        let chosen = allowed.find(|per| per.word() == text);
        chosen.ok_or_else(|| expected(form.per.iter().map(|per| per.word())))
    })?;
    let place = query.take_with("place", |text| {
        let chosen = PlaceOf::ALL.into_iter().find(|place| place.word() == text);
        chosen.ok_or_else(|| expected(PlaceOf::ALL.into_iter().map(PlaceOf::word)))
    })?;
    let version = query.take_with("version", |text| {
        let mut known = form.versions.iter().copied();
        let chosen = known.find(|version| *version == text);
        chosen.ok_or_else(|| match form.versions {
            [] => NOT_OF_THIS_FORM.to_owned(),
            versions => expected(versions.iter().copied()),
        })
    })?;
    let texts = query.take_with("texts", |text| match text {
        _ if !form.has_texts => Err(NOT_OF_THIS_FORM),
        "guarded" => Ok(Texts::Guarded),
        "raw" => Ok(Texts::Raw),
        _ => Err("expected guarded or raw"),
    })?;
    let mut switches = Vec::new();
    for switch in Form::SWITCHES {
        let is_on = query.take_with(switch, |text| match text {
            _ if !form.switches.contains(&switch) => Err(NOT_OF_THIS_FORM),
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("expected true or false"),
        })?;
        switches.extend(is_on.unwrap_or_default().then_some(switch));
    }
    Ok(Choices {
        // Each form has at least one.
        per: per.or(form.per.first().copied()).unwrap_or(Per::Device),
        place: place.unwrap_or_default(),
        texts: texts.unwrap_or(Texts::Guarded),
        version: version.or(form.versions.first().copied()),
        switches,
        exported: now().time(),
        position: LogPosition::START,
    })
}

fn expected(words: impl Iterator<Item = &'static str>) -> String {
    let words: Vec<_> = words.collect();
    format!("expected {}", words.join(" or "))
}

/// The end of the log now. Later records are not in the file.
async fn end_of(history: Option<Arc<History>>) -> Result<LogPosition, ApiError> {
    let Some(history) = history else {
        return Ok(LogPosition::START);
    };
    let end = spawn_blocking(move || history.end()).await;
    let end = end.map_err(|_| ApiError::Panicked)?;
    end.map_err(ApiError::History)
}

/// A file on its way.
struct File {
    form: &'static Form,
    export: Export,
}

impl Pieces for File {
    type Error = ExportError;

    fn next(&mut self) -> Result<Option<Vec<u8>>, ExportError> {
        let form = self.form.word;
        let piece = self.export.piece();
        let counts = self.export.counts();
        match &piece {
            Ok(Some(_)) => {}
            Ok(None) => info!(
                export.form = form,
                export.rows = counts.written,
                export.left_out = counts.left_out,
                "exported"
            ),
            Err(failure) => error!(
                export.form = form,
                export.rows = counts.written,
                error = %failure,
                "an export broke off"
            ),
        }
        piece
    }
}
