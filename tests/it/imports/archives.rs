//! Uploads that are packed.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::{check_counts, reports_and_devices, send, wigle};
use crate::server::{TestServer, gzip};

/// A zip archive with deflated entries.
pub(super) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        let packed = encoder.finish().unwrap();
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
        let name_length = u16::try_from(name.len()).unwrap().to_le_bytes();
        let at = length(&archive);
        let facts = [
            [8, 0, 0, 0, 0, 0].as_slice(),
            &crc.sum().to_le_bytes(),
            &length(&packed),
            &length(content),
            &name_length,
            &[0, 0],
        ]
        .concat();
        archive.extend(
            [
                b"PK\x03\x04\x14\0\0\0".as_slice(),
                &facts,
                name.as_bytes(),
                &packed,
            ]
            .concat(),
        );
        let rest = [b"\0\0\0\0\0\0\0\0\0\0".as_slice(), &at, name.as_bytes()].concat();
        directory.extend([b"PK\x01\x02\x14\0\x14\0\0\0".as_slice(), &facts, &rest].concat());
    }
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    let directory_length = u32::try_from(directory.len()).unwrap().to_le_bytes();
    let at = u32::try_from(archive.len()).unwrap().to_le_bytes();
    let end = [
        b"PK\x05\x06\0\0\0\0".as_slice(),
        &count,
        &count,
        &directory_length,
        &at,
        &[0, 0],
    ];
    [archive, directory, end.concat()].concat()
}

#[tokio::test]
async fn each_file_of_an_archive_has_an_account() {
    let server = TestServer::start().await;
    let (one, two) = (wigle(0..5), wigle(3..9));
    let archive = zip(&[
        ("phone/one.csv", one.as_bytes()),
        ("phone/readme.txt", b"hello"),
        ("../two.csv", two.as_bytes()),
    ]);
    let answer = send(&server, "", &[("phone.zip", &archive)]).await;
    let answer = answer.expect_status(200).json();
    let files = answer["files"].as_array().unwrap();
    let names: Vec<_> = files
        .iter()
        .map(|file| file["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["one.csv", "readme.txt", "two.csv"]);
    check_counts(&files[0], [5, 0, 0, 0]);
    assert!(files[1]["error"].is_string(), "{answer}");
    check_counts(&files[2], [4, 2, 0, 0]);
    // A file out of the archive is known by its content.
    let again = send(&server, "", &[("one.csv", one.as_bytes())]).await;
    assert_eq!(
        again.expect_status(200).json()["files"][0]["duplicate"],
        true
    );
    assert_eq!(reports_and_devices(&server).await, (9, 9));
}

#[tokio::test]
async fn bombs_cost_nothing_and_are_refused() {
    let server = TestServer::start_with(|config| {
        config.import.unpacked_bytes_max = 4 << 20;
        config.import.unpacked_ratio_max = 100_000;
    })
    .await;
    let zeros = vec![0; 8 << 20];
    for bomb in [
        gzip(&zeros),
        zip(&[("a", &zeros)]),
        zip(&[("b.zip", &zip(&[("a", b"x")]))]),
    ] {
        let answer = send(&server, "", &[("bomb", &bomb)]).await;
        let answer = answer.expect_status(200).json();
        assert_eq!(answer["state"], "failed", "{answer}");
        let error = answer["files"][0]["error"].as_str().unwrap();
        assert!(
            error.contains("4194304 bytes") || error.contains("archive within"),
            "{error}"
        );
    }
    assert_eq!(
        std::fs::read_dir(server.data().join("imports/spool"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn a_file_that_breaks_off_gives_what_was_read_and_says_so() {
    let server = TestServer::start().await;
    let whole = gzip(wigle(0..2000).as_bytes());
    let answer = send(&server, "", &[("a.csv.gz", &whole[..whole.len() / 2])]).await;
    let file = answer.expect_status(200).json()["files"][0].clone();
    assert_eq!(file["cut"], true, "{file}");
    let taken = file["taken"].as_u64().unwrap();
    assert!(0 < taken && taken < 2000, "{file}");
    let answer = send(&server, "", &[("a.csv.gz", &whole)]).await;
    let file = answer.expect_status(200).json()["files"][0].clone();
    assert_eq!(file["rows"], 2000, "{file}");
    assert_eq!(reports_and_devices(&server).await.1, 2000);
}
