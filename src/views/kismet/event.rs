//! Events of Kismet's eventbus and message bus (`eventbus.cc`, `messagebus_restclient.cc`).

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::fields::Field;
use super::zeros;
use crate::events::{Message, Severity};
use crate::report::UnixTime;

/// A message.
#[derive(Clone, Copy, Debug)]
pub struct MessageRecord<'m>(pub &'m Message);

impl Serialize for MessageRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let flags = match self.0.severity {
            Severity::Info => 2,
            Severity::Error => 4,
            Severity::Alert => 8,
        };
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("kismet.messagebus.message_string", &self.0.text)?;
        record.serialize_entry("kismet.messagebus.message_flags", &flags)?;
        record.serialize_entry("kismet.messagebus.message_time", &self.0.time.seconds())?;
        record.end()
    }
}

/// Messages, and the time of the request.
#[derive(Clone, Copy, Debug)]
pub struct MessageList<'m> {
    /// Oldest first.
    pub messages: &'m [MessageRecord<'m>],
    /// Time of the request.
    pub now: UnixTime,
}

impl Serialize for MessageList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("kismet.messagebus.list", self.messages)?;
        record.serialize_entry("kismet.messagebus.timestamp", &self.now.seconds())?;
        record.end()
    }
}

/// Battery event. Its values are unknown.
#[derive(Clone, Copy, Debug)]
pub struct BatteryRecord;

impl Serialize for BatteryRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        zeros(&mut record, &["kismet.system.battery.percentage"])?;
        record.serialize_entry("kismet.system.battery.charging", "charged")?;
        record.serialize_entry("kismet.system.battery.ac", &1)?;
        zeros(&mut record, &["kismet.system.battery.remaining"])?;
        record.end()
    }
}

/// Short status of the server.
#[derive(Clone, Copy, Debug)]
pub struct StatisticsRecord {
    /// Open connections.
    pub connections: u64,
    /// Memory in use, in kB.
    pub memory_kb: u64,
    /// Tracked devices.
    pub devices: u64,
}

impl Serialize for StatisticsRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("kismet.system.num_fields", &Field::count())?;
        zeros(&mut record, &["kismet.system.num_components"])?;
        record.serialize_entry("kismet.system.num_http_connections", &self.connections)?;
        record.serialize_entry("kismet.system.memory.rss", &self.memory_kb)?;
        record.serialize_entry("kismet.system.devices.count", &self.devices)?;
        record.end()
    }
}
