//! A second, slow decoder that works on whole texts and lists. Tests compare the real decoder with it.
#![expect(
    clippy::string_slice,
    reason = "a test may panic, and cuts are made where ASCII stands"
)]

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use super::super::{Akm, Cipher, Flag, Protocol, Security, Topology, Wps, leftovers};

type Names = BTreeSet<&'static str>;

/// The statements of a string, in canonical names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plain {
    protocols: Names,
    /// Key managements and ciphers of WPA, of RSN, and of all others.
    akms: [Names; 3],
    ciphers: [Names; 3],
    flags: Names,
    wps: Placed,
    pmf: Placed,
    topology: Placed,
    wpa3: bool,
    open: bool,
    damaged: bool,
    leftovers: Vec<String>,
    /// The words of the blocks with IEEE 802.1X, while a string is read.
    eap_words: Names,
}

/// Bare names of ESP-IDF and `OpenWrt` whose meaning does not follow from the notation.
const BARE_NAMES: [(&str, &str); 15] = [
    ("WPA3_PSK", "[RSN-SAE]"),
    ("WPA2_WPA3_PSK", "[RSN-SAE+PSK]"),
    ("WAPI_PSK", "[WAPI-PSK-SMS4]"),
    ("WPA3_ENT_192", "[RSN-SUITE_B_192-GCMP-256]"),
    ("WPA3_EXT_PSK", "[RSN-SAE_EXT_KEY]"),
    ("WPA3_EXT_PSK_MIXED_MODE", "[RSN-SAE_EXT_KEY+SAE]"),
    ("WPA2_WPA3_ENTERPRISE", "[RSN-EAP+EAP-SHA256][MFPC]"),
    ("WPA_ENTERPRISE", "[WPA-EAP]"),
    ("psk-mixed", "[WPA-PSK][WPA2-PSK]"),
    ("sae-mixed", "[RSN-PSK+SAE]"),
    ("wep+open", "[WEP]"),
    ("wep+shared", "[WEP]"),
    ("wep-open", "[WEP]"),
    ("wep-shared", "[WEP]"),
    ("wep-mixed", "[WEP]"),
];

/// Phrases of macOS. What joins their words does not matter.
const PHRASES: [(&str, &str); 4] = [
    ("WPA-PERSONAL-MIXED", "[WPA-PSK][WPA2-PSK]"),
    ("WPA2-PERSONAL-MIXED", "[WPA-PSK][WPA2-PSK]"),
    ("WPA-ENTERPRISE-MIXED", "[WPA-EAP][WPA2-EAP]"),
    ("WPA2-ENTERPRISE-MIXED", "[WPA-EAP][WPA2-EAP]"),
];

const WPA: usize = 0;
const RSN: usize = 1;
const OTHER: usize = 2;

/// A list of names with their meanings.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum List {
    Akms,
    Ciphers,
    /// A key management if it is the first of its block, a cipher otherwise.
    ByPlace,
    /// Names with special meanings.
    Special,
    Flags,
    Words,
    /// In the following lists, the later of two statements in the list counts.
    Topologies,
    WpsWords,
    PmfWords,
}

impl List {
    const ALL: [Self; 9] = [
        Self::Special,
        Self::Akms,
        Self::Ciphers,
        Self::ByPlace,
        Self::Flags,
        Self::Words,
        Self::Topologies,
        Self::WpsWords,
        Self::PmfWords,
    ];

    /// Spellings in capitals with dashes as joints, each with its canonical name if that differs.
    fn entries(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let entries = match self {
            Self::Akms => {
                "PSK SAE OWE DPP PASN OSEN WAPI-PSK WAPI-CERT OWE-TRANSITION PSK-SHA256 PSK-SHA384 FT-PSK \
    FT-PSK-SHA384 FT-SAE SAE-EXT FT-SAE-EXT EAP FT-EAP EAP-SHA256 EAP-SHA384 EAP-SUITE-B EAP-SUITE-B-192 \
    FT-EAP-SHA384 FILS-SHA256 FILS-SHA384 FT-FILS-SHA256 FT-FILS-SHA384 EAP-SHA1=EAP 802.1X=EAP ENTERPRISE=EAP \
    MGT=EAP SUITE-B-192=EAP-SUITE-B-192 FT-EAP-SUITE-B-192=FT-EAP-SHA384 EAP-FT-SHA384=FT-EAP-SHA384 \
    EAP-FILS-SHA256=FILS-SHA256 EAP-FILS-SHA384=FILS-SHA384 EAP-FT-FILS-SHA256=FT-FILS-SHA256 \
    EAP-FT-FILS-SHA384=FT-FILS-SHA384 SAE-EXT-KEY=SAE-EXT FT-SAE-EXT-KEY=FT-SAE-EXT PERSONAL=PSK ENT=EAP \
    ENT-192=EAP-SUITE-B-192"
            }
            Self::Ciphers => {
                "TKIP CCMP CCMP-256 GCMP GCMP-256 WEP-40 WEP-104 SMS4 BIP-CMAC-128 BIP-CMAC-256 BIP-GMAC-128 \
    BIP-GMAC-256 AES=CCMP CCMP-128=CCMP GCMP-128=GCMP WEP40=WEP-40 WEP104=WEP-104 AES-128-CMAC=BIP-CMAC-128"
            }
            Self::Special => "PREAUTH CERT",
            Self::ByPlace => "NONE ?  UNKNOWN=?",
            Self::Flags => {
                "RSNO SAE-H2E H2E=SAE-H2E SAE-PK OWE-TRANS P2P HS20 PASSPOINT FILS FST UTF-8 EDMG DMG WFA-HT WFA-VHT WFA-HE \
    SEC80 SECD00 BLE"
            }
            Self::Topologies => "ESS=AP PBSS IBSS=ad-hoc MESH=mesh",
            Self::WpsWords => "WPS=yes WPS-PIN=pin WPS-AUTH=auth WPS-PBC=pbc",
            Self::PmfWords => "MFPC=capable MFPR=required",
            Self::Words => "WPA WPA1=WPA WPA2=RSN RSN WPA3 RSNO OSEN WAPI NONE ?",
        };
        entries
            .split_whitespace()
            .map(|entry| entry.split_once('=').unwrap_or((entry, entry)))
    }
}

/// The meanings of a name in several lists.
static MEANINGS: LazyLock<HashMap<&str, Vec<(List, Placed)>>> = LazyLock::new(|| {
    let mut meanings = HashMap::<_, Vec<_>>::new();
    for list in List::ALL {
        for (place, (spelling, meaning)) in list.entries().enumerate() {
            let of_name = meanings.entry(spelling).or_default();
            of_name.push((list, Some((place, meaning))));
        }
    }
    meanings
});

/// A meaning, and its index in the list.
type Placed = Option<(usize, &'static str)>;

/// The first of these lists that has a name, and the meaning there.
fn look_up(lists: &[List], name: &str) -> Option<(List, Placed)> {
    let mut meanings = MEANINGS.get(name)?.iter().copied();
    meanings.find(|(list, _)| lists.contains(list))
}

fn canonical(list: List, name: &str) -> Option<&'static str> {
    look_up(&[list], name)?.1.map(|(_, meaning)| meaning)
}

/// Folds case and joints, which do not matter.
fn folded(text: &str) -> String {
    text.to_ascii_uppercase().replace(['_', '/'], "-")
}

fn placed(list: List, meaning: Option<&'static str>) -> Placed {
    let place = list.entries().position(|entry| Some(entry.1) == meaning);
    place.zip(meaning)
}

fn is_separator(character: char) -> bool {
    "-+_/".contains(character)
}

fn is_version(word: &str) -> bool {
    ["WPA", "RSN", "WPA3"].contains(&word)
}

/// The text without the group ciphers that macOS writes: `WPA2(PSK/AES/TKIP)` becomes `WPA2(PSK/AES)`.
fn without_group_ciphers(raw: &str) -> String {
    let (mut text, mut rest) = (String::new(), raw);
    while let Some((before, behind)) = rest.split_once('(') {
        text += before;
        text.push('(');
        rest = behind;
        let follows_a_token = before.chars().last().is_some_and(|last| !ends_token(last));
        let Some((inside, _)) = behind.split_once(')').filter(|_| follows_a_token) else {
            continue;
        };
        if let Some((suites, _)) = inside
            .rsplit_once('/')
            .filter(|(suites, _)| suites.contains('/'))
        {
            text += suites;
            rest = &behind[inside.len()..];
        }
    }
    text + rest
}

/// Whether a character ends a token of a string without brackets.
fn ends_token(character: char) -> bool {
    character.is_ascii_whitespace() || ",;|()".contains(character)
}

impl Plain {
    pub(super) fn read(raw: &str) -> Self {
        let mut plain = Self::default();
        if raw.contains(['[', ']']) {
            let mut pieces = raw.split('[');
            let outside = pieces.next().unwrap_or_default();
            plain.damaged |= !outside.trim_ascii().is_empty();
            for piece in pieces {
                let (token, behind) = piece.split_once(']').unwrap_or((piece, "x"));
                plain.damaged |= !behind.trim_ascii().is_empty();
                let mut rest = token;
                while !rest.is_empty() {
                    (_, rest) = plain.token(rest, Names::new(), false);
                }
            }
        } else if let Some((_, text)) = BARE_NAMES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(raw.trim_ascii()))
        {
            return Self::read(text);
        } else if let Some((_, text)) = PHRASES.iter().find(|(phrase, _)| {
            let joined = raw.trim_ascii().replace([' ', '_'], "-");
            phrase.eq_ignore_ascii_case(&joined)
        }) {
            return Self::read(text);
        } else {
            let (mut inherited, mut is_list) = (Names::new(), false);
            for token in without_group_ciphers(raw).split(ends_token) {
                let mut rest = token;
                while !rest.is_empty() {
                    let (mut versions, end) = words(rest, &folded(rest));
                    if end < rest.len() || !versions.iter().all(|word| is_version(word)) {
                        versions.clear();
                    }
                    let before = is_list.then(|| inherited.clone());
                    (inherited, rest) = plain.token(rest, inherited, true);
                    is_list = !versions.is_empty();
                    if is_list {
                        inherited = versions
                            .into_iter()
                            .chain(before.unwrap_or_default())
                            .collect();
                    }
                }
            }
        }
        let eap_words = std::mem::take(&mut plain.eap_words);
        if eap_words.contains("RSN") && eap_words.contains("WPA3") {
            plain.akms[RSN].insert("EAP-SHA256");
        }
        plain
    }

    /// Reads a token up to the next version of WPA in it. Returns the words that applied, and the rest of the token.
    fn token<'t>(&mut self, token: &'t str, inherited: Names, is_bare: bool) -> (Names, &'t str) {
        let name = folded(token);
        if self.flag(token, &name, is_bare) {
            return (inherited, "");
        }
        let (own, start) = words(token, &name);
        let words = if own.is_empty() { &inherited } else { &own };
        let block = Block::read(&token[start..], &name[start..], words.contains("WAPI"));
        let (part, rest) = token.split_at(start + block.length);
        if own.is_empty() && block.akms.is_empty() && block.ciphers.is_empty() {
            let part = if rest.is_empty() {
                part
            } else {
                part.trim_end_matches(is_separator)
            };
            self.leftovers.push(part.to_owned());
            return (inherited, rest);
        }
        self.leftovers.extend(block.leftovers.iter().cloned());
        self.block(words.clone(), block);
        (if own.is_empty() { inherited } else { own }, rest)
    }

    fn flag(&mut self, token: &str, name: &str, is_bare: bool) -> bool {
        const LISTS: [List; 4] = [
            List::Flags,
            List::Topologies,
            List::WpsWords,
            List::PmfWords,
        ];
        if let Some((list, meaning)) = look_up(&LISTS, name) {
            match list {
                List::Topologies => self.topology = self.topology.max(meaning),
                List::WpsWords => self.wps = self.wps.max(meaning),
                List::PmfWords => self.pmf = self.pmf.max(meaning),
                _ => self.flags.extend(meaning.map(|(_, flag)| flag)),
            }
            return true;
        }
        match name {
            "OPEN" | "NONE" => self.open = true,
            "AUTH" | "MIXED" | "SYSTEM" if is_bare => {}
            "UNDEFINED" | "UNKNOWN" | "AUTH" | "MIXED" | "SYSTEM" => {
                self.leftovers.push(token.to_owned());
            }
            "OWE-TRANS-OPEN" => {
                self.akms[OTHER].insert("OWE-TRANSITION");
            }
            "WEP" | "WEP40" | "WEP-40" | "WEP104" | "WEP-104" | "SHARED" | "OPEN-SHARED" => {
                self.protocols.insert("WEP");
                self.ciphers[OTHER].extend(canonical(List::Ciphers, name));
            }
            _ => return false,
        }
        true
    }

    fn block(&mut self, mut words: Names, mut block: Block) {
        if block.akms.remove("OWE-TRANSITION") {
            self.akms[OTHER].insert("OWE-TRANSITION");
            if block.akms.is_empty() {
                return;
            }
        }
        words.remove("NONE");
        if words.is_empty() {
            if block.akms.is_empty() && block.ciphers.is_empty() {
                return;
            }
            if block.akms.is_empty() {
                if block.ciphers.iter().any(|cipher| cipher.starts_with("WEP")) {
                    self.protocols.insert("WEP");
                }
            } else {
                words.insert("RSN");
            }
        }
        if block.preauth {
            self.flags.insert("preauth");
        }
        if words.contains("RSNO") {
            self.flags.insert("RSNO");
        }
        if block.akms.contains("EAP") {
            self.eap_words.extend(&words);
        }
        let by_wpa3 = words.contains("WPA3");
        self.wpa3 |= by_wpa3;
        let mut places = BTreeSet::new();
        for word in words.iter().copied() {
            places.insert(match word {
                "WPA" => WPA,
                "RSN" | "WPA3" | "RSNO" => RSN,
                _ => OTHER,
            });
            match word {
                "?" => {
                    self.akms[OTHER].insert("?");
                }
                "WPA3" | "RSNO" => {
                    self.protocols.insert("RSN");
                }
                _ => {
                    self.protocols.insert(word);
                }
            }
        }
        if words.is_empty() {
            places.insert(OTHER);
        }
        for place in places {
            let mut akms = block.akms.clone();
            if place == RSN && by_wpa3 && akms.contains("PSK") && !akms.contains("SAE") {
                akms.insert("SAE");
                if !words.contains("RSN") {
                    akms.remove("PSK");
                }
            }
            self.akms[place].extend(akms);
            self.ciphers[place].extend(&block.ciphers);
        }
    }
}

/// The protocol words at the start of a token, and the position after them.
fn words(token: &str, name: &str) -> (Names, usize) {
    let (mut words, mut start) = (Names::new(), 0);
    loop {
        let rest = &token[start..];
        let end = start + rest.find(is_separator).unwrap_or(rest.len());
        let is_last = !token[end..].starts_with(['+', '/']);
        match canonical(List::Words, &name[start..end]) {
            Some(version) if is_version(version) => words.insert(version),
            Some(other) if words.is_empty() && is_last => return (Names::from([other]), end),
            _ => return (words, start),
        };
        let behind = token[end..].trim_start_matches(is_separator);
        start = token.len() - behind.len();
    }
}

#[derive(Default)]
struct Block {
    akms: Names,
    ciphers: Names,
    preauth: bool,
    leftovers: Vec<String>,
    /// Number of bytes up to the end of the token, or up to the next version of WPA.
    length: usize,
}

impl Block {
    fn read(text: &str, folded: &str, wapi: bool) -> Self {
        let (mut block, mut is_first) = (Self::default(), true);
        let mut start = 0;
        while start < text.len() {
            let rest = &text[start..];
            if rest.starts_with(is_separator) {
                start += 1;
                continue;
            }
            let name = &folded[start..];
            let mut ends: Vec<usize> = rest.match_indices(is_separator).map(|(at, _)| at).collect();
            ends.push(rest.len());
            let known = ends.iter().rev().copied();
            let mut known = known.map(|end| (end, look_up(&Self::LISTS, &name[..end])));
            let known = known.find(|(_, meaning)| meaning.is_some());
            if known.is_none() && canonical(List::Words, &name[..ends[0]]).is_some_and(is_version) {
                break;
            }
            let (mut end, mut meaning) = known.unwrap_or((ends[0], None));
            if let Some(odd) = odd_length(rest, end) {
                (end, meaning) = (odd, None);
                block.ciphers.insert("?");
            }
            if !block.add(meaning, is_first, wapi) {
                block.leftovers.push(rest[..end].to_owned());
            }
            is_first &= &name[..end] == "PREAUTH";
            start += end;
        }
        block.length = start;
        block
    }

    const LISTS: [List; 4] = [List::Akms, List::Ciphers, List::ByPlace, List::Special];

    /// Adds the meaning of a name. Returns whether the name is known.
    fn add(&mut self, meaning: Option<(List, Placed)>, is_first: bool, wapi: bool) -> bool {
        let Some((list, Some((_, meaning)))) = meaning else {
            return false;
        };
        match (list, meaning) {
            (List::Akms, "PSK") if wapi => self.akms.insert("WAPI-PSK"),
            (List::Akms, akm) => self.akms.insert(akm),
            (List::ByPlace, akm) if is_first => self.akms.insert(akm),
            (List::Special, "PREAUTH") => std::mem::replace(&mut self.preauth, true),
            (List::Special, _) if wapi => self.akms.insert("WAPI-CERT"),
            (List::Special, _) => return false,
            (_, cipher) => self.ciphers.insert(cipher),
        };
        true
    }
}

/// End of an unknown key length after `CCMP` or `GCMP`. Known lengths are part of longer names.
fn odd_length(text: &str, end: usize) -> Option<usize> {
    let (name, behind) = text.split_at(end);
    let number = behind.strip_prefix(['-', '_'])?;
    let digits = number.find(is_separator).unwrap_or(number.len());
    let is_number = 0 < digits && number[..digits].bytes().all(|byte| byte.is_ascii_digit());
    let has_number = ["CCMP", "GCMP"].contains(&&*name.to_ascii_uppercase());
    (is_number && has_number).then_some(end + 1 + digits)
}

/// The real decoder's value in the form of the second decoder.
impl Plain {
    pub(super) fn of(raw: &str) -> Self {
        let security = Security::decode(raw);
        let parts = leftovers(raw);
        let places = [Protocol::Wpa, Protocol::Rsn, Protocol::Wep];
        Self {
            protocols: security.protocols().iter().map(Protocol::name).collect(),
            akms: places.map(|place| security.akms_of(place).iter().map(Akm::name).collect()),
            ciphers: places.map(|place| {
                security
                    .pairwise_of(place)
                    .iter()
                    .map(Cipher::name)
                    .collect()
            }),
            flags: security.flags().iter().map(Flag::name).collect(),
            wps: placed(List::WpsWords, security.wps().map(Wps::name)),
            pmf: placed(List::PmfWords, security.pmf().name()),
            topology: placed(List::Topologies, security.topology().map(Topology::name)),
            wpa3: security.says_wpa3(),
            open: security.says_open(),
            damaged: security.is_damaged(),
            leftovers: parts.into_iter().map(str::to_owned).collect(),
            eap_words: Names::new(),
        }
    }
}
