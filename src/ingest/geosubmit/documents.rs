//! Geosubmit documents, as the `OpenAPI` document describes them.
//!
//! Only described: the decoder takes more than is promised here, such as the keys of all versions in each item.

use utoipa::ToSchema;

/// What a phone saw, in version 2 of geosubmit.
#[derive(ToSchema)]
pub(super) struct GeosubmitV2 {
    items: Vec<ItemV2>,
}

/// What a phone saw, in version 1 of geosubmit.
#[derive(ToSchema)]
pub(super) struct GeosubmitV1 {
    items: Vec<ItemV1>,
}

/// What a computer saw, in the oldest form.
#[derive(ToSchema)]
pub(super) struct GeosubmitV0 {
    items: Vec<ItemV0>,
}

/// What was seen from one place at one time.
#[derive(ToSchema)]
pub(super) struct ItemV2 {
    /// Milliseconds since 1970. Without one, the time of receipt.
    timestamp: Option<f64>,
    position: Option<GeosubmitPosition>,
    #[serde(flatten)]
    seen: Seen,
}

/// What was seen from one place at one time.
#[derive(ToSchema)]
pub(super) struct ItemV1 {
    /// Milliseconds since 1970. Without one, the time of receipt.
    timestamp: Option<f64>,
    #[serde(flatten)]
    position: GeosubmitPosition,
    #[serde(flatten)]
    seen: Seen,
}

/// What the lists of an item hold.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Seen {
    wifi_access_points: Option<Vec<WifiAccessPoint>>,
    bluetooth_beacons: Option<Vec<BluetoothBeacon>>,
    /// Counted, and not kept.
    #[schema(value_type = Option<Vec<Object>>)]
    cell_towers: Option<Vec<()>>,
}

/// Where the observer was.
#[derive(ToSchema)]
pub(super) struct GeosubmitPosition {
    /// Degrees.
    latitude: Option<f64>,
    /// Degrees.
    longitude: Option<f64>,
    /// Metres.
    accuracy: Option<f64>,
    /// Metres.
    altitude: Option<f64>,
    /// Metres a second.
    speed: Option<f64>,
}

/// An access point.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WifiAccessPoint {
    #[schema(example = "02:00:5E:10:00:01")]
    mac_address: String,
    ssid: Option<String>,
    /// Milliseconds before the item's `timestamp`.
    age: Option<f64>,
    channel: Option<u32>,
    /// MHz.
    frequency: Option<f64>,
    /// dBm.
    signal_strength: Option<f64>,
}

/// A Bluetooth beacon.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct BluetoothBeacon {
    #[schema(example = "02:00:5E:10:00:02")]
    mac_address: String,
    name: Option<String>,
    /// Milliseconds before the item's `timestamp`.
    age: Option<f64>,
    /// dBm.
    signal_strength: Option<f64>,
    /// Kept as a tag, as are the ids.
    beacon_type: Option<i64>,
    id1: Option<String>,
    id2: Option<String>,
    id3: Option<String>,
}

/// What was seen from one place at one time.
#[derive(ToSchema)]
pub(super) struct ItemV0 {
    /// A time such as `2026-01-31T12:00:00Z`. Without one, the time of receipt.
    time: Option<String>,
    /// Degrees.
    lat: Option<f64>,
    /// Degrees.
    lon: Option<f64>,
    /// Metres.
    accuracy: Option<f64>,
    /// Metres.
    altitude: Option<f64>,
    /// Metres a second.
    speed: Option<f64>,
    wifi: Option<Vec<WifiV0>>,
    blue: Option<Vec<BlueV0>>,
    /// Counted, and not kept.
    #[schema(value_type = Option<Vec<Object>>)]
    cell: Option<Vec<()>>,
}

/// An access point.
#[derive(ToSchema)]
pub(super) struct WifiV0 {
    #[schema(example = "02:00:5E:10:00:01")]
    key: String,
    ssid: Option<String>,
    /// Milliseconds before the item's `time`.
    age: Option<f64>,
    channel: Option<u32>,
    /// MHz.
    frequency: Option<f64>,
    /// dBm.
    signal: Option<f64>,
}

/// A Bluetooth beacon.
#[derive(ToSchema)]
pub(super) struct BlueV0 {
    #[schema(example = "02:00:5E:10:00:02")]
    key: String,
    name: Option<String>,
    /// Milliseconds before the item's `time`.
    age: Option<f64>,
    /// dBm.
    signal: Option<f64>,
}
