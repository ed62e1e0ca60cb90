use proptest::prelude::*;

use super::*;

/// Decodes hex. Blanks are ignored; they group the digits.
fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .filter_map(|digit| u8::try_from(digit.to_digit(16)?).ok())
        .collect();
    let (pairs, rest) = digits.as_chunks();
    assert!(rest.is_empty(), "{hex}");
    pairs.iter().map(|[high, low]| high << 4 | low).collect()
}

/// Checks the structures that `hex` decodes to.
#[track_caller]
fn check(hex: &str, expected: &[&str]) {
    let data = bytes(hex);
    let shown: Vec<_> = structures(&data)
        .map(|structure| show(&structure))
        .collect();
    assert_eq!(shown, expected, "{hex}");
}

fn show(structure: &Structure<'_>) -> String {
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    };
    let list = |services: &Services<'_>| {
        let ids: Vec<_> = services.iter().map(|id| id.to_string()).collect();
        let end = if services.is_complete {
            ""
        } else {
            " and more"
        };
        format!("{}{end}", ids.join(" "))
    };
    match structure {
        Structure::Flags(flags) => format!("flags {}", flags.names().collect::<Vec<_>>().join(" ")),
        Structure::Services(services) => format!("services {}", list(services)),
        Structure::Solicited(services) => format!("solicited {}", list(services)),
        Structure::Name(name) if name.is_complete => format!("name {}", name.text()),
        Structure::Name(name) => format!("short name {}", name.text()),
        Structure::TxPower(dbm) => format!("power {dbm}"),
        Structure::ServiceData(service, data) => format!("data of {service} {}", hex(data)),
        Structure::Appearance(number) => format!("appearance {number}"),
        Structure::Manufacturer(company, data) => format!("company {company} {}", hex(data)),
        Structure::Other(kind, data) => format!("other {kind} {}", hex(data)),
        Structure::Damaged(bytes) => format!("damaged {}", hex(bytes)),
    }
}

#[test]
fn an_ibeacon() {
    // Flags 0x06 = 2 + 4. Then 0x1a = 26 bytes: the type, Apple's 0x004c, 0x02 for an iBeacon, 0x15 = 21
    // bytes: a UUID, major 1, minor 2 and the power at 1 m.
    check(
        "02 01 06 1a ff 4c00 02 15 fda50693a4e24fb1afcfc6eb07647825 0001 0002 c5",
        &[
            "flags le-general-discoverable br-edr-not-supported",
            "company 76 0215fda50693a4e24fb1afcfc6eb0764782500010002c5",
        ],
    );
}

#[test]
fn an_eddystone_url() {
    // The service 0xfeaa, then 0x0e = 14 bytes of its data: the type, the service, 0x10 for a URL, -18 dBm at 0 m,
    // 0x03 for `https://`, and `goo.gl/x`.
    check(
        "02 01 06 03 03 aafe 0e 16 aafe 10 ee 03 676f6f2e676c2f78",
        &[
            "flags le-general-discoverable br-edr-not-supported",
            "services feaa",
            "data of feaa 10ee03676f6f2e676c2f78",
        ],
    );
}

#[test]
fn a_heart_rate_strap() {
    // Heart Rate 0x180d and Battery 0x180f of more services, `HR Strap`, 0x0341 = 833 for a heart rate belt, 4 dBm.
    check(
        "02 01 06 05 02 0d18 0f18 09 09 4852205374726170 03 19 4103 02 0a 04",
        &[
            "flags le-general-discoverable br-edr-not-supported",
            "services 180d 180f and more",
            "name HR Strap",
            "appearance 833",
            "power 4",
        ],
    );
}

#[test]
fn a_windows_swift_pair() {
    // No flags. Microsoft's 0x0006, 0x03 for Swift Pair, 0x00 for low energy alone, 0x80 for the signal, `Mouse`.
    check(
        "0b ff 0600 03 00 80 4d6f757365",
        &["company 6 0300804d6f757365"],
    );
}

#[test]
fn an_apple_continuity() {
    // Flags 0x1a = 2 + 8 + 16, of which the last is no longer assigned. 12 dBm. Apple's 0x004c, 0x10 for nearby
    // information, 5 bytes of it.
    check(
        "02 01 1a 02 0a 0c 0a ff 4c00 10 05 01189a2b3c",
        &[
            "flags le-general-discoverable le-and-br-edr-at-once",
            "power 12",
            "company 76 100501189a2b3c",
        ],
    );
}

#[test]
fn uuids_of_every_size() {
    let uart = "9ecadc240ee5a9e093f3a3b50100406e";
    check(
        &format!("11 07 {uart} 12 21 {uart} 64 11 15 {uart}"),
        &[
            "services 6e400001-b5a3-f393-e0a9-e50e24dcca9e",
            "data of 6e400001-b5a3-f393-e0a9-e50e24dcca9e 64",
            "solicited 6e400001-b5a3-f393-e0a9-e50e24dcca9e",
        ],
    );
    check(
        "05 05 78563412 05 04 78563412 06 20 78563412 01 05 1f 78563412 03 14 0d18 01 02",
        &[
            "services 12345678",
            "services 12345678 and more",
            "data of 12345678 01",
            "solicited 12345678",
            "solicited 180d",
            "services  and more",
        ],
    );
    // Sixteen bytes of a UUID that has a two-byte form.
    check(
        "11 07 fb349b5f80000080 00100000 0d180000",
        &["services 180d"],
    );
}

#[test]
fn names_are_cleaned_and_kinds_that_are_not_known_are_kept() {
    check(
        "04 08 436166 05 09 41 00 00 00 03 09 ff41 02 2a 07 01 24",
        &[
            "short name Caf",
            "name A",
            "name \u{fffd}A",
            "other 42 07",
            "other 36 ",
        ],
    );
}

#[test]
fn damage_is_kept_and_what_is_sound_is_read() {
    // The last length promises ten bytes, but only five follow.
    check(
        "02 01 06 0a ff 4c00 10 05",
        &[
            "flags le-general-discoverable br-edr-not-supported",
            "damaged 0aff4c001005",
        ],
    );
    // Structures whose data has the wrong length for its type: UUIDs, appearance, company, service data, two powers.
    check(
        "04 03 0d180f 02 19 41 02 ff 4c 02 16 0d 03 0a 04 05 02 01 05",
        &[
            "damaged 04030d180f",
            "damaged 021941",
            "damaged 02ff4c",
            "damaged 02160d",
            "damaged 030a0405",
            "flags le-limited-discoverable br-edr-not-supported",
        ],
    );
    // A length without a structure, and data after the end mark that is not padding.
    check("1f", &["damaged 1f"]);
    check(
        "02 01 06 00 00 00",
        &["flags le-general-discoverable br-edr-not-supported"],
    );
    check("01 01 00 02 0a 04", &["flags ", "damaged 00020a04"]);
    check("", &[]);
}

proptest! {
    #[test]
    fn every_byte_is_read_once(data: Vec<u8>) {
        let mut rest = data.len();
        for structure in structures(&data) {
            let length = match &structure {
                Structure::Damaged(bytes) => bytes.len(),
                _ => 1 + usize::from(data[data.len() - rest]),
            };
            prop_assert!(0 < length && length <= rest);
            rest -= length;
            show(&structure);
        }
        // The rest is padding.
        prop_assert!(data[data.len() - rest..].iter().all(|&byte| byte == 0));
    }

    #[test]
    fn sound_structures_come_back(parts in prop::collection::vec((1u8.., prop::collection::vec(any::<u8>(), 0..40)), 0..10)) {
        let parts: Vec<_> = parts.into_iter().map(|(kind, data)| (kind | 0x80, data)).filter(|(kind, _)| *kind != 0xff).collect();
        let mut all = Vec::new();
        for (kind, data) in &parts {
            all.extend([u8::try_from(data.len() + 1).unwrap(), *kind]);
            all.extend(data);
        }
        let read: Vec<_> = structures(&all).collect();
        let expected: Vec<_> = parts.iter().map(|(kind, data)| Structure::Other(*kind, data)).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn a_service_survives_its_text(number: u32, whole: u128, is_short: bool) {
        let id = if is_short { ServiceId::from_short(number) } else { ServiceId(uuid::Uuid::from_u128(whole)) };
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        prop_assert_eq!(id.uuid().to_string().parse(), Ok(id));
    }
}
