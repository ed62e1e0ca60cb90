//! What becomes of the rows of uploads.

use reqwest::Method;

use super::{
    IMPORTS, account, check_counts, mac, reports_and_devices, rows, send, wigle, with_files,
};
use crate::server::{Answer, TestServer, gzip};

#[tokio::test]
async fn rows_become_reports_with_everything_that_they_say() {
    let server = TestServer::start().await;
    let file = account(&server, wigle(0..3)).await;
    check_counts(&file, [3, 0, 0, 0]);
    assert_eq!(file["form"], "wigle-csv");
    assert_eq!(file["name"], "drive.csv");
    assert_eq!(file["duplicate"], false);
    assert_eq!(file["first_seen"], 1_767_261_600);
    assert_eq!(file["last_seen"], 1_767_261_602);
    assert_eq!(
        file["bbox"],
        serde_json::json!([13.404_954, 52.520_006_6, 13.404_954, 52.520_006_6])
    );
    let page = server
        .read(&format!("/api/v1/devices/{}/observations", mac(1)))
        .await;
    let seen = &page["observations"][0];
    assert_eq!(seen["time"], 1_767_261_601, "{seen}");
    assert_eq!(seen["signal_dbm"], -61);
    assert_eq!(seen["accuracy_m"], 3.79);
    assert_eq!(seen["ssid"], "net 1");
}

#[tokio::test]
async fn the_same_file_again_changes_nothing_however_it_comes() {
    let server = TestServer::start().await;
    let text = wigle(0..50);
    let first = account(&server, &text).await;
    check_counts(&first, [50, 0, 0, 0]);
    let server = server.restart().await;
    for again in [text.clone().into_bytes(), gzip(text.as_bytes())] {
        let answer = send(&server, "", &[("other name.txt", &again)]).await;
        let answer = answer.expect_status(200).json();
        let file = &answer["files"][0];
        assert_eq!(file["duplicate"], true, "{file}");
        assert_eq!(file["sha256"], first["sha256"]);
        check_counts(file, [50, 0, 0, 0]);
    }
    assert_eq!(reports_and_devices(&server).await, (50, 50));
}

#[tokio::test]
async fn a_grown_file_adds_only_what_is_new() {
    let server = TestServer::start().await;
    account(&server, wigle(0..50)).await;
    let server = server.restart_without_snapshots().await;
    check_counts(&account(&server, wigle(0..80)).await, [30, 50, 0, 0]);
    // Another security and name of the same sightings: the app writes the latest ones.
    let changed = wigle(0..80)
        .replace("[WPA2-PSK-CCMP][ESS]", "[ESS]")
        .replace("net ", "renamed ");
    check_counts(&account(&server, changed).await, [0, 80, 0, 0]);
    let twice = format!("{}{}", wigle(100..110), rows(100..110));
    check_counts(&account(&server, twice).await, [10, 10, 0, 0]);
    assert_eq!(reports_and_devices(&server).await, (90, 90));
}

#[tokio::test]
async fn each_row_is_accounted_for() {
    let server = TestServer::start().await;
    let text = format!(
        "{}310260_1_2,op,LTE;us,2026-01-01 10:00:00,1,,-90,52.5,13.4,1,1,,,LTE\n\
         not an address,x,[ESS],2026-01-01 10:00:00,6,2437,-61,52.5,13.4,1,1,,,WIFI\n\
         02:00:00:00:00:09,x,[ESS],2026-01-01 10:00:00,6,2437,-61,0.0,0.0,0,0,,,WIFI\n\
         02:00:00:00:00:0a,x,[ESS],1970-01-01 00:00:00,6,2437,-61,52.5,13.4,0,0,,,WIFI\n",
        wigle(0..2)
    );
    let answer = send(&server, "", &[("drive.csv", text.as_bytes())]).await;
    let answer = answer.expect_status(200).json();
    let file = &answer["files"][0];
    check_counts(file, [4, 0, 1, 1]);
    assert_eq!(file["without_place"], 1, "{file}");
    assert_eq!(file["without_time"], 1, "{file}");
    assert_eq!(file["refusals"][0]["line"], 6, "{file}");
    let id = answer["id"].as_str().unwrap();
    let csv = server.get(&format!("{IMPORTS}/{id}/refusals/0")).await;
    let csv = csv.expect_status(200).text;
    assert!(csv.starts_with("line,reason\r\n6,\""), "{csv}");
    server
        .get(&format!("{IMPORTS}/{id}/refusals/1"))
        .await
        .expect_error(404, "no import has the id");
}

#[tokio::test]
async fn an_unknown_file_is_refused_alone_and_spoils_no_other() {
    let server = TestServer::start().await;
    let unknown = send(&server, "", &[("a.csv", b"a,b\n1,2\n")]).await;
    unknown.expect_error(415, "these forms are read: wigle-csv");
    let text = wigle(0..2);
    let files: [(&str, &[u8]); 2] = [("a.csv", b"a,b\n1,2\n"), ("b.csv", text.as_bytes())];
    let answer = send(&server, "", &files).await.expect_status(200).json();
    assert_eq!(answer["state"], "done", "{answer}");
    assert!(answer["files"][0]["error"].is_string(), "{answer}");
    check_counts(&answer["files"][1], [2, 0, 0, 0]);
}

#[tokio::test]
async fn a_body_may_be_the_file_and_a_trial_changes_nothing() {
    let server = TestServer::start().await;
    let path = format!("{IMPORTS}?dry_run=true&source=car");
    for _ in 0..2 {
        let answer = server.post(&path, None, wigle(0..5)).await;
        let answer = answer.expect_status(200).json();
        assert_eq!(
            (&answer["dry_run"], &answer["source"]),
            (&true.into(), &"car".into())
        );
        check_counts(&answer["files"][0], [5, 0, 0, 0]);
    }
    assert_eq!(reports_and_devices(&server).await, (0, 0));
    let path = format!("{IMPORTS}?source=car");
    let answer = server.post(&path, Some("text/csv"), wigle(0..5)).await;
    check_counts(&answer.expect_status(200).json()["files"][0], [5, 0, 0, 0]);
    let sources = server.read("/api/v1/sources").await;
    assert_eq!(sources["sources"][0]["name"], "car", "{sources}");
}

#[tokio::test]
async fn wrong_requests_are_refused() {
    let server = TestServer::start().await;
    for (query, parameter) in [
        ("?tz=Nowhere/City", "tz"),
        ("?time=yesterday", "time"),
        ("?track=x", "track"),
        ("?dry_run=perhaps", "dry_run"),
        ("?files=1", "files"),
    ] {
        let answer = server.post(&format!("{IMPORTS}{query}"), None, "x").await;
        let error = answer.expect_error(400, parameter);
        assert_eq!(error["parameter"], parameter);
    }
    let form = |body: &'static str| {
        let content_type = Some("multipart/form-data; boundary=x");
        server.post(IMPORTS, content_type, body)
    };
    form("--x--\r\n").await.expect_error(400, "has no file");
    form("nothing").await.expect_error(400, "breaks off");
    form("--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\nabc")
        .await
        .expect_error(400, "breaks off");
    for id in ["1", "x", "99999999999999999999999"] {
        let answer = server.get(&format!("{IMPORTS}/{id}")).await;
        answer.expect_error(404, "no import has the id");
    }
    assert_eq!(
        std::fs::read_dir(server.data().join("imports/spool"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn bounds_hold_at_and_one_past() {
    let text = wigle(0..20);
    let server = TestServer::start_with(|config| {
        config.import.body_bytes_max = text.len();
        config.import.files_max = 2;
    })
    .await;
    let reason = format!("at most {} bytes", text.len());
    let at_bound = server.post(IMPORTS, None, text.clone()).await;
    check_counts(
        &at_bound.expect_status(200).json()["files"][0],
        [20, 0, 0, 0],
    );
    let past = server.post(IMPORTS, None, format!("{text}\n")).await;
    past.expect_error(413, &reason);
    // In a form, the lines around the file count too.
    let send_padded = async |bytes: usize| {
        let request = with_files(server.request(Method::POST, IMPORTS), &[("a", b"x")]);
        let body = request.try_clone().unwrap().build().unwrap();
        let around = body.body().unwrap().as_bytes().unwrap().len() - 1;
        let file = vec![b'x'; bytes - around];
        Answer::of(with_files(
            server.request(Method::POST, IMPORTS),
            &[("a", &file)],
        ))
        .await
    };
    send_padded(text.len()).await.expect_error(415, "");
    send_padded(text.len() + 1).await.expect_error(413, &reason);
    let one = wigle(0..1);
    let files = ["a", "b", "c"].map(|name| (name, one.as_bytes()));
    send(&server, "", &files[..2]).await.expect_status(200);
    let past = send(&server, "", &files).await;
    past.expect_error(413, "more than 2 files");
}

#[tokio::test]
async fn long_imports_are_answered_later() {
    let server = TestServer::start_with(|config| {
        config.import.answer_within = std::time::Duration::ZERO;
    })
    .await;
    let text = wigle(0..5000);
    let answer = send(&server, "", &[("a.csv", text.as_bytes())]).await;
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let answer = answer.expect_status(202).json();
    assert_eq!(
        location,
        format!("{IMPORTS}/{}", answer["id"].as_str().unwrap())
    );
    // The state of the import comes after the import itself, whose end the restart waits for.
    let server = server
        .restart_with(|config| config.import.answer_within = std::time::Duration::from_secs(3600))
        .await;
    let again = send(&server, "", &[("a.csv", text.as_bytes())]).await;
    assert_eq!(
        again.expect_status(200).json()["files"][0]["duplicate"],
        true
    );
    let job = server.read(&location).await;
    assert_eq!(job["state"], "done", "{job}");
    check_counts(&job["files"][0], [5000, 0, 0, 0]);
    let list = server.read(&format!("{IMPORTS}?limit=1")).await;
    assert_eq!(list["imports"][0]["id"], "2", "{list}");
    let next = list["next_cursor"].as_str().unwrap();
    let list = server
        .read(&format!("{IMPORTS}?limit=1&cursor={next}"))
        .await;
    assert_eq!(
        (&list["imports"][0]["id"], &list["next_cursor"]),
        (&"1".into(), &serde_json::Value::Null)
    );
    let cancelled = Answer::of(server.request(Method::POST, &format!("{location}/cancel"))).await;
    assert_eq!(
        cancelled.expect_status(200).json()["state"],
        "done",
        "it was over"
    );
}
