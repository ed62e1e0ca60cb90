//! A device with all that is known of it, as the native interface answers. What is not known is absent, nothing is null.

use std::collections::BTreeMap;

use utoipa::ToSchema;
use utoipa::openapi::ComponentsBuilder;

use super::native::DeviceRow;

/// All of them.
pub(super) fn all(components: ComponentsBuilder) -> ComponentsBuilder {
    components
        .schema_from::<Device>()
        .schema_from::<SsidOfDevice>()
        .schema_from::<SecurityOfNetwork>()
        .schema_from::<ProtocolOfNetwork>()
        .schema_from::<KismetSecurity>()
        .schema_from::<RelatedDevice>()
        .schema_from::<BluetoothOfDevice>()
        .schema_from::<Advertising>()
        .schema_from::<ServiceBytes>()
        .schema_from::<CompanyBytes>()
        .schema_from::<OtherBytes>()
        .schema_from::<ReportsOnFrequency>()
        .schema_from::<SeenBy>()
        .schema_from::<Place>()
        .schema_from::<Fix>()
        .schema_from::<Strongest>()
        .schema_from::<ChannelLayout>()
        .schema_from::<Signals>()
        .schema_from::<BluetoothSaid>()
        .schema_from::<Times>()
}

/// A device with all that is known of it.
#[derive(ToSchema)]
struct Device {
    #[serde(flatten)]
    row: DeviceRow,
    /// What somebody named it.
    #[schema(nullable = false)]
    given_name: Option<String>,
    /// Its networks, the latest first; Wi-Fi only.
    #[schema(nullable = false)]
    ssids: Option<Vec<SsidOfDevice>>,
    /// `AP`, `PBSS`, `ad-hoc` or `mesh`; Wi-Fi only.
    #[schema(nullable = false)]
    topology: Option<String>,
    /// What else comes out of its radio, as far as can be told; Wi-Fi only.
    #[schema(nullable = false)]
    related: Option<Vec<RelatedDevice>>,
    /// Bluetooth only.
    #[schema(nullable = false)]
    bluetooth: Option<BluetoothOfDevice>,
    /// On which it was heard, from low to high.
    frequencies: Vec<ReportsOnFrequency>,
    /// Who saw it, by UUID.
    seen_by: Vec<SeenBy>,
    /// Where scanners stood that saw it.
    #[schema(nullable = false)]
    position: Option<Place>,
    /// Where its signal was strongest.
    #[schema(nullable = false)]
    strongest: Option<Strongest>,
    /// What scanners and people attached to it.
    #[schema(nullable = false)]
    tags: Option<BTreeMap<String, String>>,
    /// Devices with the same address in other radio technologies.
    #[schema(nullable = false)]
    #[schema(no_recursion)]
    others: Option<Vec<Device>>,
}

/// A network of an access point.
#[derive(ToSchema)]
struct SsidOfDevice {
    /// Its name, with `\\xHH` for bytes that are no text; empty where it is hidden.
    ssid: String,
    /// Whether it hides its name.
    hidden: bool,
    #[serde(flatten)]
    seen: Times,
    /// How many reports there were of it.
    reports: u64,
    /// The latest channel.
    #[schema(nullable = false)]
    channel: Option<String>,
    #[serde(flatten)]
    layout: ChannelLayout,
    /// How it is secured.
    security: SecurityOfNetwork,
}

/// How a network is secured, read from its capabilities.
#[derive(ToSchema)]
struct SecurityOfNetwork {
    /// Such as `open` or `wpa2-personal`.
    class: String,
    /// The same, for people.
    label: String,
    /// Such as `WPA` or `RSN`.
    protocols: Vec<String>,
    /// Key management of all protocols, such as `PSK` or `SAE`.
    akms: Vec<String>,
    /// Ciphers between two, of all protocols, such as `CCMP`.
    pairwise: Vec<String>,
    /// The same, protocol by protocol.
    by_protocol: Vec<ProtocolOfNetwork>,
    /// What else it says, such as `SAE-H2E`.
    flags: Vec<String>,
    /// Protection of management frames: `capable` or `required`.
    #[schema(nullable = false)]
    mfp: Option<String>,
    /// `yes`, `pin`, `auth` or `pbc`.
    #[schema(nullable = false)]
    wps: Option<String>,
    /// `AP`, `PBSS`, `ad-hoc` or `mesh`.
    #[schema(nullable = false)]
    topology: Option<String>,
    /// Whether the text holds what is not understood; the text itself is in the observations.
    has_leftovers: bool,
    /// Whether the text is cut off or bent.
    is_damaged: bool,
    /// In Android's notation, as `WiGLE` has it.
    auth_mode: String,
    /// In Kismet's words.
    kismet: KismetSecurity,
}

/// What one of a network's security elements offers.
#[derive(ToSchema)]
struct ProtocolOfNetwork {
    /// Such as `WPA` or `RSN`.
    protocol: String,
    /// Key management, such as `PSK`. All but WPA and RSN share theirs.
    akms: Vec<String>,
    /// Ciphers between two, such as `CCMP`. All but WPA and RSN share theirs.
    pairwise: Vec<String>,
}

/// How a network is secured, in Kismet's words.
#[derive(ToSchema)]
struct KismetSecurity {
    /// Such as `WPA2 WPA2-PSK AES-CCM`.
    crypt_string: String,
    /// 64 bits.
    crypt_bitfield: u64,
    /// The bits of older Kismets.
    crypt_set: u64,
}

/// Another network of the same radio.
#[derive(ToSchema)]
struct RelatedDevice {
    /// `AA:BB:CC:DD:EE:FF`.
    address: String,
    /// Its name in Kismet's paths.
    key: String,
    /// What it is called.
    #[schema(nullable = false)]
    name: Option<String>,
}

/// What a Bluetooth device says of itself.
#[derive(ToSchema)]
struct BluetoothOfDevice {
    #[serde(flatten)]
    said: BluetoothSaid,
    /// The name that it advertised last.
    #[schema(nullable = false)]
    advertised_name: Option<String>,
    /// Whether that is all of the name.
    #[schema(nullable = false)]
    advertised_name_is_complete: Option<bool>,
    /// What it advertised last, taken apart.
    #[schema(nullable = false)]
    advertising: Option<Advertising>,
    /// Bytes in hex, by service.
    service_data: BTreeMap<String, String>,
}

/// Advertising data (Bluetooth Core Specification, vol. 3, part C, 11). What was not advertised is absent.
#[derive(ToSchema)]
struct Advertising {
    /// In words.
    #[schema(nullable = false)]
    flags: Option<Vec<String>>,
    /// What it offers: UUIDs, short where they are Bluetooth's own.
    #[schema(nullable = false)]
    services: Option<Vec<String>>,
    /// Whether it offers more than it named; absent where not.
    #[schema(nullable = false)]
    has_more_services: Option<bool>,
    /// What it looks for.
    #[schema(nullable = false)]
    solicited_services: Option<Vec<String>>,
    /// What it calls itself.
    #[schema(nullable = false)]
    names: Option<Vec<String>>,
    /// Transmit power, in dBm.
    #[schema(nullable = false)]
    tx_power_dbm: Option<i32>,
    /// Its look, by Bluetooth's numbers.
    #[schema(nullable = false)]
    appearance: Option<u32>,
    /// What its services say.
    #[schema(nullable = false)]
    service_data: Option<Vec<ServiceBytes>>,
    /// What its maker says.
    #[schema(nullable = false)]
    manufacturer_data: Option<Vec<CompanyBytes>>,
    /// What is of another type.
    #[schema(nullable = false)]
    others: Option<Vec<OtherBytes>>,
    /// What is cut off or bent: bytes in hex.
    #[schema(nullable = false)]
    damaged: Option<Vec<String>>,
}

/// What a service says.
#[derive(ToSchema)]
struct ServiceBytes {
    /// Its UUID.
    service: String,
    /// Bytes in hex.
    data: String,
}

/// What a maker says.
#[derive(ToSchema)]
struct CompanyBytes {
    /// Bluetooth's number of the maker.
    company_id: u32,
    /// Bytes in hex.
    data: String,
}

/// What is of another type.
#[derive(ToSchema)]
struct OtherBytes {
    /// Bluetooth's number of the type.
    #[schema(rename = "type")]
    kind: u32,
    /// Bytes in hex.
    data: String,
}

/// How often a device was heard on a frequency.
#[derive(ToSchema)]
struct ReportsOnFrequency {
    /// In kHz.
    frequency_khz: u64,
    /// How many reports named it.
    reports: u64,
}

/// What one scanner saw of a device.
#[derive(ToSchema)]
struct SeenBy {
    /// UUID of the scanner.
    #[schema(nullable = false)]
    source: Option<String>,
    /// What it calls itself.
    #[schema(nullable = false)]
    source_name: Option<String>,
    #[serde(flatten)]
    seen: Times,
    /// How many it sent.
    reports: u64,
    #[serde(flatten)]
    signals: Signals,
}

/// Where scanners stood.
#[derive(ToSchema)]
struct Place {
    /// Mean, in degrees.
    lat: f64,
    /// Mean, in degrees.
    lon: f64,
    /// Mean of those that have one, in metres.
    #[schema(nullable = false)]
    alt_m: Option<f64>,
    /// Degrees.
    lat_min: f64,
    /// Degrees.
    lat_max: f64,
    /// Degrees.
    lon_min: f64,
    /// Degrees.
    lon_max: f64,
    /// The latest.
    last: Fix,
}

/// Where a scanner stood.
#[derive(ToSchema)]
pub(super) struct Fix {
    /// Degrees.
    lat: f64,
    /// Degrees.
    lon: f64,
    /// Metres.
    #[schema(nullable = false)]
    alt_m: Option<f64>,
}

/// Where a signal was strongest.
#[derive(ToSchema)]
struct Strongest {
    /// In dBm.
    signal_dbm: i32,
    /// When, in seconds since 1970.
    time: u64,
    /// The same, in ISO 8601.
    time_utc: String,
    /// Degrees.
    lat: f64,
    /// Degrees.
    lon: f64,
}

/// How wide a channel is, and where it lies.
#[derive(ToSchema)]
pub(super) struct ChannelLayout {
    /// MHz: `20`, `40`, `80`, `160`, `80+80` or `320`.
    #[schema(nullable = false)]
    channel_width_mhz: Option<String>,
    /// Middle of the channel, or of its first part, in MHz.
    #[schema(nullable = false)]
    center0_mhz: Option<u32>,
    /// Middle of the channel's second part, in MHz.
    #[schema(nullable = false)]
    center1_mhz: Option<u32>,
}

/// How strong a device was.
#[derive(ToSchema)]
pub(super) struct Signals {
    /// The latest signal, in dBm.
    #[schema(nullable = false)]
    signal_dbm: Option<i32>,
    /// In dBm.
    #[schema(nullable = false)]
    signal_weakest_dbm: Option<i32>,
    /// In dBm.
    #[schema(nullable = false)]
    signal_strongest_dbm: Option<i32>,
}

/// What a Bluetooth device says of itself, as far as it is no service.
#[derive(ToSchema)]
pub(super) struct BluetoothSaid {
    /// What the device calls itself.
    #[schema(nullable = false)]
    name: Option<String>,
    /// The kind of device in the scanner's words.
    #[schema(nullable = false)]
    device_type: Option<String>,
    /// Transmit power that the device states, in dBm.
    #[schema(nullable = false)]
    tx_power_dbm: Option<i32>,
    /// Loss on the way as the scanner computed it, in dB.
    #[schema(nullable = false)]
    path_loss_db: Option<i32>,
    /// The advertised bytes, in hex.
    #[schema(nullable = false)]
    scan_data: Option<String>,
}

/// From when to when there were reports.
#[derive(ToSchema)]
pub(super) struct Times {
    /// By the reports' own times, in seconds since 1970.
    first_seen: u64,
    /// The same, in ISO 8601.
    first_seen_utc: String,
    /// By the reports' own times, in seconds since 1970.
    last_seen: u64,
    /// The same, in ISO 8601.
    last_seen_utc: String,
}
