//! Where a device is, as a file shows it.

use super::Row;
use crate::report::{Dbm, Position, Report, UnixTime};
use crate::tracker::Device;

/// Which place of a device is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PlaceOf {
    /// Where its signal was strongest. Without a signal, the mean.
    #[default]
    Strongest,
    /// The mean of all places.
    Mean,
    /// Where it was seen last.
    Last,
}

/// A place, with the time and the signal of the sighting there. A mean has neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) lat_e7: i64,
    pub(super) lon_e7: i64,
    pub(super) alt_mm: Option<i64>,
    pub(super) time: Option<UnixTime>,
    pub(super) signal: Option<Dbm>,
}

impl PlaceOf {
    pub(crate) const ALL: [Self; 3] = [Self::Strongest, Self::Mean, Self::Last];

    /// The word for it, in queries.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Strongest => "strongest",
            Self::Mean => "mean",
            Self::Last => "last",
        }
    }

    /// The place of a row. An observation has one place only.
    pub(super) fn of(self, row: &Row<'_>) -> Option<Place> {
        match row {
            Row::Device(device) => self.of_device(device),
            Row::Observation(observed) => of_report(observed.report),
        }
    }

    pub(super) fn of_device(self, device: &Device) -> Option<Place> {
        let stats = device.place.as_deref()?;
        let mean = || {
            let (lat_e7, lon_e7) = stats.mean_e7();
            Place {
                lat_e7,
                lon_e7,
                alt_mm: stats.mean_alt_mm(),
                time: None,
                signal: None,
            }
        };
        Some(match self {
            Self::Mean => mean(),
            Self::Last => at(stats.last.value, stats.last.time, None),
            Self::Strongest => device
                .peak
                .map_or_else(mean, |peak| at(peak.position, peak.time, Some(peak.signal))),
        })
    }
}

pub(super) fn of_report(report: &Report) -> Option<Place> {
    Some(at(report.position?, report.time, report.signal))
}

fn at(position: Position, time: UnixTime, signal: Option<Dbm>) -> Place {
    Place {
        lat_e7: position.lat_e7().into(),
        lon_e7: position.lon_e7().into(),
        alt_mm: position.alt_mm().map(Into::into),
        time: Some(time),
        signal,
    }
}
