//! Pages of the native lists while reports come in, and the form in which a list is answered.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Answer, BLUETOOTH, TestServer, batch};

const LIST: &str = "/api/v1/devices";

fn report(number: u32, time: u32) -> Value {
    json!({ "bssid": format!("02:00:00:00:00:{number:02x}"), "timestamp": time })
}

fn addresses(page: &Value) -> Vec<u32> {
    let devices = page["devices"].as_array().unwrap().iter();
    let number = |device: &Value| {
        let address = device["address"].as_str().unwrap();
        let (_, last) = address.rsplit_once(':').unwrap();
        u32::from_str_radix(last, 16).unwrap()
    };
    devices.map(number).collect()
}

/// Reads a list page by page, with a report between any two pages.
async fn walked(
    server: &TestServer,
    query: &str,
    report_after: impl Fn(usize) -> Option<Value>,
) -> Vec<u32> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    for page_number in 0.. {
        let path = format!("{LIST}?limit=3&{query}&cursor={cursor}");
        let page = server.read(&path).await;
        found.extend(addresses(&page));
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
        if let Some(report) = report_after(page_number) {
            server.report(json!([report])).await;
        }
    }
    found
}

#[tokio::test]
async fn by_address_each_device_comes_once_while_reports_come_in() {
    let server = TestServer::start().await;
    let all = (0..12).rev().map(|number| report(number, 1_700_000_000));
    server.report(all.collect()).await;
    // Each report moves a device that was listed or is not listed yet.
    let moved = |page| {
        let page = u32::try_from(page).unwrap();
        Some(report((page * 5) % 12, 1_700_000_100 + page))
    };
    let ascending = walked(&server, "sort=address", moved).await;
    assert_eq!(ascending, (0..12).collect::<Vec<_>>());
    let descending = walked(&server, "sort=address&order=desc", moved).await;
    assert_eq!(descending, (0..12).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn an_address_of_two_technologies_is_listed_twice() {
    let server = TestServer::start().await;
    server.report(json!([report(1, 1_700_000_000)])).await;
    let body = batch(json!([{ "btaddr": "02:00:00:00:00:01" }]));
    server.post_json(BLUETOOTH, &body).await.expect_status(200);
    for order in ["asc", "desc"] {
        let query = format!("sort=address&order={order}&limit=1");
        let first = server.read(&format!("{LIST}?{query}")).await;
        let cursor = first["next_cursor"].as_str().unwrap();
        let second = server
            .read(&format!("{LIST}?{query}&cursor={cursor}"))
            .await;
        let phys = [&first, &second].map(|page| page["devices"][0]["phy"].clone());
        assert_ne!(phys[0], phys[1], "{order}");
        assert_eq!(second["next_cursor"], Value::Null);
    }
}

#[tokio::test]
async fn late_reports_reach_those_who_ask_for_changes() {
    let server = TestServer::start().await;
    for number in 0..4 {
        server
            .report(json!([report(number, 1_700_000_000 + number)]))
            .await;
    }
    let first = server.read(&format!("{LIST}?sort=changed")).await;
    assert_eq!(addresses(&first), [0, 1, 2, 3]);
    let newest = first["devices"][3]["changed"].as_u64().unwrap();

    // Both are late: their own times are older than all that was seen.
    server.report(json!([report(9, 1_600_000_000)])).await;
    server.report(json!([report(1, 1_600_000_000)])).await;
    let next = format!("{LIST}?sort=changed&changed_since={newest}");
    let changed = addresses(&server.read(&next).await);
    assert!(changed.ends_with(&[9, 1]), "{changed:?}");
    let since = format!("{LIST}?since={newest}");
    assert!(addresses(&server.read(&since).await).is_empty());

    // With another order, and together with a filter.
    let others = format!("{LIST}?sort=address&order=desc&changed_since={newest}&until=1650000000");
    assert_eq!(addresses(&server.read(&others).await), [9]);
    let later = format!("{LIST}?sort=changed&changed_since={}", newest + 4_000);
    assert!(addresses(&server.read(&later).await).is_empty());

    // The order is the same after a start, from the snapshot or from the log.
    let all = addresses(&server.read(&format!("{LIST}?sort=changed")).await);
    assert_eq!(all, [0, 2, 3, 9, 1]);
    let server = server.restart().await;
    let again = server.read(&format!("{LIST}?sort=changed")).await;
    assert_eq!(addresses(&again), all);
    let server = server.restart_without_snapshots().await;
    let again = server.read(&format!("{LIST}?sort=changed")).await;
    assert_eq!(addresses(&again), all);
    let newest_first = format!("{LIST}?sort=changed&order=desc");
    assert_eq!(
        addresses(&server.read(&newest_first).await),
        [1, 9, 3, 2, 0]
    );
}

#[tokio::test]
async fn changes_come_behind_the_cursor_while_reports_come_in() {
    let server = TestServer::start().await;
    // One by one, because the devices of one batch may change in any order.
    for number in 0..12 {
        server.report(json!([report(number, 1_700_000_000)])).await;
    }
    // Devices 0 and 1 were listed when they change again, and 11 was not.
    let changed = [0, 11, 1];
    let found = walked(&server, "sort=changed&changed_since=0", |page| {
        // With another time than before, or it would be a request that is sent again.
        Some(report(*changed.get(page)?, 1_600_000_000))
    })
    .await;
    assert_eq!(found, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 11, 1]);
}

#[tokio::test]
async fn a_wrong_time_of_change_is_named() {
    let server = TestServer::start().await;
    for (query, reason) in [
        ("changed_since=yesterday", "changed_since: expected seconds"),
        ("sort=change", "sort: expected"),
    ] {
        let refused = server.get(&format!("{LIST}?{query}")).await;
        refused.expect_error(400, reason);
    }
    server.report(json!([report(1, 1), report(2, 1)])).await;
    let page = server.read(&format!("{LIST}?sort=changed&limit=1")).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    for (query, reason) in [
        (format!("sort=address&cursor={cursor}"), "another order"),
        (
            format!("sort=changed&cursor={}", cursor.replace(".c", ".n")),
            "not one that an earlier",
        ),
    ] {
        let refused = server.get(&format!("{LIST}?{query}")).await;
        refused.expect_error(400, reason);
    }
}

#[tokio::test]
async fn the_form_is_the_one_that_the_client_prefers() {
    const CSV: &str = "text/csv; charset=utf-8";
    const JSON: &str = "application/json";
    let server = TestServer::start().await;
    server.report(json!([report(1, 1_700_000_000)])).await;
    let observations = format!("{LIST}/02:00:00:00:00:01/observations");
    let lists = [
        LIST,
        &observations,
        "/api/v1/ssids",
        "/api/v1/sources",
        "/api/v1/alerts",
    ];
    for (accept, form) in [
        ("text/csv", CSV),
        ("TEXT/CSV;header=present", CSV),
        ("text/*", CSV),
        ("text/csv, application/json;q=0.9", CSV),
        ("text/csv, */*", CSV),
        ("application/json;q=0.4, text/csv;q=0.5", CSV),
        ("application/*;q=0.1, text/csv; q=0.2", CSV),
        ("text/csv;q=0.5, application/json", JSON),
        ("text/csv;q=0.5, */*", JSON),
        ("text/csv;q=0", JSON),
        ("text/csv;q=0, */*;q=0.1", JSON),
        (
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            JSON,
        ),
        ("*/*", JSON),
        ("text/*;q=0.3, application/json;q=0.3", JSON),
        ("", JSON),
    ] {
        for list in lists {
            let request = server.request(Method::GET, list).header("accept", accept);
            let answer = Answer::of(request).await.expect_status(200);
            assert_eq!(answer.headers["content-type"], form, "{list} {accept}");
            let varies = answer.headers.get_all("vary").iter();
            let mut varies = varies.flat_map(|vary| vary.to_str().unwrap().split(", "));
            assert!(
                varies.any(|name| name.eq_ignore_ascii_case("accept")),
                "{list} {accept}"
            );
        }
    }
    // Two headers are one list.
    let request = server
        .request(Method::GET, LIST)
        .header("accept", "text/csv;q=0.1");
    let answer = Answer::of(request.header("accept", "application/json;q=0.2")).await;
    assert_eq!(answer.headers["content-type"], JSON);
}
