//! From string to value.

use super::names::{self, Atom, Name, Statement, Word, WordSet};
use super::{Akm, AkmSet, Cipher, CipherSet, Flag, Mark, Protocol, Security};

/// How much of a string is read.
pub(super) const BYTES_MAX: usize = 1024;
/// How many tokens of a string are read.
pub(super) const TOKENS_MAX: usize = 64;
/// How many names of a token are read.
pub(super) const ATOMS_MAX: usize = 32;

/// Reads a string, and hands out what was not understood.
pub(super) fn read<'a>(raw: &'a str, leftover: impl FnMut(&'a str)) -> Security {
    let mut reader = Reader {
        security: Security::UNKNOWN,
        tokens: 0,
        leftover,
    };
    let text = if raw.len() <= BYTES_MAX {
        raw
    } else {
        reader.mark(Mark::Damaged);
        first_tokens(raw)
    };
    if text.bytes().any(|byte| matches!(byte, b'[' | b']')) {
        reader.brackets(text);
    } else {
        reader.bare_words(text);
    }
    reader.security
}

/// What of a string fits into the bound, without the token that the bound would cut in two.
fn first_tokens(raw: &str) -> &str {
    let cut = (0..=BYTES_MAX)
        .rev()
        .find_map(|end| raw.get(..end))
        .unwrap_or_default();
    cut.rsplit_once([']', ' ', ',', ';', '|'])
        .unwrap_or_default()
        .0
}

struct Reader<F> {
    security: Security,
    tokens: usize,
    leftover: F,
}

impl<'a, F: FnMut(&'a str)> Reader<F> {
    fn mark(&mut self, mark: Mark) {
        self.security.marks.insert(mark);
    }

    /// Tokens in brackets; Kismet puts blanks between them.
    fn brackets(&mut self, text: &'a str) {
        let mut rest = text;
        while let Some((outside, inside)) = rest.split_once('[') {
            self.outside(outside);
            let end = inside
                .bytes()
                .position(|byte| matches!(byte, b'[' | b']'))
                .unwrap_or(inside.len());
            let (token, tail) = inside.split_at_checked(end).unwrap_or_default();
            self.token(token, WordSet::EMPTY);
            rest = tail.strip_prefix(']').unwrap_or_else(|| {
                self.mark(Mark::Damaged);
                tail
            });
        }
        self.outside(rest);
    }

    fn outside(&mut self, text: &str) {
        if !text.trim_ascii().is_empty() {
            self.mark(Mark::Damaged);
        }
    }

    /// The words of programs that know no brackets: `Open`, `WPA2 PSK`. A protocol holds for the words behind it.
    fn bare_words(&mut self, text: &'a str) {
        let mut words = WordSet::EMPTY;
        for token in
            text.split(|part: char| part.is_ascii_whitespace() || matches!(part, ',' | ';' | '|'))
        {
            words = self.token(token, words);
        }
    }

    /// Reads a token to which the given protocol words apply if it has none, and returns those that did apply.
    fn token(&mut self, token: &'a str, inherited: WordSet) -> WordSet {
        if token.is_empty() {
            return inherited;
        }
        if self.tokens == TOKENS_MAX {
            self.mark(Mark::Damaged);
            return inherited;
        }
        self.tokens += 1;
        if let Some(statement) = names::statement(token) {
            self.statement(statement, token);
            return inherited;
        }
        let (own, rest) = names::cut_words(token);
        let words = if own.is_empty() { inherited } else { own };
        let atoms = Atoms {
            rest,
            wapi: words.contains(Word::Wapi),
        };
        let block = Block::read(atoms.clone());
        if block.cut_short {
            self.mark(Mark::Damaged);
        }
        if block.leftovers {
            self.mark(Mark::Leftovers);
        }
        if own.is_empty() && block.is_empty() {
            self.mark(Mark::Leftovers);
            (self.leftover)(token);
            return inherited;
        }
        if block.leftovers {
            let unknown = atoms.take(ATOMS_MAX).filter(|(_, atom)| is_leftover(*atom));
            unknown.for_each(|(part, _)| (self.leftover)(part));
        }
        self.block(words, block);
        words
    }

    fn statement(&mut self, statement: Statement, token: &'a str) {
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
            Statement::CouldNotTell => {
                security.marks.insert(Mark::Leftovers);
                (self.leftover)(token);
            }
        }
    }

    fn block(&mut self, words: WordSet, block: Block) {
        let security = &mut self.security;
        let pointer = AkmSet::of(&[Akm::OweTransition]);
        let stated = block.akms.without(pointer);
        if block.akms.intersects(pointer) {
            security.other_akms.insert(Akm::OweTransition);
            if stated.is_empty() {
                // Android makes this block up from the OWE element of the open twin; its cipher is not one on the air.
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
            // The network is protected, by a protocol that even the scanner could not name.
            security.other_akms.insert(Akm::Unknown);
        }
        security.other_pairwise = security.other_pairwise.union(block.ciphers);
    }

    /// A block without a protocol word or key management. Only WEP can be told by its cipher.
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

/// Behind the word `WPA3`, programs write `PSK` where the element says SAE, and keep PSK only if WPA2 is named too.
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

/// What the names of one block say.
#[derive(Clone, Copy, Default)]
struct Block {
    akms: AkmSet,
    ciphers: CipherSet,
    preauth: bool,
    leftovers: bool,
    cut_short: bool,
}

impl Block {
    fn read(atoms: Atoms<'_>) -> Self {
        let mut block = Self::default();
        let mut first = true;
        for (count, (_, atom)) in atoms.enumerate() {
            if count == ATOMS_MAX {
                block.cut_short = true;
                break;
            }
            block.leftovers |= is_leftover(atom);
            match atom {
                Some(Atom::Akm(akm)) => block.akms.insert(akm),
                Some(Atom::ByPlace(akm, _)) if first => block.akms.insert(akm),
                Some(Atom::Cipher(cipher) | Atom::ByPlace(_, cipher)) => {
                    block.ciphers.insert(cipher);
                }
                Some(Atom::UnknownCipher) => block.ciphers.insert(Cipher::Unknown),
                Some(Atom::Preauth) => block.preauth = true,
                Some(Atom::Cert) | None => {}
            }
            // Pre-authentication is no suite, so behind it the place of the first is still free.
            first &= atom == Some(Atom::Preauth);
        }
        block
    }

    /// Whether the block says nothing that could stand without a protocol word.
    fn is_empty(self) -> bool {
        self.akms.is_empty() && self.ciphers.is_empty()
    }
}

/// The names of one block, each as sent and as understood.
#[derive(Clone)]
struct Atoms<'a> {
    rest: &'a str,
    /// The block is one of WAPI, where `PSK` and `CERT` have a meaning of their own.
    wapi: bool,
}

impl<'a> Iterator for Atoms<'a> {
    type Item = (&'a str, Option<Atom>);

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.rest.trim_start_matches(SEPARATORS);
        let (end, atom) = match longest_name(text) {
            None => (text.find(SEPARATORS).unwrap_or(text.len()), None),
            Some((4, Atom::Cipher(Cipher::Ccmp | Cipher::Gcmp))) if has_odd_length(text) => {
                let behind = text.bytes().skip(5).position(is_separator);
                (
                    behind.map_or(text.len(), |digits| 5 + digits),
                    Some(Atom::UnknownCipher),
                )
            }
            Some((end, Atom::Akm(Akm::Psk))) if self.wapi => (end, Some(Atom::Akm(Akm::WapiPsk))),
            Some((end, Atom::Cert)) => (end, self.wapi.then_some(Atom::Akm(Akm::WapiCert))),
            Some((end, atom)) => (end, Some(atom)),
        };
        let (part, rest) = text.split_at_checked(end)?;
        self.rest = rest;
        (!part.is_empty()).then_some((part, atom))
    }
}

const SEPARATORS: [char; 3] = ['-', '+', '_'];

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'+' | b'_')
}

/// Where the longest known name at the start of the text ends, and what it means.
fn longest_name(text: &str) -> Option<(usize, Atom)> {
    let (mut name, mut found) = (Name::default(), None);
    for (at, byte) in text.bytes().enumerate() {
        if is_separator(byte) {
            found = name.atom().map(|atom| (at, atom)).or(found);
        }
        if byte == b'+' || !name.push(byte) {
            return found;
        }
    }
    name.atom().map(|atom| (text.len(), atom)).or(found)
}

/// Whether `CCMP` or `GCMP`, of which the text starts with one, is followed by a number: the right ones are names.
fn has_odd_length(text: &str) -> bool {
    let mut behind = text.bytes().skip(4);
    matches!(behind.next(), Some(b'-' | b'_'))
        && behind
            .clone()
            .next()
            .is_some_and(|byte| byte.is_ascii_digit())
        && behind
            .take_while(|byte| !is_separator(*byte))
            .all(|byte| byte.is_ascii_digit())
}

fn is_leftover(atom: Option<Atom>) -> bool {
    matches!(atom, None | Some(Atom::UnknownCipher))
}
