//! Which devices are sent, how often, and what of them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::program::{Files, PATIENCE, Program, attribute};
use super::{named, server, target, until, wifi, wifis, with};
use crate::exports::hostile::NAMES;
use crate::exports::{file, send, xml};
use crate::server::{BLUETOOTH, TestServer, WIFI, now_s};

/// The event without the time at which its mark goes.
fn without_stale(event: &str) -> String {
    let stale = format!(" stale=\"{}\"", attribute(event, "stale"));
    event.replace(&stale, "")
}

#[tokio::test]
async fn a_datagram_has_the_event_that_a_file_has() {
    let program = Program::udp().await;
    let server = server(&program, |target| {
        target.stale_after = Duration::from_secs(300);
    })
    .await;
    let mut placeless = wifi(2);
    placeless["lat"] = Value::Null;
    placeless["lon"] = Value::Null;
    send(&server, WIFI, json!([placeless])).await;
    send(&server, WIFI, json!([wifi(1)])).await;
    let watch = json!([{"timestamp": now_s(), "btaddr": "02:00:00:00:01:01", "name": "Watch", "lat": 52.5, "lon": 13.4}]);
    send(&server, BLUETOOTH, watch).await;
    let got = program.until(|got| got.events.len() == 2).await;
    assert_eq!(program.names(), ["net1", "Watch"]);
    let exported = file(&server, "cot").await;
    let exported: Vec<_> = exported
        .lines()
        .filter(|line| line.starts_with("<event "))
        .map(without_stale)
        .collect();
    for event in &got.events {
        let declared = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{event}");
        assert_eq!(xml::elements(&declared)[..2], ["event", "point"]);
        assert!(exported.contains(&without_stale(event)), "{event}");
        let time = |name| attribute(event, name).parse::<jiff::Timestamp>().unwrap();
        let stays = time("stale").as_second() - time("time").as_second();
        assert_eq!(stays, 300, "{event}");
    }
    let status = until(&server, |status| status["events"] == 2).await;
    assert_eq!(status["state"], "sending", "{status}");
}

#[tokio::test]
async fn no_name_breaks_the_stream() {
    let program = Program::tcp().await;
    let server = server(&program, |_| {}).await;
    let reports = (0_u64..)
        .zip(NAMES)
        .map(|(number, name)| named(number, name));
    send(&server, WIFI, reports.collect()).await;
    let got = program.until(|got| got.events.len() == NAMES.len()).await;
    for event in &got.events {
        let declared = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{event}");
        let elements = xml::elements(&declared);
        let events = elements.iter().filter(|name| *name == "event");
        assert_eq!(events.count(), 1, "{event}");
        assert_ne!(attribute(event, "callsign"), "");
    }
}

#[tokio::test]
async fn no_more_events_come_than_the_target_allows() {
    let program = Program::tcp().await;
    let server = server(&program, |target| target.events_per_second_max = 20).await;
    let start = Instant::now();
    send(&server, WIFI, wifis(0..11)).await;
    program.until(|got| got.events.len() == 11).await;
    // A slow machine only takes longer.
    assert!(Duration::from_millis(10 * 50) <= start.elapsed());
    // The same device does not come again so soon.
    send(&server, WIFI, wifis(0..12)).await;
    program.until_named("net11").await;
    assert_eq!(program.got().events.len(), 12);
}

#[tokio::test]
async fn a_device_that_waits_is_sent_once_and_as_it_is() {
    let files = Files::new();
    let program = Program::tls(&files).await;
    let server = server(&program, |target| files.give(target)).await;
    let mut before = named(1, "before");
    before["timestamp"] = (now_s() - 60).into();
    send(&server, WIFI, json!([before])).await;
    until(&server, |status| status["waiting"] == 1).await;
    send(&server, WIFI, json!([named(1, "after"), wifi(2)])).await;
    let status = until(&server, |status| status["waiting"] == 2).await;
    assert_eq!(status["state"], "connecting", "{status}");
    program.open();
    program.until(|got| got.events.len() == 2).await;
    send(&server, WIFI, json!([wifi(3)])).await;
    program.until_named("net3").await;
    assert_eq!(program.names(), ["after", "net2", "net3"]);
}

#[tokio::test]
async fn past_the_bound_devices_are_left_out_and_counted() {
    let files = Files::new();
    let program = Program::tls(&files).await;
    let server = server(&program, |target| {
        files.give(target);
        target.queue_max = 2;
    })
    .await;
    send(&server, WIFI, wifis(0..5)).await;
    let status = until(&server, |status| status["left_out"] == 3).await;
    assert_eq!(status["waiting"], 2, "{status}");
    let metrics = server.get("/metrics").await.text;
    for line in [
        r#"scanpost_tak_devices_left_out_total{tak="t"} 3"#,
        r#"scanpost_tak_devices_waiting{tak="t"} 2"#,
        r#"scanpost_tak_events_total{tak="t"} 0"#,
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
    program.open();
    program.until(|got| got.events.len() == 2).await;
    send(&server, WIFI, json!([wifi(9)])).await;
    program.until_named("net9").await;
    assert_eq!(program.got().events.len(), 3);
}

/// Each report has the same devices in the same order, and there is room for few of them.
#[tokio::test]
async fn with_too_little_room_each_device_has_its_turn() {
    let program = Program::tcp().await;
    let server = server(&program, |target| {
        target.queue_max = 2;
        target.every = Duration::ZERO;
    })
    .await;
    let start = Instant::now();
    let is_there = |number: u64| program.names().contains(&format!("net{number}"));
    while !(0..8).all(is_there) {
        assert!(start.elapsed() < PATIENCE, "{:?}", program.names());
        send(&server, WIFI, wifis(0..8)).await;
    }
    let status = until(&server, |_| true).await;
    assert!(0 < status["left_out"].as_u64().unwrap(), "{status}");
}

#[tokio::test]
async fn what_may_not_leave_does_not() {
    let program = Program::tcp().await;
    let target = target(&program);
    let server = TestServer::start_with(|config| {
        config.privacy.zones = vec!["52.4,13.4,500".parse().unwrap()];
        config.privacy.addresses = vec!["02:00:00:00:00:05".parse().unwrap()];
        config.privacy.ssids = vec!["secret".to_owned()];
        config.tak = vec![target];
    })
    .await;
    let mut at_home = wifi(7);
    at_home["lat"] = 52.4.into();
    let reports = json!([
        wifi(1),
        named(2, "x_nomap"),
        named(2, "plain"),
        named(3, "a_optout_b"),
        named(4, "x_nomap2"),
        wifi(5),
        named(6, "secret"),
        at_home,
    ]);
    send(&server, WIFI, reports).await;
    send(&server, WIFI, json!([wifi(8)])).await;
    program.until_named("net8").await;
    let mut names = program.names();
    names.sort();
    assert_eq!(names, ["net1", "net8", "x_nomap2"]);
}

/// A name that opts out comes while the device waits.
#[tokio::test]
async fn a_device_that_opts_out_while_it_waits_stays_here() {
    let files = Files::new();
    let program = Program::tls(&files).await;
    let server = server(&program, |target| files.give(target)).await;
    send(&server, WIFI, json!([wifi(1)])).await;
    until(&server, |status| status["waiting"] == 1).await;
    send(&server, WIFI, json!([named(1, "net1_nomap"), wifi(2)])).await;
    program.open();
    program.until_named("net2").await;
    assert_eq!(program.names(), ["net2"]);
}

#[tokio::test]
async fn only_what_fits_the_filter_is_sent() {
    let program = Program::tcp().await;
    let server = server(&program, |target| {
        target.phys = vec![scanpost::config::PhyWord::Wifi];
        target.security = vec![toml::Value::from("open").try_into().unwrap()];
        target.sources = vec!["phone".to_owned()];
        target.ssids = vec!["net*".parse().unwrap()];
        target.addresses = vec!["02:00:00".parse().unwrap()];
    })
    .await;
    let change = |number, key: &str, value: &str| {
        let mut report = wifi(number);
        report[key] = value.into();
        report
    };
    let reports = json!([
        wifi(1),
        change(2, "capabilities", "[WPA2-PSK-CCMP][ESS]"),
        change(3, "ssid", "other"),
        change(4, "bssid", "06:00:00:00:00:04"),
    ]);
    send(&server, WIFI, reports).await;
    let other = json!({
        "source_uuid": "44444444-0000-0000-0000-000000000002", "source_name": "board", "reports": [wifi(5)]
    });
    server.post_json(WIFI, &other).await.expect_status(200);
    let watch = json!([{"timestamp": now_s(), "btaddr": "02:00:00:00:01:01", "name": "net", "lat": 52.5, "lon": 13.4}]);
    send(&server, BLUETOOTH, watch).await;
    send(&server, WIFI, json!([wifi(6)])).await;
    program.until_named("net6").await;
    assert_eq!(program.names(), ["net1", "net6"]);
}

/// Two sources see the same device, and one of them is wanted.
#[tokio::test]
async fn only_reports_of_the_sources_are_an_occasion() {
    let program = Program::tcp().await;
    let server = server(&program, |target| {
        target.every = Duration::ZERO;
        target.sources = vec!["PHONE".to_owned()];
    })
    .await;
    let board = async |reports: Value| {
        let batch = json!({
            "source_uuid": "44444444-0000-0000-0000-000000000002", "source_name": "board", "reports": reports
        });
        server.post_json(WIFI, &batch).await.expect_status(200);
    };
    board(json!([wifi(1), wifi(2)])).await;
    send(&server, WIFI, json!([wifi(1)])).await;
    program.until_named("net1").await;
    board(wifis(1..4)).await;
    send(&server, WIFI, json!([wifi(4)])).await;
    program.until_named("net4").await;
    board(wifis(1..4)).await;
    send(&server, WIFI, json!([wifi(3)])).await;
    program.until_named("net3").await;
    assert_eq!(program.names(), ["net1", "net4", "net3"]);
}

#[tokio::test]
async fn imports_and_old_reports_are_history() {
    let program = Program::tcp().await;
    let server = server(&program, |_| {}).await;
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S");
    let mut drive = crate::imports::wigle(0..0);
    let row = format!("02:00:00:00:00:01,net1,[ESS],{now},6,2437,-61,52.5,13.4,34.2,3.79,,,WIFI\n");
    drive.push_str(&row);
    let account = crate::imports::account(&server, drive).await;
    assert_eq!(account["taken"], 1, "{account}");
    let mut old = wifi(2);
    old["timestamp"] = (now_s() - 2 * 3600).into();
    send(&server, WIFI, json!([old])).await;
    send(&server, WIFI, json!([wifi(3)])).await;
    program.until_named("net3").await;
    let status = until(&server, |status| status["stale"] == 1).await;
    assert_eq!(status["left_out"], 0, "{status}");
    // They are sent as soon as a scanner sees them.
    send(&server, WIFI, json!([wifi(1)])).await;
    program.until_named("net1").await;
    assert_eq!(program.names(), ["net3", "net1"]);
}

#[tokio::test]
async fn what_is_erased_is_not_sent() {
    let files = Files::new();
    let program = Program::tls(&files).await;
    let mut target = target(&program);
    files.give(&mut target);
    let server = TestServer::start_with(with(vec![target])).await;
    send(&server, WIFI, wifis(1..3)).await;
    until(&server, |status| status["waiting"] == 2).await;
    let order = json!({ "address": "02:00:00:00:00:01", "dry_run": false });
    let answer = server.post_json("/api/v1/erase", &order).await;
    answer.expect_status(202);
    crate::erase::wait_until_gone(&server, "02:00:00:00:00:01").await;
    program.open();
    send(&server, WIFI, json!([wifi(3)])).await;
    program.until_named("net3").await;
    assert_eq!(program.names(), ["net3"]);
}
