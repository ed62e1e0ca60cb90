//! Records about the server itself of which scanning mode fills little.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::activity::Rrd;
use super::location::{EMPTY_GEOPOINT, Last};
use super::zeros;
use crate::report::{Position, UnixTime};
use crate::tracker::{Activity, Counts, Tracker};

/// `kismet.packetchain.*`: reports of all sources over time. Counts of errors are 0.
#[derive(Clone, Debug)]
pub struct PacketStats {
    counts: Option<Counts>,
    now: UnixTime,
}

impl PacketStats {
    /// Activity of all sources together.
    pub fn of(tracker: &Tracker, now: UnixTime) -> Self {
        let sources = tracker.sources();
        Self {
            counts: Activity::sum(sources.iter().map(|source| &source.activity)),
            now,
        }
    }
}

impl Serialize for PacketStats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        let counts = self.counts.as_ref();
        for (name, counts) in [
            ("kismet.packetchain.peak_packets_rrd", None),
            ("kismet.packetchain.packets_rrd", counts),
            ("kismet.packetchain.queued_packets_rrd", None),
            ("kismet.packetchain.error_packets_rrd", None),
            ("kismet.packetchain.dupe_packets_rrd", None),
            ("kismet.packetchain.processed_packets_rrd", counts),
            ("kismet.packetchain.dropped_packets_rrd", None),
        ] {
            let now = self.now;
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

    /// Position of the latest report of any source.
    pub fn of(tracker: &Tracker) -> Self {
        let sources = tracker.sources();
        let places = sources.iter().filter_map(|source| source.place);
        Self(
            places
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
