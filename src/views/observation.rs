//! A report from the log in scanpost's own shape: units in the names, and absent values left out.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::native::{Utc, entry_if_some};
use crate::hex::Hex;
use crate::log::Entry;
use crate::report::{
    Batch, BluetoothSighting, Capabilities, Channel, ChannelWidth, Dbm, Frequency, Position,
    ReceivedAt, Report, Sighting, Tag, WifiSighting,
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

/// One observation.
#[derive(Clone, Copy, Debug)]
pub struct ObservationRecord<'e> {
    entry: &'e Entry,
    batch: &'e Batch,
    report: &'e Report,
}

impl<'e> ObservationRecord<'e> {
    /// The observations of a record, in order.
    pub fn all(entry: &'e Entry) -> impl Iterator<Item = Self> {
        let batches = entry.record.batch().into_iter();
        batches.flat_map(move |batch| {
            let reports = batch.reports.iter();
            reports.map(move |report| Self {
                entry,
                batch,
                report,
            })
        })
    }
}

impl Serialize for ObservationRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            entry,
            batch,
            report,
        } = self;
        let device = report.device();
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("position", &entry.position.get())?;
        record.serialize_entry("source", &batch.source.to_string())?;
        entry_if_some(&mut record, "source_name", batch.source_name.as_ref())?;
        record.serialize_entry("received_at", &seconds(entry.record.at))?;
        record.serialize_entry("time", &report.time.seconds())?;
        record.serialize_entry("time_utc", &Utc(report.time))?;
        record.serialize_entry("phy", device.phy.name())?;
        record.serialize_entry("address", &device.addr)?;
        match &report.sighting {
            Sighting::Wifi(wifi) => wifi_entries(&mut record, wifi)?,
            Sighting::Bluetooth(bluetooth) => bluetooth_entries(&mut record, bluetooth)?,
        }
        let channel = report.channel.as_ref().map(Channel::as_str);
        entry_if_some(&mut record, "channel", channel)?;
        let frequency = report.frequency.map(Frequency::khz);
        entry_if_some(&mut record, "frequency_khz", frequency)?;
        entry_if_some(&mut record, "signal_dbm", report.signal.map(Dbm::get))?;
        if let Some(position) = report.position {
            position_entries(&mut record, position)?;
        }
        let accuracy_m = report
            .accuracy
            .map(|accuracy| f64::from(accuracy.mm()) / 1e3);
        entry_if_some(&mut record, "accuracy_m", accuracy_m)?;
        if !report.tags.is_empty() {
            record.serialize_entry("tags", &Tags(&report.tags))?;
        }
        record.end()
    }
}

fn wifi_entries<M: SerializeMap>(record: &mut M, wifi: &WifiSighting) -> Result<(), M::Error> {
    // The empty name is shown, because it means that the network hides its name.
    record.serialize_entry("ssid", &wifi.ssid)?;
    let capabilities = wifi.capabilities.as_ref().map(Capabilities::raw);
    entry_if_some(record, "capabilities", capabilities)?;
    // A string, because one of the widths is 80+80.
    let width = wifi.width.map(ChannelWidth::mhz);
    entry_if_some(record, "channel_width_mhz", width)?;
    entry_if_some(record, "center0_mhz", wifi.center0_mhz)?;
    entry_if_some(record, "center1_mhz", wifi.center1_mhz)?;
    entry_if_some(record, "ie_tags", wifi.ie_tags.as_ref())
}

fn bluetooth_entries<M: SerializeMap>(
    record: &mut M,
    bluetooth: &BluetoothSighting,
) -> Result<(), M::Error> {
    entry_if_some(record, "name", bluetooth.name.as_ref())?;
    entry_if_some(record, "device_type", bluetooth.device_type.as_ref())?;
    entry_if_some(record, "tx_power_dbm", bluetooth.tx_power_dbm)?;
    entry_if_some(record, "path_loss_db", bluetooth.path_loss_db)?;
    if !bluetooth.scan_data.is_empty() {
        record.serialize_entry("scan_data", &Hex(&bluetooth.scan_data))?;
    }
    if !bluetooth.service_data.is_empty() {
        record.serialize_entry("service_data", &Services(bluetooth))?;
    }
    Ok(())
}

fn position_entries<M: SerializeMap>(record: &mut M, position: Position) -> Result<(), M::Error> {
    record.serialize_entry("lat", &(f64::from(position.lat_e7()) / 1e7))?;
    record.serialize_entry("lon", &(f64::from(position.lon_e7()) / 1e7))?;
    let alt_m = position.alt_mm().map(|alt| f64::from(alt) / 1e3);
    entry_if_some(record, "alt_m", alt_m)?;
    // Reports without a speed have 0.
    let speed = Some(position.speed_m_h()).filter(|&speed| speed != 0);
    let speed_km_h = speed.map(|speed| f64::from(speed) / 1e3);
    entry_if_some(record, "speed_km_h", speed_km_h)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds fit in 53 bits until the year 2255"
)]
fn seconds(received_at: ReceivedAt) -> f64 {
    received_at.micros() as f64 / 1e6
}

struct Tags<'r>(&'r [Tag]);

impl Serialize for Tags<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|tag| (&tag.name, &tag.value)))
    }
}

struct Services<'r>(&'r BluetoothSighting);

impl Serialize for Services<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let services = self.0.service_data.iter();
        serializer.collect_map(services.map(|data| (&data.service, Hex(&data.bytes))))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ingest::kismet::{self, Limits};
    use crate::log::{LogPosition, Record, What};
    use crate::report::Phy;

    #[track_caller]
    fn check(phy: Phy, json: &str, expected: &[&str]) {
        let now = ReceivedAt::from_micros(1_700_000_000_123_457);
        let batch = kismet::decode(phy, json, now, &Limits::FOR_TESTS).unwrap();
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
