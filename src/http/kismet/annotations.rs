//! What people say of devices.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;

use super::command::Read;
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::path::Argument;
use crate::http::response::text::line;
use crate::http::state::RequestLimits;
use crate::ingest::Ingest;
use crate::log::What;
use crate::report::{Annotation, DeviceKey, Remark, Tag};
use crate::tracker::{Device, Tracker};

/// `POST /devices/by-key/{key}/set_name`: gives a device a name; the empty one takes it away.
pub(in crate::http) async fn set_name(
    State(tracker): State<Arc<Tracker>>,
    State(ingest): State<Ingest>,
    State(limits): State<RequestLimits>,
    Argument(key): Argument,
    read: Read,
) -> Result<impl IntoResponse, ApiError> {
    let device = known(&tracker, &key)?;
    let name = text(limits, &read, "username")?;
    annotate(&ingest, &device, Remark::Name(name)).await?;
    Ok(line("Device name set\n"))
}

/// `POST /devices/by-key/{key}/set_tag`: marks a device; an empty value takes the mark away.
pub(in crate::http) async fn set_tag(
    State(tracker): State<Arc<Tracker>>,
    State(ingest): State<Ingest>,
    State(limits): State<RequestLimits>,
    Argument(key): Argument,
    read: Read,
) -> Result<impl IntoResponse, ApiError> {
    let device = known(&tracker, &key)?;
    let name = text(limits, &read, "tagname")?;
    if name.is_empty() {
        return Err(BadParameter::new("tagname", "may not be empty").into());
    }
    let value = text(limits, &read, "tagvalue")?;
    if !value.is_empty() {
        expect_room(limits, &device, &name, &value)?;
    }
    annotate(&ingest, &device, Remark::Tag(Tag { name, value })).await?;
    Ok(line("Device tag set\n"))
}

fn expect_room(
    limits: RequestLimits,
    device: &Device,
    name: &str,
    value: &str,
) -> Result<(), BadParameter> {
    let (known, max) = (device.tags.get(name), limits.tags_max);
    if known.is_none() && max <= device.tags.len() {
        let reason = format!("the device has {max} tags already, which is the most");
        return Err(BadParameter::new("tagname", &reason));
    }
    let replaced_bytes = known.map_or(0, |known| name.len() + known.len());
    let bytes = device.tags.text_bytes() - replaced_bytes + name.len() + value.len();
    let max = limits.tags_bytes_max;
    if max < bytes {
        let reason = format!(
            "the tags of the device would have {bytes} bytes, at most {max} are allowed (limits.tags_bytes_per_device_max)"
        );
        return Err(BadParameter::new("tagvalue", &reason));
    }
    Ok(())
}

fn known(tracker: &Tracker, key: &str) -> Result<Device, ApiError> {
    let key: DeviceKey = key.parse()?;
    let device = tracker.device(key.device());
    device.ok_or(ApiError::NoSuchDevice(key))
}

fn text(limits: RequestLimits, read: &Read, name: &str) -> Result<Box<str>, ApiError> {
    let bytes_max = limits.tag_bytes_max;
    match read.command.text(name) {
        None => Err(BadParameter::new(name, "missing, or no text").into()),
        Some(text) if bytes_max < text.len() => {
            let reason = format!("longer than {bytes_max} bytes");
            Err(BadParameter::new(name, &reason).into())
        }
        Some(text) => Ok(text.into()),
    }
}

async fn annotate(ingest: &Ingest, device: &Device, remark: Remark) -> Result<(), ApiError> {
    let annotation = Annotation {
        device: device.id,
        remark,
    };
    ingest.submit(now(), What::Annotation(annotation)).await?;
    Ok(())
}
