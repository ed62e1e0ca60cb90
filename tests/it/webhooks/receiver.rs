//! A receiver of webhooks with scripted replies, and a list of alerts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use scanpost::alerts::Severity;
use scanpost::config::Webhook;
use scanpost::webhook::{self, Body, Deliveries, DestinationStatus, Feed, Item, ItemId, Webhooks};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Secret from the test vectors of Standard Webhooks.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Bytes,
}

impl Got {
    pub(crate) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }
}

/// Reaction to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Status(u16),
    With(u16, &'static str, &'static str),
    /// 200 with a body of 1 MiB.
    Long,
    /// Closes the connection without an answer.
    Cut,
    /// Never answers.
    Hang,
}

/// A server that runs as long as its runtime.
pub(crate) struct Receiver {
    pub(crate) addr: SocketAddr,
    got: watch::Receiver<Vec<Got>>,
}

type Decide = Arc<Mutex<dyn FnMut(&Got) -> Reply + Send>>;

impl Receiver {
    /// Calls `decide` for each request, in order of arrival.
    pub(crate) async fn start(decide: impl FnMut(&Got) -> Reply + Send + 'static) -> Self {
        Self::listen(None, decide).await
    }

    pub(crate) async fn start_tls(
        acceptor: TlsAcceptor,
        decide: impl FnMut(&Got) -> Reply + Send + 'static,
    ) -> Self {
        Self::listen(Some(acceptor), decide).await
    }

    async fn listen(
        tls: Option<TlsAcceptor>,
        decide: impl FnMut(&Got) -> Reply + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, got) = watch::channel(Vec::new());
        let (sender, decide): (_, Decide) = (Arc::new(sender), Arc::new(Mutex::new(decide)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (sender, decide, tls) = (sender.clone(), decide.clone(), tls.clone());
                tokio::spawn(async move {
                    let Some(tls) = tls else {
                        return serve(stream, sender, decide).await;
                    };
                    // An error means that the client does not trust the certificate.
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, sender, decide).await;
                    }
                });
            }
        });
        Self { addr, got }
    }

    /// All requests so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.borrow().clone()
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.got().iter().map(|got| got.id().to_owned()).collect()
    }

    /// Waits until the received requests are enough.
    pub(crate) async fn until(&self, is_enough: impl Fn(&[Got]) -> bool) {
        let mut got = self.got.clone();
        let waited = tokio::time::timeout(PATIENCE, got.wait_for(|got| is_enough(got))).await;
        assert!(waited.is_ok(), "only these requests came: {:?}", self.ids());
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    sender: Arc<watch::Sender<Vec<Got>>>,
    decide: Decide,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let (sender, decide) = (sender.clone(), decide.clone());
        async move {
            let (head, body) = request.into_parts();
            let headers = head.headers.iter();
            let headers =
                headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
            let got = Got {
                target: head.uri.to_string(),
                headers: headers.collect(),
                body: body.collect().await.unwrap().to_bytes(),
            };
            assert_eq!(head.method, "POST");
            let reply = decide.lock().unwrap()(&got);
            sender.send_modify(|all| all.push(got));
            let answer = Response::builder();
            let mut body = Bytes::from("so be it");
            let answer = match reply {
                Reply::Status(status) => answer.status(status),
                Reply::With(status, name, value) => answer.status(status).header(name, value),
                Reply::Long => {
                    body = vec![b'x'; 1 << 20].into();
                    answer
                }
                Reply::Cut => return Err(std::io::Error::other("cut")),
                Reply::Hang => std::future::pending().await,
            };
            Ok(answer.body(Full::new(body)).unwrap())
        }
    });
    // Ends when the client closes the connection, or with `Reply::Cut`.
    http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

/// A list of alerts that a test fills.
pub(crate) struct Alerts {
    items: Arc<Mutex<Vec<Item>>>,
    newest: watch::Sender<u64>,
}

impl Alerts {
    pub(crate) fn new() -> Self {
        Self {
            items: Arc::default(),
            newest: watch::Sender::new(0),
        }
    }

    /// Creates a list of `count` alerts. Id, body, rule and severity follow from the number.
    pub(crate) fn with(count: u64) -> Self {
        let alerts = Self::new();
        alerts.raise(count);
        alerts
    }

    pub(crate) fn raise(&self, count: u64) {
        for _ in 0..count {
            self.raise_at(SystemTime::now());
        }
    }

    pub(crate) fn raise_at(&self, raised_at: SystemTime) {
        let number = *self.newest.borrow() + 1;
        let is_even = number.is_multiple_of(2);
        self.items.lock().unwrap().push(Item {
            number,
            id: ItemId::new(id(number)).unwrap(),
            rule: if is_even { "even" } else { "odd" }.to_owned(),
            severity: if is_even {
                Severity::High
            } else {
                Severity::Low
            },
            raised_at,
            body: Body::new(move || format!("{{\"number\": {number}}}").into()),
        });
        self.newest.send_replace(number);
    }

    /// Evicts the alerts up to this number.
    pub(crate) fn forget(&self, number: u64) {
        self.items
            .lock()
            .unwrap()
            .retain(|item| number < item.number);
    }

    pub(crate) fn feed(&self) -> Feed {
        self.feed_after_failures(0)
    }

    /// A feed whose first `failures` reads fail.
    pub(crate) fn feed_after_failures(&self, failures: usize) -> Feed {
        let items = Arc::clone(&self.items);
        let failures = AtomicUsize::new(failures);
        let count_down = |left: usize| left.checked_sub(1);
        let page = move |after, limit| {
            if failures.fetch_update(Relaxed, Relaxed, count_down).is_ok() {
                return Err("the disk is on fire".into());
            }
            let items = items.lock().unwrap();
            let page = items.iter().filter(|item| after < item.number).take(limit);
            Ok(page.cloned().collect())
        };
        Feed::new(page, self.newest.subscribe())
    }
}

pub(crate) fn id(number: u64) -> String {
    format!("alert-{number}")
}

pub(crate) fn ids(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(id).collect()
}

/// A webhook that retries at once.
pub(crate) fn webhook(name: &str, addr: SocketAddr) -> Webhook {
    Webhook {
        name: name.to_owned(),
        url: format!("http://{addr}/hook?key=hunter2").into(),
        secret: SECRET.to_owned().into(),
        retry_min: Duration::from_millis(1),
        retry_max: Duration::from_millis(20),
        ..Webhook::default()
    }
}

/// Running deliveries, which end when this is dropped.
pub(crate) struct Running {
    pub(crate) webhooks: Webhooks,
    pub(crate) deliveries: Deliveries,
    pub(crate) stop: CancellationToken,
}

impl Running {
    pub(crate) fn start(webhooks: &[Webhook], feed: Feed, directory: &Path) -> Self {
        let stop = CancellationToken::new();
        let (webhooks, deliveries) =
            webhook::start(webhooks, feed, Some(directory), &stop).unwrap();
        Self {
            webhooks,
            deliveries,
            stop,
        }
    }

    pub(crate) fn status(&self) -> DestinationStatus {
        self.webhooks.statuses().remove(0)
    }

    /// Waits until the status of the first webhook satisfies `is_so`.
    pub(crate) async fn until(
        &self,
        is_so: impl Fn(&DestinationStatus) -> bool,
    ) -> DestinationStatus {
        self.until_of(&self.status().name, is_so).await
    }

    /// Waits until the status of the webhook of this name satisfies `is_so`.
    pub(crate) async fn until_of(
        &self,
        name: &str,
        is_so: impl Fn(&DestinationStatus) -> bool,
    ) -> DestinationStatus {
        let waited = tokio::time::timeout(PATIENCE, self.webhooks.until(name, is_so)).await;
        waited
            .unwrap_or_else(|_| panic!("the statuses stay: {:?}", self.webhooks.statuses()))
            .unwrap()
    }

    /// Stops in order.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let finished = self.deliveries.finish(PATIENCE * 2);
        let waited = tokio::time::timeout(PATIENCE, finished).await;
        waited.expect("the deliveries do not stop");
    }
}
