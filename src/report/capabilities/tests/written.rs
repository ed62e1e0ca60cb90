//! Tests of writing Android's notation.

use super::super::Security;

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
