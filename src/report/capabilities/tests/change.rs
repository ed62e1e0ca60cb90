//! Tests of changes of a network's security.

use super::super::{Capabilities, Security};

/// Whether the second text differs from the first, and the first from the second.
#[track_caller]
fn check(one: &str, other: &str, expected: [bool; 2]) {
    let differs =
        |new: &str, old: &str| Capabilities::from(new).differs_from(Security::decode(old));
    let found = [differs(other, one), differs(one, other)];
    assert_eq!(found, expected, "{one} {other}");
}

#[test]
fn scanners_that_say_less_say_nothing_else() {
    for (one, other) in [
        ("[WPA2-PSK-CCMP][RSN-PSK-CCMP][ESS]", "[WPA2_PSK]"),
        ("[WPA2-PSK-CCMP][RSN-PSK-CCMP][ESS]", "3"),
        ("[WPA2-PSK-CCMP][ESS]", "[WPA2]"),
        ("[RSN-SAE-CCMP][ESS]", "[WPA3_PSK]"),
        ("[RSN-PSK+SAE-CCMP][ESS]", "[WPA2_WPA3_PSK]"),
        ("[WPA2-PSK-?][ESS]", "[WPA2-PSK-CCMP][ESS]"),
        ("[RSN-PSK+FT/PSK-CCMP][ESS]", "[WPA2_PSK]"),
        ("[RSN-EAP+EAP/SHA256-CCMP][ESS]", "[WPA2_ENTERPRISE]"),
        ("[WPA2-PSK-CCMP][ESS]", "[WPA2-PSK-CCMP][ESS][WPS]"),
        ("[RSN-SAE-CCMP][MFPR][MFPC][ESS]", "[RSN-SAE-CCMP][ESS]"),
        ("[WPA2-PSK-CCMP][ESS]", "[UNDEFINED]"),
        ("[ESS]", "[unheard-of]"),
        ("[ESS]", "[OPEN]"),
        // A number that two boards mean differently.
        ("[WPA2-PSK-CCMP][ESS]", "7"),
        // nmcli and arduino-esp32 name no key management.
        ("[RSN-PSK+SAE-CCMP][ESS][MFPC]", "WPA2 WPA3"),
        ("[RSN-PSK+SAE-CCMP][ESS][MFPC]", "WPA2"),
        // iwinfo and airodump-ng show 802.11r as PSK, and iwinfo names the group cipher too.
        ("[RSN-PSK+FT/PSK-CCMP][ESS]", "WPA2 PSK (CCMP)"),
        ("[RSN-PSK+FT/PSK-CCMP][ESS]", "WPA2 CCMP PSK"),
        ("[WPA2-PSK-CCMP][ESS]", "WPA2 PSK (TKIP, CCMP)"),
        // Windows names the better protocol.
        ("[WPA-PSK-TKIP][RSN-PSK-CCMP][ESS]", "WPA2-Personal"),
        ("[WPA-EAP-TKIP][RSN-EAP-CCMP][ESS]", "WPA2-Enterprise"),
        ("WPA2-Personal", "WPA/WPA2 Personal"),
    ] {
        check(one, other, [false, false]);
    }
}

#[test]
fn a_scanner_that_names_one_mode_denies_no_other() {
    const MIXED: &str = "[WPA2-PSK-CCMP][RSN-PSK+SAE-CCMP][ESS][MFPC]";
    for one in [
        "WPA3-Personal",
        "WPA3-Personal CCMP",
        "WPA3-Personal (H2E)",
        "WPA3 Personal",
        "spairport_security_mode_wpa3_personal",
        "WPA3SAE",
        "Wpa3Sae",
        "DOT11_AUTH_ALGO_WPA3_SAE",
        "SECURITY_TYPE_SAE",
        "ENC_TYPE_WPA3",
        "WPA2-Personal",
        "WPA2-Personal CCMP",
        "RsnaPsk",
        "DOT11_AUTH_ALGO_RSNA_PSK",
    ] {
        for same in [
            MIXED,
            "[WPA-PSK-TKIP][WPA2-PSK-CCMP][RSN-PSK+SAE-CCMP][ESS]",
            "[WPA2-PSK-CCMP][ESS]",
            "WIFI_AUTH_WPA2_WPA3_PSK",
            "WPA2/WPA3 Personal",
            "mixed WPA2/WPA3 PSK/SAE (CCMP)",
            "WPA2 WPA3",
            "WPA3-Personal",
            "WPA2-Personal",
        ] {
            check(same, one, [false, false]);
        }
        for other in [
            "[ESS]",
            "[WEP][ESS]",
            "[WPA-PSK-TKIP][ESS]",
            "[RSN-EAP/SHA1-CCMP][ESS]",
            "[RSN-OWE-CCMP][ESS]",
            "WPA-Personal",
            "WPA2-Enterprise",
            "WPA3-Enterprise",
            "Open",
        ] {
            check(other, one, [true, true]);
        }
    }
}

#[test]
fn a_scanner_that_names_one_mode_names_an_authentication_server_coarsely() {
    for (one, same) in [
        (
            "WPA3-Enterprise",
            "[RSN-EAP/SHA1+EAP/SHA256-CCMP][ESS][MFPC]",
        ),
        (
            "WPA3-Enterprise CCMP",
            "[RSN-EAP/SHA1+EAP/SHA256-CCMP][ESS][MFPC]",
        ),
        ("WPA3-Enterprise CCMP", "[WPA2-EAP/SHA1-CCMP][ESS]"),
        ("WPA2-Enterprise CCMP", "[RSN-EAP/SHA1+FT/EAP-CCMP][ESS]"),
        (
            "WPA2-Enterprise CCMP",
            "[WPA-EAP-TKIP][RSN-EAP-TKIP+CCMP][ESS]",
        ),
        ("WPA3-Enterprise", "WPA2-Enterprise"),
        ("WPA3-Enterprise", "WPA/WPA2 Enterprise"),
        ("WPA3-Enterprise 192 bits", "WPA3-Enterprise"),
    ] {
        check(one, same, [false, false]);
    }
}

/// It sees that a better mode is offered, and the best cipher.
#[test]
fn what_a_scanner_that_names_one_mode_does_see_is_a_change() {
    check(
        "WPA3-Personal",
        "[WPA2-PSK-CCMP][RSN-PSK-CCMP][ESS]",
        [true, false],
    );
    check("[RSN-SAE-CCMP][ESS]", "WPA2-Personal", [true, true]);
    check("[RSN-SAE-CCMP][ESS]", "WPA3-Personal", [false, false]);
    check(
        "[WPA2-PSK-TKIP+CCMP][ESS]",
        "WPA2-Personal TKIP",
        [true, true],
    );
    check("WPA2-Personal CCMP", "WPA2-Personal TKIP", [true, true]);
    check("[WPA3_PSK]", "[WPA2_WPA3_PSK]", [true, true]);
    check(
        "WPA3 SAE (CCMP)",
        "mixed WPA2/WPA3 PSK/SAE (CCMP)",
        [true, true],
    );
    check(
        "WPA3 SAE (CCMP)",
        "[WPA2-PSK-CCMP][RSN-PSK+SAE-CCMP][ESS]",
        [true, true],
    );
    check("WPA2 PSK (CCMP)", "WPA2 PSK (TKIP)", [true, true]);
    check("WPA2 PSK (CCMP)", "WPA2 PSK (TKIP, CCMP)", [true, true]);
}

#[test]
fn a_lesser_view_yields_to_a_better_one() {
    let check = |lesser: &str, better: &str| {
        let [less, more] = [lesser, better].map(Capabilities::from);
        assert!(less.is_lesser_view_of(more.security()), "{lesser} {better}");
        assert!(more.is_better_view_of(less.security()), "{lesser} {better}");
        assert!(
            !more.is_lesser_view_of(less.security()),
            "{lesser} {better}"
        );
        assert!(
            !less.is_better_view_of(more.security()),
            "{lesser} {better}"
        );
    };
    check("WPA3-Personal", "[RSN-PSK+SAE-CCMP][ESS]");
    check("WPA2-Personal", "[RSN-PSK+SAE-CCMP][ESS]");
    check("WPA2-Personal", "WPA3-Personal");
    check("WPA2-Personal", "[WPA-PSK-TKIP][RSN-PSK-CCMP][ESS]");
    check(
        "WPA3-Enterprise",
        "[RSN-EAP/SHA1+EAP/SHA256-CCMP][ESS][MFPC]",
    );
    // Neither names more, or they show different networks.
    for (one, other) in [
        ("WPA3-Personal", "WPA3-Personal CCMP"),
        ("WPA2-Personal", "WPA2"),
        ("WPA2-Personal", "[WPA-PSK-TKIP][ESS]"),
        ("[WPA2-PSK-CCMP][ESS]", "[WPA2-PSK-CCMP][ESS][WPS]"),
    ] {
        let [one, other] = [one, other].map(Capabilities::from);
        assert!(!one.is_lesser_view_of(other.security()));
        assert!(!one.is_better_view_of(other.security()));
    }
}

#[test]
fn a_scanner_older_than_wpa3_denies_nothing_of_it() {
    const MIXED: &str = "[WPA2-PSK-CCMP][RSN-PSK+SAE-CCMP][ESS][MFPC]";
    for older in [
        "[WPA2-PSK-CCMP][ESS]",
        "[WPA2--CCMP][ESS]",
        "[WPA2-PSK-CCMP][WPS][ESS]",
        "[WPA2_PSK]",
        "3",
        "ENC_TYPE_CCMP",
        "WPA2-Personal",
        "WPA2 PSK (CCMP)",
        "WPA2(PSK/AES/AES)",
    ] {
        check(MIXED, older, [false, false]);
    }
    for (newer, older) in [
        (
            "[WPA2-PSK-CCMP][RSN-PSK+PSK-SHA256+SAE+FT/SAE-CCMP][ESS][MFPC]",
            "[WPA2-PSK-CCMP][ESS]",
        ),
        (
            "[RSN-PSK+SAE+SAE_EXT_KEY-CCMP+GCMP-256][ESS][MFPC]",
            "[WPA2-PSK-CCMP][ESS]",
        ),
        (
            "[WPA-PSK-TKIP][WPA2-PSK-CCMP][RSN-PSK+SAE-CCMP][ESS]",
            "[WPA-PSK-TKIP][WPA2-PSK-CCMP][ESS]",
        ),
        (
            "[RSN-EAP/SHA1+FILS-SHA256-CCMP][ESS]",
            "[WPA2-EAP-CCMP][ESS]",
        ),
    ] {
        check(newer, older, [false, false]);
    }
    // One that knows WPA3 says that it is gone. Later, a text with it shows no change: the meaning of the text
    // before does not tell the scanner.
    for known in [
        "[WPA2-PSK-CCMP][RSN-PSK-CCMP][ESS]",
        "[WPA2-PSK-CCMP][ESS][MFPC]",
    ] {
        check(MIXED, known, [true, false]);
    }
    // Even an old scanner sees other ciphers, other protocols and that there is a PSK.
    for other in [
        "[WPA2-PSK-TKIP][ESS]",
        "[WPA-PSK-CCMP][ESS]",
        "[WPA2-EAP-CCMP][ESS]",
        "[WEP][ESS]",
        "[ESS]",
        "ENC_TYPE_NONE",
    ] {
        check(MIXED, other, [true, true]);
    }
    // Two boards of one kind.
    check("[WPA2_WPA3_PSK]", "[WPA2_PSK]", [true, true]);
}

#[test]
fn what_both_state_and_state_differently_is_a_change() {
    for (one, other) in [
        ("[WPA2-PSK-CCMP][ESS]", "[ESS]"),
        ("[WPA2_PSK]", "[OPEN]"),
        ("[WPA2-PSK-CCMP][ESS]", "[WPA-PSK-TKIP][ESS]"),
        ("[WPA2-PSK-CCMP][ESS]", "[WPA2-PSK-TKIP][ESS]"),
        ("[WPA2-PSK-CCMP][ESS]", "[RSN-SAE-CCMP][ESS]"),
        ("[WPA2-PSK-CCMP][ESS]", "[WPA3_PSK]"),
        ("[WPA2-PSK-CCMP][ESS]", "[WPA2-EAP-CCMP][ESS]"),
        ("[RSN-PSK-CCMP][ESS]", "[RSN-PSK+FT/PSK-CCMP][ESS]"),
        ("[RSN-SAE-CCMP][ESS]", "[RSN-SAE_EXT_KEY-CCMP][ESS]"),
        ("[WAPI-WAPI-PSK-SMS4][ESS]", "[WAPI-WAPI-CERT-SMS4][ESS]"),
        ("[WEP][ESS]", "[WPA2-PSK-CCMP][ESS]"),
        ("[WPA2-PSK-CCMP][ESS]", "WPA+WPA2"),
        ("[WPA-PSK-TKIP][RSN-PSK-CCMP][ESS]", "WPA-Personal"),
        (
            "[RSN-SAE-CCMP][MFPR][MFPC][ESS]",
            "[RSN-SAE-CCMP][MFPC][ESS]",
        ),
    ] {
        check(one, other, [true, true]);
    }
}
