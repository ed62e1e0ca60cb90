//! Uploads in the shapes of other servers, so that programs that speak those work here once their host is changed.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{Extensions, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::options::Given;
use super::{Service, available, is_done, is_unknown, name_of, on_disk, upload};
use crate::http::error::ApiError;
use crate::http::intake::Intake;
use crate::http::request::query::Query;
use crate::http::response::json::Json;
use crate::import::{FileAccount, Job};

/// The answer of `WiGLE` to an upload.
#[derive(Serialize, ToSchema)]
#[schema(as = WigleUpload)]
pub(in crate::http::native) struct WigleUpload {
    success: bool,
    /// Why it failed, or that it is still being read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    message: Option<String>,
    /// The user or key that sent it.
    observer: String,
    results: WigleResults,
}

/// What `WiGLE` says of the files of an upload.
#[derive(Serialize, ToSchema)]
#[schema(as = WigleResults)]
#[serde(rename_all = "camelCase")]
struct WigleResults {
    /// Seconds.
    time_taken: String,
    filesize: u64,
    filename: String,
    transids: Vec<WigleTransId>,
}

/// An upload, as `WiGLE` names it.
#[derive(Serialize, ToSchema)]
#[schema(as = WigleTransId)]
#[serde(rename_all = "camelCase")]
struct WigleTransId {
    trans_id: String,
    file: String,
    size: u64,
}

/// `POST /api/v2/file/upload`, as wigle.net has it.
pub(in crate::http) async fn wigle_upload(
    State(service): State<Service>,
    State(intake): State<Arc<Intake>>,
    query: Query,
    request: Request,
) -> Result<Json, ApiError> {
    query.finish()?;
    let began = Instant::now();
    let observer = name_of(request.extensions()).unwrap_or_else(|| "anonymous".to_owned());
    let job = upload(available(service)?, &intake, request, Given::default()).await?;
    let success = !job.state.is_over() || is_done(job.state);
    let file = job.uploads.first().cloned().unwrap_or_default();
    let error = job.files.iter().find_map(|file| file.error.clone());
    let message = match error {
        Some(error) => Some(error),
        None if !job.state.is_over() => Some("the file is being read".to_owned()),
        None => None,
    };
    Json::compact(&WigleUpload {
        success,
        message,
        observer,
        results: WigleResults {
            time_taken: format!("{:.3}", began.elapsed().as_secs_f64()),
            filesize: job.uploaded_bytes,
            filename: file.clone(),
            transids: vec![WigleTransId {
                trans_id: trans_id(&job),
                file,
                size: job.uploaded_bytes,
            }],
        },
    })
}

/// A name like those of `WiGLE`: a date and a number.
fn trans_id(job: &Job) -> String {
    format!("{}-{:05}", job.created / 86_400, job.id)
}

/// Uploads, as wigle.net lists them.
#[derive(Serialize, ToSchema)]
#[schema(as = WigleTransactions)]
#[serde(rename_all = "camelCase")]
pub(in crate::http::native) struct WigleTransactions {
    success: bool,
    results: Vec<WigleTransaction>,
    processing_queue_depth: usize,
}

/// An upload in `WiGLE`'s list.
#[derive(Serialize, ToSchema)]
#[schema(as = WigleTransaction)]
#[serde(rename_all = "camelCase")]
struct WigleTransaction {
    transid: String,
    username: String,
    /// `Q` waits, `T` is read, `D` is done, `E` failed.
    status: &'static str,
    file_name: String,
    file_size: u64,
    file_lines: u64,
    percent_done: u32,
    /// Rows that became reports.
    total: u64,
    total_gps: u64,
}

/// `GET /api/v2/file/transactions`, as wigle.net has it: what the client has sent, the newest first.
pub(in crate::http) async fn wigle_transactions(
    State(service): State<Service>,
    mut query: Query,
    extensions: Extensions,
) -> Result<Json, ApiError> {
    const COUNT: usize = 100;
    // A page of wigle.net's; there is only the first.
    query.take("pagestart")?;
    query.take("pageend")?;
    query.finish()?;
    let name = name_of(&extensions);
    let service = available(service)?;
    let own = on_disk(move || service.imports.list_of(name.as_deref(), COUNT)).await?;
    let results: Vec<_> = own.iter().map(transaction).collect();
    Json::compact(&WigleTransactions {
        success: true,
        processing_queue_depth: results
            .iter()
            .filter(|one| matches!(one.status, "Q" | "T"))
            .count(),
        results,
    })
}

fn transaction(job: &Job) -> WigleTransaction {
    let sum = |count: fn(&FileAccount) -> u64| job.files.iter().map(count).sum::<u64>();
    let status = match job.state.word() {
        "waiting" => "Q",
        "running" => "T",
        "done" => "D",
        _ => "E",
    };
    WigleTransaction {
        transid: trans_id(job),
        username: job.options.sender.clone().unwrap_or_default(),
        status,
        file_name: job.uploads.first().cloned().unwrap_or_default(),
        file_size: job.uploaded_bytes,
        file_lines: sum(|file| file.rows),
        percent_done: if job.state.is_over() { 100 } else { 0 },
        total: sum(|file| file.taken),
        total_gps: sum(|file| file.rows - file.without_place.min(file.rows)),
    }
}

/// The answer of `WDGWars` to an upload.
#[derive(Serialize, ToSchema)]
#[schema(as = WdgwarsUpload)]
pub(in crate::http::native) struct WdgwarsUpload {
    ok: bool,
    /// Rows that became reports.
    imported: u64,
    captured: u64,
    updated: u64,
    duplicates: u64,
    no_gps: u64,
    bad_rows: u64,
    merged_samples: u64,
    /// All rows.
    total: u64,
    cooldown: u64,
    /// Why nothing could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
}

/// `POST /api/upload-csv`, as wdgwars.pl has it. A file that was sent before is a 409.
pub(in crate::http) async fn wdgwars_upload(
    State(service): State<Service>,
    State(intake): State<Arc<Intake>>,
    query: Query,
    request: Request,
) -> Result<Response, ApiError> {
    query.finish()?;
    let job = upload(available(service)?, &intake, request, Given::default()).await?;
    let sum = |count: fn(&FileAccount) -> u64| job.files.iter().map(count).sum::<u64>();
    let is_known = job.state.is_over() && job.files.iter().all(|file| file.duplicate);
    let error = job.files.iter().find_map(|file| file.error.clone());
    let ok = !job.state.is_over() || is_done(job.state);
    let status = match () {
        () if !job.state.is_over() => StatusCode::ACCEPTED,
        () if is_known => StatusCode::CONFLICT,
        () if job.files.iter().all(is_unknown) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        () if !ok => StatusCode::BAD_REQUEST,
        () => StatusCode::OK,
    };
    let json = Json::compact(&WdgwarsUpload {
        ok: ok && !is_known,
        imported: sum(|file| file.taken),
        captured: 0,
        updated: 0,
        duplicates: sum(|file| file.duplicates),
        no_gps: sum(|file| file.without_place),
        bad_rows: sum(|file| file.refused),
        merged_samples: 0,
        total: sum(|file| file.rows),
        cooldown: 0,
        error,
    })?;
    Ok((status, json).into_response())
}

/// Who the client is, as wdgwars.pl answers it.
#[derive(Serialize, ToSchema)]
#[schema(as = WdgwarsMe)]
pub(in crate::http::native) struct WdgwarsMe {
    ok: bool,
    username: String,
}

/// `GET /api/me`, by which uploaders check their key.
pub(in crate::http) async fn wdgwars_me(
    query: Query,
    extensions: Extensions,
) -> Result<Json, ApiError> {
    query.finish()?;
    Json::compact(&WdgwarsMe {
        ok: true,
        username: name_of(&extensions).unwrap_or_else(|| "anonymous".to_owned()),
    })
}
