//! What a machine cannot test is skipped, loudly; in CI, which has to test everything, it fails.

use std::io::{Write, stderr};

/// Says why a test shows nothing on this machine.
///
/// # Panics
///
/// Where the variable `CI` is set: `.ci/run` brings everything that the tests need.
#[track_caller]
pub(crate) fn skip(what: &str, missing: &str) {
    let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    assert!(!is_ci, "{what} cannot be tested, and CI is set: {missing}");
    // Not `eprintln!`: the runner keeps to itself what a test prints that passes.
    writeln!(stderr(), "SKIPPED: {what}: {missing}").ok();
}
