//! Routes that read and raise alerts.

use std::time::Duration;

use reqwest::Method;
use scanpost::config::alerts::Alerts;
use serde_json::{Value, json};

use super::{OFTEN, alerts, canaries, canary};
use crate::live::{EVENTBUS, Subscriber};
use crate::server::{Answer, SOURCE, TestServer, now_s};

const AP: &str = "02:00:5E:10:00:01";
const KEY: &str = "4202770D00000000_100105E0002";
const DEFINE: &str = "/alerts/definitions/define_alert.cmd";
const RAISE: &str = "/alerts/raise_alerts.cmd";

async fn server(change: impl FnOnce(&mut Alerts)) -> TestServer {
    TestServer::start_with(|config| {
        canaries(&mut config.alerts, OFTEN);
        change(&mut config.alerts);
    })
    .await
}

/// Alerts from Kismet's routes, which all return the same ones.
async fn kismet(server: &TestServer) -> Vec<Value> {
    let all = server.read("/alerts/all_alerts.json").await;
    for path in [
        "/alerts/alerts_view.json",
        "/alerts/last-time/0/alerts.json",
    ] {
        assert_eq!(server.read(path).await, all, "{path}");
    }
    let wrapped = server
        .read("/alerts/wrapped/last-time/-60/alerts.json")
        .await;
    assert_eq!(wrapped["kismet.alert.list"], all);
    all.as_array().unwrap().clone()
}

/// Row 23.
#[tokio::test]
async fn an_alert_names_its_device_and_place_and_the_device_counts_it() {
    let server = server(|_| {}).await;
    let seen = now_s() - 30;
    let report = json!({
        "bssid": AP, "ssid": "Canary", "channel": "6", "lat": 40.5, "lon": -74.25, "alt": 3, "timestamp": seen
    });
    server.report(json!([report])).await;
    assert_eq!(server.device(AP).await["kismet.device.base.num_alerts"], 1);
    let view = server
        .read("/devices/views/all/devices.json?page=0&length=9")
        .await;
    assert_eq!(view["data"][0]["kismet.device.base.num_alerts"], 1);
    let [alert] = kismet(&server).await.try_into().unwrap();
    let raised_s = alert["kismet.alert.timestamp"].as_f64().unwrap();
    #[expect(clippy::cast_precision_loss, reason = "seconds have 31 bits")]
    let now = now_s() as f64;
    assert!((now - 30.0..now + 1.0).contains(&raised_s), "{alert}");
    let location = &alert["kismet.alert.location"];
    assert_eq!(
        location["kismet.common.location.geopoint"],
        json!([-74.25, 40.5])
    );
    assert_eq!(location["kismet.common.location.alt"], 3);
    for (field, value) in [
        ("device_key", json!(KEY)),
        ("header", json!("SSIDCANARY")),
        ("class", json!("SPOOF")),
        ("severity", json!(15)),
        ("phy_id", json!(0)),
        ("transmitter_mac", json!(AP)),
        ("source_mac", json!(AP)),
        ("dest_mac", json!("FF:FF:FF:FF:FF:FF")),
        ("other_mac", json!(AP)),
        ("channel", json!("6")),
        ("frequency", json!(0)),
    ] {
        assert_eq!(alert[format!("kismet.alert.{field}")], value, "{field}");
    }
    let hash = &alert["kismet.alert.hash"];
    let by_hash = server
        .read(&format!("/alerts/by-id/{hash}/alert.json"))
        .await;
    assert_eq!(by_hash, alert);
    let [row] = alerts(&server).await.try_into().unwrap();
    for (field, value) in [
        ("number", json!(1)),
        ("rule", json!("SSIDCANARY")),
        ("severity", json!("high")),
        ("seen", json!(seen)),
        ("address", json!(AP)),
        ("key", json!(KEY)),
        ("source", json!(SOURCE)),
        ("lat", json!(40.5)),
        ("text", alert["kismet.alert.text"].clone()),
    ] {
        assert_eq!(row[field], value, "{field}");
    }
    let server = server.restart().await;
    assert_eq!(kismet(&server).await, [alert]);
    assert_eq!(server.device(AP).await["kismet.device.base.num_alerts"], 1);
    for hash in ["1", "x", "-1"] {
        let path = format!("/alerts/by-id/{hash}/alert.json");
        server
            .get(&path)
            .await
            .expect_error(404, "no alert has the hash");
    }
}

#[tokio::test]
async fn a_poll_gets_what_was_raised_since_the_last_one() {
    let server = server(|_| {}).await;
    server.report(json!([canary(1)])).await;
    let [first] = kismet(&server).await.try_into().unwrap();
    let at = first["kismet.alert.timestamp"].to_string();
    server.report(json!([canary(2)])).await;
    let since = async |at: &str| {
        let plain = server
            .read(&format!("/alerts/last-time/{at}/alerts.json"))
            .await;
        let path = format!("/alerts/wrapped/last-time/{at}/alerts.json");
        let wrapped = server.read(&path).await;
        assert_eq!(wrapped["kismet.alert.list"], plain);
        let mark = wrapped["kismet.alert.timestamp"].to_string();
        (plain.as_array().unwrap().clone(), mark)
    };
    let (second, mark) = since(&at).await;
    assert_eq!(second.len(), 1);
    assert_ne!(second[0], first);
    assert_eq!(since(&mark).await.0, [Value::Null; 0]);
    server
        .get("/alerts/last-time/x/alerts.json")
        .await
        .expect_error(400, "timestamp: ");
}

#[tokio::test]
async fn the_backlog_is_the_newest_and_the_native_list_is_all() {
    let server = server(|alerts| alerts.backlog = 2).await;
    for number in 1..=5 {
        server.report(json!([canary(number)])).await;
    }
    let texts = |list: &[Value], field: &str| -> Vec<String> {
        let texts = list.iter().map(|alert| alert[field].as_str().unwrap());
        texts
            .map(|text| text.split('\'').nth(1).unwrap().to_owned())
            .collect()
    };
    let shown = kismet(&server).await;
    assert_eq!(texts(&shown, "kismet.alert.text"), ["Canary 4", "Canary 5"]);
    let page = server
        .read("/alerts/alerts_view.json?page=0&length=1&sort=kismet.alert.timestamp&sort_dir=asc")
        .await;
    assert_eq!(
        (page["data"].as_array().unwrap().len(), &page["last_row"]),
        (1, &json!(2))
    );
    let whole = server.read("/api/v1/alerts").await["alerts"].clone();
    let whole = whole.as_array().unwrap();
    let names = ["Canary 5", "Canary 4", "Canary 3", "Canary 2", "Canary 1"];
    assert_eq!(texts(whole, "text"), names);
    for limit in [1, 2, 4, 5] {
        let (mut joined, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/alerts?limit={limit}&cursor={cursor}");
            let page = server.read(&path).await;
            joined.extend(page["alerts"].as_array().unwrap().clone());
            match page["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => break,
            }
        }
        assert_eq!(joined, *whole, "{limit}");
    }
    let csv = server.request(Method::GET, "/api/v1/alerts?limit=3");
    let csv = Answer::of(csv.header("accept", "text/csv"))
        .await
        .expect_status(200);
    assert!(csv.text.starts_with("number,id,rule,"), "{}", csv.text);
    assert_eq!(csv.text.lines().count(), 4, "{}", csv.text);
    assert_eq!(csv.headers["x-next-cursor"], "3");
}

#[tokio::test]
async fn filters_choose_alerts() {
    let server = server(|alerts| OFTEN.clone_into(&mut alerts.chanchange)).await;
    server.report(json!([canary(1), canary(2)])).await;
    let channel = |channel| json!([{ "bssid": AP, "ssid": "x", "channel": channel }]);
    server.report(channel("1")).await;
    server.report(channel("6")).await;
    let count = async |query: &str| {
        let page = server.read(&format!("/api/v1/alerts?{query}")).await;
        page["alerts"].as_array().unwrap().len()
    };
    let soon = now_s() + 60;
    for (query, expected) in [
        ("rule=CHANCHANGE", 1),
        ("rule=ssidcanary", 2),
        ("rule=none", 0),
        ("severity_min=low", 3),
        ("severity_min=medium", 2),
        ("severity_min=critical", 0),
        (&format!("address={AP}"), 1),
        ("address=02:00:00:00:00:09", 0),
        ("since=1700000000", 3),
        (&format!("since={soon}"), 0),
        (&format!("until={soon}"), 3),
        ("until=1700000000", 0),
    ] {
        assert_eq!(count(query).await, expected, "{query}");
    }
    for (query, reason) in [
        ("severity_min=awful", "severity_min: "),
        ("address=x", "address: "),
        ("cursor=x", "cursor: "),
        ("header=x", "header: "),
        ("limit=0", "limit: "),
    ] {
        let path = format!("/api/v1/alerts?{query}");
        server.get(&path).await.expect_error(400, reason);
    }
}

#[tokio::test]
async fn rate_limits_hold_back_alerts() {
    let server = TestServer::start_with(|config| canaries(&mut config.alerts, "3/day,2/sec")).await;
    server
        .report(json!([canary(1), canary(2), canary(3)]))
        .await;
    assert_eq!(alerts(&server).await.len(), 2, "the burst");
    // The server sends its time each second. Two seconds later, rounded down, more than one second has passed.
    let burst_is_over_s = now_s() + 2;
    let mut subscriber = Subscriber::connect(&server, EVENTBUS).await;
    subscriber.say(json!({ "SUBSCRIBE": "TIMESTAMP" })).await;
    while subscriber.hear().await["TIMESTAMP"]["kismet.system.timestamp.sec"]
        .as_u64()
        .unwrap()
        < burst_is_over_s
    {}
    server.report(json!([canary(4)])).await;
    assert_eq!(alerts(&server).await.len(), 3, "after the burst");
    // The limit of the day counts alerts from before the restart.
    let server = server.restart().await;
    server.report(json!([canary(5)])).await;
    assert_eq!(alerts(&server).await.len(), 3, "the rate");
    let definitions = server.read("/alerts/definitions.json").await;
    let definitions = definitions.as_array().unwrap();
    let is_canary = |one: &&Value| one["kismet.alert.definition.header"] == "SSIDCANARY";
    let definition = definitions.iter().find(is_canary).unwrap();
    for (field, value) in [
        ("class", json!("SPOOF")),
        ("severity", json!(15)),
        ("phyid", json!(0)),
        ("limit_unit", json!(3)),
        ("limit_rate", json!(3)),
        ("burst_unit", json!(0)),
        ("limit_burst", json!(2)),
        ("total_sent", json!(3)),
    ] {
        assert_eq!(
            definition[format!("kismet.alert.definition.{field}")],
            value,
            "{field}"
        );
    }
}

#[tokio::test]
async fn a_watched_device_is_lost_when_it_is_silent() {
    let server = server(|alerts| {
        alerts.devicelost_timeout = Duration::from_secs(1);
        OFTEN.clone_into(&mut alerts.devicelost);
    })
    .await;
    let watch = async |kind: &str, what: &str, body: Value| {
        let path = format!("/devices/alerts/mac/{kind}/{what}.cmd");
        let answer = server.post_json(&path, &body).await;
        assert_eq!(answer.expect_status(200).text, "");
    };
    watch("lost", "add", json!({ "mac": AP })).await;
    watch(
        "both",
        "add",
        json!({ "macs": [AP, "02:00:5E:20:00:00/FF:FF:FF:FF:00:00"] }),
    )
    .await;
    watch("found", "remove", json!({ "macs": [AP] })).await;
    let mask = "02:00:5E:20:00:00/FF:FF:FF:FF:00:00";
    for (kind, macs) in [
        ("found", json!([mask])),
        ("lost", json!([AP, mask])),
        ("both", json!([AP, mask])),
    ] {
        let path = format!("/devices/alerts/mac/{kind}/macs.json");
        assert_eq!(server.read(&path).await, macs, "{kind}");
    }
    server
        .post_json("/devices/alerts/mac/seen/add.cmd", &json!({ "mac": AP }))
        .await
        .expect_error(400, "kind: ");
    server
        .post_json(
            "/devices/alerts/mac/lost/add.cmd",
            &json!({ "macs": ["x"] }),
        )
        .await
        .expect_error(400, "mac: ");
    // The list of watched devices survives a restart.
    let server = server.restart().await;
    let lost_path = "/devices/alerts/mac/lost/macs.json";
    assert_eq!(server.read(lost_path).await, json!([AP, mask]));
    let mut subscriber = Subscriber::connect(&server, EVENTBUS).await;
    subscriber.say(json!({ "SUBSCRIBE": "ALERT" })).await;
    subscriber.settle().await;
    server.report(json!([{ "bssid": AP, "ssid": "x" }])).await;
    let told = subscriber.hear().await;
    assert!(told["ALERT"].is_object(), "{told}");
    let [lost] = &*alerts(&server).await else {
        panic!("the alert was sent, but is not in the list: {told}");
    };
    let lost = lost.clone();
    assert_eq!(
        (&lost["rule"], &lost["address"]),
        (&json!("DEVICELOST"), &json!(AP))
    );
    let server = server.restart_without_snapshots().await;
    assert_eq!(alerts(&server).await, [lost]);
}

#[tokio::test]
async fn people_define_and_raise_alerts() {
    let server = server(|alerts| alerts.definitions_max = 2).await;
    let door = json!({
        "name": "door", "description": "The door is open", "class": "SYSTEM", "severity": 20,
        "throttle": "2/day", "burst": "2/sec", "phyname": "IEEE802.11"
    });
    server.post_json(DEFINE, &door).await.expect_status(200);
    // As kismet-rest sends it.
    let bare = json!({ "name": "BARE", "description": "x", "throttle": "10/min", "burst": "1/sec", "phyname": null });
    server.post_json(DEFINE, &bare).await.expect_status(200);
    let third = json!({ "name": "THIRD", "description": "x" });
    server
        .post_json(DEFINE, &third)
        .await
        .expect_error(409, "2 already");
    server
        .post_json(DEFINE, &door)
        .await
        .expect_error(409, "DOOR already");
    for (field, value, reason) in [
        ("name", json!(""), "name: "),
        ("name", json!("a b"), "name: "),
        ("name", json!("x".repeat(65)), "name: "),
        ("description", Value::Null, "description: "),
        ("description", json!("x".repeat(1025)), "description: "),
        ("class", json!("NICE"), "class: "),
        ("severity", json!(3), "severity: "),
        ("throttle", json!("often"), "throttle: "),
        ("burst", json!("1/week"), "burst: "),
        ("phyname", json!("UAV"), "phyname: "),
    ] {
        let mut other = door.clone();
        other[field] = value;
        server
            .post_json(DEFINE, &other)
            .await
            .expect_error(400, reason);
    }
    server.report(json!([{ "bssid": AP, "ssid": "x" }])).await;
    let server = server.restart().await;
    let open = json!({ "name": "DOOR", "text": "It is", "bssid": AP, "dest": "02:00:00:00:00:09", "channel": "11" });
    let answer = server.post_json(RAISE, &open).await.expect_status(200);
    assert_eq!(answer.text, "Alert raised\n");
    let form = "name=door&text=Again";
    let form_type = Some("application/x-www-form-urlencoded");
    let again = server
        .post("/alerts/raise_alert.cmd", form_type, form)
        .await;
    again.expect_status(200);
    let more = server.post_json(RAISE, &open).await;
    assert!(more.headers.get("retry-after").is_none());
    more.expect_error(429, "as many alerts");
    for (field, value, reason) in [
        (
            "name",
            json!("UNHEARD"),
            "name: there is no kind of alert called UNHEARD",
        ),
        ("name", Value::Null, "name: "),
        ("text", Value::Null, "text: "),
        ("bssid", json!("x"), "bssid: "),
        ("source", json!("x"), "source: "),
        ("dest", json!([]), "dest: "),
        ("channel", json!("1".repeat(65)), "channel: "),
    ] {
        let mut other = open.clone();
        other[field] = value;
        server
            .post_json(RAISE, &other)
            .await
            .expect_error(400, reason);
    }
    let [first, second] = kismet(&server).await.try_into().unwrap();
    for (field, value) in [
        ("header", json!("DOOR")),
        ("class", json!("SYSTEM")),
        ("severity", json!(20)),
        ("device_key", json!(KEY)),
        ("transmitter_mac", json!(AP)),
        ("source_mac", json!("00:00:00:00:00:00")),
        ("dest_mac", json!("02:00:00:00:00:09")),
        ("channel", json!("11")),
        ("text", json!("It is")),
    ] {
        assert_eq!(first[format!("kismet.alert.{field}")], value, "{field}");
    }
    assert_eq!(second["kismet.alert.text"], "Again");
    assert_eq!(second["kismet.alert.device_key"], "00_0");
}

#[test]
fn invalid_rules_are_named() {
    let refused = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scanpost.toml");
        std::fs::write(&path, format!("[alerts]\n{text}\n")).unwrap();
        let flags = scanpost::config::Overrides::default();
        let error = scanpost::config::Config::load(Some(&path), [], flags).unwrap_err();
        error.to_string()
    };
    for (text, parts) in [
        (
            "apspoof = \"10/week,1/sec\"",
            ["`alerts.apspoof`", "`10/week`"],
        ),
        (
            "apspoof = \"10/min,1/sec,awful\"",
            ["`alerts.apspoof`", "`awful` is not a severity"],
        ),
        (
            "ssidcanary_networks = [{ name = \"lab\", ssid = \"(\" }]",
            ["`alerts.ssidcanary_networks`", "rule `lab`, ssid: "],
        ),
        (
            "ssidcanary_networks = [{ name = \"lab\" }]",
            ["`alerts.ssidcanary_networks`", "ssid"],
        ),
        (
            "apspoof_networks = [{ name = \"ours\", ssid = \"x\", addresses = [\"y\"] }]",
            ["`alerts.apspoof_networks`", "rule `ours`, addresses: `y`"],
        ),
        (
            "devicelost_addresses = [\"02:00:5E:10:00:01/x\"]",
            ["`alerts.devicelost_addresses`", "`02:00:5E:10:00:01/x`"],
        ),
        (
            "devicelost_timeout = \"999ms\"",
            ["`alerts.devicelost_timeout`", "must be 1s"],
        ),
        ("kept_max = 0", ["`alerts.kept_max`", "1 to 1000000"]),
        (
            "sourcesilent_factor = 1001",
            ["`alerts.sourcesilent_factor`", "1 to 1000"],
        ),
        (
            "apmoved_distance_m = 20000001",
            ["`alerts.apmoved_distance_m`", "1 to 20000000"],
        ),
    ] {
        let error = refused(text);
        assert!(
            parts.iter().all(|part| error.contains(part)),
            "{text}: {error}"
        );
    }
}
