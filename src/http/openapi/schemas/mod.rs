//! What is sent and answered, as the document describes it. Only described: the server reads and writes these
//! with code that takes more than it promises.

mod device;
mod native;

use std::collections::BTreeMap;

use utoipa::ToSchema;
use utoipa::openapi::ComponentsBuilder;

/// All of them.
pub(super) fn all(components: ComponentsBuilder) -> ComponentsBuilder {
    device::all(native::all(components))
        .schema_from::<Error>()
        .schema_from::<Status>()
        .schema_from::<WifiScanReport>()
        .schema_from::<WifiReport>()
        .schema_from::<BluetoothScanReport>()
        .schema_from::<BluetoothReport>()
        .schema_from::<Seen>()
        .schema_from::<Receipt>()
        .schema_from::<Rejected>()
        .schema_from::<Webhooks>()
        .schema_from::<Webhook>()
        .schema_from::<WebhookTest>()
        .schema_from::<Command>()
        .schema_from::<Annotation>()
        .schema_from::<Alerts>()
        .schema_from::<Alert>()
        .schema_from::<NewAlert>()
        .schema_from::<NewAlertKind>()
        .schema_from::<WatchedAddresses>()
        .schema_from::<Addresses>()
        .schema_from::<Keys>()
        .schema_from::<NewPassword>()
        .schema_from::<NewKey>()
        .schema_from::<KeyName>()
}

/// What somebody says of a device.
#[derive(ToSchema)]
struct Annotation {
    /// For `set_name`: the name.
    username: Option<String>,
    /// For `set_tag`: the tag.
    tagname: Option<String>,
    /// For `set_tag`: its value.
    tagvalue: Option<String>,
}

/// A page of alerts.
#[derive(ToSchema)]
struct Alerts {
    alerts: Vec<Alert>,
    /// Asks for the next page; absent on the last.
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// An alert.
#[derive(ToSchema)]
struct Alert {
    /// Counts alerts as they are kept; no number is given twice.
    number: u64,
    /// The same when it is raised again from the same log.
    id: String,
    /// Its kind.
    #[schema(example = "APSPOOF")]
    rule: String,
    class: String,
    /// `info`, `low`, `medium`, `high` or `critical`.
    severity: String,
    /// Seconds since 1970.
    raised: u64,
    raised_utc: String,
    /// When what it tells was so, by the time of the report: seconds since 1970.
    #[schema(nullable = false)]
    seen: Option<u64>,
    #[schema(nullable = false)]
    seen_utc: Option<String>,
    #[schema(nullable = false)]
    phy: Option<String>,
    /// Whom it is about.
    #[schema(nullable = false)]
    address: Option<String>,
    /// The key of the device.
    #[schema(nullable = false)]
    key: Option<String>,
    /// Of an alert that somebody raised: whom it was for.
    #[schema(nullable = false)]
    to_address: Option<String>,
    /// Of an alert that somebody raised: the network.
    #[schema(nullable = false)]
    network_address: Option<String>,
    /// The UUID of the scanner.
    #[schema(nullable = false)]
    source: Option<String>,
    #[schema(nullable = false)]
    channel: Option<String>,
    /// Where the scanner stood, in degrees.
    #[schema(nullable = false)]
    lat: Option<f64>,
    #[schema(nullable = false)]
    lon: Option<f64>,
    #[schema(nullable = false)]
    alt_m: Option<f64>,
    /// What happened, for people.
    text: String,
}

/// An alert that somebody raises.
#[derive(ToSchema)]
struct NewAlert {
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
struct NewAlertKind {
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
struct WatchedAddresses {
    mac: Option<String>,
    /// Addresses, or addresses with a mask: `02:00:5E:00:00:00/FF:FF:FF:00:00:00`.
    macs: Option<Vec<String>>,
}

/// Every error.
#[derive(ToSchema)]
struct Error {
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
struct Status {
    /// `alive` or `ready`.
    status: String,
    success: bool,
}

/// What a Wi-Fi scanner saw.
#[derive(ToSchema)]
struct WifiScanReport {
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
struct WifiReport {
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
struct BluetoothScanReport {
    /// The scanner's own UUID.
    source_uuid: String,
    /// What people call the scanner.
    source_name: Option<String>,
    /// An empty list introduces or renames the scanner.
    reports: Vec<BluetoothReport>,
}

/// One sighting of a Bluetooth device. Numbers may come as strings; `null` and `""` are absent.
#[derive(ToSchema)]
struct BluetoothReport {
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
struct Seen {
    /// Seconds since 1970; absent, 0 or before 2000 means now. More than a day ahead is refused.
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
struct Receipt {
    status: String,
    success: bool,
    /// How many reports were accepted.
    accepted: u64,
    /// Whether the same request was answered before; it is not counted again.
    duplicate: bool,
    rejected: Vec<Rejected>,
}

/// A report that was refused.
#[derive(ToSchema)]
struct Rejected {
    /// Where it stood in the request, from 0.
    index: u64,
    /// The field that is wrong, and why.
    reason: String,
}

/// All webhooks, in the order of the configuration.
#[derive(ToSchema)]
struct Webhooks {
    webhooks: Vec<Webhook>,
}

/// How a webhook is.
#[derive(ToSchema)]
struct Webhook {
    name: String,
    /// The host and the port of its URL.
    host: String,
    /// How many alerts were delivered.
    delivered: u64,
    /// How many were given up, or gone before they could be delivered.
    lost: u64,
    /// How many alerts it has not come to yet, some of which it may not want.
    waiting: u64,
    /// How many times in a row the last delivery failed.
    failures: u32,
    /// Whether it answered 410, after which nothing is sent until the next start.
    stopped: bool,
    /// What went wrong last.
    #[schema(nullable = false)]
    last_error: Option<String>,
    /// When it is tried again, in seconds since 1970.
    #[schema(nullable = false)]
    next_try: Option<u64>,
}

/// What came of a test.
#[derive(ToSchema)]
struct WebhookTest {
    /// Whether it was answered with a 2xx.
    success: bool,
    duration_ms: u64,
    /// The status of the answer.
    #[schema(nullable = false)]
    answered: Option<u16>,
    /// The first 1024 bytes of the answer.
    #[schema(nullable = false)]
    body: Option<String>,
    /// Why there was no answer.
    #[schema(nullable = false)]
    error: Option<String>,
}

/// What a read is asked for.
#[derive(ToSchema)]
struct Command {
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
struct Addresses {
    /// Addresses, or addresses with a mask: `02:00:5E:00:00:00/FF:FF:FF:00:00:00`.
    devices: Vec<String>,
    #[serde(flatten)]
    command: Command,
}

/// A command for the devices with some keys.
#[derive(ToSchema)]
struct Keys {
    /// Keys, as `kismet.device.base.key` has them.
    devices: Vec<String>,
    #[serde(flatten)]
    command: Command,
}

/// A login.
#[derive(ToSchema)]
struct NewPassword {
    username: String,
    password: String,
}

/// A key to be made.
#[derive(ToSchema)]
struct NewKey {
    name: String,
    /// `readonly`, `scanreport`, `admin` or a name of one's own.
    role: String,
    /// Seconds; 0 is for ever.
    duration: u64,
}

/// A key to be revoked.
#[derive(ToSchema)]
struct KeyName {
    name: String,
}
