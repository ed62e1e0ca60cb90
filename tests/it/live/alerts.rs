//! The topic `ALERT`, and alerts as messages.

use serde_json::json;

use super::{EVENTBUS, Subscriber};
use crate::server::TestServer;

#[tokio::test]
async fn an_alert_is_sent_as_an_event_and_as_a_message() {
    let server = TestServer::start().await;
    let network = |capabilities, time: u32| json!([{ "bssid": "020000000001", "ssid": "x", "capabilities": capabilities, "timestamp": time }]);
    server
        .report(network("[WPA2-PSK-CCMP][ESS]", 1_700_000_000))
        .await;
    let mut subscriber = Subscriber::connect(&server, EVENTBUS).await;
    for topic in ["ALERT", "MESSAGE"] {
        subscriber.say(json!({ "SUBSCRIBE": topic })).await;
    }
    subscriber.settle().await;
    server.report(network("[ESS]", 1_700_000_001)).await;
    let told = subscriber.hear().await;
    let all = server.read("/alerts/all_alerts.json").await;
    assert_eq!(told, json!({ "ALERT": all[0] }));
    assert_eq!(told["ALERT"]["kismet.alert.header"], "CRYPTODROP");
    let said = subscriber.hear().await;
    let message = &said["MESSAGE"];
    assert_eq!(message["kismet.messagebus.message_flags"], 8);
    let text = message["kismet.messagebus.message_string"]
        .as_str()
        .unwrap();
    let expected = told["ALERT"]["kismet.alert.text"].as_str().unwrap();
    assert_eq!(text, format!("CRYPTODROP {expected}"));
    let messages = server.read("/messagebus/all_messages.json").await;
    assert_eq!(messages.as_array().unwrap().last(), Some(message));
}
