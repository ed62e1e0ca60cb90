//! Base maps: what there is, their tiles, and styles for them.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HOST, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::error::ApiError;
use crate::http::request::accept::takes_gzip;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::path::{self, Argument, Arguments};
use crate::http::request::peer::{ForwardedHost, Scheme};
use crate::http::request::query::Query;
use crate::http::response::json::Json;
use crate::http::state::{FileReads, ServerFacts};
use crate::maps::style::{Theme, style};
use crate::maps::{
    Archive, BaseMaps, Facts, Listing, MapError, OUTLINE, Opening, Place, Tile, outline,
};

/// Zooms at which the outline is of use.
const OUTLINE_ZOOM_MAX: u8 = 7;
/// How long a browser may show a tile without asking again.
const TILE_CACHE: &str = "private, max-age=3600";

/// The base maps, in the order of their names.
#[derive(Serialize, ToSchema)]
#[schema(as = BaseMaps)]
pub(super) struct List {
    /// The embedded outline comes first.
    basemaps: Vec<BaseMap>,
    /// How many archives the list leaves out, because it would be too long. They can be used by their names. Absent if it
    /// has all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    left_out: Option<usize>,
}

/// A base map, or the reason why a file cannot be used.
#[derive(Serialize, ToSchema)]
#[schema(as = BaseMap)]
struct BaseMap {
    /// The name of the file without its extension, or `outline`.
    name: String,
    /// `raster` or `vector`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    kind: Option<&'static str>,
    /// `png`, `jpg`, `webp`, `avif` or `mvt`; that of the outline is `topojson`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    format: Option<&'static str>,
    /// The first zoom that has tiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    zoom_min: Option<u8>,
    /// The last zoom that has tiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    zoom_max: Option<u8>,
    /// What it covers, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    bounds: Option<MapBounds>,
    /// Whom to name beside the map. It may have HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    attribution: Option<String>,
    /// Why the file cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
}

/// A rectangle on the map, in degrees.
#[derive(Serialize, ToSchema)]
#[schema(as = MapBounds)]
struct MapBounds {
    /// South.
    lat_min: f64,
    /// West.
    lon_min: f64,
    /// North.
    lat_max: f64,
    /// East.
    lon_max: f64,
}

impl BaseMap {
    fn outline() -> Self {
        Self {
            name: OUTLINE.to_owned(),
            kind: Some("vector"),
            format: Some("topojson"),
            zoom_min: Some(0),
            zoom_max: Some(OUTLINE_ZOOM_MAX),
            bounds: Some(MapBounds {
                lat_min: -90.0,
                lon_min: -180.0,
                lat_max: 90.0,
                lon_max: 180.0,
            }),
            attribution: Some("Natural Earth".to_owned()),
            error: None,
        }
    }

    fn of(name: String, facts: &Facts) -> Self {
        let is_vector = facts.format.is_vector();
        Self {
            name,
            kind: Some(if is_vector { "vector" } else { "raster" }),
            format: Some(facts.format.name()),
            zoom_min: Some(facts.zoom_min),
            zoom_max: Some(facts.zoom_max),
            bounds: facts.bounds.map(|bounds| MapBounds {
                lat_min: bounds.lat_min,
                lon_min: bounds.lon_min,
                lat_max: bounds.lat_max,
                lon_max: bounds.lon_max,
            }),
            attribution: facts.attribution.clone(),
            error: None,
        }
    }

    fn unusable(name: String, error: &MapError) -> Self {
        Self {
            name,
            kind: None,
            format: None,
            zoom_min: None,
            zoom_max: None,
            bounds: None,
            attribution: None,
            error: Some(error.to_string()),
        }
    }
}

/// `GET /api/v1/basemaps`: the base maps.
pub(in crate::http) async fn list(
    State(maps): State<BaseMaps>,
    files: FileReads,
    query: Query,
) -> Result<Json, ApiError> {
    query.finish()?;
    let Listing { maps, left_out } = files.read(move || maps.all()).await?;
    let all = maps.into_iter().map(|(name, opening)| match opening {
        Ok(archive) => BaseMap::of(name, archive.facts()),
        Err(error) => BaseMap::unusable(name, &error),
    });
    Json::compact(&List {
        basemaps: std::iter::once(BaseMap::outline()).chain(all).collect(),
        left_out: Some(left_out).filter(|left_out| 0 < *left_out),
    })
}

/// `GET /api/v1/basemaps/outline`: land and borders as `TopoJSON`.
pub(in crate::http) async fn outline_json(
    files: FileReads,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, ApiError> {
    query.finish()?;
    let takes_gzip = takes_gzip(&headers);
    let encoded = files.read(move || outline().encoded(takes_gzip)).await?;
    Ok(answer(encoded?, "application/json"))
}

/// `GET /api/v1/basemaps/{name}/{z}/{x}/{y}`: a tile.
pub(in crate::http) async fn tile(
    State(maps): State<BaseMaps>,
    files: FileReads,
    Arguments([name, z, x, y]): Arguments<4>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, ApiError> {
    query.finish()?;
    let place = place(&z, &x, &y)?;
    let takes_gzip = takes_gzip(&headers);
    let read = move || -> Result<_, ApiError> {
        let archive = opened(&name, maps.get(&name))?;
        let tile = archive.tile(place)?.ok_or(ApiError::NoSuchTile)?;
        let media_type = archive.facts().format.media_type();
        Ok((Tile::encoded(tile, takes_gzip)?, media_type))
    };
    let (encoded, media_type) = files.read(read).await??;
    Ok(answer(encoded, media_type))
}

/// `GET /api/v1/basemaps/{name}/style.json`: a style for `MapLibre`.
pub(in crate::http) async fn map_style(
    State(maps): State<BaseMaps>,
    State(server): State<Arc<ServerFacts>>,
    files: FileReads,
    Argument(name): Argument,
    mut query: Query,
    request: Request,
) -> Result<Json, ApiError> {
    let theme = query.take_with("theme", Theme::read)?.unwrap_or_default();
    query.finish()?;
    if name == OUTLINE {
        return Err(ApiError::NoSuchStyle);
    }
    let tiles = format!(
        "{}{}/api/v1/basemaps/{name}/{{z}}/{{x}}/{{y}}",
        address(&request),
        server.config.uri_prefix
    );
    let read = move || -> Result<_, ApiError> {
        let archive = opened(&name, maps.get(&name))?;
        Ok(style(&name, &tiles, archive.facts(), theme))
    };
    Json::compact(&files.read(read).await??)
}

fn opened(name: &str, opening: Option<Opening>) -> Result<Arc<Archive>, ApiError> {
    let opening = opening.ok_or_else(|| ApiError::NoSuchBaseMap(name.to_owned()))?;
    Ok(opening?)
}

fn place(z: &str, x: &str, y: &str) -> Result<Place, BadParameter> {
    fn number<N: TryFrom<u32>>(name: &str, text: &str) -> Result<N, BadParameter> {
        let number = path::number(text).and_then(|number| number.try_into().ok());
        number.ok_or_else(|| BadParameter::new(name, "expected the number of a tile"))
    }
    let (zoom, x, y) = (number("z", z)?, number("x", x)?, number("y", y)?);
    Place::new(zoom, x, y).ok_or_else(|| {
        BadParameter::new(
            "z",
            "expected a zoom from 0 to 30, with x and y below 2 to its power",
        )
    })
}

fn answer((bytes, is_gzip): (Vec<u8>, bool), media_type: &'static str) -> Response {
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(TILE_CACHE));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if is_gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// How the client calls this server, such as `https://scan.example`: programs that show maps need whole addresses. Empty
/// if the client does not say.
fn address(request: &Request) -> String {
    let scheme = if Scheme::is_https(request.extensions()) {
        "https"
    } else {
        "http"
    };
    let forwarded = request.extensions().get::<ForwardedHost>();
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    forwarded
        .map(|host| host.0.as_str())
        .or(host)
        .map(|host| format!("{scheme}://{host}"))
        .unwrap_or_default()
}
