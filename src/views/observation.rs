//! A report from the log in scanpost's own shape: units in the names, and absent values left out.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::native::{ChannelPlace, Utc, degrees};
use crate::hex::Hex;
use crate::log::Entry;
use crate::report::{
    Batch, BluetoothSighting, Capabilities, Channel, Dbm, Frequency, MacAddr, Position, ReceivedAt,
    Report, Sighting, Ssid,
};

/// Field names of an observation.
pub const OBSERVATION_COLUMNS: [&str; 29] = [
    "position",
    "source",
    "source_name",
    "received_at",
    "time",
    "time_utc",
    "phy",
    "address",
    "ssid",
    "capabilities",
    "channel_width_mhz",
    "center0_mhz",
    "center1_mhz",
    "ie_tags",
    "name",
    "device_type",
    "tx_power_dbm",
    "path_loss_db",
    "scan_data",
    "service_data",
    "channel",
    "frequency_khz",
    "signal_dbm",
    "lat",
    "lon",
    "alt_m",
    "speed_km_h",
    "accuracy_m",
    "tags",
];

/// A report as it is in the log. What was not said is absent.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Observation)]
pub struct ObservationRecord<'e> {
    /// The batch's place in the log.
    position: u64,
    /// UUID of the scanner.
    source: String,
    /// What it called itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    source_name: Option<&'e str>,
    /// When it arrived, in seconds since 1970.
    received_at: f64,
    /// When it was seen, in seconds since 1970.
    time: u64,
    /// The same, in ISO 8601.
    #[schema(value_type = String)]
    time_utc: Utc,
    /// `IEEE802.11` or `Bluetooth`.
    phy: &'static str,
    /// `AA:BB:CC:DD:EE:FF`.
    #[schema(value_type = String)]
    address: MacAddr,
    /// Empty where the network hides its name; Wi-Fi only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    ssid: Option<&'e Ssid>,
    /// As sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    capabilities: Option<&'e str>,
    #[serde(flatten)]
    layout: ChannelPlace,
    /// The information elements, as sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ie_tags: Option<&'e str>,
    #[serde(flatten)]
    said: BluetoothSaid<'e>,
    /// Bytes in hex, by service.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    service_data: Option<BTreeMap<&'e str, String>>,
    /// As sent, or as it follows from the frequency.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    channel: Option<&'e str>,
    /// In kHz.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    frequency_khz: Option<u64>,
    /// In dBm.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    signal_dbm: Option<i16>,
    /// Degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    lat: Option<f64>,
    /// Degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    lon: Option<f64>,
    /// Metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    alt_m: Option<f64>,
    /// In km/h.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    speed_km_h: Option<f64>,
    /// How far the scanner may have been from there, in metres, as it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    accuracy_m: Option<f64>,
    /// What the scanner attached.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tags: Option<BTreeMap<&'e str, &'e str>>,
}

/// What a Bluetooth device says of itself, as far as it is no service.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = BluetoothSaid)]
struct BluetoothSaid<'e> {
    /// What the device calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name: Option<&'e str>,
    /// The kind of device in the scanner's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    device_type: Option<&'e str>,
    /// Transmit power that the device states, in dBm.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tx_power_dbm: Option<i16>,
    /// Loss on the way as the scanner computed it, in dB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    path_loss_db: Option<i16>,
    /// The advertised bytes, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    scan_data: Option<String>,
}

impl<'e> ObservationRecord<'e> {
    /// The observations of a record, in order.
    pub fn all(entry: &'e Entry) -> impl Iterator<Item = Self> {
        let batches = entry.record.batch().into_iter();
        batches.flat_map(move |batch| {
            let reports = batch.reports.iter();
            reports.map(move |report| Self::of(entry, batch, report))
        })
    }

    /// An observation of a record.
    pub fn of(entry: &'e Entry, batch: &'e Batch, report: &'e Report) -> Self {
        let device = report.device();
        let (wifi, bluetooth) = match &report.sighting {
            Sighting::Wifi(wifi) => (Some(wifi), None),
            Sighting::Bluetooth(bluetooth) => (None, Some(bluetooth)),
        };
        let position = report.position;
        // Reports without a speed have 0.
        let speed = position.map(Position::speed_m_h);
        let tags = report.tags.iter();
        let tags: BTreeMap<_, _> = tags.map(|tag| (&*tag.name, &*tag.value)).collect();
        Self {
            position: entry.position.get(),
            source: batch.source.to_string(),
            source_name: batch.source_name.as_deref(),
            received_at: seconds(entry.record.at),
            time: report.time.seconds().into(),
            time_utc: Utc(report.time),
            phy: device.phy.name(),
            address: device.addr,
            // The empty name is shown, because it means that the network hides its name.
            ssid: wifi.map(|wifi| &wifi.ssid),
            capabilities: wifi.and_then(|wifi| wifi.capabilities.as_ref().map(Capabilities::raw)),
            layout: ChannelPlace::new(
                wifi.and_then(|wifi| wifi.width),
                wifi.and_then(|wifi| wifi.center0_mhz),
                wifi.and_then(|wifi| wifi.center1_mhz),
            ),
            ie_tags: wifi.and_then(|wifi| wifi.ie_tags.as_deref()),
            said: bluetooth
                .map(|bluetooth| BluetoothSaid::of(bluetooth))
                .unwrap_or_default(),
            service_data: bluetooth.and_then(|bluetooth| service_data(bluetooth)),
            channel: report.channel.as_ref().map(Channel::as_str),
            frequency_khz: report.frequency.map(Frequency::khz).map(Into::into),
            signal_dbm: report.signal.map(Dbm::get),
            lat: position.map(|position| degrees(position.lat_e7())),
            lon: position.map(|position| degrees(position.lon_e7())),
            alt_m: position
                .and_then(Position::alt_mm)
                .map(|alt| f64::from(alt) / 1e3),
            speed_km_h: speed
                .filter(|&speed| speed != 0)
                .map(|speed| f64::from(speed) / 1e3),
            accuracy_m: report
                .accuracy
                .map(|accuracy| f64::from(accuracy.mm()) / 1e3),
            tags: Some(tags).filter(|tags| !tags.is_empty()),
        }
    }
}

impl ObservationRecord<'_> {
    /// The same record without the place, and without what has parts of its own.
    #[must_use]
    pub fn flat(self) -> Self {
        Self {
            lat: None,
            lon: None,
            alt_m: None,
            tags: None,
            service_data: None,
            ..self
        }
    }
}

impl<'e> BluetoothSaid<'e> {
    fn of(bluetooth: &'e BluetoothSighting) -> Self {
        let scan_data = &bluetooth.scan_data;
        Self {
            name: bluetooth.name.as_deref(),
            device_type: bluetooth.device_type.as_deref(),
            tx_power_dbm: bluetooth.tx_power_dbm,
            path_loss_db: bluetooth.path_loss_db,
            scan_data: (!scan_data.is_empty()).then(|| Hex(scan_data).to_string()),
        }
    }
}

fn service_data(bluetooth: &BluetoothSighting) -> Option<BTreeMap<&str, String>> {
    let services = bluetooth.service_data.iter();
    let services = services.map(|data| (&*data.service, Hex(&data.bytes).to_string()));
    Some(services.collect()).filter(|services: &BTreeMap<_, _>| !services.is_empty())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds fit in 53 bits until the year 2255"
)]
fn seconds(received_at: ReceivedAt) -> f64 {
    received_at.micros() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ingest::kismet;
    use crate::log::{LogPosition, Record, What};
    use crate::report::Phy;

    #[track_caller]
    fn check(phy: Phy, json: &str, expected: &[&str]) {
        let now = ReceivedAt::from_micros(1_700_000_000_123_457);
        let batch = kismet::batch(phy, json, now);
        let entry = Entry {
            position: LogPosition::new(7),
            record: Record::new(Uuid::nil(), now, What::Reports(batch)),
        };
        let records = ObservationRecord::all(&entry);
        let shown: Vec<_> = records
            .map(|record| serde_json::to_string(&record).unwrap())
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_wifi_report_shows_all_that_it_says_and_nothing_else() {
        check(
            Phy::Wifi,
            r#"{"source_uuid": "44444444-0000-0000-0000-00000000000a", "source_name": "phone", "reports": [
                {"timestamp": 1700000000, "bssid": "00:11:22:33:44:55", "ssid": "a\xffb", "capabilities": "[WPA2-PSK-CCMP][ESS]",
                 "channel": "6", "freqkhz": 2437000, "signal": -61, "lat": -40.7128001, "lon": -179.9, "alt": -12.5,
                 "speed": 1.5, "accuracy": "4.25", "tags": {"b": "2", "a": "1"}, "chanwidth": "80+80", "centerfreq0": 5210,
                 "centerfreq1": 5690, "ietags": "00"},
                {"timestamp": 1700000001, "bssid": "fe:ff:ff:ff:ff:ff"}]}"#,
            &[
                r#"{"position":7,"source":"44444444-0000-0000-0000-00000000000A","source_name":"phone","received_at":1700000000.123457,"time":1700000000,"time_utc":"2023-11-14T22:13:20Z","phy":"IEEE802.11","address":"00:11:22:33:44:55","ssid":"a\\xFFb","capabilities":"[WPA2-PSK-CCMP][ESS]","channel_width_mhz":"80+80","center0_mhz":5210,"center1_mhz":5690,"ie_tags":"00","channel":"6","frequency_khz":2437000,"signal_dbm":-61,"lat":-40.7128001,"lon":-179.9,"alt_m":-12.5,"speed_km_h":1.5,"accuracy_m":4.25,"tags":{"a":"1","b":"2"}}"#,
                r#"{"position":7,"source":"44444444-0000-0000-0000-00000000000A","source_name":"phone","received_at":1700000000.123457,"time":1700000001,"time_utc":"2023-11-14T22:13:21Z","phy":"IEEE802.11","address":"FE:FF:FF:FF:FF:FF","ssid":""}"#,
            ],
        );
    }

    #[test]
    fn a_bluetooth_report_shows_its_bytes_in_hex() {
        check(
            Phy::Bluetooth,
            r#"{"source_uuid": "44444444-0000-0000-0000-000000000001", "source_name": null, "reports": [
                {"timestamp": 1700000000, "btaddr": "01:FF:EE:00:00:01", "name": "Headset", "devicetype": "BR/EDR",
                 "txpowerlevel": 4, "pathloss": -60, "scan_data": "0201060AFF", "service_data": {"180f": "64"}}]}"#,
            &[
                r#"{"position":7,"source":"44444444-0000-0000-0000-000000000001","received_at":1700000000.123457,"time":1700000000,"time_utc":"2023-11-14T22:13:20Z","phy":"Bluetooth","address":"01:FF:EE:00:00:01","name":"Headset","device_type":"BR/EDR","tx_power_dbm":4,"path_loss_db":-60,"scan_data":"0201060aff","service_data":{"180f":"64"},"channel":"FHSS","frequency_khz":2400000}"#,
            ],
        );
    }
}
