//! Vector tiles.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use reqwest::header::{CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::mvt::{self, Layer, Point};
use crate::program::run;
use crate::python::interpreter;
use crate::server::{Answer, BLUETOOTH, TestServer, batch};
use crate::skip::skip;

const MEDIA_TYPE: &str = "application/vnd.mapbox-vector-tile";
/// Of the tile of zoom 16 around the town hall of Berlin.
const BERLIN: (f64, f64) = (52.518_6, 13.408_2);
const CLASSES: [(&str, &str); 3] = [
    ("[ESS]", "open"),
    ("[WEP][ESS]", "wep"),
    ("[WPA2-PSK-CCMP][ESS]", "wpa2-personal"),
];

/// Decodes the tile in its standard input, and prints it as JSON.
const SCRIPT: &str = "
import json, sys
import mapbox_vector_tile
layers = mapbox_vector_tile.decode(sys.stdin.buffer.read(), default_options={'y_coord_down': True})
print(json.dumps(layers))
";

struct Tile {
    headers: HeaderMap,
    body: Vec<u8>,
}

async fn tile(server: &TestServer, path: &str) -> Tile {
    let answer = server
        .request(Method::GET, &format!("/api/v1/tiles/{path}"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    assert_eq!(answer.headers()[CONTENT_TYPE], MEDIA_TYPE);
    Tile {
        headers: answer.headers().clone(),
        body: answer.bytes().await.unwrap().to_vec(),
    }
}

async fn points(server: &TestServer, path: &str) -> Vec<Point> {
    let Some(layer) = mvt::read(&tile(server, path).await.body) else {
        return Vec::new();
    };
    let Layer {
        name,
        version,
        extent,
        points,
    } = layer;
    assert_eq!((name.as_str(), version, extent), ("aps", 2, 4096));
    assert!(!points.is_empty() && points.len() <= 1024, "{path}");
    let is_in = |point: &Point| (0..4096).contains(&point.x) && (0..4096).contains(&point.y);
    assert!(points.iter().all(is_in), "{path}");
    points
}

/// Path of the tile around a place.
fn path_of(zoom: u8, (lat, lon): (f64, f64)) -> String {
    let count = f64::from(zoom).exp2();
    let lat = lat.to_radians();
    let x = ((lon + 180.0) / 360.0 * count).floor();
    let y = ((1.0 - lat.tan().asinh() / std::f64::consts::PI) / 2.0 * count).floor();
    format!("{zoom}/{x}/{y}.mvt")
}

/// Four access points of a town, one of them without a position, and a watch.
async fn small_town() -> TestServer {
    let server = TestServer::start().await;
    let at = |lat: f64, lon: f64| json!({ "lat": BERLIN.0 + lat, "lon": BERLIN.1 + lon });
    let with = |mut report: Value, place: Value| {
        let place = place.as_object().unwrap().clone();
        report.as_object_mut().unwrap().extend(place);
        report
    };
    let named = json!({
        "bssid": "02:00:5E:10:00:01", "ssid": "Café 5", "capabilities": "[WPA2-PSK-CCMP][ESS]", "signal": -61,
        "timestamp": 1_700_000_000
    });
    let hidden = json!({ "bssid": "02:00:5E:10:00:02", "capabilities": "[ESS]", "timestamp": 1_700_000_001 });
    let silent = json!({ "bssid": "02:00:5E:10:00:03", "ssid": "far", "timestamp": 1_700_000_002 });
    let nowhere = json!({ "bssid": "02:00:5E:10:00:04", "ssid": "nowhere", "signal": -50 });
    let reports = json!([
        with(named, at(0.0, 0.0)),
        with(hidden, at(0.0001, 0.0001)),
        with(silent, at(20.0, 20.0)),
        nowhere,
    ]);
    server.report(reports).await;
    let watch =
        json!({ "btaddr": "02:00:5E:10:00:01", "name": "Watch", "timestamp": 1_700_000_003 });
    let body = batch(json!([with(watch, at(0.0, 0.0))]));
    server.post_json(BLUETOOTH, &body).await.expect_status(200);
    server
}

#[tokio::test]
async fn a_tile_with_few_devices_has_each_of_them() {
    let server = small_town().await;
    let world = points(&server, "0/0/0.mvt").await;
    let of = |address: &str| {
        let mut found = world
            .iter()
            .filter(|point| point.properties["address"] == address);
        found.next().unwrap().clone()
    };
    assert_eq!(world.len(), 4);
    let named = json!({
        "address": "02:00:5E:10:00:01", "security": "wpa2-personal", "signal_dbm": -61, "last_seen": 1_700_000_000
    });
    let wifi: Vec<_> = world
        .iter()
        .filter(|point| point.id == Some(0x0200_5e10_0001))
        .collect();
    assert_eq!(json!(wifi[0].properties), named);
    let watch = world
        .iter()
        .find(|point| point.id == Some(1 << 48 | 0x0200_5e10_0001));
    assert_eq!(watch.unwrap().properties["security"], "unknown");
    let silent = json!({ "address": "02:00:5E:10:00:03", "security": "unknown", "last_seen": 1_700_000_002 });
    assert_eq!(json!(of("02:00:5E:10:00:03").properties), silent);
    // Berlin is at 550.2, 335.6 of 1024.
    assert_eq!((wifi[0].x / 4, wifi[0].y / 4), (550, 335));

    // Names are shown from zoom 16 on.
    for (zoom, ssid) in [(15, None), (16, Some("Café 5")), (22, Some("Café 5"))] {
        let points = points(&server, &path_of(zoom, BERLIN)).await;
        let named = points
            .iter()
            .find(|point| point.id == Some(0x0200_5e10_0001));
        let shown = named
            .unwrap()
            .properties
            .get("ssid")
            .map(|ssid| ssid.as_str().unwrap());
        assert_eq!(shown, ssid, "{zoom}");
        let others = points
            .iter()
            .filter(|point| point.properties.contains_key("ssid"));
        assert_eq!(others.count(), usize::from(ssid.is_some()));
    }

    // The filters of devices.
    let found = async |query: &str| points(&server, &format!("0/0/0.mvt?{query}")).await.len();
    assert_eq!(found("phy=wifi").await, 3);
    assert_eq!(found("security=open,wpa2-personal").await, 2);
    assert_eq!(found("near=52.5186,13.4082,5").await, 2);
    assert_eq!(found("until=1700000001&phy=wifi").await, 2);
    assert_eq!(found("ssid=nobody").await, 0);
    assert_eq!(found("name_not=far").await, 3);
    assert_eq!(
        found("name_not=Watch&name_not=Caf%C3%A9+5&phy=wifi").await,
        2
    );
    assert_eq!(found("with_position=true").await, 4);
    assert_eq!(found("with_position=true&phy=wifi").await, 3);
    assert_eq!(found("with_position=false").await, 0);
}

#[tokio::test]
async fn an_empty_tile_has_no_octets() {
    let server = small_town().await;
    let empty = tile(&server, "3/0/0.mvt").await;
    assert_eq!(empty.body, [0; 0]);
    assert!(empty.headers.contains_key(ETAG));
}

/// 2600 access points of a town; each is in the same place as three others.
async fn large_town() -> TestServer {
    let server = TestServer::start().await;
    let report = |number: u32| {
        let (lat, lon) = (f64::from(number / 4 % 25), f64::from(number / 100));
        json!({
            "bssid": format!("02:00:5E:20:{:02x}:{:02x}", number / 256, number % 256), "ssid": "x", "timestamp": 1_700_000_000,
            "capabilities": CLASSES[number as usize % 3].0, "signal": -90 + i64::from(number % 50),
            "lat": BERLIN.0 + lat / 1000.0, "lon": BERLIN.1 + lon / 1000.0
        })
    };
    for first in [0, 900, 1800] {
        let numbers = first..(first + 900).min(2600);
        server.report(numbers.map(report).collect()).await;
    }
    server
}

/// Number of devices, and of those of each class, of all tiles around the town at a zoom.
async fn sums(server: &TestServer, zoom: u8, query: &str) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    let mut tiles = BTreeSet::new();
    for number in 0..2600 {
        let (lat, lon) = (f64::from(number / 4 % 25), f64::from(number / 100));
        tiles.insert(path_of(
            zoom,
            (BERLIN.0 + lat / 1000.0, BERLIN.1 + lon / 1000.0),
        ));
    }
    let mut add = |key: &str, count: u64| *sums.entry(key.to_owned()).or_default() += count;
    for path in tiles {
        for point in points(server, &format!("{path}?{query}")).await {
            let mut properties = point.properties;
            if let Some(security) = properties.get("security") {
                add("count", 1);
                add(security.as_str().unwrap(), 1);
                continue;
            }
            let strongest = properties.remove("signal_strongest_dbm").unwrap();
            assert!((-90..=-41).contains(&strongest.as_i64().unwrap()));
            for (key, count) in properties {
                add(&key, count.as_u64().unwrap());
            }
        }
    }
    sums
}

#[tokio::test]
async fn sums_are_the_same_at_all_zooms_and_under_each_filter() {
    let server = large_town().await;
    let expected = |counts: &[(&str, u64)]| -> BTreeMap<String, u64> {
        let counts = counts.iter();
        counts
            .map(|(key, count)| ((*key).to_owned(), *count))
            .collect()
    };
    let all = expected(&[
        ("count", 2600),
        ("open", 867),
        ("wep", 867),
        ("wpa2-personal", 866),
    ]);
    for zoom in [0, 4, 12, 13, 14, 17] {
        assert_eq!(sums(&server, zoom, "").await, all, "{zoom}");
    }
    let some = expected(&[("count", 1734), ("open", 867), ("wep", 867)]);
    for zoom in [0, 11, 14] {
        assert_eq!(
            sums(&server, zoom, "security=wep,open").await,
            some,
            "{zoom}"
        );
    }
    assert_eq!(sums(&server, 12, "ssid=nobody").await, BTreeMap::new());
    for zoom in [0, 12] {
        for query in ["name_not=y", "with_position=true"] {
            assert_eq!(sums(&server, zoom, query).await, all, "{zoom} {query}");
        }
        for query in ["name_not=x", "with_position=false"] {
            let none = BTreeMap::new();
            assert_eq!(sums(&server, zoom, query).await, none, "{zoom} {query}");
        }
        let query = "name_not=y&security=wep,open";
        assert_eq!(sums(&server, zoom, query).await, some, "{zoom}");
    }
    let whole = points(&server, "0/0/0.mvt").await;
    assert_eq!(whole.len(), 1);
    assert_eq!(whole[0].properties["signal_strongest_dbm"], -41);
    // The middle of the cell.
    assert_eq!((whole[0].x, whole[0].y), (17 * 128 + 64, 10 * 128 + 64));
    let server = server.restart().await;
    assert_eq!(sums(&server, 14, "").await, all);
}

#[tokio::test]
async fn a_client_that_has_the_tile_is_not_sent_it_again() {
    let server = small_town().await;
    let path = "/api/v1/tiles/0/0/0.mvt";
    let asked = async |tag: &str| {
        let request = server.request(Method::GET, path).header(IF_NONE_MATCH, tag);
        request.send().await.unwrap()
    };
    let tag_of = |headers: &HeaderMap| headers[ETAG].to_str().unwrap().to_owned();
    let first = tag_of(&tile(&server, "0/0/0.mvt").await.headers);
    let again = asked(&first).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(tag_of(again.headers()), first);
    // A device without a position changes the version, and not the tile.
    server
        .report(json!([{ "bssid": "02:00:5E:10:00:04" }]))
        .await;
    let later = asked(&first).await;
    assert_eq!(later.status(), StatusCode::NOT_MODIFIED);
    assert_ne!(tag_of(later.headers()), first);
    let moved =
        json!([{ "bssid": "02:00:5E:10:00:01", "lat": -33.9, "lon": 151.2, "signal": -60 }]);
    server.report(moved).await;
    let changed = asked(&first).await;
    assert_eq!(changed.status(), StatusCode::OK);
    assert_ne!(tag_of(changed.headers()), first);
    let filtered = server.request(Method::GET, &format!("{path}?security=open"));
    let filtered = filtered.header(IF_NONE_MATCH, first).send().await.unwrap();
    assert_eq!(filtered.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_tile_that_does_not_exist_is_refused() {
    let server = TestServer::start().await;
    let refused = async |path: &str, reason: &str| {
        let answer = server.get(&format!("/api/v1/tiles/{path}")).await;
        answer.expect_error(400, reason);
    };
    refused("23/0/0.mvt", "z: expected a number from 0 to 22").await;
    refused("-1/0/0.mvt", "z: expected").await;
    refused("x/0/0.mvt", "z: expected").await;
    refused("0/1/0.mvt", "x: expected a number from 0 to 0").await;
    refused("3/0/8.mvt", "y: expected a number from 0 to 7").await;
    refused("22/4194304/0.mvt", "x: expected").await;
    refused("3/0/x.mvt", "y: expected").await;
    refused("0/0/0.mvt?colour=red", "colour: there is no such parameter").await;
    refused("0/0/0.mvt?limit=1", "limit: there is no such parameter").await;
    refused("0/0/0.mvt?changed_since=0", "changed_since: there is").await;
    refused("0/0/0.mvt?security=x", "security: expected one of").await;
    tile(&server, "22/4194303/4194303.mvt").await;
    for path in ["0/0/0", "0/0/0.png", "0/0"] {
        let answer = server.get(&format!("/api/v1/tiles/{path}")).await;
        answer.expect_status(404);
    }
    let request = server.request(Method::POST, "/api/v1/tiles/0/0/0.mvt");
    Answer::of(request).await.expect_status(405);
}

/// A tile of points and one of cells are read by the decoder that most Python programs use.
#[tokio::test]
async fn a_python_decoder_reads_tiles() {
    let Some(interpreter) = interpreter() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let decoded = |tile: &Tile| -> Value {
        let file = folder.path().join("tile");
        std::fs::write(&file, &tile.body).unwrap();
        let (code, out, err) = run(Command::new(&interpreter)
            .args(["-I", "-c", SCRIPT])
            .stdin(std::fs::File::open(file).unwrap()));
        assert_eq!(code, Some(0), "{err}");
        serde_json::from_str(&out).unwrap()
    };
    let (small, large) = (small_town().await, large_town().await);
    let layers = decoded(&tile(&small, &path_of(16, BERLIN)).await);
    assert_eq!(layers["aps"]["extent"], 4096);
    let features = layers["aps"]["features"].as_array().unwrap();
    assert_eq!(features.len(), 3);
    let named = features
        .iter()
        .find(|one| one["id"] == 0x0200_5e10_0001_u64)
        .unwrap();
    assert_eq!(named["geometry"]["type"], "Point");
    assert_eq!(
        named["properties"],
        json!({
            "address": "02:00:5E:10:00:01", "security": "wpa2-personal", "signal_dbm": -61, "last_seen": 1_700_000_000,
            "ssid": "Café 5"
        })
    );
    let layers = decoded(&tile(&large, "0/0/0.mvt").await);
    let features = &layers["aps"]["features"];
    let expected = json!({
        "count": 2600, "signal_strongest_dbm": -41, "open": 867, "wep": 867, "wpa2-personal": 866
    });
    assert_eq!(features[0]["properties"], expected);
    assert_eq!(features[0]["geometry"]["coordinates"], json!([2240, 1344]));
    assert_eq!(decoded(&tile(&large, "3/0/0.mvt").await), json!({}));
}

/// Programs such as QGIS read tiles with GDAL.
#[tokio::test]
async fn gdal_reads_tiles() {
    let version = Command::new("ogrinfo")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if !version.is_ok_and(|status| status.success()) {
        return skip("tiles with GDAL", "there is no ogrinfo");
    }
    let folder = tempfile::tempdir().unwrap();
    let listed = |tile: &Tile| {
        let file = folder.path().join("0.mvt");
        std::fs::write(&file, &tile.body).unwrap();
        let (code, out, err) = run(Command::new("ogrinfo").args(["-ro", "-al"]).arg(file));
        assert_eq!(code, Some(0), "{out}\n{err}");
        assert!(out.contains("Layer name: aps"), "{out}");
        assert!(out.contains("Geometry: Point"), "{out}");
        out
    };
    let (small, large) = (small_town().await, large_town().await);
    let out = listed(&tile(&small, &path_of(16, BERLIN)).await);
    assert!(out.contains("Feature Count: 3"), "{out}");
    assert!(out.contains("security (String) = wpa2-personal"), "{out}");
    assert!(out.contains("signal_dbm (Integer) = -61"), "{out}");
    let out = listed(&tile(&large, "0/0/0.mvt").await);
    for line in [
        "Feature Count: 1",
        "count (Integer) = 2600",
        "wpa2-personal (Integer) = 866",
    ] {
        assert!(out.contains(line), "{out}");
    }
}
