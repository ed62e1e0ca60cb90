//! The process of the server.

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::thread;
use std::time::SystemTime;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::routing::{get, post};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use scanpost::config::{AuthMode, Config};
use scanpost::ingest::kismet;
use scanpost::log::Log;
use scanpost::report::Phy;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::oneshot;
use tower::ServiceExt;
use tracing::Level;
use tracing_subscriber::fmt::writer::MakeWriterExt;

use super::access::tls_files;
use super::server::Variant;
use super::traffic::{SCAN_REPORT, taken};
use super::{Result, decode_limits};

/// The largest upload of an import.
const UPLOAD_BYTES_MAX: usize = 1 << 30;
/// Most batches in the log in memory.
const MEMORY_ENTRIES_MAX: usize = 1000;
/// Size limit of the bounded log, in bytes.
const BOUNDED: u64 = 1 << 30;

/// Serves until the end of standard input. Prints its port to standard output.
pub(crate) fn serve(variant: Variant) -> Result<()> {
    // The default log level applies, so that logging costs what it does in production. Only warnings are shown.
    tracing_subscriber::fmt()
        .with_env_filter(Config::default().logging.level)
        .with_ansi(false)
        .with_writer(io::stderr.with_max_level(Level::WARN))
        .init();
    let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        writeln!(io::stdout(), "{}", listener.local_addr()?.port())?;
        let (config, shutdown) = (Config::default(), end_of_input());
        match variant {
            Variant::Durable(directory) => {
                let mut config = config;
                config.server.data_dir = directory;
                // A million frames of Kismet are more than an upload may have by default.
                config.import.body_bytes_max = UPLOAD_BYTES_MAX;
                scanpost::serve(listener, config, shutdown).await?;
            }
            Variant::Bounded(directory) => {
                let mut config = config;
                config.server.data_dir = directory;
                config.retention.size = BOUNDED;
                scanpost::serve(listener, config, shutdown).await?;
            }
            Variant::Keyed(directory) => {
                scanpost::serve(listener, asking(config, directory), shutdown).await?;
            }
            Variant::Tls(directory) => {
                let [certificate, key] = tls_files(&directory);
                let mut config = asking(config, directory);
                config.server.tls_certificate = certificate;
                config.server.tls_key = key;
                scanpost::serve(listener, config, shutdown).await?;
            }
            Variant::Memory => {
                let log = Log::in_memory(MEMORY_ENTRIES_MAX);
                scanpost::serve_log(listener, config, log, shutdown).await?;
            }
            Variant::Ceiling => tokio::select! {
                () = shutdown => {}
                ended = serve_ceiling(listener) => ended?,
            },
        }
        Ok(())
    })
}

/// Asks for credentials in a data directory.
fn asking(mut config: Config, directory: PathBuf) -> Config {
    config.server.data_dir = directory;
    config.auth.mode = AuthMode::Required;
    config
}

async fn end_of_input() {
    let (end, ended) = oneshot::channel::<()>();
    // A thread, because a read of standard input cannot be cancelled, and would block the end of the runtime.
    thread::spawn(move || {
        io::stdin().read_to_end(&mut Vec::new()).ok();
        drop(end);
    });
    ended.await.ok();
}

/// The least work that a server on these libraries can do: it decodes a report and drops it.
async fn serve_ceiling(listener: TcpListener) -> Result<()> {
    let router = Router::new()
        .route(SCAN_REPORT, post(decode_only))
        .route("/readyz", get(async || "ready"));
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve_connection(stream, router.clone()));
    }
}

async fn serve_connection(stream: TcpStream, router: Router) {
    stream.set_nodelay(true).ok();
    let service = router
        .map_request(|request: Request<Incoming>| request)
        .map_err(|never: Infallible| never);
    http1::Builder::new()
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .await
        .ok();
}

async fn decode_only(json: String) -> std::result::Result<String, StatusCode> {
    let now = SystemTime::now().into();
    let (batch, _) = kismet::decode(Phy::Wifi, json.as_bytes(), now, &decode_limits())
        .map_err(|_| StatusCode::BAD_REQUEST)?;
    Ok(taken(batch.reports.len()) + "}")
}
