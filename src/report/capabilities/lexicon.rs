//! Looks up names: a tree of their parts, stored in one perfect hash table.
//!
//! The table is built at compile time. The bytes of a part are folded into a number while they are read, so a look-up
//! takes one multiplication and one comparison, however many names there are.

use super::names::{Atom, Statement, Word};

/// Kinds of bytes.
pub(super) mod kind {
    /// Occurs in no name and ends none.
    pub(in super::super) const FOREIGN: u8 = 0;
    /// Ends a token.
    pub(in super::super) const END: u8 = 1;
    /// Ends a name: `+`.
    pub(in super::super) const PLUS: u8 = 2;
    /// Ends a name, or joins two parts of one: `-` and `_`.
    pub(in super::super) const DASH: u8 = 3;
    /// Ends a name, or joins two parts of one: `/`.
    pub(in super::super) const SLASH: u8 = 4;
    /// The first kind that parts of names consist of: digits, then `.`, `?` and the letters.
    pub(in super::super) const DIGIT: u8 = 5;
    pub(super) const DOT: u8 = DIGIT + 10;
    pub(super) const QUESTION_MARK: u8 = DOT + 1;
    pub(super) const LETTER: u8 = QUESTION_MARK + 1;

    /// Whether a byte of this kind ends a name, but not a token.
    pub(in super::super) const fn is_joint(kind: u8) -> bool {
        PLUS <= kind && kind <= SLASH
    }
}

/// The kind of every byte.
pub(super) type Kinds = [u8; 256];

/// Kinds for strings in which brackets end a token.
pub(super) static IN_BRACKETS: Kinds = kinds(b"[]");
/// Kinds for strings in which blanks and punctuation end a token.
pub(super) static IN_WORDS: Kinds = kinds(b" \t\n\x0C\r,;|()");

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

/// A part of a name, six bits for each byte.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Part(u64);

impl Part {
    /// A number that no part has, because the upper bits of parts are never set.
    pub(super) const NONE: Self = Self(u64::MAX);
    /// Longest part that fits. No known name has a longer one.
    pub(super) const BYTES_MAX: usize = 10;

    /// Appends a byte, by its kind.
    pub(super) const fn push(&mut self, kind: u8) {
        self.0 = self.0 << 6 | kind as u64;
    }
}

/// A known name, or the beginning of one.
#[derive(Clone, Copy)]
pub(super) struct Node {
    /// Number of the parent node. The root has number 0.
    parent: u8,
    number: u8,
    part: Part,
    /// Whether longer names begin with this one.
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

const NODES_MAX: usize = 256;
const SLOTS_BITS: u32 = 10;

/// The tree of all names.
pub(super) struct Lexicon {
    nodes: [Node; NODES_MAX],
    count: usize,
    /// Number of the node in each slot. Empty slots hold the root, which matches no part.
    slots: [u8; 1 << SLOTS_BITS],
    factor: u64,
}

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "runs in the compiler, where a wrong index ends the build, and node numbers fit in a byte"
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

    /// Adds the nodes of a name, and returns the last one.
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
                assert!(kind == kind::END || kind == kind::DASH, "not a joint");
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

    /// Fills the slots. Returns `false` if two nodes collide.
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

    /// The child of a node with this part.
    pub(super) fn find(&self, parent: &Node, part: Part) -> Option<&Node> {
        let number = self.slots.get(self.slot(parent.number, part))?;
        let node = self.nodes.get(usize::from(*number))?;
        (node.part == part && node.parent == parent.number).then_some(node)
    }
}
