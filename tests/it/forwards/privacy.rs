//! What never leaves, also not to services.

use std::fs;

use scanpost::config::ForwardKind;
use serde_json::{Value, json};

use super::stub::{Reply, Stub, of_geosubmit};
use super::{order, run, server, until, wifi, wifis};
use crate::exports::send;
use crate::server::{TestServer, WIFI};

fn named(number: u64, ssid: &str) -> Value {
    let mut report = wifi(number);
    report["ssid"] = ssid.into();
    report
}

fn addresses(stub: &Stub) -> Vec<String> {
    let got = stub.got();
    let seen = got.iter().flat_map(of_geosubmit);
    let address = |seen: String| {
        seen.split(' ')
            .next()
            .unwrap()
            .get(12..)
            .unwrap()
            .to_owned()
    };
    seen.map(address).collect()
}

#[tokio::test]
async fn names_that_opt_out_and_the_rules_of_privacy_hold() {
    let stub = Stub::answering(vec![]).await;
    let mut target = super::target(ForwardKind::Geosubmit, stub.addr);
    target.imported = true;
    let server = TestServer::start_with(|config| {
        config.privacy.zones = vec!["52.4,13.4,500".parse().unwrap()];
        config.privacy.addresses = vec!["02:00:00:00:00:05".parse().unwrap()];
        config.privacy.ssids = vec!["secret".to_owned()];
        config.forward = vec![target];
    })
    .await;
    let mut at_home = wifi(7);
    at_home["lat"] = 52.4.into();
    // The device has another name too, under which it does not opt out.
    let mut other_name = named(2, "plain");
    other_name["timestamp"] = (super::SEEN + 900).into();
    send(
        &server,
        WIFI,
        json!([
            wifi(1),
            named(2, "x_nomap"),
            other_name,
            named(3, "a_optout_b"),
            named(4, "x_nomap2"),
            wifi(5),
            named(6, "secret"),
            at_home,
            wifi(8),
        ]),
    )
    .await;
    run(&server).await;
    assert_eq!(addresses(&stub), ["00:01", "00:04", "00:08"]);
}

#[tokio::test]
async fn what_is_erased_is_not_in_a_part_any_more() {
    let stub = Stub::answering(vec![Reply::Json(500, json!({}))]).await;
    let server = server(ForwardKind::Wdgwars, &stub, |target| {
        target.retry_min = std::time::Duration::from_secs(3600);
        target.retry_max = target.retry_min;
    })
    .await;
    send(&server, WIFI, wifis(1..3)).await;
    order(&server, "run").await.expect_status(200);
    until(&server, |status| status["state"] == "waiting").await;
    let (data, config) = server.stop().await;
    let folder = data.path().join("forwards");
    let part = fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    assert!(String::from_utf8_lossy(&fs::read(part.path()).unwrap()).contains("02:00:00:00:00:01"));
    let (code, _, err) = crate::program::run(
        crate::program::scanpost()
            .args(["erase", "--address", "02:00:00:00:00:01", "--data-dir"])
            .arg(data.path()),
    );
    assert_eq!(code, Some(0), "{err}");
    assert!(!folder.exists());
    let _server = TestServer::start_on(data, config).await;
    stub.until(|got| got.len() == 2).await;
    let got = stub.got();
    let body = String::from_utf8_lossy(&got[1].body).into_owned();
    assert!(body.contains("02:00:00:00:00:02") && !body.contains("02:00:00:00:00:01"));
}
