//! The numbers, and the words that stand beside them.

use proptest::prelude::*;

use super::*;

/// One string a line, with what it means.
const CORPUS: &str = include_str!("../../../../tests/fixtures/capabilities-corpus.tsv");

fn corpus() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    CORPUS.lines().skip(1).filter_map(|line| {
        let (_, columns) = line.split_once('\t')?;
        let (string, meaning) = columns.split_once('\t')?;
        Some((string, meaning.split('\t').collect()))
    })
}

#[track_caller]
fn check_kismet(raw: &str, bitfield: u64, legacy: u64, text: &str) {
    let security = Security::decode(raw);
    assert_eq!(security.summary().to_string(), text, "{raw}");
    assert_eq!(crypt_bitfield(security), bitfield, "{raw}");
    assert_eq!(crypt_set(security), legacy, "{raw}");
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

/// Nothing that is protected looks open.
fn check_any(raw: &str) {
    let security = Security::decode(raw);
    let is_bare = matches!(
        security.class(),
        SecurityClass::Open | SecurityClass::OpenOweTransition | SecurityClass::Unknown
    );
    let bits = crypt_bitfield(security) & !bit::WPS;
    assert_eq!(bits == 0, is_bare, "{raw:?}");
    assert_eq!(crypt_set(security) == 0, is_bare, "{raw:?}");
}

#[test]
fn nothing_that_is_protected_has_no_bits_in_the_corpus() {
    corpus().for_each(|(raw, _)| check_any(raw));
}

proptest! {
    #[test]
    fn nothing_that_is_protected_has_no_bits(
        raw in "(\\[((WPA3|WPA2|WPA|RSN|WEP|WAPI|WPS|ESS|OWE|SAE|PSK|EAP|CCMP|TKIP|[?])[-+]?){0,5}\\]){0,4}",
    ) {
        check_any(&raw);
    }
}
