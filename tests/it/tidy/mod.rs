//! Rules for the source that the compiler does not check.

mod rooms;
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use self::source::{Module, modules, root};

/// Fails with all violations, one per line.
#[track_caller]
fn expect_none(wrong: BTreeSet<String>) {
    let wrong: Vec<_> = wrong.into_iter().collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Places where a module outside the allowed ones names a path that `is_forbidden`.
fn named(
    may_not: impl Fn(&Module) -> bool,
    is_forbidden: impl Fn(&[String]) -> bool,
) -> BTreeSet<String> {
    let mut wrong = BTreeSet::new();
    for module in modules().iter().filter(|module| may_not(module)) {
        let paths = module.paths();
        let found = paths.iter().filter(|path| is_forbidden(path));
        wrong.extend(found.map(|path| format!("{}: {}", module.file, path.join("::"))));
    }
    wrong
}

/// Whether a module is this one or inside it.
fn is_in(module: &Module, path: &str) -> bool {
    let parts: Vec<&str> = path.split("::").collect();
    let given = module.path.get(..parts.len());
    given.is_some_and(|given| given == parts)
}

#[test]
fn only_the_http_layer_names_axum() {
    expect_none(named(
        |module| !is_in(module, "http"),
        |path| path[0] == "axum",
    ));
}

#[test]
fn only_those_that_keep_databases_name_sqlite() {
    const MAY: [&str; 5] = [
        "export::form::kismetdb",
        "log::sqlite",
        "alerts::file",
        "import::database",
        "maps::mbtiles",
    ];
    expect_none(named(
        |module| !MAY.iter().any(|room| is_in(module, room)),
        |path| path[0] == "rusqlite",
    ));
}

#[test]
fn code_that_decides_does_no_input_or_output() {
    const PURE: [&str; 15] = [
        "alerts::engine",
        "alerts::kind",
        "alerts::rules",
        "alerts::setting",
        "ingest::geosubmit",
        "ingest::kismet",
        "privacy::deny",
        "privacy::key",
        "privacy::opt_out",
        "privacy::policy",
        "privacy::redact",
        "privacy::zone",
        "report",
        "tracker",
        "views",
    ];
    let modules = modules();
    for room in PURE {
        let is_there = modules.iter().any(|module| is_in(module, room));
        assert!(is_there, "there is no {room}");
    }
    let is_format = |module: &Module| module.tokens.to_string().contains("impl Format for");
    expect_none(named(
        |module| {
            let is_decoder = is_in(module, "ingest") && is_format(module);
            is_decoder || PURE.iter().any(|room| is_in(module, room))
        },
        |path| {
            let last = path.last().unwrap();
            let reads_clock = last == "elapsed" || (1 < path.len() && last == "now");
            let waits = path.len() == 1 && matches!(last.as_str(), "async" | "await");
            let outside = ["env", "fs", "net", "process", "thread"];
            let second = path.get(1).map(String::as_str);
            // Threads that end with the function only compute.
            let third = path.get(2).map(String::as_str);
            let computes = second == Some("thread") && matches!(third, Some("scope" | "Builder"));
            let is_outside =
                path[0] == "std" && second.is_some_and(|part| outside.contains(&part)) && !computes;
            reads_clock || waits || is_outside || path[0] == "tokio"
        },
    ));
}

#[test]
fn every_queue_has_a_bound() {
    expect_none(named(
        |_| true,
        |path| {
            let is_std = path.first().is_some_and(|part| part == "std");
            let is_unbounded = |part: &String| {
                part == "unbounded" || part == "unbounded_channel" || part.starts_with("Unbounded")
            };
            // An import of the module alone is an error too: its unbounded `channel` would look like tokio's
            // bounded one.
            let last = path
                .last()
                .is_some_and(|part| matches!(part.as_str(), "mpsc" | "channel" | "self"));
            let is_of_std = is_std && last && path.iter().any(|part| part == "mpsc");
            path.iter().any(is_unbounded) || is_of_std
        },
    ));
}

#[test]
fn nothing_is_inflated_without_a_bound() {
    /// Modules that limit the size of the output.
    const CAPPED: [&str; 4] = [
        "http::request::body",
        "import::unpack",
        "log::encoding",
        "maps::inflate",
    ];
    const DECODERS: [&str; 8] = [
        "DeflateDecoder",
        "GzDecoder",
        "MultiGzDecoder",
        "ZlibDecoder",
        "Decompress",
        "decode_all",
        "decompress",
        "Decoder",
    ];
    expect_none(named(
        |module| !CAPPED.iter().any(|capped| is_in(module, capped)),
        |path| {
            let inflates = ["flate2", "zstd"].contains(&path[0].as_str());
            let is_decoder = |part: &String| DECODERS.contains(&part.as_str()) || part == "*";
            inflates && path.iter().any(is_decoder)
        },
    ));
}

/// Text files of the repository, by their paths relative to its root.
fn tracked() -> Vec<(String, String)> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(listed.status.success(), "the tests need git and a clone");
    let names = String::from_utf8(listed.stdout).unwrap();
    let read = |name: &str| Some((name.to_owned(), fs::read_to_string(root().join(name)).ok()?));
    let files: Vec<_> = names.split_terminator('\0').filter_map(read).collect();
    assert!(!files.is_empty());
    files
}

fn is_rust(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "rs")
}

/// Paths of one machine or of somebody's home directory mean nothing to others.
#[test]
fn no_file_names_a_path_of_the_machine_that_it_was_written_on() {
    // Split in two, so that this file does not contain them.
    let paths = [
        ["/wo", "rk/"],
        ["/tm", "p/wt"],
        ["/ro", "ot/"],
        ["/Us", "ers/"],
        [".car", "go/registry"],
    ];
    let mut wrong = BTreeSet::new();
    for (name, text) in tracked() {
        for path in paths.map(|path| path.concat()) {
            if text.contains(&path) {
                wrong.insert(format!("{name} has {path}"));
            }
        }
    }
    expect_none(wrong);
}

/// A test that cannot run everywhere has to use [`crate::skip`], which fails in CI.
#[test]
fn no_test_is_skipped_in_silence() {
    let mut wrong = BTreeSet::new();
    for (name, text) in tracked() {
        let is_test = name.starts_with("tests/") && is_rust(&name);
        let says = ["SKIP", "PED"].concat();
        if (is_test || name == ".ci/run") && text.contains(&says) && name != "tests/it/skip.rs" {
            wrong.insert(format!("{name} skips on its own"));
        }
        // Another test runs this one in a separate process.
        let ignored = ["#[igno", "re"].concat();
        if is_rust(&name) && text.contains(&ignored) && name != "tests/it/webhooks/kill.rs" {
            wrong.insert(format!("{name} has a test that nothing runs"));
        }
    }
    expect_none(wrong);
}

/// Inputs that once made a property fail are tried first, on every machine.
#[test]
fn failures_of_properties_are_committed() {
    let mut wrong = BTreeSet::new();
    let persistence = ["failure", "_persistence"].concat();
    for (name, text) in tracked() {
        if is_rust(&name) && text.contains(&persistence) {
            wrong.insert(format!(
                "{name} sets where failures are kept; the default is the place"
            ));
        }
    }
    expect_none(wrong);
    let regressions = root().join("proptest-regressions");
    let ignored = Command::new("git")
        .args(["check-ignore", "-q"])
        .arg(regressions.join("x.txt"))
        .current_dir(root())
        .status();
    assert_eq!(ignored.unwrap().code(), Some(1), "git ignores the failures");
    let known = fs::read_to_string(regressions.join("report/capabilities/tests/every_string.txt"));
    assert!(known.unwrap().contains("cc "), "the known failure is gone");
}
