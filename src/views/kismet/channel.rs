//! `kismet.channelrec.*`: devices by channel (`channeltracker2.cc`).

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::activity::{Rrd, Slots, SlotsRrd};
use super::signal::Signal;
use crate::report::{Channel, Frequency, UnixTime};
use crate::tracker::Device;

/// Seconds after its latest report during which a device counts as active (`channeltracker2.cc`).
const ACTIVE_S: u32 = 30;
/// What one report adds to the mean of a minute and of an hour: the share of it in which the device is active.
const SHARE_OF_MINUTE: f64 = 30.0 / 60.0;
const SHARE_OF_HOUR: f64 = 30.0 / 3600.0;
/// Seconds of the longest history.
const DAY_S: u32 = 86_400;

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
    /// Active devices by second, and their means by minute and hour.
    devices: Slots,
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
        let tuning = device.tuning();
        let channel = tuning.channel.as_ref().map(Channel::as_str);
        let khz = tuning.frequency.map(Frequency::khz);
        let active = activity(device, now);
        let record = |channel: &str, khz: u32| ChannelRecord {
            channel: channel.to_owned(),
            frequency_khz: khz,
            devices: Slots::EMPTY,
            now,
        };
        if let Some(channel) = channel {
            let entry = self.names.entry(channel.to_owned());
            let known = entry.or_insert_with(|| record(channel, 0));
            known.add(active.as_ref());
        }
        if let Some(khz) = khz {
            let entry = self.frequencies.entry(khz);
            let name = channel.unwrap_or_default();
            let known = entry.or_insert_with(|| record(name, khz));
            known.add(active.as_ref());
        }
    }
}

/// When a device was active, from the counts of its reports. `None` for one that was not within a day.
///
/// Counts know no order within a minute, so there each report stands for 30 seconds.
fn activity(device: &Device, now: UnixTime) -> Option<Slots> {
    let silence_s = now.seconds().saturating_sub(device.last_time.seconds());
    if DAY_S <= silence_s {
        return None;
    }
    let counts = device.activity.counts()?.as_of(now);
    let share = |of_report: f64| move |count: u32| (f64::from(count) * of_report).min(1.0);
    let mut active = Slots {
        seconds: [0; 60],
        minutes: counts.minutes.map(share(SHARE_OF_MINUTE)),
        hours: counts.hours.map(share(SHARE_OF_HOUR)),
    };
    let mut rest_s = 0;
    for back in (0..60).rev() {
        let second = now.seconds().saturating_sub(back) % 60;
        let second = usize::try_from(second).unwrap_or_default();
        if counts.seconds.get(second).is_some_and(|&count| 0 < count) {
            rest_s = ACTIVE_S + 1;
        }
        if let Some(slot) = active.seconds.get_mut(second) {
            *slot = u64::from(0 < rest_s || back == 0 && silence_s <= ACTIVE_S);
        }
        rest_s = rest_s.saturating_sub(1);
    }
    Some(active)
}

impl ChannelRecord {
    fn add(&mut self, active: Option<&Slots>) {
        let Some(active) = active else { return };
        let devices = &mut self.devices;
        for (sum, one) in devices.seconds.iter_mut().zip(active.seconds) {
            *sum += one;
        }
        for (sum, one) in devices.minutes.iter_mut().zip(active.minutes) {
            *sum += one;
        }
        for (sum, one) in devices.hours.iter_mut().zip(active.hours) {
            *sum += one;
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
        let devices = SlotsRrd {
            slots: &self.devices,
            now,
        };
        let signal = Signal {
            range: None,
            peak: None,
            history: None,
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
