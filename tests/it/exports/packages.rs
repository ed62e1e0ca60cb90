//! Archives: data packages of TAK programs, and files in parts.

use std::io::Read;

use super::hostile::{NAMES, with_hostile_names};
use super::{octets_of, with_devices, xml};
use crate::imports::{account, wigle};
use crate::server::TestServer;

/// The names and contents of the files of an archive. The central directory is read, as viewers do.
#[expect(clippy::disallowed_types, reason = "it is our own file")]
fn files(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let number = |at: usize, count: usize| {
        let octets = archive[at..at + count].iter().rev();
        octets.fold(0_usize, |number, octet| number << 8 | usize::from(*octet))
    };
    let end = archive.len() - 22;
    assert_eq!(&archive[end..end + 4], b"PK\x05\x06");
    let mut at = number(end + 16, 4);
    let mut files = Vec::new();
    for _ in 0..number(end + 10, 2) {
        assert_eq!(&archive[at..at + 4], b"PK\x01\x02");
        let (packed, unpacked) = (number(at + 20, 4), number(at + 24, 4));
        let (name_bytes, local) = (number(at + 28, 2), number(at + 42, 4));
        let name = String::from_utf8(archive[at + 46..at + 46 + name_bytes].to_vec()).unwrap();
        assert_eq!(&archive[local..local + 4], b"PK\x03\x04", "{name}");
        let begin = local + 30 + number(local + 26, 2) + number(local + 28, 2);
        let data = &archive[begin..begin + packed];
        let mut content = Vec::new();
        match number(at + 10, 2) {
            0 => content.extend_from_slice(data),
            method => {
                assert_eq!(method, 8, "{name}");
                let mut decoder = flate2::read::DeflateDecoder::new(data);
                decoder.read_to_end(&mut content).unwrap();
            }
        }
        assert_eq!(content.len(), unpacked, "{name}");
        let mut crc = flate2::Crc::new();
        crc.update(&content);
        assert_eq!(
            number(at + 16, 4),
            usize::try_from(crc.sum()).unwrap(),
            "{name}"
        );
        files.push((name, content));
        at += 46 + name_bytes;
    }
    files
}

#[tokio::test]
async fn a_data_package_has_an_event_for_each_device_and_lists_them() {
    let hostile = with_hostile_names().await;
    // And one with many names.
    for (server, count) in [(with_devices().await, 6), (hostile, NAMES.len() + 1)] {
        let files = files(&octets_of(&server, "cotzip").await);
        let (manifest, events) = files.split_last().unwrap();
        assert_eq!(manifest.0, "MANIFEST/manifest.xml");
        let manifest = String::from_utf8(manifest.1.clone()).unwrap();
        let listed = xml::elements(&manifest);
        assert_eq!(
            listed.iter().filter(|name| *name == "Content").count(),
            count
        );
        assert_eq!(events.len(), count);
        for (name, event) in events {
            assert!(manifest.contains(&format!("zipEntry=\"{name}\"")), "{name}");
            let event = String::from_utf8(event.clone()).unwrap();
            assert_eq!(xml::elements(&event)[0], "event", "{name}");
        }
    }
    let empty = TestServer::start().await;
    assert_eq!(files(&octets_of(&empty, "cotzip").await).len(), 1);
}

#[tokio::test]
async fn a_data_package_past_its_bound_is_refused() {
    for (devices_max, status) in [(6, 200), (5, 400)] {
        let server =
            TestServer::start_with(|config| config.export.package_devices_max = devices_max).await;
        account(&server, wigle(0..6)).await;
        let answer = server
            .request(reqwest::Method::GET, "/api/v1/export/cotzip")
            .send()
            .await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), status);
        let reason = answer.bytes().await.unwrap();
        let says_why = reason
            .windows(26)
            .any(|part| part == b"export.package_devices_max");
        assert_eq!(says_why, status == 400);
    }
}

#[tokio::test]
async fn the_parts_of_a_file_are_files() {
    let server = TestServer::start().await;
    account(&server, wigle(0..2500)).await;
    let parts = files(&octets_of(&server, "wiglecsv?rows_max=1000").await);
    let rows = parts
        .iter()
        .map(|(_, part)| String::from_utf8_lossy(part).lines().count() - 2);
    assert_eq!(rows.collect::<Vec<_>>(), [1000, 1000, 500]);
    let into = TestServer::start().await;
    for (number, (name, part)) in parts.iter().enumerate() {
        assert!(name.ends_with(&format!("-{}.csv", number + 1)), "{name}");
        account(&into, part).await;
    }
    assert_eq!(into.device_count().await, 2500);
    let parts = files(&octets_of(&server, "geojson?bytes_max=100000").await);
    assert!(5 < parts.len());
    let mut features = 0;
    for (name, part) in &parts {
        assert!(part.len() <= 100_000, "{name}: {}", part.len());
        let collection: serde_json::Value = serde_json::from_slice(part).unwrap();
        features += collection["features"].as_array().unwrap().len();
    }
    assert_eq!(features, 2500);
    let empty = TestServer::start().await;
    let parts = files(&octets_of(&empty, "csv?rows_max=1000").await);
    assert_eq!(parts.len(), 1);
}
