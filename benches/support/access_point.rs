//! Access points with realistic properties.

use super::random::Random;

/// Frequent capabilities strings of Android, for old and new networks.
const CAPABILITIES: [&str; 12] = [
    "[WPA2-PSK-CCMP][RSN-PSK-CCMP][ESS][WPS]",
    "[WPA2-PSK-CCMP][RSN-PSK-CCMP][ESS]",
    "[WPA2-PSK-CCMP-128][RSN-PSK-CCMP-128][ESS]",
    "[WPA-PSK-CCMP+TKIP][WPA2-PSK-CCMP+TKIP][RSN-PSK-CCMP+TKIP][ESS][WPS]",
    "[WPA-PSK-TKIP+CCMP][WPA2-PSK-TKIP+CCMP][ESS]",
    "[RSN-PSK+SAE-CCMP][ESS][MFPC]",
    "[WPA2-PSK-CCMP-128][RSN-PSK+SAE-CCMP-128][ESS][MFPC][WPS]",
    "[RSN-SAE-CCMP-128][ESS][MFPR][MFPC]",
    "[WPA2-EAP/SHA1-CCMP][RSN-EAP/SHA1-CCMP][ESS]",
    "[RSN-OWE-CCMP-128][ESS][MFPR][MFPC]",
    "[WEP][ESS]",
    "[ESS]",
];
const FREQUENCIES_KHZ: [u32; 14] = [
    2_412_000, 2_412_000, 2_417_000, 2_437_000, 2_437_000, 2_462_000, 2_462_000, 5_180_000,
    5_200_000, 5_240_000, 5_260_000, 5_500_000, 5_560_000, 5_955_000,
];
const VENDORS: [&str; 8] = [
    "3C:A6:2F", "5C:49:79", "F4:F2:6D", "A0:63:91", "00:1D:AA", "74:83:C2", "48:5D:35", "C8:0E:14",
];
/// Names that many access points share.
const SHARED_NAMES: [&str; 6] = [
    "eduroam",
    "Telekom_FON",
    "Vodafone Hotspot",
    "xfinitywifi",
    "Guest",
    "_Free_Wifi",
];
/// Names that end in a part of the address, as routers have them by default.
const OWN_NAMES: [&str; 5] = [
    "WLAN-",
    "TP-Link_",
    "NETGEAR-",
    "Vodafone-",
    "DIRECT-HP OfficeJet-",
];

/// Vendor and name of access points that are seen for the first time. No known access point has them.
const FRESH_VENDOR: &str = "F0:9F:C2";
const FRESH_NAME: &str = "FRITZ!Box-";

pub(crate) struct AccessPoint {
    pub(crate) bssid: String,
    pub(crate) ssid: String,
    pub(crate) capabilities: &'static str,
    pub(crate) frequency_khz: u32,
}

impl AccessPoint {
    /// All properties of the access point follow from its number, which has 24 bits.
    pub(crate) fn known(number: u32) -> Self {
        let mut random = Random::new(u64::from(number));
        let [first, second, third] = low_octets(number);
        let ssid = match random.below(100) {
            0..10 => String::new(),
            10..25 => random.pick(&SHARED_NAMES).to_owned(),
            _ => format!("{}{first}{second}{third}", random.pick(&OWN_NAMES)),
        };
        Self {
            bssid: format!("{}:{first}:{second}:{third}", random.pick(&VENDORS)),
            ssid,
            ..Self::fresh(&mut random)
        }
    }

    /// A template whose number is filled in before it is sent: six digits at the end of its address and of its name.
    pub(crate) fn fresh(random: &mut Random) -> Self {
        Self {
            bssid: format!("{FRESH_VENDOR}:00:00:00"),
            ssid: format!("{FRESH_NAME}000000"),
            capabilities: random.pick(&CAPABILITIES),
            frequency_khz: random.pick(&FREQUENCIES_KHZ),
        }
    }
}

/// The lower three octets of an address, in hex.
pub(crate) fn low_octets(number: u32) -> [String; 3] {
    let [_, octets @ ..] = number.to_be_bytes();
    octets.map(|octet| format!("{octet:02X}"))
}
