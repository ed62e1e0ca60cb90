//! Observations of single devices, read from the log, and charts of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::server::{BLUETOOTH, SOURCE, TestServer, batch};

const AP: &str = "/api/v1/devices/00:00:00:00:00:01/observations";

/// Reports with these times and signals, in this order.
async fn server_with(reports: &[(u32, i32)]) -> TestServer {
    let server = TestServer::start().await;
    for &(time, signal) in reports {
        let other = json!({ "bssid": "00:00:00:00:00:02", "timestamp": time, "signal": -99 });
        let wanted = json!({ "bssid": "00:00:00:00:00:01", "timestamp": time, "signal": signal });
        server.report(json!([other, wanted])).await;
    }
    server
}

fn signals(page: &Value) -> Vec<i64> {
    let observations = page["observations"].as_array().unwrap();
    let signal = |observation: &Value| observation["signal_dbm"].as_i64().unwrap();
    observations.iter().map(signal).collect()
}

#[tokio::test]
async fn the_newest_come_first_by_their_own_time() {
    // The second report is late, and two reports have the same second.
    let server = server_with(&[
        (1_700_000_200, -51),
        (1_700_000_100, -52),
        (1_700_000_300, -53),
        (1_700_000_300, -54),
    ])
    .await;
    let page = server.read(AP).await;
    assert_eq!(signals(&page), [-54, -53, -51, -52]);
    assert_eq!(page["next_cursor"], Value::Null);
    let newest = &page["observations"][0];
    assert_eq!(newest["time"], 1_700_000_300);
    assert_eq!(newest["time_utc"], "2023-11-14T22:18:20Z");
    assert_eq!(newest["address"], "00:00:00:00:00:01");
    assert_eq!(newest["source_name"], "phone");
    assert_eq!(newest["position"], 4);

    let between = async |since: &str, until: &str| {
        signals(
            &server
                .read(&format!("{AP}?since={since}&until={until}"))
                .await,
        )
    };
    assert_eq!(between("1700000200", "1700000200").await, [-51]);
    assert_eq!(between("2023-11-14T22:16:40Z", "").await, [-54, -53, -51]);
    assert_eq!(between("", "1700000199").await, [-52]);
    assert!(between("1700000301", "").await.is_empty());

    let server = server.restart().await;
    assert_eq!(server.read(AP).await, page);
}

#[tokio::test]
async fn pages_join_without_a_gap_and_without_a_repeat() {
    let reports: Vec<_> = (0u32..9)
        .map(|n| (1_700_000_000 + n % 4, -51 - n.cast_signed()))
        .collect();
    let server = server_with(&reports).await;
    let all = signals(&server.read(AP).await);
    assert_eq!(all.len(), 9);
    for limit in [1, 2, 3, 8, 9, 1000] {
        let mut joined = Vec::new();
        let mut cursor = String::new();
        loop {
            let until = "until=1700000003";
            let page = server
                .read(&format!("{AP}?{until}&limit={limit}&cursor={cursor}"))
                .await;
            joined.extend(signals(&page));
            // New reports between two pages do not shift the pages, even reports of the newest second.
            if cursor.is_empty() {
                server.report(json!([{ "bssid": "00:00:00:00:00:01", "timestamp": 1_700_000_900 + limit }])).await;
            }
            match page["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => break,
            }
        }
        assert_eq!(joined, all, "{limit}");
    }
}

#[tokio::test]
async fn an_address_stands_for_all_radio_technologies() {
    let server = TestServer::start().await;
    server
        .report(json!([{ "bssid": "00:00:00:00:00:01", "timestamp": 1_700_000_000 }]))
        .await;
    let mut body = batch(json!([]));
    body["reports"] =
        json!([{ "btaddr": "00:00:00:00:00:01", "timestamp": 1_700_000_001, "name": "Headset" }]);
    server.post_json(BLUETOOTH, &body).await.expect_status(200);
    let page = server.read(AP).await;
    assert_eq!(page["observations"][0]["phy"], "Bluetooth");
    assert_eq!(page["observations"][0]["name"], "Headset");
    assert_eq!(page["observations"][1]["phy"], "IEEE802.11");
}

#[tokio::test]
async fn invalid_parameters_are_named() {
    let server = server_with(&[(1_700_000_000, -51)]).await;
    let refused = async |query: &str, status: u16, reason: &str| {
        server
            .get(&format!("{AP}{query}"))
            .await
            .expect_error(status, reason);
    };
    refused("?since=yesterday", 400, "since: expected seconds").await;
    refused("?until=-5", 400, "until: expected seconds").await;
    refused("?cursor=zz", 400, "cursor: not one").await;
    refused("?limit=0", 400, "limit: expected a number from 1 to 1000").await;
    refused(
        "?limit=1001",
        400,
        "limit: expected a number from 1 to 1000",
    )
    .await;
    refused("?limit=1&limit=2", 400, "limit: given more than once").await;
    refused("?sinse=1", 400, "sinse: there is no such parameter").await;
    server
        .get("/api/v1/devices/zz/observations")
        .await
        .expect_error(400, "mac: not a hardware address");
    server
        .get("/api/v1/devices/00:00:00:00:00:09/observations")
        .await
        .expect_error(404, "00:00:00:00:00:09");
}

const CHART: &str = "/api/v1/devices/00:00:00:00:00:01/history";
const OTHER_SOURCE: &str = "44444444-0000-0000-0000-000000000002";

/// What a chart has to say of some signals, in the form of its JSON.
fn counts(signals: &[Option<i64>]) -> Value {
    let known: Vec<i64> = signals.iter().copied().flatten().collect();
    let mut counts = json!({ "count": signals.len() });
    if let (Some(min), Some(max)) = (known.iter().min(), known.iter().max()) {
        counts["signal_min_dbm"] = json!(min);
        counts["signal_max_dbm"] = json!(max);
        #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
        let mean = known.iter().sum::<i64>() as f64 / known.len() as f64;
        counts["signal_mean_dbm"] = json!(mean);
    }
    counts
}

/// Counts observations, as a page lists them, by some text of each.
fn counts_by(observations: &[&Value], text: impl Fn(&Value) -> Option<String>) -> Value {
    let mut by_text = BTreeMap::<String, Vec<Option<i64>>>::new();
    for observation in observations {
        if let Some(text) = text(observation) {
            let signals = by_text.entry(text).or_default();
            signals.push(observation["signal_dbm"].as_i64());
        }
    }
    let counted = by_text
        .into_iter()
        .map(|(text, signals)| (text, counts(&signals)));
    Value::Object(counted.collect())
}

/// The chart that follows from a list of observations, without the places.
fn chart_of(observations: &[Value], bucket_s: u64) -> Value {
    let mut by_start = BTreeMap::<u64, Vec<&Value>>::new();
    for observation in observations {
        let time = observation["time"].as_u64().unwrap();
        let start = time / bucket_s * bucket_s;
        by_start.entry(start).or_default().push(observation);
    }
    let buckets = by_start.into_iter().map(|(start, observed)| {
        let signals: Vec<_> = observed
            .iter()
            .map(|observation| observation["signal_dbm"].as_i64())
            .collect();
        let mut bucket = counts(&signals);
        bucket["start"] = json!(start);
        let text = |name: &'static str| {
            move |observation: &Value| observation[name].as_str().map(str::to_owned)
        };
        bucket["sources"] = counts_by(&observed, text("source"));
        bucket["channels"] = counts_by(&observed, text("channel"));
        bucket
    });
    buckets.collect()
}

#[tokio::test]
async fn a_chart_counts_what_the_pages_list() {
    let server = TestServer::start_with(|config| config.limits.history_memory_rows = 16).await;
    let report = |n: u32| {
        let mut report = json!({
            "bssid": format!("00:00:00:00:00:{:02x}", 1 + n % 3),
            // Some reports are late.
            "timestamp": 1_700_000_000 + n * 7_919 % 20_000,
            "channel": match n / 3 % 3 {
                0 => "1",
                1 => "6",
                _ => "11W",
            },
        });
        if !n.is_multiple_of(5) {
            report["signal"] = json!(-40 - (n * 31 % 50).cast_signed());
        }
        report
    };
    for first in (0..400).step_by(40) {
        let reports: Vec<_> = (first..first + 40).map(report).collect();
        let mut body = batch(json!(reports));
        body["source_uuid"] = json!(if first % 80 == 0 {
            SOURCE
        } else {
            OTHER_SOURCE
        });
        server.taken(&body).await;
    }
    let page = server.read(&format!("{AP}?limit=1000")).await;
    let observations = page["observations"].as_array().unwrap();
    assert_eq!(observations.len(), 134);
    for (bucket, bucket_s) in [("60s", 60), ("5m", 300), ("1h", 3600), ("1day", 86_400)] {
        let mut chart = server.read(&format!("{CHART}?bucket={bucket}")).await;
        assert_eq!(chart["bucket_s"], bucket_s);
        assert_eq!(chart["security_changes"], json!([]));
        let mut buckets = chart["buckets"].take();
        for bucket in buckets.as_array_mut().unwrap() {
            let bucket = bucket.as_object_mut().unwrap();
            bucket.remove("start_utc").unwrap();
            assert_eq!(bucket.remove("places"), Some(json!([])));
        }
        assert_eq!(buckets, chart_of(observations, bucket_s));
    }
    let some = "bucket=1s&since=1700001000&until=1700002000";
    let some = server.read(&format!("{CHART}?{some}")).await;
    let in_time = |observation: &&Value| {
        (1_700_001_000..=1_700_002_000).contains(&observation["time"].as_u64().unwrap())
    };
    let expected = observations.iter().filter(in_time).count();
    assert!(0 < expected);
    assert_eq!(some["buckets"].as_array().unwrap().len(), expected);

    let chart = server.read(&format!("{CHART}?bucket=1h")).await;
    let server = server.restart().await;
    assert_eq!(server.read(&format!("{CHART}?bucket=1h")).await, chart);
}

#[tokio::test]
async fn a_chart_shows_places_and_changes_of_the_security() {
    let server = TestServer::start().await;
    let at = |time: u32, lat: f64, capabilities: &str| {
        json!({ "bssid": "00:00:00:00:00:01", "timestamp": time, "signal": -50, "lat": lat, "lon": 8.0005,
                "capabilities": capabilities })
    };
    server
        .report(json!([
            at(1_700_000_000, 47.0001, "[WPA2-PSK-CCMP][ESS]"),
            at(1_700_000_001, 47.0003, "[WPA2-PSK-CCMP][ESS]"),
            at(1_700_000_002, 47.5, "[ESS]"),
        ]))
        .await;
    let chart = server.read(&format!("{CHART}?bucket=1day")).await;
    assert_eq!(
        chart,
        json!({
            "bucket_s": 86_400,
            "phy": "IEEE802.11",
            "buckets": [{
                "start": 1_699_920_000,
                "start_utc": "2023-11-14T00:00:00Z",
                "count": 3, "signal_min_dbm": -50, "signal_mean_dbm": -50.0, "signal_max_dbm": -50,
                "sources": { SOURCE: { "count": 3, "signal_min_dbm": -50, "signal_mean_dbm": -50.0, "signal_max_dbm": -50 } },
                "places": [
                    { "lat": 47.0002, "lon": 8.0005,
                      "count": 2, "signal_min_dbm": -50, "signal_mean_dbm": -50.0, "signal_max_dbm": -50 },
                    { "lat": 47.5, "lon": 8.0005,
                      "count": 1, "signal_min_dbm": -50, "signal_mean_dbm": -50.0, "signal_max_dbm": -50 },
                ],
                "channels": {},
            }],
            "security_changes": [{
                "time": 1_700_000_002,
                "time_utc": "2023-11-14T22:13:22Z",
                "source": SOURCE,
                "before": "wpa2-personal",
                "after": "open",
            }],
        })
    );
    // A day is the default.
    assert_eq!(server.read(CHART).await, chart);
    // A device that is known, at a time at which nobody saw it.
    let none = server
        .read(&format!("{CHART}?bucket=1h&until=1600000000"))
        .await;
    assert_eq!(
        none,
        json!({ "bucket_s": 3600, "buckets": [], "security_changes": [] })
    );
}

#[tokio::test]
async fn a_chart_refuses_nonsense_and_what_is_too_large() {
    let server = TestServer::start_with(|config| {
        config.limits.history_buckets_max = 3;
        config.limits.history_entries_max = 5;
    })
    .await;
    for time in [0, 60, 120] {
        server
            .report(json!([{ "bssid": "00:00:00:00:00:01", "timestamp": 1_700_000_040 + time, "channel": "6" }]))
            .await;
    }
    let refused = async |query: &str, status: u16, reason: &str| {
        server
            .get(&format!("{CHART}?{query}"))
            .await
            .expect_error(status, reason);
    };
    for nonsense in ["0s", "-5m", "5", "soon", "500ms", "1s%20500ms"] {
        let query = format!("bucket={nonsense}");
        refused(&query, 400, "bucket: expected a time span of whole seconds").await;
    }
    refused("bucket=1h&bucket=1h", 400, "bucket: given more than once").await;
    refused(
        "bucket=1h&limit=5",
        400,
        "limit: there is no such parameter",
    )
    .await;
    refused("since=yesterday", 400, "since: expected seconds").await;
    server
        .get("/api/v1/devices/zz/history")
        .await
        .expect_error(400, "mac: not a hardware address");
    server
        .get("/api/v1/devices/00:00:00:00:00:09/history?bucket=1h")
        .await
        .expect_error(404, "00:00:00:00:00:09");

    // Three buckets have three scanners and three channels, which are six entries.
    let entries = "bucket: more than limits.history_entries_max = 5";
    refused("bucket=60s", 400, entries).await;
    server
        .read(&format!("{CHART}?bucket=60s&since=1700000100"))
        .await;
    server
        .report(
            json!([{ "bssid": "00:00:00:00:00:02", "timestamp": 1_700_000_040 },
                       { "bssid": "00:00:00:00:00:02", "timestamp": 1_700_000_041 },
                       { "bssid": "00:00:00:00:00:02", "timestamp": 1_700_000_042 }]),
        )
        .await;
    let other = "/api/v1/devices/00:00:00:00:00:02/history";
    server.read(&format!("{other}?bucket=1s")).await;
    server
        .report(json!([{ "bssid": "00:00:00:00:00:02", "timestamp": 1_700_003_640 }]))
        .await;
    server
        .get(&format!("{other}?bucket=1s"))
        .await
        .expect_error(
            400,
            "limits.history_buckets_max = 3 buckets: bucket=30m fits",
        );
    server.read(&format!("{other}?bucket=30m")).await;
}

/// A watch and an access point may have the same address.
#[tokio::test]
async fn a_chart_tells_radio_technologies_apart() {
    let server = TestServer::start().await;
    let address = "02:00:00:00:00:01";
    let history = format!("/api/v1/devices/{address}/history");
    let watch = json!({ "btaddr": address, "timestamp": 1_700_000_000, "signal": -80 });
    let watches = json!([watch, watch]);
    server
        .post_json(BLUETOOTH, &batch(watches))
        .await
        .expect_status(200);
    let alone = server.read(&history).await;
    let counts = |chart: &Value| {
        let bucket = &chart["buckets"][0];
        let strongest = bucket["signal_max_dbm"].clone();
        (chart["phy"].clone(), bucket["count"].clone(), strongest)
    };
    let of_watch = (json!("Bluetooth"), json!(2), json!(-80));
    assert_eq!(counts(&alone), of_watch);
    assert_eq!(alone.get("others"), None);
    server
        .report(json!([{ "bssid": address, "timestamp": 1_700_000_001, "signal": -40 }]))
        .await;
    let both = server.read(&history).await;
    assert_eq!(counts(&both), (json!("IEEE802.11"), json!(1), json!(-40)));
    let others = both["others"].as_array().unwrap();
    assert_eq!(others.iter().map(counts).collect::<Vec<_>>(), [of_watch]);
    // As the device itself.
    let device = server.read(&format!("/api/v1/devices/{address}")).await;
    assert_eq!(device["phy"], both["phy"]);
    assert_eq!(device["others"][0]["phy"], others[0]["phy"]);
    let server = server.restart().await;
    assert_eq!(server.read(&history).await, both);
}
