//! Uploads of a format that exists only here: several entries of both radios in one body.

use std::time::Duration;

use axum::Router;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;
use crate::alerts::AlertKeeper;
use crate::config::alerts::Alerts;
use crate::fold::{ResendWindow, TooManySources};
use crate::http::request::body::BodyLimits;
use crate::http::server::lease::ConnectionLimits;
use crate::http::server::listener;
use crate::http::server::places::{PlaceLimits, Places};
use crate::ingest::decode::{DecodeError, Reason};
use crate::ingest::format::Described;
use crate::ingest::{self, Stores, WriterBounds, kismet};
use crate::log::Log;
use crate::report::{Batch, Phy};
use crate::tracker::{Bounds, Tracker};

/// A row is a line with a radio, the number of a source, and an address.
struct Lines;

impl Format for Lines {
    const PATH: &'static str = "/lines";
    const SUMMARY: &'static str = "Takes lines";
    const MEDIA_TYPES: &'static [(&'static str, Described)] = &[("text/plain", Described::OCTETS)];
    const IS_JSON: bool = false;
    const NAME: &'static str = "Upload of lines";
    const ACCEPTED: &'static str = "Lines accepted";
    const HAS_ONE_ENTRY: bool = false;

    fn decode(body: &[u8], context: &Context) -> Result<Upload, DecodeError> {
        let not_text = |_| DecodeError::NotAReport("not UTF-8".to_owned());
        let text = std::str::from_utf8(body).map_err(not_text)?;
        let (mut entries, mut nobodys) = (Vec::<UploadEntry>::new(), Vec::new());
        for (row, line) in text.lines().enumerate() {
            match read_line(line, context) {
                Err(reason) => nobodys.push((row, reason)),
                Ok((batch, refused)) => {
                    let rejected = refused.map(|reason| reason.of_report(row));
                    let is_same = |entry: &UploadEntry| entry.batch.source == batch.source;
                    let at = entries.iter().position(is_same).unwrap_or(entries.len());
                    if let Some(entry) = entries.get_mut(at) {
                        entry.batch.reports.extend(batch.reports);
                    } else {
                        let rows = Vec::new();
                        let notes = Notes::default();
                        entries.push(UploadEntry { batch, rows, notes });
                    }
                    let entry = entries.get_mut(at).unwrap();
                    match rejected {
                        None => entry.rows.push(row),
                        Some(rejected) => entry.batch.rejected.push(rejected),
                    }
                }
            }
        }
        let mut entries = entries.into_iter();
        let first = entries.next();
        let mut upload = Upload::new(first.ok_or(DecodeError::NothingValid(Vec::new()))?);
        entries.for_each(|entry| upload.add(entry));
        for (row, reason) in nobodys {
            upload.reject(row, reason);
        }
        Ok(upload)
    }
}

/// A batch with the line's report, or without one and why.
fn read_line(line: &str, context: &Context) -> Result<(Batch, Option<Reason>), Reason> {
    let [radio, source, addr] = line.split(' ').collect::<Vec<_>>()[..] else {
        return Err(Reason::new("line", "expected three words"));
    };
    let (phy, field) = match radio {
        "wifi" => (Phy::Wifi, "bssid"),
        "bluetooth" => (Phy::Bluetooth, "btaddr"),
        _ => return Err(Reason::new("radio", "expected wifi or bluetooth")),
    };
    let decode = |reports: Value| {
        let source = format!("00000000-0000-0000-0000-{source:0>12}");
        let json = json!({ "source_uuid": source, "source_name": null, "reports": reports });
        let body = json.to_string();
        kismet::decode(phy, body.as_bytes(), context.received_at, &context.limits)
            .map(|(batch, _)| batch)
    };
    let unreadable = |error: DecodeError| Reason::new("source", error);
    match decode(json!([{ field: addr }])) {
        Ok(batch) => Ok((batch, None)),
        Err(DecodeError::NothingValid(_)) => {
            let batch = decode(json!([])).map_err(unreadable)?;
            Ok((batch, Some(Reason::new("address", "not one"))))
        }
        Err(error) => Err(unreadable(error)),
    }
}

/// A server with one route. It stops when this is dropped.
struct TestServer {
    url: String,
    tracker: Arc<Tracker>,
    _stop: DropGuard,
}

impl TestServer {
    async fn start(sources_max: usize) -> Self {
        let tracker = Arc::new(Tracker::new(Bounds {
            sources_max,
            ..Bounds::FOR_TESTS
        }));
        let events = Events::new(8);
        let keeper = AlertKeeper::open(None, &Alerts::default(), uuid::Uuid::nil()).unwrap();
        let stores = Stores {
            log: Log::in_memory(usize::MAX),
            snapshots: None,
            accepts_loss: false,
            alerts: keeper,
        };
        let bounds = WriterBounds {
            queue_batches_max: 2 * ENTRIES_AT_ONCE_MAX,
            window: ResendWindow {
                batches_max: 1000,
                age_max: Duration::from_secs(3600),
            },
        };
        let (ready, is_ready) = oneshot::channel();
        let begin = move |_, _| {
            ready.send(()).ok();
        };
        let (ingest, _) = ingest::start(
            stores,
            Arc::clone(&tracker),
            events.clone(),
            now(),
            bounds,
            begin,
        )
        .unwrap();
        is_ready.await.unwrap();
        let intake = Arc::new(Intake {
            ingest,
            tracker: Arc::clone(&tracker),
            rates: Rates::new(0, 0),
            new_sources: NewSources::new(0),
            bodies: Bodies::new(BodyLimits {
                bytes_max: 1 << 20,
                command_bytes_max: 1 << 18,
                all_bytes_max: 1 << 22,
                sender_bytes_max: 1 << 22,
                timeout: Duration::from_secs(60),
                unwanted_timeout: Duration::from_secs(60),
                bytes_per_second_min: 0,
                rate_after: Duration::from_secs(60),
            }),
            body_bytes_max: 1 << 20,
            events,
            limits: Limits::FOR_TESTS,
            health: SourceHealth::new(8),
            outcomes: Outcomes::default(),
            large_bodies: LargeBodies::new(1),
            owners: None,
        });
        let router = Router::new()
            .route(Lines::PATH, post(upload::<Lines>))
            .with_state(intake);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{}", listener.local_addr().unwrap(), Lines::PATH);
        let limits = ConnectionLimits {
            head_bytes_max: 8192,
            refused_body_bytes_max: 1 << 20,
            refused_body_pause_max: Duration::from_secs(60),
            refused_body_timeout: Duration::from_secs(60),
            header_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(60),
            shutdown_grace: Duration::from_secs(60),
        };
        let places = PlaceLimits {
            connections_max: 8,
            connections_per_network_max: 8,
        };
        let stop = CancellationToken::new();
        tokio::spawn(listener::run(
            listener.into(),
            router,
            limits,
            Places::new(places, &[]),
            None,
            Arc::default(),
            stop.clone(),
        ));
        Self {
            url,
            tracker,
            _stop: stop.drop_guard(),
        }
    }

    /// Sends an upload, and gives the status and the answer.
    async fn send(&self, key: &str, lines: &[&str]) -> (u16, Value) {
        let request = reqwest::Client::new()
            .post(&self.url)
            .header("content-type", "text/plain")
            .header("idempotency-key", key)
            .body(lines.join("\n"));
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap())
    }

    /// How many reports of each radio were counted.
    fn counted(&self) -> [u64; 2] {
        Phy::ALL.map(|phy| self.tracker.totals(phy).reports)
    }
}

const UPLOAD: [&str; 6] = [
    "wifi 1 02:00:00:00:00:01",
    "bluetooth 2 02:00:00:00:00:02",
    "wifi 1 nonsense",
    "radar 1 02:00:00:00:00:01",
    "wifi 3 02:00:00:00:00:03",
    "wifi 1 02:00:00:00:00:01",
];

fn expected(duplicate: bool, duplicates: usize) -> Value {
    json!({
        "accepted": 3,
        "duplicate": duplicate,
        "duplicates": duplicates,
        "ignored": [],
        "rejected": [
            { "index": 2, "reason": "address: not one" },
            { "index": 3, "reason": "radio: expected wifi or bluetooth" },
            { "index": 4, "reason": IngestError::from(TooManySources { max: 2 }).to_string() },
        ],
        "status": "Lines accepted",
        "success": true,
    })
}

#[tokio::test]
async fn a_receipt_accounts_for_each_row_of_several_entries() {
    let server = TestServer::start(2).await;
    assert_eq!(server.send("", &UPLOAD).await, (200, expected(false, 0)));
    assert_eq!(server.counted(), [2, 1]);
    assert_eq!(server.tracker.sources().len(), 2);
}

#[tokio::test]
async fn an_upload_that_is_sent_again_is_recognised_entry_by_entry() {
    let server = TestServer::start(2).await;
    assert_eq!(server.send("a", &UPLOAD).await, (200, expected(false, 0)));
    assert_eq!(server.send("a", &UPLOAD).await, (200, expected(true, 3)));
    assert_eq!(server.counted(), [2, 1]);
    // As if the server had stopped between two entries of an upload.
    let (_, part) = server.send("b", &UPLOAD[..1]).await;
    assert_eq!([&part["accepted"], &part["duplicates"]], [1, 0]);
    let (_, all) = server.send("b", &UPLOAD[..2]).await;
    assert_eq!([&all["accepted"], &all["duplicates"]], [2, 1]);
    assert_eq!(all["duplicate"], false);
    assert_eq!(server.counted(), [3, 2]);
}

#[tokio::test]
async fn an_upload_of_which_nothing_is_taken_is_refused() {
    let server = TestServer::start(2).await;
    server.send("", &UPLOAD).await;
    let others = ["wifi 4 02:00:00:00:00:04", "bluetooth 5 02:00:00:00:00:05"];
    let (status, answer) = server.send("", &others).await;
    assert_eq!(answer["success"], false, "{status}");
    let (status, answer) = server.send("", &["radar"]).await;
    assert_eq!((status, &answer["success"]), (422, &json!(false)));
    assert_eq!(server.counted(), [2, 1]);
}

#[tokio::test]
async fn an_upload_may_have_more_entries_than_wait_at_one_time() {
    const ENTRIES: usize = 4 * ENTRIES_AT_ONCE_MAX;
    let server = TestServer::start(ENTRIES).await;
    let lines: Vec<_> = (0..ENTRIES)
        .map(|source| format!("wifi {source} 02:00:00:00:00:01"))
        .collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let (_, answer) = server.send("a", &lines).await;
    assert_eq!([&answer["accepted"], &answer["duplicates"]], [ENTRIES, 0]);
    let (_, answer) = server.send("a", &lines).await;
    assert_eq!(
        [&answer["accepted"], &answer["duplicates"]],
        [ENTRIES, ENTRIES]
    );
    assert_eq!(server.tracker.sources().len(), ENTRIES);
}
