//! Who may export what.

use reqwest::Method;

use super::{file, with_devices};
use crate::auth::{guarded, key};
use crate::server::Answer;

#[tokio::test]
async fn owners_who_opted_out_are_left_out_unless_an_administrator_asks() {
    let server = with_devices().await;
    for form in [
        "csv", "geojson", "wiglecsv", "kml", "gpx", "netxml", "cot", "kismetdb",
    ] {
        let text = file(&server, form).await;
        assert!(!text.contains("private_nomap"), "{form}");
        // Without credentials, everybody is an administrator.
        let text = file(&server, &format!("{form}?include=nomap")).await;
        assert!(text.contains("private_nomap"), "{form}");
    }
}

#[tokio::test]
async fn a_reader_may_not_ask_for_them() {
    let (server, credentials) = guarded().await;
    let keys = ["readonly", "scanreport", "admin"].map(|role| (role, key(&credentials, role)));
    let ask = async |role: Option<&str>, query: &str| {
        let path = format!("/api/v1/export/csv{query}");
        let mut request = server.request(Method::GET, &path);
        if let Some((_, key)) = keys.iter().find(|(known, _)| Some(*known) == role) {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        Answer::of(request).await
    };
    ask(None, "").await.expect_status(401);
    ask(Some("readonly"), "").await.expect_status(200);
    ask(Some("scanreport"), "").await.expect_status(403);
    let refused = ask(Some("readonly"), "?include=nomap").await;
    refused.expect_error(403, "admin");
    ask(Some("admin"), "?include=nomap")
        .await
        .expect_status(200);
}
