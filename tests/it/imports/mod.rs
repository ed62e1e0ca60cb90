//! Imports of files: uploads, accounts, the command, and the watched folder.

mod archives;
mod backup;
mod bounds;
mod captures;
mod crash;
mod databases;
mod disk;
mod forms;
mod history;
mod interrupted;
mod program;
mod rules;
mod sources;
mod uploaders;
mod uploads;

use std::fmt::Write;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::server::{Answer, TestServer};

pub(crate) const IMPORTS: &str = "/api/v1/imports";

const HEAD: &str = "WigleWifi-1.6,appRelease=2.91,model=Pixel 7,release=14,device=panther,display=a,board=b,brand=google,star=Sol,body=3,subBody=0\n\
    MAC,SSID,AuthMode,FirstSeen,Channel,Frequency,RSSI,CurrentLatitude,CurrentLongitude,AltitudeMeters,AccuracyMeters,RCOIs,MfgrId,Type\n";

/// The address of a row.
pub(crate) fn mac(number: usize) -> String {
    format!(
        "02:00:00:{:02x}:{:02x}:{:02x}",
        number >> 16,
        number >> 8 & 255,
        number & 255
    )
}

/// Rows of `WiGLE`'s CSV, each of a device of its own.
pub(crate) fn rows(numbers: std::ops::Range<usize>) -> String {
    let mut rows = String::new();
    for number in numbers {
        let (minute, second) = (number / 60 % 60, number % 60);
        writeln!(
            rows,
            "{},net {number},[WPA2-PSK-CCMP][ESS],2026-01-01 10:{minute:02}:{second:02},6,2437,-61,52.5200066,13.4049540,34.2,3.79,,,WIFI",
            mac(number)
        )
        .unwrap();
    }
    rows
}

/// A file of the `WiGLE` app with so many rows.
pub(crate) fn wigle(numbers: std::ops::Range<usize>) -> String {
    format!("{HEAD}{}", rows(numbers))
}

/// Sends files as one form.
pub(crate) async fn send(server: &TestServer, query: &str, files: &[(&str, &[u8])]) -> Answer {
    let path = format!("{IMPORTS}{query}");
    Answer::of(with_files(server.request(Method::POST, &path), files)).await
}

/// A request with a form, as browsers and `curl -F` send it.
pub(crate) fn with_files(request: RequestBuilder, files: &[(&str, &[u8])]) -> RequestBuilder {
    const BOUNDARY: &str = "------------------------d74496d66958873e";
    let mut body =
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"donate\"\r\n\r\non\r\n")
            .into_bytes();
    for (name, content) in files {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend([head.as_bytes(), content, b"\r\n"].concat());
    }
    body.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    request.header("content-type", content_type).body(body)
}

/// Imports a file, and returns its account.
pub(crate) async fn account(server: &TestServer, content: impl AsRef<[u8]>) -> Value {
    let answer = send(server, "", &[("drive.csv", content.as_ref())]).await;
    let answer = answer.expect_status(200).json();
    assert_eq!(answer["state"], "done", "{answer}");
    answer["files"][0].clone()
}

#[track_caller]
pub(crate) fn check_counts(file: &Value, [taken, duplicates, other, refused]: [u64; 4]) {
    let count = |name: &str| file[name].as_u64().unwrap();
    let found = ["taken", "duplicates", "other", "refused"].map(count);
    assert_eq!(found, [taken, duplicates, other, refused], "{file}");
    assert_eq!(
        count("rows"),
        taken + duplicates + other + refused,
        "{file}"
    );
}

/// How many Wi-Fi reports and devices a server has.
pub(crate) async fn reports_and_devices(server: &TestServer) -> (u64, u64) {
    let status = server.read("/api/v1/status").await;
    let count = |what: &str| status[what]["wifi"].as_u64().unwrap();
    (count("reports"), count("devices"))
}
