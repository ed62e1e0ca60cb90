//! What clients send, and what Kismet's half answers in few words, as the document describes it.
//!
//! Only described: the decoders take more than is promised here, such as numbers in quotes, so no struct that they read
//! into says what is meant.

use std::collections::BTreeMap;

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

/// What a Wi-Fi scanner saw.
#[derive(ToSchema)]
pub(in crate::http) struct WifiScanReport {
    /// The scanner's own UUID.
    #[schema(example = "6e6d010f-5ca9-4000-8000-000000000001")]
    source_uuid: String,
    /// What people call the scanner.
    source_name: Option<String>,
    /// An empty list introduces or renames the scanner.
    reports: Vec<WifiReport>,
}

/// One sighting of an access point. Numbers may come as strings; `null` and `""` are absent.
#[derive(ToSchema)]
pub(in crate::http) struct WifiReport {
    /// `AA:BB:CC:DD:EE:FF`, with `-`, as `aabb.ccdd.eeff`, or bare.
    #[schema(example = "02:00:5E:10:00:01")]
    bssid: String,
    /// Without one, the network hides its name.
    ssid: Option<String>,
    /// The Android, `wpa_supplicant` or `WiGLE` string that says how the network is secured.
    #[schema(example = "[WPA2-PSK-CCMP][ESS]")]
    capabilities: Option<String>,
    /// MHz: `20`, `40`, `80`, `160`, `80+80` or `320`.
    chanwidth: Option<String>,
    /// MHz.
    centerfreq0: Option<f64>,
    /// MHz.
    centerfreq1: Option<f64>,
    /// The information elements, kept as they are.
    ietags: Option<String>,
    #[serde(flatten)]
    place: Seen,
}

/// What a Bluetooth scanner saw.
#[derive(ToSchema)]
pub(in crate::http) struct BluetoothScanReport {
    /// The scanner's own UUID.
    source_uuid: String,
    /// What people call the scanner.
    source_name: Option<String>,
    /// An empty list introduces or renames the scanner.
    reports: Vec<BluetoothReport>,
}

/// One sighting of a Bluetooth device. Numbers may come as strings; `null` and `""` are absent.
#[derive(ToSchema)]
pub(in crate::http) struct BluetoothReport {
    /// `AA:BB:CC:DD:EE:FF`, with `-`, as `aabb.ccdd.eeff`, or bare.
    btaddr: String,
    name: Option<String>,
    devicetype: Option<String>,
    /// dBm.
    txpowerlevel: Option<f64>,
    /// dB.
    pathloss: Option<f64>,
    /// The advertised bytes, in hex.
    scan_data: Option<String>,
    /// Bytes in hex, by service.
    service_data: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    place: Seen,
}

/// When and where something was seen, and how well.
#[derive(ToSchema)]
pub(in crate::http) struct Seen {
    /// Seconds since 1970; absent, 0, before 2001 or ahead by more than `ingest.clock_skew_max` means now.
    timestamp: Option<f64>,
    /// dBm, -150 to 30; 0 is none.
    signal: Option<f64>,
    /// kHz.
    freqkhz: Option<f64>,
    /// Without one, it follows from the frequency.
    channel: Option<String>,
    /// Degrees. 0/0 is no position.
    lat: Option<f64>,
    /// Degrees.
    lon: Option<f64>,
    /// Metres; 0 is none.
    alt: Option<f64>,
    /// km/h.
    speed: Option<f64>,
    /// How far the scanner may be from there, in metres. What makes no sense is left out.
    accuracy: Option<f64>,
    /// Texts to attach to the device.
    tags: Option<BTreeMap<String, String>>,
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
    /// `readonly`, `scanreport`, `admin` or a name of one's own.
    role: String,
    /// Seconds; 0 is for ever.
    duration: u64,
}

/// A key to be revoked.
#[derive(ToSchema)]
pub(in crate::http) struct KeyName {
    name: String,
}
