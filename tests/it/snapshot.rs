//! Compares whole answers with the files in `tests/it/snapshots`.
//!
//! After an intended change, update them with `INSTA_UPDATE=always cargo test`, and review the diff.

use insta::{Settings, assert_json_snapshot, assert_snapshot};
use serde_json::Value;

/// Fields that differ from run to run, and their replacements.
const CHANGING: [(&str, &str); 8] = [
    ("kismet.device.base.mod_time", "[time]"),
    ("kismet.common.location.time_sec", "[time]"),
    ("kismet.common.location.time_usec", "[time]"),
    ("kismet.common.rrd.serial_time", "[time]"),
    ("kismet.server.uuid", "[uuid]"),
    ("changed", "[time]"),
    ("changed_utc", "[time]"),
    ("duration_ms", "[time]"),
];

/// Compares an answer with the file of this name, after it has replaced the fields that differ from run to run.
#[track_caller]
pub(crate) fn expect_snapshot(name: &str, mut answer: Value) {
    redact(&mut answer);
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| assert_json_snapshot!(name, answer));
}

/// Compares a text with the file of this name.
#[track_caller]
pub(crate) fn expect_text(name: &str, text: &str) {
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| assert_snapshot!(name, text));
}

fn redact(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match CHANGING.iter().find(|(changing, _)| changing == name) {
                    Some((_, word)) => *value = Value::from(*word),
                    None => redact(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        _ => {}
    }
}
