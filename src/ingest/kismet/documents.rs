//! Scan reports, as the `OpenAPI` document describes them.
//!
//! Only described: the decoder takes more than is promised here, such as numbers in quotes, so no struct that it reads
//! into says what is meant.

use std::collections::BTreeMap;

use utoipa::ToSchema;

/// What a Wi-Fi scanner saw.
#[derive(ToSchema)]
pub(super) struct WifiScanReport {
    /// The scanner's own UUID.
    #[schema(
        example = "6e6d010f-5ca9-4000-8000-000000000001",
        pattern = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
    )]
    source_uuid: String,
    /// What people call the scanner.
    source_name: Option<String>,
    /// An empty list introduces or renames the scanner.
    reports: Vec<WifiReport>,
}

/// One sighting of an access point. Numbers may come as strings; `null` and `""` are absent.
#[derive(ToSchema)]
pub(super) struct WifiReport {
    /// `AA:BB:CC:DD:EE:FF`, with `-`, as `aabb.ccdd.eeff`, or bare.
    #[schema(
        example = "02:00:5E:10:00:01",
        pattern = "^([0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5})$"
    )]
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
pub(super) struct BluetoothScanReport {
    /// The scanner's own UUID.
    #[schema(pattern = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$")]
    source_uuid: String,
    /// What people call the scanner.
    source_name: Option<String>,
    /// An empty list introduces or renames the scanner.
    reports: Vec<BluetoothReport>,
}

/// One sighting of a Bluetooth device. Numbers may come as strings; `null` and `""` are absent.
#[derive(ToSchema)]
pub(super) struct BluetoothReport {
    /// `AA:BB:CC:DD:EE:FF`, with `-`, as `aabb.ccdd.eeff`, or bare.
    #[schema(pattern = "^([0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5})$")]
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
pub(super) struct Seen {
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
