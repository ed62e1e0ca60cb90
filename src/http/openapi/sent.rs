//! What clients send, and what Kismet's half answers in few words, as the document describes it.
//!
//! Only described: the decoders take more than is promised here, such as numbers in quotes, so no struct that they read
//! into says what is meant.

use utoipa::openapi::schema::{ArrayBuilder, Object, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A name for a device.
#[derive(ToSchema)]
pub(in crate::http) struct DeviceName {
    /// The empty one takes the name away.
    #[schema(max_length = 64)]
    username: String,
}

/// A mark for a device.
#[derive(ToSchema)]
pub(in crate::http) struct DeviceTag {
    #[schema(min_length = 1, max_length = 64)]
    tagname: String,
    /// The empty one takes the mark away.
    #[schema(max_length = 64)]
    tagvalue: String,
}

/// An alert that somebody raises.
#[derive(ToSchema)]
pub(in crate::http) struct NewAlert {
    /// Its kind.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    name: String,
    #[schema(max_length = 256)]
    text: String,
    #[schema(nullable = false, pattern = "^([0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5})$")]
    bssid: Option<String>,
    #[schema(nullable = false, pattern = "^([0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5})$")]
    source: Option<String>,
    #[schema(nullable = false, pattern = "^([0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5})$")]
    dest: Option<String>,
    #[schema(nullable = false, pattern = "^([0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5})$")]
    other: Option<String>,
    #[schema(nullable = false, max_length = 16)]
    channel: Option<String>,
}

/// A kind of alerts.
#[derive(ToSchema)]
pub(in crate::http) struct NewAlertKind {
    /// Letters, digits, `_` and `-`.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    name: String,
    #[schema(max_length = 256)]
    description: String,
    /// `DENIAL`, `EXPLOIT`, `OTHER`, `PROBE`, `SPOOF` or `SYSTEM`; `OTHER`, if it is not said.
    #[schema(
        nullable = false,
        pattern = "^(DENIAL|EXPLOIT|OTHER|PROBE|SPOOF|SYSTEM)$"
    )]
    class: Option<String>,
    /// A word, or 0, 5, 10, 15 or 20; `medium`, if it is not said.
    #[schema(
        nullable = false,
        pattern = "^(info|low|medium|high|critical|0|5|10|15|20)$"
    )]
    severity: Option<String>,
    /// How many in the long run, such as `10/min`.
    #[schema(nullable = false, pattern = "^[1-9][0-9]{0,2}/(sec|min|hour|day)$")]
    throttle: Option<String>,
    /// How many at once, such as `1/sec`.
    #[schema(nullable = false, pattern = "^[1-9][0-9]{0,2}/(sec|min|hour|day)$")]
    burst: Option<String>,
    /// `IEEE802.11`, `Bluetooth` or `ANY`.
    #[schema(nullable = false, pattern = "^(IEEE802\\.11|Bluetooth|ANY)$")]
    phyname: Option<String>,
}

/// Addresses to watch, or not any more.
#[derive(ToSchema)]
pub(in crate::http) struct WatchedAddresses {
    /// Addresses, or addresses with a mask: `02:00:5E:00:00:00/FF:FF:FF:00:00:00`.
    #[schema(value_type = Vec<WatchedAddress>, max_items = 1000)]
    macs: Vec<String>,
}

/// An address, or one with a mask.
#[derive(ToSchema)]
#[schema(pattern = "^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}(/[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5})?$")]
pub(in crate::http) struct WatchedAddress(String);

/// The key of a device.
#[derive(ToSchema)]
#[schema(pattern = "^(4202770D00000000|B603E01100000000)_[0-9A-F]{1,12}$")]
pub(in crate::http) struct DeviceKeyText(String);

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
    #[schema(nullable = false, max_items = 1000)]
    fields: Option<Vec<FieldChoice>>,
    /// Pairs of a path and a pattern, of which one has to match.
    #[schema(nullable = false, max_items = 1000)]
    regex: Option<Vec<FieldPattern>>,
    /// In views: only what changed since then. Negative: seconds before now.
    #[schema(nullable = false)]
    last_time: Option<i64>,
}

/// A field: its path, or its path and another name.
pub(in crate::http) struct FieldChoice;

/// A path, and a regular expression in the syntax of Rust's crate `regex`.
pub(in crate::http) struct FieldPattern;

impl ToSchema for FieldChoice {}

impl PartialSchema for FieldChoice {
    fn schema() -> RefOr<Schema> {
        let path = Object::with_type(Type::String);
        let either = OneOfBuilder::new().item(path).item(pair());
        let either = either.description(Some("A field: its path, or its path and another name"));
        Schema::from(either.build()).into()
    }
}

impl ToSchema for FieldPattern {}

impl PartialSchema for FieldPattern {
    fn schema() -> RefOr<Schema> {
        let text = "A path, and a regular expression in the syntax of Rust's crate `regex`";
        Schema::from(pair().description(Some(text)).build()).into()
    }
}

fn pair() -> ArrayBuilder {
    ArrayBuilder::new()
        .items(Object::with_type(Type::String))
        .min_items(Some(2))
        .max_items(Some(2))
}

/// A command for the devices with some addresses.
#[derive(ToSchema)]
pub(in crate::http) struct Addresses {
    /// Addresses, or addresses with a mask: `02:00:5E:00:00:00/FF:FF:FF:00:00:00`.
    #[schema(value_type = Vec<WatchedAddress>, max_items = 1000)]
    devices: Vec<String>,
    #[serde(flatten)]
    command: Command,
}

/// A command for the devices with some keys.
#[derive(ToSchema)]
pub(in crate::http) struct Keys {
    /// Keys, as `kismet.device.base.key` has them.
    #[schema(value_type = Vec<DeviceKeyText>, max_items = 1000)]
    devices: Vec<String>,
    #[serde(flatten)]
    command: Command,
}

/// A login.
#[derive(ToSchema)]
pub(in crate::http) struct NewPassword {
    #[schema(pattern = "^[A-Za-z0-9_.-]{1,64}$")]
    username: String,
    #[schema(pattern = "^[!-~]{8,128}$")]
    password: String,
}

/// A key to be made.
#[derive(ToSchema)]
pub(in crate::http) struct NewKey {
    #[schema(pattern = "^[A-Za-z0-9_.-]{1,64}$")]
    name: String,
    /// `readonly`, `scanreport`, `metrics`, `admin` or a name of one's own.
    #[schema(pattern = "^[A-Za-z0-9_.-]{1,64}$")]
    role: String,
    /// Seconds; 0 is for ever.
    #[schema(maximum = 4_294_967_295_u32)]
    duration: u64,
}

/// A key to be revoked.
#[derive(ToSchema)]
pub(in crate::http) struct KeyName {
    name: String,
}
