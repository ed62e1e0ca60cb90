//! Databases as Kismet logs to.

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{SEEN, octets_of, send, with_devices};
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
