//! A test that this machine cannot run prints why it is skipped. In CI it fails.

use std::io::{Write, stderr};

/// Prints why a test cannot run on this machine.
///
/// # Panics
///
/// If the environment variable `CI` is set: `.ci/run` installs everything that the tests need.
#[track_caller]
pub(crate) fn skip(what: &str, missing: &str) {
    let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    assert!(!is_ci, "{what} cannot be tested, and CI is set: {missing}");
    // Not `eprintln!`: the test runner hides its output when a test passes.
    writeln!(stderr(), "SKIPPED: {what}: {missing}").ok();
}
