//! TLS of the program.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::{Certificate, Client};
use scanpost::auth::Credentials;
use scanpost::config::AuthMode;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::auth::LOGIN;
use crate::live::Subscriber;
use crate::program::{Running, run, scanpost};
use crate::server::{SOURCE, TestServer, WIFI, batch};

const PATH: &str = "/phy/all_phys.json";
const PATIENCE: Duration = Duration::from_secs(30);

/// Connects with TLS, and offers these protocols.
async fn connect(files: &Files, addr: &str, offers: &[&str]) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(files.certificate()).unwrap();
    roots.add(certificate).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = offers
        .iter()
        .map(|offer| offer.as_bytes().to_vec())
        .collect();
    let stream = TcpStream::connect(addr).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await
}

/// Files with a certificate and its key.
struct Files(TempDir);

impl Files {
    fn new() -> (Self, Client) {
        let files = Self(tempfile::tempdir().unwrap());
        let client = files.renew();
        (files, client)
    }

    /// Replaces both files. Returns a client that trusts only the new certificate.
    fn renew(&self) -> Client {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        std::fs::write(self.certificate(), cert.pem()).unwrap();
        std::fs::write(self.key(), signing_key.serialize_pem()).unwrap();
        Client::builder()
            .add_root_certificate(Certificate::from_pem(cert.pem().as_bytes()).unwrap())
            .build()
            .unwrap()
    }

    fn certificate(&self) -> PathBuf {
        self.0.path().join("certificate.pem")
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("key.pem")
    }

    fn program(&self) -> Running {
        // The start waits for the log, so it needs no request.
        Running::start(|command| {
            command
                .env("SCANPOST_SERVER__TLS_CERTIFICATE", self.certificate())
                .env("SCANPOST_SERVER__TLS_KEY", self.key());
        })
    }
}

async fn status(client: &Client, addr: &str) -> Result<u16, reqwest::Error> {
    let answer = client.get(format!("https://{addr}{PATH}")).send().await?;
    Ok(answer.status().as_u16())
}

/// Sends text without TLS, and returns everything that the server sends until it closes.
async fn say_plainly(addr: &str, said: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(said.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    timeout(PATIENCE, read).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn reports_and_reads_work_and_plain_http_is_told_why_it_does_not() {
    let (files, client) = Files::new();
    let running = files.program();
    let addr = &running.addr;
    let report = batch(json!([{ "bssid": "00:00:00:00:00:01" }]));
    let answer = client
        .post(format!("https://{addr}{WIFI}"))
        .json(&report)
        .send();
    assert_eq!(answer.await.unwrap().status(), 200);
    // Only a page that was loaded over TLS is the server's own.
    for (scheme, expected) in [("https", 200), ("http", 403)] {
        let own = client
            .get(format!("https://{addr}{PATH}"))
            .header("origin", format!("{scheme}://{addr}"))
            .send();
        assert_eq!(own.await.unwrap().status(), expected, "{scheme}");
    }
    let plain = say_plainly(
        addr,
        &format!("GET {PATH} HTTP/1.1\r\nhost: localhost\r\n\r\n"),
    )
    .await;
    assert!(plain.starts_with("HTTP/1.1 400"), "{plain}");
    assert!(plain.contains("speaks HTTPS"), "{plain}");
    // Invalid TLS ends the connection, and the server goes on.
    let broken = say_plainly(addr, "\u{16}\u{3}\u{1}nonsense, and enough of it").await;
    assert!(!broken.contains("HTTP"), "{broken}");
    assert_eq!(status(&client, addr).await.unwrap(), 200);
    running.stop();
}

#[tokio::test]
async fn browsers_that_came_by_tls_are_told_to_use_nothing_else() {
    let (files, client) = Files::new();
    for (age, told) in [("30days", Some("max-age=2592000")), ("0s", None)] {
        let running = Running::start(|command| {
            command
                .env("SCANPOST_SERVER__HSTS_MAX_AGE", age)
                .env("SCANPOST_SERVER__TLS_CERTIFICATE", files.certificate())
                .env("SCANPOST_SERVER__TLS_KEY", files.key());
        });
        for path in [PATH, "/nowhere"] {
            let request = client.get(format!("https://{}{path}", running.addr));
            let answer = request.send().await.unwrap();
            let hsts = answer.headers().get("strict-transport-security");
            assert_eq!(hsts.map(|hsts| hsts.to_str().unwrap()), told, "{path}");
        }
        running.stop();
    }
}

#[tokio::test]
async fn a_login_over_tls_stays_on_tls() {
    let (files, client) = Files::new();
    let data = tempfile::tempdir().unwrap();
    let credentials = Credentials::open(data.path()).unwrap();
    credentials.set_password("admin", "right horse").unwrap();
    let running = Running::start_on(data, |command| {
        command
            .env("SCANPOST_AUTH__MODE", "required")
            .env("SCANPOST_SERVER__TLS_CERTIFICATE", files.certificate())
            .env("SCANPOST_SERVER__TLS_KEY", files.key());
    });
    let proof = format!("Basic {}", Base64::encode_string(b"admin:right horse"));
    let request = client
        .get(format!("https://{}{LOGIN}", running.addr))
        .header("authorization", proof);
    let answer = request.send().await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    running.stop();
}

#[tokio::test]
async fn a_new_certificate_is_shown_on_sighup_and_a_broken_one_is_not() {
    let (files, first) = Files::new();
    let mut running = files.program();
    assert_eq!(status(&first, &running.addr).await.unwrap(), 200);

    std::fs::write(files.key(), "broken").unwrap();
    running.signal("HUP");
    running.wait_for("the certificate stays as it was");
    assert_eq!(status(&first, &running.addr).await.unwrap(), 200);

    let second = files.renew();
    assert!(status(&second, &running.addr).await.is_err());
    running.signal("HUP");
    running.wait_for("the certificate was read again");
    assert_eq!(status(&second, &running.addr).await.unwrap(), 200);
    // The first client still has its open connection. It would not trust the certificate on a new one.
    assert_eq!(status(&first, &running.addr).await.unwrap(), 200);
    let CertifiedKey { cert, .. } = generate_simple_self_signed(["x".to_owned()]).unwrap();
    let stranger = Client::builder()
        .add_root_certificate(Certificate::from_pem(cert.pem().as_bytes()).unwrap())
        .build()
        .unwrap();
    assert!(status(&stranger, &running.addr).await.is_err());
    running.stop();
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let (files, _) = Files::new();
    let start = |certificate: &Path, key: &Path| {
        let data = tempfile::tempdir().unwrap();
        let mut command = crate::program::scanpost();
        command
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data.path())
            .env("SCANPOST_SERVER__TLS_CERTIFICATE", certificate)
            .env("SCANPOST_SERVER__TLS_KEY", key);
        let (code, _, log) = crate::program::run(&mut command);
        assert_eq!(code, Some(1), "{log}");
        log
    };
    let (certificate, key) = (files.certificate(), files.key());
    let missing = files.0.path().join("missing.pem");
    let empty = files.0.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let (other, _) = Files::new();
    for (certificate, key, named) in [
        (&missing, &key, &missing),
        (&certificate, &missing, &missing),
        (&empty, &key, &empty),
        (&certificate, &empty, &empty),
        (&key, &key, &key),
        (&certificate, &certificate, &certificate),
        (&certificate, &other.key(), &other.key()),
    ] {
        let log = start(certificate, key);
        assert!(log.contains(named.to_str().unwrap()), "{log}");
    }
}

#[tokio::test]
async fn an_unfinished_tls_handshake_does_not_hold_a_connection() {
    let (files, client) = Files::new();
    let mut running = Running::start(|command| {
        command
            .env("SCANPOST_SERVER__TLS_CERTIFICATE", files.certificate())
            .env("SCANPOST_SERVER__TLS_KEY", files.key())
            .env("SCANPOST_LIMITS__HEADER_TIMEOUT", "300ms")
            .env("SCANPOST_LIMITS__CONNECTIONS_MAX", "1")
            .env("SCANPOST_LOGGING__LEVEL", "debug");
    });
    for said in ["", "\u{16}\u{3}\u{1}"] {
        let mut silent = TcpStream::connect(&running.addr).await.unwrap();
        silent.write_all(said.as_bytes()).await.unwrap();
        let mut nothing = Vec::new();
        // The silent client has the only place until its handshake times out.
        let ended = timeout(PATIENCE, silent.read_to_end(&mut nothing)).await;
        ended.expect("the server never closes the connection").ok();
        running.wait_for("too long to agree upon TLS");
    }
    assert_eq!(status(&client, &running.addr).await.unwrap(), 200);
    running.stop();
}

#[tokio::test]
async fn the_protocol_is_http_1_1() {
    let (files, _) = Files::new();
    let running = files.program();
    for (offers, chosen) in [(&["h2", "http/1.1"][..], Some("http/1.1")), (&[], None)] {
        let stream = connect(&files, &running.addr, offers).await.unwrap();
        let protocol = stream.get_ref().1.alpn_protocol();
        assert_eq!(protocol, chosen.map(str::as_bytes));
    }
    assert!(connect(&files, &running.addr, &["h2"]).await.is_err());
    running.stop();
}

#[tokio::test]
async fn a_report_in_flight_is_finished_when_the_program_is_told_to_stop() {
    let (files, _) = Files::new();
    let mut running = files.program();
    // The program waits neither for a connection without a request, nor for one between two requests.
    let silent = TcpStream::connect(&running.addr).await.unwrap();
    let idle = connect(&files, &running.addr, &[]).await.unwrap();
    let mut stream = connect(&files, &running.addr, &[]).await.unwrap();
    let body = batch(json!([{ "bssid": "00:00:00:00:00:01" }])).to_string();
    let head = format!(
        "POST {WIFI} HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body once it has read the head.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    running.signal("TERM");
    running.wait_for("shutting down");
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // TLS marks the end of the stream, so a cut connection is an error.
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (code, log) = running.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("are cut"), "{log}");
    drop((silent, idle));
}

#[tokio::test]
async fn a_subscriber_over_tls_gets_events_until_the_program_stops() {
    let (files, client) = Files::new();
    let running = files.program();
    let addr = &running.addr;
    let listen = async |origin: String| {
        let stream = connect(&files, addr, &["http/1.1"]).await.unwrap();
        let url = format!("wss://{addr}/eventbus/events.ws");
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("origin", origin.parse().unwrap());
        Subscriber::over(stream, request).await
    };
    assert!(
        listen(format!("http://{addr}")).await.is_err(),
        "the page came without TLS"
    );
    let mut subscriber = listen(format!("https://{addr}")).await.unwrap();
    subscriber.say(json!({ "SUBSCRIBE": "NEW_DEVICE" })).await;
    subscriber.settle().await;
    let report = batch(json!([{ "bssid": "00:00:00:00:00:01" }]));
    let url = format!("https://{addr}{WIFI}");
    let answer = client.post(url).json(&report).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let told = subscriber.hear().await;
    assert_eq!(
        told["NEW_DEVICE"]["kismet.device.base.macaddr"],
        "00:00:00:00:00:01"
    );
    running.signal("TERM");
    assert_eq!(subscriber.end().await, Some(1001));
    let (code, log) = running.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("are cut"), "{log}");
}

#[tokio::test]
async fn without_files_there_is_no_tls() {
    let server = TestServer::start_with(|config| config.auth.mode = AuthMode::Off).await;
    let (_, client) = Files::new();
    assert!(status(&client, &server.addr.to_string()).await.is_err());
    server.get(PATH).await.expect_status(200);
}

#[tokio::test]
async fn the_cookie_of_a_valid_key_proves_a_command_by_get_over_tls() {
    let (files, client) = Files::new();
    let running = files.program();
    let key = Credentials::open(running.data()).unwrap();
    let key = key.create_key("phone", scanpost::auth::Role::Admin, None, 0);
    let live = format!("KISMET={}", key.unwrap().reveal());
    let report = batch(json!([{ "bssid": "00:00:00:00:00:01" }]));
    let post = client.post(format!("https://{}{WIFI}", running.addr));
    assert_eq!(post.json(&report).send().await.unwrap().status(), 200);
    let path = format!("/datasource/by-uuid/{SOURCE}/pause_source.cmd");
    for (cookie, expected) in [("KISMET=x", 403), (live.as_str(), 200)] {
        let command = client.get(format!("https://{}{path}", running.addr));
        let command = command
            .header("user-agent", "Mozilla/5.0")
            .header("cookie", cookie);
        assert_eq!(command.send().await.unwrap().status(), expected);
    }
    running.stop();
}

#[tokio::test]
async fn the_command_imports_over_tls_with_a_key_in_a_file() {
    let (files, _) = Files::new();
    let data = tempfile::tempdir().unwrap();
    let credentials = Credentials::open(data.path()).unwrap();
    let key = credentials.create_key("phone", "scanreport".parse().unwrap(), None, 0);
    let key = key.unwrap().reveal().to_owned();
    let running = Running::start_on(data, |command| {
        command
            .env("SCANPOST_AUTH__MODE", "required")
            .env("SCANPOST_SERVER__TLS_CERTIFICATE", files.certificate())
            .env("SCANPOST_SERVER__TLS_KEY", files.key());
    });
    let file = |name: &str, content: &str| {
        let path = files.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let drive = file("drive.csv", &crate::imports::wigle(0..5));
    let (good, empty) = (file("key", &format!("{key}\n")), file("empty", "\n"));
    let certificate = files.certificate();
    let certificate = certificate.to_str().unwrap();
    let url = format!("https://{}", running.addr);
    let import = |more: &[&str]| {
        let mut command = scanpost();
        command.args(["import", &drive, "--url", &url]).args(more);
        run(&mut command)
    };
    let (code, _, err) = import(&["--key-file", &good]);
    assert_eq!(code, Some(1));
    assert!(err.contains("certificate"), "{err}");
    let (code, _, err) = import(&["--key-file", &empty, "--ca-file", certificate]);
    assert_eq!(code, Some(1));
    assert!(err.contains("expected one API key"), "{err}");
    let (code, _, err) = import(&["--key", "wrong", "--ca-file", certificate]);
    assert_eq!(code, Some(1));
    assert!(err.contains("(401)"), "{err}");
    let (code, out, err) = import(&["--key-file", &good, "--ca-file", certificate]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("5 rows: 5 taken"), "{out}");
    running.stop();
}
