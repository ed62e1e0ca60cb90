//! Which devices a target is shown.

use std::collections::HashSet;

use crate::config::Tak;
use crate::privacy::{AddressRange, Pattern};
use crate::report::capabilities::{Security, SecurityClass};
use crate::report::{Phy, SourceId, UnixTime};
use crate::tracker::{Device, Radio, Source, Tracker};

/// The filter of a target. All of it has to hold; of several values of one part, any. The sources are those of the report
/// that is the occasion, and the rest is about the device.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    phys: Vec<Phy>,
    classes: Vec<SecurityClass>,
    sources: Vec<String>,
    ssids: Vec<Pattern>,
    addresses: Vec<AddressRange>,
    pub(super) stale_after_s: u32,
}

/// The sources of a filter, as the tracker knows them now. `None` if all are wanted.
pub(super) type WantedSources = Option<HashSet<SourceId>>;

/// What to do with a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Send,
    /// It is not wanted.
    Drop,
    /// It was seen so long ago that its mark would be gone at once.
    Stale,
}

impl Wanted {
    pub(super) fn new(config: &Tak) -> Self {
        Self {
            phys: config.phys.iter().map(|word| word.phy()).collect(),
            classes: config.security.iter().map(|word| word.0).collect(),
            sources: config.sources.clone(),
            ssids: config.ssids.clone(),
            addresses: config.addresses.clone(),
            stale_after_s: u32::try_from(config.stale_after.as_secs()).unwrap_or(u32::MAX),
        }
    }

    /// Looks up the sources. Names change, and sources come.
    pub(super) fn sources(&self, tracker: &Tracker) -> WantedSources {
        if self.sources.is_empty() {
            return None;
        }
        let sources = tracker.sources().into_iter();
        let is_meant =
            |text: &String, source: &Source| source.id.is_meant_by(text, Some(&source.name));
        let sources =
            sources.filter(|source| self.sources.iter().any(|text| is_meant(text, source)));
        Some(sources.map(|source| source.id).collect())
    }

    pub(super) fn verdict(&self, device: &Device, now: UnixTime) -> Verdict {
        if device.place.is_none() || !self.has(device) {
            return Verdict::Drop;
        }
        let stale = device
            .last_time
            .seconds()
            .saturating_add(self.stale_after_s);
        if stale <= now.seconds() {
            return Verdict::Stale;
        }
        Verdict::Send
    }

    fn has(&self, device: &Device) -> bool {
        let addr = device.id.addr;
        has_one(&self.phys, |phy| *phy == device.id.phy)
            && has_one(&self.classes, |class| {
                // What nobody said is unknown too.
                *class == device.security().map(Security::class).unwrap_or_default()
            })
            && has_one(&self.addresses, |range| range.contains(addr))
            && has_one(&self.ssids, |pattern| is_named(device, pattern))
    }
}

/// Whether one of the values fits, if there are any.
fn has_one<T>(values: &[T], fits: impl Fn(&T) -> bool) -> bool {
    values.is_empty() || values.iter().any(fits)
}

/// Whether a network of the device has a name of this form.
fn is_named(device: &Device, pattern: &Pattern) -> bool {
    match &device.radio {
        Radio::Wifi(wifi) => {
            let mut networks = wifi.ssids.iter();
            networks.any(|record| !record.ssid.is_hidden() && pattern.fits(record.ssid.as_bytes()))
        }
        Radio::Bluetooth(_) => false,
    }
}
