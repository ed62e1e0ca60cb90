//! The outbox with items other than alerts, since it is generic.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Uri};
use scanpost::outbox::{
    ClientSettings, CursorFile, Deliveries, Destination, Dispatch, Feed, Item, Outbox, Settings,
};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::webhooks::receiver::{PATIENCE, Receiver, Reply};

const CURSORS: CursorFile = CursorFile {
    name: "lines.json",
    key: "lines",
};

/// A line of text.
#[derive(Clone)]
struct Line {
    number: u64,
    text: &'static str,
}

impl Item for Line {
    fn number(&self) -> u64 {
        self.number
    }

    fn made_at(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// Sends several lines in one request, without comments.
struct PlainText;

impl Dispatch for PlainText {
    type Item = Line;

    const ITEMS: &'static str = "lines";

    fn takes(&self, line: &Line) -> bool {
        !line.text.starts_with('#')
    }

    fn request(&self, target: &Uri, lines: &[Line], _: SystemTime) -> Request<Full<Bytes>> {
        let lines: Vec<_> = lines.iter().map(|line| line.text).collect();
        Request::post(target)
            .header("content-type", "text/plain")
            .body(lines.join("\n").into())
            .unwrap()
    }
}

/// Lines that a test wrote.
#[derive(Default)]
struct Lines {
    written: Arc<Mutex<Vec<Line>>>,
    newest: watch::Sender<u64>,
}

impl Lines {
    /// Adds all lines before it wakes the outbox.
    fn write(&self, texts: &[&'static str]) {
        let mut written = self.written.lock().unwrap();
        for (number, text) in (self.newest.borrow().wrapping_add(1)..).zip(texts) {
            written.push(Line { number, text });
        }
        let newest = written.last().unwrap().number;
        self.newest.send_replace(newest);
    }

    fn feed(&self) -> Feed<Line> {
        let written = Arc::clone(&self.written);
        let page = move |after, limit| {
            let written = written.lock().unwrap();
            let page = written.iter().filter(|line| after < line.number);
            Ok(page.take(limit).cloned().collect())
        };
        Feed::new(page, self.newest.subscribe())
    }

    fn send_to(
        &self,
        addr: SocketAddr,
        data: &Path,
        stop: &CancellationToken,
    ) -> (Outbox<PlainText>, Deliveries) {
        let settings = Settings {
            name: "printer".to_owned(),
            target: format!("http://{addr}/lines").parse().unwrap(),
            client: ClientSettings {
                ca_file: "".into(),
                connect_timeout: PATIENCE,
                timeout: PATIENCE,
            },
            retry_min: Duration::from_millis(1),
            retry_max: Duration::from_millis(20),
            give_up_after: Duration::ZERO,
            queue_max: 100,
            items_per_request_max: 3,
        };
        let destination = Destination::new(settings, PlainText).unwrap();
        Outbox::start(vec![destination], self.feed(), Some((data, CURSORS)), stop).unwrap()
    }
}

#[tokio::test]
async fn other_items_are_sent_in_batches_in_order_and_across_a_restart() {
    let (data, lines) = (tempfile::tempdir().unwrap(), Lines::default());
    let mut is_first = true;
    let receiver = Receiver::start(move |_| {
        let refused = std::mem::take(&mut is_first);
        Reply::Status(if refused { 503 } else { 204 })
    });
    let receiver = receiver.await;
    let bodies = || {
        let got = receiver.got().into_iter();
        got.map(|got| String::from_utf8(got.body.to_vec()).unwrap())
            .collect::<Vec<_>>()
    };

    let stop = CancellationToken::new();
    let (outbox, deliveries) = lines.send_to(receiver.addr, data.path(), &stop);
    lines.write(&["one", "# not this one", "two", "three", "four", "five"]);
    receiver.until(|got| got.len() == 3).await;
    stop.cancel();
    deliveries.finish(PATIENCE).await;
    let sent = ["one\ntwo\nthree", "one\ntwo\nthree", "four\nfive"];
    assert_eq!(bodies(), sent);
    let status = outbox.statuses().remove(0);
    assert_eq!((status.delivered, status.lost, status.waiting), (5, 0, 0));
    let kept: Value =
        serde_json::from_slice(&fs::read(data.path().join("lines.json")).unwrap()).unwrap();
    let progress = json!({"number": 6, "delivered": 5, "lost": 0});
    assert_eq!(kept, json!({"version": 1, "lines": {"printer": progress}}));

    lines.write(&["six"]);
    let stop = CancellationToken::new();
    let (_outbox, deliveries) = lines.send_to(receiver.addr, data.path(), &stop);
    receiver.until(|got| got.len() == 4).await;
    stop.cancel();
    deliveries.finish(PATIENCE).await;
    assert_eq!(bodies().split_off(3), ["six"]);
}
