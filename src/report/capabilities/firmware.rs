//! Closed lists of words and numbers that some scanners send in place of a capabilities string: `wifi_auth_mode_t` of
//! ESP-IDF, `wl_enc_type` of the ESP8266 and other Arduino boards, and words of Windows, macOS and `nmcli`.

/// Names of `wifi_auth_mode_t` (`esp_wifi_types_generic.h`) without `WIFI_AUTH_`, in the order of their numbers, each
/// with the equivalent capabilities string.
static MODES: Names<17> = Names::new([
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
]);
/// A mode that newer versions renamed.
static RENAMED: Names<1> = Names::new([("ENTERPRISE", "[WPA2-EAP]")]);
/// Numbers of [`MODES`] that mean something else on an ESP8266 and most other Arduino boards: `ENC_TYPE_CCMP`,
/// `ENC_TYPE_WEP`, `ENC_TYPE_NONE` and `ENC_TYPE_AUTO`. A number does not tell the board, so they mean nothing. 2 is
/// WPA with a shared key on both.
const AMBIGUOUS: [usize; 4] = [4, 5, 7, 8];
/// Names of `wl_enc_type` without `ENC_TYPE_`. The cipher in a name is the board's word for a version of WPA: it does
/// not know the ciphers.
static ENCRYPTION_TYPES: Names<10> = Names::new([
    ("NONE", "[OPEN]"),
    ("WEP", "[WEP]"),
    ("TKIP", "[WPA-PSK]"),
    ("CCMP", "[WPA2-PSK]"),
    ("AUTO", "[WPA-PSK][WPA2-PSK]"),
    ("WPA", "[WPA-PSK]"),
    ("WPA2", "[WPA2-PSK]"),
    ("WPA2_ENTERPRISE", "[WPA2-EAP]"),
    ("WPA3", "[RSN-SAE]"),
    ("UNKNOWN", UNKNOWN),
]);
/// Words of other lists that do not follow the notation.
static PHRASES: Names<28> = Names::new([
    // nmcli, for an access point without any protection.
    ("--", "[OPEN]"),
    // Windows: netsh, and the names in its profiles.
    ("WPA3-Enterprise 192 bits", "[RSN-EAP_SUITE_B_192]"),
    ("WPA3-Enterprise 192-bit", "[RSN-EAP_SUITE_B_192]"),
    ("WPA3 Enterprise 192-bit", "[RSN-EAP_SUITE_B_192]"),
    ("WPAPSK", "[WPA-PSK]"),
    ("WPA2PSK", "[WPA2-PSK]"),
    ("WPAPSK/WPA2PSK", "[WPA-PSK][WPA2-PSK]"),
    ("WPA3SAE", "[RSN-SAE]"),
    ("WPA3ENT", "[WPA3-EAP]"),
    ("WPA3ENT192", "[RSN-EAP_SUITE_B_192]"),
    ("RsnaPsk", "[WPA2-PSK]"),
    ("Rsna", "[WPA2-EAP]"),
    ("Open80211", "[OPEN]"),
    // airodump-ng.
    ("OPN", "[OPEN]"),
    // OpenWrt's configuration (`option encryption`).
    ("psk-mixed", "[WPA-PSK][WPA2-PSK]"),
    ("psk-mixed+ccmp", "[WPA-PSK-CCMP][WPA2-PSK-CCMP]"),
    (
        "psk-mixed+tkip+ccmp",
        "[WPA-PSK-TKIP+CCMP][WPA2-PSK-TKIP+CCMP]",
    ),
    ("psk2", "[WPA2-PSK]"),
    ("psk2+ccmp", "[WPA2-PSK-CCMP]"),
    ("psk2+tkip+ccmp", "[WPA2-PSK-TKIP+CCMP]"),
    ("sae-mixed", "[RSN-PSK+SAE]"),
    // macOS. Its names of modes follow `spairport_security_mode_`.
    ("Dynamic WEP", "[WEP]"),
    ("dynamic_wep", "[WEP]"),
    ("Enhanced Open", "[RSN-OWE]"),
    ("wpa_personal_mixed", "[WPA-PSK][WPA2-PSK]"),
    ("wpa2_personal_mixed", "[WPA-PSK][WPA2-PSK]"),
    ("wpa3_transition", "[RSN-PSK+SAE]"),
    ("wpa3_personal_transition", "[RSN-PSK+SAE]"),
]);
/// Prefixes of macOS' names of modes. Some lack the first letter.
const MACOS_PREFIXES: [&str; 2] = ["spairport_security_mode_", "pairport_security_mode_"];
/// The string for numbers that are not in the table.
const UNKNOWN: &str = "[UNKNOWN]";

/// A list of names, each with the equivalent capabilities string. Case does not matter.
struct Names<const COUNT: usize> {
    entries: [(&'static str, &'static str); COUNT],
    /// The first bytes of the names of each length, as a set of bits: see [`first_bit`]. It rules out most texts without
    /// a look at the names.
    firsts: [u32; NAME_BYTES_MAX + 1],
}

/// No name is longer.
const NAME_BYTES_MAX: usize = 31;

impl<const COUNT: usize> Names<COUNT> {
    #[expect(
        clippy::indexing_slicing,
        reason = "runs in the compiler, where a wrong index ends the build"
    )]
    const fn new(entries: [(&'static str, &'static str); COUNT]) -> Self {
        let mut firsts = [0; NAME_BYTES_MAX + 1];
        let mut at = 0;
        while at < COUNT {
            let name = entries[at].0.as_bytes();
            firsts[name.len()] |= first_bit(name[0]);
            at += 1;
        }
        Self { entries, firsts }
    }

    fn meaning(&self, name: &str) -> Option<&'static str> {
        let first = name.bytes().next()?;
        if self.firsts.get(name.len())? & first_bit(first) == 0 {
            return None;
        }
        self.entries
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, text)| *text)
    }
}

/// A bit for the lower five bits of a byte. They are the same for both cases of a letter.
const fn first_bit(first: u8) -> u32 {
    1 << (first & 31)
}

/// The capabilities string for a bare name or number.
pub(super) fn spelled_out(name: &str) -> Option<&'static str> {
    let name = name.trim_ascii();
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
        let number = name.parse().ok();
        let mode = number
            .filter(|number| !AMBIGUOUS.contains(number))
            .and_then(|number| MODES.entries.get(number));
        return Some(mode.map_or(UNKNOWN, |(_, text)| text));
    }
    if let Some(short) = without_prefix(name, "ENC_TYPE_") {
        return ENCRYPTION_TYPES.meaning(short);
    }
    let short = ["WIFI_AUTH_", "AUTH_"]
        .into_iter()
        .find_map(|prefix| without_prefix(name, prefix));
    let short = short.unwrap_or(name);
    MODES
        .meaning(short)
        .or_else(|| RENAMED.meaning(short))
        .or_else(|| PHRASES.meaning(name))
}

/// The name of a security mode of macOS without its prefix. It follows the notation.
pub(super) fn macos_mode(name: &str) -> Option<&str> {
    let mut prefixes = MACOS_PREFIXES.into_iter();
    prefixes.find_map(|prefix| without_prefix(name.trim_ascii(), prefix))
}

fn without_prefix<'n>(name: &'n str, prefix: &str) -> Option<&'n str> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}
