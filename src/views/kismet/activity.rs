//! `kismet.common.rrd.*`: reports over time (`trackedrrd.h`).

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::report::{Dbm, UnixTime};
use crate::tracker::Counts;

/// Counts of reports: by second, and by minute and hour as means per second.
///
/// `last_time` is the time of the newest report, because counts go by the reports' own time.
pub(super) struct Rrd<'c> {
    /// `None` if there never was a report.
    pub(super) counts: Option<&'c Counts>,
    pub(super) now: UnixTime,
}

impl Serialize for Rrd<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        let newest = self.counts.map_or(self.now, |counts| counts.newest);
        record.serialize_entry("kismet.common.rrd.last_time", &newest.seconds())?;
        record.serialize_entry("kismet.common.rrd.serial_time", &self.now.seconds())?;
        let at = |back: u32| {
            let second =
                usize::try_from(newest.seconds().saturating_sub(back) % 60).unwrap_or_default();
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
    pub(super) counts: &'c Counts,
    pub(super) now: UnixTime,
}

impl Serialize for SignalRrd<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        let newest = self.counts.newest.seconds();
        let signals = self.counts.signals.map(|signal| signal.map_or(0, Dbm::get));
        let at = |back: u32| {
            let second = usize::try_from(newest.saturating_sub(back) % 60).unwrap_or_default();
            signals.get(second).copied().unwrap_or_default()
        };
        record.serialize_entry("kismet.common.rrd.last_time", &newest)?;
        record.serialize_entry("kismet.common.rrd.serial_time", &self.now.seconds())?;
        record.serialize_entry("kismet.common.rrd.last_value", &at(0))?;
        record.serialize_entry("kismet.common.rrd.last_value_n1", &at(1))?;
        record.serialize_entry("kismet.common.rrd.minute_vec", signals.as_slice())?;
        record.serialize_entry("kismet.common.rrd.blank_val", &0)?;
        record.end()
    }
}

/// A gauge of which only the present value is known.
pub(super) struct Gauge {
    pub(super) value: u64,
    pub(super) now: UnixTime,
}

impl Serialize for Gauge {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        let now = self.now.seconds();
        let only_at = |length: u32, at: u32| {
            (0..length)
                .map(move |slot| if slot == at % length { self.value } else { 0 })
                .collect::<Vec<_>>()
        };
        record.serialize_entry("kismet.common.rrd.last_time", &now)?;
        record.serialize_entry("kismet.common.rrd.serial_time", &now)?;
        record.serialize_entry("kismet.common.rrd.last_value", &self.value)?;
        record.serialize_entry("kismet.common.rrd.last_value_n1", &self.value)?;
        record.serialize_entry("kismet.common.rrd.minute_vec", &only_at(60, now))?;
        record.serialize_entry("kismet.common.rrd.hour_vec", &only_at(60, now / 60))?;
        record.serialize_entry("kismet.common.rrd.day_vec", &only_at(24, now / 3600))?;
        record.serialize_entry("kismet.common.rrd.blank_val", &0)?;
        record.end()
    }
}
