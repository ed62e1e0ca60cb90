//! What each service gets.

use scanpost::config::{ForwardKind, UnknownSecurity};
use serde_json::{Value, json};

use super::stub::{Reply, Stub, file_of, of_csv, of_geosubmit, unzipped};
use super::{KEY, SEEN, order, run, server, status, wifi, wifis};
use crate::exports::send;
use crate::server::{BLUETOOTH, SOURCE, TestServer, WIFI, batch};

#[tokio::test]
async fn geosubmit_gets_scans_with_what_was_seen_in_each() {
    let stub = Stub::answering(vec![]).await;
    let server = server(ForwardKind::Geosubmit, &stub, |_| {}).await;
    let scan = |mut report: Value| {
        report["timestamp"] = SEEN.into();
        report["alt"] = 34.5.into();
        report["speed"] = 36.into();
        report
    };
    send(
        &server,
        WIFI,
        json!([scan(wifi(1)), scan(wifi(2)), wifi(3)]),
    )
    .await;
    send(
        &server,
        BLUETOOTH,
        json!([{ "timestamp": SEEN + 3, "btaddr": "02:00:00:00:01:00", "name": "b", "signal": -70, "lat": 52.5, "lon": 13.4 }]),
    )
    .await;
    let after = run(&server).await;
    assert_eq!(after["rows"], 4, "{after}");
    assert_eq!(after["parts"], 1);
    assert_eq!(after["behind"], 0);
    let got = stub.got();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].target, format!("/v2/geosubmit?key={KEY}"));
    assert_eq!(got[0].headers["content-type"], "application/json");
    assert_eq!(got[0].headers["content-encoding"], "gzip");
    assert!(got[0].headers["user-agent"].starts_with("scanpost/"));
    let body: Value = serde_json::from_str(&unzipped(&got[0].body)).unwrap();
    let access_point = |number: u64| {
        json!({
            "macAddress": format!("02:00:00:00:00:0{number}"), "ssid": format!("net{number}"),
            "frequency": 2437, "channel": 6, "signalStrength": -60, "age": 0,
        })
    };
    assert_eq!(
        body,
        json!({ "items": [
            {
                "timestamp": SEEN * 1000,
                "position": { "latitude": 52.5, "longitude": 13.4, "altitude": 34.5, "speed": 10.0, "age": 0 },
                "wifiAccessPoints": [access_point(1), access_point(2)],
            },
            {
                "timestamp": (SEEN + 3) * 1000,
                "position": { "latitude": 52.5, "longitude": 13.4, "age": 0 },
                "wifiAccessPoints": [access_point(3)],
                "bluetoothBeacons": [{ "macAddress": "02:00:00:00:01:00", "name": "b", "signalStrength": -70, "age": 0 }],
            },
        ]})
    );
    run(&server).await;
    assert_eq!(stub.got().len(), 1, "nothing is new");
}

#[tokio::test]
async fn geosubmit_leaves_out_what_receivers_drop() {
    let stub = Stub::answering(vec![]).await;
    let server = server(ForwardKind::Geosubmit, &stub, |_| {}).await;
    let changed = |number: u64, key: &str, value: Value| {
        let mut report = wifi(number);
        report[key] = value;
        report
    };
    let mut near_zero = wifi(2);
    (near_zero["lat"], near_zero["lon"]) = (1.0.into(), 1.0.into());
    let mut past_zero = wifi(3);
    (past_zero["lat"], past_zero["lon"]) = (1.000_000_1.into(), 1.0.into());
    send(
        &server,
        WIFI,
        json!([
            changed(1, "ssid", "".into()),
            near_zero,
            past_zero,
            // A jump of more than 150 km from the last one, and then it stays there.
            wifi(4),
            wifi(5),
            changed(6, "alt", 5000.into()),
            changed(7, "alt", 5000.001.into()),
            changed(8, "lat", 0.into()),
        ]),
    )
    .await;
    run(&server).await;
    let seen = of_geosubmit(&stub.got()[0]);
    let expected = [3, 5, 6].map(|number| format!("02:00:00:00:00:0{number} {}", SEEN + number));
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn wigle_gets_a_packed_file() {
    let good =
        json!({ "success": true, "results": { "transids": [{ "transId": "20260101-00001" }] } });
    let replies = vec![Reply::Json(200, good.clone()), Reply::Json(200, good)];
    let stub = Stub::answering(replies).await;
    let server = server(ForwardKind::Wigle, &stub, |target| {
        target.user = "AID1".to_owned();
        target.donate = true;
    })
    .await;
    let unknown = json!({ "timestamp": SEEN, "bssid": "02:00:00:00:02:00", "ssid": "x", "lat": 52.5, "lon": 13.4 });
    send(&server, WIFI, json!([wifi(1), unknown])).await;
    run(&server).await;
    let got = stub.got();
    assert_eq!(got[0].target, "/api/v2/file/upload");
    // `AID1:hunter2`
    assert_eq!(got[0].headers["authorization"], "Basic QUlEMTpodW50ZXIy");
    let (file, name, fields) = file_of(&got[0]);
    assert!(
        name.starts_with("scanpost-") && name.ends_with(".csv.gz"),
        "{name}"
    );
    assert_eq!(fields, [("donate".to_owned(), "on".to_owned())]);
    let text = unzipped(&file);
    assert!(text.starts_with("WigleWifi-1.6,"), "{text}");
    assert_eq!(of_csv(&text), ["02:00:00:00:00:01 2020-09-13 12:26:41"]);

    let server = server.restart_with(|config| {
        let target = &mut config.forward[0];
        target.unknown_security = UnknownSecurity::Keep;
        target.user = String::new();
        target.donate = false;
    });
    let server = server.await;
    order(&server, "reset?to=start").await.expect_status(200);
    run(&server).await;
    let got = stub.got();
    assert_eq!(got[1].headers["authorization"], format!("Basic {KEY}"));
    let (file, _, fields) = file_of(&got[1]);
    assert!(fields.is_empty());
    assert_eq!(of_csv(&unzipped(&file)).len(), 2);
}

#[tokio::test]
async fn wdgwars_gets_a_plain_file_without_classic_devices() {
    let stub = Stub::answering(vec![Reply::Json(200, json!({ "ok": true }))]).await;
    let server = server(ForwardKind::Wdgwars, &stub, |_| {}).await;
    send(&server, WIFI, json!([wifi(1)])).await;
    let device = |address: &str, kind: &str| json!({ "timestamp": SEEN, "btaddr": address, "devicetype": kind, "signal": -70, "lat": 52.5, "lon": 13.4 });
    let devices = json!([
        device("02:00:00:00:01:00", "BLE"),
        device("02:00:00:00:01:01", "BR/EDR")
    ]);
    send(&server, BLUETOOTH, devices).await;
    run(&server).await;
    let got = stub.got();
    assert_eq!(got[0].target, "/api/upload-csv");
    assert_eq!(got[0].headers["x-api-key"], KEY);
    assert!(!got[0].headers.contains_key("authorization"));
    let (file, name, _) = file_of(&got[0]);
    assert!(name.strip_suffix(".csv").is_some(), "{name}");
    let text = String::from_utf8(file).unwrap();
    let types: Vec<_> = text
        .lines()
        .skip(2)
        .map(|row| row.rsplit(',').next().unwrap())
        .collect();
    assert_eq!(types, ["WIFI", "BLE"]);
}

#[tokio::test]
async fn wardriver_gets_transfers() {
    let stub = Stub::answering(vec![Reply::Json(201, json!({ "import_id": 7 }))]).await;
    let server = server(ForwardKind::Wardriver, &stub, |_| {}).await;
    send(&server, WIFI, json!([wifi(1)])).await;
    run(&server).await;
    let got = stub.got();
    assert_eq!(got[0].target, "/api/v1/imports");
    assert_eq!(got[0].headers["authorization"], format!("Bearer {KEY}"));
    let mut body: Value = serde_json::from_slice(&got[0].body).unwrap();
    let source = body["source"].as_str().unwrap().to_owned();
    let server_uuid = source.strip_prefix("scanpost-").unwrap();
    assert!(body["transfer"]["id"].take().is_string());
    assert_eq!(
        body,
        json!({
            "schema": "wardriver.observations.v1",
            "source": source,
            "client": concat!("scanpost/", env!("CARGO_PKG_VERSION")),
            "transfer": { "id": null, "chunk": 0, "chunks": 1, "final": true },
            "observations": [{
                "id": format!("{server_uuid}-1-0"), "kind": "wifi", "name": "net1", "bssid": "02:00:00:00:00:01",
                "security": "WPA2", "channel": 6, "latitude": 52.5, "longitude": 13.4, "seen_at": "2020-09-13T12:26:41Z",
            }],
        })
    );
}

#[tokio::test]
async fn another_scanpost_gets_everything_once() {
    let hub = TestServer::start().await;
    let mut edge_target = super::target(ForwardKind::Scanpost, hub.addr);
    edge_target.key = String::new().into();
    edge_target.rows_max = 2;
    let edge = TestServer::start_with(super::with(|_| {}, edge_target)).await;
    // A report without a place, and one of unknown security.
    let bare = json!({ "timestamp": SEEN, "bssid": "02:00:00:00:02:00", "ssid": "x" });
    let mut reports = wifis(1..5);
    reports.as_array_mut().unwrap().push(bare);
    send(&edge, WIFI, reports).await;
    let after = run(&edge).await;
    assert_eq!(
        (&after["rows"], &after["parts"]),
        (&json!(5), &json!(3)),
        "{after}"
    );
    assert_eq!(hub.device_count().await, 5);
    let observations = |server: &TestServer| {
        let address = format!(
            "http://{}/api/v1/export/geojsonseq?per=observation",
            server.addr
        );
        async move { reqwest::get(address).await.unwrap().text().await.unwrap() }
    };
    let known = |text: &str| {
        let rows = text.lines().map(|line| {
            let mut row: Value = serde_json::from_str(line).unwrap();
            row["id"].take();
            for name in ["position", "received_at", "received_at_utc"] {
                row["properties"][name].take();
            }
            row.to_string()
        });
        let mut rows: Vec<_> = rows.collect();
        rows.sort();
        rows
    };
    let (here, there) = (observations(&edge).await, observations(&hub).await);
    assert_eq!(known(&here), known(&there));
    // Once more, by other parts: the hub recognises all rows.
    order(&edge, "reset?to=start").await.expect_status(200);
    let edge = edge
        .restart_with(|config| config.forward[0].rows_max = 3)
        .await;
    assert_eq!(run(&edge).await["rows"], 10);
    assert_eq!(known(&observations(&hub).await).len(), 5);
}

#[tokio::test]
async fn parts_end_at_their_bounds_and_follow_each_other() {
    let stub = Stub::answering(vec![]).await;
    let server = server(ForwardKind::Geosubmit, &stub, |target| target.rows_max = 2).await;
    // One record, which is cut.
    send(&server, WIFI, wifis(1..6)).await;
    run(&server).await;
    let counts: Vec<_> = stub
        .got()
        .iter()
        .map(|got| of_geosubmit(got).len())
        .collect();
    assert_eq!(counts, [2, 2, 1]);
    let server = server
        .restart_with(|config| config.forward[0].rows_max = 1_000_000)
        .await;
    send(&server, WIFI, wifis(1000..1000 + 951)).await;
    run(&server).await;
    let counts: Vec<_> = stub.got()[3..]
        .iter()
        .map(|got| of_geosubmit(got).len())
        .collect();
    assert_eq!(counts, [950, 1], "scans of one request");
    let server = server
        .restart_with(|config| config.forward[0].bytes_max = 65_536)
        .await;
    order(&server, "reset?to=start").await.expect_status(200);
    run(&server).await;
    let got = stub.got()[5..].to_vec();
    let sizes: Vec<_> = got.iter().map(|got| unzipped(&got.body).len()).collect();
    assert!(sizes.iter().all(|size| *size <= 65_536), "{sizes:?}");
    assert!(65_000 < sizes[0], "{sizes:?}");
    let rows: usize = got.iter().map(|got| of_geosubmit(got).len()).sum();
    assert_eq!(rows, 5 + 951);
}

#[tokio::test]
async fn a_new_target_begins_with_new_reports_and_sends_the_chosen_sources() {
    let stub = Stub::answering(vec![]).await;
    let server = TestServer::start().await;
    send(&server, WIFI, wifis(1..2)).await;
    let target = super::target(ForwardKind::Geosubmit, stub.addr);
    let chosen = |config: &mut scanpost::config::Config| {
        let mut target = target;
        target.sources = vec![SOURCE.to_uppercase()];
        config.forward = vec![target];
    };
    let server = server.restart_with(chosen).await;
    send(&server, WIFI, wifis(2..3)).await;
    let mut other = batch(wifis(3..4));
    other["source_uuid"] = "44444444-0000-0000-0000-000000000002".into();
    other["source_name"] = "other".into();
    server.taken(&other).await;
    run(&server).await;
    assert_eq!(
        of_geosubmit(&stub.got()[0]),
        [format!("02:00:00:00:00:02 {}", SEEN + 2)]
    );
    let server = server
        .restart_with(|config| config.forward[0].sources = vec!["other".to_owned()])
        .await;
    order(&server, "reset?to=start").await.expect_status(200);
    run(&server).await;
    assert_eq!(
        of_geosubmit(&stub.got()[1]),
        [format!("02:00:00:00:00:03 {}", SEEN + 3)]
    );
}

#[tokio::test]
async fn imported_rows_and_those_of_the_service_itself_stay_here() {
    let stub = Stub::answering(vec![]).await;
    let server = server(ForwardKind::Geosubmit, &stub, |_| {}).await;
    let csv = |number: u64| {
        format!(
            "WigleWifi-1.4,appRelease=1\nMAC,SSID,AuthMode,FirstSeen,Channel,RSSI,CurrentLatitude,CurrentLongitude,AltitudeMeters,AccuracyMeters,Type\n\
             02:00:00:00:00:0{number},net,[WPA2-PSK-CCMP][ESS],2020-09-13 12:26:4{number},6,-60,52.5,13.4,0,0,WIFI\n"
        )
    };
    for (number, source) in [(1, "trip"), (2, "beacondb")] {
        let path = format!("/api/v1/imports?source={source}");
        let answer = server
            .post(&path, Some("text/csv"), csv(number).into_bytes())
            .await;
        assert_eq!(answer.expect_status(200).json()["files"][0]["taken"], 1);
    }
    let after = run(&server).await;
    assert_eq!(
        (&after["rows"], &after["behind"]),
        (&json!(0), &json!(0)),
        "{after}"
    );
    assert!(stub.got().is_empty());
    let server = server
        .restart_with(|config| config.forward[0].imported = true)
        .await;
    order(&server, "reset?to=start").await.expect_status(200);
    run(&server).await;
    assert_eq!(
        of_geosubmit(&stub.got()[0]),
        [format!("02:00:00:00:00:01 {}", SEEN + 1)]
    );
}

#[tokio::test]
async fn a_dry_run_writes_files_and_leaves_the_position() {
    let stub = Stub::answering(vec![]).await;
    let folder = tempfile::tempdir().unwrap();
    let server = server(ForwardKind::Geosubmit, &stub, |target| {
        target.dry_run = folder.path().join("parts");
        target.rows_max = 2;
    })
    .await;
    send(&server, WIFI, wifis(1..4)).await;
    let after = run(&server).await;
    assert_eq!(
        (&after["dry_run"], &after["rows"]),
        (&json!(true), &json!(3))
    );
    let mut names: Vec<_> = std::fs::read_dir(folder.path().join("parts"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["t-1-0.json.gz", "t-1-2.json.gz"]);
    let first = std::fs::read(folder.path().join("parts").join(&names[0])).unwrap();
    assert!(unzipped(&first).contains("02:00:00:00:00:02"));
    assert!(stub.got().is_empty());
    let server = server
        .restart_with(|config| config.forward[0].dry_run = "".into())
        .await;
    assert_eq!(status(&server).await["position"], 0);
    assert_eq!(run(&server).await["rows"], 3);
    assert_eq!(stub.got().len(), 2);
    let sent = &stub.got()[0].body;
    assert_eq!(*sent, first, "the service gets what the files have");
}
