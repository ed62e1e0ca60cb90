//! Decodes a capabilities string.

use std::ops::Range;

use super::firmware::{macos_mode, openwrt_option, spelled_out};
use super::lexicon::{IN_BRACKETS, IN_WORDS, kind};
use super::names::{Atom, Statement, Word, WordSet};
use super::text::{Found, Text};
use super::{Akm, AkmSet, Cipher, CipherSet, Flag, Mark, Protocol, Security};

/// Number of bytes of a string that are read.
pub(super) const BYTES_MAX: usize = 1024;
/// Number of tokens of a string that are read.
pub(super) const TOKENS_MAX: usize = 64;
/// Number of names of a token that are read.
pub(super) const ATOMS_MAX: usize = 32;

/// Decodes a string. If `leftovers` is given, it gets the parts that were not understood.
pub(super) fn read<'a>(raw: &'a str, leftovers: Option<&mut Vec<&'a str>>) -> Security {
    let is_whole = raw.len() <= BYTES_MAX;
    let text = if is_whole { raw } else { first_tokens(raw) };
    let has_brackets = text.bytes().any(|byte| matches!(byte, b'[' | b']'));
    if is_whole && !has_brackets {
        if let Some(mode) = macos_mode(text) {
            return read(mode, leftovers);
        }
        if let Some(spelled) = spelled_out(text) {
            let security = read(spelled, None);
            if security.has_leftovers()
                && let Some(parts) = leftovers
            {
                parts.push(text.trim_ascii());
            }
            return security;
        }
        if let Some((mode, ciphers)) = openwrt_option(text) {
            return with_ciphers(read(mode, None), ciphers);
        }
    }
    let kinds = if has_brackets {
        &IN_BRACKETS
    } else {
        &IN_WORDS
    };
    let mut reader = Reader {
        text: Text { raw: text, kinds },
        security: Security::UNKNOWN,
        tokens: 0,
        names_at: 0,
        words: WordSet::EMPTY,
        words_of_eap: WordSet::EMPTY,
        has_mode: false,
        leftovers,
    };
    if !is_whole {
        reader.mark(Mark::Damaged);
    }
    if has_brackets {
        reader.brackets();
    } else {
        reader.bare_words();
    }
    reader.finish()
}

/// Adds pairwise ciphers to the protocols of a value.
fn with_ciphers(mut security: Security, ciphers: CipherSet) -> Security {
    if security.protocols.contains(Protocol::Wpa) {
        security.wpa_pairwise = security.wpa_pairwise.union(ciphers);
    }
    if security.protocols.contains(Protocol::Rsn) {
        security.rsn_pairwise = security.rsn_pairwise.union(ciphers);
    }
    security
}

/// The beginning of a string that is too long, without the last, incomplete token.
fn first_tokens(raw: &str) -> &str {
    let cut = (0..=BYTES_MAX)
        .rev()
        .find_map(|end| raw.get(..end))
        .unwrap_or_default();
    cut.rsplit_once([']', ' ', ',', ';', '|'])
        .unwrap_or_default()
        .0
}

struct Reader<'a, 'l> {
    text: Text<'a>,
    security: Security,
    tokens: usize,
    /// Where the names of the last block begin, behind its protocol words.
    names_at: usize,
    /// The protocol words of all blocks.
    words: WordSet,
    /// The protocol words of the blocks with IEEE 802.1X.
    words_of_eap: WordSet,
    /// Whether a block has a word for people.
    has_mode: bool,
    leftovers: Option<&'l mut Vec<&'a str>>,
}

impl Reader<'_, '_> {
    fn mark(&mut self, mark: Mark) {
        self.security.marks.insert(mark);
    }

    /// Adds what follows from the whole string.
    fn finish(mut self) -> Security {
        if self.words_of_eap.contains(Word::Wpa3) && self.words_of_eap.contains(Word::Rsn) {
            // A network of both versions offers the key management of each, as with a shared key.
            self.security.rsn_akms.insert(Akm::EapSha256);
        }
        if self.has_mode {
            let versions = self.words.iter().filter(|word| word.is_version());
            if versions.count() == 1 {
                self.mark(Mark::OneMode);
            }
        }
        self.security
    }

    /// Reads tokens in brackets. Kismet puts blanks between them.
    fn brackets(&mut self) {
        let mut at = 0;
        while let Some(byte) = self.text.byte(at) {
            at += 1;
            if byte != b'[' {
                if !byte.is_ascii_whitespace() {
                    self.mark(Mark::Damaged);
                }
                continue;
            }
            // A token may go on with another protocol: `[WPA-PSK/WPA2-PSK]`.
            loop {
                (at, _) = self.token(at, WordSet::EMPTY);
                if self.text.kind(at) == kind::END {
                    break;
                }
            }
            if self.text.byte(at) == Some(b']') {
                at += 1;
            } else {
                self.mark(Mark::Damaged);
            }
        }
    }

    /// Reads words without brackets, such as `Open` or `WPA2 PSK`. A protocol word applies to the words after it, and
    /// so does a list of versions: `WPA1 WPA2 802.1X`.
    fn bare_words(&mut self) {
        let whole = self.text.raw;
        let (mut at, mut words, mut is_list) = (0, WordSet::EMPTY, false);
        // End of the suites in brackets, and of the brackets.
        let mut suites = None;
        while at < whole.len() {
            if self.text.kind(at) == kind::END {
                if let Some((_, behind)) = suites.take_if(|(end, _)| *end <= at) {
                    self.text.raw = whole;
                    at = behind;
                }
                at += 1;
                continue;
            }
            let before = if is_list { words } else { WordSet::EMPTY };
            let end;
            (end, words) = self.token(at, words);
            is_list = self.is_versions(end, words);
            if is_list {
                words = words.union(before);
            }
            if suites.is_none() && self.text.byte(end) == Some(b'(') {
                suites = suites_of_macos(whole, end + 1);
                if let Some(text) = suites.and_then(|(end, _)| whole.get(..end)) {
                    self.text.raw = text;
                }
            }
            at = end;
        }
    }

    /// Whether the last token, which ends here, has nothing but protocol words, and all are versions of WPA.
    fn is_versions(&self, end: usize, words: WordSet) -> bool {
        // Of a token without words of its own, the names begin before its end.
        self.names_at == end
            && self.text.kind(end) == kind::END
            && words.iter().all(Word::is_version)
    }

    /// Reads a token, or the part of it that is about one protocol. `inherited` protocol words apply if it has none of
    /// its own. Returns the end, and the words that applied.
    fn token(&mut self, start: usize, inherited: WordSet) -> (usize, WordSet) {
        if self.text.kind(start) == kind::END {
            return (start, inherited);
        }
        if self.tokens == TOKENS_MAX {
            self.mark(Mark::Damaged);
            return (self.text.token_end(start), inherited);
        }
        self.tokens += 1;
        let found = self.text.look_up(start);
        if let Some((end, statement)) = found.statement {
            self.statement(statement, start..end);
            return (end, inherited);
        }
        let (own, at, found) = self.cut_words(start, found);
        let words = if own.is_empty() { inherited } else { own };
        let leftovers_before = self.leftovers.as_ref().map_or(0, |parts| parts.len());
        let (end, block) = self.names(at, found, words.contains(Word::Wapi));
        if block.cut_short {
            self.mark(Mark::Damaged);
        }
        if block.leftovers {
            self.mark(Mark::Leftovers);
        }
        if own.is_empty() && block.is_empty() {
            // Nothing of the token was understood, so all of it is a leftover.
            if let Some(parts) = &mut self.leftovers {
                parts.truncate(leftovers_before);
            }
            let mut part = self.text.raw.get(start..end).unwrap_or_default();
            if self.text.kind(end) != kind::END {
                part = part.trim_end_matches(['-', '+', '_', '/']);
            }
            self.leftover(start..start + part.len());
            return (end, inherited);
        }
        self.block(words, block);
        self.names_at = at;
        (end, words)
    }

    /// Reads the protocol words at the start of a token. Returns them, the position after them, and the names there.
    ///
    /// A token has one word, or several versions of WPA, as in `WPA2_WPA3_PSK` or `WPA+WPA2`. The names after them
    /// belong to all versions.
    fn cut_words(&self, start: usize, found: Found) -> (WordSet, usize, Found) {
        let (mut words, mut at, mut found) = (WordSet::EMPTY, start, found);
        while let Some((end, word)) = found.word {
            let is_version = word.is_version();
            let is_last = matches!(self.text.kind(end), kind::DASH | kind::END);
            let is_allowed = is_version || words.is_empty() && is_last;
            if !is_allowed {
                break;
            }
            words.insert(word);
            at = end;
            while kind::is_joint(self.text.kind(at)) {
                at += 1;
            }
            found = self.text.look_up(at);
            if !is_version {
                break;
            }
        }
        (words, at, found)
    }

    /// Reads the names of a block. `found` has the names at its start. Returns the end of the block, which is that of
    /// the token or the next version of WPA.
    ///
    /// In a WAPI block (`wapi`), `PSK` and `CERT` have other meanings.
    fn names(&mut self, start: usize, found: Found, wapi: bool) -> (usize, Block) {
        let (mut block, mut at, mut found) = (Block::default(), start, Some(found));
        let (mut first, mut count) = (true, 0);
        loop {
            let kind = self.text.kind(at);
            if kind == kind::END {
                return (at, block);
            }
            if kind::is_joint(kind) {
                at += 1;
                found = None;
                continue;
            }
            if count == ATOMS_MAX {
                block.cut_short = true;
                return (self.text.token_end(at), block);
            }
            count += 1;
            let found = found.take().unwrap_or_else(|| self.text.look_up(at));
            let (end, atom) = self.text.atom(at, found.atom, wapi);
            if is_leftover(atom) {
                if found.word.is_some_and(|(_, word)| word.is_version()) {
                    return (at, block);
                }
                block.leftovers = true;
                self.show(at..end);
            }
            block.add(atom, first);
            // Pre-authentication is not a suite, so the next name still counts as the first.
            first &= matches!(atom, Some(Atom::Preauth));
            at = end;
        }
    }

    fn leftover(&mut self, part: Range<usize>) {
        self.mark(Mark::Leftovers);
        self.show(part);
    }

    fn show(&mut self, part: Range<usize>) {
        if let (Some(parts), Some(part)) = (&mut self.leftovers, self.text.raw.get(part)) {
            parts.push(part);
        }
    }

    fn statement(&mut self, statement: Statement, token: Range<usize>) {
        let security = &mut self.security;
        match statement {
            Statement::Topology(topology) => {
                security.topology = security.topology.max(Some(topology));
            }
            Statement::Wps(wps) => security.wps = security.wps.max(Some(wps)),
            Statement::Pmf(pmf) => security.pmf = security.pmf.max(pmf),
            Statement::Flag(flag) => security.flags.insert(flag),
            Statement::Open => security.marks.insert(Mark::OpenWord),
            Statement::OweTransition => security.other_akms.insert(Akm::OweTransition),
            Statement::Wep(length) => {
                security.protocols.insert(Protocol::Wep);
                if let Some(cipher) = length {
                    security.other_pairwise.insert(cipher);
                }
            }
            Statement::Filler if std::ptr::eq(self.text.kinds, &raw const IN_WORDS) => {}
            Statement::Filler | Statement::CouldNotTell => self.leftover(token),
        }
    }

    fn block(&mut self, words: WordSet, block: Block) {
        let security = &mut self.security;
        let pointer = AkmSet::of(&[Akm::OweTransition]);
        let stated = block.akms.without(pointer);
        if block.akms.intersects(pointer) {
            security.other_akms.insert(Akm::OweTransition);
            if stated.is_empty() {
                // Android derives this block from the OWE element of the open twin. The cipher in it is not used.
                return;
            }
        }
        let mut words = words.without(WordSet::of(&[Word::None]));
        if words.is_empty() {
            if stated.is_empty() {
                return self.ciphers_alone(block);
            }
            words.insert(Word::Rsn);
        }
        self.words = self.words.union(words);
        self.has_mode |= !block.modes.is_empty();
        if stated.contains(Akm::Eap) {
            self.words_of_eap = self.words_of_eap.union(words);
        }
        if block.preauth {
            security.flags.insert(Flag::Preauth);
        }
        if words.contains(Word::Wpa) {
            security.protocols.insert(Protocol::Wpa);
            security.wpa_akms = security.wpa_akms.union(stated);
            security.wpa_pairwise = security.wpa_pairwise.union(block.ciphers);
        }
        if words.intersects(WordSet::of(&[Word::Rsn, Word::Wpa3, Word::RsnOverride])) {
            security.protocols.insert(Protocol::Rsn);
            security.rsn_akms = security.rsn_akms.union(stated_for_rsn(words, stated));
            security.rsn_pairwise = security.rsn_pairwise.union(block.ciphers);
        }
        if words.contains(Word::Wpa3) {
            security.marks.insert(Mark::Wpa3Word);
        }
        if words.contains(Word::RsnOverride) {
            security.flags.insert(Flag::RsnOverride);
        }
        if words.intersects(WordSet::of(&[Word::Osen, Word::Wapi, Word::Unknown])) {
            self.other_block(words, stated, block);
        }
    }

    fn other_block(&mut self, words: WordSet, stated: AkmSet, block: Block) {
        let security = &mut self.security;
        security.other_akms = security.other_akms.union(stated);
        if words.contains(Word::Osen) {
            security.protocols.insert(Protocol::Osen);
        }
        if words.contains(Word::Wapi) {
            security.protocols.insert(Protocol::Wapi);
        }
        if words.contains(Word::Unknown) {
            // The network is protected by a protocol that the scanner could not name.
            security.other_akms.insert(Akm::Unknown);
        }
        security.other_pairwise = security.other_pairwise.union(block.ciphers);
    }

    /// Adds a block without a protocol word or key management. Only WEP can be recognised by its cipher.
    fn ciphers_alone(&mut self, block: Block) {
        if block.ciphers.is_empty() {
            return;
        }
        let security = &mut self.security;
        security.other_pairwise = security.other_pairwise.union(block.ciphers);
        if block.ciphers.intersects(CipherSet::WEP) {
            security.protocols.insert(Protocol::Wep);
        }
        if block.preauth {
            security.flags.insert(Flag::Preauth);
        }
    }
}

/// End of the suites that macOS writes behind a protocol word, and of the brackets around them.
///
/// `WPA2(PSK,FT-PSK/AES/TKIP)` has key managements, pairwise ciphers and the group cipher, which is not used.
fn suites_of_macos(raw: &str, start: usize) -> Option<(usize, usize)> {
    let (inside, _) = raw.get(start..)?.split_once(')')?;
    let (suites, _) = inside.rsplit_once('/')?;
    suites
        .contains('/')
        .then_some((start + suites.len(), start + inside.len()))
}

/// After the word `WPA3`, producers write `PSK` for SAE. It means PSK too only if WPA2 is also named.
fn stated_for_rsn(words: WordSet, stated: AkmSet) -> AkmSet {
    if !words.contains(Word::Wpa3) || !stated.contains(Akm::Psk) || stated.contains(Akm::Sae) {
        return stated;
    }
    let mut akms = stated;
    if !words.contains(Word::Rsn) {
        akms = akms.without(AkmSet::of(&[Akm::Psk]));
    }
    akms.insert(Akm::Sae);
    akms
}

/// The statements of one block.
#[derive(Clone, Copy, Default)]
struct Block {
    akms: AkmSet,
    /// Those of `akms` that a word for people names.
    modes: AkmSet,
    ciphers: CipherSet,
    preauth: bool,
    leftovers: bool,
    cut_short: bool,
}

impl Block {
    fn add(&mut self, atom: Option<Atom>, first: bool) {
        match atom {
            Some(Atom::Akm(akm)) => self.akms.insert(akm),
            Some(Atom::Mode(akm)) => {
                self.akms.insert(akm);
                self.modes.insert(akm);
            }
            Some(Atom::ByPlace(akm, _)) if first => self.akms.insert(akm),
            Some(Atom::Cipher(cipher) | Atom::ByPlace(_, cipher)) => self.ciphers.insert(cipher),
            Some(Atom::UnknownCipher) => self.ciphers.insert(Cipher::Unknown),
            Some(Atom::Preauth) => self.preauth = true,
            Some(Atom::Cert) | None => {}
        }
    }

    /// Whether the block has no statement that is valid without a protocol word.
    fn is_empty(self) -> bool {
        self.akms.is_empty() && self.ciphers.is_empty()
    }
}

fn is_leftover(atom: Option<Atom>) -> bool {
    matches!(atom, None | Some(Atom::UnknownCipher))
}
