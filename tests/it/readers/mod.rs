//! What programs read that were written for Kismet: its own page, and others.
//!
//! Single requests are in `tests/fixtures/field/readers.toml`; here is what takes several.
mod alerts;
mod logins;
mod masks;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use reqwest::RequestBuilder;
use scanpost::auth::Credentials;
use scanpost::config::AuthMode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::auth::key;
use crate::server::{Answer, SOURCE, TestServer, WIFI, batch};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    client: String,
    server: Kind,
    request: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    status: u16,
    cookie: Option<bool>,
    #[serde(default)]
    sets: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    has: Vec<String>,
    #[serde(default)]
    lacks: Vec<String>,
    #[serde(default)]
    json: BTreeMap<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Kind {
    #[serde(rename = "open")]
    Open,
    #[serde(rename = "open, with a login")]
    OpenWithLogin,
    #[serde(rename = "required")]
    Required,
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct File {
        case: Vec<Case>,
    }
    let file = toml::from_str::<File>(include_str!("../../fixtures/field/readers.toml"));
    let file = file.unwrap_or_else(|error| panic!("readers.toml: {error}"));
    file.case
});

/// The password `right`, which was set before passwords had to have eight characters.
const HASH_OF_RIGHT: &str = "$argon2id$v=19$m=19456,t=2,p=1$1S6KroIPr9wuxhsfo+ITdA$UmRdiZ8fv6uC+9MNwOyIF1jAIikv0zuwofHmw4DwQDM";
/// Cases in which a valid key has not the role. They were written when that was a 401.
const WITHOUT_THE_ROLE: [&str; 3] = [
    "a key that is none of an administrator",
    "a field without the role",
    "all devices without the role",
];

/// A server that knows three devices of two scanners, and what stands for the braces in requests.
struct Known {
    server: TestServer,
    key: String,
    scanner: String,
}

impl Known {
    async fn start(kind: Kind) -> Self {
        let server = TestServer::start_with(|config| {
            if kind == Kind::Required {
                config.auth.mode = AuthMode::Required;
            }
        })
        .await;
        if kind != Kind::Open {
            let users = json!([{ "name": "admin", "password": HASH_OF_RIGHT }]);
            let document = json!({ "version": 1, "users": users, "keys": [] });
            std::fs::write(server.data().join("auth.json"), document.to_string()).unwrap();
        }
        let credentials = Credentials::open(server.data()).unwrap();
        let admin = key(&credentials, "admin");
        let scanner = key(&credentials, "scanreport");
        let device = |number: u8| {
            json!({
                "bssid": format!("02:00:5E:10:C0:{number:02X}"), "ssid": "x", "signal": -50,
            })
        };
        let garden = SOURCE.replace('4', "5");
        for (source, name, reports) in [
            (SOURCE, "phone", json!([device(1), device(2)])),
            (&garden, "garden", json!([device(3)])),
        ] {
            let batch = json!({ "source_uuid": source, "source_name": name, "reports": reports });
            let path = format!("{WIFI}?KISMET={admin}");
            server.post_json(&path, &batch).await.expect_status(200);
        }
        let path = format!("/devices/by-mac/02:00:5E:10:C0:01/devices.json?KISMET={admin}");
        let device = server.read(&path).await;
        Self {
            key: device[0]["kismet.device.base.key"]
                .as_str()
                .unwrap()
                .to_owned(),
            server,
            scanner,
        }
    }

    fn request(&self, case: &Case) -> RequestBuilder {
        let (method, path) = case.request.split_once(' ').unwrap();
        let path = path
            .replace("{key}", &self.key)
            .replace("{scanner}", &self.scanner);
        let mut request = self.server.request(method.parse().unwrap(), &path);
        for (name, value) in &case.headers {
            request = request.header(name, value);
        }
        request.body(case.body.clone())
    }
}

impl Case {
    /// What is wrong with an answer.
    fn faults(&self, answer: &Answer) -> Vec<String> {
        let mut faults = Vec::new();
        let mut expect = |holds: bool, what: String| {
            if !holds {
                faults.push(what);
            }
        };
        let status = answer.status.as_u16();
        let expected = if WITHOUT_THE_ROLE.contains(&self.name.as_str()) {
            403
        } else {
            self.status
        };
        expect(status == expected, format!("status {status}"));
        let has_cookie = answer.headers.contains_key("set-cookie");
        if let Some(cookie) = self.cookie {
            expect(has_cookie == cookie, format!("cookie: {has_cookie}"));
        }
        for (name, expected) in &self.sets {
            let values = answer.headers.get_all(name).into_iter();
            let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
            expect(values == *expected, format!("{name}: {values:?}"));
        }
        for part in &self.has {
            expect(answer.text.contains(part), format!("lacks {part:?}"));
        }
        for part in &self.lacks {
            expect(!answer.text.contains(part), format!("has {part:?}"));
        }
        let json: Option<Value> = serde_json::from_str(&answer.text).ok();
        for (pointer, expected) in &self.json {
            let found = json.as_ref().and_then(|json| json.pointer(pointer));
            expect(found == Some(expected), format!("{pointer:?}: {found:?}"));
        }
        faults
    }
}

async fn run(kind: Kind) {
    let known = Known::start(kind).await;
    let mut wrong = Vec::new();
    for case in CASES.iter().filter(|case| case.server == kind) {
        let answer = Answer::of(known.request(case)).await;
        let faults = case.faults(&answer);
        if !faults.is_empty() {
            let text: String = answer.text.chars().take(200).collect();
            let Case {
                name,
                client,
                request,
                ..
            } = case;
            let faults = faults.join(", ");
            wrong.push(format!("{name} ({client}): {request}: {faults}: {text}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[tokio::test]
async fn what_is_read_without_a_login() {
    run(Kind::Open).await;
}

#[tokio::test]
async fn what_is_read_where_a_login_is_possible() {
    run(Kind::OpenWithLogin).await;
}

#[tokio::test]
async fn what_is_read_where_a_login_is_required() {
    run(Kind::Required).await;
}

#[tokio::test]
async fn the_page_finds_its_script_and_the_root_behind_a_prefix() {
    let server = TestServer::start_with(|config| {
        config.server.uri_prefix = "/kismet".to_owned();
        config.auth.mode = AuthMode::Off;
    })
    .await;
    for (path, part) in [
        ("/kismet", "scanpost"),
        ("/kismet/", "scanpost"),
        ("/kismet/dynamic.js", "load_dynamics"),
        ("/kismet/dynamic.json", "kismet_ui_dot11"),
    ] {
        let answer = server.get(path).await.expect_status(200);
        assert!(answer.text.contains(part), "{path}: {}", answer.text);
    }
}

/// `ArduinoHttpClient` looks for `Content-Length` as it stands here, and waits a second for more if it does not find it.
#[tokio::test]
async fn header_names_are_written_as_kismet_writes_them() {
    let server = TestServer::start().await;
    let body = batch(json!([{ "bssid": "02:00:00:00:00:01" }])).to_string();
    let length = body.len();
    let post = format!(
        "POST {WIFI} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    let get =
        |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let upgrade = "GET /eventbus/events.ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    for (request, expected) in [
        (
            post,
            vec!["Content-Length", "Content-Type", "Connection", "Date"],
        ),
        (
            get("/system/timestamp.json"),
            vec!["Content-Length", "Content-Type"],
        ),
        (get("/devices/views/all/devices.json"), vec!["Content-Type"]),
        (get("/nowhere"), vec!["Content-Length"]),
        (get("/api/v1/sources?limit=x"), vec!["Content-Length"]),
        (
            upgrade.replace("Upgrade\r\nUpgrade", "close\r\nUpgrade"),
            vec!["Content-Length"],
        ),
    ] {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        let names: Vec<_> = head
            .lines()
            .skip(1)
            .map(|line| line.split_once(": ").unwrap().0)
            .collect();
        for name in expected {
            assert!(names.contains(&name), "{name}: {head}");
        }
        for name in names {
            let mut words = name.split('-');
            let is_title =
                words.all(|word| word.starts_with(|first: char| first.is_ascii_uppercase()));
            assert!(is_title, "{name}: {head}");
        }
    }
}
