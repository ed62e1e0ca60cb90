//! Tracks of scanners in GPX, and areas that are left out.

use serde_json::{Value, json};

use super::{SEEN, file, octets_of, readable, send, with_devices, xml};
use crate::server::{TestServer, WIFI};

/// The tracks of a file, and their points.
fn tracks(text: &str) -> (usize, usize, usize) {
    let elements = xml::elements(text);
    let count = |wanted: &str| elements.iter().filter(|name| *name == wanted).count();
    (count("trk"), count("trkseg"), count("trkpt"))
}

/// A scanner that stands, goes 500 m in five minutes, and is elsewhere an hour later.
async fn with_walk() -> TestServer {
    let server = TestServer::start().await;
    let report = |second: u64, lat: f64| {
        json!({"timestamp": SEEN + second, "bssid": "02:00:00:00:00:01", "ssid": "a", "signal": -60, "lat": lat,
               "lon": 13.4, "alt": 34.2})
    };
    let stay = (0..10).map(|second| report(second, 52.5));
    let walk = (1..=5).map(|minute| {
        report(
            10 + 60 * minute,
            52.5 + f64::from(u32::try_from(minute).unwrap()) / 1000.0,
        )
    });
    let later = [report(3910, 52.7), report(3911, 52.7001)];
    send(&server, WIFI, stay.chain(walk).chain(later).collect()).await;
    server
}

#[tokio::test]
async fn a_track_has_the_way_of_a_scanner() {
    let server = with_walk().await;
    let text = file(&server, "gpx").await;
    assert!(
        text.contains("<trk><name>phone</name><type>scan</type><trkseg>"),
        "{text}"
    );
    // Both ends of the stay, five points on the way, and two in another part.
    assert_eq!(tracks(&text), (1, 2, 9), "{text}");
    let point = "<trkpt lat=\"52.5000000\" lon=\"13.4000000\"><ele>34.2</ele><time>2020-09-13T12:26:40Z</time></trkpt>";
    assert!(text.contains(point), "{text}");
    let waypoint = text.find("<wpt").unwrap();
    assert!(waypoint < text.find("<trk>").unwrap(), "{text}");
    assert!(text.ends_with("</trk>\n</gpx>\n"), "{text}");
    let text = file(&server, "gpx?tracks=false").await;
    assert_eq!(tracks(&text), (0, 0, 0), "{text}");
    let text = file(&server, &format!("gpx?since={}", SEEN + 100)).await;
    assert_eq!(tracks(&text), (1, 2, 6), "{text}");
    let text = file(&server, "gpx?source=phone&until=1").await;
    assert_eq!(tracks(&text), (0, 0, 0), "{text}");
}

#[tokio::test]
async fn a_point_of_a_track_has_its_speed() {
    let server = TestServer::start().await;
    let report = |second: u64, speed: f64| {
        json!({"timestamp": SEEN + second, "bssid": "02:00:00:00:00:01", "ssid": "a", "lat": 52.5, "lon": 13.4,
               "speed": speed})
    };
    send(
        &server,
        WIFI,
        json!([report(0, 0.0), report(60, 90.0), report(400, 1.5)]),
    )
    .await;
    let text = file(&server, "gpx").await;
    assert_eq!(tracks(&text), (1, 2, 3), "{text}");
    let speeds: Vec<_> = text
        .split("<gpxtpx:speed>")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap())
        .collect();
    assert_eq!(speeds, ["25", "0.416"], "{text}");
    let namespace = "xmlns:gpxtpx=\"http://www.garmin.com/xmlschemas/TrackPointExtension/v2\"";
    assert!(text.contains(namespace), "{text}");
}

#[tokio::test]
async fn an_area_is_left_out_of_each_form() {
    let server = with_devices().await;
    let near = "52.5200066,13.404954,100";
    for (form, row) in [
        ("csv", "00:11:22:00:00:01"),
        ("geojsonseq", "00:11:22:00:00:01"),
        ("geojsonseq?per=observation", "00:11:22:00:00:01"),
        ("wiglecsv", "00:11:22:00:00:01"),
        ("kml", "00:11:22:00:00:01"),
        ("gpx", "00:11:22:00:00:01"),
        ("netxml", "00:11:22:00:00:01"),
        ("cot", "00:11:22:00:00:01"),
        ("kismetdb", "00:11:22:00:00:01"),
        ("parquet", "00:11:22:00:00:01"),
        ("parquet?per=observation", "00:11:22:00:00:01"),
    ] {
        let mark = if form.contains('?') { '&' } else { '?' };
        let all = readable(&server, form).await.to_ascii_lowercase();
        assert!(
            all.contains(row) && all.contains("02:00:00:00:00:02"),
            "{form}"
        );
        let text = readable(&server, &format!("{form}{mark}exclude={near}")).await;
        let text = text.to_ascii_lowercase();
        assert!(!text.contains(row), "{form}: {text}");
        assert!(text.contains("02:00:00:00:00:02"), "{form}: {text}");
    }
    let both = format!("geojsonseq?exclude={near};52.5,13.4,10");
    assert!(!file(&server, &both).await.contains("02:00:00:00:00:02"));
}

#[tokio::test]
async fn a_device_that_was_elsewhere_too_has_no_place_in_a_database() {
    let server = with_walk().await;
    let octets = octets_of(&server, "kismetdb?exclude=52.5,13.4,1000").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.kismet");
    std::fs::write(&path, octets).unwrap();
    let db = rusqlite::Connection::open(path).unwrap();
    let packets: i64 = db
        .query_row("SELECT count(*) FROM packets", [], |row| row.get(0))
        .unwrap();
    assert_eq!(packets, 2);
    let (lat, record): (f64, Vec<u8>) = db
        .query_row("SELECT avg_lat, device FROM devices", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert!(lat.abs() < f64::EPSILON, "{lat}");
    let record: Value = serde_json::from_slice(&record).unwrap();
    assert!(!record.to_string().contains("geopoint"), "{record}");
    let text = file(&server, "gpx?exclude=52.5,13.4,1000").await;
    assert_eq!(tracks(&text), (1, 1, 2), "{text}");
}

#[tokio::test]
async fn areas_that_are_none_are_refused() {
    let server = TestServer::start().await;
    for (query, reason) in [
        ("52.5,13.4", "exclude: expected lat,lon,radius_m"),
        ("52.5,13.4,-1", "exclude: radius_m is out of range"),
        ("52.5,13.4,1;", "exclude: expected lat,lon,radius_m"),
        ("", "exclude: has no value"),
    ] {
        let answer = server
            .get(&format!("/api/v1/export/csv?exclude={query}"))
            .await;
        answer.expect_error(400, reason);
    }
    let circles = |count| vec!["1,1,1"; count].join(";");
    let path = format!("/api/v1/export/csv?exclude={}", circles(100));
    server.get(&path).await.expect_status(200);
    let path = format!("/api/v1/export/csv?exclude={}", circles(101));
    server
        .get(&path)
        .await
        .expect_error(400, "exclude: expected at most 100 circles");
}
