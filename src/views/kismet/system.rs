//! `kismet.system.*`: the server itself (`systemmonitor.cc`).

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::fields::Field;
use super::history::History;
use super::{Context, empties, zeros};
use crate::report::ReceivedAt;

/// The Kismet release whose interface this is. Clients compare it, so it comes first in the version.
const KISMET_RELEASE: &str = "2025.09.0";

/// The time.
#[derive(Clone, Copy, Debug)]
pub struct TimestampRecord(pub ReceivedAt);

impl Serialize for TimestampRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("kismet.system.timestamp.sec", &self.0.time().seconds())?;
        record.serialize_entry("kismet.system.timestamp.usec", &self.0.subsec_micros())?;
        record.end()
    }
}

/// Status of the server.
#[derive(Clone, Debug)]
pub struct Status<'s> {
    /// UUID of the server, and the time of the request.
    pub context: Context,
    /// The time.
    pub now: ReceivedAt,
    /// Time of the start.
    pub started_at: ReceivedAt,
    /// Memory in use, in kB.
    pub memory_kb: u64,
    /// Memory in use over time, up to now.
    pub memory_history: History,
    /// Tracked devices.
    pub devices: u64,
    /// Tracked devices over time, up to now.
    pub device_history: History,
    /// Open connections.
    pub connections: u64,
    /// The user that the server runs as.
    pub user: &'s str,
    /// Name of the server, from the configuration.
    pub name: &'s str,
    /// Description of the server, from the configuration.
    pub description: &'s str,
    /// Location of the server, from the configuration.
    pub location: &'s str,
}

impl Serialize for Status<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let program = concat!("scanpost-", env!("CARGO_PKG_VERSION"));
        let mut record = serializer.serialize_map(None)?;
        zeros(&mut record, &["kismet.system.battery.percentage"])?;
        record.serialize_entry("kismet.system.battery.charging", "charged")?;
        record.serialize_entry("kismet.system.battery.ac", &1)?;
        zeros(&mut record, &["kismet.system.battery.remaining"])?;
        record.serialize_entry("kismet.system.timestamp.sec", &self.now.time().seconds())?;
        record.serialize_entry("kismet.system.timestamp.usec", &self.now.subsec_micros())?;
        record.serialize_entry(
            "kismet.system.timestamp.start_sec",
            &self.started_at.time().seconds(),
        )?;
        record.serialize_entry("kismet.system.memory.rss", &self.memory_kb)?;
        record.serialize_entry("kismet.system.devices.count", &self.devices)?;
        record.serialize_entry("kismet.system.user", self.user)?;
        record.serialize_entry(
            "kismet.system.version",
            &format_args!("{KISMET_RELEASE}-{program}"),
        )?;
        record.serialize_entry("kismet.system.git", program)?;
        empties(&mut record, &["kismet.system.build_time"])?;
        record.serialize_entry("kismet.system.server_name", self.name)?;
        record.serialize_entry("kismet.system.server_description", self.description)?;
        record.serialize_entry("kismet.system.server_location", self.location)?;
        record.serialize_entry("kismet.system.memory.rrd", &self.memory_history)?;
        record.serialize_entry("kismet.system.devices.rrd", &self.device_history)?;
        record.serialize_entry("kismet.system.sensors.fan", &Nothing)?;
        record.serialize_entry("kismet.system.sensors.temp", &Nothing)?;
        record.serialize_entry("kismet.system.num_fields", &Field::count())?;
        zeros(&mut record, &["kismet.system.num_components"])?;
        record.serialize_entry("kismet.system.num_http_connections", &self.connections)?;
        zeros(&mut record, &["kismet.system.string_cache_size"])?;
        record.serialize_entry("kismet.server.uuid", &self.context.server_text())?;
        record.end()
    }
}

/// An empty object.
pub(super) struct Nothing;

impl Serialize for Nothing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_map(Some(0))?.end()
    }
}
