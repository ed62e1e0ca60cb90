//! Names that strangers chose to break readers.

use serde_json::{Value, json};

use super::{SEEN, file, send, xml};
use crate::server::{TestServer, WIFI};

/// Names, with `@XX` for an octet that is not UTF-8.
pub(crate) const NAMES: [&str; 25] = [
    "]]>",
    "</name>",
    "&#0;",
    "nul\0in",
    "one\u{1}",
    "tab\tin",
    "line\nfeed",
    "carriage\rreturn",
    "@FF@FE",
    "\"",
    "a,b",
    "  both ends  ",
    " ",
    "\n\t",
    "\u{2028}",
    "=1+1",
    "'",
    "line\u{2028}separator",
    "29 octets and half an emoji..@F0@9F@98",
    "@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF@FF",
    "back\\x41slash",
    "back\\134slash",
    "<script>alert(1)</script>",
    "del\u{7F}c1\u{85}",
    "",
];

pub(crate) async fn with_hostile_names() -> TestServer {
    let server = TestServer::start().await;
    let reports = (0_u64..).zip(NAMES).map(|(number, name)| {
        json!({"timestamp": SEEN + number, "bssid": format!("02:00:00:00:00:{number:02x}"), "ssid": name,
               "capabilities": "[WPA2-PSK-CCMP][ESS]", "channel": "6", "signal": -60, "lat": 52.5, "lon": 13.4})
    });
    send(&server, WIFI, reports.collect()).await;
    // One access point with many names.
    let many = (0..30).map(|number| {
        json!({"timestamp": SEEN, "bssid": "02:00:00:00:01:00", "ssid": format!("<{number}>"), "lat": 52.5, "lon": 13.4})
    });
    send(&server, WIFI, many.collect()).await;
    server
}

#[tokio::test]
async fn no_name_breaks_xml() {
    let server = with_hostile_names().await;
    for (form, row) in [
        ("kml", "Placemark"),
        ("gpx", "wpt"),
        ("netxml", "wireless-network"),
        ("cot", "event"),
    ] {
        let text = file(&server, form).await;
        let elements = xml::elements(&text);
        let rows = elements.iter().filter(|name| *name == row).count();
        assert_eq!(rows, NAMES.len() + 1, "{form}");
        assert!(!elements.iter().any(|name| name == "script"), "{form}");
    }
}

#[tokio::test]
async fn no_name_breaks_a_line() {
    let server = with_hostile_names().await;
    for (query, head) in [
        ("wiglecsv", 2),
        ("wiglecsv?per=device", 2),
        ("wiglecsv?version=1.4", 2),
    ] {
        let text = file(&server, query).await;
        let fields = if query.contains("1.4") { 11 } else { 14 };
        let rows: Vec<_> = text.lines().skip(head).collect();
        assert!(NAMES.len() < rows.len());
        for row in rows {
            let mut reader = csv::ReaderBuilder::new();
            let mut reader = reader.has_headers(false).from_reader(row.as_bytes());
            let record = reader.records().next().unwrap().unwrap();
            assert_eq!(record.len(), fields, "{row}");
        }
    }
    for query in ["geojsonseq", "geojsonseq?per=observation"] {
        let text = file(&server, query).await;
        for line in text.split_terminator('\n') {
            let feature: Value = serde_json::from_str(line).unwrap();
            assert_eq!(feature["type"], "Feature");
        }
    }
    let text = file(&server, "csv").await;
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    assert_eq!(
        reader.records().map(Result::unwrap).count(),
        NAMES.len() + 1
    );
    let guarded = text.lines().filter(|line| line.contains(",'=1+1,")).count();
    assert_eq!(guarded, 1, "{text}");
    let raw = file(&server, "csv?texts=raw&bom=true").await;
    assert!(raw.starts_with("\u{FEFF}phy,") && raw.contains(",=1+1,"));
}
