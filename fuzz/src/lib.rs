//! Fuzz targets: functions that take any bytes, and panic if the server handles them wrongly.
//!
//! Two runners share them. The harnesses in `fuzz_targets` run them under libFuzzer (nightly, guided by coverage).
//! `tests/it/fuzz.rs` includes this file and runs them on stable, with mutations of the inputs in `corpus`.

mod server;

use scanpost::fuzzing;
use scanpost::log;
use scanpost::report::advertising::{Structure, structures};
use scanpost::report::capabilities::{Security, leftovers};

use self::server::Server;

/// A scan report. The first byte selects the radio technology (`b` is Bluetooth), the rest is the JSON document.
///
/// The body is also posted to a running server. The answer has to agree with the decoder, and has to account for every
/// report of the document. The whole input is also decoded as each format, because those that are no
/// JSON have no such first byte.
pub fn decoder(data: &[u8]) {
    fuzzing::decode_as_each_format(data);
    let Some((&radio, json)) = data.split_first() else {
        return;
    };
    let is_bluetooth = radio == b'b';
    let path = if is_bluetooth {
        "/phy/phybluetooth/scan/scan_report.cmd"
    } else {
        "/phy/phy80211/scan/scan_report.cmd"
    };
    // The server takes a byte order mark away before it decodes.
    let document = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let decoded = fuzzing::decode(is_bluetooth, document);
    let answer = Server::shared().post(path, json);
    let receipt = answer.json();
    let rejected = receipt["rejected"].as_array().map(Vec::len);
    let counted = match decoded {
        Ok((accepted, rejected_here)) => {
            assert_eq!(answer.status, 200, "{receipt}");
            if receipt["duplicate"] == false {
                assert_eq!(receipt["accepted"], accepted, "{receipt}");
                assert_eq!(rejected, Some(rejected_here), "{receipt}");
            }
            Some(accepted + rejected_here)
        }
        Err(error) => {
            assert!((400..500).contains(&answer.status), "{error}: {receipt}");
            assert_eq!(receipt["success"], false, "{receipt}");
            rejected
        }
    };
    if let (Some(counted), Some(sent)) = (counted, reports_in(document)) {
        assert_eq!(counted, sent, "{receipt}");
    }
}

/// How many reports a document has. `None` if it needs repair, or if only the decoder knows which of several lists
/// counts.
fn reports_in(json: &[u8]) -> Option<usize> {
    let key = b"\"reports\"";
    if json.windows(key.len()).filter(|part| part == key).count() != 1 {
        return None;
    }
    let document: serde_json::Value = serde_json::from_slice(json).ok()?;
    document.get("reports")?.as_array().map(Vec::len)
}

/// The repair of documents that are almost JSON.
pub fn repair(data: &[u8]) {
    let Some(repaired) = fuzzing::repair(data) else {
        return;
    };
    // The repaired text may still be invalid for another reason.
    if serde_json::from_str::<serde_json::Value>(&repaired).is_ok() {
        assert_eq!(
            fuzzing::repair(repaired.as_bytes()),
            None,
            "{repaired:?} needs no second repair"
        );
    }
}

/// A capabilities text, such as `[WPA2-PSK-CCMP][ESS]`.
pub fn capabilities(data: &[u8]) {
    let raw = String::from_utf8_lossy(data);
    let security = Security::decode(&raw);
    let parts = leftovers(&raw);
    assert_eq!(security.has_leftovers(), !parts.is_empty(), "{parts:?}");
    for part in parts {
        assert!(raw.contains(part), "{part:?} is not in the text");
    }
    assert!(!fuzzing::security_texts(security).is_empty());
}

/// A Bluetooth device's advertising data.
pub fn advertising(data: &[u8]) {
    let mut count = 0;
    for structure in structures(data) {
        count += 1;
        match structure {
            Structure::Name(name) => assert!(name.text().len() <= 3 * data.len()),
            Structure::Services(services) | Structure::Solicited(services) => {
                assert!(services.iter().count() <= data.len());
            }
            Structure::Flags(flags) => assert!(flags.names().count() <= 8),
            Structure::ServiceData(_, part)
            | Structure::Manufacturer(_, part)
            | Structure::Other(_, part)
            | Structure::Damaged(part) => assert!(part.len() <= data.len()),
            Structure::TxPower(_) | Structure::Appearance(_) => {}
        }
    }
    assert!(count <= data.len(), "{count} structures");
}

/// Path and query of a GET to a running server that knows some devices.
pub fn query(data: &[u8]) {
    let answer = Server::shared().get(data);
    assert!(
        answer.status < 500 || answer.status == 501,
        "{} for {}",
        answer.status,
        data.escape_ascii()
    );
    if answer.is_json {
        // Some formats have one document per line.
        let documents = serde_json::Deserializer::from_slice(&answer.body);
        for document in documents.into_iter::<serde_json::Value>() {
            if let Err(error) = document {
                panic!("{error}: {} for {}", answer.text(), data.escape_ascii());
            }
        }
    }
}

/// The payload of a frame of a snapshot file, restored as at a start.
pub fn snapshot(data: &[u8]) {
    fuzzing::restore_frame(data);
}

/// An archive of a base map. The first byte selects the kind (`m` is `MBTiles`, others are `PMTiles`), the rest is the file.
pub fn base_maps(data: &[u8]) {
    /// The limit of a tile after decompression.
    const TILE_BYTES_MAX: usize = 16 << 20;
    let Some((&kind, archive)) = data.split_first() else {
        return;
    };
    let extension = if kind == b'm' { "mbtiles" } else { "pmtiles" };
    let folder = tempfile::tempdir().expect("there is no room for a folder");
    let path = folder.path().join("map").with_extension(extension);
    std::fs::write(&path, archive).expect("there is no room for a file");
    assert!(fuzzing::read_base_map(&path) <= TILE_BYTES_MAX);
}

/// Records as servers send them to each other.
pub fn records(data: &[u8]) {
    let Ok(records) = log::decode(data) else {
        return;
    };
    let again = log::encode(&records).expect("decoded records cannot be encoded");
    let again = log::decode(&again).expect("encoded records cannot be decoded");
    assert_eq!(again, records);
}

/// A database of an import. The first byte selects the form, the rest is the file.
pub fn database(data: &[u8]) {
    let Some((&form, bytes)) = data.split_first() else {
        return;
    };
    let file = tempfile::NamedTempFile::new().expect("no temporary file can be created");
    std::fs::write(file.path(), bytes).expect("the temporary file cannot be written");
    // Damaged pages may point to one page many times, so nothing is known of the number of rows.
    let _read = fuzzing::read_import_database(form, file.path());
}

/// A file of an import. The first byte selects the form, the rest is the file.
pub fn import(data: &[u8]) {
    let Some((&form, bytes)) = data.split_first() else {
        return;
    };
    let file = tempfile::NamedTempFile::new().expect("no temporary file can be created");
    std::fs::write(file.path(), bytes).expect("the temporary file cannot be written");
    if let Some(Ok(given)) = fuzzing::read_import(form, file.path()) {
        // No form has a row or a point in less than a byte, and a summary gives two of each.
        assert!(given <= 2 * data.len(), "{given} rows and points");
    }
}
