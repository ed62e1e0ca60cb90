//! Channels as scanners in the field send them.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::Value;

use crate::server::{TestServer, WIFI};

const CASES: &str = include_str!("../fixtures/field/channels.toml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[expect(dead_code, reason = "it is for people")]
    client: Option<String>,
    reports: Vec<String>,
    channel: Option<String>,
    frequency_khz: Option<u64>,
    band_ghz: Option<String>,
    #[serde(default)]
    found: Vec<String>,
    #[serde(default)]
    missed: Vec<String>,
    #[serde(default)]
    alerts: Vec<String>,
}

impl Case {
    async fn report(&self, server: &TestServer, bssid: &str) {
        for (index, radio) in self.reports.iter().enumerate() {
            let time = 1_700_000_000 + 5 * index;
            let body = format!(
                r#"{{"source_uuid":"6e6d010f-5ca9-4000-8000-{index:012}","source_name":"scanner {index}","reports":[
                {{"bssid":"{bssid}","ssid":"Net","signal":-50,"capabilities":"[WPA2-PSK-CCMP][ESS]","timestamp":{time},{radio}}}]}}"#
            );
            let answer = server.post(WIFI, Some("application/json"), body).await;
            let answer = answer.expect_status(200).json();
            assert_eq!(answer["accepted"], 1, "{}: {radio}: {answer}", self.name);
        }
    }

    /// What is wrong with the views of the device.
    async fn wrong(&self, server: &TestServer, bssid: &str) -> String {
        let mut wrong = String::new();
        let mut check = |what: &str, is: &Value, should: Value| {
            if *is != should {
                writeln!(wrong, "{}: {what} is {is}, not {should}", self.name).unwrap();
            }
        };
        let row = server.read(&format!("/api/v1/devices/{bssid}")).await;
        check("channel", &row["channel"], self.channel.clone().into());
        check(
            "frequency_khz",
            &row["frequency_khz"],
            self.frequency_khz.into(),
        );
        check("band_ghz", &row["band_ghz"], self.band_ghz.clone().into());
        let kismet = server.device(bssid).await;
        let channel = self.channel.clone().unwrap_or_default();
        check(
            "Kismet's channel",
            &kismet["kismet.device.base.channel"],
            channel.into(),
        );
        let khz = self.frequency_khz.unwrap_or_default();
        check(
            "Kismet's frequency",
            &kismet["kismet.device.base.frequency"],
            khz.into(),
        );
        let queries = [(true, &self.found), (false, &self.missed)];
        for (is_found, queries) in queries {
            for query in queries {
                let path = format!("/api/v1/devices?address_prefix={bssid}&{query}");
                let devices = server.read(&path).await["devices"]
                    .as_array()
                    .unwrap()
                    .len();
                check(query, &devices.into(), usize::from(is_found).into());
            }
        }
        let path = format!("/api/v1/alerts?limit=1000&address={bssid}");
        let alerts = server.read(&path).await;
        let alerts = alerts["alerts"].as_array().unwrap();
        let rules: Value = alerts.iter().map(|alert| alert["rule"].clone()).collect();
        check("alerts", &rules, self.alerts.clone().into());
        wrong
    }
}

#[tokio::test]
async fn channels_from_the_field_are_understood() {
    let Cases { cases } = toml::from_str(CASES).unwrap();
    let server = TestServer::start_with(|config| {
        config.alerts.chanchange = "1000/min,1000/sec".to_owned();
    })
    .await;
    let mut wrong = String::new();
    for (number, case) in cases.iter().enumerate() {
        let bssid = format!("02:00:5E:10:CA:{number:02X}");
        case.report(&server, &bssid).await;
        wrong += &case.wrong(&server, &bssid).await;
    }
    assert!(wrong.is_empty(), "{wrong}");
    // What follows from the log is the same as what follows from the reports.
    let server = server.restart_without_snapshots().await;
    for (number, case) in cases.iter().enumerate() {
        wrong += &case
            .wrong(&server, &format!("02:00:5E:10:CA:{number:02X}"))
            .await;
    }
    assert!(wrong.is_empty(), "after a restart:\n{wrong}");
}
