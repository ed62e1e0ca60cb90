//! Base maps: archives that users put into the data directory, and the embedded outline.

use std::fs;
use std::path::Path;

use reqwest::Method;
use reqwest::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::server::{TestServer, gzip};

const MAPS: &str = "/api/v1/basemaps";
/// Numbers of tiles at zoom 1: all of zoom 0 come before.
const ZOOM_1: u64 = 1;

/// A number in LEB128.
fn number(mut number: u64, out: &mut Vec<u8>) {
    while 0x80 <= number {
        out.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap());
}

/// A directory of `PMTiles`. Each entry is the number of a tile, a run, a length and an offset.
fn directory(entries: &[(u64, u64, u64, u64)]) -> Vec<u8> {
    let mut out = Vec::new();
    number(entries.len() as u64, &mut out);
    let mut last = 0;
    for (id, ..) in entries {
        number(id - last, &mut out);
        last = *id;
    }
    for (_, run, ..) in entries {
        number(*run, &mut out);
    }
    for (.., length, _) in entries {
        number(*length, &mut out);
    }
    for (.., offset) in entries {
        number(offset + 1, &mut out);
    }
    gzip(&out)
}

/// A `PMTiles` archive of vector tiles: one of zoom 0 in the root directory, and two equal ones of zoom 1 in a leaf.
fn town() -> Vec<u8> {
    let tiles = [gzip(b"zoom 0"), gzip(b"zoom 1")];
    let [first, second] = [&tiles[0], &tiles[1]].map(|tile| tile.len() as u64);
    let leaf = directory(&[(ZOOM_1, 2, second, first)]);
    let root = directory(&[(0, 1, first, 0), (ZOOM_1, 0, leaf.len() as u64, 0)]);
    let metadata =
        gzip(br#"{"attribution": "<a href=\"https://osm.example\">OSM</a>", "vector_layers": []}"#);
    let parts = [root, metadata, leaf, tiles.concat()];
    let mut archive = b"PMTiles\x03".to_vec();
    let mut start = 127;
    for part in &parts {
        archive.extend((start as u64).to_le_bytes());
        archive.extend((part.len() as u64).to_le_bytes());
        start += part.len();
    }
    archive.extend([0; 24]);
    archive.extend([1, 2, 2, 1, 0, 1]);
    for e7 in [95_000_000_i32, 471_000_000, 96_000_000, 472_000_000] {
        archive.extend(e7.to_le_bytes());
    }
    archive.extend([0; 9]);
    archive.extend(parts.concat());
    archive
}

/// An `MBTiles` archive of pictures.
fn photo(path: &Path) {
    let database = Connection::open(path).unwrap();
    database
        .execute_batch(
            "CREATE TABLE metadata (name TEXT, value TEXT);
             CREATE TABLE tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB);
             INSERT INTO metadata VALUES ('format', 'png'), ('bounds', '9.5,47.1,9.6,47.2');
             INSERT INTO tiles VALUES (1, 0, 1, x'89504e47'), (3, 0, 0, x'89');",
        )
        .unwrap();
}

async fn server() -> TestServer {
    let server = TestServer::start().await;
    let folder = server.data().join("maps");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("town.pmtiles"), town()).unwrap();
    photo(&folder.join("photo.mbtiles"));
    server
}

async fn named(server: &TestServer, name: &str) -> Value {
    let list = server.read(MAPS).await;
    let mut maps = list["basemaps"].as_array().unwrap().iter();
    maps.find(|map| map["name"] == name)
        .cloned()
        .unwrap_or_default()
}

#[tokio::test]
async fn the_list_has_what_each_archive_says_of_itself() {
    let server = server().await;
    let list = server.read(MAPS).await;
    assert_eq!(
        list["basemaps"],
        json!([
            {
                "name": "outline", "kind": "vector", "format": "topojson", "zoom_min": 0, "zoom_max": 7,
                "bounds": { "lat_min": -90.0, "lon_min": -180.0, "lat_max": 90.0, "lon_max": 180.0 },
                "attribution": "Natural Earth",
            },
            {
                "name": "photo", "kind": "raster", "format": "png", "zoom_min": 1, "zoom_max": 3,
                "bounds": { "lat_min": 47.1, "lon_min": 9.5, "lat_max": 47.2, "lon_max": 9.6 },
            },
            {
                "name": "town", "kind": "vector", "format": "mvt", "zoom_min": 0, "zoom_max": 1,
                "bounds": { "lat_min": 47.1, "lon_min": 9.5, "lat_max": 47.2, "lon_max": 9.6 },
                "attribution": "<a href=\"https://osm.example\">OSM</a>",
            },
        ])
    );
    // What is put there later is found, and what is removed is gone.
    let folder = server.data().join("maps");
    fs::rename(folder.join("town.pmtiles"), folder.join("city.pmtiles")).unwrap();
    assert_eq!(named(&server, "city").await["format"], "mvt");
    assert_eq!(named(&server, "town").await, Value::Null);
    let tile = server.get("/api/v1/basemaps/town/0/0/0").await;
    assert_eq!(tile.expect_error(404, "town")["code"], "no_such_basemap");
}

#[tokio::test]
async fn tiles_have_their_type_and_come_as_the_client_takes_them() {
    let server = server().await;
    let tile = async |path: &str, coding: &str| {
        let request = server.request(Method::GET, &format!("{MAPS}/{path}"));
        let answer = request
            .header(ACCEPT_ENCODING, coding)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let headers = answer.headers().clone();
        (headers, answer.bytes().await.unwrap())
    };
    for (path, text) in [
        ("town/0/0/0", "zoom 0"),
        ("town/1/0/0", "zoom 1"),
        ("town/1/0/1", "zoom 1"),
    ] {
        let (headers, body) = tile(path, "gzip").await;
        assert_eq!(headers[CONTENT_TYPE], "application/vnd.mapbox-vector-tile");
        assert_eq!(headers[CONTENT_ENCODING], "gzip");
        assert_eq!(body, gzip(text.as_bytes()), "{path}");
        let (headers, body) = tile(path, "identity").await;
        assert_eq!(headers.get(CONTENT_ENCODING), None);
        assert_eq!(body, text, "{path}");
    }
    // Rows are counted from the north here, and from the south in the archive.
    let (headers, body) = tile("photo/1/0/0", "gzip").await;
    assert_eq!(headers[CONTENT_TYPE], "image/png");
    assert_eq!(headers.get(CONTENT_ENCODING), None);
    assert_eq!(headers[CACHE_CONTROL], "private, max-age=3600");
    assert_eq!(&body[..], b"\x89PNG");
    let request = server.request(Method::GET, "/api/v1/basemaps/photo/1/0/0");
    let again = request.header("If-None-Match", &headers[ETAG]);
    assert_eq!(again.send().await.unwrap().status(), 304);
}

#[tokio::test]
async fn what_there_is_not_is_told_apart() {
    let server = server().await;
    let check = async |path: &str, status: u16, code: &str| {
        let answer = server.get(&format!("{MAPS}/{path}")).await;
        assert_eq!(answer.expect_error(status, "")["code"], code, "{path}");
    };
    check("town/1/1/1", 404, "no_such_tile").await;
    check("town/9/0/0", 404, "no_such_tile").await;
    check("photo/1/1/1", 404, "no_such_tile").await;
    check("outline/0/0/0", 404, "no_such_basemap").await;
    check("outline/style.json", 404, "no_such_style").await;
    check("..%2Fauth/0/0/0", 404, "no_such_basemap").await;
    check("town.pmtiles/style.json", 404, "no_such_basemap").await;
    check("%ff/0/0/0", 400, "path_not_utf8").await;
    check("town/1/2/0", 400, "bad_parameter").await;
    check("town/31/0/0", 400, "bad_parameter").await;
    check("town/-1/0/0", 400, "bad_parameter").await;
    check("town/0/0/0.png", 400, "bad_parameter").await;
    check("town/style.json?theme=blue", 400, "bad_parameter").await;
}

#[tokio::test]
async fn files_that_cannot_be_used_are_listed_with_the_reason() {
    let server = server().await;
    let folder = server.data().join("maps");
    let put = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    put("short.pmtiles", &town()[..90]);
    put("cut.pmtiles", &town()[..150]);
    put(
        "text.mbtiles",
        b"not a database, and long enough to be looked at as one",
    );
    put("empty.mbtiles", b"");
    put("my town.pmtiles", &town());
    put("town.mbtiles", b"");
    put("outline.pmtiles", &town());
    let mut brotli = town();
    brotli[98] = 3;
    put("brotli.pmtiles", &brotli);
    let mut old = town();
    old[7] = 2;
    put("old.pmtiles", &old);
    fs::create_dir(folder.join("folder.pmtiles")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(
        server.data().join("scanpost.db"),
        folder.join("link.mbtiles"),
    )
    .unwrap();
    let list = server.read(MAPS).await;
    let maps = list["basemaps"].as_array().unwrap();
    let error = |name: &str| {
        let mut all = maps.iter().filter(|map| map["name"] == name);
        let errors = all.find_map(|map| map["error"].as_str());
        errors
            .unwrap_or_else(|| panic!("{name}: {list}"))
            .to_owned()
    };
    for (name, reason) in [
        ("short", "shorter than the header"),
        ("cut", "behind its end"),
        ("text", "not a database"),
        ("empty", "no such table"),
        ("my town", "rename the file"),
        ("outline", "rename the file"),
        ("town", "no such table"),
        ("brotli", "Brotli"),
        ("old", "version 2"),
        ("folder", "put the file itself"),
    ] {
        assert!(error(name).contains(reason), "{name}: {}", error(name));
    }
    if cfg!(unix) {
        assert!(error("link").contains("symbolic link"));
    }
    let tile = server.get("/api/v1/basemaps/cut/0/0/0").await;
    assert_eq!(
        tile.expect_error(500, "damaged")["code"],
        "basemap_unreadable"
    );
    // The others are as before.
    assert_eq!(named(&server, "photo").await["format"], "png");
}

#[tokio::test]
async fn styles_need_nothing_from_elsewhere() {
    let server = server().await;
    let style = async |path: &str| server.read(&format!("{MAPS}/{path}")).await;
    let light = style("town/style.json").await;
    let dark = style("town/style.json?theme=dark").await;
    assert_ne!(light["layers"], dark["layers"]);
    assert_eq!(light, style("town/style.json?theme=light").await);
    let layers = light["layers"].as_array().unwrap();
    assert!((10..=14).contains(&layers.len()), "{}", layers.len());
    for style in [&light, &dark, &style("photo/style.json").await] {
        assert_eq!(style["version"], 8);
        assert!(style.get("glyphs").is_none() && style.get("sprite").is_none());
        let source = &style["sources"]["basemap"];
        let tiles = source["tiles"][0].as_str().unwrap();
        assert!(tiles.starts_with("http://127.0.0.1:"), "{tiles}");
        assert_eq!(source["bounds"], json!([9.5, 47.1, 9.6, 47.2]));
        for layer in style["layers"].as_array().unwrap().iter().skip(1) {
            assert_eq!(layer["source"], "basemap");
        }
    }
    assert_eq!(
        light["sources"]["basemap"]["attribution"],
        "<a href=\"https://osm.example\">OSM</a>"
    );
    let tiles = light["sources"]["basemap"]["tiles"][0].as_str().unwrap();
    let tile = tiles.replace("{z}/{x}/{y}", "0/0/0");
    assert_eq!(reqwest::get(tile).await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_outline_is_there_without_any_file() {
    let server = TestServer::start().await;
    let names = server.read(MAPS).await;
    assert_eq!(names["basemaps"].as_array().unwrap().len(), 1);
    let outline = server.read("/api/v1/basemaps/outline").await;
    assert_eq!(outline["type"], "Topology");
    let countries = outline["objects"]["countries"]["geometries"]
        .as_array()
        .unwrap();
    assert!(200 < countries.len());
    let request = server.request(Method::GET, "/api/v1/basemaps/outline");
    let answer = request
        .header(ACCEPT_ENCODING, "gzip")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()[CONTENT_ENCODING], "gzip");
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
    assert!(answer.headers().contains_key(ETAG));
    assert!(answer.bytes().await.unwrap().len() < 240_000);
}

#[tokio::test]
async fn a_list_that_is_too_long_says_how_many_it_leaves_out() {
    let server = server().await;
    assert_eq!(server.read(MAPS).await.get("left_out"), None);
    let folder = server.data().join("maps");
    for number in 0..300 {
        fs::write(folder.join(format!("note-{number}.txt")), "no map").unwrap();
    }
    for number in 0..255 {
        fs::write(folder.join(format!("map-{number:03}.pmtiles")), town()).unwrap();
    }
    let list = server.read(MAPS).await;
    // With the outline.
    assert_eq!(list["basemaps"].as_array().unwrap().len(), 257);
    assert_eq!(list["left_out"], 1);
    assert_eq!(named(&server, "town").await, Value::Null);
    let tile = server.get(&format!("{MAPS}/town/0/0/0")).await;
    tile.expect_status(200);
}
