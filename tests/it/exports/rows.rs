//! Which rows a file has.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{SEEN, file, send, with_devices};
use crate::server::{SOURCE, TestServer, WIFI};

async fn features(server: &TestServer, query: &str) -> Vec<Value> {
    let text = file(server, &format!("geojsonseq?{query}")).await;
    let lines = text.lines().map(serde_json::from_str);
    lines.map(Result::unwrap).collect()
}

async fn addresses(server: &TestServer, query: &str) -> BTreeSet<String> {
    let features = features(server, query).await;
    let address = |feature: &Value| {
        feature["properties"]["address"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    features.iter().map(address).collect()
}

#[tokio::test]
async fn the_filters_of_devices_choose_the_rows() {
    let server = with_devices().await;
    for query in [
        "phy=wifi",
        "phy=bluetooth",
        "security=open",
        "ssid_contains=shop",
        "address_prefix=00:11",
        "since=1600000004",
        "bbox=52,13,53,14",
        "near=-90,180,10",
        "signal_min_dbm=-65",
        "channel=36",
        "band=6",
        "source=phone",
        "with_position=true",
        "with_position=false",
        "name_not=CoffeeShop&name_not=Watch",
        "source=44444444-0000-0000-0000-000000000001&phy=wifi",
    ] {
        let page = server
            .read(&format!("/api/v1/devices?limit=100&{query}"))
            .await;
        let rows = page["devices"].as_array().unwrap().iter();
        let listed: BTreeSet<_> = rows
            .map(|row| row["address"].as_str().unwrap().to_owned())
            .filter(|address| address != "02:00:00:00:00:06")
            .collect();
        assert!(!listed.is_empty(), "{query}");
        assert_eq!(addresses(&server, query).await, listed, "{query}");
    }
}

#[tokio::test]
async fn observations_are_chosen_by_their_own_time_place_signal_and_source() {
    let server = with_devices().await;
    let shop = "ssid=CoffeeShop&per=observation";
    let times = async |more: &str| -> Vec<u64> {
        let features = features(&server, &format!("{shop}{more}")).await;
        let time = |feature: &Value| feature["properties"]["time"].as_u64().unwrap();
        features.iter().map(time).collect()
    };
    assert_eq!(times("").await, [SEEN, SEEN + 60]);
    assert_eq!(times(&format!("&since={}", SEEN + 1)).await, [SEEN + 60]);
    assert_eq!(times(&format!("&until={}", SEEN + 59)).await, [SEEN]);
    assert_eq!(times("&signal_min_dbm=-65").await, [SEEN]);
    assert_eq!(times("&with_position=true").await, [SEEN, SEEN + 60]);
    assert_eq!(times("&with_position=false").await, [0; 0]);
    assert_eq!(times("&name_not=CoffeeShop").await, [0; 0]);
    assert_eq!(times("&name_not=Watch").await, [SEEN, SEEN + 60]);
    assert_eq!(times("&near=52.5200066,13.404954,1").await, [SEEN]);
    assert_eq!(times(&format!("&source={SOURCE}")).await.len(), 2);
    send(
        &server,
        WIFI,
        json!([{"timestamp": SEEN, "bssid": "02:00:00:00:00:99"}]),
    )
    .await;
    let other = json!({"source_uuid": "44444444-0000-0000-0000-000000000002", "source_name": "car",
        "reports": [{"timestamp": SEEN + 90, "bssid": "00:11:22:00:00:01", "ssid": "CoffeeShop"}]});
    server.taken(&other).await;
    assert_eq!(times("&source=car").await, [SEEN + 90]);
    // The position is that of the observation, and not that of its device.
    assert_eq!(times("&with_position=false").await, [SEEN + 90]);
    assert_eq!(times("").await.len(), 3);
}

#[tokio::test]
async fn the_place_of_a_device_is_the_one_that_is_asked_for() {
    let server = with_devices().await;
    let place = async |query: &str| {
        let features = features(&server, &format!("ssid=CoffeeShop{query}")).await;
        assert_eq!(features.len(), 1);
        features[0]["geometry"]["coordinates"].clone()
    };
    assert_eq!(place("").await, json!([13.404_954, 52.520_006_6, 34.2]));
    assert_eq!(place("&place=strongest").await, place("").await);
    assert_eq!(
        place("&place=last").await,
        json!([13.405_154, 52.520_106_6])
    );
    assert_eq!(
        place("&place=mean").await,
        json!([13.405_054, 52.520_056_6, 34.2])
    );
    let placeless = features(&server, "ssid=placeless").await;
    assert_eq!(placeless[0]["geometry"], Value::Null);
}

#[tokio::test]
async fn what_comes_while_a_file_is_made_is_not_in_it() {
    let server = with_devices().await;
    let path = "/api/v1/export/geojsonseq?per=observation";
    let answer = server.request(reqwest::Method::GET, path).send().await;
    let mut answer = answer.unwrap();
    // The answer has begun, so the end of the log is known.
    send(
        &server,
        WIFI,
        json!([{"timestamp": SEEN, "bssid": "02:00:00:00:00:99"}]),
    )
    .await;
    let mut text = Vec::new();
    while let Some(piece) = answer.chunk().await.unwrap() {
        text.extend_from_slice(&piece);
    }
    let text = String::from_utf8(text).unwrap();
    assert!(!text.contains("02:00:00:00:00:99"), "{text}");
    assert!(
        file(&server, "geojsonseq?per=observation")
            .await
            .contains("02:00:00:00:00:99")
    );
}

#[tokio::test]
async fn separators_stand_before_features_where_they_are_asked_for() {
    let server = with_devices().await;
    let text = file(&server, "geojsonseq?rs=true").await;
    assert!(
        text.lines().all(|line| line.starts_with("\u{1E}{")),
        "{text}"
    );
    assert!(!file(&server, "geojsonseq").await.contains('\u{1E}'));
}
