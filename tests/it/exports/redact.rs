//! Files to share: no form has anything of the originals.

use serde_json::json;

use super::{FORMS, SEEN, file, readable, send};
use crate::server::{BLUETOOTH, TestServer, WIFI};

/// What must not be in a file, in small letters: the name, tags and the note, the scanner, the address in all its
/// spellings, its maker, what was advertised, and the place.
const ORIGINALS: [&str; 16] = [
    "secret",
    "736563726574",
    "5fe308bd",
    "phone",
    "00:11:22:33:44:55",
    "001122334455",
    "00-11-22-33-44-55",
    "554433221100",
    "5544332211",
    "cimsys",
    "ff4c00",
    ",76,",
    "48.2000001",
    "16.4000001",
    "1712.345",
    "apple",
];

async fn with_secrets() -> TestServer {
    let server = TestServer::start().await;
    let place = json!({ "lat": 48.200_000_1, "lon": 16.400_000_1, "alt": 1712.345, "speed": 3, "accuracy": 4 });
    let with_place = |mut report: serde_json::Value| {
        let place = place.as_object().unwrap().clone();
        report.as_object_mut().unwrap().extend(place);
        json!([report])
    };
    let wifi = json!({
        "timestamp": SEEN, "bssid": "00:11:22:33:44:55", "ssid": "secret", "capabilities": "[WPA2-PSK-CCMP][ESS][secret]",
        "channel": "6", "freqkhz": 2_437_000, "signal": -60, "tags": { "owner": "secret" }, "ietags": "secret",
    });
    send(&server, WIFI, with_place(wifi)).await;
    let watch = json!({
        "timestamp": SEEN, "btaddr": "00:11:22:33:44:55", "name": "secret watch", "devicetype": "secret", "signal": -70,
        "scan_data": "0709736563726574 05FF4C000102".replace(' ', ""), "service_data": { "180f": "736563726574" },
    });
    send(&server, BLUETOOTH, with_place(watch)).await;
    let note = json!({ "username": "secret note" });
    let path = "/devices/by-key/4202770D00000000_554433221100/set_name.cmd";
    server.post_json(path, &note).await.expect_status(200);
    server
}

#[tokio::test]
async fn no_form_has_anything_of_the_originals() {
    let server = with_secrets().await;
    for (form, has_observations) in FORMS {
        if form == "kismetdb" {
            let answer = server.get("/api/v1/export/kismetdb?redact=all").await;
            answer.expect_error(400, "redact: this form has the scanners");
            continue;
        }
        if matches!(form, "kmz" | "cotzip") {
            // Archives; kml and cot have the same rows.
            continue;
        }
        let rows = if has_observations {
            &["device", "observation"][..]
        } else {
            &["device"]
        };
        for per in rows {
            let plain = readable(&server, &format!("{form}?per={per}"))
                .await
                .to_lowercase();
            let redacted = readable(&server, &format!("{form}?per={per}&redact=all")).await;
            let redacted = redacted.to_lowercase();
            assert!(plain.contains("secret"), "{form} {per}");
            assert!(redacted.contains("net-"), "{form} {per}: {redacted}");
            for original in ORIGINALS {
                assert!(
                    !redacted.contains(original),
                    "{form} {per} {original}: {redacted}"
                );
            }
        }
    }
}

/// The addresses and names of devices in the file.
async fn aliases(server: &TestServer, query: &str) -> Vec<(String, String)> {
    let csv = file(server, &format!("csv?{query}")).await;
    let rows = csv.lines().skip(1);
    let cells = rows.map(|row| row.split(',').map(str::to_owned).collect::<Vec<_>>());
    cells.map(|row| (row[1].clone(), row[3].clone())).collect()
}

#[tokio::test]
async fn an_alias_is_the_same_in_each_file_and_after_a_restart() {
    let server = with_secrets().await;
    let first = aliases(&server, "redact=all").await;
    assert_eq!(aliases(&server, "redact=all").await, first);
    let restarted = server.restart().await;
    assert_eq!(aliases(&restarted, "redact=names,addresses").await, first);
    let plain = aliases(&restarted, "").await;
    let mixed = aliases(&restarted, "redact=addresses").await;
    assert!(
        plain
            .iter()
            .zip(&mixed)
            .all(|(plain, mixed)| plain.0 != mixed.0)
    );
    // The filter looks at the original.
    assert_eq!(aliases(&restarted, "redact=all&ssid=secret").await.len(), 1);
    let other = with_secrets().await;
    assert_ne!(aliases(&other, "redact=all").await, first);
}

#[tokio::test]
async fn a_redaction_that_is_not_known_is_refused() {
    let server = TestServer::start().await;
    for (query, reason) in [
        ("redact=some", "redact: expected all"),
        ("redact=", "redact: has no value"),
        ("redact", "redact: has no value"),
        ("redact=places:0", "1 to 100000 metres"),
        ("redact=places:100001", "1 to 100000 metres"),
    ] {
        let answer = server.get(&format!("/api/v1/export/csv?{query}")).await;
        answer.expect_error(400, reason);
    }
    for query in ["redact=places:1", "redact=places:100000"] {
        let answer = server.get(&format!("/api/v1/export/csv?{query}")).await;
        answer.expect_status(200);
    }
}

#[tokio::test]
async fn areas_are_left_out_by_where_things_really_are() {
    let server = TestServer::start().await;
    let ap = |number: u8, lat: f64| {
        json!({
            "timestamp": SEEN, "bssid": format!("02:00:00:00:00:0{number}"), "ssid": format!("ap {number}"),
            "capabilities": "[ESS]", "signal": -60, "lat": lat, "lon": 16.4,
        })
    };
    // Both in one cell of 10 km, some 300 m from each other.
    send(&server, WIFI, json!([ap(1, 48.2), ap(2, 48.203)])).await;
    for per in ["device", "observation"] {
        let path = format!("geojson?per={per}&redact=places:10000");
        let all: serde_json::Value = file(&server, &path).await.parse().unwrap();
        let cell = |at: usize| all["features"][at]["geometry"]["coordinates"].clone();
        assert_eq!(cell(0), cell(1));
        let left = file(&server, &format!("{path}&exclude=48.2,16.4,100")).await;
        assert!(
            !left.contains("ap 1") && left.contains("ap 2"),
            "{per}: {left}"
        );
        // The middle of the cell is nobody's place.
        let (lat, lon) = (&cell(0)[1], &cell(0)[0]);
        let left = file(&server, &format!("{path}&exclude={lat},{lon},100")).await;
        assert!(
            left.contains("ap 1") && left.contains("ap 2"),
            "{per}: {left}"
        );
    }
}
