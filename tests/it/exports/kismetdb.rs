//! Databases as Kismet logs to.

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{SEEN, octets_of, send, with_devices};
use crate::alerts::{OFTEN, canaries};
use crate::imports::{account, wigle};
use crate::server::{BLUETOOTH, TestServer, WIFI};

/// A file of this form, opened.
async fn database(server: &TestServer, query: &str) -> (TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.kismet");
    std::fs::write(&path, octets_of(server, query).await).unwrap();
    let db = Connection::open(path).unwrap();
    let check: String = db
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok", "{query}");
    (folder, db)
}

fn count(db: &Connection, table: &str) -> usize {
    let sql = format!("SELECT count(*) FROM {table}");
    let count: i64 = db.query_row(&sql, [], |row| row.get(0)).unwrap();
    usize::try_from(count).unwrap()
}

/// The rows of a query, with a JSON value for each column.
fn rows(db: &Connection, sql: &str) -> Vec<Value> {
    use rusqlite::types::Value as Cell;
    let mut statement = db.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let cell = |index| {
            Ok(match row.get(index)? {
                Cell::Null => Value::Null,
                Cell::Integer(number) => number.into(),
                Cell::Real(number) => number.into(),
                Cell::Text(text) => text.into(),
                Cell::Blob(octets) => String::from_utf8(octets).unwrap().into(),
            })
        };
        (0..columns).map(cell).collect()
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// Exports leave nothing in the data directory.
fn expect_no_file(server: &TestServer) {
    let left = std::fs::read_dir(server.data().join("exports")).unwrap();
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn each_observation_is_a_packet_or_a_report_of_a_scanner() {
    let server = with_devices().await;
    let (_folder, db) = database(&server, "kismetdb").await;
    let version = rows(&db, "SELECT * FROM KISMET");
    assert_eq!(version, [json!(["2025.09.0", 9, "kismetlog"])]);
    let packets = rows(
        &db,
        "SELECT ts_sec, phyname, sourcemac, destmac, frequency, lat, lon, alt, signal, datasource, dlt FROM packets
         WHERE sourcemac = '00:11:22:00:00:01' ORDER BY ts_sec",
    );
    let source = rows(&db, "SELECT uuid FROM datasources");
    let source = source[0][0].as_str().unwrap();
    let expected = [
        json!([
            SEEN,
            "IEEE802.11",
            "00:11:22:00:00:01",
            "FF:FF:FF:FF:FF:FF",
            2_437_000.0,
            52.520_006_6,
            13.404_954,
            34.2,
            -61,
            source,
            105
        ]),
        json!([
            SEEN + 60,
            "IEEE802.11",
            "00:11:22:00:00:01",
            "FF:FF:FF:FF:FF:FF",
            2_437_000.0,
            52.520_106_6,
            13.405_154,
            0.0,
            -70,
            source,
            105
        ]),
    ];
    assert_eq!(packets, expected);
    assert_eq!(count(&db, "packets"), 6, "without the one that opted out");
    let all = "FROM packets WHERE packet IS NULL OR tags IS NULL OR lat IS NULL OR signal IS NULL";
    assert!(rows(&db, &format!("SELECT 1 {all}")).is_empty());
    let data = rows(
        &db,
        "SELECT ts_sec, phyname, devmac, lat, type, json FROM data ORDER BY devmac",
    );
    assert_eq!(data.len(), 2);
    let report: Value = serde_json::from_str(data[0][5].as_str().unwrap()).unwrap();
    let expected = json!({"timestamp": SEEN, "btaddr": "02:00:00:00:01:01", "name": "Watch", "devicetype": "BTLE",
                          "signal": -77, "scan_data": "03ff4c00", "lat": 52.5, "lon": 13.4});
    assert_eq!(report, expected);
    assert_eq!(count(&db, "devices"), 7);
    let system: Value = {
        let row = rows(&db, "SELECT json FROM snapshots WHERE snaptype = 'SYSTEM'");
        serde_json::from_str(row[0][0].as_str().unwrap()).unwrap()
    };
    assert_eq!(
        system["kismet.system.server_uuid"],
        system["kismet.server.uuid"]
    );
    expect_no_file(&server);
}

#[tokio::test]
async fn version_10_has_signals_of_bluetooth_devices() {
    let server = with_devices().await;
    let (_folder, db) = database(&server, "kismetdb?version=10").await;
    assert_eq!(rows(&db, "SELECT db_version FROM KISMET"), [json!([10])]);
    let signals = rows(&db, "SELECT signal FROM data ORDER BY devmac");
    assert_eq!(signals, [json!([-77]), json!([0])]);
    let (_folder, db) = database(&server, "kismetdb").await;
    assert!(db.prepare("SELECT signal FROM data").is_err());
}

#[tokio::test]
async fn records_of_devices_have_what_tools_ask_for() {
    let server = with_devices().await;
    let (_folder, db) = database(&server, "kismetdb?per=device").await;
    assert_eq!((count(&db, "packets"), count(&db, "data")), (0, 0));
    let devices = rows(
        &db,
        "SELECT devmac, type, strongest_signal, min_lat, avg_lat, device FROM devices ORDER BY devmac",
    );
    assert_eq!(devices.len(), 7);
    let first = devices[0].as_array().unwrap();
    assert_eq!(
        first[..5],
        [
            json!("00:11:22:00:00:01"),
            json!("Wi-Fi AP"),
            json!(-61),
            json!(52.520_006_6),
            json!(52.520_056_6)
        ]
    );
    for device in &devices {
        let record: Value = serde_json::from_str(device[5].as_str().unwrap()).unwrap();
        for name in ["commonname", "phyname", "channel", "crypt"] {
            let field = &record[format!("kismet.device.base.{name}")];
            assert!(field.is_string(), "{name}: {record}");
        }
        let location = &record["kismet.device.base.location"]["kismet.common.location.avg_loc"];
        if !location.is_null() {
            let geopoint = &location["kismet.common.location.geopoint"];
            assert_eq!(location["kismet.common.location.lat"], geopoint[1]);
            assert_eq!(location["kismet.common.location.lon"], geopoint[0]);
        }
        if record["kismet.device.base.phyname"] == "IEEE802.11" {
            let dot11 = &record["dot11.device"];
            assert!(
                dot11["dot11.device.advertised_ssid_map"].is_object(),
                "{dot11}"
            );
            let last = &dot11["dot11.device.last_beaconed_ssid_record"];
            assert!(last["dot11.advertisedssid.ssid"].is_string(), "{dot11}");
        }
    }
}

/// The keys of a record.
fn keys(record: &str) -> Vec<String> {
    let record: Value = serde_json::from_str(record).unwrap();
    record.as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn minimal_devices_have_what_tools_ask_for_and_no_more() {
    let server = with_devices().await;
    let records = async |query: &str| {
        let (_folder, db) = database(&server, query).await;
        let records = rows(&db, "SELECT device FROM devices ORDER BY devmac");
        let records = records
            .iter()
            .map(|row| row[0].as_str().unwrap().to_owned());
        records.collect::<Vec<_>>()
    };
    for per in ["device", "observation"] {
        let whole = records(&format!("kismetdb?per={per}&devices=whole")).await;
        // Some of the values are the time now.
        let default = records(&format!("kismetdb?per={per}")).await;
        let keys_of = |records: &[String]| -> Vec<_> {
            let keys = records.iter().map(|record| keys(record));
            keys.collect()
        };
        assert_eq!(keys_of(&default), keys_of(&whole));
        let minimal = records(&format!("kismetdb?per={per}&devices=minimal")).await;
        assert_eq!(minimal.len(), whole.len());
        for (minimal, whole) in minimal.iter().zip(&whole) {
            assert!(2 * minimal.len() < whole.len(), "{minimal}");
            let minimal: Value = serde_json::from_str(minimal).unwrap();
            let whole: Value = serde_json::from_str(whole).unwrap();
            for name in [
                "key",
                "commonname",
                "phyname",
                "channel",
                "crypt",
                "type",
                "first_time",
                "location",
            ] {
                let name = format!("kismet.device.base.{name}");
                assert_eq!(minimal.get(&name), whole.get(&name), "{name}");
            }
            let last = "/dot11.device/dot11.device.last_beaconed_ssid_record";
            for name in ["ssid", "crypt_bitfield", "crypt_string"] {
                let path = format!("{last}/dot11.advertisedssid.{name}");
                assert_eq!(minimal.pointer(&path), whole.pointer(&path), "{path}");
            }
            assert!(minimal.get("kismet.device.base.signal").is_none());
        }
    }
}

#[tokio::test]
async fn the_way_of_a_scanner_is_in_snapshots() {
    let server = with_devices().await;
    let (_folder, db) = database(&server, "kismetdb").await;
    let ways =
        "SELECT ts_sec, lat, lon, json FROM snapshots WHERE snaptype = 'GPS' ORDER BY ts_sec, lat";
    let ways = rows(&db, ways);
    // The two Bluetooth devices were seen at once.
    let places: Vec<_> = ways
        .iter()
        .map(|row| json!([row[0], row[1], row[2]]))
        .collect();
    let expected = [
        json!([SEEN, 52.5, 13.4]),
        json!([SEEN, 52.520_006_6, 13.404_954]),
        json!([SEEN + 1, 52.5, 13.4]),
        json!([SEEN + 2, -90.0, 180.0]),
        json!([SEEN + 4, 90.0, -180.0]),
        json!([SEEN + 60, 52.520_106_6, 13.405_154]),
    ];
    assert_eq!(places, expected);
    let location: Value = serde_json::from_str(ways[1][3].as_str().unwrap()).unwrap();
    assert_eq!(
        location["kismet.common.location.geopoint"],
        json!([13.404_954, 52.520_006_6])
    );
    assert_eq!(location["kismet.common.location.alt"], 34.2);
    assert_eq!(location["kismet.common.location.fix"], 3);
    for query in [
        "kismetdb?per=device",
        "kismetdb?exclude=0,0,20000000;0,180,20000000",
    ] {
        let (_folder, db) = database(&server, query).await;
        assert_eq!(count(&db, "snapshots"), 1, "{query}");
    }
}

#[tokio::test]
async fn alerts_about_devices_in_the_file_are_in_it() {
    let server = TestServer::start_with(|config| canaries(&mut config.alerts, OFTEN)).await;
    let report = |number: u8, ssid: &str, lat: f64| json!({"bssid": format!("02:00:00:00:00:{number:02x}"), "ssid": ssid, "signal": -60, "lat": lat, "lon": 13.4});
    let reports = json!([
        report(1, "Canary 1", 52.5),
        report(2, "Canary 2", 48.2),
        report(3, "Canary_nomap", 52.5),
        report(4, "no bird", 52.5)
    ]);
    send(&server, WIFI, reports).await;
    let page = server.read("/api/v1/alerts").await;
    assert_eq!(page["alerts"].as_array().unwrap().len(), 3, "{page}");
    let alerts = async |query: &str| {
        let (_folder, db) = database(&server, query).await;
        rows(
            &db,
            "SELECT devmac, phyname, lat, lon, header, json FROM alerts ORDER BY devmac",
        )
    };
    let (first, second) = ("02:00:00:00:00:01", "02:00:00:00:00:02");
    for query in ["kismetdb", "kismetdb?per=device"] {
        let found = alerts(query).await;
        assert_eq!(found.len(), 2, "{query}: {found:?}");
        for (alert, (address, lat)) in found.iter().zip([(first, 52.5), (second, 48.2)]) {
            let record: Value = serde_json::from_str(alert[5].as_str().unwrap()).unwrap();
            assert_eq!(record["kismet.alert.header"], "SSIDCANARY", "{query}");
            assert_eq!(record["kismet.alert.transmitter_mac"], address, "{query}");
            let expected = json!([address, "IEEE802.11", lat, 13.4, "SSIDCANARY", alert[5]]);
            assert_eq!(*alert, expected, "{query}");
        }
    }
    let found = alerts("kismetdb?address_prefix=02:00:00:00:00:02").await;
    assert_eq!((found.len(), &found[0][0]), (1, &json!(second)));
    // With an area that is left out, observations have devices without places.
    let found = alerts("kismetdb?exclude=52.5,13.4,1000").await;
    assert_eq!((found.len(), &found[0][0]), (1, &json!(second)));
    assert_eq!(found[0][2], 0.0);
    let record: Value = serde_json::from_str(found[0][5].as_str().unwrap()).unwrap();
    assert_eq!(record["kismet.alert.location"], json!({}));
}

#[tokio::test]
async fn an_empty_database_has_all_tables() {
    let server = TestServer::start().await;
    let (_folder, db) = database(&server, "kismetdb").await;
    for table in [
        "devices",
        "packets",
        "data",
        "datasources",
        "alerts",
        "messages",
    ] {
        assert_eq!(count(&db, table), 0, "{table}");
    }
    assert_eq!((count(&db, "KISMET"), count(&db, "snapshots")), (1, 1));
}

#[tokio::test]
async fn a_file_past_its_bound_is_refused_and_leaves_nothing() {
    let server = TestServer::start_with(|config| config.export.file_bytes_max = 1 << 20).await;
    // Some KiB for each device.
    account(&server, wigle(0..1000)).await;
    for _ in 0..2 {
        let answer = server.get("/api/v1/export/kismetdb").await;
        let answer = answer.expect_error(507, "export.file_bytes_max");
        assert_eq!(answer["code"], "export_too_large", "{answer}");
        expect_no_file(&server);
    }
    let (_folder, db) = database(&server, "kismetdb?ssid=net%207").await;
    assert_eq!(count(&db, "devices"), 1);
    expect_no_file(&server);
}

#[tokio::test]
async fn what_a_crash_left_is_removed_at_the_start() {
    let server = TestServer::start().await;
    std::fs::write(server.data().join("exports/unfinished"), "SQLite").unwrap();
    let server = server.restart().await;
    expect_no_file(&server);
}

#[tokio::test]
async fn bluetooth_devices_come_back_with_what_they_advertise() {
    let from = TestServer::start().await;
    let reports = json!([
        {"timestamp": SEEN, "btaddr": "02:00:00:00:01:01", "name": "Back\\x41slash", "devicetype": "BTLE", "signal": -77,
         "txpowerlevel": 4, "pathloss": 60, "scan_data": "03FF4C00", "service_data": {"180f": "64"}, "lat": 52.5,
         "lon": 13.4, "alt": 12.5, "speed": 3.6},
    ]);
    send(&from, BLUETOOTH, reports).await;
    let into = TestServer::start().await;
    let told = account(&into, octets_of(&from, "kismetdb").await).await;
    assert_eq!(told["taken"], 1, "{told}");
    let whole = async |server: &TestServer| server.read("/api/v1/devices/02:00:00:00:01:01").await;
    let (expected, found) = (whole(&from).await, whole(&into).await);
    for field in [
        "name",
        "bluetooth",
        "position",
        "signal",
        "first_seen",
        "last_seen",
    ] {
        assert_eq!(found[field], expected[field], "{field}");
    }
}

#[tokio::test]
async fn names_with_backslashes_come_back() {
    let from = TestServer::start().await;
    let reports = json!([
        {"timestamp": SEEN, "bssid": "02:00:00:00:00:01", "ssid": "back\\x41slash\\n", "signal": -60},
        {"timestamp": SEEN, "bssid": "02:00:00:00:00:02", "ssid": "nul\0@FF", "signal": -60},
    ]);
    send(&from, WIFI, reports).await;
    let into = TestServer::start().await;
    for query in ["kismetdb", "kismetdb?per=device"] {
        account(&into, octets_of(&from, query).await).await;
        let names = async |server: &TestServer| {
            let page = server.read("/api/v1/devices").await;
            let rows = page["devices"].as_array().unwrap().iter();
            let mut names: Vec<_> = rows.map(|row| row["name"].to_string()).collect();
            names.sort();
            names
        };
        assert_eq!(names(&into).await, names(&from).await, "{query}");
    }
}
