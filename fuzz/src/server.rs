//! A server in this process, and a connection to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use scanpost::config::Config;
use serde_json::Value;

/// Data for queries to find: Wi-Fi and Bluetooth, with and without a position.
const WIFI: &str = r#"{"source_uuid": "44444444-0000-0000-0000-000000000001", "source_name": "phone", "reports": [
    {"bssid": "02:00:5E:10:00:01", "ssid": "CoffeeShop", "capabilities": "[WPA2-PSK-CCMP][ESS]", "freqkhz": 2437000,
     "signal": -61, "lat": 40.7128, "lon": -74.006, "timestamp": 1700000000, "tags": {"a": "b"}},
    {"bssid": "02:00:5E:10:00:02", "ssid": "a\u0000\u2028\"", "freqkhz": 5180000, "signal": -80}
]}"#;
const BLUETOOTH: &str = r#"{"source_uuid": "44444444-0000-0000-0000-000000000002", "source_name": "", "reports": [
    {"btaddr": "02:00:5E:20:00:01", "name": "Band", "scan_data": "0201060303aafe"}
]}"#;

/// A server that runs as long as the process.
pub(crate) struct Server {
    addr: SocketAddr,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) is_json: bool,
    pub(crate) body: Vec<u8>,
}

impl Server {
    /// The only server of this process, started on the first call.
    pub(crate) fn shared() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    fn start() -> Self {
        let (sender, addr) = std::sync::mpsc::sync_channel(1);
        thread::spawn(move || {
            let data = tempfile::tempdir().expect("no temporary directory");
            let mut config = Config::default();
            data.path().clone_into(&mut config.server.data_dir);
            // Fuzzing must not fill the memory.
            config.limits.devices_max = 1000;
            // Changed UUIDs are new sources, and the server refuses them once it has too many.
            config.limits.sources_max = 1_000_000;
            let runtime = tokio::runtime::Runtime::new().expect("no runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0");
                let listener = listener.await.expect("no free port");
                let bound = listener.local_addr().expect("the listener has no address");
                sender.send(bound).expect("nobody waits for the address");
                let ended = scanpost::serve(listener, config, std::future::pending()).await;
                panic!("the server ended: {ended:?}");
            });
        });
        let addr = addr.recv().expect("the server did not start");
        let server = Self { addr };
        server.report("/phy/phy80211/scan/scan_report.cmd", WIFI);
        server.report("/phy/phybluetooth/scan/scan_report.cmd", BLUETOOTH);
        server
    }

    /// Sends reports, and retries while the server answers 503 because it still reads its log.
    fn report(&self, path: &str, body: &str) {
        loop {
            let answer = self.post(path, body.as_bytes());
            if answer.status != 503 {
                assert_eq!(answer.status, 200, "{}", answer.text());
                return;
            }
            thread::sleep(Duration::from_secs(1));
        }
    }

    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Answer {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.exchange(&[head.as_bytes(), body].concat())
    }

    /// Sends a GET for `target`. Only bytes that would end the request line are escaped.
    pub(crate) fn get(&self, target: &[u8]) -> Answer {
        let mut request = b"GET /".to_vec();
        for &byte in target.strip_prefix(b"/").unwrap_or(target) {
            match byte {
                ..=b' ' | 0x7f => request.extend_from_slice(format!("%{byte:02x}").as_bytes()),
                _ => request.push(byte),
            }
        }
        request.extend_from_slice(b" HTTP/1.1\r\nhost: localhost\r\n\r\n");
        self.exchange(&request)
    }

    /// Sends a request on this thread's connection, or on a new one if the server has closed it.
    fn exchange(&self, request: &[u8]) -> Answer {
        thread_local! {
            static CONNECTION: std::cell::RefCell<Option<BufReader<TcpStream>>> = const { std::cell::RefCell::new(None) };
        }
        CONNECTION.with_borrow_mut(|kept| {
            if let Some(mut connection) = kept.take()
                && let Ok((answer, stays_open)) = send(&mut connection, request)
            {
                *kept = stays_open.then_some(connection);
                return answer;
            }
            let stream = TcpStream::connect(self.addr).expect("the server is not reachable");
            stream.set_nodelay(true).expect("TCP_NODELAY cannot be set");
            let mut connection = BufReader::new(stream);
            let (answer, stays_open) = send(&mut connection, request).expect("no valid answer");
            *kept = stays_open.then_some(connection);
            answer
        })
    }
}

/// The response, and whether the connection stays open after it.
fn send(connection: &mut BufReader<TcpStream>, request: &[u8]) -> std::io::Result<(Answer, bool)> {
    connection.get_mut().write_all(request)?;
    let mut answer = Answer {
        status: 0,
        is_json: false,
        body: Vec::new(),
    };
    let (mut length, mut is_chunked, mut stays_open) = (0, false, true);
    let first = line(connection)?;
    let status = first
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    answer.status = status.ok_or(std::io::ErrorKind::InvalidData)?;
    loop {
        let header = line(connection)?.to_ascii_lowercase();
        let Some((name, value)) = header.split_once(": ") else {
            break;
        };
        match name {
            "content-length" => length = value.parse().map_err(std::io::Error::other)?,
            "transfer-encoding" => is_chunked = true,
            "connection" => stays_open = value != "close",
            "content-type" => answer.is_json = value == "application/json",
            _ => {}
        }
    }
    while is_chunked {
        let size = usize::from_str_radix(&line(connection)?, 16).map_err(std::io::Error::other)?;
        read_onto(connection, size, &mut answer.body)?;
        line(connection)?;
        is_chunked = 0 < size;
    }
    read_onto(connection, length, &mut answer.body)?;
    Ok((answer, stays_open))
}

fn read_onto(connection: &mut impl Read, size: usize, body: &mut Vec<u8>) -> std::io::Result<()> {
    let start = body.len();
    body.resize(start + size, 0);
    connection.read_exact(body.get_mut(start..).unwrap_or_default())
}

/// The next line, without the line break.
fn line(connection: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = Vec::new();
    if connection.read_until(b'\n', &mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}
