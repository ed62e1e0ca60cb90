//! What the native interface answers. What is not known is absent, nothing is null.

use std::collections::BTreeMap;

use utoipa::ToSchema;
use utoipa::openapi::ComponentsBuilder;

use super::device::{BluetoothSaid, ChannelLayout, Fix, Signals, Times};

/// All of them.
pub(super) fn all(components: ComponentsBuilder) -> ComponentsBuilder {
    components
        .schema_from::<Devices>()
        .schema_from::<DeviceRow>()
        .schema_from::<Observations>()
        .schema_from::<Observation>()
        .schema_from::<Networks>()
        .schema_from::<Network>()
        .schema_from::<Sources>()
        .schema_from::<Source>()
        .schema_from::<ServerStatus>()
        .schema_from::<CountsByPhy>()
}

/// A page of devices.
#[derive(ToSchema)]
struct Devices {
    /// In the order that was asked for.
    devices: Vec<DeviceRow>,
    /// Asks for the next page; absent on the last.
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// A device in one row.
#[derive(ToSchema)]
pub(super) struct DeviceRow {
    /// `IEEE802.11` or `Bluetooth`.
    phy: String,
    /// `AA:BB:CC:DD:EE:FF`.
    address: String,
    /// The device's name in Kismet's paths.
    key: String,
    /// What somebody named it, else its network's name or its own.
    #[schema(nullable = false)]
    name: Option<String>,
    /// The class of its security, such as `open` or `wpa2-personal`; Wi-Fi only.
    #[schema(nullable = false)]
    security: Option<String>,
    /// The same, for people.
    #[schema(nullable = false)]
    security_label: Option<String>,
    /// The latest channel, as the scanner named it or as it follows from the frequency.
    #[schema(nullable = false)]
    channel: Option<String>,
    /// The latest frequency, in kHz.
    #[schema(nullable = false)]
    frequency_khz: Option<u64>,
    /// Its band in GHz: `2.4`, `5`, `6` or `60`.
    #[schema(nullable = false)]
    band_ghz: Option<String>,
    #[serde(flatten)]
    signals: Signals,
    #[serde(flatten)]
    seen: Times,
    /// When a report changed it last, by the server's clock, in seconds since 1970.
    changed: u64,
    /// The same, in ISO 8601.
    changed_utc: String,
    /// How many reports there were of it.
    reports: u64,
    /// How many scanners are known to have seen it.
    sources: u64,
    /// Mean of where scanners stood, in degrees.
    #[schema(nullable = false)]
    lat: Option<f64>,
    /// Mean of where scanners stood, in degrees.
    #[schema(nullable = false)]
    lon: Option<f64>,
    /// Who made it, by the listings of the IEEE.
    #[schema(nullable = false)]
    manufacturer: Option<String>,
    /// Whether no maker gave the address; absent where one did.
    #[schema(nullable = false)]
    randomised: Option<bool>,
}

/// A page of the reports of a device, the newest first.
#[derive(ToSchema)]
struct Observations {
    /// As they are in the log.
    observations: Vec<Observation>,
    /// Asks for the next page; absent on the last.
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// A report as it is in the log. What was not said is absent.
#[derive(ToSchema)]
struct Observation {
    /// The batch's place in the log.
    position: u64,
    /// UUID of the scanner.
    source: String,
    /// What it called itself.
    #[schema(nullable = false)]
    source_name: Option<String>,
    /// When it arrived, in seconds since 1970.
    received_at: f64,
    /// When it was seen, in seconds since 1970.
    time: u64,
    /// The same, in ISO 8601.
    time_utc: String,
    /// `IEEE802.11` or `Bluetooth`.
    phy: String,
    /// `AA:BB:CC:DD:EE:FF`.
    address: String,
    /// Empty where the network hides its name; Wi-Fi only.
    #[schema(nullable = false)]
    ssid: Option<String>,
    /// As sent.
    #[schema(nullable = false)]
    capabilities: Option<String>,
    #[serde(flatten)]
    layout: ChannelLayout,
    /// The information elements, as sent.
    #[schema(nullable = false)]
    ie_tags: Option<String>,
    #[serde(flatten)]
    said: BluetoothSaid,
    /// Bytes in hex, by service.
    #[schema(nullable = false)]
    service_data: Option<BTreeMap<String, String>>,
    /// As sent, or as it follows from the frequency.
    #[schema(nullable = false)]
    channel: Option<String>,
    /// In kHz.
    #[schema(nullable = false)]
    frequency_khz: Option<u64>,
    /// In dBm.
    #[schema(nullable = false)]
    signal_dbm: Option<i32>,
    /// Degrees.
    #[schema(nullable = false)]
    lat: Option<f64>,
    /// Degrees.
    #[schema(nullable = false)]
    lon: Option<f64>,
    /// Metres.
    #[schema(nullable = false)]
    alt_m: Option<f64>,
    /// In km/h.
    #[schema(nullable = false)]
    speed_km_h: Option<f64>,
    /// How far the scanner may have been from there, in metres, as it says.
    #[schema(nullable = false)]
    accuracy_m: Option<f64>,
    /// What the scanner attached.
    #[schema(nullable = false)]
    tags: Option<BTreeMap<String, String>>,
}

/// A page of networks, in the order of their names.
#[derive(ToSchema)]
struct Networks {
    /// Each name once; hidden ones have none.
    ssids: Vec<Network>,
    /// Asks for the next page; absent on the last.
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// All access points that show one name.
#[derive(ToSchema)]
struct Network {
    /// The name.
    ssid: String,
    /// How many show it.
    access_points: u64,
    /// How many reports there were of it.
    reports: u64,
    /// By the reports' own times, in seconds since 1970.
    first_seen: u64,
    /// By the reports' own times, in seconds since 1970.
    last_seen: u64,
    /// The classes of its access points, each once, in order; in CSV with blanks between.
    security: Vec<String>,
}

/// The scanners that have reported.
#[derive(ToSchema)]
struct Sources {
    /// All of them.
    sources: Vec<Source>,
}

/// A scanner.
#[derive(ToSchema)]
struct Source {
    /// Its UUID.
    source: String,
    /// What it calls itself.
    name: String,
    /// `IEEE802.11` or `Bluetooth`.
    phy: String,
    /// How many it sent.
    reports: u64,
    /// How many of the tracked devices it has seen.
    devices: u64,
    /// By the server's clock, in seconds since 1970.
    first_contact: u64,
    /// The same, in ISO 8601.
    first_contact_utc: String,
    /// By the server's clock, in seconds since 1970.
    last_contact: u64,
    /// The same, in ISO 8601.
    last_contact_utc: String,
    /// Where it stood last.
    #[schema(nullable = false)]
    position: Option<Fix>,
}

/// The server, and how much it has.
#[derive(ToSchema)]
struct ServerStatus {
    /// Of the program.
    version: String,
    /// Of this server.
    uuid: String,
    /// `server.name`.
    name: String,
    /// The server's clock, in seconds since 1970.
    time: u64,
    /// For how many seconds it runs.
    uptime_s: u64,
    /// Tracked.
    devices: CountsByPhy,
    /// Ever accepted.
    reports: CountsByPhy,
    /// How often what was accepted since the start was written to disk, each time for all that waited.
    commits: u64,
    /// Scanners that have reported.
    sources: u64,
    /// Open at this moment.
    connections: u64,
}

/// One count a radio technology.
#[derive(ToSchema)]
struct CountsByPhy {
    /// Of Wi-Fi.
    wifi: u64,
    /// Of Bluetooth.
    bluetooth: u64,
}
