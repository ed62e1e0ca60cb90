//! Programs that upload to wigle.net and wdgwars.pl work here with another host.

use reqwest::{Method, RequestBuilder};
use scanpost::config::{AuthMode, Config};

use super::{IMPORTS, check_counts, wigle, with_files};
use crate::server::{Answer, TestServer, now_s};

/// A server that requires credentials, with two keys.
async fn server() -> (TestServer, [String; 2]) {
    server_with(|_| {}).await
}

pub(super) async fn server_with(change: impl FnOnce(&mut Config)) -> (TestServer, [String; 2]) {
    let data = tempfile::tempdir().unwrap();
    let credentials = scanpost::auth::Credentials::open(data.path()).unwrap();
    let keys = ["board", "other"].map(|name| {
        let made = credentials.create_key(name, "scanreport".parse().unwrap(), None, now_s());
        made.unwrap().reveal().to_owned()
    });
    let mut config = Config::default();
    config.auth.mode = AuthMode::Required;
    change(&mut config);
    (TestServer::start_on(data, config).await, keys)
}

fn with_file(request: RequestBuilder, text: &str) -> RequestBuilder {
    with_files(request, &[("drive.csv", text.as_bytes())])
}

#[tokio::test]
async fn an_upload_to_wigle_works_with_the_name_and_the_key() {
    let (server, [key, other]) = server().await;
    let post = |user: &str, password: &str| {
        let request = server.request(Method::POST, "/api/v2/file/upload");
        with_file(request.basic_auth(user, Some(password)), &wigle(0..7))
    };
    Answer::of(post("board", "wrong")).await.expect_status(401);
    Answer::of(post("other", &key)).await.expect_status(401);
    let answer = Answer::of(post("board", &key))
        .await
        .expect_status(200)
        .json();
    assert_eq!(answer["success"], true, "{answer}");
    assert_eq!(answer["observer"], "board");
    let transid = &answer["results"]["transids"][0];
    assert_eq!(transid["file"], "drive.csv", "{answer}");
    let list = |user: &str, key: &str| {
        let request = server.request(Method::GET, "/api/v2/file/transactions?pagestart=0");
        Answer::of(request.basic_auth(user, Some(key)))
    };
    let listed = list("board", &key).await.expect_status(200).json();
    let result = &listed["results"][0];
    assert_eq!(result["transid"], transid["transId"], "{listed}");
    assert_eq!(
        (&result["status"], &result["total"]),
        (&"D".into(), &7.into())
    );
    let listed = list("other", &other).await.expect_status(200).json();
    assert_eq!(listed["results"], serde_json::json!([]), "another key's");
}

#[tokio::test]
async fn a_right_name_and_key_without_the_right_to_report_is_forbidden() {
    let (server, _) = server().await;
    let credentials = scanpost::auth::Credentials::open(server.data()).unwrap();
    let key = credentials.create_key("reader", "readonly".parse().unwrap(), None, now_s());
    let key = key.unwrap().reveal().to_owned();
    for (user, status) in [("reader", 403), ("board", 401)] {
        let request = server.request(Method::POST, "/api/v2/file/upload");
        let request = with_file(request.basic_auth(user, Some(&key)), &wigle(0..7));
        Answer::of(request).await.expect_status(status);
        let request = server.request(Method::GET, "/api/v2/file/transactions");
        let answer = Answer::of(request.basic_auth(user, Some(&key))).await;
        answer.expect_status(status);
    }
}

#[tokio::test]
async fn the_list_of_wigle_has_what_the_client_sent_however_much_others_have_sent_since() {
    let (server, [key, other]) = server().await;
    let post = server.request(Method::POST, "/api/v2/file/upload");
    let post = with_file(post.basic_auth("board", Some(&key)), &wigle(0..7));
    Answer::of(post).await.expect_status(200);
    let trial = format!("{IMPORTS}?dry_run=true");
    for _ in 0..101 {
        let post = server.request(Method::POST, &trial).bearer_auth(&other);
        Answer::of(post.body(wigle(0..1))).await.expect_status(200);
    }
    let server = server.restart().await;
    // The second list is made of what the first one has found.
    for _ in 0..2 {
        for (user, key, count) in [("board", &key, 1), ("other", &other, 100)] {
            let request = server.request(Method::GET, "/api/v2/file/transactions");
            let answer = Answer::of(request.basic_auth(user, Some(key))).await;
            let listed = answer.expect_status(200).json();
            assert_eq!(listed["results"].as_array().unwrap().len(), count, "{user}");
            assert_eq!(listed["processingQueueDepth"], 0);
        }
    }
}

#[tokio::test]
async fn an_upload_to_wdgwars_works_with_the_key_in_its_header() {
    let (server, [key, _]) = server().await;
    let me = |key: &str| {
        let request = server.request(Method::GET, "/api/me");
        Answer::of(request.header("x-api-key", key))
    };
    me("wrong").await.expect_status(401);
    assert_eq!(
        me(&key).await.expect_status(200).json()["username"],
        "board"
    );
    let post = || {
        let request = server.request(Method::POST, "/api/upload-csv");
        Answer::of(with_file(request.header("x-api-key", &key), &wigle(0..7)))
    };
    let answer = post().await.expect_status(200).json();
    let facts = [
        "ok",
        "imported",
        "duplicates",
        "no_gps",
        "bad_rows",
        "total",
    ];
    let found: Vec<_> = facts.iter().map(|name| answer[name].to_string()).collect();
    assert_eq!(found, ["true", "7", "0", "0", "0", "7"], "{answer}");
    assert_eq!(post().await.expect_status(409).json()["ok"], false);
}

/// A source does not follow from the address or the key of the sender, if the file names the device that wrote it.
#[tokio::test]
async fn the_same_file_from_another_address_or_with_another_key_changes_nothing() {
    let (server, [key, other]) = server_with(|config| {
        config.server.proxies = vec!["127.0.0.1".to_owned()];
    })
    .await;
    let post = async |client: &str, key: &str| {
        let post = server.request(Method::POST, IMPORTS).bearer_auth(key);
        let post = post.header("x-forwarded-for", client).body(wigle(0..3));
        let answer = Answer::of(post).await.expect_status(200).json();
        answer["files"][0].clone()
    };
    check_counts(&post("1.2.3.4", &key).await, [3, 0, 0, 0]);
    assert_eq!(post("5.6.7.8", &key).await["duplicate"], true);
    check_counts(&post("5.6.7.8", &other).await, [0, 3, 0, 0]);
}

#[tokio::test]
async fn a_key_sees_only_its_own_imports() {
    let (server, [key, other]) = server().await;
    let post = server.request(Method::POST, IMPORTS).bearer_auth(&key);
    let answer = Answer::of(post.body(wigle(0..3)))
        .await
        .expect_status(200)
        .json();
    check_counts(&answer["files"][0], [3, 0, 0, 0]);
    assert_eq!(answer["sender"], "board");
    let path = format!("{IMPORTS}/{}", answer["id"].as_str().unwrap());
    let get = |key: &str| Answer::of(server.request(Method::GET, &path).bearer_auth(key));
    get(&key).await.expect_status(200);
    get(&other).await.expect_error(404, "no import has the id");
    let list = server.request(Method::GET, IMPORTS).bearer_auth(&key);
    Answer::of(list).await.expect_status(403);
}

#[tokio::test]
async fn where_sources_belong_to_keys_a_key_imports_for_its_own_only() {
    let (server, [key, other]) = server_with(|config| config.auth.bind_sources = true).await;
    let send = |query: &str, key: &str, rows: std::ops::Range<usize>| {
        let path = format!("{IMPORTS}{query}");
        let post = server.request(Method::POST, &path).bearer_auth(key);
        Answer::of(post.body(wigle(rows)))
    };
    let accounts = async |query: &str, key: &str, rows: std::ops::Range<usize>| {
        let answer = send(query, key, rows).await.expect_status(200).json();
        answer["files"][0].clone()
    };
    check_counts(&accounts("", &key, 0..3).await, [3, 0, 0, 0]);
    // A trial gives a source no owner.
    let trial = "?source=car&dry_run=true";
    check_counts(&accounts(trial, &key, 0..3).await, [3, 0, 0, 0]);
    check_counts(&accounts("?source=car", &other, 0..3).await, [3, 0, 0, 0]);
    for (query, stranger) in [("", &other), ("?source=car", &key)] {
        for _ in 0..2 {
            let file = accounts(query, stranger, 3..6).await;
            check_counts(&file, [0, 0, 0, 3]);
            // It is read again when it comes again, because it may come from somebody who may import it.
            assert_eq!(file["duplicate"], false, "{file}");
            let reason = file["refusals"][0]["reason"].as_str().unwrap();
            assert!(reason.contains("auth.bind_sources"), "{reason}");
        }
    }
    check_counts(&accounts("", &key, 3..6).await, [3, 0, 0, 0]);
    // An administrator may import for every source.
    let credentials = scanpost::auth::Credentials::open(server.data()).unwrap();
    let admin = credentials.create_key("boss", "admin".parse().unwrap(), None, 0);
    let admin = admin.unwrap().reveal().to_owned();
    check_counts(&accounts("?source=car", &admin, 6..9).await, [3, 0, 0, 0]);
}
