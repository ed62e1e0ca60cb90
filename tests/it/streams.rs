//! Requests as real HTTP clients write them, octet by octet. `tests/fixtures/field/streams.toml` lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::server::TestServer;

/// Longest time that an answer may take. Only a server that never answers reaches it.
const PATIENCE: Duration = Duration::from_secs(120);
const NAME: &str = "Bü/ro \"Süd\" & <x> 📶\u{7}";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    stream: Vec<Stream>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stream {
    client: String,
    /// The requests of one connection, one file each.
    files: Vec<String>,
    device: String,
    /// Blanks at the end of the body that the file leaves out.
    #[serde(default)]
    blanks: usize,
}

/// How a stream is sent.
#[derive(Clone, Copy)]
enum Sending {
    /// Each request in one piece. A client that asks whether to go on waits for the permission.
    Waiting,
    /// In many pieces, without waiting for a permission.
    InPieces,
}

struct Answer {
    status: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/field")
}

fn streams() -> Vec<Stream> {
    let text = fs::read_to_string(folder().join("streams.toml")).unwrap();
    let Index { stream } = toml::from_str(&text).unwrap();
    stream
}

/// Reads the head of an answer, without its last, empty line.
async fn head(reader: &mut BufReader<TcpStream>) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        let read = reader.read_line(&mut line).await;
        if read.map_err(|error| error.to_string())? == 0 {
            return Err(format!("the connection ended after {lines:?}"));
        }
        match line.trim_end() {
            "" => return Ok(lines),
            line => lines.push(line.to_owned()),
        }
    }
}

/// Reads an answer to its last octet, and after it the end of the connection if the server closes it.
async fn answer(reader: &mut BufReader<TcpStream>) -> Result<Answer, String> {
    let mut lines = head(reader).await?;
    while lines[0].starts_with("HTTP/1.1 100 ") {
        lines = head(reader).await?;
    }
    let headers: BTreeMap<_, _> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").ok_or("no Content-Length")?;
    let mut body = vec![0; length.parse().unwrap()];
    let read = reader.read_exact(&mut body).await;
    read.map_err(|error| format!("the answer is cut: {error}"))?;
    let connection = headers.get("connection").map(String::as_str);
    let is_last = match connection {
        Some(connection) => connection == "close",
        None => lines[0].starts_with("HTTP/1.0 "),
    };
    if is_last {
        let mut rest = Vec::new();
        let read = reader.read_to_end(&mut rest).await;
        read.map_err(|error| format!("the connection is reset: {error}"))?;
        if !rest.is_empty() {
            return Err(format!("{} octets behind the answer", rest.len()));
        }
    }
    Ok(Answer {
        status: lines.swap_remove(0),
        headers,
        body,
    })
}

async fn send(
    reader: &mut BufReader<TcpStream>,
    request: &[u8],
    sending: Sending,
) -> Result<Answer, String> {
    let end = request.windows(4).position(|part| part == b"\r\n\r\n");
    let (request_head, body) = request.split_at(end.unwrap() + 4);
    let asks = String::from_utf8_lossy(request_head)
        .to_ascii_lowercase()
        .contains("\r\nexpect: 100-continue\r\n");
    match sending {
        Sending::Waiting if asks => {
            reader.get_mut().write_all(request_head).await.unwrap();
            let permission = head(reader).await?;
            if permission != ["HTTP/1.1 100 Continue"] {
                return Err(format!("{permission:?} instead of a permission"));
            }
            reader.get_mut().write_all(body).await.unwrap();
        }
        Sending::Waiting => reader.get_mut().write_all(request).await.unwrap(),
        Sending::InPieces => {
            // Of a large body, only the beginning is interesting in small pieces.
            let (first, rest) = request.split_at(request.len().min(2000));
            for piece in first.chunks(7) {
                reader.get_mut().write_all(piece).await.unwrap();
            }
            reader.get_mut().write_all(rest).await.unwrap();
        }
    }
    answer(reader).await
}

impl Stream {
    fn requests(&self) -> Vec<Vec<u8>> {
        let read = |file: &String| {
            let mut request = fs::read(folder().join("streams").join(file)).unwrap();
            request.resize(request.len() + self.blanks, b' ');
            request
        };
        self.files.iter().map(read).collect()
    }

    async fn check(&self, server: &TestServer, sending: Sending) -> Result<(), String> {
        let stream = TcpStream::connect(server.addr).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut reader = BufReader::new(stream);
        for request in self.requests() {
            let answered = send(&mut reader, &request, sending).await?;
            let status = &answered.status;
            if !status.starts_with("HTTP/1.") || !status.ends_with(" 200 OK") {
                let text = String::from_utf8_lossy(&answered.body);
                return Err(format!("{status}: {text}"));
            }
            let receipt: Value =
                serde_json::from_slice(&answered.body).map_err(|error| error.to_string())?;
            let facts = (
                &receipt["accepted"],
                &receipt["ignored"],
                &receipt["rejected"],
            );
            if facts != (&json!(1), &json!([]), &json!([])) {
                return Err(receipt.to_string());
            }
            for absent in ["upgrade", "transfer-encoding", "content-encoding"] {
                if let Some(value) = answered.headers.get(absent) {
                    return Err(format!("the answer has {absent}: {value}"));
                }
            }
        }
        let device = self.device.as_str();
        let shown = server.get(&format!("/api/v1/devices/{device}")).await;
        let shown: Value = serde_json::from_str(&shown.text).unwrap();
        let shown =
            ["name", "signal_dbm", "frequency_khz"].map(|field| (field, shown[field].clone()));
        let expected = [
            ("name", json!(NAME)),
            ("signal_dbm", json!(-51)),
            ("frequency_khz", json!(2_437_000)),
        ];
        if shown == expected {
            Ok(())
        } else {
            Err(format!("{device} is {shown:?}"))
        }
    }
}

async fn replay(sending: Sending) {
    let server = TestServer::start().await;
    let mut wrong = Vec::new();
    for stream in streams() {
        let checked = timeout(PATIENCE, stream.check(&server, sending)).await;
        if let Err(fault) = checked.unwrap_or_else(|_| Err("no answer".to_owned())) {
            wrong.push(format!("{}: {fault}", stream.client));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[tokio::test]
async fn requests_of_real_clients_are_understood() {
    replay(Sending::Waiting).await;
}

#[tokio::test]
async fn requests_of_real_clients_are_understood_in_small_pieces() {
    replay(Sending::InPieces).await;
}

#[test]
fn every_recording_is_listed_once_and_has_a_device_of_its_own() {
    let mut listed = BTreeSet::new();
    let mut devices = BTreeSet::new();
    for stream in streams() {
        assert!(devices.insert(stream.device.clone()), "{}", stream.device);
        for file in stream.files {
            assert!(listed.insert(file.clone()), "{file} is listed twice");
        }
    }
    let found: BTreeSet<_> = fs::read_dir(folder().join("streams"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "http"))
        .collect();
    assert_eq!(found, listed);
}
