//! Properties of all strings, tested with the corpus and with generated strings.

#[path = "../../../../benches/support/capabilities.rs"]
mod capabilities;
#[expect(dead_code, reason = "benches need more of it")]
#[path = "../../../../benches/support/random.rs"]
mod random;

use proptest::prelude::*;
use random::Random;

use super::super::{Mark, MarkSet, Security, SecurityClass, leftovers};
use super::corpus;
use super::plain::Plain;

/// Checks that writing and decoding gives the same value, and that no protected network looks open.
pub(super) fn check_any(raw: &str) {
    let security = Security::decode(raw);
    let back = Security::decode(&security.to_android());
    assert_eq!(
        back.class(),
        security.class(),
        "{raw:?} {}",
        security.to_android()
    );
    if !security.is_damaged() {
        // Android's notation has no word for it.
        let marks = security.marks.without(MarkSet::of(&[Mark::OneMode]));
        let expected = Security { marks, ..security };
        assert_eq!(back, expected, "{raw:?} {}", security.to_android());
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
        security.summary().to_string().is_empty(),
        class == SecurityClass::Unknown,
        "{raw:?}"
    );
}

#[test]
fn what_holds_of_every_string_holds_of_the_corpus() {
    corpus().for_each(|(raw, _)| check_any(raw));
}

/// Generated strings. They are the same in every run, so that a failure can be reproduced.
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

/// Names, words and flags of every kind, and unknown ones.
const PIECES: &str = "WPA WPA2 WPA3 RSN RSNO OSEN WAPI None ? PSK FT/PSK PSK-SHA256 SAE FT/SAE SAE_EXT_KEY EAP \
    EAP/SHA1 EAP/SHA256 EAP-SHA384 SUITE_B_192 EAP-FILS-SHA256 OWE OWE_TRANSITION DPP PASN WAPI-PSK CERT NONE UNKNOWN \
    CCMP CCMP-128 CCMP-256 TKIP GCMP GCMP-56 WEP40 WEP-104 SMS4 preauth ESS IBSS MESH WPS WPS-PBC MFPR MFPC WEP OPEN \
    OWE-TRANS OWE-TRANS-OPEN SAE-H2E H2E PERSONAL ENTERPRISE UTF-8 BLE UNDEFINED FOO é";

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

/// Words of lists that are made for people, and what stands between them.
const WORDS: &str = "WPA WPA1 WPA2 WPA3 RSN WAPI OSEN None ? PSK SAE EAP OWE FT/PSK EAP/SHA1 802.1X Personal Enterprise \
    ENT ENT-192 Open Shared Open/Shared mixed System Auth WEP WEP-40 TKIP CCMP AES AES,TKIP GCMP GCMP-56 NONE ESS FOO é";

fn listed() -> impl Strategy<Value = String> {
    let word = proptest::sample::select(WORDS.split_whitespace().collect::<Vec<_>>());
    let joint = proptest::sample::select(vec![
        " ", " ", "/", "/", "+", "-", "_", ", ", "(", " (", ")", ") ", "//", "+/",
    ]);
    proptest::collection::vec((joint, word), 1..8).prop_map(|pieces| {
        pieces
            .into_iter()
            .flat_map(|(joint, word)| [joint, word])
            .skip(1)
            .collect()
    })
}

proptest! {
    #[test]
    fn two_readers_agree_on_lists_of_words(raw in listed()) {
        assert_eq!(Plain::of(&raw), Plain::read(&raw), "{raw:?}");
        check_any(&raw);
        let raw = format!("[{raw}][ESS]");
        assert_eq!(Plain::of(&raw), Plain::read(&raw), "{raw:?}");
        check_any(&raw);
    }

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
