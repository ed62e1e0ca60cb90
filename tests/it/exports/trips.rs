//! Files are imported into another server, which has the same devices afterwards.

use std::collections::BTreeMap;

use serde_json::Value;

use super::hostile::with_hostile_names;
use super::{octets_of, with_devices};
use crate::imports::account;
use crate::server::TestServer;

/// What is compared of devices.
type Devices = BTreeMap<String, Vec<Value>>;

async fn devices(server: &TestServer, fields: &[&str]) -> Devices {
    let page = server.read("/api/v1/devices?limit=1000").await;
    let rows = page["devices"].as_array().unwrap().iter();
    let device = |row: &Value| {
        let values = fields.iter().map(|field| row[field].clone());
        (
            row["address"].as_str().unwrap().to_owned(),
            values.collect(),
        )
    };
    rows.map(device).collect()
}

/// Exports, imports into an empty server, and imports once more. Returns that server.
async fn carry(from: &TestServer, query: &str) -> TestServer {
    let text = octets_of(from, query).await;
    let into = TestServer::start().await;
    let first = account(&into, &text).await;
    assert_eq!(first["refused"], 0, "{query}: {first}");
    // Of sightings in the same second, a database of Kismet gives the strongest.
    let frames = first["others"]["frame"].as_u64().unwrap_or_default();
    assert_eq!(first["other"], frames, "{query}: {first}");
    let taken = first["taken"].as_u64().unwrap();
    assert!(0 < taken, "{query}: {first}");
    // Another file with the same rows.
    let text = [text, b"\n".to_vec()].concat();
    let again = account(&into, text).await;
    assert_eq!(again["duplicate"], false, "{query}: {again}");
    assert_eq!(again["taken"], 0, "{query}: {again}");
    into
}

/// Compares what a form carries of the devices that it carries.
async fn check(from: &TestServer, query: &str, fields: &[&str], carries: impl Fn(&str) -> bool) {
    let into = carry(from, query).await;
    let mut expected = devices(from, fields).await;
    expected.retain(|address, _| carries(address));
    let found = devices(&into, fields).await;
    for (address, device) in &expected {
        assert_eq!(found.get(address), Some(device), "{query}: {address}");
    }
    assert_eq!(found.len(), expected.len(), "{query}");
}

const WITHOUT_PLACE: &str = "02:00:00:00:00:04";
const OPTED_OUT: &str = "02:00:00:00:00:06";

fn is_allowed(address: &str) -> bool {
    address != OPTED_OUT
}

fn has_place(address: &str) -> bool {
    address != OPTED_OUT && address != WITHOUT_PLACE
}

/// What observations tell of a device.
const OBSERVED: [&str; 13] = [
    "phy",
    "name",
    "security",
    "channel",
    "frequency_khz",
    "signal_dbm",
    "signal_strongest_dbm",
    "signal_weakest_dbm",
    "first_seen",
    "last_seen",
    "reports",
    "lat",
    "lon",
];

#[tokio::test]
async fn observations_in_geojson_carry_all_that_devices_are_made_of() {
    let from = with_devices().await;
    let fields = OBSERVED;
    check(&from, "geojson?per=observation", &fields, is_allowed).await;
    let into = carry(&from, "geojson?per=observation").await;
    let sources = into.read("/api/v1/sources").await;
    assert_eq!(sources["sources"].as_array().unwrap().len(), 1, "{sources}");
    assert_eq!(sources["sources"][0]["name"], "phone", "{sources}");
}

#[tokio::test]
async fn devices_in_geojson_carry_what_a_summary_has() {
    let from = with_devices().await;
    let fields = [
        "phy",
        "name",
        "security",
        "channel",
        "frequency_khz",
        "first_seen",
        "last_seen",
    ];
    check(&from, "geojson", &fields, is_allowed).await;
}

#[tokio::test]
async fn wigle_csv_carries_sightings_with_a_place() {
    let from = with_devices().await;
    let fields = [
        "phy",
        "name",
        "security",
        "signal_dbm",
        "first_seen",
        "last_seen",
        "reports",
        "lat",
        "lon",
    ];
    check(&from, "wiglecsv", &fields, has_place).await;
    let fields = ["phy", "name", "security"];
    check(&from, "wiglecsv?version=1.4", &fields, has_place).await;
    check(&from, "wiglecsv?per=device", &fields, has_place).await;
}

#[tokio::test]
async fn kml_carries_devices_with_a_place() {
    let from = with_devices().await;
    let fields = [
        "phy",
        "name",
        "security",
        "channel",
        "first_seen",
        "last_seen",
    ];
    check(&from, "kml", &fields, has_place).await;
}

#[tokio::test]
async fn databases_of_kismet_carry_observations_and_devices() {
    let from = with_devices().await;
    let fields = OBSERVED;
    // A channel without its frequency is not in a packet.
    let has_frequency = |address: &str| is_allowed(address) && address != "02:00:00:00:00:02";
    let into = carry(&from, "kismetdb").await;
    let mut expected = devices(&from, &fields).await;
    let mut found = devices(&into, &fields).await;
    expected.retain(|address, _| has_frequency(address));
    found.retain(|address, _| has_frequency(address));
    assert_eq!(found, expected);
    check(
        &from,
        "kismetdb?version=10",
        &["phy", "name", "security"],
        is_allowed,
    )
    .await;
    let fields = ["phy", "name", "security", "first_seen", "last_seen"];
    check(&from, "kismetdb?per=device", &fields, is_allowed).await;
    let minimal = "kismetdb?per=device&devices=minimal";
    check(&from, minimal, &fields, is_allowed).await;
}

#[tokio::test]
async fn netxml_carries_networks() {
    let from = with_devices().await;
    let fields = ["phy", "name", "security", "first_seen", "last_seen"];
    let is_wifi = |address: &str| is_allowed(address) && !address.starts_with("02:00:00:00:01");
    check(&from, "netxml", &fields, is_wifi).await;
}

#[tokio::test]
async fn names_of_any_octets_come_back() {
    let from = with_hostile_names().await;
    for query in [
        "geojson?per=observation",
        "geojson",
        "geojsonseq",
        "kml",
        "netxml",
        "kismetdb",
        "kismetdb?per=device",
    ] {
        // The one with many names shows any of those that it was seen with in the same second.
        let is_single = |address: &str| address != "02:00:00:00:01:00";
        let into = carry(&from, query).await;
        let (mut expected, mut found) = (
            devices(&from, &["name"]).await,
            devices(&into, &["name"]).await,
        );
        expected.retain(|address, _| is_single(address));
        found.retain(|address, _| is_single(address));
        assert_eq!(found, expected, "{query}");
    }
}
