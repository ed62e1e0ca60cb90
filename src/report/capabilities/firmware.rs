//! Numbers and names of ESP-IDF's `wifi_auth_mode_t`, which some firmware sends in place of a capabilities string.

/// Names of `wifi_auth_mode_t` (`esp_wifi_types_generic.h`) without `WIFI_AUTH_`, in the order of their numbers, each
/// with the equivalent capabilities string.
const MODES: [(&str, &str); 17] = [
    ("OPEN", "[OPEN]"),
    ("WEP", "[WEP]"),
    ("WPA_PSK", "[WPA-PSK]"),
    ("WPA2_PSK", "[WPA2-PSK]"),
    ("WPA_WPA2_PSK", "[WPA-PSK][WPA2-PSK]"),
    ("WPA2_ENTERPRISE", "[WPA2-EAP]"),
    ("WPA3_PSK", "[RSN-SAE]"),
    ("WPA2_WPA3_PSK", "[RSN-PSK+SAE]"),
    ("WAPI_PSK", "[WAPI-WAPI-PSK-SMS4]"),
    ("OWE", "[RSN-OWE]"),
    ("WPA3_ENT_192", "[RSN-EAP_SUITE_B_192-GCMP-256]"),
    ("WPA3_EXT_PSK", "[RSN-SAE_EXT_KEY]"),
    ("WPA3_EXT_PSK_MIXED_MODE", "[RSN-SAE+SAE_EXT_KEY]"),
    ("DPP", "[RSN-DPP]"),
    ("WPA3_ENTERPRISE", "[WPA3-EAP]"),
    ("WPA2_WPA3_ENTERPRISE", "[RSN-EAP/SHA1+EAP/SHA256][MFPC]"),
    ("WPA_ENTERPRISE", "[WPA-EAP]"),
];
/// A mode that newer versions renamed.
const RENAMED: (&str, &str) = ("ENTERPRISE", "[WPA2-EAP]");
/// The string for numbers that are not in the table.
const UNKNOWN: &str = "[UNKNOWN]";

/// The capabilities string for a bare name or number.
pub(super) fn spelled_out(name: &str) -> Option<&'static str> {
    let name = name.trim_ascii();
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
        let mode = name
            .parse()
            .ok()
            .and_then(|number: usize| MODES.get(number));
        return Some(mode.map_or(UNKNOWN, |(_, text)| text));
    }
    let short = match name.split_at_checked("WIFI_AUTH_".len()) {
        Some((prefix, short)) if prefix.eq_ignore_ascii_case("WIFI_AUTH_") => short,
        _ => name,
    };
    let mut modes = MODES.iter().chain([&RENAMED]);
    modes
        .find(|(mode, _)| mode.eq_ignore_ascii_case(short))
        .map(|(_, text)| *text)
}
