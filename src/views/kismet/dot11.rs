//! `dot11.device.*` and `dot11.advertisedssid.*`: Wi-Fi devices and their networks (`phy_80211_components.h`).

use serde::ser::{Serialize, SerializeMap, Serializer};
use twox_hash::XxHash32;

use super::crypt::{crypt_bitfield, crypt_set};
use super::{security_class, zeros};
use crate::report::capabilities::{Pmf, Security};
use crate::report::{Channel, ChannelWidth};
use crate::tracker::{Device, SsidRecord, Wifi};

/// `dot11.device.typeset` of an access point that beacons.
const TYPESET_AP: u64 = 1;
/// `dot11.device.typeset` of an ad-hoc peer: Kismet sets both bits.
const TYPESET_AD_HOC: u64 = 3;

/// Fields that only captured frames fill, by their place in Kismet's record.
const BEFORE_SSIDS: [&str; 3] = [
    "dot11.device.num_responded_ssids",
    "dot11.device.num_probed_ssids",
    "dot11.device.num_associated_clients",
];
const AFTER_SSIDS: [&str; 17] = [
    "dot11.device.client_disconnects",
    "dot11.device.client_disconnects_last",
    "dot11.device.bss_timestamp",
    "dot11.device.num_fragments",
    "dot11.device.num_retries",
    "dot11.device.datasize",
    "dot11.device.datasize_retry",
    "dot11.device.last_beacon_timestamp",
    "dot11.device.wps_m3_count",
    "dot11.device.wps_m3_last",
    "dot11.device.min_tx_power",
    "dot11.device.max_tx_power",
    "dot11.device.link_measurement_capable",
    "dot11.device.neighbor_report_capable",
    "dot11.device.beacon_fingerprint",
    "dot11.device.probe_fingerprint",
    "dot11.device.response_fingerprint",
];
const AFTER_CRYPT: [&str; 3] = [
    "dot11.advertisedssid.maxrate",
    "dot11.advertisedssid.beaconrate",
    "dot11.advertisedssid.beacons_sec",
];
const AFTER_MFP: [&str; 8] = [
    "dot11.advertisedssid.dot11r_mobility",
    "dot11.advertisedssid.dot11r_mobility_domain_id",
    "dot11.advertisedssid.dot11e_qbss",
    "dot11.advertisedssid.dot11e_qbss_stations",
    "dot11.advertisedssid.dot11e_channel_utilization_perc",
    "dot11.advertisedssid.ccx_txpower",
    "dot11.advertisedssid.cisco_client_mfp",
    "dot11.advertisedssid.advertised_txpower",
];

pub(super) struct Dot11Record<'d> {
    pub(super) device: &'d Device,
    pub(super) wifi: &'d Wifi,
}

impl Serialize for Dot11Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { device, wifi } = self;
        let mut record = serializer.serialize_map(None)?;
        let typeset = if device.is_ad_hoc() {
            TYPESET_AD_HOC
        } else {
            TYPESET_AP
        };
        record.serialize_entry("dot11.device.typeset", &typeset)?;
        record.serialize_entry("dot11.device.num_client_aps", &0)?;
        record.serialize_entry("dot11.device.num_advertised_ssids", &wifi.ssids.len())?;
        zeros(&mut record, &BEFORE_SSIDS)?;
        zeros(&mut record, &AFTER_SSIDS)?;
        record.serialize_entry("dot11.device.last_bssid", &device.id.addr)?;
        record.serialize_entry("dot11.device.advertised_ssid_map", &AdvertisedSsids(wifi))?;
        if let Some(ssid) = device.main_ssid() {
            record.serialize_entry(
                "dot11.device.last_beaconed_ssid_record",
                &AdvertisedSsid(ssid),
            )?;
        }
        record.end()
    }
}

/// Ordered by first sighting, so that the same reports give the same list.
struct AdvertisedSsids<'d>(&'d Wifi);

impl Serialize for AdvertisedSsids<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut ssids: Vec<_> = self.0.ssids.iter().collect();
        ssids.sort_by_key(|record| (record.first_time, &record.ssid));
        serializer.collect_seq(ssids.into_iter().map(AdvertisedSsid))
    }
}

struct AdvertisedSsid<'d>(&'d SsidRecord);

impl Serialize for AdvertisedSsid<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(ssid) = self;
        let security = ssid.security.map(|latest| latest.value.security);
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("dot11.advertisedssid.ssid", &ssid.ssid)?;
        record.serialize_entry("dot11.advertisedssid.ssidlen", &ssid.ssid.as_bytes().len())?;
        record.serialize_entry(
            "dot11.advertisedssid.ssid_hash",
            &ssid_hash(ssid.ssid.as_bytes()),
        )?;
        zeros(
            &mut record,
            &[
                "dot11.advertisedssid.beacon",
                "dot11.advertisedssid.probe_response",
            ],
        )?;
        let channel = ssid.channel();
        let channel = channel.as_ref().map_or("", Channel::as_str);
        record.serialize_entry("dot11.advertisedssid.channel", channel)?;
        let layout = ssid.layout.as_ref().map(|latest| latest.value);
        let width = layout.and_then(|layout| layout.width);
        record.serialize_entry(
            "dot11.advertisedssid.ht_mode",
            width.map(ChannelWidth::ht_mode).unwrap_or_default(),
        )?;
        let center = |mhz: Option<u32>| mhz.unwrap_or_default();
        record.serialize_entry(
            "dot11.advertisedssid.ht_center_1",
            &center(layout.and_then(|at| at.center0_mhz)),
        )?;
        record.serialize_entry(
            "dot11.advertisedssid.ht_center_2",
            &center(layout.and_then(|at| at.center1_mhz)),
        )?;
        record.serialize_entry(
            "dot11.advertisedssid.first_time",
            &ssid.first_time.seconds(),
        )?;
        record.serialize_entry("dot11.advertisedssid.last_time", &ssid.last_time.seconds())?;
        record.serialize_entry(
            "dot11.advertisedssid.cloaked",
            &u8::from(ssid.ssid.is_hidden()),
        )?;
        let bits = |read: fn(Security) -> u64| security.map_or(0, read);
        record.serialize_entry("dot11.advertisedssid.crypt_bitfield", &bits(crypt_bitfield))?;
        record.serialize_entry("dot11.advertisedssid.crypt_set", &bits(crypt_set))?;
        let text = security
            .map(|security| security.summary().to_string())
            .unwrap_or_default();
        record.serialize_entry("dot11.advertisedssid.crypt_string", &text)?;
        security_class(&mut record, security)?;
        zeros(&mut record, &AFTER_CRYPT)?;
        let checksum = ssid.security.map_or(0, |latest| latest.value.checksum);
        record.serialize_entry("dot11.advertisedssid.ietag_checksum", &checksum)?;
        let pmf = security.map(crate::report::capabilities::Security::pmf);
        let required = u8::from(pmf == Some(Pmf::Required));
        let supported = u8::from(matches!(pmf, Some(Pmf::Required | Pmf::Capable)));
        record.serialize_entry("dot11.advertisedssid.wpa_mfp_required", &required)?;
        record.serialize_entry("dot11.advertisedssid.wpa_mfp_supported", &supported)?;
        zeros(&mut record, &AFTER_MFP)?;
        record.end()
    }
}

/// Kismet's hash of an SSID: xxHash32 over the octets and then their number, little-endian.
pub(super) fn ssid_hash(ssid: &[u8]) -> u32 {
    let length = u32::try_from(ssid.len()).unwrap_or_default();
    let mut hashed = Vec::with_capacity(ssid.len() + 4);
    hashed.extend_from_slice(ssid);
    hashed.extend_from_slice(&length.to_le_bytes());
    XxHash32::oneshot(0, &hashed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_names_are_those_of_kismet() {
        assert_eq!(ssid_hash(b"HomeNet"), 25_241_302);
        assert_eq!(ssid_hash(b""), 148_298_089);
        assert_eq!(ssid_hash("Café ☕ naïve".as_bytes()), 3_293_200_767);
    }
}
