//! Bounds of uploads: at the bound an upload is taken, and one past it the answer names the bound.

use std::fmt::Write;

use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::archives::zip;
use super::uploaders::server_with;
use super::{IMPORTS, check_counts, send, wigle};
use crate::server::{Answer, TestServer, gzip};

/// A form with fields of these names and a file.
async fn send_fields(server: &TestServer, names: &[String]) -> Answer {
    let mut body = String::new();
    for name in names {
        write!(
            body,
            "--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\non\r\n"
        )
        .unwrap();
    }
    let text = wigle(0..1);
    write!(
        body,
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n{text}\r\n--x--\r\n"
    )
    .unwrap();
    let content_type = Some("multipart/form-data; boundary=x");
    server.post(IMPORTS, content_type, body).await
}

#[tokio::test]
async fn fields_of_a_form_have_a_number_and_names_a_length() {
    let server = TestServer::start_with(|config| config.import.fields_max = 3).await;
    let names = |count: usize, bytes: usize| vec!["n".repeat(bytes); count];
    send_fields(&server, &names(3, 256))
        .await
        .expect_status(200);
    let error = send_fields(&server, &names(4, 1)).await;
    let error = error.expect_error(400, "more than 3 fields");
    assert_eq!(error["code"], "too_many_fields", "{error}");
    let error = send_fields(&server, &names(1, 257)).await;
    let error = error.expect_error(400, "longer than 256 bytes");
    assert_eq!(error["code"], "field_name_too_long", "{error}");
}

/// The errors in the accounts of an upload.
async fn errors(server: &TestServer, files: &[(&str, &[u8])]) -> Vec<Option<String>> {
    let answer = send(server, "", files).await.expect_status(200).json();
    let files = answer["files"].as_array().unwrap();
    let error = |file: &Value| file["error"].as_str().map(str::to_owned);
    files.iter().map(error).collect()
}

#[tokio::test]
async fn all_archives_of_an_upload_share_one_bound() {
    let (one, two) = (wigle(0..50), wigle(50..100));
    let together = one.len() + two.len();
    let archive = zip(&[("readme.txt", b""), ("two.csv", two.as_bytes())]);
    let packed = gzip(one.as_bytes());
    let files: [(&str, &[u8]); 2] = [("one.csv.gz", &packed), ("two.zip", &archive)];
    for (bytes_max, is_past) in [(together, false), (together - 1, true)] {
        let server = TestServer::start_with(|config| {
            config.import.unpacked_bytes_max = bytes_max;
        })
        .await;
        let errors = errors(&server, &files).await;
        assert_eq!((errors.len(), &errors[0]), (3, &None), "{errors:?}");
        let past = errors[2].as_deref().unwrap_or_default();
        let expected = format!(
            "entry 2 of the archive two.zip: with this file, the upload unpacks to more than {bytes_max} bytes, see \
             import.unpacked_bytes_max"
        );
        assert_eq!(past, if is_past { &*expected } else { "" });
    }
}

#[tokio::test]
async fn the_files_of_all_archives_of_an_upload_share_one_bound() {
    let server = TestServer::start_with(|config| config.import.files_max = 4).await;
    let text = wigle(0..1);
    let archive = |count: usize| {
        let names: Vec<_> = (0..count).map(|number| format!("{number}.csv")).collect();
        let entries = names.iter().map(|name| (name.as_str(), text.as_bytes()));
        zip(&entries.collect::<Vec<_>>())
    };
    let at_bound = errors(&server, &[("a.zip", &archive(2)), ("b.zip", &archive(2))]).await;
    assert_eq!(at_bound, [None, None, None, None]);
    let past = errors(&server, &[("a.zip", &archive(2)), ("b.zip", &archive(3))]).await;
    assert_eq!((past.len(), &past[..2]), (3, &[None, None][..]));
    let reason = past[2].as_deref().unwrap();
    assert!(
        reason.contains("3 entries") && reason.contains("import.files_max"),
        "{reason}"
    );
}

/// An upload of a file with one row, of which only the head has arrived. The server asks for the body once the upload has a
/// place.
struct Upload {
    stream: TcpStream,
    text: String,
}

impl Upload {
    async fn begin(server: &TestServer, key: &str) -> Self {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        let text = wigle(0..1);
        let length = text.len();
        let head = format!(
            "POST {IMPORTS} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\
             expect: 100-continue\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut asked = [0; 25];
        stream.read_exact(&mut asked).await.unwrap();
        assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
        Self { stream, text }
    }

    async fn finish(mut self) -> String {
        self.stream.write_all(self.text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

#[tokio::test]
async fn uploads_that_arrive_have_places_and_a_sender_has_a_quarter_of_them() {
    let (server, [key, other]) = server_with(|config| config.import.jobs_max = 8).await;
    let small = |key: &str| {
        let post = server.request(Method::POST, IMPORTS).bearer_auth(key);
        Answer::of(post.body(wigle(0..1)))
    };
    let first = Upload::begin(&server, &key).await;
    let second = Upload::begin(&server, &key).await;
    let refused = small(&key).await;
    assert_eq!(refused.headers["retry-after"], "1");
    refused.expect_error(429, "2 imports of this sender");
    small(&other).await.expect_status(200);
    for upload in [first, second] {
        let answer = upload.finish().await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    small(&key).await.expect_status(200);
}

#[tokio::test]
async fn uploads_that_arrive_take_no_more_places_than_there_are() {
    let (server, [key, other]) = server_with(|config| config.import.jobs_max = 1).await;
    let arriving = Upload::begin(&server, &key).await;
    let post = || {
        let post = server.request(Method::POST, IMPORTS).bearer_auth(&other);
        Answer::of(post.body(wigle(0..1)))
    };
    let refused = post().await;
    assert_eq!(refused.headers["retry-after"], "1");
    refused.expect_error(503, "see import.jobs_max");
    arriving.finish().await;
    post().await.expect_status(200);
}

/// Sends a whole form with a file of 30 MiB, and reads the answer only then, as simple clients do.
async fn send_large_form(server: &TestServer, key: &str, framing: &str) -> String {
    const PIECES: usize = 30;
    let piece = vec![b'x'; 1 << 20];
    let head = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n";
    let end = "\r\n--x--\r\n";
    let is_chunked = framing.is_empty();
    let length = head.len() + PIECES * piece.len() + end.len();
    let framing = if is_chunked {
        "transfer-encoding: chunked".to_owned()
    } else {
        format!("{framing}: {length}")
    };
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let request = format!(
        "POST {IMPORTS} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\
         content-type: multipart/form-data; boundary=x\r\n{framing}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let pieces = std::iter::repeat_n(&*piece, PIECES);
    for part in [head.as_bytes()]
        .into_iter()
        .chain(pieces)
        .chain([end.as_bytes()])
    {
        let sent = if is_chunked {
            [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat()
        } else {
            part.to_vec()
        };
        stream
            .write_all(&sent)
            .await
            .expect("the server does not read on");
    }
    if is_chunked {
        stream.write_all(b"0\r\n\r\n").await.unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn an_uploader_that_sends_everything_first_hears_why_it_is_refused() {
    let (server, [key, _]) = server_with(|config| {
        config.import.jobs_max = 4;
        config.import.body_bytes_max = 1 << 20;
    })
    .await;
    // One form says how long it is, and the other one does not.
    for framing in ["content-length", ""] {
        let answer = send_large_form(&server, &key, framing).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        let answer = send_large_form(&server, "not a key", framing).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
    let arriving = Upload::begin(&server, &key).await;
    let answer = send_large_form(&server, &key, "content-length").await;
    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
    arriving.finish().await;
}

/// Imports a file with one row of this device.
async fn import(server: &TestServer, device: usize) -> Value {
    let text = wigle(device..device + 1);
    let answer = send(server, "", &[("a.csv", text.as_bytes())]).await;
    answer.expect_status(200).json()
}

#[tokio::test]
async fn accounts_are_kept_up_to_a_number_and_files_stay_known() {
    let server = TestServer::start_with(|config| config.import.jobs_kept_max = 2).await;
    let mut ids = Vec::new();
    for device in 0..4 {
        let job = import(&server, device).await;
        ids.push(job["id"].as_str().unwrap().to_owned());
    }
    // The next import waits for the end of the one before it, and so for what that removes.
    let again = import(&server, 0).await;
    assert_eq!(again["files"][0]["duplicate"], true, "{again}");
    for (place, id) in ids.iter().enumerate() {
        let answer = server.get(&format!("{IMPORTS}/{id}")).await;
        if place < 2 {
            answer.expect_error(404, "no import has the id");
            let list = format!("imports/jobs/{id}-0.csv");
            assert!(!server.data().join(list).exists(), "{id}");
        }
    }
    let server = server.restart().await;
    let list = server.read(IMPORTS).await;
    let listed = list["imports"].as_array().unwrap();
    assert_eq!(listed.len(), 2, "{list}");
    assert_eq!(listed[0]["id"], again["id"]);
}

#[tokio::test]
async fn accounts_are_kept_for_a_time_and_no_id_is_given_twice() {
    let server = TestServer::start().await;
    for device in 0..2 {
        import(&server, device).await;
    }
    let (data, config) = server.stop().await;
    for id in [1, 2] {
        let path = data.path().join(format!("imports/jobs/{id}.json"));
        let mut job: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        job["ended"] = 1_000_000.into();
        std::fs::write(&path, job.to_string()).unwrap();
    }
    let mut for_ever = config.clone();
    for_ever.import.jobs_kept_for = std::time::Duration::ZERO;
    let server = TestServer::start_on(data, for_ever).await;
    server.read(&format!("{IMPORTS}/1")).await;
    let (data, _) = server.stop().await;
    let server = TestServer::start_on(data, config).await;
    let first = server.get(&format!("{IMPORTS}/1")).await;
    first.expect_error(404, "no import has the id");
    server.read(&format!("{IMPORTS}/2")).await;
    let again = import(&server, 0).await;
    assert_eq!(again["id"], "3", "{again}");
    assert_eq!(again["files"][0]["duplicate"], true, "{again}");
}

#[tokio::test]
async fn names_of_sources_have_no_control_characters() {
    let server = TestServer::start().await;
    let text = wigle(0..1).replace("=2.91", "=2.\u{7}9\u{1b}1");
    let answer = send(&server, "", &[("a.csv", text.as_bytes())]).await;
    let answer = answer.expect_status(200).json();
    check_counts(&answer["files"][0], [1, 0, 0, 0]);
    let sources = server.read("/api/v1/sources").await;
    assert_eq!(sources["sources"][0]["name"], "WiGLE 2.91");
}
