//! The keys of `[alerts]` and their defaults.
//!
//! They are defined here and not with the other settings, because only this module knows the rules. The configuration
//! uses them as a section, checks the bounds, and calls [`Rules::read`](super::Rules::read) to check the texts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::setting_text::duration_text;

/// `[alerts]`
///
/// A key with the name of a rule sets its rate, such as `"10/min,1/sec"`, and optionally its severity. `"off"` disables
/// the rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Largest number of stored alerts. Past it, the oldest are deleted. Default 10 000.
    pub kept_max: usize,
    /// Number of the newest alerts that Kismet's paths show. Default 50, as with Kismet.
    pub backlog: usize,
    /// Largest number of kinds that clients may define. Default 100.
    pub definitions_max: usize,
    /// Longest text of an alert that a client raises, and longest description of a kind, in bytes. Default 1 024.
    pub text_bytes_max: usize,
    /// SSIDCANARY: an access point shows a name that nobody should show.
    pub ssidcanary: String,
    /// Names that SSIDCANARY watches for. Default none.
    pub ssidcanary_networks: Vec<Network>,
    /// APSPOOF: an access point shows a network's name, but is not among those that may.
    pub apspoof: String,
    /// Names that APSPOOF protects, and the access points that may show them. Default none.
    pub apspoof_networks: Vec<Owned>,
    /// CRYPTODROP: a network that was encrypted is open.
    pub cryptodrop: String,
    /// ADVCRYPTCHANGE: a network is secured in another way than before.
    pub advcryptchange: String,
    /// CHANCHANGE: a network is on another channel than before.
    pub chanchange: String,
    /// DEVICEFOUND: a watched device appears, for the first time or again.
    pub devicefound: String,
    /// Addresses that DEVICEFOUND watches, with or without masks. Default none.
    pub devicefound_addresses: Vec<String>,
    /// Time without a report after which a device counts as found again. Default 1 minute.
    #[serde(with = "duration_text")]
    pub devicefound_timeout: Duration,
    /// DEVICELOST: a watched device is silent.
    pub devicelost: String,
    /// Addresses that DEVICELOST watches, with or without masks. Default none.
    pub devicelost_addresses: Vec<String>,
    /// Time without a report after which a device is lost. Default 1 minute.
    #[serde(with = "duration_text")]
    pub devicelost_timeout: Duration,
    /// Largest number of watched addresses for each of the two rules, and of devices that match masks. Default 10 000.
    pub watched_max: usize,
    /// EVILTWIN: an access point protects a network name less than another one does.
    pub eviltwin: String,
    /// Names that EVILTWIN compares. Default none.
    pub eviltwin_networks: Vec<Network>,
    /// Largest number of names that EVILTWIN compares. Default 100 000.
    pub eviltwin_ssids_max: usize,
    /// WEAKCRYPTO: a network is open or uses WEP.
    pub weakcrypto: String,
    /// Names that WEAKCRYPTO checks. Default none.
    pub weakcrypto_networks: Vec<Network>,
    /// SOURCESILENT: a scanner is silent for longer than usual. Default off.
    pub sourcesilent: String,
    /// Shortest silence that raises an alert. Default 10 minutes.
    #[serde(with = "duration_text")]
    pub sourcesilent_least: Duration,
    /// Silence that raises an alert, as a multiple of the scanner's longest recent pause. Default 3.
    pub sourcesilent_factor: u32,
    /// APMOVED: an access point is seen far from where it was seen before. Default off.
    pub apmoved: String,
    /// Distance in metres from the last position that raises an alert. Default 1 000.
    pub apmoved_distance_m: u32,
    /// A Bluetooth device with the address of a Flipper Zero is seen for the first time.
    pub flipperzero: String,
}

/// A pattern for network names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Name of the rule in alerts.
    pub name: String,
    /// Regular expression that matches any part of the SSID.
    pub ssid: String,
}

/// A pattern for network names, and the access points that may use them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Owned {
    /// Name of the rule in alerts.
    pub name: String,
    /// Regular expression that matches any part of the SSID.
    pub ssid: String,
    /// Addresses of the access points, with or without masks.
    pub addresses: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let (minute, off) = (Duration::from_secs(60), "off".to_owned());
        // Kismet's defaults.
        let (usual, seldom) = ("10/min,1/sec", "5/min,1/sec");
        Self {
            kept_max: 10_000,
            backlog: 50,
            definitions_max: 100,
            text_bytes_max: 1024,
            ssidcanary: seldom.to_owned(),
            ssidcanary_networks: Vec::new(),
            apspoof: usual.to_owned(),
            apspoof_networks: Vec::new(),
            cryptodrop: seldom.to_owned(),
            advcryptchange: seldom.to_owned(),
            chanchange: seldom.to_owned(),
            devicefound: usual.to_owned(),
            devicefound_addresses: Vec::new(),
            devicefound_timeout: minute,
            devicelost: usual.to_owned(),
            devicelost_addresses: Vec::new(),
            devicelost_timeout: minute,
            watched_max: 10_000,
            eviltwin: usual.to_owned(),
            eviltwin_networks: Vec::new(),
            eviltwin_ssids_max: 100_000,
            weakcrypto: usual.to_owned(),
            weakcrypto_networks: Vec::new(),
            sourcesilent: off.clone(),
            sourcesilent_least: minute * 10,
            sourcesilent_factor: 3,
            apmoved: off,
            apmoved_distance_m: 1000,
            flipperzero: seldom.to_owned(),
        }
    }
}
