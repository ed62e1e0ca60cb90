use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::ingest::format::{Format, Limits, SenderNames};
use crate::report::{Frequency, ReceivedAt, Sighting, WifiSighting};

const NOW_S: u32 = 1_760_000_000;

const LIMITS: Limits = Limits {
    reports_per_batch_max: 3,
    clock_skew_max: Duration::from_secs(60),
    ..Limits::FOR_TESTS
};

fn context() -> Context {
    Context {
        received_at: ReceivedAt::from_micros(u64::from(NOW_S) * 1_000_000),
        limits: LIMITS,
        sender: SenderNames {
            credential: Some("phone".into()),
            ..SenderNames::NONE
        },
    }
}

fn upload(document: &Json) -> Result<Upload, DecodeError> {
    decode(document.to_string().as_bytes(), &context())
}

fn reports(upload: &Upload) -> Vec<&Report> {
    let entries = upload.entries();
    entries.flat_map(|entry| &entry.batch.reports).collect()
}

/// The only report of an item.
#[track_caller]
fn one(item: &Json) -> Report {
    let upload = upload(&json!({ "items": [item] })).unwrap();
    let [report] = reports(&upload)[..] else {
        panic!("{upload:?}");
    };
    report.clone()
}

fn wifi(record: &Json) -> Json {
    let mut record = record.clone();
    record["macAddress"] = json!("02:00:5e:10:00:01");
    json!({ "timestamp": 1_750_000_000_000_u64, "wifiAccessPoints": [record] })
}

#[test]
fn the_age_counts_before_the_timestamp_and_parts_of_seconds_are_cut() {
    let seconds = |timestamp: Json, age: Json| {
        let record = json!({ "macAddress": "02:00:5e:10:00:01", "age": age });
        let item = json!({ "timestamp": timestamp, "wifiAccessPoints": [record] });
        one(&item).time.seconds()
    };
    assert_eq!(
        seconds(json!(1_405_602_028_568_u64), json!(5000)),
        1_405_602_023
    );
    assert_eq!(
        seconds(json!(1_405_602_028_568_u64), json!(null)),
        1_405_602_028
    );
    assert_eq!(
        seconds(json!(1_405_602_028_999_u64), json!(-1)),
        1_405_602_029
    );
    assert_eq!(
        seconds(json!(1_405_602_028_000_u64), json!(1)),
        1_405_602_027
    );
    assert_eq!(seconds(json!(1_405_602_028), json!(5000)), 1_405_602_023);
    assert_eq!(
        seconds(json!(1_405_602_028_568_000_u64), json!(0)),
        1_405_602_028
    );
    assert_eq!(
        seconds(json!("2014-07-17T13:00:28Z"), json!(0)),
        1_405_602_028
    );
    // A longer age says nothing of the time.
    assert_eq!(
        seconds(json!(1_405_602_028_568_u64), json!(3_600_001)),
        1_405_602_028
    );
    // No time is that of receipt, and so is one that cannot be.
    assert_eq!(seconds(json!(null), json!(5000)), NOW_S - 5);
    assert_eq!(seconds(json!(0), json!(0)), NOW_S);
    assert_eq!(seconds(json!(2_000_000_000_000_u64), json!(5000)), NOW_S);
    assert_eq!(seconds(json!("noon"), json!(0)), NOW_S);
}

#[test]
fn places_are_in_metres_a_second_and_keep_their_accuracy() {
    let mut item = wifi(&json!({}));
    item["position"] = json!({
        "latitude": 52.5, "longitude": 13.25, "accuracy": 4.5, "altitude": 30, "speed": 10,
        "heading": 1, "age": 100,
    });
    let report = one(&item);
    let place = report.position.unwrap();
    assert_eq!((place.lat_e7(), place.lon_e7()), (525_000_000, 132_500_000));
    assert_eq!((place.alt_mm(), place.speed_m_h()), (Some(30_000), 36_000));
    assert_eq!(report.accuracy.unwrap().mm(), 4500);

    for wrong in [
        json!({ "latitude": 91, "longitude": 13.25, "accuracy": 4.5 }),
        json!({ "latitude": 0, "longitude": 0, "accuracy": 4.5 }),
        json!({ "latitude": 52.5 }),
        json!("here"),
        json!(null),
    ] {
        item["position"] = wrong;
        let report = one(&item);
        assert_eq!((report.position, report.accuracy), (None, None));
    }
    item["position"] =
        json!({ "latitude": 52.5, "longitude": 13.25, "altitude": 1e9, "speed": 1e9 });
    let place = one(&item).position.unwrap();
    assert_eq!((place.alt_mm(), place.speed_m_h()), (None, 0));
}

#[test]
fn frequencies_are_in_megahertz_and_outweigh_channels() {
    let tuned = |record: Json| {
        let report = one(&wifi(&record));
        let channel = report.channel.map(|channel| channel.as_str().to_owned());
        (report.frequency.map(Frequency::khz), channel)
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        tuned(json!({ "frequency": 2437, "channel": 6 })),
        (Some(2_437_000), text("6"))
    );
    assert_eq!(
        tuned(json!({ "frequency": 5955, "channel": 1 })).0,
        Some(5_955_000)
    );
    assert_eq!(
        tuned(json!({ "frequency": 2412, "channel": 11 })),
        (Some(2_412_000), None)
    );
    assert_eq!(tuned(json!({ "channel": 11 })), (None, text("11")));
    assert_eq!(tuned(json!({ "frequency": 0, "channel": 0 })), (None, None));
    assert_eq!(
        tuned(json!({ "frequency": -5, "channel": "x" })),
        (None, None)
    );
}

#[test]
fn security_is_not_told_which_is_not_open() {
    let Sighting::Wifi(WifiSighting {
        ssid, capabilities, ..
    }) = one(&wifi(&json!({ "ssid": "Café" }))).sighting
    else {
        panic!("not Wi-Fi");
    };
    assert_eq!((ssid.to_string().as_str(), capabilities), ("Café", None));
}

#[test]
fn the_ids_of_a_beacon_are_tags() {
    let beacon = json!({
        "macAddress": "020000000001", "name": "shop", "beaconType": 533, "id1": "a", "id3": "", "id2": null,
    });
    let report = one(&json!({ "bluetoothBeacons": [beacon] }));
    let tags: Vec<_> = report
        .tags
        .iter()
        .map(|tag| (&*tag.name, &*tag.value))
        .collect();
    assert_eq!(tags, [("beaconType", "533"), ("id1", "a")]);
    let Sighting::Bluetooth(sighting) = report.sighting else {
        panic!("not Bluetooth");
    };
    assert_eq!(sighting.name.as_deref(), Some("shop"));
}

#[test]
fn a_record_of_a_wrong_type_costs_itself() {
    let document = include_str!("../../../tests/fixtures/geosubmit/wrong_types.json");
    let upload = decode(document.as_bytes(), &context()).unwrap();
    let [report] = reports(&upload)[..] else {
        panic!("{upload:?}");
    };
    assert_eq!(report.signal.unwrap().get(), -61);
    let in_entries = upload.entries().flat_map(|entry| &entry.batch.rejected);
    let mut rejected: Vec<_> = in_entries.chain(upload.rejected()).collect();
    rejected.sort_by_key(|rejected| rejected.index);
    let rejected: Vec<_> = rejected
        .iter()
        .map(|rejected| format!("{} {}", rejected.index, rejected.reason))
        .collect();
    assert_eq!(
        rejected,
        [
            "0 item: expected an object, found a number, in items.0",
            "1 bssid: expected a string, found a number, in items.1.wifiAccessPoints.0.macAddress",
            "3 bssid: missing, in items.1.wifiAccessPoints.2",
            "4 report: expected an object, found nothing, in items.1.wifiAccessPoints.3",
            "5 bssid: the broadcast address cannot identify a station, in items.1.wifiAccessPoints.4.macAddress",
            "6 report: expected an array, found an object, in items.1.bluetoothBeacons",
        ]
    );
}

#[test]
fn what_is_no_geosubmit_is_refused() {
    for body in [
        "",
        "nonsense",
        "[]",
        "7",
        "{}",
        r#"{"items": {}}"#,
        r#"{"items": null}"#,
        r#"{"items": [}"#,
    ] {
        let refused = decode(body.as_bytes(), &context());
        assert!(
            matches!(refused, Err(DecodeError::NotAReport(_))),
            "{body}: {refused:?}"
        );
    }
    for body in [b"\xff".as_slice(), b"{\"items\": \xff}"] {
        let refused = decode(body, &context());
        assert!(
            matches!(&refused, Err(DecodeError::NotAReport(why)) if why == "the body is not UTF-8"),
            "{refused:?}"
        );
    }
    let refused = upload(&json!({ "items": [{ "wifiAccessPoints": [{ "macAddress": 7 }] }] }));
    assert!(matches!(refused, Err(DecodeError::NothingValid(rejected)) if rejected.len() == 1));
}

#[test]
fn cells_are_counted_and_an_upload_of_nothing_else_is_taken() {
    let document = include_str!("../../../tests/fixtures/geosubmit/tower_collector.json");
    let mut upload = decode(document.as_bytes(), &context()).unwrap();
    assert_eq!((upload.rows(), upload.entries().count()), (0, 1));
    let (_, notes) = upload.take_notes().next().unwrap();
    assert_eq!(notes.ignored_by_field["cell_towers"], 2);
    assert_eq!(
        super::tests::upload(&json!({ "items": [] }))
            .unwrap()
            .rows(),
        0
    );
}

#[test]
fn an_odd_octet_costs_its_own_character() {
    for (name, shown) in [
        (br"a\ud83d".as_slice(), "a\u{fffd}"),
        (b"a\xff", r"a\xFF"),
        (b"a\x01", "a\u{1}"),
    ] {
        let body: [&[u8]; 3] = [
            br#"{"items": [{"wifiAccessPoints": [{"macAddress": "020000000001", "ssid": ""#,
            name,
            br#""}]}]}"#,
        ];
        let upload = decode(&body.concat(), &context()).unwrap();
        let Sighting::Wifi(wifi) = &reports(&upload)[0].sighting else {
            panic!("not Wi-Fi");
        };
        assert_eq!(wifi.ssid.to_string(), shown);
    }
}

#[test]
fn a_long_upload_is_parted_into_batches() {
    let document = |count: u64| {
        let records: Vec<_> = (1..=count)
            .map(|number| json!({ "macAddress": format!("02{number:010x}") }))
            .collect();
        json!({ "items": [{ "timestamp": 1_750_000_000_000_u64, "wifiAccessPoints": records }] })
    };
    let parted = upload(&document(7)).unwrap();
    let sizes: Vec<_> = parted
        .entries()
        .map(|entry| entry.batch.reports.len())
        .collect();
    assert_eq!(sizes, [3, 3, 1]);
    let rows: Vec<_> = parted
        .entries()
        .flat_map(|entry| entry.rows.clone())
        .collect();
    assert_eq!(rows, (0..7).collect::<Vec<_>>());
    let max = u64::try_from(BATCHES_MAX * LIMITS.reports_per_batch_max).unwrap();
    assert_eq!(reports(&upload(&document(max)).unwrap()).len(), 48);
    let refused = upload(&document(max + 1));
    assert!(matches!(
        refused,
        Err(DecodeError::TooManyReports { count: 49, max: 48 })
    ));
}

#[test]
fn the_same_upload_has_the_same_identity_if_its_times_are_its_own() {
    let identity = |item: &Json| {
        let upload = upload(&json!({ "items": [item] })).unwrap();
        upload.entries().next().unwrap().batch.identity
    };
    let item = wifi(&json!({ "signalStrength": -60 }));
    assert!(identity(&item).is_some());
    assert_eq!(identity(&item), identity(&item));
    assert_ne!(
        identity(&item),
        identity(&wifi(&json!({ "signalStrength": -61 })))
    );
    let mut timeless = item.clone();
    timeless["timestamp"] = json!(null);
    assert_eq!(identity(&timeless), None);
    // Identities are on disk.
    assert_eq!(
        identity(&item).unwrap().to_bytes(),
        [
            111, 241, 91, 25, 151, 186, 101, 24, 19, 139, 143, 226, 253, 148, 130, 76
        ]
    );
}

#[test]
fn the_source_follows_from_the_sender() {
    let names = |credential: Option<&str>, given: Option<&str>| SenderNames {
        credential: credential.map(Into::into),
        given: given.map(Into::into),
        program: Some("NeoStumbler/42".into()),
        address: Some("192.0.2.7".into()),
    };
    let source = |names: &SenderNames| names.source(FORM, 8);
    let phone = SourceId::of_name("phone");
    assert_eq!(
        source(&names(Some("phone"), Some("x"))),
        (phone, Some("phone".into()))
    );
    assert_eq!(
        source(&names(None, Some("phone"))),
        (phone, Some("phone".into()))
    );
    let of_address = SourceId::of_text("geosubmit:192.0.2.7");
    assert_eq!(
        source(&names(None, None)),
        (of_address, Some("NeoStumb".into()))
    );
    let umlauts = source(&names(None, Some("äöüäöü"))).1;
    assert_eq!(umlauts.as_deref(), Some("äöüä"));
    assert_eq!(GeosubmitV2::SOURCE_FORM, Some(FORM));
}

fn value() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(json!(null)),
        any::<f64>().prop_map(|number| json!(number)),
        any::<i64>().prop_map(|number| json!(number)),
        ".{0,12}".prop_map(|text| json!(text)),
        Just(json!([])),
        Just(json!({})),
        Just(json!("02:00:5e:10:00:01")),
    ]
}

fn object(keys: &'static [&'static str]) -> impl Strategy<Value = Json> {
    let pair = (proptest::sample::select(keys), value());
    proptest::collection::vec(pair, 0..8).prop_map(|pairs| {
        pairs
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    })
}

proptest! {
    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _upload = decode(&body, &context());
    }

    /// Each record is accepted or refused, whatever its values are.
    #[test]
    fn every_record_is_accounted_for(
        records in proptest::collection::vec(
            object(&["macAddress", "key", "ssid", "age", "signalStrength", "signal", "channel", "frequency", "id1"]),
            1..10,
        ),
        item in object(&["timestamp", "time", "position", "lat", "longitude", "accuracy", "speed", "cellTowers"]),
    ) {
        let mut item = item;
        let count = records.len();
        item["wifiAccessPoints"] = json!(records);
        match upload(&json!({ "items": [item] })) {
            Ok(upload) => prop_assert_eq!(upload.rows(), count),
            Err(DecodeError::NothingValid(rejected)) => prop_assert_eq!(rejected.len(), count),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}
