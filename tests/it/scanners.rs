//! How scanners report, and where they were.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Answer, SOURCE, TestServer, WIFI, batch, now_s};

const AP: &str = "02:00:5E:10:00:01";

fn path(what: &str) -> String {
    format!("/api/v1/sources/{SOURCE}{what}")
}

fn at(lat: f64, lon: f64, timestamp: u64) -> Value {
    json!({ "bssid": AP, "lat": lat, "lon": lon, "timestamp": timestamp })
}

/// Longitude and latitude of each place of a line.
fn line(track: &Value) -> Vec<Value> {
    assert_eq!(track["geometry"]["type"], "LineString", "{track}");
    track["geometry"]["coordinates"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_track_has_its_places_in_the_order_of_time() {
    let server = TestServer::start().await;
    let start = now_s() - 1000;
    server.report(json!([{ "bssid": AP }])).await;
    let nowhere = server.get(&path("/track")).await.expect_status(200);
    assert_eq!(nowhere.headers["content-type"], "application/geo+json");
    let nowhere = nowhere.json();
    assert_eq!(nowhere["type"], "Feature");
    assert!(nowhere.as_object().unwrap().contains_key("geometry"));
    assert_eq!(nowhere["geometry"], Value::Null);
    assert_eq!(nowhere["properties"]["times"], json!([]));

    server
        .report(json!([at(1.0, 1.0, start), at(1.0, 1.0, start + 5)]))
        .await;
    let point = server.read(&path("/track")).await;
    let geometry = json!({ "type": "Point", "coordinates": [1.0, 1.0] });
    assert_eq!(point["geometry"], geometry);
    assert_eq!(point["properties"]["times"], json!([start]));
    assert_eq!(point["properties"]["last"], start + 5);
    assert_eq!(point["properties"]["reports"], 2);
    assert_eq!(point["properties"]["name"], "phone");

    // A late report has its place by its own time, and another scanner's report has none.
    server.report(json!([at(1.0, 3.0, start + 30)])).await;
    let mut high = at(1.0, 2.0, start + 20);
    high["alt"] = json!(7);
    server.report(json!([high])).await;
    let mut other = batch(json!([at(50.0, 50.0, start + 10)]));
    other["source_uuid"] = json!("55555555-0000-0000-0000-000000000001");
    server.taken(&other).await;
    let track = server.read(&path("/track")).await;
    assert_eq!(
        line(&track),
        [json!([1.0, 1.0]), json!([2.0, 1.0, 7.0]), json!([3.0, 1.0])]
    );
    assert_eq!(
        track["properties"]["times"],
        json!([start, start + 20, start + 30])
    );
    let first_utc = track["properties"]["times_utc"][0].as_str().unwrap();
    assert!(first_utc.ends_with('Z'), "{first_utc}");

    let since = format!("/track?since={}&until={}", start + 10, start + 30);
    let part = server.read(&path(&since)).await;
    assert_eq!(line(&part), [json!([2.0, 1.0, 7.0]), json!([3.0, 1.0])]);
    let late = server
        .read(&path(&format!("/track?since={}", start + 31)))
        .await;
    assert_eq!(late["geometry"], Value::Null);

    let server = server.restart_without_snapshots().await;
    assert_eq!(server.read(&path("/track")).await, track);
}

#[tokio::test]
async fn a_long_track_is_simplified_and_keeps_its_ends() {
    let server = TestServer::start().await;
    let start = now_s() - 10_000;
    // A corner in the middle of two straight lines.
    let place = |number: u32| {
        let along = f64::from(number) / 1000.0;
        let (lat, lon) = if number < 100 {
            (0.5, along)
        } else {
            (0.5 + along - 0.1, 0.1)
        };
        at(lat, lon, start + u64::from(number))
    };
    let places: Vec<_> = (0..200).map(place).collect();
    server.report(json!(places)).await;
    let whole = server.read(&path("/track")).await;
    assert_eq!(line(&whole).len(), 200);
    assert_eq!(whole["properties"]["simplified"], false);
    let simple = server.read(&path("/track?points_max=3")).await;
    let line = line(&simple);
    assert_eq!(line.len(), 3);
    assert_eq!(
        (&line[0], &line[2]),
        (&json!([0.0, 0.5]), &json!([0.1, 0.599]))
    );
    assert_eq!(line[1], json!([0.1, 0.5]), "the corner");
    let properties = &simple["properties"];
    assert_eq!(properties["simplified"], true);
    assert_eq!(
        properties["times"],
        json!([start, start + 100, start + 199])
    );
    assert_eq!(properties["reports"], 200);
}

#[tokio::test]
async fn a_track_without_since_reads_a_part_of_a_long_log() {
    let server = TestServer::start_with(|config| config.limits.track_observations_max = 3).await;
    let start = now_s() - 1000;
    let other = |number: u64| {
        let mut other = batch(json!([at(50.0, 50.0, start + number)]));
        other["source_uuid"] = json!("55555555-0000-0000-0000-000000000001");
        other
    };
    for number in 0..2_u32 {
        let lon = f64::from(number);
        server
            .report(json!([at(1.0, lon, start + u64::from(number))]))
            .await;
        server.taken(&other(number.into())).await;
    }
    let track = async |what: &str| {
        let track = server.read(&path(&format!("/track{what}"))).await;
        let properties = &track["properties"];
        (
            properties["times"].clone(),
            properties["earlier_left_out"].clone(),
        )
    };
    // It ends at the last request of the scanner itself.
    assert_eq!(track("").await, (json!([start, start + 1]), json!(false)));
    for number in 2..4 {
        server.taken(&other(number)).await;
    }
    assert_eq!(track("").await, (json!([start, start + 1]), json!(false)));
    server.report(json!([at(1.0, 2.0, start + 2)])).await;
    assert_eq!(track("").await, (json!([start + 2]), json!(true)));
    let all = json!([start, start + 1, start + 2]);
    assert_eq!(track("?since=0").await, (all, json!(false)));
    let until = format!("?until={}", start + 1);
    assert_eq!(track(&until).await, (json!([]), json!(true)));
}

#[tokio::test]
async fn nonsense_about_tracks_is_refused() {
    let server = TestServer::start().await;
    server.report(json!([{ "bssid": AP }])).await;
    for (query, reason) in [
        (
            "points_max=1",
            "points_max: expected a number from 2 to 10000",
        ),
        ("points_max=10001", "points_max: "),
        ("points_max=x", "points_max: "),
        ("since=x", "since: "),
        ("nonsense=1", "nonsense: there is no such parameter here"),
    ] {
        let answer = server.get(&path(&format!("/track?{query}"))).await;
        answer.expect_error(400, reason);
    }
    for what in ["/track", ""] {
        let unknown = format!("/api/v1/sources/55555555-0000-0000-0000-000000000001{what}");
        server
            .get(&unknown)
            .await
            .expect_error(404, "no source has the UUID");
        let wrong = format!("/api/v1/sources/x{what}");
        server.get(&wrong).await.expect_error(400, "uuid: ");
    }
}

async fn send(server: &TestServer, agent: &'static str, body: String) -> Answer {
    let request = server.request(Method::POST, WIFI).body(body);
    Answer::of(request.header("user-agent", agent)).await
}

#[tokio::test]
async fn a_source_shows_what_was_refused_and_by_which_program_it_was_sent() {
    let server = TestServer::start().await;
    server.report(json!([{ "bssid": AP }])).await;
    let source = server.read(&path("")).await;
    for unknown in [
        "expected_interval_s",
        "silent_since",
        "user_agent",
        "last_refused",
    ] {
        assert_eq!(source[unknown], Value::Null, "{unknown}");
        assert!(source.as_object().unwrap().contains_key(unknown));
    }
    assert_eq!(
        (&source["requests_refused"], &source["reports_refused"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(source["late_share"], 0.0);
    let is_paused = async |verb: &str| {
        let command = format!("/datasource/by-uuid/{SOURCE}/{verb}_source.cmd");
        server
            .post_json(&command, &json!({}))
            .await
            .expect_status(200);
        let listed = server.read("/api/v1/sources").await["sources"][0]["paused"].clone();
        assert_eq!(server.read(&path("")).await["paused"], listed);
        listed
    };
    assert_eq!(source["paused"], false);
    assert_eq!(is_paused("pause").await, true);
    assert_eq!(is_paused("resume").await, false);

    // A report that is late, one that is wrong, and one in time.
    let late = json!({ "bssid": AP, "timestamp": now_s() - 100 });
    let body = batch(json!([late, { "bssid": "x" }, { "bssid": AP }])).to_string();
    send(&server, "Esp32/1.2", body).await.expect_status(200);
    let source = server.read(&path("")).await;
    assert_eq!(source["user_agent"], "Esp32/1.2");
    assert_eq!(source["late_share"], 0.3333);
    assert_eq!(source["reports_refused"], 1);
    assert_eq!(source["reports_refused_by_field"], json!({ "bssid": 1 }));
    assert_eq!(source["last_refused_code"], "bad_report");
    assert!(
        source["last_refused_error"]
            .as_str()
            .unwrap()
            .starts_with("bssid: ")
    );
    assert_eq!(source["reports_last_hour"], 3);
    let hours = source["reports_by_hour"].as_array().unwrap();
    assert_eq!(hours.len(), 24);
    assert_eq!(hours.iter().filter_map(Value::as_u64).sum::<u64>(), 3);

    // A body that breaks off is counted for the source that it names.
    let broken = format!(r#"{{"source_uuid": "{SOURCE}", "reports": [{{"bssid": 7 7"#);
    let code = send(&server, "Esp32/1.3", broken).await.json()["code"].clone();
    let source = server.read(&path("")).await;
    assert_eq!(source["requests_refused"], 1);
    assert_eq!(
        source["requests_refused_by_code"][code.as_str().unwrap()],
        1
    );
    assert_eq!(source["last_refused_code"], code);
    assert_eq!(source["user_agent"], "Esp32/1.3");
    let listed = server.read("/api/v1/sources").await;
    let mut row = listed["sources"][0].clone();
    for (name, value) in row.as_object_mut().unwrap() {
        assert_eq!(*value, source[name], "{name}");
    }
    assert_eq!(listed["unattributed_refusals"], json!([]));

    // One that names no known source is shown beside the list.
    send(&server, "new board", "nonsense".to_owned()).await;
    let listed = server.read("/api/v1/sources").await;
    let unattributed = listed["unattributed_refusals"].as_array().unwrap();
    assert_eq!(unattributed.len(), 1);
    assert_eq!(unattributed[0]["user_agent"], "new board");
    assert!(!unattributed[0]["error"].as_str().unwrap().is_empty());
}
