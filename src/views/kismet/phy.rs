//! `kismet.phy.*`: the radio technologies.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::report::Phy;
use crate::tracker::{PhyTotals, Tracker};

/// Kismet's radio technologies in the order of their numbers. All but two never report scans, but clients look for
/// them.
const NAMES: [&str; 11] = [
    "IEEE802.11",
    "RFSENSOR",
    "Z-Wave",
    "Bluetooth",
    "UAV",
    "NrfMousejack",
    "BTLE",
    "METER",
    "ADSB",
    "802.15.4",
    "RADIATION",
];

/// Number and name.
pub fn phys() -> impl Iterator<Item = (usize, &'static str)> {
    NAMES.into_iter().enumerate()
}

/// One radio technology.
#[derive(Clone, Copy, Debug)]
pub struct PhyRecord {
    id: usize,
    name: &'static str,
    totals: PhyTotals,
}

impl PhyRecord {
    /// All radio technologies.
    pub fn all(tracker: &Tracker) -> Vec<Self> {
        let totals = |name| match Phy::ALL.into_iter().find(|phy| phy.name() == name) {
            Some(phy) => tracker.totals(phy),
            None => PhyTotals {
                devices: 0,
                reports: 0,
            },
        };
        phys()
            .map(|(id, name)| Self {
                id,
                name,
                totals: totals(name),
            })
            .collect()
    }
}

impl Serialize for PhyRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("kismet.phy.phy_name", self.name)?;
        record.serialize_entry("kismet.phy.phy_id", &self.id)?;
        record.serialize_entry("kismet.phy.device_count", &self.totals.devices)?;
        record.serialize_entry("kismet.phy.packet_count", &self.totals.reports)?;
        record.end()
    }
}
