//! Histories in Kismet's records end at the moment of reading, whatever is in them.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::server::{SOURCE, TestServer, now_s};

const CASES: &str = include_str!("../fixtures/field/histories.toml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    ages_s: Vec<u64>,
}

/// The vectors, the time that a slot of each is for, and how many slots there are.
const VECTORS: [(&str, u64, u64); 3] = [
    ("minute_vec", 1, 60),
    ("hour_vec", 60, 60),
    ("day_vec", 3600, 24),
];

fn vector(rrd: &Value, name: &str) -> Vec<f64> {
    let vector = rrd[format!("kismet.common.rrd.{name}")].as_array();
    let slots = vector.unwrap_or_else(|| panic!("{rrd}")).iter();
    slots.map(|slot| slot.as_f64().unwrap()).collect()
}

/// The time of reading.
#[track_caller]
fn read_at(rrd: &Value) -> u64 {
    let time = rrd["kismet.common.rrd.last_time"].as_u64().unwrap();
    assert_eq!(rrd["kismet.common.rrd.serial_time"], time);
    assert!(now_s().abs_diff(time) < 3600, "{time} is not now");
    time
}

/// Checks the number of reports in each slot.
#[track_caller]
fn expect_counts(what: &str, rrd: &Value, times: &[u64]) {
    let now = read_at(rrd);
    for (name, unit_s, slots) in VECTORS {
        let mut expected = vec![0.0; usize::try_from(slots).unwrap()];
        for time in times {
            if now / unit_s - time / unit_s < slots {
                expected[usize::try_from(time / unit_s % slots).unwrap()] += 1.0;
            }
        }
        let shown = vector(rrd, name);
        let unit_s = f64::from(u32::try_from(unit_s).unwrap());
        assert_eq!(shown.len(), expected.len());
        for (at, (shown, expected)) in shown.iter().zip(&expected).enumerate() {
            // Kismet writes six decimals.
            let is_close = (shown * unit_s - expected).abs() < 0.01;
            assert!(
                is_close,
                "{what}: {name}[{at}] is {shown}, not {expected} / {unit_s}"
            );
        }
    }
    let last = times.iter().filter(|&&time| time == now).count();
    assert_eq!(rrd["kismet.common.rrd.last_value"], last, "{what}");
}

#[tokio::test]
async fn counts_are_as_of_the_moment_of_reading() {
    let Cases { cases } = toml::from_str(CASES).unwrap();
    let server = TestServer::start().await;
    let mut all = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let now = now_s();
        let times: Vec<_> = case.ages_s.iter().map(|age_s| now - age_s).collect();
        let (bssid, source) = (
            format!("02:00:5E:10:AD:{number:02X}"),
            format!("6e6d010f-5ca9-4000-8000-{number:012}"),
        );
        let reports: Vec<_> = times
            .iter()
            .map(|time| json!({ "bssid": bssid, "timestamp": time, "signal": -50, "freqkhz": 5_000_000 + 5000 * (number + 36) }))
            .collect();
        let body = json!({ "source_uuid": source, "source_name": "x", "reports": reports });
        server.taken(&body).await;
        all.extend(&times);
        let device = server.device(&bssid).await;
        for field in ["packets.rrd", "tx_packets.rrd"] {
            let rrd = &device[format!("kismet.device.base.{field}")];
            expect_counts(&format!("{}, {field}", case.name), rrd, &times);
        }
        let signals = &device["kismet.device.base.signal"]["kismet.common.signal.signal_rrd"];
        let now = read_at(signals);
        let shown = vector(signals, "minute_vec");
        for (slot, shown) in (0..).zip(shown) {
            let is_seen = times
                .iter()
                .any(|time| time % 60 == slot && now - time < 60);
            assert_eq!(shown != 0.0, is_seen, "{}, {slot}", case.name);
        }
        let path = format!("/datasource/by-uuid/{source}/source.json");
        let rrd = &server.read(&path).await["kismet.datasource.packets_rrd"];
        expect_counts(&format!("{}, source", case.name), rrd, &times);
    }
    let stats = server.read("/packetchain/packet_stats.json").await;
    for field in ["packets_rrd", "processed_packets_rrd"] {
        expect_counts(field, &stats[format!("kismet.packetchain.{field}")], &all);
    }
    for kind in ["rate", "processed"] {
        let path = format!("/packetchain/packet_{kind}.json");
        expect_counts(kind, &server.read(&path).await, &all);
    }
    for kind in ["error", "dupe", "drop"] {
        let path = format!("/packetchain/packet_{kind}.json");
        expect_counts(kind, &server.read(&path).await, &[]);
    }
}

#[tokio::test]
async fn peaks_are_the_most_reports_of_a_second() {
    let server = TestServer::start().await;
    let reports: Vec<_> = (0..20)
        .map(|number| json!({ "bssid": format!("02:00:5E:10:AE:{number:02X}") }))
        .collect();
    server.report(json!(reports)).await;
    let stats = server.read("/packetchain/packet_stats.json").await;
    let peaks = &stats["kismet.packetchain.peak_packets_rrd"];
    let rate = &stats["kismet.packetchain.packets_rrd"];
    assert_eq!(vector(peaks, "minute_vec"), vector(rate, "minute_vec"));
    read_at(peaks);
    for vector in ["hour_vec", "day_vec"].map(|name| self::vector(peaks, name)) {
        // No slot has the mean, and one has the peak.
        let most = vector.iter().copied().fold(0.0, f64::max);
        assert!((most - 20.0).abs() < 0.01, "{vector:?}");
    }
    let peak = server.read("/packetchain/packet_peak.json").await;
    assert_eq!(vector(&peak, "day_vec"), vector(peaks, "day_vec"));
}

#[tokio::test]
async fn channels_have_the_history_of_their_active_devices() {
    let server = TestServer::start().await;
    let now = now_s();
    let seen = |bssid: &str, ages_s: &[u64]| -> Vec<Value> {
        let report =
            |age_s| json!({ "bssid": bssid, "timestamp": now - age_s, "freqkhz": 5_180_000 });
        ages_s.iter().map(report).collect()
    };
    let reports = [
        seen("02:00:5E:10:AF:01", &[0]),
        seen("02:00:5E:10:AF:02", &[7200, 7201]),
        seen("02:00:5E:10:AF:03", &[600, 630, 660]),
        seen("02:00:5E:10:AF:04", &[34_000_000]),
        seen("02:00:5E:10:AF:05", &[90_000]),
    ];
    server.report(json!(reports.concat())).await;
    let channels = server.read("/channels/channels.json").await;
    for (map, key) in [("frequency_map", "5180000"), ("channel_map", "36")] {
        let record = &channels[format!("kismet.channeltracker.{map}")][key];
        let rrd = &record["kismet.channelrec.device_rrd"];
        let now_s = read_at(rrd);
        let slot =
            |time: u64, unit_s: u64, slots: u64| usize::try_from(time / unit_s % slots).unwrap();
        let minute = vector(rrd, "minute_vec");
        if now_s - now < 30 {
            // Active from its report on, for 30 seconds.
            assert!((minute[slot(now, 1, 60)] - 1.0).abs() < 0.01);
            assert_eq!(rrd["kismet.common.rrd.last_value"], 1);
        }
        assert!(minute.iter().sum::<f64>() < 32.0, "{minute:?}");
        let hour = vector(rrd, "hour_vec");
        assert!(0.0 < hour[slot(now, 60, 60)], "{hour:?}");
        let earlier: f64 = [600, 630, 660]
            .map(|age_s| hour[slot(now - age_s, 60, 60)])
            .iter()
            .sum();
        assert!(0.9 < earlier, "{hour:?}");
        let day = vector(rrd, "day_vec");
        assert!(
            (0.0..0.1).contains(&day[slot(now - 7200, 3600, 24)]),
            "{day:?}"
        );
        // A sixtieth of an hour each, at most: those of more than a day ago are in no slot.
        let all: f64 = day.iter().sum();
        assert!((all * 120.0 - 6.0).abs() < 0.01, "{day:?}");
    }
}

#[tokio::test]
async fn memory_and_devices_have_a_history() {
    let server = TestServer::start().await;
    server
        .report(json!([{ "bssid": "02:00:5E:10:B0:01" }]))
        .await;
    let status = server.read("/system/status.json").await;
    for (field, value) in [("memory", "memory.rss"), ("devices", "devices.count")] {
        let rrd = &status[format!("kismet.system.{field}.rrd")];
        let now = usize::try_from(read_at(rrd) % 60).unwrap();
        let value = status[format!("kismet.system.{value}")].as_f64().unwrap();
        assert!(
            (vector(rrd, "minute_vec")[now] - value).abs() < 0.01,
            "{field}"
        );
        assert_eq!(rrd["kismet.common.rrd.last_value"].as_f64(), Some(value));
        for name in ["hour_vec", "day_vec"] {
            assert!(0.0 < vector(rrd, name).iter().sum(), "{field}");
        }
    }
}

/// What a page shows of a scanner: whether it is alive, and that nothing of it can be controlled.
async fn expect_state(server: &TestServer, uuid: &str, running: u8) {
    let path = format!("/datasource/by-uuid/{uuid}/source.json");
    let source = server.read(&path).await;
    let all = server.read("/datasource/all_sources.json").await;
    let all = all.as_array().unwrap();
    let listed = all
        .iter()
        .find(|other| other["kismet.datasource.uuid"] == source["kismet.datasource.uuid"]);
    for source in [&source, listed.unwrap()] {
        assert_eq!(source["kismet.datasource.running"], running, "{source}");
        assert_eq!(source["kismet.datasource.passive"], 1);
        let driver = &source["kismet.datasource.type_driver"];
        for (field, value) in [
            ("tuning_capable", 0),
            ("passive_capable", 1),
            ("remote_capable", 0),
        ] {
            assert_eq!(
                driver[format!("kismet.datasource.driver.{field}")],
                value,
                "{field}"
            );
        }
    }
}

#[tokio::test]
async fn a_scanner_runs_while_it_reports_and_is_not_paused() {
    let server = TestServer::start().await;
    server
        .report(json!([{ "bssid": "02:00:5E:10:B1:01" }]))
        .await;
    expect_state(&server, SOURCE, 1).await;
    // Reports of long ago, sent now.
    server
        .report(json!([{ "bssid": "02:00:5E:10:B1:01", "timestamp": 1_600_000_000 }]))
        .await;
    expect_state(&server, SOURCE, 1).await;
    let command = |name: &str| format!("/datasource/by-uuid/{SOURCE}/{name}_source.cmd");
    for (name, running) in [
        ("pause", 0),
        ("resume", 1),
        ("close", 1),
        ("open", 1),
        ("disable", 1),
    ] {
        server.get(&command(name)).await.expect_status(200);
        expect_state(&server, SOURCE, running).await;
    }
    // Scanners that reported when the fixture was made.
    let server = TestServer::start_on_fixture("v4").await;
    let sources = server.read("/datasource/all_sources.json").await;
    for source in sources.as_array().unwrap() {
        expect_state(
            &server,
            source["kismet.datasource.uuid"].as_str().unwrap(),
            0,
        )
        .await;
    }
}

#[tokio::test]
async fn a_network_has_the_set_of_encryption_that_pages_read() {
    let server = TestServer::start().await;
    for (number, capabilities) in [
        "[ESS]",
        "[WEP][ESS]",
        "[WPA-PSK-TKIP][ESS]",
        "[WPA2-PSK-CCMP][ESS]",
        "[WPA2-PSK-CCMP][RSN-PSK+SAE-CCMP][ESS][MFPC]",
        "[RSN-SAE-CCMP][ESS][MFPR][MFPC]",
        "[RSN-OWE-CCMP][ESS]",
        "[WPA2-EAP-CCMP][WPS][ESS]",
    ]
    .iter()
    .enumerate()
    {
        let bssid = format!("02:00:5E:10:B2:{number:02X}");
        server
            .report(json!([{ "bssid": bssid, "ssid": format!("Net {number}"), "capabilities": capabilities }]))
            .await;
        let device = server.device(&bssid).await;
        let ssid = &device["dot11.device"]["dot11.device.last_beaconed_ssid_record"];
        let hash = &ssid["dot11.advertisedssid.ssid_hash"];
        let path = format!("/phy/phy80211/ssids/by-hash/{hash}/ssid.json");
        let group = server.read(&path).await;
        let set = &group["dot11.ssidgroup.crypt_set"];
        assert_eq!(
            set, &ssid["dot11.advertisedssid.crypt_set"],
            "{capabilities}"
        );
        assert!(set.as_u64().unwrap() < 1 << 32, "{capabilities}");
        let listed = server.read("/phy/phy80211/ssids/views/ssids.json").await;
        let listed = listed.as_array().unwrap().iter();
        let mut same = listed.filter(|other| other["dot11.ssidgroup.hash"] == *hash);
        assert_eq!(&same.next().unwrap()["dot11.ssidgroup.crypt_set"], set);
    }
}
