//! One field of a device: older Kismets answered it behind the path of the device, and their clients still ask for it.

use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::request::Parts;

use super::command::{Format, split_path};
use super::records::Records;
use crate::http::error::ApiError;
use crate::http::request::body::Bodies;
use crate::http::response::json::Json;
use crate::privacy::Sight;
use crate::report::DeviceKey;
use crate::views::find;
use crate::views::kismet::DeviceRecord;

/// A device, a path of field names, and the form of the answer.
pub(in crate::http) struct FieldPath {
    key: String,
    format: Format,
    field: String,
}

impl<S: Send + Sync> FromRequestParts<S> for FieldPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let path = Path::<(String, String, String)>::from_request_parts(parts, state).await;
        let Path((key, form, field)) = path.map_err(|_| ApiError::BadPath)?;
        let extension = form.strip_prefix("device.");
        let format = extension.and_then(Format::of_extension);
        Ok(Self {
            key,
            format: format.ok_or(ApiError::NoSuchPath)?,
            field,
        })
    }
}

/// `/devices/by-key/{key}/device.{format}/{field}`: the value by itself.
pub(in crate::http) async fn read(
    State(records): State<Records>,
    State(bodies): State<Bodies>,
    sight: Sight,
    FieldPath { key, format, field }: FieldPath,
    request: Request,
) -> Result<Json, ApiError> {
    // A command in the body is ignored: a single value has no fields to select.
    bodies.discard(request.into_body()).await;
    let key: DeviceKey = key.parse()?;
    let devices = [records.device(key, &sight)?];
    let (context, style) = (records.context(), format.style());
    let mut sources = records.sources(style);
    sources.add(&devices, &records.tracker, context);
    let [device] = &devices;
    let record = DeviceRecord {
        device,
        sources: &sources,
        context,
    };
    let mut value = Vec::new();
    let path = split_path(&field);
    if path.is_empty() || !find(&mut value, &record, &path, style) {
        return Err(ApiError::NoSuchField(field));
    }
    Ok(Json::written(format.finish(value)))
}
