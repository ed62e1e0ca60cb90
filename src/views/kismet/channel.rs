//! `kismet.channelrec.*`: devices by channel (`channeltracker2.cc`).

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::activity::{Gauge, Rrd};
use super::signal::Signal;
use crate::report::{Channel, Frequency, UnixTime};
use crate::tracker::Device;

/// Seconds after its latest report during which a device counts as active (`channeltracker2.cc`).
const ACTIVE_S: u32 = 30;

/// Channels and frequencies, with the devices whose latest report was there.
#[derive(Debug)]
pub struct Channels {
    names: BTreeMap<String, ChannelRecord>,
    frequencies: BTreeMap<u32, ChannelRecord>,
    now: UnixTime,
}

#[derive(Clone, Debug)]
struct ChannelRecord {
    channel: String,
    frequency_khz: u32,
    devices: u64,
    now: UnixTime,
}

impl Channels {
    /// Without channels yet.
    pub fn new(now: UnixTime) -> Self {
        Self {
            names: BTreeMap::new(),
            frequencies: BTreeMap::new(),
            now,
        }
    }

    /// Counts a device on its channel and frequency.
    pub fn add(&mut self, device: &Device) {
        let now = self.now;
        let silence_s = now.seconds().saturating_sub(device.last_time.seconds());
        let active = u64::from(silence_s <= ACTIVE_S);
        let tuning = device.tuning();
        let channel = tuning.channel.as_ref().map(Channel::as_str);
        let khz = tuning.frequency.map(Frequency::khz);
        let record = |channel: &str, khz: u32| ChannelRecord {
            channel: channel.to_owned(),
            frequency_khz: khz,
            devices: 0,
            now,
        };
        if let Some(channel) = channel {
            let entry = self.names.entry(channel.to_owned());
            entry.or_insert_with(|| record(channel, 0)).devices += active;
        }
        if let Some(khz) = khz {
            let entry = self.frequencies.entry(khz);
            let known = channel.unwrap_or_default();
            entry.or_insert_with(|| record(known, khz)).devices += active;
        }
    }
}

impl Serialize for Channels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("kismet.channeltracker.channel_map", &self.names)?;
        record.serialize_entry("kismet.channeltracker.frequency_map", &self.frequencies)?;
        record.end()
    }
}

impl Serialize for ChannelRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let now = self.now;
        // The number of reports on a channel over time is not stored.
        let unknown = Rrd { counts: None, now };
        let devices = Gauge {
            value: self.devices,
            now,
        };
        let signal = Signal {
            range: None,
            peak: None,
            history: None,
            now,
        };
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("kismet.channelrec.channel", &self.channel)?;
        record.serialize_entry("kismet.channelrec.frequency", &self.frequency_khz)?;
        record.serialize_entry("kismet.channelrec.packets_rrd", &unknown)?;
        record.serialize_entry("kismet.channelrec.data_rrd", &unknown)?;
        record.serialize_entry("kismet.channelrec.device_rrd", &devices)?;
        record.serialize_entry("kismet.channelrec.signal", &signal)?;
        record.end()
    }
}
