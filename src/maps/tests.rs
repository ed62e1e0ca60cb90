//! Archives that are damaged, or made to harm.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::data_dir::DataDir;

/// A `PMTiles` archive of one tile of zoom 0, without compression.
fn archive() -> Vec<u8> {
    let mut bytes = b"PMTiles\x03".to_vec();
    let (directory, metadata, tile) = ([1, 0, 1, 4, 1], *b"{\"attribution\":\"me\"}", *b"tile");
    let mut start = 127_u64;
    for length in [directory.len(), metadata.len(), 0, tile.len()] {
        let length = u64::try_from(length).unwrap();
        bytes.extend(start.to_le_bytes());
        bytes.extend(length.to_le_bytes());
        start += length;
    }
    // Counts of tiles, which nobody needs; then clustered, two compressions, png, zooms 0 to 0.
    bytes.extend([0; 24]);
    bytes.extend([1, 1, 1, 2, 0, 0]);
    for e7 in [-1_800_000_000_i32, -850_000_000, 1_800_000_000, 850_000_000] {
        bytes.extend(e7.to_le_bytes());
    }
    bytes.extend([0; 9]);
    assert_eq!(bytes.len(), 127);
    bytes.extend(directory);
    bytes.extend(metadata);
    bytes.extend(tile);
    bytes
}

fn folder() -> (TempDir, BaseMaps) {
    let data = tempfile::tempdir().unwrap();
    fs::create_dir(data.path().join(MAPS)).unwrap();
    let maps = BaseMaps::of(Some(&DataDir::at(data.path())));
    (data, maps)
}

fn first_tile(maps: &BaseMaps, name: &str) -> Result<Option<Tile>, MapError> {
    maps.get(name).unwrap()?.tile(Place::new(0, 0, 0).unwrap())
}

#[test]
fn an_archive_is_read() {
    let (data, maps) = folder();
    fs::write(data.path().join("maps/one.pmtiles"), archive()).unwrap();
    let tile = first_tile(&maps, "one").unwrap().unwrap();
    assert_eq!(tile.encoded(true).unwrap(), (b"tile".to_vec(), false));
    let archive = maps.get("one").unwrap().unwrap();
    assert_eq!(archive.facts().attribution.as_deref(), Some("me"));
    assert!(archive.facts().bounds.is_some());
    let elsewhere = archive.tile(Place::new(1, 1, 1).unwrap());
    assert_eq!(elsewhere.unwrap(), None);
}

#[test]
fn no_damage_to_an_archive_is_more_than_an_error() {
    let (data, maps) = folder();
    let whole = archive();
    let mut errors = 0;
    let mut check = |number: usize, bytes: &[u8]| {
        // Each has a name of its own, because the time of a change may be too coarse.
        let name = format!("damaged-{number}");
        let path = data.path().join(format!("maps/{name}.pmtiles"));
        fs::write(&path, bytes).unwrap();
        errors += usize::from(first_tile(&maps, &name).is_err());
        fs::remove_file(path).unwrap();
    };
    for at in 0..whole.len() {
        check(3 * at, whole.get(..at).unwrap());
        for (nth, value) in [0xff, 0x80].into_iter().enumerate() {
            let mut damaged = whole.clone();
            damaged[at] = value;
            check(3 * at + 1 + nth, &damaged);
        }
    }
    assert!(whole.len() < errors, "{errors}");
}

#[test]
fn what_inflates_beyond_its_limit_is_refused() {
    let zeros = vec![0; 1 << 16];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &zeros).unwrap();
    let gzip = gzip.finish().unwrap();
    let inflate = |bytes_max| Compression::Gzip.inflate(&gzip, bytes_max);
    assert_eq!(inflate(zeros.len()).unwrap(), zeros);
    assert!(inflate(zeros.len() - 1).is_err());
    assert!(Compression::Gzip.inflate(b"no gzip", 100).is_err());
}

#[test]
fn a_tile_is_sent_as_the_client_takes_it() {
    let outline = |takes_gzip| outline().encoded(takes_gzip).unwrap();
    let (stored, is_gzip) = outline(true);
    assert!(is_gzip && stored.starts_with(&[0x1f, 0x8b]));
    let (json, is_gzip) = outline(false);
    assert!(!is_gzip && json.starts_with(b"{\"type\":\"Topology\""));
}

fn mbtiles(path: &Path, schema: &str) {
    let database = rusqlite::Connection::open(path).unwrap();
    let metadata = "CREATE TABLE metadata (name TEXT, value TEXT);
         INSERT INTO metadata VALUES ('format', 'png'), ('minzoom', '0'), ('maxzoom', '0');";
    database
        .execute_batch(&format!("{metadata}{schema}"))
        .unwrap();
}

/// One call of a function can take minutes, and nothing interrupts it.
#[test]
fn a_schema_that_calls_functions_is_refused_and_a_join_is_not() {
    let (data, maps) = folder();
    let path = |name: &str| data.path().join(format!("maps/{name}.mbtiles"));
    mbtiles(
        &path("called"),
        "CREATE VIEW tiles AS SELECT 0 zoom_level, 0 tile_column, 0 tile_row, lower('TILE') tile_data;",
    );
    mbtiles(
        &path("endless"),
        "CREATE VIEW tiles AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n)
             SELECT 0 zoom_level, 0 tile_column, i + 1 tile_row, x'00' tile_data FROM n;",
    );
    mbtiles(
        &path("joined"),
        "CREATE TABLE map (zoom_level, tile_column, tile_row, tile_id);
         CREATE TABLE images (tile_id, tile_data);
         INSERT INTO map VALUES (0, 0, 0, 'a');
         INSERT INTO images VALUES ('a', x'74696c65');
         CREATE VIEW tiles AS SELECT zoom_level, tile_column, tile_row, tile_data
             FROM map JOIN images ON images.tile_id = map.tile_id;",
    );
    for name in ["called", "endless"] {
        let error = first_tile(&maps, name).unwrap_err().to_string();
        assert!(error.contains("not authorized"), "{error}");
    }
    let tile = first_tile(&maps, "joined").unwrap().unwrap();
    assert_eq!(tile.encoded(true).unwrap(), (b"tile".to_vec(), false));
}

#[test]
fn another_file_of_the_same_size_and_time_is_read() {
    let (data, maps) = folder();
    let path = |name: &str| data.path().join(name);
    fs::write(path("maps/one.pmtiles"), archive()).unwrap();
    let tile = || first_tile(&maps, "one").unwrap().unwrap().encoded(true);
    assert_eq!(tile().unwrap().0, b"tile");
    let mut other = archive();
    let end = other.len() - 4;
    other[end..].copy_from_slice(b"tale");
    fs::write(path("other"), other).unwrap();
    let modified = fs::metadata(path("maps/one.pmtiles")).unwrap().modified();
    let file = fs::File::options().write(true).open(path("other")).unwrap();
    file.set_modified(modified.unwrap()).unwrap();
    fs::rename(path("other"), path("maps/one.pmtiles")).unwrap();
    assert_eq!(tile().unwrap().0, b"tale");
}
