//! What each form looks like.

use regex::Regex;
use serde_json::Value;

use super::{FORMS, file, octets_of, with_devices, xml};
use crate::server::TestServer;
use crate::snapshot::expect_text;

/// Replaces what differs from run to run: the server's times, the end of the log, and the version.
fn timeless(text: &str) -> String {
    let rules = [
        (
            r"20(2[1-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
            "[time]",
        ),
        (r"\b(1[7-9]|[2-9]\d)\d{8}(\.\d+)?\b", "[time]"),
        (r#"start-time="[^"]*""#, r#"start-time="[time]""#),
        (r"at log position \d+", "at log position [number]"),
    ];
    let text = text.replace(env!("CARGO_PKG_VERSION"), "[version]");
    rules.iter().fold(text, |text, (what, word)| {
        let what = Regex::new(what).unwrap();
        what.replace_all(&text, *word).into_owned()
    })
}

/// Lines in order, because devices have none. The first lines may be a head.
fn sorted(text: &str, head_lines: usize) -> String {
    let mut lines: Vec<_> = text.split_inclusive('\n').collect();
    lines[head_lines..].sort_unstable();
    lines.concat()
}

#[tokio::test]
async fn each_form_is_as_documented() {
    let server = with_devices().await;
    for (query, name) in [
        ("csv", "export_csv"),
        ("csv?per=observation", "export_csv_observations"),
        ("geojsonseq", "export_geojsonseq"),
        (
            "geojsonseq?per=observation",
            "export_geojsonseq_observations",
        ),
        ("wiglecsv", "export_wiglecsv"),
        ("wiglecsv?per=device", "export_wiglecsv_devices"),
        ("wiglecsv?version=1.4", "export_wiglecsv_14"),
        ("geojson?address_prefix=00:11:22", "export_geojson"),
        ("kml?address_prefix=00:11:22", "export_kml"),
        ("gpx?address_prefix=00:11:22", "export_gpx"),
        ("netxml?address_prefix=00:11:22", "export_netxml"),
        ("cot?address_prefix=00:11:22", "export_cot"),
    ] {
        let text = timeless(&file(&server, query).await);
        let text = match query {
            "csv" => sorted(&text, 1),
            "wiglecsv?per=device" => sorted(&text, 2),
            "geojsonseq" => sorted(&text, 0),
            // Observations have an order, and so has a single device.
            _ => text,
        };
        expect_text(name, &text);
    }
}

#[tokio::test]
async fn files_are_named_and_typed() {
    let server = with_devices().await;
    for (form, extension, media_type) in [
        ("csv", "csv", "text/csv; charset=utf-8"),
        ("geojson", "geojson", "application/geo+json"),
        ("geojsonseq", "geojsonl", "application/geo+json-seq"),
        ("kml", "kml", "application/vnd.google-earth.kml+xml"),
        ("kmz", "kmz", "application/vnd.google-earth.kmz"),
        ("gpx", "gpx", "application/gpx+xml"),
        ("netxml", "netxml", "application/xml"),
        ("cot", "cot", "application/xml"),
        ("cotzip", "zip", "application/zip"),
        ("csv?rows_max=1000", "zip", "application/zip"),
        ("kismetdb?per=device", "kismet", "application/vnd.sqlite3"),
        ("parquet", "parquet", "application/vnd.apache.parquet"),
    ] {
        let path = format!("/api/v1/export/{form}");
        let answer = server.request(reqwest::Method::GET, &path).send().await;
        let answer = answer.unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), media_type);
        let name = header("content-disposition");
        let expected =
            format!(r#"^attachment; filename="scanpost-devices-\d{{8}}T\d{{6}}Z\.{extension}"$"#);
        assert!(Regex::new(&expected).unwrap().is_match(&name), "{name}");
    }
    let answer = server.get("/api/v1/export/wiglecsv").await;
    let name = answer.headers["content-disposition"].to_str().unwrap();
    assert!(name.contains("scanpost-observations-"), "{name}");
}

#[tokio::test]
async fn an_empty_file_is_valid() {
    let server = TestServer::start().await;
    for (form, has_observations) in FORMS {
        let octets = octets_of(&server, form).await;
        if form == "kmz" || form == "cotzip" {
            assert!(octets.starts_with(b"PK\x03\x04"));
            continue;
        }
        if form == "kismetdb" {
            assert!(octets.starts_with(b"SQLite format 3\0"));
            continue;
        }
        if form == "parquet" {
            // Is read elsewhere.
            continue;
        }
        let text = String::from_utf8(octets).unwrap();
        match form {
            "csv" => assert_eq!(text.lines().count(), 1, "{text}"),
            "wiglecsv" => assert_eq!(text.lines().count(), 2, "{text}"),
            "geojsonseq" => assert_eq!(text, ""),
            "geojson" => {
                let collection: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(collection["features"], serde_json::json!([]));
            }
            _ => {
                xml::elements(&text);
            }
        }
        if has_observations {
            let empty = file(&server, &format!("{form}?per=observation")).await;
            assert_eq!(empty.is_empty(), form == "geojsonseq", "{empty}");
        }
    }
}

#[tokio::test]
async fn an_archive_holds_the_document_and_its_picture() {
    let server = with_devices().await;
    let archive = octets_of(&server, "kmz").await;
    // The importer unpacks archives, and reads the document.
    let into = TestServer::start().await;
    let account = crate::imports::account(&into, &archive).await;
    assert_eq!(account["form"], "kml", "{account}");
    assert_eq!(account["refused"], 0, "{account}");
    assert_eq!(
        into.device_count().await,
        6,
        "those with a place and without _nomap"
    );
    let has = |text: &[u8]| archive.windows(text.len()).any(|bytes| bytes == text);
    assert!(has(b"circle.png") && has(b"\x89PNG"));
}

#[tokio::test]
async fn what_a_form_lacks_is_refused_by_name() {
    let server = TestServer::start().await;
    for (path, status, reason) in [
        ("shapefile", 404, "there are csv, geojson, geojsonseq"),
        ("kml?per=observation", 400, "per: expected device"),
        ("csv?per=batch", 400, "per: expected device or observation"),
        (
            "csv?place=first",
            400,
            "place: expected strongest or mean or last",
        ),
        (
            "csv?version=1.4",
            400,
            "version: this form has no such parameter",
        ),
        ("wiglecsv?version=1.5", 400, "version: expected 1.6 or 1.4"),
        ("kismetdb?version=1.6", 400, "version: expected 9 or 10"),
        (
            "kml?texts=raw",
            400,
            "texts: this form has no such parameter",
        ),
        ("kml?bom=true", 400, "bom: this form has no such parameter"),
        (
            "kml?rows_max=1000",
            400,
            "rows_max: this form has no such parameter",
        ),
        (
            "csv?rows_max=999",
            400,
            "rows_max: expected a number of rows from 1000",
        ),
        (
            "csv?bytes_max=65535",
            400,
            "bytes_max: expected a number of bytes from 65536",
        ),
        (
            "csv?devices=minimal",
            400,
            "devices: this form has no such parameter",
        ),
        (
            "kismetdb?devices=small",
            400,
            "devices: expected whole or minimal",
        ),
        ("csv?bom=1", 400, "bom: expected true or false"),
        ("csv?include=all", 400, "include: expected nomap"),
        (
            "csv?sort=name",
            400,
            "sort: there is no such parameter here",
        ),
    ] {
        let answer = server.get(&format!("/api/v1/export/{path}")).await;
        answer.expect_error(status, reason);
    }
}

#[tokio::test]
async fn a_client_that_takes_gzip_gets_it() {
    let server = with_devices().await;
    let path = "/api/v1/export/geojsonseq";
    let plain = octets_of(&server, "geojsonseq").await;
    let request = server.request(reqwest::Method::GET, path);
    let answer = request.header("accept-encoding", "gzip").send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let packed = answer.bytes().await.unwrap();
    assert!(packed.len() < plain.len() / 2);
}
