//! Content, order and signatures of deliveries.

use std::collections::HashMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use base64ct::{Base64, Encoding};
use scanpost::alerts::Severity;
use scanpost::config::Webhook;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::receiver::{Alerts, Got, Receiver, Reply, Running, SECRET, id, ids, webhook};

/// HMAC-SHA256 as in RFC 2104. The server uses a library, so this checks it independently.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let pad = |with: u8| {
        let mut block = [with; 64];
        key.iter()
            .zip(&mut block)
            .for_each(|(key, byte)| *byte ^= key);
        block
    };
    let inner = Sha256::new()
        .chain_update(pad(0x36))
        .chain_update(text)
        .finalize();
    let outer = Sha256::new()
        .chain_update(pad(0x5c))
        .chain_update(inner)
        .finalize();
    outer.to_vec()
}

fn signature(id: &str, timestamp: &str, body: &[u8]) -> String {
    let key = Base64::decode_vec(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let text = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    format!("v1,{}", Base64::encode_string(&hmac(&key, &text)))
}

#[track_caller]
fn check_signed(got: &Got) {
    let timestamp = &got.headers["webhook-timestamp"];
    let expected = signature(got.id(), timestamp, &got.body);
    assert_eq!(got.headers["webhook-signature"], expected);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let age = now - timestamp.parse::<u64>().unwrap();
    assert!(age < 120, "{age} seconds old");
}

#[test]
fn the_check_itself_passes_the_vector_of_standard_webhooks() {
    let signed = signature(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
        br#"{"test": 2432232314}"#,
    );
    assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[tokio::test]
async fn a_request_is_what_standard_webhooks_says() {
    let receiver = Receiver::start(|_| Reply::Status(204)).await;
    let (dir, alerts) = (tempfile::tempdir().unwrap(), Alerts::new());
    let running = Running::start(&[webhook("a", receiver.addr)], alerts.feed(), dir.path());
    alerts.raise(1);
    let status = running.until(|status| status.delivered == 1).await;
    assert_eq!((status.waiting, status.failures, status.lost), (0, 0, 0));
    assert_eq!(status.last_error, None);

    let got = receiver.got().remove(0);
    assert_eq!(got.target, "/hook?key=hunter2");
    assert_eq!(got.body, "{\"number\": 1}");
    assert_eq!(got.id(), "alert-1");
    assert_eq!(got.headers["content-type"], "application/json");
    let agent = concat!("scanpost/", env!("CARGO_PKG_VERSION"));
    assert_eq!(got.headers["user-agent"], agent);
    check_signed(&got);
}

#[tokio::test]
async fn after_a_bad_while_every_alert_arrives_in_order_with_its_id() {
    const ALERTS: u64 = 40;
    // Each alert fails up to three times, in alternating ways.
    let ways = [
        Reply::Status(500),
        Reply::Cut,
        Reply::With(429, "retry-after", "0"),
        Reply::Status(404),
        Reply::With(503, "retry-after", "Thu, 01 Jan 1970 00:00:00 GMT"),
        Reply::Status(100 + 300),
    ];
    let (mut ways, mut tries) = (ways.into_iter().cycle(), HashMap::<String, u64>::new());
    let receiver = Receiver::start(move |got| {
        let tried = tries.entry(got.id().to_owned()).or_default();
        *tried += 1;
        let number: u64 = got.id().strip_prefix("alert-").unwrap().parse().unwrap();
        if *tried <= number % 4 {
            ways.next().unwrap()
        } else {
            Reply::Status(200)
        }
    })
    .await;
    let (dir, alerts) = (tempfile::tempdir().unwrap(), Alerts::new());
    let running = Running::start(&[webhook("a", receiver.addr)], alerts.feed(), dir.path());
    alerts.raise(ALERTS / 2);
    receiver.until(|got| got.len() > 10).await;
    alerts.raise(ALERTS - ALERTS / 2);
    let status = running.until(|status| status.delivered == ALERTS).await;
    assert_eq!((status.waiting, status.failures, status.lost), (0, 0, 0));
    assert!(status.last_error.unwrap().starts_with("answered "));

    // Each alert is sent as often as necessary, with no other alert in between.
    let expected =
        (1..=ALERTS).flat_map(|number| vec![number; usize::try_from(number % 4 + 1).unwrap()]);
    assert_eq!(receiver.ids(), ids(expected));
    for got in receiver.got() {
        check_signed(&got);
        let number = got.id().strip_prefix("alert-").unwrap();
        assert_eq!(got.body, format!("{{\"number\": {number}}}"));
    }
}

#[tokio::test]
async fn a_restart_continues_after_the_last_delivered_alert() {
    let hangs_at = id(4);
    let slow = Receiver::start(move |got| {
        if got.id() == hangs_at {
            Reply::Hang
        } else {
            Reply::Status(200)
        }
    })
    .await;
    let (dir, alerts) = (tempfile::tempdir().unwrap(), Alerts::with(2));
    // A new webhook does not get alerts from before its first start.
    let running = Running::start(&[webhook("a", slow.addr)], alerts.feed(), dir.path());
    alerts.raise(4);
    slow.until(|got| got.len() == 2).await;
    let status = running.status();
    assert_eq!((status.delivered, status.waiting), (1, 3));
    // As in a crash: the fourth alert was sent, and no answer was read.
    drop(running);

    let receiver = Receiver::start(|_| Reply::Status(200)).await;
    let again = Running::start(&[webhook("a", receiver.addr)], alerts.feed(), dir.path());
    again.until(|status| status.delivered == 4).await;
    again.stop().await;
    assert_eq!(slow.ids(), ids([3, 4]));
    assert_eq!(receiver.ids(), ids([4, 5, 6]));

    // Nothing is pending. Another name is another webhook.
    let names = ["a", "b"].map(|name| webhook(name, receiver.addr));
    let last = Running::start(&names, alerts.feed(), dir.path());
    let waiting = last
        .webhooks
        .statuses()
        .into_iter()
        .map(|status| (status.delivered, status.waiting));
    assert_eq!(waiting.collect::<Vec<_>>(), [(4, 0), (0, 0)]);
}

#[tokio::test]
async fn only_wanted_alerts_are_sent() {
    let receivers = [
        Receiver::start(|_| Reply::Status(200)).await,
        Receiver::start(|_| Reply::Status(200)).await,
        Receiver::start(|_| Reply::Status(200)).await,
    ];
    let [rule, severity, nothing] =
        [0, 1, 2].map(|number| webhook(&format!("w{number}"), receivers[number].addr));
    let webhooks = [
        Webhook {
            rules: vec!["odd".to_owned(), "unheard-of".to_owned()],
            ..rule
        },
        Webhook {
            severity_min: Severity::High,
            ..severity
        },
        Webhook {
            severity_min: Severity::Critical,
            ..nothing
        },
    ];
    let (dir, alerts) = (tempfile::tempdir().unwrap(), Alerts::new());
    let running = Running::start(&webhooks, alerts.feed(), dir.path());
    alerts.raise(100);
    for name in ["w0", "w1", "w2"] {
        running.until_of(name, |status| status.waiting == 0).await;
    }
    assert_eq!(receivers[0].ids(), ids((1..=100).step_by(2)));
    assert_eq!(receivers[1].ids(), ids((2..=100).step_by(2)));
    assert_eq!(receivers[2].ids(), ids([]));
    running.stop().await;
    assert_eq!(kept(dir.path()), [100, 100, 100]);
}

/// Progress of each webhook, read from the disk.
fn kept(directory: &Path) -> Vec<u64> {
    let text = std::fs::read(directory.join("webhooks.json")).unwrap();
    let json: Value = serde_json::from_slice(&text).unwrap();
    let webhooks = json["webhooks"].as_object().unwrap().values();
    webhooks
        .map(|progress| progress["number"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn progress_past_many_unwanted_alerts_is_stored_early() {
    let receiver = Receiver::start(|_| Reply::Status(200)).await;
    let picky = Webhook {
        rules: vec!["unheard-of".to_owned()],
        ..webhook("a", receiver.addr)
    };
    let (dir, alerts) = (tempfile::tempdir().unwrap(), Alerts::new());
    let running = Running::start(&[picky], alerts.feed(), dir.path());
    alerts.raise(1500);
    running.until(|_| kept(dir.path()) == [1500]).await;
}

/// Replaces the list of webhooks, as the server does.
async fn replace(running: &Running, webhooks: Vec<Webhook>) -> Result<(), String> {
    let running = running.webhooks.clone();
    let replaced = tokio::task::spawn_blocking(move || running.replace(&webhooks)).await;
    replaced.unwrap().map_err(|error| error.to_string())
}

#[tokio::test]
async fn webhooks_that_change_go_on_where_they_were() {
    let alerts = Alerts::new();
    let dir = tempfile::tempdir().unwrap();
    let down = Receiver::start(|_| Reply::Status(503)).await;
    let (moved, same) = (
        Receiver::start(|_| Reply::Status(200)).await,
        Receiver::start(|_| Reply::Status(200)).await,
    );
    let before = [webhook("a", down.addr), webhook("b", same.addr)];
    let running = Running::start(&before, alerts.feed(), dir.path());
    alerts.raise(3);
    same.until(|got| got.len() == 3).await;
    down.until(|got| !got.is_empty()).await;

    let changed = vec![webhook("b", same.addr), webhook("a", moved.addr)];
    replace(&running, changed).await.unwrap();
    moved.until(|got| got.len() == 3).await;
    assert_eq!(moved.ids(), ids(1..=3));
    assert_eq!(same.ids(), ids(1..=3), "it went on undisturbed");
    let names: Vec<_> = running
        .webhooks
        .statuses()
        .into_iter()
        .map(|status| status.name)
        .collect();
    assert_eq!(names, ["b", "a"]);

    // A list with a fault changes nothing.
    let bad = Webhook {
        secret: "whsec_x".to_owned().into(),
        ..webhook("a", down.addr)
    };
    let error = replace(&running, vec![bad]).await.unwrap_err();
    assert!(error.contains("secret of the webhook `a`"), "{error}");
    alerts.raise(1);
    moved.until(|got| got.len() == 4).await;
    same.until(|got| got.len() == 4).await;

    // One that was removed in between begins with new alerts.
    replace(&running, vec![webhook("b", same.addr)])
        .await
        .unwrap();
    alerts.raise(1);
    same.until(|got| got.len() == 5).await;
    replace(
        &running,
        vec![webhook("a", moved.addr), webhook("b", same.addr)],
    )
    .await
    .unwrap();
    alerts.raise(1);
    moved.until(|got| got.len() == 5).await;
    assert_eq!(moved.ids()[4], id(6));
    running.until_of("b", |status| status.waiting == 0).await;
    running.stop().await;

    // The positions are on disk.
    let again = Running::start(
        &[webhook("a", moved.addr), webhook("b", same.addr)],
        alerts.feed(),
        dir.path(),
    );
    alerts.raise(1);
    moved.until(|got| got.len() == 6).await;
    same.until(|got| got.len() == 7).await;
    again.stop().await;
    assert_eq!(same.ids(), ids(1..=7));
}

#[tokio::test]
async fn a_secret_that_changes_in_its_file_signs_from_then_on() {
    let alerts = Alerts::new();
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| Reply::Status(200)).await;
    let file = dir.path().join("secret");
    std::fs::write(&file, "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3").unwrap();
    let signed = Webhook {
        secret: String::new().into(),
        secret_file: file.clone(),
        ..webhook("a", receiver.addr)
    };
    let running = Running::start(std::slice::from_ref(&signed), alerts.feed(), dir.path());
    alerts.raise(1);
    receiver.until(|got| got.len() == 1).await;
    std::fs::write(&file, SECRET).unwrap();
    replace(&running, vec![signed]).await.unwrap();
    alerts.raise(1);
    receiver.until(|got| got.len() == 2).await;
    check_signed(&receiver.got()[1]);
    running.stop().await;
}
