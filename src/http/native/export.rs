//! Files for other programs, of devices or of observations.

use std::mem;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{Extensions, header};
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;
use tracing::{error, info};

use super::filter::{Circle, Filter, ReportFilter};
use crate::auth::RequiredRole;
use crate::export::{
    Around, Choices, Devices, Export, ExportError, FORMS, Form, Hidden, Made, Observations,
    PartBounds, Per, PlaceOf, Redacted, RowSource, Scratch, ScratchError, ScratchFile,
    TracksWanted,
};
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::guard::sight::is_admin;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::path::Argument;
use crate::http::request::query::Query;
use crate::http::response::pace::Pace;
use crate::http::response::pieces::{self, Pieces};
use crate::http::state::{ExportReads, RequestLimits};
use crate::log::{History, LogPosition};
use crate::privacy::{BadRedaction, OptedOut, Policy, Redactor, Sight};
use crate::report::{Batch, Report, UnixTime};
use crate::tracker::{Device, Tracker};
use crate::views::list::Texts;

/// Why a parameter of other forms is refused.
const NOT_OF_THIS_FORM: &str = "this form has no such parameter";

/// Smaller parts would be too many.
const PART_ROWS_MIN: u64 = 1000;
const PART_BYTES_MIN: u64 = 64 << 10;
/// Most circles that are left out.
const CIRCLES_MAX: usize = 100;

/// `GET /api/v1/export/{form}`: a file of a form, made while it is sent.
pub(in crate::http) async fn export(
    reads: ExportReads,
    State(tracker): State<Arc<Tracker>>,
    State(pace): State<Pace>,
    State(limits): State<RequestLimits>,
    Argument(word): Argument,
    mut query: Query,
    extensions: Extensions,
) -> Result<Response, ApiError> {
    let form = Form::of_word(&word).ok_or_else(|| {
        let words = FORMS.map(|form| form.word);
        ApiError::NoSuchForm(words.join(", "))
    })?;
    for name in ["redact", "exclude"] {
        query.expect_value(name)?;
    }
    let mut choices = take_choices(&mut query, form)?;
    let opted_out = take_opted_out(&mut query)?;
    let policy = Arc::clone(&reads.privacy);
    let redactor = take_redactor(&mut query, form, &policy)?;
    choices.hidden = with_zones(choices.hidden, &policy);
    // The policy is asked besides, because administrators may ask for more than others.
    let filter = Filter::take(&mut query, &tracker, Sight::EVERYTHING)?;
    query.finish()?;
    if opted_out == OptedOut::Included && !is_admin(&extensions) {
        return Err(ApiError::Forbidden(RequiredRole::Admin));
    }
    let history = reads.history.clone();
    if choices.per == Per::Observation && history.is_none() {
        return Err(ApiError::Impossible(
            "this server keeps its log in memory, so it cannot export observations",
        ));
    }
    // A track shows the way of a person, and the name of the scanner.
    let has_tracks = choices.switches.contains(&"tracks") && redactor.is_none();
    let tracks = history.clone().filter(|_| has_tracks).map(|history| {
        let seen = filter.seen();
        let wanted = TracksWanted {
            sources: filter.sources_of(&tracker),
            since: seen.as_ref().map_or(UnixTime::new(0), |seen| *seen.start()),
            until: seen.map_or(UnixTime::new(u32::MAX), |seen| *seen.end()),
            ahead_max_s: limits.clock_ahead_max_s,
        };
        (history, wanted)
    });
    let place = reads.admit().await?;
    let around = Around {
        tracker: Arc::clone(&tracker),
        alerts: reads.alerts.clone(),
        server: reads.server_uuid,
        file: match form.made {
            Made::OnDisk => Some(take_file(reads.scratch.clone()).await?),
            Made::Streamed | Made::InMemory => None,
        },
        package_devices_max: reads.package_devices_max,
        tracks,
    };
    choices.position = end_of(history.clone()).await?;
    let rows: Box<dyn RowSource> = match (choices.per, history) {
        (Per::Observation, Some(history)) => {
            let filter = ReportFilter::new(filter, &tracker);
            let wanted = move |batch: &Batch, report: &Report, device: Option<&Device>| {
                filter.wants(batch.source, report, device)
                    && policy.lets_out_report(report, device, opted_out)
            };
            let end = choices.position;
            Box::new(Observations::new(history, tracker, end, wanted))
        }
        _ => Box::new(Devices::new(tracker, move |device: &Device| {
            filter.wants(device) && policy.lets_out(device, opted_out)
        })),
    };
    let rows: Box<dyn RowSource> = match redactor {
        // Its places are no longer those to be hidden.
        Some(redactor) => Box::new(Redacted::new(
            rows,
            redactor,
            mem::take(&mut choices.hidden),
        )),
        None => rows,
    };
    let file = File {
        form,
        export: form.export(&choices, rows, around),
    };
    let name = form.file_name(&choices);
    let headers = [
        (
            header::CONTENT_TYPE,
            form.media_type_of(&choices).to_owned(),
        ),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    let turns = pace.of_one_answer();
    let body = match form.made {
        Made::Streamed => pieces::body(file, turns, place, reads.hang_up()),
        Made::InMemory | Made::OnDisk => pieces::begun(file, turns, place, reads.hang_up()).await?,
    };
    Ok((headers, body).into_response())
}

/// The file in which a form is written as a whole.
async fn take_file(scratch: Option<Scratch>) -> Result<ScratchFile, ApiError> {
    let Some(scratch) = scratch else {
        return Err(ApiError::Impossible(
            "this server has no data directory, so it cannot write files of this form",
        ));
    };
    let taken = spawn_blocking(move || scratch.take()).await;
    let taken = taken.map_err(|_| ApiError::Panicked)?;
    taken.map_err(|error| match error {
        ScratchError::Taken => ApiError::FileTaken,
        ScratchError::Io(error) => ApiError::Export(ExportError::File(error.to_string())),
    })
}

/// Whether the file has the devices whose owners opted out.
fn take_opted_out(query: &mut Query) -> Result<OptedOut, BadParameter> {
    let included = query.take_with("include", |text| match text {
        "nomap" => Ok(OptedOut::Included),
        _ => Err("expected nomap"),
    })?;
    Ok(included.unwrap_or_default())
}

/// Makes redacted copies of the rows, if the file is to be redacted.
fn take_redactor(
    query: &mut Query,
    form: &Form,
    policy: &Policy,
) -> Result<Option<Redactor>, BadParameter> {
    let what = query.take_with("redact", |text| match form.made {
        Made::OnDisk => {
            Err("this form has the scanners besides the rows, so it cannot be redacted".to_owned())
        }
        Made::Streamed | Made::InMemory => text
            .parse()
            .map_err(|error: BadRedaction| error.to_string()),
    })?;
    Ok(what.map(|what| policy.redactor(what)))
}

/// The areas that are left out, with the zones of the configuration.
fn with_zones(hidden: Hidden, policy: &Arc<Policy>) -> Hidden {
    if !policy.has_zones() {
        return hidden;
    }
    let policy = Arc::clone(policy);
    hidden.or(move |place| policy.hides_point(place))
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
        let is_default = form.switches.contains(&switch) && Form::SWITCHES_ON.contains(&switch);
        switches.extend(is_on.unwrap_or(is_default).then_some(switch));
    }
    let is_minimal = query.take_with("devices", |text| match text {
        _ if !form.has_minimal => Err(NOT_OF_THIS_FORM),
        "whole" => Ok(false),
        "minimal" => Ok(true),
        _ => Err("expected whole or minimal"),
    })?;
    let parts = take_parts(query, form)?;
    let hidden = take_hidden(query)?;
    Ok(Choices {
        // Each form has at least one.
        per: per.or(form.per.first().copied()).unwrap_or(Per::Device),
        place: place.unwrap_or_default(),
        texts: texts.unwrap_or(Texts::Guarded),
        version: version.or(form.versions.first().copied()),
        switches,
        hidden,
        is_minimal: is_minimal.unwrap_or_default(),
        parts,
        exported: now().time(),
        position: LogPosition::START,
    })
}

/// Circles whose places are left out.
fn take_hidden(query: &mut Query) -> Result<Hidden, BadParameter> {
    let circles = query.take_with("exclude", |text| {
        let circles = text.split(';').map(Circle::read);
        let circles = circles.collect::<Result<Vec<_>, _>>()?;
        if CIRCLES_MAX < circles.len() {
            return Err(format!("expected at most {CIRCLES_MAX} circles"));
        }
        Ok(circles)
    })?;
    Ok(circles.map_or_else(Hidden::default, |circles| {
        Hidden::new(move |place| circles.iter().any(|circle| circle.contains(place)))
    }))
}

/// How large the parts of a file become, if it is to have parts.
fn take_parts(query: &mut Query, form: &Form) -> Result<Option<PartBounds>, BadParameter> {
    let mut take = |name: &str, least: u64, what: &str| {
        query.take_with(name, |text| match text.parse() {
            _ if !form.has_parts => Err(NOT_OF_THIS_FORM.to_owned()),
            Ok(most) if least <= most => Ok(most),
            _ => Err(format!("expected a number of {what} from {least}")),
        })
    };
    let rows_max = take("rows_max", PART_ROWS_MIN, "rows")?;
    let bytes_max = take("bytes_max", PART_BYTES_MIN, "bytes")?;
    let is_asked = rows_max.is_some() || bytes_max.is_some();
    Ok(is_asked.then(|| PartBounds {
        rows_max: rows_max.unwrap_or(u64::MAX),
        bytes_max: bytes_max.unwrap_or(u64::MAX),
    }))
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

    fn threads(&self) -> u32 {
        self.export.threads()
    }

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
