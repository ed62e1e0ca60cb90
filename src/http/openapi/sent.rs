//! What clients send, and what Kismet's half answers in few words, as the document describes it.
//!
//! Only described: the decoders take more than is promised here, such as numbers in quotes, so no struct that they read
//! into says what is meant.

use utoipa::ToSchema;

/// What somebody says of a device.
#[derive(ToSchema)]
pub(in crate::http) struct Annotation {
    /// For `set_name`: the name.
    username: Option<String>,
    /// For `set_tag`: the tag.
    tagname: Option<String>,
    /// For `set_tag`: its value.
    tagvalue: Option<String>,
}

/// An alert that somebody raises.
#[derive(ToSchema)]
pub(in crate::http) struct NewAlert {
    /// Its kind.
    name: String,
    text: String,
    bssid: Option<String>,
    source: Option<String>,
    dest: Option<String>,
    other: Option<String>,
    channel: Option<String>,
}

/// A kind of alerts.
#[derive(ToSchema)]
pub(in crate::http) struct NewAlertKind {
    /// Letters, digits, `_` and `-`.
    name: String,
    description: String,
    /// `DENIAL`, `EXPLOIT`, `OTHER`, `PROBE`, `SPOOF` or `SYSTEM`; `OTHER`, if it is not said.
    class: Option<String>,
    /// A word, or 0, 5, 10, 15 or 20; `medium`, if it is not said.
    severity: Option<String>,
    /// How many in the long run, such as `10/min`.
    throttle: Option<String>,
    /// How many at once, such as `1/sec`.
    burst: Option<String>,
    /// `IEEE802.11`, `Bluetooth` or `ANY`.
    phyname: Option<String>,
}

/// Addresses to watch, or not any more: one, or several.
#[derive(ToSchema)]
pub(in crate::http) struct WatchedAddresses {
    mac: Option<String>,
    /// Addresses, or addresses with a mask: `02:00:5E:00:00:00/FF:FF:FF:00:00:00`.
    macs: Option<Vec<String>>,
}

/// Every error.
#[derive(ToSchema)]
pub(in crate::http) struct Error {
    /// The kind of error, for a program: a word such as `no_such_device` that keeps its meaning.
    code: String,
    /// The parameter, header or field that is to blame, if one is.
    #[schema(nullable = false)]
    parameter: Option<String>,
    /// The reason, for a person.
    status: String,
    /// Always false.
    success: bool,
    /// Where none of several reports was valid: what is wrong with each.
    #[schema(nullable = false)]
    rejected: Option<Vec<Rejected>>,
}

/// How the server is.
#[derive(ToSchema)]
pub(in crate::http) struct Status {
    /// `alive` or `ready`.
    status: String,
    success: bool,
}

/// Reports are on disk and in the views.
#[derive(ToSchema)]
pub(in crate::http) struct Receipt {
    status: String,
    success: bool,
    /// How many reports were accepted.
    accepted: u64,
    /// Whether the same request was answered before; it is not counted again.
    duplicate: bool,
    /// Values that were left out because they cannot be used, at most `limits.ignored_max`. Their reports count.
    ignored: Vec<Ignored>,
    /// By how many seconds the scanner's clock is ahead, if it cannot be right.
    #[schema(nullable = false)]
    clock_offset_s: Option<i64>,
    rejected: Vec<Rejected>,
}

/// A value that was left out.
#[derive(ToSchema)]
pub(in crate::http) struct Ignored {
    /// Where its report stands in the request, from 0. Absent for a value of the whole request.
    #[schema(nullable = false)]
    index: Option<u64>,
    field: String,
    /// What is wrong with it.
    reason: String,
}

/// A report that was refused.
#[derive(ToSchema)]
pub(in crate::http) struct Rejected {
    /// Where it stood in the request, from 0.
    index: u64,
    /// The field that is wrong, and why.
    reason: String,
}

/// What a read is asked for.
#[derive(ToSchema)]
pub(in crate::http) struct Command {
    /// The fields that are wanted, each as a path like `kismet.device.base.signal/kismet.common.signal.last_signal`,
    /// or as a pair of a path and another name. Each record is then a flat object of them, with 0 for what it lacks.
    #[schema(nullable = false)]
    fields: Option<Vec<serde_json::Value>>,
    /// Pairs of a path and a pattern, of which one has to match.
    #[schema(nullable = false)]
    regex: Option<Vec<Vec<String>>>,
    /// In views: only what changed since then. Negative: seconds before now.
    #[schema(nullable = false)]
    last_time: Option<i64>,
}

/// A command for the devices with some addresses.
#[derive(ToSchema)]
pub(in crate::http) struct Addresses {
    /// Addresses, or addresses with a mask: `02:00:5E:00:00:00/FF:FF:FF:00:00:00`.
    devices: Vec<String>,
    #[serde(flatten)]
    command: Command,
}

/// A command for the devices with some keys.
#[derive(ToSchema)]
pub(in crate::http) struct Keys {
    /// Keys, as `kismet.device.base.key` has them.
    devices: Vec<String>,
    #[serde(flatten)]
    command: Command,
}

/// A login.
#[derive(ToSchema)]
pub(in crate::http) struct NewPassword {
    username: String,
    password: String,
}

/// A key to be made.
#[derive(ToSchema)]
pub(in crate::http) struct NewKey {
    name: String,
    /// `readonly`, `scanreport`, `metrics`, `admin` or a name of one's own.
    role: String,
    /// Seconds; 0 is for ever.
    duration: u64,
}

/// A key to be revoked.
#[derive(ToSchema)]
pub(in crate::http) struct KeyName {
    name: String,
}
