//! Kismet's text for the security of a network, as capabilities.

/// Bits of `crypt_bitfield` for key managements that Kismet's text does not name, or names wrongly.
const SAE: u64 = 1 << 44 | 1 << 45;
const OWE: u64 = 1 << 54;
const WPS: u64 = 1 << 57;

/// `WPA2 WPA2-PSK AES-CCMP` as `[WPA2-PSK-CCMP][ESS]`. Empty if the text tells nothing. `bits` is `crypt_bitfield`, or 0.
pub(super) fn capabilities(text: &str, bits: u64) -> String {
    let text = text.trim().to_ascii_uppercase();
    let words: Vec<&str> = text
        .split(|mark: char| mark.is_whitespace() || matches!(mark, '+' | ','))
        .filter(|word| !word.is_empty())
        .collect();
    if matches!(words.as_slice(), [] | ["UNKNOWN"]) {
        return String::new();
    }
    let mut capabilities = protocols(&words, bits);
    if capabilities.is_empty() {
        if words.iter().any(|word| word.starts_with("WEP")) {
            capabilities.push_str("[WEP]");
        } else if !matches!(words.as_slice(), ["OPEN" | "NONE", ..]) {
            // No known version. The reader of capabilities may know these words.
            return text;
        }
    }
    if bits & WPS != 0 || words.contains(&"WPS") {
        capabilities.push_str("[WPS]");
    }
    capabilities + "[ESS]"
}

/// A block for each version of WPA.
fn protocols(words: &[&str], bits: u64) -> String {
    let mut protocols: Vec<(&str, Vec<&str>)> = Vec::new();
    for word in words {
        let (version, kind) = word.split_once('-').unwrap_or((word, ""));
        let name = match version {
            "WPA3" => "RSN",
            "WPA2" => "WPA2",
            "WPA1" | "WPA" => "WPA",
            _ => continue,
        };
        let known = protocols.iter().position(|(known, _)| *known == name);
        let at = known.unwrap_or_else(|| {
            protocols.push((name, Vec::new()));
            protocols.len() - 1
        });
        if let (Some((_, kinds)), Some(kind)) = (protocols.get_mut(at), kind_of(kind, bits))
            && !kinds.contains(&kind)
        {
            kinds.push(kind);
        }
    }
    // Older versions write the kinds as words of their own.
    let mut alone: Vec<&str> = Vec::new();
    for kind in words.iter().filter_map(|word| kind_of(word, bits)) {
        if !alone.contains(&kind) {
            alone.push(kind);
        }
    }
    let ciphers = ciphers(words);
    let mut text = String::new();
    for (name, kinds) in protocols {
        let kinds = if kinds.is_empty() { &alone } else { &kinds };
        let parts = [name.to_owned(), kinds.join("+"), ciphers.clone()];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        text.extend(["[", &parts.join("-"), "]"]);
    }
    text
}

fn kind_of(word: &str, bits: u64) -> Option<&'static str> {
    Some(match word {
        "PSK" => "PSK",
        // Kismet writes SAE for OWE.
        "SAE" if bits & OWE != 0 && bits & SAE == 0 => "OWE",
        "SAE" => "SAE",
        "OWE" => "OWE",
        "FILS" => "FILS",
        "PEAP" | "LEAP" | "TTLS" | "TLS" => "EAP",
        word if word == "EAP" || word.starts_with("EAP-") => "EAP",
        _ => return None,
    })
}

fn ciphers(words: &[&str]) -> String {
    let known = [
        ("TKIP", "TKIP"),
        ("AES-CCM", "CCMP"),
        ("CCMP", "CCMP"),
        ("AES-GCM", "GCMP"),
    ];
    let mut ciphers: Vec<&str> = Vec::new();
    for (beginning, cipher) in known {
        let is_named = words.iter().any(|word| word.starts_with(beginning));
        if is_named && !ciphers.contains(&cipher) {
            ciphers.push(cipher);
        }
    }
    ciphers.join("+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_brackets() {
        for (text, expected) in [
            ("", ""),
            ("Unknown", ""),
            ("Open", "[ESS]"),
            ("WEP", "[WEP][ESS]"),
            ("WEP104", "[WEP][ESS]"),
            ("WPA2 WPA2-PSK AES-CCMP", "[WPA2-PSK-CCMP][ESS]"),
            ("WPA1 WPA1-PSK TKIP", "[WPA-PSK-TKIP][ESS]"),
            ("WPA2 WPA2-PSK TKIP AES-CCMP", "[WPA2-PSK-TKIP+CCMP][ESS]"),
            (
                "WPA1 WPA1-PSK WPA2 WPA2-PSK TKIP AES-CCMP",
                "[WPA-PSK-TKIP+CCMP][WPA2-PSK-TKIP+CCMP][ESS]",
            ),
            ("WPA3 WPA3-PSK WPA3-SAE AES-CCMP", "[RSN-PSK+SAE-CCMP][ESS]"),
            (
                "WPA3 WPA3-SAE AES-CCMP AES-BIP-CMAC128",
                "[RSN-SAE-CCMP][ESS]",
            ),
            ("WPA2 WPA2-EAP AES-CCMP", "[WPA2-EAP-CCMP][ESS]"),
            ("WPA2 WPA2-EAP-FT AES-CCMP", "[WPA2-EAP-CCMP][ESS]"),
            ("WPA+PSK+AES-CCM", "[WPA-PSK-CCMP][ESS]"),
            ("WPA AES-CCMP", "[WPA-CCMP][ESS]"),
            ("Layer3", "LAYER3"),
        ] {
            assert_eq!(capabilities(text, 0), expected, "{text}");
        }
    }

    #[test]
    fn bits_tell_what_the_words_do_not() {
        let both = "WPA3 WPA3-SAE AES-CCMP";
        assert_eq!(capabilities(both, OWE), "[RSN-OWE-CCMP][ESS]");
        assert_eq!(capabilities(both, OWE | 1 << 44), "[RSN-SAE-CCMP][ESS]");
        assert_eq!(
            capabilities("WPA2 WPA2-PSK AES-CCMP", WPS),
            "[WPA2-PSK-CCMP][WPS][ESS]"
        );
    }
}
