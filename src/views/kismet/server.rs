//! Records about the server itself of which scanning mode fills little.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::activity::{Rrd, Slots, SlotsRrd};
use super::history::History;
use super::location::{EMPTY_GEOPOINT, Last};
use super::zeros;
use crate::report::{Position, UnixTime};
use crate::tracker::{Activity, Counts, Tracker};

/// `kismet.packetchain.*`: reports of all sources over time. Counts of errors are 0.
#[derive(Clone, Debug)]
pub struct PacketStats {
    counts: Option<Counts>,
    peaks: Slots,
    now: UnixTime,
}

impl PacketStats {
    /// Activity of all sources together, and the reports that were received in each second.
    pub fn of(tracker: &Tracker, received: History, now: UnixTime) -> Self {
        let sources = tracker.sources();
        let counts = Activity::sum(sources.iter().map(|source| &source.activity));
        let counts = counts.map(|counts| counts.as_of(now));
        Self {
            peaks: peaks(counts.as_ref(), &received.as_of(now)),
            counts,
            now,
        }
    }
}

/// Reports by second, and the most of a second by minute and hour.
fn peaks(counts: Option<&Counts>, received: &History) -> Slots {
    let mut peaks = Slots {
        minutes: received.maxima_by_minute().map(number),
        hours: received.maxima_by_hour().map(number),
        ..Slots::EMPTY
    };
    let Some(counts) = counts else { return peaks };
    peaks.seconds = counts.seconds.map(u64::from);
    let raise = |ring: &mut [f64], tick: u32, value: u32| {
        let index = usize::try_from(tick).unwrap_or_default() % ring.len();
        if let Some(slot) = ring.get_mut(index) {
            *slot = slot.max(value.into());
        }
    };
    for back in 0..60 {
        let tick = counts.newest.seconds().saturating_sub(back);
        let index = usize::try_from(tick % 60).unwrap_or_default();
        let value = counts.seconds.get(index).copied().unwrap_or_default();
        raise(&mut peaks.minutes, tick / 60, value);
        raise(&mut peaks.hours, tick / 3600, value);
    }
    peaks
}

fn number(count: u64) -> f64 {
    u32::try_from(count).unwrap_or(u32::MAX).into()
}

impl Serialize for PacketStats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        let (counts, now) = (self.counts.as_ref(), self.now);
        let peaks = SlotsRrd {
            slots: &self.peaks,
            now,
        };
        record.serialize_entry("kismet.packetchain.peak_packets_rrd", &peaks)?;
        for (name, counts) in [
            ("kismet.packetchain.packets_rrd", counts),
            ("kismet.packetchain.queued_packets_rrd", None),
            ("kismet.packetchain.error_packets_rrd", None),
            ("kismet.packetchain.dupe_packets_rrd", None),
            ("kismet.packetchain.processed_packets_rrd", counts),
            ("kismet.packetchain.dropped_packets_rrd", None),
        ] {
            record.serialize_entry(name, &Rrd { counts, now })?;
        }
        record.end()
    }
}

/// Position of the server, taken from its scanners.
#[derive(Clone, Copy, Debug)]
pub struct ServerLocation(Option<Position>);

impl ServerLocation {
    /// A place, or none.
    pub(super) fn at(position: Option<Position>) -> Self {
        Self(position)
    }

    /// Position of the latest report of any source, of those that are shown.
    pub fn of(tracker: &Tracker, is_shown: impl Fn(Position) -> bool) -> Self {
        let sources = tracker.sources();
        let places = sources.iter().filter_map(|source| source.place);
        Self(
            places
                .filter(|place| is_shown(place.value))
                .max_by_key(|place| place.time)
                .map(|place| place.value),
        )
    }
}

impl Serialize for ServerLocation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(position) = self.0 {
            return Last(position).serialize(serializer);
        }
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry(EMPTY_GEOPOINT.0, &EMPTY_GEOPOINT.1)?;
        record.end()
    }
}

/// `kismet.datasourcetracker.default.*`: defaults for tuning radios, of which there are none.
#[derive(Clone, Copy, Debug)]
pub struct SourceDefaults;

impl Serialize for SourceDefaults {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        zeros(
            &mut record,
            &[
                "kismet.datasourcetracker.default.hop_rate",
                "kismet.datasourcetracker.default.hop",
                "kismet.datasourcetracker.default.split",
                "kismet.datasourcetracker.default.random_order",
                "kismet.datasourcetracker.default.retry_on_error",
            ],
        )?;
        record.serialize_entry("kismet.datasourcetracker.default.remote_cap_listen", "")?;
        zeros(
            &mut record,
            &[
                "kismet.datasourcetracker.default.remote_cap_port",
                "kismet.datasourcetracker.default.remote_cap_timestamp",
            ],
        )?;
        record.end()
    }
}
