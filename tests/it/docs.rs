//! The documentation is correct: every command works, every shown answer is real, and every link has a target.
//!
//! The `sh` blocks of a page run in order against one server. A `json` block after one is the expected answer; `"…"`
//! in it matches any text. A comment before a block makes an exception: `<!-- not run: REASON -->`, or
//! `<!-- run by .ci/run -->`. `toml` blocks have to be valid configurations, except after
//! `<!-- not checked: REASON -->`.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::examples::has_tool;
use crate::program::{Running, run, scanpost};

/// A fenced block, and the line of text before it.
struct Block {
    page: String,
    line: usize,
    language: String,
    note: Option<String>,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pages, relative to the root.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "examples/README.md",
    ]
    .map(PathBuf::from)
    .into();
    for file in fs::read_dir(root().join("docs")).unwrap() {
        let page = Path::new("docs").join(file.unwrap().file_name());
        // Pictures have a folder of their own.
        if page.extension() == Some("md".as_ref()) {
            pages.push(page);
        }
    }
    pages.sort();
    pages
}

fn read(page: &Path) -> String {
    fs::read_to_string(root().join(page))
        .unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}

fn blocks(page: &Path) -> Vec<Block> {
    let text = read(page);
    let (mut blocks, mut note): (Vec<Block>, _) = (Vec::new(), None);
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some(Block {
                    page: page.display().to_string(),
                    line: number + 1,
                    language: language.to_owned(),
                    note: note.take(),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {
                note = line
                    .strip_prefix("<!-- ")
                    .and_then(|rest| rest.strip_suffix(" -->"))
                    .map(str::to_owned);
            }
        }
    }
    assert!(open.is_none(), "{}: a block is not closed", page.display());
    blocks
}

impl Block {
    fn place(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }

    /// Reason why the block is not run here.
    fn exception(&self) -> Option<&str> {
        let note = self.note.as_deref()?;
        match note.split_once(": ") {
            Some(("not run" | "not checked", reason)) => {
                assert!(10 < reason.len(), "{}: no reason", self.place());
                Some(note)
            }
            _ if note == "run by .ci/run" => Some(note),
            _ => panic!(
                "{}: the comment {note:?} is not one of those that count",
                self.place()
            ),
        }
    }

    /// Commands of the block, without comments.
    fn commands(&self) -> impl Iterator<Item = &str> {
        let lines = self.text.lines().map(|line| {
            let end = line.find("  #").unwrap_or(line.len());
            line.get(..end).unwrap().trim()
        });
        lines.filter(|line| !line.is_empty())
    }
}

/// A server for one page, and the working directory of its commands.
struct Surroundings {
    running: Running,
    home: tempfile::TempDir,
}

impl Surroundings {
    fn new() -> Self {
        let running = Running::start(|_| {});
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join(".local/share");
        fs::create_dir_all(&data).unwrap();
        std::os::unix::fs::symlink(running.data(), data.join("scanpost")).unwrap();
        let programs = home.path().join("bin");
        fs::create_dir(&programs).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_scanpost"), programs.join("scanpost"))
            .unwrap();
        for name in ["config.example.toml", "examples"] {
            std::os::unix::fs::symlink(root().join(name), home.path().join(name)).unwrap();
        }
        fs::write(home.path().join("new-password.txt"), "a long password\n").unwrap();
        Self { running, home }
    }

    fn run(&self, block: &Block) -> String {
        if block
            .commands()
            .all(|command| command.starts_with("sqlite3 "))
        {
            block.commands().for_each(|command| self.query(command));
            return String::new();
        }
        let script = block.text.replace("127.0.0.1:2501", &self.running.addr);
        let path = std::env::var("PATH").unwrap();
        // `curl` by itself exits with 0 on a 404.
        let script = format!(
            "set -euo pipefail\ncurl() {{ command curl -sS --fail-with-body \"$@\"; }}\n{script}"
        );
        let mut command = Command::new("bash");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SCANPOST_") {
                command.env_remove(name);
            }
        }
        let (code, out, err) = run(command
            .args(["-c", &script])
            .current_dir(self.home.path())
            .env("HOME", self.home.path())
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_STATE_HOME")
            .env("TMPDIR", self.home.path())
            .env("NO_PROXY", "127.0.0.1")
            .env("PATH", format!("{}/bin:{path}", self.home.path().display()))
            .stdin(Stdio::null()));
        assert_eq!(
            code,
            Some(0),
            "{}:\n{}\n{out}\n{err}",
            block.place(),
            block.text
        );
        out
    }

    /// Runs `sqlite3 FILE 'STATEMENT'` without the program `sqlite3`, which is not installed everywhere.
    fn query(&self, command: &str) {
        let (file, statement) = command
            .strip_prefix("sqlite3 ~/")
            .and_then(|rest| rest.split_once(" '"))
            .unwrap_or_else(|| panic!("{command}"));
        let statement = statement.strip_suffix('\'').unwrap();
        let database = rusqlite::Connection::open(self.home.path().join(file)).unwrap();
        let mut statement = database.prepare(statement).unwrap();
        let mut rows = statement.query([]).unwrap();
        while rows.next().unwrap().is_some() {}
    }
}

/// Whether `answer` is the shown one, where `…` matches any text.
fn matches(shown: &Value, answer: &Value) -> bool {
    match (shown, answer) {
        (Value::String(shown), Value::String(_)) if shown == "…" => true,
        (Value::Object(shown), Value::Object(answer)) => {
            shown.len() == answer.len()
                && shown.iter().all(|(name, shown)| {
                    answer
                        .get(name)
                        .is_some_and(|answer| matches(shown, answer))
                })
        }
        (Value::Array(shown), Value::Array(answer)) => {
            shown.len() == answer.len()
                && shown
                    .iter()
                    .zip(answer)
                    .all(|(shown, answer)| matches(shown, answer))
        }
        _ => shown == answer,
    }
}

/// Checks that `.ci/run` contains the commands that it is said to run.
fn check_ci_runs(block: &Block) {
    let ci = read(Path::new(".ci/run"));
    for command in block.commands() {
        assert!(
            ci.contains(command),
            "{}: .ci/run does not run {command:?}",
            block.place()
        );
    }
}

#[test]
fn every_command_works_and_gives_the_answer_that_is_shown() {
    if !["bash", "curl", "python3"].into_iter().all(has_tool) {
        return;
    }
    let mut count = 0;
    for page in pages() {
        let blocks = blocks(&page);
        let is_run = |block: &&Block| block.language == "sh" && block.exception().is_none();
        let surroundings = blocks.iter().find(is_run).map(|_| Surroundings::new());
        let mut output: Option<String> = None;
        for block in &blocks {
            let expected = output.take();
            match (block.language.as_str(), &surroundings) {
                ("sh", _) if block.note.as_deref() == Some("run by .ci/run") => {
                    check_ci_runs(block);
                }
                ("sh" | "nginx" | "yaml", _) if block.exception().is_some() => {}
                ("sh", Some(surroundings)) => {
                    output = Some(surroundings.run(block));
                    count += 1;
                }
                ("json", _) => {
                    let expected = expected.unwrap_or_else(|| {
                        panic!("{}: no command stands before this answer", block.place())
                    });
                    let answer: Value = serde_json::from_str(&expected).unwrap();
                    let shown: Value = serde_json::from_str(&block.text).unwrap();
                    assert!(
                        matches(&shown, &answer),
                        "{}: the answer is {answer}",
                        block.place()
                    );
                }
                ("toml" | "text" | "rust", _) => {}
                (language, _) => panic!("{}: nothing checks blocks of {language:?}", block.place()),
            }
        }
        if let Some(surroundings) = surroundings {
            surroundings.running.stop();
        }
    }
    assert!(10 < count, "only {count} blocks were found");
}

#[test]
fn every_configuration_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scanpost.toml");
    let mut count = 0;
    for page in pages() {
        for block in blocks(&page) {
            if block.language != "toml" || block.exception().is_some() {
                continue;
            }
            fs::write(&file, &block.text).unwrap();
            let (code, _, err) = run(scanpost().args(["check-config", "--config"]).arg(&file));
            assert_eq!(code, Some(0), "{}: {err}", block.place());
            count += 1;
        }
    }
    assert!(0 < count);
}

/// Anchors that GitHub generates for a page's headings.
fn anchors(page: &Path) -> HashSet<String> {
    let text = read(page);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let words = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = words
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// The targets of the links `[text](target)` of a page.
fn links(page: &Path) -> Vec<String> {
    let text = read(page);
    let targets = text.split("](").skip(1);
    targets
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut count = 0;
    for page in pages() {
        for link in links(&page) {
            if link.starts_with("https://") {
                continue;
            }
            let (file, anchor) = match link.split_once('#') {
                Some((file, anchor)) => (file, Some(anchor)),
                None => (link.as_str(), None),
            };
            let target = match file {
                "" => page.clone(),
                _ => page.parent().unwrap().join(file),
            };
            let place = page.display();
            assert!(
                root().join(&target).exists(),
                "{place}: {link} does not exist"
            );
            if let Some(anchor) = anchor {
                assert!(
                    anchors(&target).contains(anchor),
                    "{place}: {link} has no such heading"
                );
            }
            count += 1;
        }
    }
    assert!(20 < count, "only {count} links were found");
}

/// Paths in backticks have to exist.
#[test]
fn every_file_of_the_source_that_is_named_exists() {
    let mut count = 0;
    for page in pages() {
        if page == Path::new("CHANGELOG.md") {
            continue;
        }
        for quoted in read(&page).split('`').skip(1).step_by(2) {
            let is_path = ["src/", "tests/", "fuzz/", "benches/", "docs/", "examples/"]
                .iter()
                .any(|folder| quoted.starts_with(folder));
            let is_one = !quoted.contains(['<', '*', ' ', '{']);
            if is_path && is_one {
                let place = page.display();
                assert!(
                    root().join(quoted).exists(),
                    "{place}: {quoted} does not exist"
                );
                count += 1;
            }
        }
    }
    assert!(10 < count, "only {count} paths were found");
}
