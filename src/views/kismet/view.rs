//! `kismet.devices.view.*`: named lists of devices (`devicetracker_view.cc`).

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::phy::phys;
use crate::report::Phy;
use crate::tracker::Tracker;

/// One named list.
#[derive(Clone, Debug)]
pub struct ViewRecord {
    id: String,
    description: String,
    devices: u64,
    is_indexed: bool,
}

impl ViewRecord {
    /// All named lists.
    pub fn all(tracker: &Tracker) -> Vec<Self> {
        let totals = |name: &str| {
            let phy = Phy::ALL.into_iter().find(|phy| phy.name() == name);
            phy.map_or(0, |phy| tracker.totals(phy).devices)
        };
        let access_points = Self {
            id: "phydot11_accesspoints".to_owned(),
            description: "IEEE802.11 Access Points".to_owned(),
            devices: totals(Phy::Wifi.name()),
            is_indexed: true,
        };
        let phys = phys().map(|(_, name)| Self {
            id: format!("phy-{name}"),
            description: format!("{name} devices"),
            devices: totals(name),
            is_indexed: name != "RADIATION",
        });
        let all = Self {
            id: "all".to_owned(),
            description: "All devices".to_owned(),
            devices: u64::try_from(tracker.device_count()).unwrap_or(u64::MAX),
            is_indexed: true,
        };
        let sources = tracker.sources().into_iter().map(|source| Self {
            id: format!("seenby-{}", source.id),
            description: format!("Devices seen by datasource {}", source.id),
            devices: source.devices,
            is_indexed: true,
        });
        std::iter::once(access_points)
            .chain(phys)
            .chain([all])
            .chain(sources)
            .collect()
    }
}

impl Serialize for ViewRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("kismet.devices.view.id", &self.id)?;
        record.serialize_entry("kismet.devices.view.description", &self.description)?;
        record.serialize_entry("kismet.devices.view.size", &self.devices)?;
        record.serialize_entry("kismet.devices.view.indexed", &u8::from(self.is_indexed))?;
        record.end()
    }
}
