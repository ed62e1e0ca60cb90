//! The fuzz targets of `fuzz/`, run on stable: every input of the corpus, then random mutations of them.
//!
//! `FUZZ_SECONDS` is the time that each target runs. Without it each runs a fixed number of mutations, so that the
//! suite does the same on a slow machine. `FUZZ_SEED` selects other mutations. An input that makes a target panic is
//! written to `target/fuzz/`. Add it to the corpus together with the fix.

use std::fmt::Write as _;
use std::io::{Write as _, stderr};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "in the harnesses it is a separate crate")]
mod targets;

/// Mutations per target if `FUZZ_SECONDS` is not set.
const MUTATIONS: u64 = 1_000;
/// Longest mutated input, in bytes.
const INPUT_BYTES_MAX: usize = 4096;
/// Numbers at the limits of the formats.
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "1",
    "-0",
    "127",
    "128",
    "255",
    "65536",
    "4294967296",
    "1e999",
    "-1e-999",
    "18446744073709551616",
];

/// Random numbers from a seed (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number less than `bound`, or 0 if `bound` is 0.
    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap();
        usize::try_from(self.next() % bound).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }

    /// Start and end of a random piece of `input`. It may be empty.
    fn piece(&mut self, input: &[u8]) -> (usize, usize) {
        let start = self.below(input.len() + 1);
        let length_max = (input.len() - start).min(64);
        (start, start + self.below(length_max + 1))
    }
}

/// Changes `input` in one place. Pieces may come from `other`.
fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(input.len() + 1);
    match random.below(9) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = random.byte();
            }
        }
        2 => input.insert(at, random.byte()),
        3 => {
            let (start, end) = random.piece(input);
            input.drain(start..end);
        }
        4 => {
            let (start, end) = random.piece(input);
            let piece = input[start..end].to_vec();
            input.splice(at..at, piece);
        }
        5 => {
            let (start, end) = random.piece(other);
            input.splice(at..at, other[start..end].iter().copied());
        }
        6 => {
            let (start, end) = random.piece(input);
            let (from, to) = random.piece(other);
            input.splice(start..end, other[from..to].iter().copied());
        }
        7 => {
            let (start, end) = random.piece(input);
            input.splice(start..end, random.of(&NUMBERS).bytes());
        }
        // Replaces a character by one with a meaning in some format.
        _ => {
            let meaning: &[&str] = &[
                "\"", "\\", "{", "[", "]", ",", ":", "&", "=", "%", "\\u", "\\x", "-", "é",
            ];
            let (start, end) = (at, (at + 1).min(input.len()));
            input.splice(start..end, random.of(meaning).bytes());
        }
    }
    input.truncate(INPUT_BYTES_MAX);
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

/// Runs a target on `input`. If it panics, writes the input to a file and prints its path.
fn feed(name: &str, target: fn(&[u8]), input: &[u8]) {
    let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(input))) else {
        return;
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{name}-crash"));
    std::fs::write(&file, input).unwrap();
    let (file, input) = (file.display(), input.escape_ascii());
    writeln!(stderr(), "the target {name} panics on {file}: {input}").ok();
    resume_unwind(panic);
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is {text:?}; expected a whole number")),
    )
}

fn run(name: &str, target: fn(&[u8])) {
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "fuzz/corpus/{name} is empty");
    for input in &corpus {
        feed(name, target, input);
    }
    let seed = setting("FUZZ_SEED").unwrap_or(1);
    let seconds = setting("FUZZ_SECONDS");
    let mut random = Random(seed);
    let (start, mut count) = (Instant::now(), 0);
    loop {
        let is_done = match seconds {
            Some(seconds) => Duration::from_secs(seconds) <= start.elapsed(),
            None => MUTATIONS <= count,
        };
        if is_done {
            break;
        }
        let mut input = corpus[random.below(corpus.len())].clone();
        let other = &corpus[random.below(corpus.len())];
        for _ in 0..=random.below(4) {
            mutate(&mut input, other, &mut random);
        }
        feed(name, target, &input);
        count += 1;
    }
    if seconds.is_some() {
        let mut line = format!(
            "fuzz {name}: {} inputs of the corpus, {count} mutations",
            corpus.len()
        );
        write!(line, " in {} s, seed {seed}", start.elapsed().as_secs()).unwrap();
        // Not `eprintln!`: the test runner hides its output when a test passes.
        writeln!(stderr(), "{line}").ok();
    }
}

#[test]
fn decoder() {
    run("decoder", targets::decoder);
}

#[test]
fn repair() {
    run("repair", targets::repair);
}

#[test]
fn capabilities() {
    run("capabilities", targets::capabilities);
}

#[test]
fn advertising() {
    run("advertising", targets::advertising);
}

#[test]
fn query() {
    run("query", targets::query);
}

#[test]
fn snapshot() {
    run("snapshot", targets::snapshot);
}

#[test]
fn records() {
    run("records", targets::records);
}

#[test]
fn base_maps() {
    run("base_maps", targets::base_maps);
}

#[test]
fn import() {
    run("import", targets::import);
}

#[test]
fn database() {
    run("database", targets::database);
}
