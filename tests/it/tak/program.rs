//! A TAK program: takes events, and keeps them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use scanpost::config::Tak;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// Timeout that only a program that hangs reaches, even on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
const END: &str = "</event>";

/// What came.
#[derive(Clone, Debug, Default)]
pub(super) struct Got {
    pub(super) events: Vec<String>,
    pub(super) connections: usize,
    /// Connections that the server ended, with what stood behind their last event.
    pub(super) ended: Vec<String>,
}

/// A program that runs as long as its runtime.
pub(super) struct Program {
    pub(super) url: String,
    got: watch::Receiver<Got>,
    gate: Arc<watch::Sender<bool>>,
}

#[derive(Clone, Default)]
struct Manner {
    tls: Option<TlsAcceptor>,
    /// Closes a connection after so many events.
    closes_after: Option<usize>,
    /// Whether it closes its sending half at once.
    is_mute: bool,
    got: Arc<watch::Sender<Got>>,
    gate: Option<watch::Receiver<bool>>,
}

impl Program {
    pub(super) async fn udp() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let url = format!("udp://{}", socket.local_addr().unwrap());
        let (sender, got) = watch::channel(Got::default());
        tokio::spawn(async move {
            let mut datagram = vec![0; 65_536];
            while let Ok(length) = socket.recv(&mut datagram).await {
                let event = String::from_utf8(datagram[..length].to_vec()).unwrap();
                sender.send_modify(|got| got.events.push(event));
            }
        });
        let gate = Arc::new(watch::Sender::new(true));
        Self { url, got, gate }
    }

    pub(super) async fn tcp() -> Self {
        Self::listen(Manner::default(), true).await
    }

    pub(super) async fn closing_after(events: usize) -> Self {
        let manner = Manner {
            closes_after: Some(events),
            ..Manner::default()
        };
        Self::listen(manner, true).await
    }

    /// Closes its sending half at once, and reads on. Speaks TLS if it has files.
    pub(super) async fn mute(files: Option<&Files>) -> Self {
        let manner = Manner {
            tls: files.map(Files::acceptor),
            is_mute: true,
            ..Manner::default()
        };
        Self::listen(manner, true).await
    }

    /// Speaks TLS once it is [opened](Self::open). Until then, nothing can be sent to it.
    pub(super) async fn tls(files: &Files) -> Self {
        let manner = Manner {
            tls: Some(files.acceptor()),
            ..Manner::default()
        };
        Self::listen(manner, false).await
    }

    async fn listen(mut manner: Manner, is_open: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let scheme = if manner.tls.is_some() { "tls" } else { "tcp" };
        let got = manner.got.subscribe();
        let gate = Arc::new(watch::Sender::new(is_open));
        manner.gate = Some(gate.subscribe());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut manner = manner.clone();
                manner.got.send_modify(|got| got.connections += 1);
                tokio::spawn(async move {
                    let mut gate = manner.gate.take().unwrap();
                    let is_open = gate.wait_for(|is_open| *is_open).await.is_ok();
                    match manner.tls.clone() {
                        None => manner.read(stream).await,
                        // An error means that the server is gone, or that one of both trusts the other not.
                        Some(tls) if is_open => {
                            if let Ok(stream) = tls.accept(stream).await {
                                manner.read(stream).await;
                            }
                        }
                        Some(_) => {}
                    }
                });
            }
        });
        Self {
            url: format!("{scheme}://{addr}"),
            got,
            gate,
        }
    }

    pub(super) fn open(&self) {
        self.gate.send_replace(true);
    }

    pub(super) fn got(&self) -> Got {
        self.got.borrow().clone()
    }

    /// The names of the marks that came, in their order.
    pub(super) fn names(&self) -> Vec<String> {
        let got = self.got();
        got.events
            .iter()
            .map(|event| attribute(event, "callsign"))
            .collect()
    }

    pub(super) async fn until(&self, is_enough: impl Fn(&Got) -> bool) -> Got {
        let mut got = self.got.clone();
        let waited = tokio::time::timeout(PATIENCE, got.wait_for(|got| is_enough(got))).await;
        let waited = waited.unwrap_or_else(|_| panic!("only this came: {:?}", self.got()));
        waited.unwrap().clone()
    }

    /// Waits for the mark of this name.
    pub(super) async fn until_named(&self, name: &str) -> Got {
        let is_named = |event: &String| attribute(event, "callsign") == name;
        self.until(|got| got.events.iter().any(is_named)).await
    }
}

impl Manner {
    async fn read(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        if self.is_mute {
            stream.shutdown().await.unwrap();
        }
        let (mut rest, mut piece, mut taken) = (Vec::new(), [0; 4096], 0);
        while let Ok(length @ 1..) = stream.read(&mut piece).await {
            rest.extend(&piece[..length]);
            while let Some(start) = rest
                .windows(END.len())
                .position(|part| part == END.as_bytes())
            {
                let event = rest.drain(..start + END.len()).collect();
                let event = String::from_utf8(event).unwrap();
                self.got.send_modify(|got| got.events.push(event));
                taken += 1;
                if Some(taken) == self.closes_after {
                    return;
                }
            }
        }
        let rest = String::from_utf8_lossy(&rest).into_owned();
        self.got.send_modify(|got| got.ended.push(rest));
    }
}

/// The value of an attribute of an event. Each is there once.
pub(super) fn attribute(event: &str, name: &str) -> String {
    let (_, rest) = event.split_once(&format!(" {name}=\"")).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

/// Certificates of a program and of its client.
pub(super) struct Files(TempDir);

impl Files {
    pub(super) fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        for (name, host) in [("server", "tak.example"), ("client", "scanpost")] {
            let made = generate_simple_self_signed([host.to_owned()]).unwrap();
            let CertifiedKey { cert, signing_key } = made;
            std::fs::write(files.path(&format!("{name}.pem")), cert.pem()).unwrap();
            let key = signing_key.serialize_pem();
            std::fs::write(files.path(&format!("{name}.key")), key).unwrap();
        }
        files
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Lets a target trust the program, and show its certificate.
    pub(super) fn give(&self, target: &mut Tak) {
        "tak.example".clone_into(&mut target.server_name);
        target.ca_file = self.path("server.pem");
        target.cert_file = self.path("client.pem");
        target.key_file = self.path("client.key");
    }

    fn acceptor(&self) -> TlsAcceptor {
        let mut clients = RootCertStore::empty();
        let certificate = |name| CertificateDer::from_pem_file(self.path(name)).unwrap();
        clients.add(certificate("client.pem")).unwrap();
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(clients), provider.clone());
        let key = PrivateKeyDer::from_pem_file(self.path("server.key")).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(vec![certificate("server.pem")], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}
