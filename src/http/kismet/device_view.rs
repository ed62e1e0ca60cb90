//! What the paths of device lists name: a view, and since when.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::http::error::ApiError;
use crate::http::request::time::moment;
use crate::http::state::App;
use crate::report::UnixTime;
use crate::views::kismet::DeviceView;

/// A view, by its id, or in the longer words of Kismet's documents: `phy/<name>`, `seenby-uuid/<UUID>`. A path that
/// names none is about all devices.
pub(in crate::http) struct Viewed(pub(in crate::http) DeviceView);

/// From when on changes are asked for.
pub(in crate::http) struct Since(pub(in crate::http) UnixTime);

impl FromRequestParts<App> for Viewed {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let view = arguments(parts, app).await?.into_iter();
        let mut views = view.filter_map(|(name, value)| match name.as_str() {
            "view" => Some(match value.strip_prefix("seenby-") {
                Some(uuid) => seen_by(app, uuid),
                None => DeviceView::by_id(&value),
            }),
            "phyname" => Some(DeviceView::of_phy(&value)),
            "uuid" => Some(seen_by(app, &value)),
            _ => None,
        });
        let view = views.next().unwrap_or(Some(DeviceView::All));
        view.map(Self).ok_or(ApiError::NoSuchView)
    }
}

impl FromRequestParts<App> for Since {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let mut arguments = arguments(parts, app).await?.into_iter();
        let since = arguments.find(|(name, _)| name == "timestamp");
        let (_, since) = since.ok_or(ApiError::BadTimestamp)?;
        moment(&since, App::now().time()).map(Self)
    }
}

/// The arguments of the path by name, decoded.
async fn arguments(parts: &mut Parts, app: &App) -> Result<Vec<(String, String)>, ApiError> {
    match Path::from_request_parts(parts, app).await {
        Ok(Path(arguments)) => Ok(arguments),
        Err(_) => Err(ApiError::BadPath),
    }
}

fn seen_by(app: &App, uuid: &str) -> Option<DeviceView> {
    let source = app.tracker.source(uuid.parse().ok()?)?;
    Some(DeviceView::SeenBy(source.number))
}
