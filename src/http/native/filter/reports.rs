//! Which reports are wanted.

use std::collections::HashSet;

use super::Filter;
use crate::report::{Dbm, Position, Report, SourceId};
use crate::tracker::{Device, Tracker};

/// The filter of devices, for single reports: time, place, signal and source are those of the report, and everything else
/// is that of its device.
#[derive(Clone, Debug)]
pub(in crate::http::native) struct ReportFilter {
    all: Filter,
    /// `None` if every device is wanted.
    of_device: Option<Filter>,
    sources: Option<HashSet<SourceId>>,
}

impl ReportFilter {
    pub(in crate::http::native) fn new(all: Filter, tracker: &Tracker) -> Self {
        let sources = all.sources.as_ref().map(|wanted| {
            let known = tracker.sources().into_iter();
            let wanted = known.filter(|source| wanted.contains(&source.number));
            wanted.map(|source| source.id).collect()
        });
        let of_device = Filter {
            sources: None,
            since: None,
            until: None,
            signal_min_dbm: None,
            within: None,
            near: None,
            with_position: None,
            ..all.clone()
        };
        Self {
            all,
            of_device: Some(of_device).filter(|filter| !filter.is_none()),
            sources,
        }
    }

    /// Whether a report is wanted. Of a device that has been evicted, only the reports themselves are known.
    pub(in crate::http::native) fn wants(
        &self,
        source: SourceId,
        report: &Report,
        device: Option<&Device>,
    ) -> bool {
        let all = &self.all;
        let signal = report.signal.map(Dbm::get);
        all.since.is_none_or(|since| since <= report.time)
            && all.until.is_none_or(|until| report.time <= until)
            && self
                .sources
                .as_ref()
                .is_none_or(|sources| sources.contains(&source))
            && all
                .signal_min_dbm
                .is_none_or(|min| signal.is_some_and(|signal| min <= signal))
            && self.is_at_place(report.position)
            && self
                .of_device
                .as_ref()
                .is_none_or(|filter| device.is_some_and(|device| filter.wants(device)))
    }

    fn is_at_place(&self, position: Option<Position>) -> bool {
        let Filter {
            within,
            near,
            with_position,
            ..
        } = &self.all;
        if with_position.is_some_and(|is_wanted| is_wanted != position.is_some()) {
            return false;
        }
        if within.is_none() && near.is_none() {
            return true;
        }
        let place = position.map(|position| {
            let degrees = |e7: i32| f64::from(e7) / 1e7;
            (degrees(position.lat_e7()), degrees(position.lon_e7()))
        });
        place.is_some_and(|place| {
            within.is_none_or(|bounds| bounds.contains(place))
                && near.is_none_or(|circle| circle.contains(place))
        })
    }
}
