//! `scanpost forward`.

use scanpost::config::ForwardKind;

use super::stub::Stub;
use super::{server, until, wifis};
use crate::exports::send;
use crate::program::{run, scanpost};
use crate::server::WIFI;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_is_forwarded_the_status_says_so() {
    let server = crate::server::TestServer::start().await;
    let url = format!("http://{}", server.addr);
    let (code, out, _) = run(scanpost().args(["forward", "status", "--url", &url]));
    assert_eq!(code, Some(0));
    assert!(out.starts_with("nothing is forwarded"), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn targets_are_shown_and_steered() {
    let stub = Stub::answering(vec![]).await;
    let server = server(ForwardKind::Geosubmit, &stub, |_| {}).await;
    send(&server, WIFI, wifis(1..3)).await;
    let url = format!("http://{}", server.addr);
    let forward = |args: &[&str]| run(scanpost().arg("forward").args(args).args(["--url", &url]));
    let (code, out, err) = forward(&["run", "t"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.starts_with(&format!("t: geosubmit at {}, ", stub.addr)),
        "{out}"
    );
    until(&server, |status| status["state"] == "idle").await;
    for args in [&["status"][..], &["status", "t"]] {
        let (_, out, _) = forward(args);
        assert!(
            out.contains("2 observations taken, 0 refused; at position 1, 0 records behind"),
            "{out}"
        );
    }
    let (code, out, _) = forward(&["reset", "t", "--to", "start"]);
    assert!(
        code == Some(0) && out.contains("at position 0, 1 records behind"),
        "{out}"
    );
    for args in [&["status", "x"][..], &["run", "x"]] {
        let (code, _, err) = forward(args);
        assert!(
            code == Some(1) && err.contains("no forward has the name"),
            "{err}"
        );
    }
    for args in [
        &["run", "a/b"][..],
        &["reset", "t"],
        &["reset", "t", "--to", "x"],
    ] {
        assert_eq!(forward(args).0, Some(2), "{args:?}");
    }
}
