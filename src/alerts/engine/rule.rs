//! The table of the rules: their names, settings and defaults, and the kinds of their alerts.
//!
//! A rule that needs only a report and the device before it has a function in the table. The others have a state of
//! their own or share work with each other, and the engine calls them.

use super::raised_alerts::RaisedAlerts;
use super::{flipper, moved};
use crate::alerts::kind::{Class, Severity};
use crate::alerts::rules::Rules;
use crate::report::{Phy, Report};
use crate::tracker::Device;

/// Applies a rule to a report. The device is the one before the report is merged, if it was known.
pub(super) type ReportRule = fn(&Rules, &mut RaisedAlerts, Option<&Device>, &Report);

/// Calls the macro `$apply` with the table. An entry is: name of the rule, its key in `[alerts]` and the key's default,
/// header, class and default severity of its alerts, radio technology of the reports that it looks at, description for
/// people, and function.
macro_rules! each_rule {
    ($apply:ident) => {
        $apply! {
            SsidCanary: ssidcanary = "5/min,1/sec", "SSIDCANARY", Spoof, High, Some(Phy::Wifi),
                "An access point shows a network name that is configured as a canary",
                None;
            ApSpoof: apspoof = "10/min,1/sec", "APSPOOF", Spoof, High, Some(Phy::Wifi),
                "An access point that is not among those configured for a network shows the network's name",
                None;
            CryptoDrop: cryptodrop = "5/min,1/sec", "CRYPTODROP", Spoof, High, Some(Phy::Wifi),
                "A network that was encrypted is open",
                None;
            AdvCryptChange: advcryptchange = "5/min,1/sec", "ADVCRYPTCHANGE", Spoof, High, Some(Phy::Wifi),
                "A network is secured in another way than before",
                None;
            ChanChange: chanchange = "5/min,1/sec", "CHANCHANGE", Spoof, Low, Some(Phy::Wifi),
                "A network is on another channel than before",
                None;
            DeviceFound: devicefound = "10/min,1/sec", "DEVICEFOUND", System, High, None,
                "A watched device was seen, for the first time or after a while",
                None;
            DeviceLost: devicelost = "10/min,1/sec", "DEVICELOST", System, High, None,
                "A watched device was not seen for a while",
                None;
            EvilTwin: eviltwin = "10/min,1/sec", "EVILTWIN", Spoof, High, Some(Phy::Wifi),
                "An access point shows a network's name with less protection than another one does",
                None;
            WeakCrypto: weakcrypto = "10/min,1/sec", "WEAKCRYPTO", Other, Medium, Some(Phy::Wifi),
                "A network that must be protected is open or has WEP",
                None;
            SourceSilent: sourcesilent = "off", "SOURCESILENT", System, Medium, None,
                "A scanner is silent for longer than it usually is",
                None;
            ApMoved: apmoved = "off", "APMOVED", Spoof, Medium, Some(Phy::Wifi),
                "An access point was seen far from where it was seen before",
                Some(moved::check);
            FlipperZero: flipperzero = "5/min,1/sec", "FLIPPERZERO", Probe, High, Some(Phy::Bluetooth),
                "A Bluetooth device was seen for the first time whose address is that of a Flipper Zero",
                Some(flipper::check);
        }
    };
}
pub(in crate::alerts) use each_rule;

macro_rules! rules {
    ($($rule:ident: $key:ident = $rate:literal, $header:literal, $class:ident, $severity:ident, $phy:expr,
        $description:literal, $function:expr;)*) => {
        /// A built-in rule. The first seven and the last are Kismet's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Rule {
            $(#[doc = $description] $rule,)*
        }

        impl Rule {
            /// All rules, in the order of the table.
            pub const ALL: [Self; [$($header),*].len()] = [$(Self::$rule),*];

            /// Key of the rule in `[alerts]`.
            pub const fn key(self) -> &'static str {
                match self {
                    $(Self::$rule => stringify!($key),)*
                }
            }

            /// Kind of the alerts that the rule raises, as Kismet's clients see it.
            pub const fn header(self) -> &'static str {
                match self {
                    $(Self::$rule => $header,)*
                }
            }

            /// Class of the rule's alerts.
            pub const fn class(self) -> Class {
                match self {
                    $(Self::$rule => Class::$class,)*
                }
            }

            /// Default severity of the rule's alerts.
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$rule => Severity::$severity,)*
                }
            }

            /// Description of the rule for people.
            pub const fn description(self) -> &'static str {
                match self {
                    $(Self::$rule => $description,)*
                }
            }

            /// Radio technology that the rule looks at. `None` means all.
            pub const fn phy(self) -> Option<Phy> {
                match self {
                    $(Self::$rule => $phy,)*
                }
            }

            /// Function that applies the rule. `None` if the engine calls the rule itself.
            pub(super) const fn function(self) -> Option<ReportRule> {
                match self {
                    $(Self::$rule => $function,)*
                }
            }
        }
    };
}
each_rule!(rules);
