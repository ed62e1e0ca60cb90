#[path = "../../../benches/support/capabilities.rs"]
mod capabilities;
mod plain;
#[expect(dead_code, reason = "benches need more of it")]
#[path = "../../../benches/support/random.rs"]
mod random;

use plain::Plain;
use proptest::prelude::*;
use random::Random;

use super::decode::{ATOMS_MAX, BYTES_MAX, TOKENS_MAX};
use super::seen::SEEN_MAX;
use super::*;

/// One string a line, with what it means. Rows `H…` are other values of the same column: only their class is given.
const CORPUS: &str = include_str!("../../../tests/fixtures/capabilities-corpus.tsv");

fn corpus() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    CORPUS.lines().skip(1).filter_map(|line| {
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
    let mut rows = 0;
    for (row, line) in CORPUS.lines().skip(1).enumerate() {
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
        rows += 1;
    }
    assert_eq!(rows, 138 + 15);
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
        check_leftovers(name, &[]);
        check_any(name);
    }
    check_same("WPA3_ENT_192", "[RSN-EAP_SUITE_B_192-GCMP-256]");
    // A number may be of any version, and 0 may be nothing at all.
    check_class("0", "unknown");
    check_class("17", "unknown");
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

/// The reading is whole up to the bound, and damaged one past it.
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
    // A character that lies across the bound is cut off whole.
    assert!(Security::decode(&"é".repeat(BYTES_MAX)).is_damaged());
    assert!(Security::decode(&format!("x{}", "é".repeat(BYTES_MAX))).is_damaged());
}

#[track_caller]
fn check_kismet(raw: &str, bitfield: u64, legacy: u64, text: &str) {
    let security = Security::decode(raw);
    assert_eq!(security.kismet_text().to_string(), text, "{raw}");
    assert_eq!(security.kismet_bitfield(), bitfield, "{raw}");
    assert_eq!(security.kismet_legacy_set(), legacy, "{raw}");
}

#[test]
fn values_are_those_of_kismet_where_it_reads_rightly() {
    check_kismet("[ESS]", 0, 0, "Open");
    check_kismet("[IBSS]", 0, 0, "Open");
    check_kismet("[WEP][ESS]", 1, 2, "WEP");
    check_kismet(
        "[WPA2-PSK-CCMP][ESS]",
        274_945_016_842,
        268_436_160,
        "WPA2 WPA2-PSK AES-CCMP",
    );
    check_kismet(
        "[WPA2-EAP-CCMP][ESS]",
        137_506_063_370,
        268_438_080,
        "WPA2 WPA2-EAP AES-CCMP",
    );
    check_kismet(
        "[WPA2-PSK-CCMP][WPS]",
        144_115_463_020_872_714,
        268_436_160,
        "WPA2 WPA2-PSK AES-CCMP",
    );
    check_kismet(
        "[WPA2-PSK-CCMP][WPS][IBSS]",
        144_115_463_020_872_714,
        268_436_160,
        "WPA2 WPA2-PSK AES-CCMP",
    );
    check_kismet("[WPS]", 144_115_188_075_855_872, 0, "");
    check_kismet("[WPS][ESS]", 144_115_188_075_855_872, 0, "Open");
    check_kismet("[WEP40]", 1 | 1 << 7 | 1 << 23, 2 | 8, "WEP40");
}

#[test]
fn values_are_those_of_kismets_radio_mode_where_it_reads_wrongly() {
    let ccmp = 1 << 10 | 1 << 26;
    let tkip = 1 << 9 | 1 << 25;
    let (wpa, wpa1, wpa2, wpa3) = (2, 4, 8, 16);
    let (old1, old2, old3) = (1 << 27 | 64, 1 << 28 | 64, 1 << 29 | 64);
    let psk = 1 << 38;
    check_kismet(
        "[WPA-PSK-TKIP][ESS]",
        274_877_906_950 + tkip,
        134_217_920 + 32,
        "WPA1 WPA1-PSK TKIP",
    );
    check_kismet(
        "[WPA2-PSK-CCMP][RSN-PSK-CCMP][ESS]",
        274_945_016_842,
        268_436_160,
        "WPA2 WPA2-PSK AES-CCMP",
    );
    let mixed = "[WPA-PSK-TKIP+CCMP][WPA2-PSK-TKIP+CCMP][ESS]";
    check_kismet(
        mixed,
        274_945_016_846 + tkip,
        402_653_888 + 32,
        "WPA2 WPA2-PSK TKIP AES-CCMP",
    );
    let sae = "[RSN-SAE-CCMP][ESS][MFPR][MFPC]";
    check_kismet(
        sae,
        wpa | wpa2 | wpa3 | ccmp | 1 << 44,
        old2 | old3 | 512 | 65536,
        "WPA3 WPA3-SAE AES-CCMP",
    );
    let transition = "[WPA2-PSK-CCMP][RSN-PSK+PSK-SHA256+SAE-CCMP][MFPC][ESS]";
    let bits = wpa | wpa2 | wpa3 | ccmp | psk | 1 << 42 | 1 << 44;
    check_kismet(
        transition,
        bits,
        old2 | old3 | 512 | 128 | 65536,
        "WPA3 WPA3-PSK WPA3-SAE AES-CCMP",
    );
    let owe = wpa | wpa2 | wpa3 | ccmp | 1 << 54;
    check_kismet(
        "[RSN-OWE-CCMP][ESS]",
        owe,
        old2 | old3 | 512 | 1 << 17,
        "WPA3 WPA3-OWE AES-CCMP",
    );
    let cnsa = wpa | wpa2 | wpa3 | 1 << 13 | 1 << 29 | 1 << 48;
    let text = "WPA3 WPA3-EAP-SUITEB-SHA384 AES-GCMP256";
    check_kismet(
        "[RSN-EAP_SUITE_B_192-GCMP-256][ESS]",
        cnsa,
        old2 | old3 | 2048,
        text,
    );
    let fils = wpa | wpa2 | wpa3 | ccmp | 1 << 50;
    check_kismet(
        "[RSN-EAP-FILS-SHA256-CCMP]",
        fils,
        old2 | old3 | 512 | 2048,
        "WPA3 WPA3-FILS AES-CCMP",
    );
    let ft = wpa | wpa2 | ccmp | psk | 1 << 40;
    check_kismet(
        "[WPA2-FT/PSK+PSK-CCMP]",
        ft,
        old2 | 512 | 128,
        "WPA2 WPA2-PSK AES-CCMP",
    );
    let sha256 = wpa | wpa2 | wpa3 | ccmp | 1 << 41;
    check_kismet(
        "[RSN-EAP/SHA256-CCMP][MFPR]",
        sha256,
        old2 | old3 | 512 | 2048,
        "WPA3 WPA3-EAP AES-CCMP",
    );
    check_kismet("[WPA-None-TKIP]", wpa | wpa1 | tkip, old1 | 32, "WPA1 TKIP");
    check_kismet("[WPA3]", wpa | wpa2 | wpa3, old2 | old3, "WPA3");
    check_kismet("[WPA2][WEP]", wpa | wpa2, old2, "WPA2");
    check_kismet("[WAPI-WAPI-PSK-SMS4]", wpa, 1, "WAPI");
    check_kismet("[?-?-CCMP][ESS]", wpa | ccmp, 1 | 512, "WPA AES-CCMP");
    check_kismet("[RSN-OWE_TRANSITION-CCMP][ESS]", 0, 0, "Open");
    for (raw, _) in corpus().filter(|(_, meaning)| meaning[6] == "unknown") {
        check_kismet(raw, 0, 0, "");
    }
}

#[track_caller]
fn check_android(raw: &str, written: &str) {
    assert_eq!(Security::decode(raw).to_android(), written, "{raw}");
}

#[test]
fn strings_are_written_as_android_does() {
    for raw in [
        "",
        "[ESS]",
        "[WEP][ESS]",
        "[WPA-PSK-TKIP][ESS]",
        "[WPA2-PSK-CCMP][RSN-PSK-CCMP][ESS][WPS]",
        "[WPA2-PSK-CCMP][RSN-PSK+SAE-CCMP][ESS][MFPC]",
        "[RSN-SAE-CCMP][ESS][MFPR][MFPC]",
        "[WPA2-EAP/SHA1-CCMP][RSN-EAP/SHA1-CCMP][ESS][MFPR][MFPC]",
        "[RSN-EAP_SUITE_B_192-GCMP-256]",
        "[RSN-OWE-CCMP][RSN-OWE_TRANSITION-CCMP][ESS]",
        "[RSN-OWE_TRANSITION-CCMP][ESS]",
        "[WAPI-WAPI-PSK-SMS4]",
        "[WPA][RSN]",
    ] {
        check_android(raw, raw);
    }
    check_android("[WPA2_WPA3_PSK]", "[WPA2-PSK][RSN-PSK+SAE][WPA3]");
    check_android(
        "[WPA2-PSK-CCMP-preauth][FOO][ESS]",
        "[WPA2-PSK-CCMP][RSN-PSK-CCMP-preauth][ESS][UNDEFINED]",
    );
    check_android(
        "[RSN-?-TKIP+CCMP-128][ESS",
        "[RSN-?-TKIP+CCMP][ESS][UNDEFINED]",
    );
}

/// What must hold of every string: the text comes back as the value, and nothing that is protected looks open.
fn check_any(raw: &str) {
    let security = Security::decode(raw);
    let back = Security::decode(&security.to_android());
    assert_eq!(
        back.class(),
        security.class(),
        "{raw:?} {}",
        security.to_android()
    );
    if !security.is_damaged() {
        assert_eq!(back, security, "{raw:?} {}", security.to_android());
    }
    assert_eq!(
        security.has_leftovers(),
        !leftovers(raw).is_empty(),
        "{raw:?}"
    );
    let class = security.class();
    let open = matches!(
        class,
        SecurityClass::Open | SecurityClass::OpenOweTransition
    );
    assert!(
        !open || security.protocols().is_empty() && !security.is_damaged(),
        "{raw:?}"
    );
    assert_eq!(
        security.kismet_text().to_string().is_empty(),
        class == SecurityClass::Unknown,
        "{raw:?}"
    );
    let bare = security.kismet_bitfield() & !(1 << 57) == 0;
    assert_eq!(bare, open || class == SecurityClass::Unknown, "{raw:?}");
    assert_eq!(security.kismet_legacy_set() == 0, bare, "{raw:?}");
}

#[test]
fn what_holds_of_every_string_holds_of_the_corpus() {
    corpus().for_each(|(raw, _)| check_any(raw));
}

/// Strings that nobody sent, the same in every run, so that a failure comes again.
fn generated() -> impl Iterator<Item = String> {
    let mut random = Random::new(1);
    (0..100_000).map(move |_| capabilities::generated(&mut random))
}

#[test]
fn two_readers_agree_on_strings_that_nobody_sent() {
    for raw in generated() {
        assert_eq!(Plain::of(&raw), Plain::read(&raw), "{raw:?}");
    }
}

#[test]
fn what_holds_of_every_string_holds_of_those_that_nobody_sent() {
    generated().for_each(|raw| check_any(&raw));
}

/// Names, words and flags of every kind, and some that nobody knows.
const PIECES: &str = "WPA WPA2 WPA3 RSN RSNO OSEN WAPI None ? PSK FT/PSK PSK-SHA256 SAE FT/SAE SAE_EXT_KEY EAP \
    EAP/SHA1 EAP/SHA256 EAP-SHA384 SUITE_B_192 EAP-FILS-SHA256 OWE OWE_TRANSITION DPP PASN WAPI-PSK CERT NONE UNKNOWN \
    CCMP CCMP-128 CCMP-256 TKIP GCMP GCMP-56 WEP40 WEP-104 SMS4 preauth ESS IBSS MESH WPS WPS-PBC MFPR MFPC WEP OPEN \
    OWE-TRANS OWE-TRANS-OPEN SAE-H2E UTF-8 BLE UNDEFINED FOO é";

fn token() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(PIECES.split_whitespace().collect::<Vec<_>>());
    let joint = proptest::sample::select(vec!["-", "-", "+", "_"]);
    proptest::collection::vec((joint, piece), 1..5).prop_map(|pieces| {
        pieces
            .into_iter()
            .flat_map(|(joint, piece)| [joint, piece])
            .skip(1)
            .collect()
    })
}

fn bracketed(tokens: &[String]) -> String {
    tokens.iter().flat_map(|token| ["[", token, "]"]).collect()
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(raw in ".{0,80}") {
        check_any(&raw);
    }

    #[test]
    fn no_pile_of_brackets_and_joints_breaks_the_reader(raw in "[\\[\\]\\-+_?A-Z0-9 é]{0,80}") {
        check_any(&raw);
    }

    #[test]
    fn well_formed_strings_come_back(tokens in proptest::collection::vec(token(), 0..5)) {
        let raw = bracketed(&tokens);
        assert!(!Security::decode(&raw).is_damaged());
        check_any(&raw);
    }

    #[test]
    fn bare_words_come_back(tokens in proptest::collection::vec(token(), 0..4)) {
        check_any(&tokens.join(" "));
    }

    #[test]
    fn damage_is_borne(
        tokens in proptest::collection::vec(token(), 0..5),
        at: prop::sample::Index,
        with in "[\\[\\]\\-+_ é]{0,2}",
    ) {
        let raw = bracketed(&tokens);
        let mut raw: Vec<char> = raw.chars().collect();
        let at = at.index(raw.len() + 1);
        raw.splice(at..raw.len().min(at + 1), with.chars());
        check_any(&raw.into_iter().collect::<String>());
    }
}
