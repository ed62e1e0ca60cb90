//! A stub of a service: keeps what it gets, and answers as a test says.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

const PATIENCE: Duration = Duration::from_secs(120);

/// A received request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Got {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Bytes,
}

/// Reaction to a request.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Json(u16, Value),
    With(u16, &'static str, &'static str),
    /// Closes the connection without an answer.
    Cut,
}

impl Reply {
    pub(super) fn ok() -> Self {
        Self::Json(200, json!({}))
    }
}

/// A server that runs as long as its runtime.
pub(super) struct Stub {
    pub(super) addr: SocketAddr,
    got: watch::Receiver<Vec<Got>>,
}

type Decide = Arc<Mutex<dyn FnMut(&Got) -> Reply + Send>>;

impl Stub {
    /// Calls `decide` for each request, in order of arrival.
    pub(super) async fn start(decide: impl FnMut(&Got) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, got) = watch::channel(Vec::new());
        let (sender, decide): (_, Decide) = (Arc::new(sender), Arc::new(Mutex::new(decide)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (sender, decide) = (Arc::clone(&sender), Arc::clone(&decide));
                let service = service_fn(move |request| {
                    answer(request, Arc::clone(&sender), Arc::clone(&decide))
                });
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // Ends when the client closes the connection, or with `Reply::Cut`.
                tokio::spawn(async move { connection.await.ok() });
            }
        });
        Self { addr, got }
    }

    /// Answers in turn, and with 200 after that.
    pub(super) async fn answering(replies: Vec<Reply>) -> Self {
        let mut replies = replies.into_iter();
        Self::start(move |_| replies.next().unwrap_or_else(Reply::ok)).await
    }

    /// All requests so far.
    pub(super) fn got(&self) -> Vec<Got> {
        self.got.borrow().clone()
    }

    /// Waits until the received requests are enough.
    pub(super) async fn until(&self, is_enough: impl Fn(&[Got]) -> bool) {
        let mut got = self.got.clone();
        let waited = tokio::time::timeout(PATIENCE, got.wait_for(|got| is_enough(got))).await;
        assert!(waited.is_ok(), "only these requests came: {:?}", self.got());
    }
}

async fn answer(
    request: Request<Incoming>,
    sender: Arc<watch::Sender<Vec<Got>>>,
    decide: Decide,
) -> std::io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let headers = head.headers.iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    // A client that was killed sends only a part.
    let body = body.collect().await.map_err(std::io::Error::other)?;
    let got = Got {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: headers.collect(),
        body: body.to_bytes(),
    };
    let reply = decide.lock().unwrap()(&got);
    sender.send_modify(|all| all.push(got));
    let answer = Response::builder();
    let (answer, body) = match reply {
        Reply::Json(status, json) => (answer.status(status), json.to_string()),
        Reply::With(status, name, value) => {
            (answer.status(status).header(name, value), String::new())
        }
        Reply::Cut => return Err(std::io::Error::other("cut")),
    };
    Ok(answer.body(Full::from(body)).unwrap())
}

#[expect(
    clippy::disallowed_types,
    reason = "what inflates here is the server's own"
)]
pub(super) fn unzipped(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut decoder = flate2::read::GzDecoder::new(bytes);
    decoder.read_to_string(&mut text).unwrap();
    text
}

/// The file in a form, its name, and the other fields.
pub(super) fn file_of(got: &Got) -> (Vec<u8>, String, Vec<(String, String)>) {
    let (_, line) = got.headers["content-type"].split_once("boundary=").unwrap();
    let line = format!("--{line}");
    let (mut file, mut name, mut fields) = (Vec::new(), String::new(), Vec::new());
    let mut rest = &got.body[..];
    while let Some(start) = find(rest, line.as_bytes()) {
        rest = &rest[start + line.len()..];
        if rest.starts_with(b"--") {
            break;
        }
        let head_end = find(rest, b"\r\n\r\n").unwrap();
        let head = String::from_utf8(rest[..head_end].to_vec()).unwrap();
        let content = &rest[head_end + 4..];
        let end = find(content, format!("\r\n{line}").as_bytes()).unwrap();
        let word = |key: &str| {
            let (_, after) = head.split_once(&format!(" {key}=\""))?;
            Some(after.split_once('"')?.0.to_owned())
        };
        let content = content[..end].to_vec();
        if let Some(named) = word("filename") {
            (file, name) = (content, named);
        } else {
            let value = String::from_utf8(content).unwrap();
            fields.push((word("name").unwrap(), value));
        }
        rest = &rest[head_end + 4 + end..];
    }
    (file, name, fields)
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

/// The observations of a body of geosubmit: address and time in seconds.
pub(super) fn of_geosubmit(got: &Got) -> Vec<String> {
    let json: Value = serde_json::from_str(&unzipped(&got.body)).unwrap();
    let mut seen = Vec::new();
    for item in json["items"].as_array().unwrap() {
        for list in ["wifiAccessPoints", "bluetoothBeacons"] {
            for one in item[list].as_array().into_iter().flatten() {
                let time = item["timestamp"].as_u64().unwrap() / 1000;
                seen.push(format!("{} {time}", one["macAddress"].as_str().unwrap()));
            }
        }
    }
    seen
}

/// The rows of a file of `WiGLE` CSV: address and time.
pub(super) fn of_csv(text: &str) -> Vec<String> {
    let rows = text.lines().skip(2);
    let cells = rows.map(|row| row.split(',').map(str::to_owned).collect::<Vec<_>>());
    cells
        .map(|cells| format!("{} {}", cells[0], cells[3]))
        .collect()
}
