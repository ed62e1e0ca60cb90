//! Finds names in a capabilities string.

use super::lexicon::{Kinds, Part, kind};
use super::names::{Atom, NAMES, Statement, Word};
use super::{Akm, Cipher};

/// The string, and the kind of each byte, which decides where tokens end.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) raw: &'a str,
    pub(super) kinds: &'static Kinds,
}

/// The names found at one position, each with the position of its end.
#[derive(Clone, Copy, Default)]
pub(super) struct Found {
    /// A protocol word.
    pub(super) word: Option<(usize, Word)>,
    /// The longest name of a block.
    pub(super) atom: Option<(usize, Atom)>,
    /// The meaning of the whole token, if the token starts here.
    pub(super) statement: Option<(usize, Statement)>,
}

impl Text<'_> {
    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.raw.as_bytes().get(at).copied()
    }

    /// The kind of the byte at a position. Positions after the text count as an end.
    pub(super) fn kind(&self, at: usize) -> u8 {
        let byte = self.byte(at).map(usize::from);
        byte.and_then(|byte| self.kinds.get(byte).copied())
            .unwrap_or(kind::END)
    }

    /// The end of the token.
    pub(super) fn token_end(&self, mut at: usize) -> usize {
        while self.kind(at) != kind::END {
            at += 1;
        }
        at
    }

    /// The first position from `at` on that ends a name.
    fn name_end(&self, mut at: usize) -> usize {
        loop {
            let kind = self.kind(at);
            if kind == kind::END || kind::is_joint(kind) {
                return at;
            }
            at += 1;
        }
    }

    /// Finds the names that start here, for each context in which a name may occur.
    #[expect(
        clippy::inline_always,
        reason = "a call returns its result in memory, which costs a tenth of the time"
    )]
    #[inline(always)]
    pub(super) fn look_up(&self, start: usize) -> Found {
        let mut found = Found::default();
        let (mut at, mut name) = (start, NAMES.root());
        while name.goes_on {
            let (part, end, kind) = self.part(at);
            if kind == kind::FOREIGN || at + Part::BYTES_MAX < end {
                break;
            }
            at = end;
            let Some(next) = NAMES.find(name, part) else {
                break;
            };
            if let Some(atom) = next.atom {
                found.atom = Some((at, atom));
            }
            if name.is_root() {
                found.word = next.word.map(|word| (at, word));
            }
            if kind == kind::END {
                found.statement = next.statement.map(|statement| (at, statement));
            }
            if kind < kind::DASH {
                break;
            }
            name = next;
            at += 1;
        }
        found
    }

    /// Reads one part of a name. Returns the part, the position after it, and the kind of the byte there.
    fn part(&self, start: usize) -> (Part, usize, u8) {
        let (mut part, mut at) = (Part::default(), start);
        loop {
            let kind = self.kind(at);
            if kind < kind::DIGIT {
                return (part, at, kind);
            }
            part.push(kind);
            at += 1;
        }
    }

    /// The end and the meaning of the name that starts here. Inside WAPI blocks some names differ in meaning.
    pub(super) fn atom(
        &self,
        at: usize,
        found: Option<(usize, Atom)>,
        wapi: bool,
    ) -> (usize, Option<Atom>) {
        match found {
            None => (self.name_end(at), None),
            Some((end, Atom::Cipher(Cipher::Ccmp | Cipher::Gcmp))) if end == at + 4 => self
                .odd_length(end)
                .map_or((end, found.map(|(_, atom)| atom)), |end| {
                    (end, Some(Atom::UnknownCipher))
                }),
            Some((end, Atom::Akm(Akm::Psk) | Atom::Mode(Akm::Psk))) if wapi => {
                (end, Some(Atom::Akm(Akm::WapiPsk)))
            }
            Some((end, Atom::Cert)) => (end, wapi.then_some(Atom::Akm(Akm::WapiCert))),
            Some((end, atom)) => (end, Some(atom)),
        }
    }

    /// End of an unknown key length after `CCMP` or `GCMP`. Known lengths are part of longer names.
    fn odd_length(&self, behind: usize) -> Option<usize> {
        let is_digit = |at: &usize| self.byte(*at).is_some_and(|byte| byte.is_ascii_digit());
        let start = behind + 1;
        if self.kind(behind) != kind::DASH || !is_digit(&start) {
            return None;
        }
        let end = self.name_end(start);
        (start..end).all(|at| is_digit(&at)).then_some(end)
    }
}
