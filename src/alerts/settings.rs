//! The keys of `[alerts]` and their defaults.
//!
//! They are defined here and not with the other settings, because only this module knows the rules. The configuration
//! uses them as a section, checks the bounds, and calls [`Rules::read`](super::Rules::read) to check the texts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::engine::rule::{Rule, each_rule};
use crate::setting_text::duration_text;

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
pub struct ProtectedNetwork {
    /// Name of the rule in alerts.
    pub name: String,
    /// Regular expression that matches any part of the SSID.
    pub ssid: String,
    /// Addresses of the access points, with or without masks.
    pub addresses: Vec<String>,
}

macro_rules! settings {
    ($($rule:ident: $key:ident = $rate:literal, $header:literal, $class:ident, $severity:ident, $phy:expr,
        $description:literal, $function:expr;)*) => {
        /// `[alerts]`
        ///
        /// A key with the name of a rule sets its rate, such as `"10/min,1/sec"`, and optionally its severity. `"off"`
        /// disables the rule.
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Settings {
            /// Largest number of stored alerts. Past it, the oldest are deleted. Default 10 000.
            pub kept_max: usize,
            /// Number of the newest alerts that Kismet's paths show. Default 50, as with Kismet.
            pub backlog: usize,
            /// Largest number of kinds that clients may define. Default 100.
            pub definitions_max: usize,
            /// Longest text of an alert that a client raises, longest description of a kind, and longest comment on an
            /// alert, in bytes. Default 1 024.
            pub text_bytes_max: usize,
            /// Names that SSIDCANARY watches for. Default none.
            pub ssidcanary_networks: Vec<Network>,
            /// Names that APSPOOF protects, and the access points that may show them. Default none.
            pub apspoof_networks: Vec<ProtectedNetwork>,
            /// Addresses that DEVICEFOUND watches, with or without masks. Default none.
            pub devicefound_addresses: Vec<String>,
            /// Time without a report after which a device counts as found again. Default 1 minute.
            #[serde(with = "duration_text")]
            pub devicefound_timeout: Duration,
            /// Addresses that DEVICELOST watches, with or without masks. Default none.
            pub devicelost_addresses: Vec<String>,
            /// Time without a report after which a device is lost. Default 1 minute.
            #[serde(with = "duration_text")]
            pub devicelost_timeout: Duration,
            /// Largest number of watched addresses for each of the two rules, and of devices that match masks.
            /// Default 10 000.
            pub watched_max: usize,
            /// Names that EVILTWIN compares. Default none.
            pub eviltwin_networks: Vec<Network>,
            /// Largest number of names that EVILTWIN compares. Default 100 000.
            pub eviltwin_ssids_max: usize,
            /// Names that WEAKCRYPTO checks. Default none.
            pub weakcrypto_networks: Vec<Network>,
            /// Shortest silence that raises an alert. Default 10 minutes.
            #[serde(with = "duration_text")]
            pub sourcesilent_least: Duration,
            /// Silence that raises an alert, as a multiple of the scanner's longest recent pause. Default 3.
            pub sourcesilent_factor: u32,
            /// Distance in metres from the last position that raises an alert. Default 1 000.
            pub apmoved_distance_m: u32,
            $(
                #[doc = $description]
                pub $key: String,
            )*
        }

        impl Default for Settings {
            fn default() -> Self {
                let minute = Duration::from_secs(60);
                Self {
                    kept_max: 10_000,
                    backlog: 50,
                    definitions_max: 100,
                    text_bytes_max: 1024,
                    ssidcanary_networks: Vec::new(),
                    apspoof_networks: Vec::new(),
                    devicefound_addresses: Vec::new(),
                    devicefound_timeout: minute,
                    devicelost_addresses: Vec::new(),
                    devicelost_timeout: minute,
                    watched_max: 10_000,
                    eviltwin_networks: Vec::new(),
                    eviltwin_ssids_max: 100_000,
                    weakcrypto_networks: Vec::new(),
                    sourcesilent_least: minute * 10,
                    sourcesilent_factor: 3,
                    apmoved_distance_m: 1000,
                    $($key: $rate.to_owned(),)*
                }
            }
        }

        impl Settings {
            /// The settings of the rules, in the order of [`Rule::ALL`].
            pub(super) fn rates(&self) -> [&String; Rule::ALL.len()] {
                [$(&self.$key),*]
            }
        }
    };
}
each_rule!(settings);
