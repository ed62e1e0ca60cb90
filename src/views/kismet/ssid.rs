//! `dot11.ssidgroup.*`: networks by name (`phy_80211_ssidtracker.cc`).

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::crypt::crypt_set;
use super::dot11::ssid_hash;
use crate::report::capabilities::Security;
use crate::report::{DeviceId, Ssid, UnixTime};
use crate::tracker::{Device, Latest, Radio};

/// Networks by name, without hidden ones.
#[derive(Debug, Default)]
pub struct SsidGroups(BTreeMap<Ssid, SsidGroup>);

/// All access points of one SSID.
#[derive(Clone, Debug)]
pub struct SsidGroup {
    ssid: Ssid,
    first_time: UnixTime,
    last_time: UnixTime,
    modified_at: UnixTime,
    security: Option<Latest<Security>>,
    devices: Vec<DeviceId>,
}

impl SsidGroups {
    /// Adds the SSIDs of a device that `wanted` accepts.
    pub fn add(&mut self, device: &Device, wanted: impl Fn(&Ssid) -> bool) {
        let Radio::Wifi(wifi) = &device.radio else {
            return;
        };
        let named = wifi.ssids.iter().filter(|record| !record.ssid.is_hidden());
        for record in named.filter(|record| wanted(&record.ssid)) {
            let group = self.0.entry(record.ssid).or_insert_with(|| SsidGroup {
                ssid: record.ssid,
                first_time: record.first_time,
                last_time: record.last_time,
                modified_at: device.modified_at.time(),
                security: None,
                devices: Vec::new(),
            });
            group.first_time = group.first_time.min(record.first_time);
            group.last_time = group.last_time.max(record.last_time);
            group.modified_at = group.modified_at.max(device.modified_at.time());
            group.devices.push(device.id);
            if let Some(latest) = record.security
                && group.security.is_none_or(|known| known.time <= latest.time)
            {
                group.security = Some(Latest {
                    time: latest.time,
                    value: latest.value.security,
                });
            }
        }
    }

    /// Networks ordered by name.
    pub fn into_groups(self) -> Vec<SsidGroup> {
        self.0.into_values().collect()
    }
}

/// Kismet's hash of a name.
pub fn hash_of(ssid: &Ssid) -> u32 {
    ssid_hash(ssid.as_bytes())
}

impl SsidGroup {
    /// Time of receipt of the latest change to any of its access points.
    pub fn modified_at(&self) -> UnixTime {
        self.modified_at
    }
}

impl Serialize for SsidGroup {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let security = self.security.map(|latest| latest.value);
        let none: [u8; 0] = [];
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("dot11.ssidgroup.hash", &hash_of(&self.ssid))?;
        record.serialize_entry("dot11.ssidgroup.ssid", &self.ssid)?;
        record.serialize_entry("dot11.ssidgroup.ssid_len", &self.ssid.as_bytes().len())?;
        // Kismet has its newer set here, cut to 32 bits, but its page reads the older one.
        let set = security.map_or(0, crypt_set);
        record.serialize_entry("dot11.ssidgroup.crypt_set", &set)?;
        let text = security
            .map(|security| security.summary().to_string())
            .unwrap_or_default();
        record.serialize_entry("dot11.ssidgroup.crypt_string", &text)?;
        record.serialize_entry("dot11.ssidgroup.advertising_devices", &Keys(&self.devices))?;
        record.serialize_entry("dot11.ssidgroup.responding_devices", &none)?;
        record.serialize_entry("dot11.ssidgroup.probing_devices", &none)?;
        record.serialize_entry(
            "dot11.ssidgroup.advertising_devices_len",
            &self.devices.len(),
        )?;
        record.serialize_entry("dot11.ssidgroup.responding_devices_len", &0)?;
        record.serialize_entry("dot11.ssidgroup.probing_devices_len", &0)?;
        record.serialize_entry("dot11.ssidgroup.first_time", &self.first_time.seconds())?;
        record.serialize_entry("dot11.ssidgroup.last_time", &self.last_time.seconds())?;
        record.end()
    }
}

struct Keys<'k>(&'k [DeviceId]);

impl Serialize for Keys<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|id| id.key()))
    }
}
