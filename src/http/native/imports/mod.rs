//! Files that people have already: uploads, and what became of them.

mod answer;
mod options;
pub(super) mod others;
mod spool;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{Extensions, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;

pub(super) use self::answer::{Import, ImportList};
use self::options::Given;
use self::spool::Spooled;
use crate::auth::{Principal, Standing};
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::guard::sight::is_admin;
use crate::http::intake::Intake;
use crate::http::request::path::Argument;
use crate::http::request::query::Query;
use crate::http::request::sender::Sender;
use crate::http::response::json::Json;
use crate::http::state::RequestLimits;
use crate::import::{FileAccount, Form, ImportSender, Imports, Job, State as JobState};
use crate::ingest::IngestError;
use crate::report::UnixTime;

/// The imports, and what bounds uploads.
#[derive(Debug)]
pub(in crate::http) struct ImportService {
    pub(in crate::http) imports: Imports,
    pub(in crate::http) body_bytes_max: usize,
    pub(in crate::http) files_max: usize,
    /// Fields of a form that are no files.
    pub(in crate::http) fields_max: usize,
    pub(in crate::http) answer_within: Duration,
    /// How far the time of a row may be ahead of the server's clock.
    pub(in crate::http) clock_skew_max: Duration,
}

/// `None` if the server has no data directory.
pub(in crate::http) type Service = Option<Arc<ImportService>>;

fn available(service: Service) -> Result<Arc<ImportService>, ApiError> {
    service.ok_or(ApiError::Impossible(
        "this server keeps its log in memory, so it cannot import files",
    ))
}

/// `POST /api/v1/imports`: imports the files of a form, or a body that is a file.
pub(in crate::http) async fn create(
    State(service): State<Service>,
    State(intake): State<Arc<Intake>>,
    query: Query,
    request: Request,
) -> Result<Response, ApiError> {
    let mut given = Given::default();
    given.take(query)?;
    let job = upload(available(service)?, &intake, request, given).await?;
    answer(&job)
}

/// The answer to an upload. An import that is not over is a 202, and a single file of no known form a 415.
fn answer(job: &Job) -> Result<Response, ApiError> {
    if let [only] = job.files.as_slice()
        && job.state.is_over()
        && is_unknown(only)
    {
        return Err(ApiError::UnknownForm(Form::unknown()));
    }
    let json = Json::compact(&Import::of(job))?;
    if job.state.is_over() {
        return Ok(json.into_response());
    }
    let location = format!("/api/v1/imports/{}", job.id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], json).into_response())
}

fn is_unknown(file: &FileAccount) -> bool {
    file.form.is_none() && !file.sha256.is_empty()
}

/// Writes an upload to files, adds it to the imports, and waits a while for its end.
async fn upload(
    service: Arc<ImportService>,
    intake: &Intake,
    request: Request,
    mut given: Given,
) -> Result<Job, ApiError> {
    let sender = Sender::of(request.extensions());
    intake.rates.admit(&sender)?;
    if intake.tracker.is_full() {
        let bytes_max = intake.tracker.bounds().memory_bytes_max;
        return Err(IngestError::MemoryFull { bytes_max }.into());
    }
    let identity = request.extensions().get::<Standing>();
    let identity = identity.map(|standing| standing.identity.clone());
    let arrival = service.imports.reserve(sender_of(&sender));
    let arrival = Arc::new(arrival.map_err(ApiError::Import)?);
    let spooled = spool::receive(&service, &intake.bodies, &arrival, request).await;
    let added = spooled.and_then(|spooled| {
        let Spooled {
            names,
            sha256,
            fields,
            bytes,
        } = spooled;
        given.take_fields(fields)?;
        Ok((names, sha256, bytes, given))
    });
    let (names, uploads_sha256, uploaded_bytes, given) = match added {
        Ok(added) => added,
        Err(refused) => {
            // Removing the files may take a moment.
            spawn_blocking(move || drop(arrival)).await.ok();
            return Err(refused);
        }
    };
    let created = now().time().seconds();
    let skew_s = u32::try_from(service.clock_skew_max.as_secs()).unwrap_or(u32::MAX);
    let mut options = given.options;
    if let Some(identity) = &identity {
        options.set_sender(identity);
    }
    let id = arrival.id();
    let job = Job {
        id,
        created: created.into(),
        latest: Some(UnixTime::new(created.saturating_add(skew_s))),
        options,
        uploads: names,
        uploads_sha256,
        uploaded_bytes,
        ..Job::default()
    };
    let (imports, answer_within) = (service.imports.clone(), service.answer_within);
    let ended = spawn_blocking(move || {
        let added = job.clone();
        arrival.add(job)?;
        if answer_within.is_zero() {
            return Ok(Some(added));
        }
        Ok(imports.wait(id, answer_within)?)
    });
    let job = ended.await.map_err(|_| ApiError::Panicked)?;
    job.map_err(ApiError::Import)?
        .ok_or(ApiError::NoSuchImport(id.to_string()))
}

fn sender_of(sender: &Sender) -> ImportSender {
    match sender {
        Sender::Known(principal) => ImportSender::Known(principal.clone()),
        Sender::Unknown(network) => ImportSender::Unknown(*network),
    }
}

fn name_of(extensions: &Extensions) -> Option<String> {
    let standing = extensions.get::<Standing>()?;
    Some(match &standing.identity.principal {
        Principal::User(name) | Principal::Key(name) => name.to_string(),
    })
}

/// `GET /api/v1/imports`: the imports, the newest first.
pub(in crate::http) async fn list(
    State(service): State<Service>,
    State(limits): State<RequestLimits>,
    mut query: Query,
) -> Result<Json, ApiError> {
    let count = query.take_limit(limits.page_items_max)?;
    let before = query.take_with("cursor", |text| {
        text.parse::<u64>()
            .map_err(|_| "not one that an earlier page returned")
    })?;
    query.finish()?;
    let Some(service) = service else {
        return Json::compact(&ImportList::of(&[], count));
    };
    let jobs = on_disk(move || service.imports.list(before, count + 1)).await?;
    Json::compact(&ImportList::of(&jobs, count))
}

/// `GET /api/v1/imports/{id}`: an import, how far it is, and what became of its rows.
pub(in crate::http) async fn one(
    State(service): State<Service>,
    Argument(id): Argument,
    query: Query,
    extensions: Extensions,
) -> Result<Json, ApiError> {
    query.finish()?;
    let job = find(available(service)?, id, &extensions).await?;
    Json::compact(&Import::of(&job))
}

/// `POST /api/v1/imports/{id}/cancel`: ends an import early. What was taken stays.
pub(in crate::http) async fn cancel(
    State(service): State<Service>,
    Argument(id): Argument,
    query: Query,
    extensions: Extensions,
) -> Result<Json, ApiError> {
    query.finish()?;
    let service = available(service)?;
    let job = find(Arc::clone(&service), id, &extensions).await?;
    let (id, answer_within) = (job.id, service.answer_within);
    let job = on_disk(move || {
        service.imports.cancel(id);
        service.imports.wait(id, answer_within)
    });
    let job = job.await?.ok_or(ApiError::NoSuchImport(id.to_string()))?;
    Json::compact(&Import::of(&job))
}

/// `GET /api/v1/imports/{id}/refusals/{file}`: all rows of a file that were refused, as CSV.
pub(in crate::http) async fn refusals(
    State(service): State<Service>,
    axum::extract::Path((id, file)): axum::extract::Path<(String, String)>,
    query: Query,
    extensions: Extensions,
) -> Result<Response, ApiError> {
    query.finish()?;
    let service = available(service)?;
    let job = find(Arc::clone(&service), id, &extensions).await?;
    let missing = || ApiError::NoSuchImport(format!("{}, or it has no such file", job.id));
    let number: usize = file.parse().map_err(|_| missing())?;
    if job.files.len() <= number {
        return Err(missing());
    }
    let path = service.imports.refusals(job.id, number);
    let csv = on_disk(move || match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(b"line,reason\r\n".to_vec())
        }
        read => read,
    });
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
    Ok((headers, csv.await?).into_response())
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, ApiError> {
    let done = spawn_blocking(work).await;
    let done = done.map_err(|_| ApiError::Panicked)?;
    done.map_err(|error| ApiError::Import(error.into()))
}

/// An import that the client may see: its own, or all of them for an administrator.
async fn find(
    service: Arc<ImportService>,
    text: String,
    extensions: &Extensions,
) -> Result<Job, ApiError> {
    let sees_all = is_admin(extensions);
    let missing = || ApiError::NoSuchImport(text.clone());
    let id: u64 = text.parse().map_err(|_| missing())?;
    let job = on_disk(move || service.imports.job(id)).await?;
    let job = job.ok_or_else(missing)?;
    let is_own = sees_all || job.options.sender == name_of(extensions);
    is_own.then_some(job).ok_or_else(missing)
}

/// Whether an import has a result.
const fn is_done(state: JobState) -> bool {
    matches!(state, JobState::Done)
}
