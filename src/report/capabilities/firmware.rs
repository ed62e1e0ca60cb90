//! Closed lists of words and numbers that some scanners send in place of a capabilities string: `wifi_auth_mode_t` of
//! ESP-IDF, `wl_enc_type` of the ESP8266 and other Arduino boards, enumerations of Windows and Android, options of
//! `OpenWrt`, and words of Windows, macOS and `nmcli`.

use super::{Cipher, CipherSet};

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
    // The list has no name for WPA2 beside WPA3.
    ("WPA3", "[WPA3-PERSONAL]"),
    ("UNKNOWN", UNKNOWN),
]);
/// Names of `DOT11_AUTH_ALGORITHM` (`wlantypes.h`) without `DOT11_AUTH_ALGO_`. Windows' `WPA` and `RSNA` are those with
/// an authentication server.
static WINDOWS_ALGORITHMS: Names<12> = Names::new([
    ("80211_OPEN", "[OPEN]"),
    ("80211_SHARED_KEY", "[WEP]"),
    ("WPA", "[WPA-ENTERPRISE]"),
    ("WPA_PSK", "[WPA-PERSONAL]"),
    ("WPA_NONE", "[WPA-NONE]"),
    ("RSNA", "[WPA2-ENTERPRISE]"),
    ("RSNA_PSK", "[WPA2-PERSONAL]"),
    ("WPA3", "[RSN-EAP_SUITE_B_192]"),
    ("WPA3_ENT_192", "[RSN-EAP_SUITE_B_192]"),
    ("WPA3_SAE", "[WPA3-PERSONAL]"),
    ("WPA3_ENT", "[WPA3-ENTERPRISE]"),
    ("OWE", "[RSN-OWE]"),
]);
/// Names of Android's `SECURITY_TYPE_…` (`WifiInfo`) without the prefix. `PSK` and `EAP` are missing: each stands for
/// WPA and for WPA2, and is read by the notation, with the prefix as a leftover.
static ANDROID_TYPES: Names<11> = Names::new([
    ("OPEN", "[OPEN]"),
    ("WEP", "[WEP]"),
    ("SAE", "[WPA3-PERSONAL]"),
    ("OWE", "[RSN-OWE]"),
    ("WAPI_PSK", "[WAPI-WAPI-PSK]"),
    ("WAPI_CERT", "[WAPI-WAPI-CERT]"),
    ("EAP_WPA3_ENTERPRISE", "[WPA3-ENTERPRISE]"),
    ("EAP_WPA3_ENTERPRISE_192_BIT", "[RSN-EAP_SUITE_B_192]"),
    ("OSEN", "[OSEN]"),
    ("DPP", "[RSN-DPP]"),
    ("UNKNOWN", UNKNOWN),
]);
/// nmcli's text for an access point without any protection.
const NMCLI_OPEN: &str = "--";
/// Words of other lists that do not follow the notation. A blank, a dash and a low line count as the same.
static PHRASES: Names<38> = Names::new([
    // Windows: netsh, the names in its profiles, `NetworkAuthenticationType`, and libraries for .NET.
    ("WPA3-Enterprise 192 bits", "[RSN-EAP_SUITE_B_192]"),
    ("WPA3-Enterprise 192-bit", "[RSN-EAP_SUITE_B_192]"),
    ("Wpa3Enterprise192Bits", "[RSN-EAP_SUITE_B_192]"),
    ("WPAPSK", "[WPA-PSK]"),
    ("WPA2PSK", "[WPA2-PERSONAL]"),
    ("WPAPSK/WPA2PSK", "[WPA-PSK][WPA2-PSK]"),
    ("WPA3SAE", "[WPA3-PERSONAL]"),
    ("WPA3ENT", "[WPA3-ENTERPRISE]"),
    ("WPA3ENT192", "[RSN-EAP_SUITE_B_192]"),
    ("Wpa3Enterprise", "[WPA3-ENTERPRISE]"),
    ("WpaNone", "[WPA-NONE]"),
    ("RsnaPsk", "[WPA2-PERSONAL]"),
    ("RSNA_PSK", "[WPA2-PERSONAL]"),
    ("Rsna", "[WPA2-ENTERPRISE]"),
    ("Open80211", "[OPEN]"),
    ("80211_OPEN", "[OPEN]"),
    ("IEEE80211_Open", "[OPEN]"),
    ("SharedKey80211", "[WEP]"),
    ("80211_SHARED_KEY", "[WEP]"),
    ("IEEE80211_SharedKey", "[WEP]"),
    ("Shared Key", "[WEP]"),
    // airodump-ng.
    ("OPN", "[OPEN]"),
    // macOS. Its names of modes follow `spairport_security_mode_`.
    ("Dynamic WEP", "[WEP]"),
    ("Enhanced Open", "[RSN-OWE]"),
    ("WPA Personal Mixed", WPA_WPA2_PERSONAL),
    ("WPA2 Personal Mixed", WPA_WPA2_PERSONAL),
    ("WPA Enterprise Mixed", WPA_WPA2_ENTERPRISE),
    ("WPA2 Enterprise Mixed", WPA_WPA2_ENTERPRISE),
    ("WPA3 Transition", WPA2_WPA3_PERSONAL),
    ("WPA3 Transition Mode", WPA2_WPA3_PERSONAL),
    ("WPA3 Personal Transition", WPA2_WPA3_PERSONAL),
    ("WPA3 Personal Transition Mode", WPA2_WPA3_PERSONAL),
    ("WPA3 Personal (Transition)", WPA2_WPA3_PERSONAL),
    ("WPA3 SAE Transition", WPA2_WPA3_PERSONAL),
    ("WPA3 SAE Transition Mode", WPA2_WPA3_PERSONAL),
    ("WPA3 Enterprise Transition", WPA2_WPA3_ENTERPRISE),
    ("WPA3 Enterprise Transition Mode", WPA2_WPA3_ENTERPRISE),
    ("WPA3 Enterprise (Transition)", WPA2_WPA3_ENTERPRISE),
]);
/// `OpenWrt`'s `option encryption`, without the ciphers behind it (`wireless_vif_parse_encryption`).
static OPENWRT: Names<11> = Names::new([
    ("wep+open", "[WEP]"),
    ("wep+shared", "[WEP]"),
    ("wep-open", "[WEP]"),
    ("wep-shared", "[WEP]"),
    ("wep-mixed", "[WEP]"),
    ("psk2", "[WPA2-PSK]"),
    ("psk3", "[RSN-SAE]"),
    ("psk-mixed", WPA_WPA2_PERSONAL),
    ("psk+psk2", WPA_WPA2_PERSONAL),
    ("psk3-mixed", WPA2_WPA3_PERSONAL),
    ("sae-mixed", WPA2_WPA3_PERSONAL),
]);
const WPA_WPA2_PERSONAL: &str = "[WPA-PSK][WPA2-PSK]";
const WPA_WPA2_ENTERPRISE: &str = "[WPA-EAP][WPA2-EAP]";
const WPA2_WPA3_PERSONAL: &str = "[RSN-PSK+SAE]";
const WPA2_WPA3_ENTERPRISE: &str = "[WPA2-EAP][WPA3-EAP]";
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
        self.find(name, str::eq_ignore_ascii_case)
    }

    /// The meaning of a phrase, whatever joins its words.
    fn meaning_of_phrase(&self, phrase: &str) -> Option<&'static str> {
        self.find(phrase, |known, phrase| {
            known.bytes().map(folded).eq(phrase.bytes().map(folded))
        })
    }

    fn find(&self, name: &str, is_same: impl Fn(&str, &str) -> bool) -> Option<&'static str> {
        let first = name.bytes().next()?;
        if self.firsts.get(name.len())? & first_bit(first) == 0 {
            return None;
        }
        self.entries
            .iter()
            .find(|(known, _)| known.len() == name.len() && is_same(known, name))
            .map(|(_, text)| *text)
    }
}

/// Folds case and what joins words.
const fn folded(byte: u8) -> u8 {
    match byte {
        b' ' | b'_' => b'-',
        byte => byte.to_ascii_lowercase(),
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
    if let Some(short) = without_prefix(name, "DOT11_AUTH_ALGO_") {
        return WINDOWS_ALGORITHMS.meaning(short);
    }
    if let Some(short) = without_prefix(name, "SECURITY_TYPE_") {
        return ANDROID_TYPES.meaning(short);
    }
    if name == NMCLI_OPEN {
        return Some("[OPEN]");
    }
    let short = ["WIFI_AUTH_", "AUTH_"]
        .into_iter()
        .find_map(|prefix| without_prefix(name, prefix));
    let short = short.unwrap_or(name);
    MODES
        .meaning(short)
        .or_else(|| RENAMED.meaning(short))
        .or_else(|| PHRASES.meaning_of_phrase(name))
}

/// The capabilities string for an option of `OpenWrt`, and the ciphers behind it: `psk-mixed+tkip+ccmp`.
///
/// Options that mean something else to other programs count only as `OpenWrt` writes them, in small letters: `WPA-Mixed`
/// is a word of routers, and says nothing of an authentication server. `psk` without ciphers, `wpa`, `wpa2` and `wpa3`
/// are left to the notation.
pub(super) fn openwrt_option(text: &str) -> Option<(&'static str, CipherSet)> {
    let option = text.trim_ascii();
    if let Some(meaning) = OPENWRT.meaning(option) {
        return Some((meaning, CipherSet::EMPTY));
    }
    let (mode, names) = match option.split_once('+') {
        Some((mode, names)) => (mode, Some(names)),
        None => (option, None),
    };
    let meaning = match mode {
        "psk" => names.and(Some("[WPA-PSK]")),
        "wpa-mixed" => Some(WPA_WPA2_ENTERPRISE),
        "wpa3-mixed" => Some(WPA2_WPA3_ENTERPRISE),
        "wpa3-192" => Some("[RSN-EAP_SUITE_B_192-GCMP-256]"),
        _ => OPENWRT.meaning(mode),
    }?;
    let mut ciphers = CipherSet::EMPTY;
    for name in names.into_iter().flat_map(|names| names.split('+')) {
        ciphers.insert(match name {
            "tkip" => Cipher::Tkip,
            "ccmp" | "aes" => Cipher::Ccmp,
            "ccmp256" => Cipher::Ccmp256,
            "gcmp" => Cipher::Gcmp,
            "gcmp256" => Cipher::Gcmp256,
            _ => return None,
        });
    }
    Some((meaning, ciphers))
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
