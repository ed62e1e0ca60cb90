//! What never leaves: zones, lists, and how the tiles of the map agree with the files.

use scanpost::config::{Config, Privacy};
use serde_json::{Value, json};

use super::{FORMS, SEEN, file, octets_of, readable, send};
use crate::mvt;
use crate::server::{TestServer, WIFI};

/// In the middle of the zone of these tests.
const HOME: (f64, f64) = (48.2, 16.4);
/// Some 5 km away.
const AWAY: (f64, f64) = (48.25, 16.4);

/// An access point, seen once.
fn ap(number: u64, ssid: &str, (lat, lon): (f64, f64)) -> Value {
    json!({
        "timestamp": SEEN + number, "bssid": format!("02:00:00:00:00:{number:02X}"), "ssid": ssid,
        "capabilities": "[ESS]", "signal": -60, "lat": lat, "lon": lon,
    })
}

/// Four access points that stay, and one that leaves.
async fn with_rules() -> TestServer {
    let server = TestServer::start_with(|config: &mut Config| {
        config.privacy.zones = vec!["48.2 16.4 100".parse().unwrap()];
        config.privacy.ssids = vec!["kept by name".to_owned()];
        config.privacy.ssid_patterns = vec!["kept by pat*".parse().unwrap()];
        config.privacy.addresses = vec!["02:00:00:00:00:04".parse().unwrap()];
    })
    .await;
    let reports = json!([
        ap(1, "kept by place", HOME),
        ap(2, "kept by name", AWAY),
        ap(3, "kept by pattern", AWAY),
        ap(4, "kept by address", AWAY),
        ap(5, "public", AWAY),
        // One that was seen from both places, last from home.
        ap(6, "kept by last place", AWAY),
    ]);
    send(&server, WIFI, reports).await;
    let mut last = ap(6, "kept by last place", HOME);
    last["timestamp"] = json!(SEEN + 100);
    send(&server, WIFI, json!([last])).await;
    server
}

#[tokio::test]
async fn zones_and_lists_hold_in_every_form() {
    let server = with_rules().await;
    for (form, has_observations) in FORMS {
        let rows = if has_observations {
            &["device", "observation"][..]
        } else {
            &["device"]
        };
        for per in rows {
            if matches!(form, "kmz" | "cotzip") {
                // An archive; kml and cot have the same rows.
                continue;
            }
            for include in ["", "&include=nomap"] {
                let text = readable(&server, &format!("{form}?per={per}{include}")).await;
                assert!(text.contains("public"), "{form} {per}");
                assert!(!text.contains("kept by"), "{form} {per}: {text}");
                // Tracks of scanners have none of its places either.
                assert!(!text.contains("48.2000000"), "{form} {per}: {text}");
                let small = text.to_lowercase();
                for number in [1, 2, 3, 4, 6] {
                    let address = format!("02:00:00:00:00:0{number}");
                    assert!(!small.contains(&address), "{form} {per}: {address}");
                }
            }
        }
    }
}

async fn addresses_on_map(server: &TestServer) -> Vec<String> {
    let path = "/api/v1/tiles/0/0/0.mvt";
    let answer = server.request(reqwest::Method::GET, path).send().await;
    let body = answer.unwrap().bytes().await.unwrap();
    let points = mvt::read(&body).map(|layer| layer.points);
    let points = points.unwrap_or_default().into_iter();
    let mut addresses: Vec<_> = points
        .map(|point| point.properties["address"].as_str().unwrap().to_owned())
        .collect();
    addresses.sort();
    addresses
}

#[tokio::test]
async fn tiles_show_what_files_have() {
    let server = with_rules().await;
    assert_eq!(addresses_on_map(&server).await, ["02:00:00:00:00:05"]);
    // One more network of the access point: its owner opts out. Before, the index had the device.
    send(&server, WIFI, json!([ap(5, "public_nomap", AWAY)])).await;
    assert_eq!(addresses_on_map(&server).await, [""; 0]);
    // The index is built again at a start.
    let server = server.restart().await;
    assert_eq!(addresses_on_map(&server).await, [""; 0]);
    let server = server
        .restart_with(|config| config.privacy = Privacy::default())
        .await;
    let all: Vec<_> = [1, 2, 3, 4, 6]
        .map(|number| format!("02:00:00:00:00:0{number}"))
        .into();
    assert_eq!(addresses_on_map(&server).await, all);
}

#[tokio::test]
async fn the_hole_of_a_zone_is_the_same_after_a_restart_and_has_its_size() {
    let server = with_rules().await;
    // A line of access points through the zone, 20 m apart.
    let line = |from: u64| -> Value {
        let aps = (0..50).map(|step| {
            let number = from + step;
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let north = (number as f64 - 50.0) * 20.0 / 111_195.0;
            json!({
                "timestamp": SEEN, "bssid": format!("02:00:00:01:00:{number:02X}"), "ssid": "line",
                "lat": HOME.0 + north, "lon": HOME.1,
            })
        });
        Value::Array(aps.collect())
    };
    send(&server, WIFI, line(0)).await;
    send(&server, WIFI, line(50)).await;
    let csv = "csv?address_prefix=02:00:00:01&per=device";
    let count = |text: &str| {
        text.lines()
            .filter(|row| row.contains("02:00:00:01"))
            .count()
    };
    let first = file(&server, csv).await;
    // Of a hole with a radius of 200 m, the line through the zone has at least 2 × √(200² - 100²) m.
    let hidden = 100 - count(&first);
    assert!((17..=21).contains(&hidden), "{hidden}");
    let server = server.restart().await;
    assert_eq!(count(&file(&server, csv).await), count(&first));
    assert!(server.data().join("privacy.json").exists());
}

/// A place in the zone, and one in the area that is left out below.
const HOME_CORNER: f64 = 48.200_333_3;

/// A device that leaves, and was in the zone at first.
async fn walk(server: &TestServer) {
    let at = |time: u64, (lat, lon): (f64, f64), signal: i32| {
        json!({
            "timestamp": SEEN + time, "bssid": "02:00:00:00:00:07", "ssid": "walker", "capabilities": "[ESS]",
            "signal": signal, "lat": lat, "lon": lon,
        })
    };
    let mut reports = vec![at(0, (HOME_CORNER, 16.4), -90)];
    reports.extend((1..30).map(|time| at(time, AWAY, -30)));
    send(server, WIFI, Value::Array(reports)).await;
}

/// Whether a file has a latitude, as a text or as a number of a database.
fn has_lat(octets: &[u8], lat: f64) -> bool {
    let text = String::from_utf8_lossy(octets);
    let number = lat.to_be_bytes();
    text.contains(&lat.to_string()) || octets.windows(8).any(|window| window == number)
}

#[tokio::test]
async fn no_form_has_a_corner_that_is_in_a_zone() {
    let server = with_rules().await;
    walk(&server).await;
    let all = TestServer::start().await;
    walk(&all).await;
    let mut with_corners = Vec::new();
    for (form, _) in FORMS {
        let whole = octets_of(&all, &format!("{form}?per=device")).await;
        if has_lat(&whole, HOME_CORNER) {
            with_corners.push(form);
        }
        let near = format!("{form}?per=device&exclude={HOME_CORNER},16.4,100");
        for octets in [
            octets_of(&server, &format!("{form}?per=device")).await,
            octets_of(&all, &near).await,
        ] {
            assert!(!has_lat(&octets, HOME_CORNER), "{form}");
            if matches!(form, "netxml" | "kismetdb") {
                assert!(
                    String::from_utf8_lossy(&octets).contains("walker"),
                    "{form}"
                );
            }
        }
    }
    // These show the area of all places, where nothing is left out. So does a track of a scanner.
    assert_eq!(with_corners, ["gpx", "kismetdb", "netxml"]);
}

#[tokio::test]
async fn an_owner_who_opted_out_is_not_forgotten_because_of_other_networks() {
    let server = TestServer::start_with(|config| config.limits.ssids_per_device_max = 2).await;
    send(&server, WIFI, json!([ap(5, "home_nomap", AWAY)])).await;
    for number in 0..3 {
        let mut other = ap(5, &format!("guest {number}"), AWAY);
        other["timestamp"] = json!(SEEN + 100 + number);
        send(&server, WIFI, json!([other])).await;
    }
    for per in ["device", "observation"] {
        let text = file(&server, &format!("csv?per={per}")).await;
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    let text = file(&server, "csv?include=nomap").await;
    assert!(text.contains("02:00:00:00:00:05"), "{text}");
}
