//! `kismet.alert.*`: alerts and their definitions (`alertracker.h`).

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::alert_hash::{alert_hash, channel, phy_id};
use super::server::ServerLocation;
use crate::alerts::{Alert, AlertStore, Definition, Rate};
use crate::report::{Phy, ReceivedAt};

/// Kismet's address for an alert without a device.
const NO_KEY: &str = "00_0";

/// Kismet writes times of alerts as seconds with a fraction.
#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds have 53 bits until 2255"
)]
fn seconds(at: ReceivedAt) -> f64 {
    at.micros() as f64 / 1e6
}

/// An alert.
#[derive(Clone, Copy, Debug)]
pub struct AlertRecord<'a>(pub &'a Alert);

impl Serialize for AlertRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raised = &self.0.raised;
        let addresses = raised.addresses;
        let mut record = serializer.serialize_map(None)?;
        match raised.device {
            Some(device) => {
                record.serialize_entry("kismet.alert.device_key", &device.key())?;
            }
            None => record.serialize_entry("kismet.alert.device_key", NO_KEY)?,
        }
        record.serialize_entry("kismet.alert.header", &raised.header)?;
        record.serialize_entry("kismet.alert.class", raised.class.name())?;
        record.serialize_entry("kismet.alert.hash", &alert_hash(raised))?;
        record.serialize_entry("kismet.alert.severity", &raised.severity.number())?;
        record.serialize_entry("kismet.alert.phy_id", &phy_id(raised))?;
        record.serialize_entry("kismet.alert.timestamp", &seconds(raised.raised_at))?;
        record.serialize_entry("kismet.alert.transmitter_mac", &addresses.transmitter)?;
        record.serialize_entry("kismet.alert.source_mac", &addresses.source)?;
        record.serialize_entry("kismet.alert.dest_mac", &addresses.dest)?;
        record.serialize_entry("kismet.alert.other_mac", &addresses.other)?;
        record.serialize_entry("kismet.alert.channel", channel(raised))?;
        record.serialize_entry("kismet.alert.frequency", &0)?;
        record.serialize_entry("kismet.alert.text", &raised.text)?;
        let location = ServerLocation::at(raised.location);
        record.serialize_entry("kismet.alert.location", &location)?;
        record.end()
    }
}

/// Alerts, and the time of the request.
#[derive(Clone, Copy, Debug)]
pub struct AlertList<'a> {
    /// Oldest first.
    pub alerts: &'a [AlertRecord<'a>],
    /// Time of the request.
    pub now: ReceivedAt,
}

impl Serialize for AlertList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("kismet.alert.list", self.alerts)?;
        record.serialize_entry("kismet.alert.timestamp", &seconds(self.now))?;
        record.end()
    }
}

/// Definition of a kind of alert.
#[derive(Clone, Debug)]
pub struct DefinitionRecord {
    definition: Definition,
    total_sent: u64,
    burst_sent: u64,
    last: Option<ReceivedAt>,
}

impl DefinitionRecord {
    /// All definitions, with the number of alerts raised recently.
    pub fn all(alerts: &AlertStore, now: ReceivedAt) -> Vec<Self> {
        let times = alerts.times_by_kind();
        let record = |definition: Definition| {
            let times = times.get(&definition.header).map_or(&[][..], Vec::as_slice);
            let within = |rate: Rate| {
                let since = now.before(rate.unit.span());
                let newest = times.iter().rev().take_while(|at| since < **at);
                u64::try_from(newest.count()).unwrap_or(u64::MAX)
            };
            Self {
                total_sent: within(definition.limit.rate),
                burst_sent: within(definition.limit.burst),
                last: times.last().copied(),
                definition,
            }
        };
        alerts.definitions().into_iter().map(record).collect()
    }
}

impl Serialize for DefinitionRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let definition = &self.definition;
        let (rate, burst) = (definition.limit.rate, definition.limit.burst);
        let phy = match definition.phy {
            None => -1,
            Some(Phy::Wifi) => 0,
            Some(Phy::Bluetooth) => 3,
        };
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("kismet.alert.definition.header", &definition.header)?;
        record.serialize_entry("kismet.alert.definition.class", definition.class.name())?;
        record.serialize_entry(
            "kismet.alert.definition.severity",
            &definition.severity.number(),
        )?;
        record.serialize_entry(
            "kismet.alert.definition.description",
            &definition.description,
        )?;
        record.serialize_entry("kismet.alert.definition.phyid", &phy)?;
        record.serialize_entry("kismet.alert.definition.limit_unit", &rate.unit.number())?;
        record.serialize_entry("kismet.alert.definition.limit_rate", &rate.count)?;
        record.serialize_entry("kismet.alert.definition.burst_unit", &burst.unit.number())?;
        record.serialize_entry("kismet.alert.definition.limit_burst", &burst.count)?;
        record.serialize_entry("kismet.alert.definition.burst_sent", &self.burst_sent)?;
        record.serialize_entry("kismet.alert.definition.total_sent", &self.total_sent)?;
        let last = self.last.map_or(0.0, seconds);
        record.serialize_entry("kismet.alert.definition.time_last", &last)?;
        record.end()
    }
}
