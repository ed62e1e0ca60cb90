//! `MBTiles`: an SQLite database of tiles.

use std::fmt::Display;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::archive::{
    Facts, Format, MapError, Place, Rectangle, TILE_BYTES_MAX, Tile, ZOOM_MAX, attribution,
};
use super::inflate::Compression;

/// Work of one query, in hundreds of steps of SQLite. A tile takes a few dozen steps.
const HUNDREDS_OF_STEPS_MAX: u32 = 50_000;
/// Longest time of one query. A step takes as long as the values that it handles are large.
const QUERY_TIME_MAX: Duration = Duration::from_secs(5);
/// What may stand in a URI as it is.
const PATH: AsciiSet = NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.');

#[derive(Debug)]
pub(crate) struct MbTiles {
    database: Mutex<Connection>,
    facts: Facts,
}

impl MbTiles {
    pub(super) fn open(path: &Path) -> Result<Self, MapError> {
        let mut database = connect(path)?;
        let facts = facts(&mut database)?;
        Ok(Self {
            database: Mutex::new(database),
            facts,
        })
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(super) fn tile(&self, place: Place) -> Result<Option<Tile>, MapError> {
        // Rows are counted from the south.
        let row = (1_u32 << place.zoom()) - 1 - place.y();
        let mut database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        bound_work(&mut database)?;
        let mut query = database
            .prepare_cached(
                "SELECT tile_data FROM tiles WHERE zoom_level = ?1 AND tile_column = ?2 AND tile_row = ?3",
            )
            .map_err(unreadable)?;
        let bytes: Option<Vec<u8>> = query
            .query_row((place.zoom(), place.x(), row), |row| row.get(0))
            .optional()
            .map_err(unreadable)?;
        Ok(bytes.map(|bytes| Tile::new(bytes, Compression::None)))
    }
}

/// Opens a database that nobody writes to. What its schema defines is not trusted.
fn connect(path: &Path) -> Result<Connection, MapError> {
    let text = path.to_str().ok_or_else(|| {
        MapError::new("the path of the data directory is not UTF-8, which SQLite needs")
    })?;
    let uri = format!(
        "file:{}?mode=ro&immutable=1",
        utf8_percent_encode(text, &PATH)
    );
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<Connection> {
        let mut database = Connection::open_with_flags(uri, flags)?;
        database.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        database.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        database.authorizer(Some(authorise))?;
        database.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        let bytes_max = i32::try_from(TILE_BYTES_MAX).unwrap_or(i32::MAX);
        database.set_limit(Limit::SQLITE_LIMIT_LENGTH, bytes_max)?;
        Ok(database)
    };
    open().map_err(unreadable)
}

/// A view may read tables and join them. A call of a function is one step, however long it takes.
fn authorise(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } => Authorization::Allow,
        _ => Authorization::Deny,
    }
}

/// Lets the next query work for a while only: a view may define tiles by anything.
fn bound_work(database: &mut Connection) -> Result<(), MapError> {
    let (mut left, started) = (HUNDREDS_OF_STEPS_MAX, Instant::now());
    let handler = move || {
        left = left.saturating_sub(1);
        left == 0 || QUERY_TIME_MAX < started.elapsed()
    };
    database
        .progress_handler(100, Some(handler))
        .map_err(unreadable)
}

fn facts(database: &mut Connection) -> Result<Facts, MapError> {
    bound_work(database)?;
    let text = |name: &str| -> Result<Option<String>, MapError> {
        database
            .query_row(
                "SELECT CAST(value AS TEXT) FROM metadata WHERE name = ?1",
                [name],
                |row| row.get::<_, Option<String>>(0),
            )
            .optional()
            .map(Option::flatten)
            .map_err(unreadable)
    };
    let format = text("format")?.unwrap_or_default();
    let format = match format.as_str() {
        "png" => Format::Png,
        "jpg" | "jpeg" => Format::Jpeg,
        "webp" => Format::Webp,
        "pbf" | "mvt" => Format::Mvt,
        other => {
            return Err(MapError::new(format!(
                "metadata: the format `{other}` is not supported: expected png, jpg, webp or pbf"
            )));
        }
    };
    let zoom = |name: &str, order: &str| -> Result<u8, MapError> {
        if let Some(zoom) = text(name)?.and_then(|text| text.trim().parse().ok()) {
            return Ok(zoom);
        }
        let query = format!("SELECT zoom_level FROM tiles ORDER BY zoom_level {order} LIMIT 1");
        let found = database.query_row(&query, (), |row| row.get(0)).optional();
        found
            .map_err(unreadable)?
            .ok_or_else(|| MapError::new("it has no tiles"))
    };
    let (zoom_min, zoom_max) = (zoom("minzoom", "ASC")?, zoom("maxzoom", "DESC")?);
    if zoom_max < zoom_min || ZOOM_MAX < zoom_max {
        return Err(MapError::damaged("its zooms cannot be"));
    }
    let bounds = text("bounds")?.and_then(|text| rectangle(&text));
    Ok(Facts {
        format,
        zoom_min,
        zoom_max,
        bounds,
        attribution: text("attribution")?.as_deref().and_then(attribution),
    })
}

/// West, south, east and north, with commas between.
fn rectangle(text: &str) -> Option<Rectangle> {
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    let [west, south, east, north] = numbers.ok()?[..] else {
        return None;
    };
    Rectangle::of(west, south, east, north)
}

fn unreadable(error: impl Display) -> MapError {
    MapError::new(format!("cannot read the MBTiles archive: {error}"))
}
