//! Tiles of the map.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use tokio::task::spawn_blocking;

use super::filter::Filter;
use super::tile_index::TileIndex;
use crate::http::error::ApiError;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::path::{self, Arguments};
use crate::http::request::query::Query;
use crate::http::response::etag::Version;
use crate::http::response::heavy::Walks;
use crate::http::state::ServerFacts;
use crate::privacy::Sight;
use crate::tracker::{Device, TileContent, TileFilter, TileId, Tracker, Wanted};
use crate::views::mvt;
use crate::views::native::tile as written;

/// Tiles that look at more devices wait in the queue of heavy reads: this takes a few milliseconds.
const SHORT_EFFORT_MAX: usize = 10_000;
/// So many changes of devices are applied to the index before a tile is read. While more are missing, such as under full
/// load, a tile shows the devices of the follower's last round.
const CHANGES_MAX: usize = 20_000;

/// `GET /api/v1/tiles/{z}/{x}/{y}.mvt`: the devices in a tile, or how many there are in each of its cells.
pub(in crate::http) async fn tile(
    State(tracker): State<Arc<Tracker>>,
    State(server): State<Arc<ServerFacts>>,
    State(index): State<TileIndex>,
    walks: Walks,
    Arguments([z, x, y]): Arguments<3>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, ApiError> {
    let y = y.strip_suffix(".mvt").ok_or(ApiError::NoSuchPath)?;
    let id = read_id(&z, &x, y)?;
    // The index has only devices that may leave.
    let filter = Filter::take(&mut query, &tracker, Sight::EVERYTHING)?;
    query.finish()?;
    index.is_built().await?;
    if tracker.places_as_of() != Some(tracker.latest_change()) {
        let tracker = Arc::clone(&tracker);
        let following = spawn_blocking(move || tracker.follow_few_places(CHANGES_MAX));
        following.await.map_err(|_| ApiError::Panicked)?;
    }
    let as_of = tracker.places_as_of().ok_or(ApiError::NoTilesYet)?;
    // The same devices have the same number as long as the server runs.
    let (start, change) = (server.started_at.micros(), as_of.get());
    let version = Version::new(&headers, format!("{start:x}-{change:x}"));
    if let Some(known) = version.known() {
        return Ok(known);
    }
    let content = read(tracker, walks, id, filter).await?;
    Ok(version.answer(mvt::CONTENT_TYPE, written(id, &content)))
}

async fn read(
    tracker: Arc<Tracker>,
    walks: Walks,
    id: TileId,
    filter: Filter,
) -> Result<TileContent, ApiError> {
    let effort = with(&filter, |filter| tracker.tile_effort(id, filter));
    if effort <= SHORT_EFFORT_MAX {
        let work = move || {
            let never = || Ok::<_, Infallible>(());
            let Ok(content) = find(&tracker, id, &filter, never);
            content
        };
        return spawn_blocking(work).await.map_err(|_| ApiError::Panicked);
    }
    let found = walks.walk(move |paced| find(&tracker, id, &filter, || paced.pause()));
    found.await
}

fn find<E>(
    tracker: &Tracker,
    id: TileId,
    filter: &Filter,
    pause: impl FnMut() -> Result<(), E>,
) -> Result<TileContent, E> {
    with(filter, |filter| tracker.tile(id, filter, pause))
}

/// The filter, as the index answers it.
fn with<T>(filter: &Filter, find: impl FnOnce(&TileFilter<'_>) -> T) -> T {
    let rest = filter.rest();
    let name = rest.as_ref().map(|rest| format!("{rest:?}"));
    let test = |device: &Device| rest.as_ref().is_none_or(|rest| rest.wants(device));
    find(&TileFilter {
        traits: filter.traits(),
        seen: filter.seen(),
        wanted: name.as_deref().map(|name| Wanted { name, test: &test }),
    })
}

fn read_id(z: &str, x: &str, y: &str) -> Result<TileId, BadParameter> {
    let number = |name, text: &str, max: u32| match path::number(text) {
        Some(number) if number <= max => Ok(number),
        _ => {
            let reason = format!("expected a number from 0 to {max}");
            Err(BadParameter::new(name, &reason))
        }
    };
    let zoom = number("z", z, TileId::ZOOM_MAX.into())?;
    let max = (1_u32 << zoom) - 1;
    let (x, y) = (number("x", x, max)?, number("y", y, max)?);
    let tile = u8::try_from(zoom)
        .ok()
        .and_then(|zoom| TileId::new(zoom, x, y));
    tile.ok_or_else(|| BadParameter::new("z", "there is no such tile"))
}
