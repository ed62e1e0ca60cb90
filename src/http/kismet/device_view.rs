//! What the paths of device lists name: a view, and since when.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, Path};
use axum::http::request::Parts;

use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::request::time::moment;
use crate::report::UnixTime;
use crate::tracker::Tracker;
use crate::views::kismet::DeviceView;

/// A view, by its id, or in the longer words of Kismet's documents: `phy/<name>`, `seenby-uuid/<UUID>`. A path that
/// names none is about all devices.
pub(in crate::http) struct Viewed(pub(in crate::http) DeviceView);

/// From when on changes are asked for.
pub(in crate::http) struct Since(pub(in crate::http) UnixTime);

impl<S> FromRequestParts<S> for Viewed
where
    Arc<Tracker>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let tracker = Arc::<Tracker>::from_ref(state);
        let view = arguments(parts, state).await?.into_iter();
        let mut views = view.filter_map(|(name, value)| match name.as_str() {
            "view" => Some(match value.strip_prefix("seenby-") {
                Some(uuid) => seen_by(&tracker, uuid),
                None => DeviceView::by_id(&value),
            }),
            "phyname" => Some(DeviceView::of_phy(&value)),
            "uuid" => Some(seen_by(&tracker, &value)),
            _ => None,
        });
        let view = views.next().unwrap_or(Some(DeviceView::All));
        view.map(Self).ok_or(ApiError::NoSuchView)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Since {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let mut arguments = arguments(parts, state).await?.into_iter();
        let since = arguments.find(|(name, _)| name == "timestamp");
        let (_, since) = since.ok_or(ApiError::BadTimestamp)?;
        moment(&since, now().time()).map(Self)
    }
}

/// The arguments of the path by name, decoded.
async fn arguments<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
) -> Result<Vec<(String, String)>, ApiError> {
    match Path::from_request_parts(parts, state).await {
        Ok(Path(arguments)) => Ok(arguments),
        Err(_) => Err(ApiError::BadPath),
    }
}

fn seen_by(tracker: &Tracker, uuid: &str) -> Option<DeviceView> {
    let source = tracker.source(uuid.parse().ok()?)?;
    Some(DeviceView::SeenBy(source.number))
}
