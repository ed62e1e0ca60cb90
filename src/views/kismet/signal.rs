//! `kismet.common.signal.*`: signal strength of a device (`devicetracker_component.h`).

use std::ops::Deref;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::activity::SignalRrd;
use super::location::PeakLocation;
use crate::tracker::{Counts, Peak, SignalRange};

pub(super) struct Signal<'d> {
    pub(super) range: Option<SignalRange>,
    pub(super) peak: Option<Peak>,
    /// Signal history as of now, computed only when it is serialised.
    pub(super) history: Option<&'d dyn Deref<Target = Option<Counts>>>,
}

impl Serialize for Signal<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        let (last, min, max) = match self.range {
            Some(range) => (range.last.value.get(), range.min.get(), range.max.get()),
            None => (0, 0, 0),
        };
        record.serialize_entry(
            "kismet.common.signal.type",
            if self.range.is_some() { "dbm" } else { "none" },
        )?;
        record.serialize_entry("kismet.common.signal.last_signal", &last)?;
        record.serialize_entry("kismet.common.signal.last_noise", &0)?;
        record.serialize_entry("kismet.common.signal.min_signal", &min)?;
        record.serialize_entry("kismet.common.signal.min_noise", &0)?;
        record.serialize_entry("kismet.common.signal.max_signal", &max)?;
        record.serialize_entry("kismet.common.signal.max_noise", &0)?;
        record.serialize_entry("kismet.common.signal.maxseenrate", &0)?;
        record.serialize_entry("kismet.common.signal.encodingset", &0)?;
        record.serialize_entry("kismet.common.signal.carrierset", &0)?;
        if let Some(peak) = self.peak {
            record.serialize_entry("kismet.common.signal.peak_loc", &PeakLocation(peak))?;
        }
        if let Some(counts) = self.history.and_then(|history| history.as_ref()) {
            record.serialize_entry("kismet.common.signal.signal_rrd", &SignalRrd { counts })?;
        }
        record.end()
    }
}
