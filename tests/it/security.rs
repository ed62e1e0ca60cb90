//! Security of networks, from the scanner's capabilities string to the views.

use std::collections::BTreeSet;

use scanpost::report::capabilities::SecurityClass;
use serde_json::{Value, json};

use crate::server::TestServer;

/// One capabilities string per line, with its meaning. The first line describes the columns.
const CORPUS: &str = include_str!("../fixtures/capabilities-corpus.tsv");
/// The same for words of lists that are made for people, and of microcontrollers.
const WORDS: &str = include_str!("../fixtures/capabilities-words.tsv");

/// Strings for the classes that are missing in the corpus.
const MORE: [(&str, &str); 3] = [
    ("[WPA]", "wpa-unstated"),
    ("[WPA-EAP-TKIP][RSN-EAP-CCMP]", "wpa-wpa2-enterprise"),
    ("[RSN-DPP]", "dpp"),
];

fn address(number: usize) -> String {
    format!("02:00:00:00:{:02X}:{:02X}", number / 256, number % 256)
}

/// Joins the names of a list as the corpus does.
fn joined(names: &Value) -> String {
    let names = names.as_array().unwrap().iter();
    let names: Vec<_> = names.map(|name| name.as_str().unwrap()).collect();
    names.join("+")
}

/// A server with one access point for each of the strings.
async fn server_with(strings: &[&str]) -> TestServer {
    let server = TestServer::start().await;
    let reports = strings.iter().enumerate().map(|(number, raw)| {
        json!({ "bssid": address(number), "ssid": format!("Net {number}"), "capabilities": raw })
    });
    server.report(reports.collect()).await;
    server
}

#[tokio::test]
async fn every_column_of_the_corpus_is_shown_as_agreed() {
    let rows = CORPUS.lines().skip(1).chain(WORDS.lines().skip(1));
    let rows: Vec<Vec<&str>> = rows.map(|line| line.split('\t').collect()).collect();
    let strings: Vec<_> = rows.iter().map(|row| row[1]).collect();
    let server = server_with(&strings).await;
    for (number, row) in rows.iter().enumerate() {
        let path = format!("/api/v1/devices/{}", address(number));
        let device = server.read(&path).await;
        let security = &device["ssids"][0]["security"];
        if row[0].starts_with('H') {
            assert_eq!(security["class"], "unknown", "{row:?}");
            continue;
        }
        let text = |name: &str| security[name].as_str().unwrap_or_default().to_owned();
        let shown = [
            joined(&security["protocols"]),
            joined(&security["akms"]),
            joined(&security["pairwise"]),
            text("wps"),
            text("mfp"),
            text("topology"),
            text("class"),
        ];
        assert_eq!(shown[..], row[2..9], "{row:?}");
        // Unknown parts are only counted; the string is in the log.
        let (leftovers, flags): (Vec<_>, Vec<_>) = row[9]
            .split_whitespace()
            .partition(|name| name.starts_with("?:"));
        assert_eq!(security["flags"], json!(flags), "{row:?}");
        assert_eq!(security["has_leftovers"], !leftovers.is_empty(), "{row:?}");
    }
}

#[tokio::test]
async fn auth_modes_of_microcontrollers_are_decoded() {
    let server = TestServer::start().await;
    let said = [json!(3), json!("3"), json!("WIFI_AUTH_WPA2_PSK"), json!(99)];
    let reports = said.iter().enumerate().map(
        |(number, said)| json!({ "bssid": address(number), "ssid": "Lab", "capabilities": said }),
    );
    server.report(reports.collect()).await;
    for (number, class) in ["wpa2-personal", "wpa2-personal", "wpa2-personal", "unknown"]
        .into_iter()
        .enumerate()
    {
        let path = format!("/api/v1/devices/{}", address(number));
        let device = server.read(&path).await;
        let said = &said[number];
        assert_eq!(device["ssids"][0]["security"]["class"], class, "{said}");
        let path = format!("{path}/observations");
        let kept = server.read(&path).await["observations"][0]["capabilities"].clone();
        let as_sent = said.as_str().map_or(said.to_string(), str::to_owned);
        assert_eq!(kept, as_sent);
    }
}

#[tokio::test]
async fn every_class_is_shown_in_every_view() {
    let rows = CORPUS.lines().skip(1);
    let corpus = rows.filter_map(|line| {
        let columns: Vec<_> = line.split('\t').collect();
        (!line.starts_with('H')).then(|| (columns[1], columns[8]))
    });
    let mut seen = BTreeSet::new();
    let samples: Vec<_> = corpus
        .chain(MORE)
        .filter(|(_, class)| seen.insert(*class))
        .collect();
    let classes: BTreeSet<_> = SecurityClass::ALL.map(SecurityClass::as_str).into();
    assert_eq!(seen, classes);
    let strings: Vec<_> = samples.iter().map(|(raw, _)| *raw).collect();
    let server = server_with(&strings).await;
    for (number, (raw, class)) in samples.into_iter().enumerate() {
        let path = format!("/api/v1/devices/{}", address(number));
        let device = server.read(&path).await;
        assert_eq!(device["security"], class, "{raw}");
        assert_eq!(device["ssids"][0]["security"]["class"], class, "{raw}");
        let label = SecurityClass::ALL
            .into_iter()
            .find(|known| known.as_str() == class)
            .map(SecurityClass::label);
        assert_eq!(device["security_label"], json!(label), "{raw}");
        let found = server
            .read(&format!("/api/v1/devices?security={class}"))
            .await;
        assert_eq!(found["devices"].as_array().unwrap().len(), 1, "{found}");
        assert_eq!(found["devices"][0]["address"], address(number));
        let kismet = server.device(&address(number)).await;
        let ssid = &kismet["dot11.device"]["dot11.device.advertised_ssid_map"][0];
        assert_eq!(kismet["scanpost.security.class"], class, "{raw}");
        assert_eq!(ssid["scanpost.security.class"], class, "{raw}");
    }
}

#[tokio::test]
async fn security_is_also_shown_in_the_terms_of_android_and_kismet() {
    let server = server_with(&["[WPA2_WPA3_PSK][ESS"]).await;
    let device = server
        .read(&format!("/api/v1/devices/{}", address(0)))
        .await;
    let security = &device["ssids"][0]["security"];
    assert_eq!(security["is_damaged"], true);
    // Shown in Android's notation, and marked as incomplete.
    assert_eq!(
        security["auth_mode"],
        "[WPA2-PSK][RSN-PSK+SAE][ESS][WPA3][UNDEFINED]"
    );
    let bits: u64 = (1 << 1) | (1 << 3) | (1 << 4) | (1 << 38) | (1 << 44);
    let kismet = json!({
        "crypt_string": "WPA3 WPA3-PSK WPA3-SAE",
        "crypt_bitfield": bits,
        "crypt_set": 64 | 128 | 65536 | (1 << 28) | (1 << 29),
    });
    assert_eq!(security["kismet"], kismet);
}

#[tokio::test]
async fn devices_that_are_not_networks_have_no_security_class() {
    let server = TestServer::start().await;
    let report = json!([{ "btaddr": address(0), "name": "Headset" }]);
    server
        .post_json(crate::server::BLUETOOTH, &crate::server::batch(report))
        .await
        .expect_status(200);
    let device = server.device(&address(0)).await;
    assert_eq!(device.get("scanpost.security.class"), None);
    // A network without a capabilities string has this class.
    server.report(json!([{ "bssid": address(1) }])).await;
    let device = server.device(&address(1)).await;
    assert_eq!(device["scanpost.security.class"], "unknown");
}
