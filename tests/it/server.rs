//! The test harness: a server in this process on a free port, and requests to it.

use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use scanpost::ServeError;
use scanpost::config::Config;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry;

pub(crate) const WIFI: &str = "/phy/phy80211/scan/scan_report.cmd";
pub(crate) const BLUETOOTH: &str = "/phy/phybluetooth/scan/scan_report.cmd";
pub(crate) const SOURCE: &str = "44444444-0000-0000-0000-000000000001";

/// Changes whenever a server of this process logs that it is ready.
static READY: LazyLock<watch::Sender<()>> = LazyLock::new(|| {
    let writer_only = Targets::new().with_target("scanpost::ingest", LevelFilter::INFO);
    let log = registry().with(ReadyLine.with_filter(writer_only));
    tracing::subscriber::set_global_default(log).unwrap();
    watch::Sender::new(())
});

/// Watches the log of this process for the line `ready`.
struct ReadyLine;

impl<S: Subscriber> Layer<S> for ReadyLine {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message::default();
        event.record(&mut message);
        if message.0 == "ready" {
            READY.send_replace(());
        }
    }
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// A server that stops when this is dropped.
pub(crate) struct TestServer {
    pub(crate) addr: SocketAddr,
    pub(crate) client: Client,
    config: Config,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), ServeError>>,
    data: TempDir,
}

/// A copy of a data directory from `tests/fixtures/data`.
pub(crate) fn copy_of_fixture(version: &str) -> TempDir {
    let data = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/data")
        .join(version);
    copy(&fixture, data.path());
    data
}

/// The default configuration with long timeouts for clients. On a busy machine a test can be slower than the default
/// timeouts. Tests of timeouts set their own. Refusals do not wait, and whoever guesses a password waits for ever, so that
/// what is refused for a while still is after some.
fn unhurried() -> Config {
    const HOUR: Duration = Duration::from_secs(3600);
    let mut config = Config::default();
    let limits = &mut config.limits;
    limits.header_timeout = HOUR;
    limits.body_timeout = HOUR;
    limits.idle_timeout = HOUR;
    limits.subscriber_timeout = HOUR;
    limits.refusal_delay = Duration::ZERO;
    config.auth.guess_delay = HOUR;
    config
}

pub(crate) fn copy(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let to = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy(&file.path(), &to);
        } else {
            std::fs::copy(file.path(), to).unwrap();
        }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts with the default configuration after `change`.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = unhurried();
        change(&mut config);
        Self::start_on(tempfile::tempdir().unwrap(), config).await
    }

    /// Starts on a copy of a data directory from `tests/fixtures/data`.
    pub(crate) async fn start_on_fixture(version: &str) -> Self {
        Self::start_on(copy_of_fixture(version), unhurried()).await
    }

    /// Starts on a data directory, and waits until the log is read.
    pub(crate) async fn start_on(data: TempDir, mut config: Config) -> Self {
        config.server.data_dir = data.path().to_owned();
        scanpost::use_program(env!("CARGO_BIN_EXE_scanpost").into());
        // Bound here, so that no test has to wait until the server listens.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut ready = READY.subscribe();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async { stopped.await.unwrap_or_default() };
        let running = tokio::spawn(scanpost::serve(listener, config.clone(), shutdown));
        let mut server = Self {
            addr,
            client: Client::new(),
            config,
            stop,
            running,
            data,
        };
        // The line does not name its server, and other tests of this process start servers too.
        loop {
            tokio::select! {
                changed = ready.changed() => changed.unwrap(),
                ended = &mut server.running => panic!("the server ended at its start: {ended:?}"),
            }
            if server.is_ready().await {
                return server;
            }
        }
    }

    /// Uses a connection of its own, so that none is left open for the test.
    async fn is_ready(&self) -> bool {
        let request = "GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let mut answer = String::new();
        let asked = async {
            let mut stream = TcpStream::connect(self.addr).await?;
            stream.write_all(request.as_bytes()).await?;
            stream.read_to_string(&mut answer).await
        };
        asked.await.is_ok() && answer.starts_with("HTTP/1.1 200")
    }

    /// Stops in order and starts again on the same data.
    pub(crate) async fn restart(self) -> Self {
        let (data, config) = self.stop().await;
        Self::start_on(data, config).await
    }

    /// As [`TestServer::restart`], with another configuration.
    pub(crate) async fn restart_with(self, change: impl FnOnce(&mut Config)) -> Self {
        let (data, mut config) = self.stop().await;
        change(&mut config);
        Self::start_on(data, config).await
    }

    /// As [`TestServer::restart`], but from the log alone.
    pub(crate) async fn restart_without_snapshots(self) -> Self {
        let (data, config) = self.stop().await;
        std::fs::remove_dir_all(data.path().join("snapshots")).unwrap();
        Self::start_on(data, config).await
    }

    /// Stops in order.
    pub(crate) async fn stop(self) -> (TempDir, Config) {
        let Self {
            config,
            stop,
            running,
            data,
            ..
        } = self;
        drop(stop);
        running.await.unwrap().unwrap();
        (data, config)
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("http://{}{path}", self.addr))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// The JSON answer of a path.
    pub(crate) async fn read(&self, path: &str) -> Value {
        self.get(path).await.expect_status(200).json()
    }

    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.post(path, Some("application/json"), body.to_string())
            .await
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        content_type: Option<&str>,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let mut request = self.request(Method::POST, path).body(body);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        Answer::of(request).await
    }

    /// Sends Wi-Fi reports from [`SOURCE`]. All of them have to be accepted.
    pub(crate) async fn report(&self, reports: Value) -> Value {
        let count = reports.as_array().unwrap().len();
        let answer = self.taken(&batch(reports)).await;
        assert_eq!(answer["accepted"], count, "{answer}");
        answer
    }

    /// Sends a Wi-Fi batch of which at least one report has to be valid. Returns the answer.
    pub(crate) async fn taken(&self, body: &Value) -> Value {
        let answer = self.post_json(WIFI, body).await;
        answer.expect_status(200).json()
    }

    /// The only device with this address.
    pub(crate) async fn device(&self, mac: &str) -> Value {
        let devices = self
            .read(&format!("/devices/by-mac/{mac}/devices.json"))
            .await;
        assert_eq!(devices.as_array().unwrap().len(), 1, "{mac}: {devices}");
        devices[0].clone()
    }

    /// Reports that the server counts for a device.
    pub(crate) async fn reports_of(&self, mac: &str) -> u64 {
        let device = self.device(mac).await;
        device["kismet.device.base.packets.total"].as_u64().unwrap()
    }

    pub(crate) async fn device_count(&self) -> usize {
        self.count("/devices/views/all/devices.json").await
    }

    pub(crate) async fn source_count(&self) -> usize {
        self.count("/datasource/all_sources.json").await
    }

    async fn count(&self, list: &str) -> usize {
        self.read(list).await.as_array().unwrap().len()
    }
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Self {
            status,
            headers,
            text: response.text().await.unwrap(),
        }
    }

    #[track_caller]
    pub(crate) fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Expects an error whose text contains `reason`.
    #[track_caller]
    pub(crate) fn expect_error(self, status: u16, reason: &str) -> Value {
        let answer = self.expect_status(status);
        assert_eq!(answer.headers["content-type"], "application/json");
        let json = answer.json();
        assert_eq!(json["success"], false, "{json}");
        assert!(
            json["status"].as_str().unwrap().contains(reason),
            "{reason:?} is not in {json}"
        );
        json
    }
}

/// The time, in seconds since 1970.
pub(crate) fn now_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// A request body with these reports.
#[expect(
    clippy::needless_pass_by_value,
    reason = "every call passes a temporary value"
)]
pub(crate) fn batch(reports: Value) -> Value {
    json!({ "source_uuid": SOURCE, "source_name": "phone", "reports": reports })
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Removes the fields that depend on the current time, and the descriptions of fields.
pub(crate) fn timeless(mut value: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|name, _| {
                    let is_timed = name.ends_with("serial_time") || name.ends_with("rrd");
                    !is_timed && !name.starts_with("description.")
                });
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut value);
    value
}
