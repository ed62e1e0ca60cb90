//! What can be set about alerts: the keys of `[alerts]` and their defaults.
//!
//! It stands here and not with the other settings, because only this module knows what a rule is; the configuration
//! takes it as one of its sections, checks the bounds, and has [`Rules::read`](super::Rules::read) check the texts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::setting_text::duration_text;

/// `[alerts]`
///
/// A key with the name of a kind of alert says how often it is raised, as in `"10/min,1/sec"`, and perhaps how
/// severe it is; `"off"` is never.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Alerts that are kept; past it the oldest go. Default 10 000.
    pub kept_max: usize,
    /// How many of them Kismet's reads show, the newest. Default 50, as Kismet keeps.
    pub backlog: usize,
    /// Kinds of alerts that people may define. Default 100.
    pub definitions_max: usize,
    /// Bytes of the text of an alert that somebody raises, and of a description. Default 1 024.
    pub text_bytes_max: usize,
    /// An access point shows a name that it should not.
    pub ssidcanary: String,
    /// Those names. Default none.
    pub ssidcanary_networks: Vec<Network>,
    /// A name is shown by an access point that is none of its own.
    pub apspoof: String,
    /// The names, and the access points that may have them. Default none.
    pub apspoof_networks: Vec<Owned>,
    /// A network is not encrypted any more.
    pub cryptodrop: String,
    /// A network is secured in another way.
    pub advcryptchange: String,
    /// A network is on another channel.
    pub chanchange: String,
    /// A watched device is new, or back.
    pub devicefound: String,
    /// Addresses, and addresses with masks, that are watched for it. Default none.
    pub devicefound_addresses: Vec<String>,
    /// After how long without a report a device is back. Default 1 minute.
    #[serde(with = "duration_text")]
    pub devicefound_timeout: Duration,
    /// A watched device is silent.
    pub devicelost: String,
    /// Addresses, and addresses with masks, that are watched for it. Default none.
    pub devicelost_addresses: Vec<String>,
    /// After how long without a report a device is lost. Default 1 minute.
    #[serde(with = "duration_text")]
    pub devicelost_timeout: Duration,
    /// Addresses and masks that are watched, of each of the two, and how many of the devices behind them. Default 10 000.
    pub watched_max: usize,
    /// A name is shown by an access point that protects it less than another one does.
    pub eviltwin: String,
    /// The names. Default none.
    pub eviltwin_networks: Vec<Network>,
    /// How many names are compared. Default 100 000.
    pub eviltwin_ssids_max: usize,
    /// A network is open or has WEP.
    pub weakcrypto: String,
    /// The names that never may be. Default none.
    pub weakcrypto_networks: Vec<Network>,
    /// A scanner is silent for longer than it usually is. Default off.
    pub sourcesilent: String,
    /// The least silence that is told. Default 10 minutes.
    #[serde(with = "duration_text")]
    pub sourcesilent_least: Duration,
    /// How many times as long as the longest of its last pauses. Default 3.
    pub sourcesilent_factor: u32,
    /// An access point has moved. Default off.
    pub apmoved: String,
    /// How far it has to be from where it was seen last, in m. Default 1 000.
    pub apmoved_distance_m: u32,
}

/// Networks by name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// What the alert calls the rule.
    pub name: String,
    /// A pattern that some part of the SSID matches.
    pub ssid: String,
}

/// Networks by name, and who may have them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Owned {
    /// What the alert calls the rule.
    pub name: String,
    /// A pattern that some part of the SSID matches.
    pub ssid: String,
    /// Addresses, and addresses with masks, of its access points.
    pub addresses: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let (minute, off) = (Duration::from_secs(60), "off".to_owned());
        // As Kismet delivers them.
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
        }
    }
}
