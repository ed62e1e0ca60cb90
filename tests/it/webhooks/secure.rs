//! Webhooks over TLS.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use scanpost::config::Webhook;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::receiver::{Alerts, Receiver, Reply, Running, ids, webhook};

#[tokio::test]
async fn only_a_receiver_with_a_trusted_certificate_gets_alerts() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let receiver = Receiver::start_tls(acceptor, |_| Reply::Status(200)).await;
    let dir = tempfile::tempdir().unwrap();
    let ca_file = dir.path().join("ca.pem");
    std::fs::write(&ca_file, cert.pem()).unwrap();
    let port = receiver.addr.port();
    let hook = |host: &str, ca_file: &std::path::Path| Webhook {
        url: format!("https://{host}:{port}/").into(),
        ca_file: ca_file.to_owned(),
        ..webhook("a", receiver.addr)
    };
    let alerts = Alerts::new();
    let start = |hook| Running::start(&[hook], alerts.feed(), dir.path());
    start(hook("localhost", &ca_file)).stop().await;
    alerts.raise(2);
    let nowhere = std::path::Path::new("");
    for untrusted in [hook("localhost", nowhere), hook("127.0.0.1", &ca_file)] {
        let running = start(untrusted);
        let status = running.until(|status| 1 < status.failures).await;
        let error = status.last_error.unwrap();
        assert!(error.contains("certificate"), "{error}");
        running.stop().await;
    }
    assert_eq!(receiver.ids(), ids([]));
    let running = start(hook("localhost", &ca_file));
    running.until(|status| status.delivered == 2).await;
    assert_eq!(receiver.ids(), ids([1, 2]));
}
