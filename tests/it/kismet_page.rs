//! Kismet's own page, served from a folder that the configuration names. The files here only have the shape of Kismet's.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use reqwest::Method;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED, LOCATION,
};
use scanpost::config::{AuthMode, Config};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::server::TestServer;

/// A folder in the shape of `http_data`, and a file beside it.
fn http_data() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("http_data");
    for part in ["js", "css", "images"] {
        fs::create_dir_all(root.join(part)).unwrap();
    }
    fs::write(folder.path().join("secret.txt"), "secret").unwrap();
    fs::write(
        root.join("index.html"),
        "<html><script src=dynamic.js></script></html>",
    )
    .unwrap();
    fs::write(root.join("js/kismet.ui.dot11.js"), "let a = 1;".repeat(500)).unwrap();
    fs::write(root.join("css/kismet.css"), "a { }").unwrap();
    fs::write(root.join("images/logo.png"), vec![0x89; 5000]).unwrap();
    fs::write(root.join("large.bin"), vec![7; 2 << 20]).unwrap();
    fs::write(root.join(".hidden"), "secret").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        symlink("../secret.txt", root.join("out.txt")).unwrap();
        symlink("css/kismet.css", root.join("in.css")).unwrap();
        symlink(".hidden", root.join("shown.txt")).unwrap();
        let made = Command::new("mkfifo").arg(root.join("pipe.js")).status();
        assert!(made.unwrap().success());
    }
    (folder, root)
}

async fn server(change: impl FnOnce(&mut Config)) -> (TempDir, TestServer) {
    let (folder, root) = http_data();
    let server = TestServer::start_with(|config| {
        config.ui.kismet_dir = root;
        change(config);
    })
    .await;
    (folder, server)
}

#[tokio::test]
async fn files_come_with_their_types() {
    let (_folder, server) = server(|_| {}).await;
    for (path, media_type) in [
        ("", "text/html; charset=utf-8"),
        ("index.html", "text/html; charset=utf-8"),
        ("js/kismet.ui.dot11.js", "application/javascript"),
        ("css/kismet.css", "text/css; charset=utf-8"),
        ("images/logo.png", "image/png"),
        ("large.bin", "application/octet-stream"),
    ] {
        let request = server.request(Method::GET, &format!("/kismet/{path}"));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()[CONTENT_TYPE], media_type, "{path}");
        assert!(answer.headers().contains_key(LAST_MODIFIED), "{path}");
    }
    let script = server.request(Method::GET, "/kismet/js/kismet.ui.dot11.js");
    let script = script.header(ACCEPT_ENCODING, "gzip").send().await.unwrap();
    assert_eq!(script.headers()[CONTENT_ENCODING], "gzip");
    let picture = server.request(Method::GET, "/kismet/images/logo.png");
    let picture = picture
        .header(ACCEPT_ENCODING, "gzip")
        .send()
        .await
        .unwrap();
    assert_eq!(picture.headers().get(CONTENT_ENCODING), None);

    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let page = format!("http://{}/kismet", server.addr);
    let answer = client.build().unwrap().get(page).send().await.unwrap();
    assert_eq!(answer.status(), 307);
    assert_eq!(answer.headers()[LOCATION], "kismet/");
}

#[tokio::test]
async fn a_file_that_the_browser_has_is_not_sent_again() {
    let (_folder, server) = server(|_| {}).await;
    for (path, header, condition) in [
        ("/kismet/css/kismet.css", ETAG, IF_NONE_MATCH),
        ("/kismet/css/kismet.css", LAST_MODIFIED, IF_MODIFIED_SINCE),
        ("/kismet/large.bin", LAST_MODIFIED, IF_MODIFIED_SINCE),
    ] {
        let first = server.request(Method::GET, path).send().await.unwrap();
        let value = first.headers()[&header].clone();
        let again = server.request(Method::GET, path).header(condition, value);
        assert_eq!(again.send().await.unwrap().status(), 304, "{path} {header}");
    }
    let old = server.request(Method::GET, "/kismet/large.bin");
    let old = old.header(IF_MODIFIED_SINCE, "Sat, 01 Jan 2000 00:00:00 GMT");
    assert_eq!(old.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn nothing_outside_of_the_folder_is_served() {
    let (_folder, server) = server(|_| {}).await;
    for path in [
        "/kismet/nothing.js",
        "/kismet/js",
        "/kismet/js/",
        "/kismet/.hidden",
        "/kismet/..%2Fsecret.txt",
        "/kismet/%2e%2e%2fsecret.txt",
        "/kismet/js/..%2f..%2fsecret.txt",
        "/kismet/%2Fetc%2Fpasswd",
        "/kismet/out.txt",
        "/kismet/a%00.html",
    ] {
        let answer = server.get(path).await;
        assert_eq!(
            answer.expect_error(404, "")["code"],
            "no_such_file",
            "{path}"
        );
    }
    if cfg!(unix) {
        server.get("/kismet/in.css").await.expect_status(200);
        for path in ["/kismet/shown.txt", "/kismet/pipe.js"] {
            server.get(path).await.expect_error(404, "");
        }
    }
    let odd = server.get("/kismet/%ff").await;
    assert_eq!(odd.expect_error(400, "")["code"], "path_not_utf8");
}

#[tokio::test]
async fn data_answers_below_the_page() {
    let (_folder, server) = server(|_| {}).await;
    let report = json!([{ "bssid": "02:00:00:00:00:01", "timestamp": 1_700_000_000 }]);
    server.report(report).await;
    for path in [
        "/devices/views/all_views.json",
        "/phy/all_phys.json",
        "/alerts/definitions.json",
        "/dynamic.js",
        "/dynamic.json",
    ] {
        let below = server
            .get(&format!("/kismet{path}"))
            .await
            .expect_status(200);
        assert_eq!(below.text, server.get(path).await.text, "{path}");
    }
    let asked = json!({ "fields": ["kismet.device.base.macaddr"] });
    let path = "/kismet/devices/views/all/devices.json";
    let found = server
        .post_json(path, &asked)
        .await
        .expect_status(200)
        .json();
    assert_eq!(found[0]["kismet.device.base.macaddr"], "02:00:00:00:00:01");
    server
        .get("/kismet/session/check_setup_ok")
        .await
        .expect_status(500);
    server
        .get("/kismet/eventbus/events.ws")
        .await
        .expect_status(426);
}

#[tokio::test]
async fn files_need_no_login_and_data_does() {
    let (_folder, server) = server(|config| config.auth.mode = AuthMode::Required).await;
    for path in ["/kismet/", "/kismet/css/kismet.css", "/kismet/dynamic.js"] {
        server.get(path).await.expect_status(200);
    }
    for path in [
        "/kismet/system/status.json",
        "/kismet/devices/views/all/devices.json",
    ] {
        server.get(path).await.expect_status(401);
    }
}

#[tokio::test]
async fn without_the_setting_the_page_tells_how_to_set_it() {
    let server = TestServer::start().await;
    for path in [
        "/kismet/",
        "/kismet/index.html",
        "/kismet/system/status.json",
    ] {
        let answer = server.get(path).await;
        let error = answer.expect_error(404, "ui.kismet_dir");
        assert_eq!(error["code"], "no_kismet_page", "{path}");
    }
}

#[tokio::test]
async fn a_folder_that_is_missing_ends_the_start() {
    let data = tempfile::tempdir().unwrap();
    let (folder, root) = http_data();
    fs::remove_file(root.join("index.html")).unwrap();
    for (path, reason) in [
        (folder.path().join("nowhere"), "cannot open the folder"),
        (root, "has no index.html"),
    ] {
        let mut config = Config::default();
        config.server.data_dir = data.path().to_owned();
        config.ui.kismet_dir.clone_from(&path);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ended = scanpost::serve(listener, config, std::future::pending()).await;
        let error = ended.unwrap_err().to_string();
        assert!(
            error.contains("ui.kismet_dir") && error.contains(reason),
            "{error}"
        );
    }
}
