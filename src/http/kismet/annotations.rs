//! What people say of devices.

use axum::extract::State;
use axum::response::IntoResponse;

use super::command::Read;
use crate::http::error::ApiError;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::path::Argument;
use crate::http::response::text::line;
use crate::http::state::App;
use crate::log::What;
use crate::report::{Annotation, DeviceKey, Remark, Tag};
use crate::tracker::Device;

/// `POST /devices/by-key/{key}/set_name`: gives a device a name; the empty one takes it away.
pub(in crate::http) async fn set_name(
    State(app): State<App>,
    Argument(key): Argument,
    read: Read,
) -> Result<impl IntoResponse, ApiError> {
    let device = known(&app, &key)?;
    let name = text(&app, &read, "username")?;
    annotate(&app, &device, Remark::Name(name)).await?;
    Ok(line("Device name set\n"))
}

/// `POST /devices/by-key/{key}/set_tag`: marks a device; an empty value takes the mark away.
pub(in crate::http) async fn set_tag(
    State(app): State<App>,
    Argument(key): Argument,
    read: Read,
) -> Result<impl IntoResponse, ApiError> {
    let device = known(&app, &key)?;
    let name = text(&app, &read, "tagname")?;
    if name.is_empty() {
        return Err(BadParameter::new("tagname", "may not be empty").into());
    }
    let value = text(&app, &read, "tagvalue")?;
    let is_new = device.tags.iter().all(|tag| tag.value.name != name);
    let max = app.kismet_limits.tags_max;
    if is_new && !value.is_empty() && max <= device.tags.len() {
        let reason = format!("the device has {max} tags already, which is the most");
        return Err(BadParameter::new("tagname", &reason).into());
    }
    annotate(&app, &device, Remark::Tag(Tag { name, value })).await?;
    Ok(line("Device tag set\n"))
}

fn known(app: &App, key: &str) -> Result<Device, ApiError> {
    let key: DeviceKey = key.parse()?;
    let device = app.tracker.device(key.device());
    device.ok_or(ApiError::NoSuchDevice(key))
}

fn text(app: &App, read: &Read, name: &str) -> Result<Box<str>, ApiError> {
    let bytes_max = app.kismet_limits.tag_bytes_max;
    match read.command.text(name) {
        None => Err(BadParameter::new(name, "missing, or no text").into()),
        Some(text) if bytes_max < text.len() => {
            let reason = format!("longer than {bytes_max} bytes");
            Err(BadParameter::new(name, &reason).into())
        }
        Some(text) => Ok(text.into()),
    }
}

async fn annotate(app: &App, device: &Device, remark: Remark) -> Result<(), ApiError> {
    let annotation = Annotation {
        device: device.id,
        remark,
    };
    let what = What::Annotation(annotation);
    app.ingest.submit(App::now(), what).await?;
    Ok(())
}
