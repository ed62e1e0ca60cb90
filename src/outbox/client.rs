//! An HTTP client for one receiver.

use std::error::Error;
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::retry::asked;

const USER_AGENT: &str = concat!("scanpost/", env!("CARGO_PKG_VERSION"));
/// How long an idle connection is kept open.
const IDLE: Duration = Duration::from_secs(30);
/// How many bytes of a response's body are read, so that the connection can be reused.
const BODY_BYTES_MAX: usize = 64 << 10;
/// How many bytes of the body are kept.
const EXCERPT_BYTES_MAX: usize = 1024;

/// How many characters of an error are kept. Some errors quote certificates, which can be long.
const ERROR_CHARS_MAX: usize = 512;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSettings {
    /// A PEM file with certificates to trust, in addition to those that browsers trust. Empty for none.
    pub ca_file: PathBuf,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long a request may take, up to the head of the response.
    pub timeout: Duration,
}

/// The file with certificates to trust cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the ca_file {}: {reason}", path.display())]
pub struct CaFileError {
    pub path: PathBuf,
    pub reason: String,
}

/// The response of a receiver.
#[derive(Debug)]
pub struct ReceiverResponse {
    pub status: StatusCode,
    /// How long the receiver asks the client to wait.
    pub(crate) retry_after: Option<Duration>,
    /// The beginning of the body.
    pub excerpt: String,
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// There was no response in time.
    #[error("no answer within {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
    /// There was no connection, so the receiver has nothing of the request.
    #[error("{0}")]
    NotConnected(String),
    /// The connection was closed.
    #[error("{0}")]
    Failed(String),
}

/// Sends requests to one receiver.
#[derive(Debug)]
pub struct Client {
    http: HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

impl Client {
    pub(crate) fn new(settings: &ClientSettings) -> Result<Self, CaFileError> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(settings.connect_timeout));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls(&settings.ca_file)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(1)
            .build(https);
        Ok(Self {
            http,
            timeout: settings.timeout,
        })
    }

    /// Sends a request. Redirects are not followed, because the request is meant for one host only.
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<ReceiverResponse, SendError> {
        self.send_for(request, EXCERPT_BYTES_MAX).await
    }

    /// Like [`send`](Self::send), and keeps so many bytes of the response's body.
    pub(crate) async fn send_for(
        &self,
        mut request: Request<Full<Bytes>>,
        excerpt_bytes_max: usize,
    ) -> Result<ReceiverResponse, SendError> {
        let deadline = Instant::now() + self.timeout;
        let user_agent = HeaderValue::from_static(USER_AGENT);
        request.headers_mut().insert(header::USER_AGENT, user_agent);
        let response = match timeout_at(deadline, self.http.request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_connect() => {
                return Err(SendError::NotConnected(in_full(&error)));
            }
            Ok(Err(error)) => return Err(SendError::Failed(in_full(&error))),
            Err(_) => return Err(SendError::TimedOut(self.timeout)),
        };
        let retry_after = response.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok());
        Ok(ReceiverResponse {
            status: response.status(),
            retry_after: retry_after.and_then(|text| asked(text, SystemTime::now())),
            excerpt: excerpt(response, deadline, excerpt_bytes_max).await,
        })
    }
}

/// The beginning of the body. Errors end it early, and are ignored: the status alone is the result.
async fn excerpt(response: Response<Incoming>, deadline: Instant, bytes_max: usize) -> String {
    let mut body = response.into_body();
    let (mut kept, mut read) = (Vec::new(), 0);
    while read < BODY_BYTES_MAX.max(bytes_max)
        && let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await
    {
        let data = frame.into_data().unwrap_or_default();
        read += data.len();
        let room = bytes_max - kept.len();
        kept.extend(data.into_iter().take(room));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// Trusts the roots that browsers trust, and those of the operator.
fn tls(ca_file: &Path) -> Result<ClientConfig, CaFileError> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has what TLS 1.2 and 1.3 need")
        .with_root_certificates(trusted_roots(ca_file)?)
        .with_no_client_auth();
    Ok(config)
}

/// The roots that browsers trust, and those of the operator. `ca_file` may be empty.
pub(crate) fn trusted_roots(ca_file: &Path) -> Result<RootCertStore, CaFileError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if !ca_file.as_os_str().is_empty() {
        add_roots(&mut roots, ca_file).map_err(|reason| CaFileError {
            path: ca_file.to_owned(),
            reason,
        })?;
    }
    Ok(roots)
}

fn add_roots(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let known = roots.len();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.len() == known {
        return Err("it has no certificate in PEM form".to_owned());
    }
    Ok(())
}

/// An error with all of its causes. None of them contains the path or the query of the URL.
fn in_full(error: &dyn Error) -> String {
    let causes = iter::successors(Some(error), |&error| error.source());
    let texts = causes.map(ToString::to_string).collect::<Vec<_>>();
    texts.join(": ").chars().take(ERROR_CHARS_MAX).collect()
}
