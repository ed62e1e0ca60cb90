//! Whole answers, held against those in `tests/it/snapshots`.
//!
//! After a change that is meant, `INSTA_UPDATE=always cargo test` writes them anew, and the diff is read.

use insta::{Settings, assert_json_snapshot};
use serde_json::Value;

/// What differs from run to run, by the name of the field.
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

/// Fails where the answer is not the one in the file of this name, but for what differs from run to run.
#[track_caller]
pub(crate) fn expect_snapshot(name: &str, mut answer: Value) {
    redact(&mut answer);
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| assert_json_snapshot!(name, answer));
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
