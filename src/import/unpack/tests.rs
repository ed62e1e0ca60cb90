//! Archives as programs make them, and archives that are made to do harm.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;
use crate::import::zip::tests::{Entry, zip_of};

const BOUNDS: UnpackBounds = UnpackBounds {
    bytes_max: 16 << 20,
    ratio_max: 200,
    files_max: 10,
};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn unpacked(bytes: &[u8]) -> (TempDir, Vec<Unpacked>) {
    let (folder, mut unpacked) = unpacked_together(BOUNDS, &[bytes]);
    (folder, unpacked.remove(0))
}

/// Unpacks the files of one upload.
fn unpacked_together(bounds: UnpackBounds, files: &[&[u8]]) -> (TempDir, Vec<Vec<Unpacked>>) {
    let folder = tempfile::tempdir().unwrap();
    let never = || None;
    let mut allowance = Allowance::new(bounds, files.len(), folder.path(), &never);
    let unpacked = files.iter().enumerate().map(|(number, bytes)| {
        let packed = folder.path().join(format!("1-{number}"));
        fs::write(&packed, bytes).unwrap();
        unpack(&packed, "folder/drive.csv.gz", None, &mut allowance).unwrap()
    });
    let unpacked = unpacked.collect();
    (folder, unpacked)
}

fn names_in(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

/// Bytes that cannot be packed well.
fn noise(bytes: u32) -> Vec<u8> {
    let bytes = (0..bytes).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8);
    bytes.collect()
}

#[track_caller]
fn reason(unpacked: &Unpacked) -> &str {
    match unpacked {
        Unpacked::Refused { reason, .. } => reason,
        Unpacked::Payload(payload) => panic!("{payload:?}"),
    }
}

#[track_caller]
fn one(bytes: &[u8]) -> (TempDir, Payload) {
    let (folder, unpacked) = unpacked(bytes);
    match unpacked.as_slice() {
        [Unpacked::Payload(payload)] => (folder, payload.clone()),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(bytes: &[u8]) -> String {
    let (_folder, unpacked) = unpacked(bytes);
    match unpacked.as_slice() {
        [Unpacked::Refused { reason, .. }] => reason.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_has_one_hash_however_it_is_packed() {
    let text = b"MAC,SSID\n";
    let zipped = zip_of(&[Entry::deflated("a/drive.csv", text)]);
    let (_plain, plain) = one(text);
    for packed in [
        gzip(text),
        zipped,
        [gzip(b"MAC"), gzip(b",SSID\n")].concat(),
    ] {
        let (_folder, payload) = one(&packed);
        assert_eq!(payload.sha256, plain.sha256);
        assert_eq!(fs::read(&payload.path).unwrap(), text);
        assert_eq!((&*payload.name, payload.is_cut), ("drive.csv", false));
    }
}

#[test]
fn a_stream_that_breaks_off_gives_what_was_read() {
    let text: Vec<u8> = (0..100_000u32)
        .flat_map(|number| number.to_string().into_bytes())
        .collect();
    let whole = gzip(&text);
    let (_folder, payload) = one(&whole[..whole.len() / 2]);
    assert!(payload.is_cut);
    let read = fs::read(&payload.path).unwrap();
    assert!(!read.is_empty() && text.starts_with(&read));
}

#[test]
fn bombs_are_refused() {
    let zeros = vec![0; 8 << 20];
    assert!(refused(&gzip(&zeros)).contains("200 times"));
    let bomb = zip_of(&[Entry::deflated("a", &zeros)]);
    assert!(refused(&bomb).contains("200 times"));
    let twice = zip_of(&[Entry::stored("a", &gzip(b"x"))]);
    assert!(refused(&twice).contains("archive within"));
    let large = zip_of(&[Entry::stored("a", &noise(17 << 20))]);
    assert!(refused(&large).contains("more than 16777216 bytes"));
}

#[test]
fn the_ratio_of_an_archive_holds_at_and_one_past() {
    const FREE_BYTES: usize = 1 << 20;
    let packed = |length: usize| gzip(&vec![0; length]);
    // A length that is just at the bound, and one byte more is packed to as many bytes.
    let found = (100..300).find_map(|ratio| {
        let at_bound = |length: usize| FREE_BYTES + packed(length).len() * ratio;
        let mut length = FREE_BYTES;
        while length < at_bound(length) {
            length = at_bound(length);
        }
        (length + 1 > at_bound(length + 1)).then_some((length, ratio))
    });
    let (length, ratio) = found.unwrap();
    let bounds = UnpackBounds {
        ratio_max: ratio.try_into().unwrap(),
        ..BOUNDS
    };
    let (_folder, unpacked) = unpacked_together(bounds, &[&packed(length), &packed(length + 1)]);
    assert!(matches!(unpacked[0].as_slice(), [Unpacked::Payload(_)]));
    let reason = reason(&unpacked[1][0]);
    let expected = format!("{ratio} times its size, see import.unpacked_ratio_max");
    assert!(reason.contains(&expected), "{reason}");
}

#[test]
fn all_archives_of_an_upload_together_keep_to_the_bound() {
    let half = zip_of(&[Entry::stored("a", &noise(8 << 20))]);
    let rest = zip_of(&[Entry::stored("b", b"1"), Entry::stored("c", b"2")]);
    let (folder, unpacked) = unpacked_together(BOUNDS, &[&half, &half, &rest, b"plain"]);
    for full in &unpacked[..2] {
        assert!(matches!(full.as_slice(), [Unpacked::Payload(_)]));
    }
    for (number, past) in unpacked[2].iter().enumerate() {
        let reason = reason(past);
        let place = format!("entry {} of the archive drive.csv.gz: ", number + 1);
        assert!(
            reason.starts_with(&place) && reason.contains("import.unpacked_bytes_max"),
            "{reason}"
        );
    }
    assert!(matches!(unpacked[3].as_slice(), [Unpacked::Payload(_)]));
    // Nothing of the refused ones stays.
    let names = ["1-0", "1-0.0", "1-1", "1-1.0", "1-2", "1-3"];
    assert_eq!(names_in(&folder), names);
}

#[test]
fn text_that_is_converted_counts_too() {
    let bounds = UnpackBounds {
        bytes_max: 1 << 20,
        ..BOUNDS
    };
    let text = "€\n".repeat(3 << 16);
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(units).collect();
    let (folder, unpacked) = unpacked_together(bounds, &[&utf16, &utf16]);
    assert!(matches!(unpacked[0].as_slice(), [Unpacked::Payload(_)]));
    assert!(reason(&unpacked[1][0]).contains("more than 1048576 bytes"));
    assert_eq!(names_in(&folder), ["1-0", "1-0.utf8", "1-1"]);
}

#[test]
fn all_files_of_an_upload_together_keep_to_the_bound() {
    let zip = |count: usize| {
        let entries = (0..count).map(|number| Entry::stored(&number.to_string(), b"x"));
        zip_of(&entries.collect::<Vec<_>>())
    };
    let (_folder, at_bound) = unpacked_together(BOUNDS, &[&zip(5), &zip(5)]);
    let is_unpacked = |one: &Unpacked| matches!(one, Unpacked::Payload(_));
    assert!(at_bound.iter().flatten().all(is_unpacked));
    let (_folder, past) = unpacked_together(BOUNDS, &[&zip(5), &zip(6)]);
    assert!(past[0].iter().all(is_unpacked));
    let reason = reason(&past[1][0]);
    assert!(
        reason.contains("6 entries") && reason.contains("import.files_max"),
        "{reason}"
    );
}

#[test]
fn unpacking_stops_in_the_middle_and_leaves_nothing() {
    let large = noise(4 << 20);
    let units = "line\n".repeat(1 << 20);
    let units = units.encode_utf16().flat_map(u16::to_le_bytes);
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(units).collect();
    for upload in [
        gzip(&large),
        zip_of(&[Entry::stored("a", &large)]),
        large.clone(),
        utf16,
    ] {
        let folder = tempfile::tempdir().unwrap();
        let packed = folder.path().join("1-0");
        fs::write(&packed, upload).unwrap();
        let asked = std::cell::Cell::new(0);
        let stop = || {
            asked.set(asked.get() + 1);
            (10 < asked.get()).then_some(Interrupted::Cancelled)
        };
        let mut allowance = Allowance::new(BOUNDS, 1, folder.path(), &stop);
        let stopped = unpack(&packed, "drive.csv", None, &mut allowance);
        assert_eq!(stopped.unwrap_err(), Interrupted::Cancelled);
        assert_eq!(
            (asked.get(), names_in(&folder)),
            (11, vec!["1-0".to_owned()])
        );
    }
}

#[test]
fn text_in_utf16_becomes_utf8() {
    let text = "BSSID é €\n";
    let units: Vec<u16> = text.encode_utf16().collect();
    let little = [
        vec![0xff, 0xfe],
        units.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
    ];
    let big = [
        vec![0xfe, 0xff],
        units.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
    ];
    for encoded in [little.concat(), big.concat()] {
        let (_folder, payload) = one(&encoded);
        assert_eq!(fs::read_to_string(&payload.path).unwrap(), text);
    }
}

#[test]
fn names_are_shown_without_folders() {
    assert_eq!(shown_name("../../etc/passwd"), "passwd");
    assert_eq!(shown_name("C:\\logs\\a\u{7}.csv"), "a.csv");
    assert_eq!(shown_name("x/"), "unnamed");
}
