//! The routes of all formats, made from their list.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{Intake, upload};
use crate::auth::RequiredRole;
use crate::http::error::{ApiError, IchnaeaError};
use crate::http::openapi::sent;
use crate::http::request::path::Argument;
use crate::http::response::json::Json;
use crate::http::route::{Answer, Body, Described, Extension, Route, Tag};
use crate::ingest::each_format;
use crate::ingest::format::{Format, FormatVisitor, Reply};

pub(in crate::http) fn routes() -> Vec<Route> {
    let mut routes = Routes(Vec::new());
    each_format(&mut routes);
    routes.0
}

/// Statuses of errors of formats that answer as location services do.
const ERRORS_OF_SUBMISSIONS: &[u16] = &[400, 408, 409, 413, 415, 429, 500, 503, 507];

struct Routes(Vec<Route>);

impl FormatVisitor for Routes {
    fn visit<F: Format>(&mut self) {
        let route = match F::REPLY {
            Reply::Receipt if F::ROUTER_PATH != F::PATH => {
                Route::post(F::ROUTER_PATH, upload_file::<F>, F::SUMMARY).shown_as(F::PATH)
            }
            Reply::Receipt => Route::post(F::PATH, upload::<F>, F::SUMMARY),
            Reply::EmptyObject | Reply::NoContent => Route::post(F::PATH, submit::<F>, F::SUMMARY),
        };
        let (answer, errors): (_, &[u16]) = match F::REPLY {
            Reply::Receipt => (
                Answer::Json(Described::of::<sent::Receipt>()),
                &[400, 408, 409, 413, 415, 422, 429, 500, 503, 507],
            ),
            Reply::EmptyObject => (Answer::Any, ERRORS_OF_SUBMISSIONS),
            Reply::NoContent => (Answer::NoContent, ERRORS_OF_SUBMISSIONS),
        };
        let body = Body::Upload {
            is_json: F::IS_JSON,
            media_types: F::MEDIA_TYPES,
        };
        let mut route = route
            .extension(Extension::InPath)
            .tag(Tag::Reports)
            .needs(RequiredRole::Scanreport)
            .takes(body)
            .answers(answer)
            .fails(errors);
        route.documentation.description = F::DESCRIPTION;
        route.key_parameter = F::KEY_PARAMETER;
        self.0.push(route);
    }
}

/// Takes an upload whose sender looks at the status alone.
async fn submit<F: Format>(
    intake: State<Arc<Intake>>,
    request: Request,
) -> Result<Response, IchnaeaError> {
    upload::<F>(intake, request).await.map_err(IchnaeaError)?;
    Ok(match F::REPLY {
        Reply::NoContent => StatusCode::NO_CONTENT.into_response(),
        Reply::Receipt | Reply::EmptyObject => Json::compact(&json!({}))
            .map_err(IchnaeaError)?
            .into_response(),
    })
}

/// Takes an upload to the file of a format, whatever its extension.
async fn upload_file<F: Format>(
    intake: State<Arc<Intake>>,
    Argument(file): Argument,
    request: Request,
) -> Result<Json, ApiError> {
    if is_file_of(F::PATH, &file) {
        upload::<F>(intake, request).await
    } else {
        Err(ApiError::NoSuchPath)
    }
}

/// Whether `file` is the last segment of `path`, perhaps with another extension. Kismet takes any extension of letters
/// and digits, and its clients use `.cmd` and `.json`.
fn is_file_of(path: &str, file: &str) -> bool {
    let known = path.rsplit('/').next().unwrap_or(path);
    let stem = known.split_once('.').map_or(known, |(stem, _)| stem);
    file.split_once('.').is_some_and(|(given, extension)| {
        given == stem
            && !extension.is_empty()
            && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}
