//! Where a name is found: in a tree of the parts that its joints leave, with a perfect hash over all branches.
//!
//! Made at compile time. A part is folded into one number while its bytes go by, so that a look-up is a multiplication
//! and a comparison, however many names there are.

use super::names::{Atom, Statement, Word};

/// What a byte is to the reader.
pub(super) mod kind {
    /// In no name, and no end of one.
    pub(in super::super) const FOREIGN: u8 = 0;
    /// The end of a token.
    pub(in super::super) const END: u8 = 1;
    /// Ends a name.
    pub(in super::super) const PLUS: u8 = 2;
    /// Ends a name, but may also join the parts of one: `-` and `_`.
    pub(in super::super) const DASH: u8 = 3;
    /// Joins the parts of a name, and ends none.
    pub(in super::super) const SLASH: u8 = 4;
    /// The first of those that parts of names are made of: a digit, and then `.`, `?` and the letters.
    pub(in super::super) const DIGIT: u8 = 5;
    pub(super) const DOT: u8 = DIGIT + 10;
    pub(super) const QUESTION_MARK: u8 = DOT + 1;
    pub(super) const LETTER: u8 = QUESTION_MARK + 1;
}

/// The kind of every byte.
pub(super) type Kinds = [u8; 256];

/// Where brackets end a token.
pub(super) static IN_BRACKETS: Kinds = kinds(b"[]");
/// Where blanks and marks between words do.
pub(super) static IN_WORDS: Kinds = kinds(b" \t\n\x0C\r,;|");

#[expect(
    clippy::indexing_slicing,
    reason = "runs in the compiler, where a wrong index ends the build"
)]
const fn kinds(ends: &[u8]) -> Kinds {
    let mut kinds = [kind::FOREIGN; 256];
    let mut byte = u8::MAX;
    while byte != 0 {
        kinds[byte as usize] = match byte {
            b'+' => kind::PLUS,
            b'-' | b'_' => kind::DASH,
            b'/' => kind::SLASH,
            b'.' => kind::DOT,
            b'?' => kind::QUESTION_MARK,
            b'0'..=b'9' => kind::DIGIT + (byte - b'0'),
            b'A'..=b'Z' | b'a'..=b'z' => kind::LETTER + (byte.to_ascii_uppercase() - b'A'),
            _ => kind::FOREIGN,
        };
        byte -= 1;
    }
    let mut rest = ends;
    while let [end, tail @ ..] = rest {
        kinds[*end as usize] = kind::END;
        rest = tail;
    }
    kinds
}

/// A part of a name, six bits a byte.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Part(u64);

impl Part {
    /// No part has this number: its upper bits are never set.
    pub(super) const NONE: Self = Self(u64::MAX);
    /// What fits; a longer part is none of ours.
    pub(super) const BYTES_MAX: usize = 10;

    /// Adds a byte of a kind that parts are made of.
    pub(super) const fn push(&mut self, kind: u8) {
        self.0 = self.0 << 6 | kind as u64;
    }
}

/// A known name or the beginning of one.
#[derive(Clone, Copy)]
pub(super) struct Node {
    /// Where in the tree it hangs, by number. The root has number 0.
    parent: u8,
    number: u8,
    part: Part,
    /// Whether some name goes on behind it.
    pub(super) goes_on: bool,
    pub(super) word: Option<Word>,
    pub(super) atom: Option<Atom>,
    pub(super) statement: Option<Statement>,
}

impl Node {
    const ROOT: Self = Self {
        parent: 0,
        number: 0,
        part: Part::NONE,
        goes_on: true,
        word: None,
        atom: None,
        statement: None,
    };
}

impl Node {
    pub(super) const fn is_root(&self) -> bool {
        self.number == 0
    }
}

const NODES_MAX: usize = 128;
const SLOTS_BITS: u32 = 10;

/// All names.
pub(super) struct Lexicon {
    nodes: [Node; NODES_MAX],
    count: usize,
    /// The node of every slot; where there is none, the root, which has no part.
    slots: [u8; 1 << SLOTS_BITS],
    factor: u64,
}

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "runs in the compiler, where a wrong index ends the build, and there are fewer nodes than bytes"
)]
impl Lexicon {
    pub(super) const fn new(
        words: &[(&str, Word)],
        atoms: &[(&str, Atom)],
        statements: &[(&str, Statement)],
    ) -> Self {
        let mut lexicon = Self {
            nodes: [Node::ROOT; NODES_MAX],
            count: 1,
            slots: [0; 1 << SLOTS_BITS],
            factor: 0x9E37_79B9_7F4A_7C15,
        };
        let mut rest = words;
        while let [(name, word), tail @ ..] = rest {
            let node = lexicon.add(name);
            assert!(node.word.is_none(), "a word is listed twice");
            node.word = Some(*word);
            rest = tail;
        }
        let mut rest = atoms;
        while let [(name, atom), tail @ ..] = rest {
            let node = lexicon.add(name);
            assert!(node.atom.is_none(), "a name is listed twice");
            node.atom = Some(*atom);
            rest = tail;
        }
        let mut rest = statements;
        while let [(name, statement), tail @ ..] = rest {
            let node = lexicon.add(name);
            assert!(node.statement.is_none(), "a statement is listed twice");
            node.statement = Some(*statement);
            rest = tail;
        }
        while !lexicon.is_spread() {
            lexicon.factor = lexicon.factor.wrapping_add(0x9E37_79B9_7F4A_7C16);
        }
        lexicon
    }

    /// Makes the nodes on the way to a name.
    const fn add(&mut self, name: &str) -> &mut Node {
        let (mut at, mut part, mut rest) = (0, Part(0), name.as_bytes());
        loop {
            let (kind, tail) = match rest {
                [] => (kind::END, rest),
                [byte, tail @ ..] => (IN_BRACKETS[*byte as usize], tail),
            };
            if kind::DIGIT <= kind {
                assert!(part.0 >> 54 == 0, "a part is too long");
                part.push(kind);
            } else {
                assert!(kind == kind::END || kind == kind::DASH, "no joint");
                at = self.child(at, part);
                part = Part(0);
                if kind == kind::END {
                    return &mut self.nodes[at];
                }
                self.nodes[at].goes_on = true;
            }
            rest = tail;
        }
    }

    const fn child(&mut self, parent: usize, part: Part) -> usize {
        let mut at = 1;
        while at < self.count {
            let node = &self.nodes[at];
            if node.parent as usize == parent && node.part.0 == part.0 {
                return at;
            }
            at += 1;
        }
        self.nodes[at] = Node {
            parent: parent as u8,
            number: at as u8,
            part,
            goes_on: false,
            ..Node::ROOT
        };
        self.count += 1;
        at
    }

    /// Fills the slots, and tells whether each node has one of its own.
    const fn is_spread(&mut self) -> bool {
        self.slots = [0; 1 << SLOTS_BITS];
        let mut at = 1;
        while at < self.count {
            let slot = self.slot(self.nodes[at].parent, self.nodes[at].part);
            if self.slots[slot] != 0 {
                return false;
            }
            self.slots[slot] = at as u8;
            at += 1;
        }
        true
    }

    const fn slot(&self, parent: u8, part: Part) -> usize {
        let mixed = (part.0 ^ (parent as u64) << 57).wrapping_mul(self.factor);
        (mixed >> (u64::BITS - SLOTS_BITS)) as usize
    }
}

impl Lexicon {
    pub(super) fn root(&self) -> &Node {
        let [root, ..] = &self.nodes;
        root
    }

    /// The name that goes on with this part.
    pub(super) fn find(&self, parent: &Node, part: Part) -> Option<&Node> {
        let number = self.slots.get(self.slot(parent.number, part))?;
        let node = self.nodes.get(usize::from(*number))?;
        (node.part == part && node.parent == parent.number).then_some(node)
    }
}
