mod change;
mod every_string;
mod plain;
mod written;

use every_string::check_any;

use super::decode::{ATOMS_MAX, BYTES_MAX, TOKENS_MAX};
use super::seen::SEEN_MAX;
use super::*;

/// The corpus: one string a line with its meaning. Rows `H…` are other values of the same column, with only a class.
const CORPUS: &str = include_str!("../../../../tests/fixtures/capabilities-corpus.tsv");

/// Words of lists that are made for people, and of microcontrollers, in the form of the corpus.
const WORDS: &str = include_str!("../../../../tests/fixtures/capabilities-words.tsv");

fn rows() -> impl Iterator<Item = &'static str> {
    CORPUS.lines().skip(1).chain(WORDS.lines().skip(1))
}

fn corpus() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    rows().filter_map(|line| {
        let (_, columns) = line.split_once('\t')?;
        let (string, meaning) = columns.split_once('\t')?;
        Some((string, meaning.split('\t').collect()))
    })
}

/// The columns of the corpus: protocols, key managements, ciphers, WPS, PMF, topology, class, flags and leftovers.
fn columns(raw: &str) -> Vec<String> {
    let security = Security::decode(raw);
    let flags = security.flags().iter().map(|flag| flag.name().to_owned());
    let leftovers = leftovers(raw);
    assert_eq!(security.has_leftovers(), !leftovers.is_empty(), "{raw}");
    vec![
        security
            .protocols()
            .iter()
            .map(Protocol::name)
            .collect::<Vec<_>>()
            .join("+"),
        security
            .akms()
            .iter()
            .map(Akm::name)
            .collect::<Vec<_>>()
            .join("+"),
        security
            .pairwise()
            .iter()
            .map(Cipher::name)
            .collect::<Vec<_>>()
            .join("+"),
        security.wps().map(Wps::name).unwrap_or_default().to_owned(),
        security.pmf().name().unwrap_or_default().to_owned(),
        security
            .topology()
            .map(Topology::name)
            .unwrap_or_default()
            .to_owned(),
        security.class().as_str().to_owned(),
        flags
            .chain(leftovers.iter().map(|part| format!("?:{part}")))
            .collect::<Vec<_>>()
            .join(" "),
    ]
}

#[test]
fn the_corpus_is_read_as_agreed() {
    let mut count = 0;
    for (row, line) in rows().enumerate() {
        let [name, raw, expected @ ..] = &line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("row {row}")
        };
        if name.starts_with('H') {
            assert_eq!(
                Security::decode(raw).class(),
                SecurityClass::Unknown,
                "row {name}: {raw}"
            );
        } else {
            assert_eq!(columns(raw), expected, "row {name}: {raw}");
        }
        count += 1;
    }
    assert_eq!(count, 138 + 15 + WORDS.lines().count() - 1);
    assert!(100 < WORDS.lines().count());
}

#[test]
fn lists_of_all_members_are_whole_and_in_order() {
    let numbers = |count| (0..count).collect::<Vec<usize>>();
    assert_eq!(
        Akm::ALL.map(|akm| akm as usize).to_vec(),
        numbers(Akm::WapiCert as usize + 1)
    );
    assert_eq!(
        Cipher::ALL.map(|cipher| cipher as usize).to_vec(),
        numbers(Cipher::Unknown as usize + 1)
    );
    assert_eq!(
        Flag::ALL.map(|flag| flag as usize).to_vec(),
        numbers(Flag::Ble as usize + 1)
    );
    assert_eq!(
        Protocol::ALL.map(|protocol| protocol as usize).to_vec(),
        numbers(Protocol::Wapi as usize + 1)
    );
}

#[track_caller]
fn check_class(raw: &str, class: &str) {
    assert_eq!(Security::decode(raw).class().as_str(), class, "{raw}");
}

#[test]
fn open_is_never_guessed() {
    for raw in [
        "[ESS]",
        "Open",
        "[OPEN]",
        "[NONE][ESS]",
        "[WPS][ESS]",
        "[ESS][P2P][HS20]",
        "[IBSS]",
        "[MESH]",
        " [ESS]\t",
    ] {
        check_class(raw, "open");
    }
    for raw in [
        "[ESS",
        "ESS]",
        "[ESS]]",
        "[ESS] x",
        "[ESS][FOO]",
        "[ESS][UNKNOWN]",
        "[WPS-capabilities][ESS]",
        "[WPS]",
        "[P2P]",
    ] {
        check_class(raw, "unknown");
    }
    for raw in [
        "[preauth][ESS]",
        "[SAE-H2E][ESS]",
        "[OWE-TRANS][ESS]",
        "[RSNO][ESS]",
        "[OPEN][MFPC]",
        "[OWE-TRANS-OPEN][ESS",
    ] {
        check_class(raw, "unknown");
    }
    for raw in [
        "[?][ESS]",
        "[CCMP][ESS]",
        "[WAPI][ESS]",
        "[RSN-?][ESS]",
        "[?-PSK-CCMP][ESS]",
        "[OWE-TRANS-OPEN][?-?]",
    ] {
        check_class(raw, "secured-unknown");
    }
    check_class("[OWE-TRANS-OPEN][WPA2]", "wpa2-unstated");
    check_class("[OSEN][ESS]", "osen");
    check_class("[RSN-PASN-CCMP][ESS]", "wpa2-unstated");
    check_class("[TKIP+WEP40]", "secured-unknown");
    check_class("[WEP104][ESS]", "wep");
}

#[test]
fn classes_have_words_and_labels() {
    check_class("[WPA2-PSK][WPA3-SAE]", "wpa2-wpa3-personal");
    assert_eq!(
        Security::decode("[RSN-PSK+SAE-CCMP]").class().label(),
        "WPA2/WPA3 Personal"
    );
    assert_eq!(
        Security::decode("[RSN-SUITE_B_192][MFPR]").class().label(),
        "WPA3 Enterprise 192-bit"
    );
    assert_eq!(Security::UNKNOWN.class().label(), "Unknown");
}

#[track_caller]
fn check_same(one: &str, other: &str) {
    assert_eq!(
        Security::decode(one),
        Security::decode(other),
        "{one} {other}"
    );
}

#[test]
fn spellings_are_equal() {
    check_same("[wpa2-psk-ccmp][Ess]", "[WPA2-PSK-CCMP][ESS]");
    check_same("[RSN-PSK-CCMP-128]", "[WPA2_PSK_AES]");
    check_same("[WPA2-802.1X-CCMP]", "[RSN-EAP/SHA1-CCMP]");
    check_same("[RSN-FT/SAE-EXT-KEY-GCMP]", "[RSN-FT/SAE_EXT_KEY-GCMP-128]");
    check_same("[WPA2--CCMP]", "[RSN-CCMP]");
    check_same("[WPA2-PSK-CCMP][RSN-PSK+SAE-CCMP]", "[RSN-SAE+PSK-CCMP]");
    check_same("[ESS][MFPR]", "[ESS][MFPC][MFPR]");
    check_same("[WPA_WPA2_PSK]", "[WPA-PSK][WPA2-PSK]");
    check_same("[WPA2-WPA3-PSK]", "[WPA3-PSK+SAE]");
    check_same("[WAPI-CERT-SMS4]", "[WAPI-WAPI-CERT-SMS4-SMS4]");
    check_same("[RSNO-SAE-CCMP]", "[RSN-SAE-CCMP][RSNO]");
    check_same("[][ESS] \t [WPS]\r\n", "[ESS][WPS]");
}

#[test]
fn bare_words_are_read() {
    check_same("WPA2 PSK", "[WPA2][PSK]");
    check_same("WPA,PSK", "[WPA-PSK]");
    check_same("WPA3|PSK", "[WPA3-PSK]");
    check_same("WPA2;AES", "[WPA2-CCMP]");
    check_same("WEP", "[WEP]");
    check_class("Open", "open");
}

#[test]
fn bare_names_of_esp_idf_are_read() {
    for (name, class) in [
        ("OPEN", "open"),
        ("WEP", "wep"),
        ("WPA_PSK", "wpa-personal"),
        ("WPA2_PSK", "wpa2-personal"),
        ("WPA_WPA2_PSK", "wpa-wpa2-personal"),
        ("WPA2_ENTERPRISE", "wpa2-enterprise"),
        ("ENTERPRISE", "wpa2-enterprise"),
        ("WPA3_PSK", "wpa3-personal"),
        ("WPA2_WPA3_PSK", "wpa2-wpa3-personal"),
        ("WAPI_PSK", "wapi-personal"),
        ("OWE", "owe"),
        ("WPA3_ENT_192", "wpa3-enterprise-192"),
        ("WPA3_EXT_PSK", "wpa3-personal"),
        ("WPA3_EXT_PSK_MIXED_MODE", "wpa3-personal"),
        ("DPP", "dpp"),
        ("WPA3_ENTERPRISE", "wpa3-enterprise"),
        ("WPA2_WPA3_ENTERPRISE", "wpa2-wpa3-enterprise"),
        ("WPA_ENTERPRISE", "wpa-enterprise"),
    ] {
        check_class(name, class);
        check_same(&format!(" wifi_auth_{name}\n"), name);
        check_same(&format!("AUTH_{name}"), name);
        check_leftovers(name, &[]);
        check_any(name);
    }
    check_same("WPA3_ENT_192", "[RSN-EAP_SUITE_B_192-GCMP-256]");
}

#[test]
fn numbers_of_esp_idf_are_read() {
    let names = [
        "OPEN",
        "WEP",
        "WPA_PSK",
        "WPA2_PSK",
        "WPA_WPA2_PSK",
        "WPA2_ENTERPRISE",
        "WPA3_PSK",
        "WPA2_WPA3_PSK",
        "WAPI_PSK",
        "OWE",
        "WPA3_ENT_192",
        "WPA3_EXT_PSK",
        "WPA3_EXT_PSK_MIXED_MODE",
        "DPP",
        "WPA3_ENTERPRISE",
        "WPA2_WPA3_ENTERPRISE",
        "WPA_ENTERPRISE",
    ];
    // What an ESP8266 calls CCMP, WEP, no encryption and automatic.
    let ambiguous = [4, 5, 7, 8];
    for (number, name) in names.into_iter().enumerate() {
        if !ambiguous.contains(&number) {
            let number = number.to_string();
            check_same(&number, name);
            check_leftovers(&number, &[]);
            check_any(&number);
        }
    }
    for newer in [
        "4",
        "5",
        "7",
        "07",
        "8",
        "17",
        "255",
        "99999999999999999999999",
    ] {
        check_class(newer, "unknown");
        check_same(newer, "[UNKNOWN]");
        check_leftovers(&format!(" {newer}\n"), &[newer]);
        check_any(newer);
    }
    // Only the beginning of a string that is too long is read.
    let long = format!("3 {}", "9".repeat(2000));
    assert!(Security::decode(&long).is_damaged());
    check_any(&long);
    // A number counts only by itself: in other strings a digit is part of a word.
    check_class("[3]", "unknown");
    check_class("-1", "unknown");
}

#[test]
fn names_are_told_by_place_where_they_must() {
    let both = Security::decode("[RSN-?-?]");
    assert_eq!(
        (both.akms(), both.pairwise()),
        (
            AkmSet::of(&[Akm::Unknown]),
            CipherSet::of(&[Cipher::Unknown])
        )
    );
    let cipher = Security::decode("[RSN-FOO-NONE]");
    assert_eq!(
        (cipher.akms(), cipher.pairwise()),
        (AkmSet::EMPTY, CipherSet::of(&[Cipher::None]))
    );
}

#[track_caller]
fn check_leftovers(raw: &str, expected: &[&str]) {
    assert_eq!(leftovers(raw), expected, "{raw}");
}

#[test]
fn leftovers_are_shown_as_sent() {
    check_leftovers(
        "[WPA2-PSK-CCMP][RSN-PSK+Foo-CCMP-bar][ESS][x-y z]",
        &["Foo", "bar", "x-y z"],
    );
    check_leftovers("[RSN-SAE-GCMP-56+CCMP-1x]", &["GCMP-56", "1x"]);
    check_leftovers("[RSN-CERT][WAPI-CERT]", &["CERT"]);
    check_leftovers("[preauth][WPA2-preauth]", &["preauth"]);
    check_leftovers("UNKNOWN;il", &["UNKNOWN", "il"]);
    check_leftovers("[Überraschung][WPA2-日本-CCMP]", &["Überraschung", "日本"]);
}

#[test]
fn protocols_keep_their_own_suites() {
    let security = Security::decode("[WPA-PSK-TKIP][RSN-PSK+SAE-CCMP][ESS]");
    assert_eq!(security.akms_of(Protocol::Wpa), AkmSet::of(&[Akm::Psk]));
    assert_eq!(
        security.akms_of(Protocol::Rsn),
        AkmSet::of(&[Akm::Psk, Akm::Sae])
    );
    assert_eq!(
        security.pairwise_of(Protocol::Wpa),
        CipherSet::of(&[Cipher::Tkip])
    );
    assert_eq!(
        security.pairwise_of(Protocol::Rsn),
        CipherSet::of(&[Cipher::Ccmp])
    );
    assert_eq!(security.pairwise_of(Protocol::Wapi), CipherSet::EMPTY);
}

#[test]
fn a_string_is_kept_as_sent() {
    let capabilities = Capabilities::from(" [wpa2-psk][FOO]");
    assert_eq!(capabilities.raw(), " [wpa2-psk][FOO]");
    assert_eq!(capabilities.security(), Security::decode("[WPA2-PSK][BAR]"));
    assert_eq!(Security::UNKNOWN, Security::default());
}

#[test]
fn a_string_that_was_seen_is_not_kept_twice() {
    let place = |raw: &str| Capabilities::from(raw).raw().as_ptr();
    let first = Capabilities::from("[seen]");
    let others = (0..SEEN_MAX).map(|number| format!("[{number}]"));
    for other in others {
        assert_eq!(place("[seen]"), first.raw().as_ptr());
        assert_eq!(Capabilities::from(&*other).raw(), other);
    }
    let forgotten = Capabilities::from("[0]");
    assert_eq!(forgotten.security(), Security::decode("[0]"));
}

/// `at` is read as a whole, and `past`, which is over the bound, as damaged.
#[track_caller]
fn check_bound(at: &str, past: &str) {
    let (whole, cut) = (Security::decode(at), Security::decode(past));
    assert!(!whole.is_damaged());
    assert!(whole.akms().contains(Akm::Psk));
    assert!(cut.is_damaged());
    assert!(!cut.akms().contains(Akm::Psk));
}

#[test]
fn work_is_bounded() {
    let bytes = |length: usize| format!("{}[WPA2-PSK]", " ".repeat(length - "[WPA2-PSK]".len()));
    check_bound(&bytes(BYTES_MAX), &format!(" {}", bytes(BYTES_MAX)));
    let tokens = |before: usize| format!("{}[WPA2-PSK]", "[ESS]".repeat(before));
    check_bound(&tokens(TOKENS_MAX - 1), &tokens(TOKENS_MAX));
    let atoms = |before: usize| format!("[WPA2{}-PSK]", "-CCMP".repeat(before));
    check_bound(&atoms(ATOMS_MAX - 1), &atoms(ATOMS_MAX));
    let words = |before: usize| format!("{}WPA2 PSK", "ESS,".repeat(before));
    check_bound(&words(TOKENS_MAX - 2), &words(TOKENS_MAX - 1));
    // A character across the bound is cut off as a whole.
    assert!(Security::decode(&"é".repeat(BYTES_MAX)).is_damaged());
    assert!(Security::decode(&format!("x{}", "é".repeat(BYTES_MAX))).is_damaged());
}
