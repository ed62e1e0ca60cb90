//! Generated capabilities strings of every dialect, whole and damaged.

use super::random::Random;

/// Words of protocols. Here and in the other lists, frequent ones occur more than once.
const WORDS: &str =
    "WPA WPA2 WPA2 RSN RSN RSN WPA3 WPA1 RSNO OSEN WAPI None ? WPA_WPA2 WPA2_WPA3 WPA-WPA2";
const AKMS: &str = "PSK PSK PSK SAE SAE EAP EAP/SHA1 802.1X ENTERPRISE MGT FT/EAP FT/PSK EAP-SHA256 EAP/SHA256 \
    PSK-SHA256 FT/SAE EAP-SUITE-B EAP_SUITE_B_192 EAP-SUITE-B-192 SUITE_B_192 SUITE-B-192 \
    FT/EAP_SUITE_B_192 EAP-FT-SHA384 EAP-FILS-SHA256 EAP-FILS-SHA384 FILS-SHA256 FILS-SHA384 \
    FT-FILS-SHA256 FT-FILS-SHA384 OWE OWE OWE_TRANSITION FT/PSK-SHA384 PSK-SHA384 PASN EAP-SHA384 \
    SAE_EXT_KEY SAE-EXT-KEY FT/SAE_EXT_KEY OSEN DPP WAPI-PSK WAPI-CERT CERT None ?";
const CIPHERS: &str = "CCMP CCMP CCMP CCMP-128 AES TKIP TKIP CCMP-256 GCMP GCMP-128 GCMP-256 GCMP-56 CCMP-64 WEP40 WEP-104 \
    SMS4 NONE None ? AES-128-CMAC BIP-GMAC-256 UNKNOWN";
const FLAGS: &str = "ESS ESS ESS ESS WPS WPS MFPC MFPR IBSS MESH PBSS WPS-PBC WPS-PIN WPS-AUTH WEP WEP40 WEP-104 OPEN \
    Open NONE OWE-TRANS OWE-TRANS-OPEN SAE-H2E SAE-PK P2P HS20 PASSPOINT FILS FST UTF-8 EDMG DMG RSNO \
    WFA-HT WFA-VHT WFA-HE SEC80 SECD00 BLE UNDEFINED UNKNOWN SAE LE WPS-capabilities";
/// Unknown words.
const STRANGE: [&str; 12] = [
    "FOO",
    "x",
    "WPA4",
    "CCMPX",
    "PSKSHA256",
    "Über",
    "日本",
    "GCMP-1x",
    "EAP/SHA",
    "",
    "/PSK",
    "FT",
];
const FOREIGN: [&str; 16] = [
    "[",
    "]",
    "[[",
    "]]",
    "-",
    "+",
    "_",
    "/",
    " ",
    "\t",
    ",",
    ";",
    "|",
    "é",
    "\u{0}",
    "\u{1f600}",
];
const JOINTS: [&str; 8] = ["-", "-", "-", "-", "-", "_", "+", "--"];

fn word(random: &mut Random, words: &'static str) -> &'static str {
    let words: Vec<_> = words.split(' ').collect();
    random.pick(&words)
}

/// Generates a string. Two thirds are valid in some dialect, one third is damaged.
pub(crate) fn generated(random: &mut Random) -> String {
    let mut tokens: Vec<String> = (0..=random.below(5)).map(|_| token(random)).collect();
    if random.is_one_of_100(5) {
        let between = random.pick(&[" ", ",", ";", "|"]);
        return tokens.join(between);
    }
    if random.is_one_of_100(10) {
        tokens.push(random.pick(&STRANGE).to_owned());
    }
    let joint = if random.is_one_of_100(5) { "] [" } else { "][" };
    let mut text = format!("[{}]", tokens.join(joint));
    while random.is_one_of_100(25) {
        damage(random, &mut text);
    }
    text
}

fn token(random: &mut Random) -> String {
    if random.is_one_of_100(40) {
        return word(random, FLAGS).to_owned();
    }
    let mut token = if random.is_one_of_100(95) {
        word(random, WORDS).to_owned()
    } else {
        String::new()
    };
    list(random, &mut token, AKMS, 3);
    list(random, &mut token, CIPHERS, 2);
    if random.is_one_of_100(5) {
        token.push_str("-preauth");
    }
    token
}

/// Adds up to this many names, mostly one.
fn list(random: &mut Random, token: &mut String, names: &'static str, max: u32) {
    let count = if random.is_one_of_100(60) {
        1
    } else {
        random.below(max + 1)
    };
    for at in 0..count {
        if !token.is_empty() {
            let joint = random.pick(&JOINTS);
            token.push_str(if at == 0 { joint } else { "+" });
        }
        let unknown = random.is_one_of_100(2);
        token.push_str(if unknown {
            random.pick(&STRANGE)
        } else {
            word(random, names)
        });
    }
}

/// Removes, repeats or inserts a piece, or changes its case.
fn damage(random: &mut Random, text: &mut String) {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let at = random.pick(&places);
    match random.below(5) {
        0 => text.truncate(at),
        1 => text.insert_str(at, random.pick(&FOREIGN)),
        2 => text.insert_str(at, random.pick(&STRANGE)),
        3 if at < text.len() => {
            text.remove(at);
        }
        _ => {
            let tail = text.split_off(at);
            text.push_str(&tail.to_ascii_lowercase());
        }
    }
}
