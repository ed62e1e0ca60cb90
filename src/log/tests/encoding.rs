//! The encoding of records: all versions are decoded as they were encoded, and other bytes do no harm.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::report::{
    BluetoothAddr, BluetoothSighting, Bssid, Capabilities, Channel, ChannelWidth, Dbm, Frequency,
    Position, Report, ServiceData, Sighting, Ssid, WifiSighting,
};

fn fixture(version: &str) -> Vec<u8> {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/records");
    fs::read(fixtures.join(version)).unwrap()
}

/// The records of `tests/fixtures/records/v1.bin`.
fn of_version_1() -> Vec<Record> {
    // These kinds came later.
    let is_old = |record: &Record| {
        !matches!(
            record.what,
            What::SourceForget(_)
                | What::AlertOrder(AlertOrder::Note(_))
                | What::ImportedReports(_)
                | What::SourceName(_)
        )
    };
    let records = of_every_kind().into_iter().filter(is_old);
    let records = records.chain([mixed(), wifi(2)]);
    let mut records: Vec<_> = records.collect();
    for (record, number) in records.iter_mut().zip(1..) {
        record.id = RecordId::from_bytes([number; 16]);
        if let What::Reports(batch) = &mut record.what {
            for rejected in &mut batch.rejected {
                // The decoder's messages may change. This is the one in the fixture.
                rejected.reason =
                    "bssid: not a hardware address (12 hex digits, parted by `:`, `-`, `.` or nothing)".into();
            }
        }
    }
    records
}

#[test]
fn records_of_version_1_are_what_they_were() {
    assert_eq!(decode(&fixture("v1.bin")).unwrap(), of_version_1());
}

/// The records of `tests/fixtures/records/v2.bin`: those kinds that version 2 adds.
fn of_version_2() -> Vec<Record> {
    let is_new = |record: &Record| {
        matches!(
            record.what,
            What::SourceForget(_)
                | What::AlertOrder(AlertOrder::Note(_))
                | What::ImportedReports(_)
        )
    };
    numbered(of_every_kind().into_iter().filter(is_new))
}

/// The records of `tests/fixtures/records/v3.bin`: the kind that version 3 adds.
fn of_version_3() -> Vec<Record> {
    let is_new = |record: &Record| matches!(record.what, What::SourceName(_));
    numbered(of_every_kind().into_iter().filter(is_new))
}

/// With identities that are the same in each run.
fn numbered(records: impl Iterator<Item = Record>) -> Vec<Record> {
    let mut records: Vec<_> = records.collect();
    for (record, number) in records.iter_mut().zip(1..) {
        record.id = RecordId::from_bytes([number; 16]);
    }
    records
}

#[test]
fn records_of_version_2_are_what_they_were() {
    assert_eq!(of_version_2().len(), 3);
    assert_eq!(decode(&fixture("v2.bin")).unwrap(), of_version_2());
}

#[test]
fn records_of_version_3_are_what_they_were() {
    assert_eq!(of_version_3().len(), 1);
    assert_eq!(decode(&fixture("v3.bin")).unwrap(), of_version_3());
}

/// This program still writes all versions. The test notices an accidental change of them.
#[test]
fn records_are_encoded_as_their_versions_say() {
    for (version, records) in [
        (1, of_version_1()),
        (2, of_version_2()),
        (3, of_version_3()),
    ] {
        let plain = postcard::to_allocvec(&records).unwrap();
        let written = fixture(&format!("v{version}.bin"));
        let unpacked = unpacked(&written, version);
        assert!(
            unpacked == plain,
            "the encoding has changed: it needs a new version, and a fixture of it"
        );
        assert_eq!(encode(&records).unwrap()[0], version);
    }
}

/// Returns the records after version, flags and length.
fn unpacked(bytes: &[u8], version: u8) -> Vec<u8> {
    assert_eq!(bytes[0], version);
    if bytes[1] == 0 {
        // Few records are not compressed.
        return bytes[2..].to_vec();
    }
    assert_eq!(bytes[1], 1);
    let length = u32::from_le_bytes(bytes[2..6].try_into().unwrap());
    let plain = zstd::stream::decode_all(&bytes[6..]).unwrap();
    assert_eq!(plain.len(), usize::try_from(length).unwrap());
    plain
}

#[track_caller]
fn refused(bytes: &[u8], why: &str) {
    let error = decode(bytes).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

#[test]
fn what_is_not_understood_is_refused() {
    let good = encode(&of_version_1()).unwrap();
    let with = |place: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[place] = byte;
        bytes
    };
    refused(&[], "they have less than 2 bytes");
    refused(&[1], "they have less than 2 bytes");
    refused(&with(0, 0), "version 0 was never written");
    refused(
        &with(0, 4),
        "the records have version 4, but this program reads only up to 3: upgrade it",
    );
    refused(&with(0, 255), "the records have version 255");
    refused(&with(1, 2), "an unknown flag is set");
    refused(&with(1, 3), "an unknown flag is set");
    refused(&[1, 1, 0], "their length is missing");
    refused(&[1, 0, 0, 0], "there are more bytes after them");
    // One byte shorter than stated, and one byte longer than 16 MiB.
    refused(&with(2, good[2] + 1), "shorter than the length before them");
    refused(
        &[1, 1, 1, 0, 0, 1, 0],
        "the records have 16777217 bytes, at most 16777216",
    );
    assert_eq!(decode(&encode(&[]).unwrap()).unwrap(), []);
}

#[test]
fn what_inflates_beyond_its_own_length_is_refused() {
    let bomb = zstd::bulk::compress(&vec![0; 16 << 20], 19).unwrap();
    assert!(bomb.len() < 10_000);
    let bytes = [&[1, 1], 1000_u32.to_le_bytes().as_slice(), &bomb].concat();
    assert!(matches!(decode(&bytes), Err(EncodingError::Damaged(_))));
    let honest = [&[1, 1], (16_u32 << 20).to_le_bytes().as_slice(), &bomb].concat();
    // All zeros: no records, and many bytes after them.
    refused(&honest, "there are more bytes after them");
}

#[test]
fn values_that_cannot_be_are_refused() {
    let mut batch = wifi_batch(1);
    batch.reports.truncate(1);
    batch.reports[0].signal = Some(Dbm::from_stored(31));
    let bytes = encode(&[record(1, batch.clone())]).unwrap();
    assert!(matches!(decode(&bytes), Err(EncodingError::Damaged(_))));
    batch.reports[0].signal = None;
    batch.reports[0].channel = Some(Channel::from_stored([b'\n'; 16]));
    let bytes = encode(&[record(1, batch)]).unwrap();
    assert!(matches!(decode(&bytes), Err(EncodingError::Damaged(_))));
}

fn any_text(bytes_max: usize) -> impl Strategy<Value = Box<str>> {
    any::<String>()
        .prop_map(move |text| text.chars().take(bytes_max / 4).collect::<String>().into())
}

fn any_position() -> impl Strategy<Value = Position> {
    let place = (-900_000_000..=900_000_000, -1_800_000_000..=1_800_000_000);
    let rest = (
        proptest::option::of(-11_000_000..=100_000_000),
        0..=100_000_000_u32,
    );
    (place, rest)
        .prop_map(|((lat, lon), (alt, speed))| Position::from_fixed(lat, lon, alt, speed).unwrap())
}

fn any_sighting() -> impl Strategy<Value = Sighting> {
    let width = [
        None,
        Some(ChannelWidth::Mhz20),
        Some(ChannelWidth::Mhz80Plus80),
    ];
    let capabilities = proptest::option::of(any_text(200));
    let name = proptest::collection::vec(any::<u8>(), 0..=32);
    let wifi = (
        any::<[u8; 5]>(),
        name,
        capabilities,
        prop::sample::select(width.to_vec()),
        any::<Option<u32>>(),
    );
    let wifi = wifi.prop_map(
        |([a, b, c, d, e], name, capabilities, width, center0_mhz)| {
            Sighting::Wifi(WifiSighting {
                bssid: Bssid::try_from(MacAddr::new([2, a, b, c, d, e])).unwrap(),
                ssid: Ssid::try_from(name.as_slice()).unwrap(),
                capabilities: capabilities.map(|text| Capabilities::from(&*text)),
                width,
                center0_mhz,
                center1_mhz: None,
                ie_tags: None,
            })
        },
    );
    let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
    let bluetooth = (
        any::<[u8; 5]>(),
        any_text(40),
        any::<Option<i16>>(),
        bytes(),
        bytes(),
    );
    let bluetooth = bluetooth.prop_map(|([a, b, c, d, e], text, tx_power_dbm, scan_data, data)| {
        Sighting::Bluetooth(Box::new(BluetoothSighting {
            addr: BluetoothAddr::try_from(MacAddr::new([1, a, b, c, d, e])).unwrap(),
            name: Some(text.clone()),
            device_type: None,
            tx_power_dbm,
            path_loss_db: None,
            scan_data: scan_data.into(),
            service_data: vec![ServiceData {
                service: text,
                bytes: data.into(),
            }],
        }))
    });
    prop_oneof![wifi, bluetooth]
}

fn any_report() -> impl Strategy<Value = Report> {
    let signal = proptest::option::of(-150..=-1_i16);
    let frequency = proptest::option::of(2_400_000..=7_125_000_u32);
    let channel = proptest::option::of("[1-9][0-9A-Za-z+]{0,15}");
    let accuracy = proptest::option::of(0..=1_000_000_000_u32);
    let place = (proptest::option::of(any_position()), accuracy);
    let values = (any::<u32>(), signal, frequency, channel, place);
    (values, any_sighting(), any_text(20)).prop_map(
        |((time, signal, frequency, channel, (position, accuracy)), sighting, text)| Report {
            time: UnixTime::new(time),
            signal: signal.map(|dbm| Dbm::try_from(dbm).unwrap()),
            frequency: frequency.map(|khz| Frequency::try_from(khz).unwrap()),
            channel: channel.map(|name| Channel::from_stored_text(&name).unwrap()),
            position,
            accuracy: accuracy.and_then(Accuracy::from_mm),
            tags: vec![Tag {
                name: text.clone(),
                value: text,
            }],
            sighting,
        },
    )
}

fn any_record() -> impl Strategy<Value = Record> {
    let reports = proptest::collection::vec(any_report(), 0..8);
    let batch = (
        any::<u128>(),
        any_text(40),
        any::<Option<[u8; 16]>>(),
        reports,
    );
    let batch = batch.prop_map(|(source, name, identity, reports)| {
        What::Reports(Batch {
            source: SourceId::new(Uuid::from_u128(source)),
            source_name: Some(name),
            technology: reports.is_empty().then_some(Phy::Bluetooth),
            identity: identity.map(BatchIdentity::from_bytes),
            reports,
            rejected: Vec::new(),
        })
    });
    let kinds: Vec<_> = of_every_kind()
        .into_iter()
        .map(|record| record.what)
        .collect();
    let what = prop_oneof![3 => batch, 1 => prop::sample::select(kinds)];
    let whose = (
        any::<[u8; 16]>(),
        any::<u128>(),
        any::<Option<(u128, u64)>>(),
    );
    (whose, any::<u64>(), what).prop_map(|((id, node, origin), at, what)| Record {
        id: RecordId::from_bytes(id),
        node: Uuid::from_u128(node),
        origin: origin.map(|(node, position)| Origin {
            node: Uuid::from_u128(node),
            position: LogPosition(position),
        }),
        at: ReceivedAt::from_micros(at),
        what,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_encoded_is_decoded(records in proptest::collection::vec(any_record(), 0..6)) {
        prop_assert_eq!(decode(&encode(&records).unwrap()).unwrap(), records);
    }

    #[test]
    fn no_bytes_do_any_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300), place in any::<prop::sample::Index>(), byte: u8) {
        decode(&bytes).ok();
        for flags in [0, 1] {
            decode(&[&[1, flags], bytes.as_slice()].concat()).ok();
        }
        let mut damaged = fixture("v1.bin");
        let place = place.index(damaged.len());
        damaged[place] = byte;
        decode(&damaged).ok();
    }
}
