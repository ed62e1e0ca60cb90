//! Alerts: their causes, their storage, and their readers.

mod crash;
mod handling;
mod reads;
mod scenarios;

use scanpost::config::alerts::{Alerts, Network};
use serde_json::{Value, json};

use crate::server::TestServer;

pub(crate) const OFTEN: &str = "1000000/day,1000000/sec";

/// Raises an alert for every network whose name starts with `Canary`.
pub(crate) fn canaries(alerts: &mut Alerts, limit: &str) {
    limit.clone_into(&mut alerts.ssidcanary);
    alerts.ssidcanary_networks = vec![Network {
        name: "bird".to_owned(),
        ssid: "^Canary".to_owned(),
    }];
}

pub(crate) fn canary(number: u32) -> Value {
    json!({ "bssid": format!("0200{number:08x}"), "ssid": format!("Canary {number}") })
}

/// Alerts from the native interface, oldest first.
async fn alerts(server: &TestServer) -> Vec<Value> {
    let page = server.read("/api/v1/alerts?limit=1000").await;
    let mut alerts = page["alerts"].as_array().unwrap().clone();
    alerts.reverse();
    alerts
}
