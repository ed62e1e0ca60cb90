//! `kismet.common.rrd.*`: reports over time (`trackedrrd.h`).

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::report::{Dbm, UnixTime};
use crate::tracker::Counts;

/// Counts of reports: by second, and by minute and hour as means per second.
pub(super) struct Rrd<'c> {
    /// Counts as of now. `None` if there never was a report.
    pub(super) counts: Option<&'c Counts>,
    pub(super) now: UnixTime,
}

impl Serialize for Rrd<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        let now = self.now.seconds();
        record.serialize_entry("kismet.common.rrd.last_time", &now)?;
        record.serialize_entry("kismet.common.rrd.serial_time", &now)?;
        let at = |back: u32| {
            let second = usize::try_from(now.saturating_sub(back) % 60).unwrap_or_default();
            self.counts
                .and_then(|counts| counts.seconds.get(second))
                .copied()
                .unwrap_or_default()
        };
        record.serialize_entry("kismet.common.rrd.last_value", &at(0))?;
        record.serialize_entry("kismet.common.rrd.last_value_n1", &at(1))?;
        let (seconds, minutes, hours): (&[u32], &[u32], &[u32]) = match self.counts {
            Some(counts) => (&counts.seconds, &counts.minutes, &counts.hours),
            None => (&[0; 60], &[0; 60], &[0; 24]),
        };
        record.serialize_entry("kismet.common.rrd.minute_vec", seconds)?;
        record.serialize_entry("kismet.common.rrd.hour_vec", &Means(minutes, 60.0))?;
        record.serialize_entry("kismet.common.rrd.day_vec", &Means(hours, 3600.0))?;
        record.serialize_entry("kismet.common.rrd.blank_val", &0)?;
        record.end()
    }
}

/// Counts over a time, as means per second.
struct Means<'c>(&'c [u32], f64);

impl Serialize for Means<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|&count| f64::from(count) / self.1))
    }
}

/// Strongest signal of each second, 0 for none.
pub(super) struct SignalRrd<'c> {
    /// Counts as of now.
    pub(super) counts: &'c Counts,
}

impl Serialize for SignalRrd<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        let now = self.counts.newest.seconds();
        let signals = self.counts.signals.map(|signal| signal.map_or(0, Dbm::get));
        let at = |back: u32| {
            let second = usize::try_from(now.saturating_sub(back) % 60).unwrap_or_default();
            signals.get(second).copied().unwrap_or_default()
        };
        record.serialize_entry("kismet.common.rrd.last_time", &now)?;
        record.serialize_entry("kismet.common.rrd.serial_time", &now)?;
        record.serialize_entry("kismet.common.rrd.last_value", &at(0))?;
        record.serialize_entry("kismet.common.rrd.last_value_n1", &at(1))?;
        record.serialize_entry("kismet.common.rrd.minute_vec", signals.as_slice())?;
        record.serialize_entry("kismet.common.rrd.blank_val", &0)?;
        record.end()
    }
}

/// Numbers by second, minute and hour, at the index of their time modulo the length.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    pub(super) seconds: [u64; 60],
    pub(super) minutes: [f64; 60],
    pub(super) hours: [f64; 24],
}

impl Slots {
    pub(super) const EMPTY: Self = Self {
        seconds: [0; 60],
        minutes: [0.0; 60],
        hours: [0.0; 24],
    };
}

/// A history in windows that end now.
pub(super) struct SlotsRrd<'s> {
    pub(super) slots: &'s Slots,
    pub(super) now: UnixTime,
}

impl Serialize for SlotsRrd<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        let now = self.now.seconds();
        let at = |back: u32| {
            let second = usize::try_from(now.saturating_sub(back) % 60).unwrap_or_default();
            let value = self.slots.seconds.get(second);
            value.copied().unwrap_or_default()
        };
        record.serialize_entry("kismet.common.rrd.last_time", &now)?;
        record.serialize_entry("kismet.common.rrd.serial_time", &now)?;
        record.serialize_entry("kismet.common.rrd.last_value", &at(0))?;
        record.serialize_entry("kismet.common.rrd.last_value_n1", &at(1))?;
        record.serialize_entry("kismet.common.rrd.minute_vec", &self.slots.seconds[..])?;
        record.serialize_entry("kismet.common.rrd.hour_vec", &self.slots.minutes[..])?;
        record.serialize_entry("kismet.common.rrd.day_vec", &self.slots.hours[..])?;
        record.serialize_entry("kismet.common.rrd.blank_val", &0)?;
        record.end()
    }
}
