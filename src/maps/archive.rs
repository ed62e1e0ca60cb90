//! What all kinds of archives have.

use std::io;

use super::inflate::Compression;
use super::mbtiles::MbTiles;
use super::pmtiles::PmTiles;

/// Largest tile in bytes, as stored.
pub(super) const TILE_BYTES_MAX: usize = 4 << 20;
/// Deepest zoom of an archive.
pub(super) const ZOOM_MAX: u8 = 30;
/// Longest attribution in bytes that is shown.
const ATTRIBUTION_BYTES_MAX: usize = 1000;

/// Why an archive or a tile cannot be read. The text is for the owner of the server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct MapError(String);

impl MapError {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    pub(super) fn damaged(what: &str) -> Self {
        Self(format!(
            "damaged or incomplete: {what}; copy the file again"
        ))
    }

    #[expect(clippy::needless_pass_by_value, reason = "it is used to map errors")]
    pub(super) fn read(error: io::Error) -> Self {
        Self(format!("cannot read the file: {error}"))
    }
}

/// What the tiles of an archive are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Png,
    Jpeg,
    Webp,
    Avif,
    Mvt,
}

impl Format {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
            Self::Avif => "avif",
            Self::Mvt => "mvt",
        }
    }

    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Avif => "image/avif",
            Self::Mvt => "application/vnd.mapbox-vector-tile",
        }
    }

    pub(crate) const fn is_vector(self) -> bool {
        matches!(self, Self::Mvt)
    }
}

/// A rectangle on the map, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rectangle {
    pub(crate) lat_min: f64,
    pub(crate) lon_min: f64,
    pub(crate) lat_max: f64,
    pub(crate) lon_max: f64,
}

impl Rectangle {
    /// `None` if it is none on earth. Archives leave out their bounds, or have zeros.
    pub(super) fn of(west: f64, south: f64, east: f64, north: f64) -> Option<Self> {
        let is_on_earth = [west, east]
            .iter()
            .all(|lon| (-180.0..=180.0).contains(lon))
            && [south, north]
                .iter()
                .all(|lat| (-90.0..=90.0).contains(lat));
        (is_on_earth && west < east && south < north).then_some(Self {
            lat_min: south,
            lon_min: west,
            lat_max: north,
            lon_max: east,
        })
    }
}

/// What an archive says of itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Facts {
    pub(crate) format: Format,
    pub(crate) zoom_min: u8,
    pub(crate) zoom_max: u8,
    pub(crate) bounds: Option<Rectangle>,
    pub(crate) attribution: Option<String>,
}

/// The text of an attribution, cut to its limit. `None` if it is empty.
pub(super) fn attribution(text: &str) -> Option<String> {
    let mut end = text.len().min(ATTRIBUTION_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.get(..end).unwrap_or_default().trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Which tile is wanted. It is one of its zoom's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    zoom: u8,
    x: u32,
    y: u32,
}

impl Place {
    /// `None` outside of the world, and at zooms that no archive has.
    pub(crate) fn new(zoom: u8, x: u32, y: u32) -> Option<Self> {
        let is_one = zoom <= ZOOM_MAX && x < 1 << zoom && y < 1 << zoom;
        is_one.then_some(Self { zoom, x, y })
    }

    pub(super) const fn zoom(self) -> u8 {
        self.zoom
    }

    pub(super) const fn x(self) -> u32 {
        self.x
    }

    pub(super) const fn y(self) -> u32 {
        self.y
    }
}

/// A tile as the archive has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    bytes: Vec<u8>,
    compression: Compression,
}

impl Tile {
    /// `stated` is what the archive says of its tiles. Some say nothing, or are wrong, so gzip is recognised.
    pub(super) fn new(bytes: Vec<u8>, stated: Compression) -> Self {
        let is_gzip = bytes.starts_with(&[0x1f, 0x8b]);
        let compression = match stated {
            Compression::None | Compression::Gzip if is_gzip => Compression::Gzip,
            Compression::Gzip => Compression::None,
            stated => stated,
        };
        Self { bytes, compression }
    }

    /// The bytes for a client, and whether they are gzip.
    pub(crate) fn encoded(self, takes_gzip: bool) -> Result<(Vec<u8>, bool), MapError> {
        if self.compression == Compression::None {
            return Ok((self.bytes, false));
        }
        if takes_gzip && self.compression == Compression::Gzip {
            return Ok((self.bytes, true));
        }
        let inflated = self.compression.inflate(&self.bytes, 4 * TILE_BYTES_MAX)?;
        Ok((inflated, false))
    }
}

/// An archive that is open.
#[derive(Debug)]
pub(crate) enum Archive {
    PmTiles(PmTiles),
    MbTiles(MbTiles),
}

impl Archive {
    pub(crate) fn facts(&self) -> &Facts {
        match self {
            Self::PmTiles(archive) => archive.facts(),
            Self::MbTiles(archive) => archive.facts(),
        }
    }

    /// `None` if the archive has no such tile.
    pub(crate) fn tile(&self, place: Place) -> Result<Option<Tile>, MapError> {
        match self {
            Self::PmTiles(archive) => archive.tile(place),
            Self::MbTiles(archive) => archive.tile(place),
        }
    }
}
