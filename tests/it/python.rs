//! Kismet's Python client, run against the program.

use std::path::Path;
use std::process::{Command, Stdio};

use reqwest::{Client, RequestBuilder};
use scanpost::auth::Credentials;
use serde_json::json;

use crate::auth::key;
use crate::program::{Running, run};
use crate::server::{BLUETOOTH, WIFI, batch};
use crate::skip::skip;

/// Python interpreter with the packages. `.ci/run` installs it.
const INTERPRETER: &str = "KISMET_REST_PYTHON";

pub(crate) fn interpreter() -> Option<String> {
    let interpreter = std::env::var(INTERPRETER).ok().filter(|it| !it.is_empty());
    if interpreter.is_none() {
        let missing = format!("{INTERPRETER} names no interpreter that has the packages");
        skip("the clients in Python", &missing);
    }
    interpreter
}

async fn report(running: &Running, prove: impl Fn(RequestBuilder) -> RequestBuilder) {
    let wifi = batch(json!([
        {
            "bssid": "02:00:5E:10:00:01", "ssid": "CoffeeShop", "capabilities": "[WPA2-PSK-CCMP][ESS]",
            "freqkhz": 2_437_000, "signal": -61, "lat": 40.7128, "lon": -74.006, "alt": 12.0
        },
        { "bssid": "02:00:5E:10:00:02", "ssid": "one\u{2028}two\u{85}ü", "signal": -80 },
    ]));
    let bluetooth = batch(json!([{ "btaddr": "02:00:5E:20:00:01", "name": "Band" }]));
    for (path, body) in [(WIFI, wifi), (BLUETOOTH, bluetooth)] {
        let url = format!("http://{}{path}", running.addr);
        let answer = prove(Client::new().post(url).json(&body)).send().await;
        assert_eq!(answer.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn kismet_rest_works() {
    let Some(interpreter) = interpreter() else {
        return;
    };
    let open = Running::start(|_| {});
    let data = tempfile::tempdir().unwrap();
    let credentials = Credentials::open(data.path()).unwrap();
    credentials.set_password("admin", "the password").unwrap();
    let (read_key, report_key) = (
        key(&credentials, "readonly"),
        key(&credentials, "scanreport"),
    );
    let locked = Running::start_on(data, |command| {
        command.env("SCANPOST_AUTH__MODE", "required");
    });
    report(&open, |request| request).await;
    report(&locked, |request| request.bearer_auth(&report_key)).await;

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/kismet_rest_test.py");
    let home = tempfile::tempdir().unwrap();
    // Isolated from the user's Python settings and packages.
    let (code, out, err) = run(Command::new(interpreter)
        .arg("-I")
        .arg("-B")
        .arg(script)
        .env("HOME", home.path())
        .env("NO_PROXY", "127.0.0.1")
        .env("KISMET_REST_OPEN_URL", format!("http://{}", open.addr))
        .env("KISMET_REST_LOCKED_URL", format!("http://{}", locked.addr))
        .env("KISMET_REST_USER", "admin")
        .env("KISMET_REST_PASSWORD", "the password")
        .env("KISMET_REST_READ_KEY", read_key)
        .env("KISMET_REST_REPORT_KEY", report_key)
        .stdin(Stdio::null()));
    assert_eq!(code, Some(0), "{out}\n{err}");
    for running in [open, locked] {
        running.stop();
    }
}
