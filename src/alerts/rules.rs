//! The parsed settings of the rules.

use std::collections::HashSet;

use regex::bytes::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use super::engine::rule::Rule;
use super::kind::{Definition, Severity};
use super::setting::Setting;
use super::settings::{Network, ProtectedNetwork, Settings};
use crate::report::{MacAddr, MacMask, Ssid};

/// Largest size of a compiled pattern.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// All rules, with their rates.
#[derive(Clone, Debug)]
pub struct Rules {
    settings: [Option<Setting>; Rule::ALL.len()],
    pub(super) canaries: Vec<NetworkRule>,
    pub(super) spoofs: Vec<ProtectedNetworkRule>,
    pub(super) twins: Vec<NetworkRule>,
    pub(super) never_weak: Vec<NetworkRule>,
    pub(super) found: Watched,
    pub(super) lost: Watched,
    pub(super) found_timeout_s: u32,
    pub(super) lost_timeout_s: u32,
    pub(super) silent_least_us: u64,
    pub(super) silent_factor: u32,
    pub(super) moved_distance_m: u32,
    pub(super) ssids_max: usize,
    pub(super) watched_max: usize,
}

/// A built-in rule as it is set up.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleState {
    /// The rule.
    pub rule: Rule,
    /// The text of its setting, such as `10/min,1/sec` or `off`.
    pub rate: Box<str>,
    /// Severity of its alerts.
    pub severity: Severity,
    /// Whether it is on.
    pub is_on: bool,
    /// Whether its settings name anything to look for. Rules about networks need names, and others need addresses.
    pub has_subject: bool,
    /// Its further settings, by their keys in `[alerts]`.
    pub settings: Map<String, Value>,
}

/// A pattern for network names.
#[derive(Clone, Debug)]
pub(super) struct NetworkRule {
    pub(super) name: Box<str>,
    pub(super) ssid: Regex,
}

/// A pattern for network names, and the access points that may use them.
#[derive(Clone, Debug)]
pub(super) struct ProtectedNetworkRule {
    pub(super) network: NetworkRule,
    addresses: Watched,
}

/// A set of addresses, with or without masks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    all: Vec<MacMask>,
    /// Addresses without a mask, as a set: there may be many, and each report looks one up.
    singles: HashSet<MacAddr>,
    /// Addresses with a mask.
    masks: Vec<MacMask>,
}

impl Rules {
    /// Parses the settings. The error holds only the reason: the caller knows the key.
    pub fn read(config: &Settings) -> Result<Self, String> {
        let mut settings = [None; Rule::ALL.len()];
        for (setting, text) in settings.iter_mut().zip(config.rates()) {
            *setting = Setting::read(text)?;
        }
        let networks = |rules: &[Network]| -> Result<Vec<_>, String> {
            rules
                .iter()
                .map(|rule| NetworkRule::read(&rule.name, &rule.ssid))
                .collect()
        };
        let spoofs = config
            .apspoof_networks
            .iter()
            .map(ProtectedNetworkRule::read);
        let seconds = |span: std::time::Duration| u32::try_from(span.as_secs()).unwrap_or(u32::MAX);
        let silent_least_us = config.sourcesilent_least.as_micros();
        Ok(Self {
            settings,
            canaries: networks(&config.ssidcanary_networks)?,
            spoofs: spoofs.collect::<Result<_, _>>()?,
            twins: networks(&config.eviltwin_networks)?,
            never_weak: networks(&config.weakcrypto_networks)?,
            found: Watched::read(&config.devicefound_addresses, config.watched_max)?,
            lost: Watched::read(&config.devicelost_addresses, config.watched_max)?,
            found_timeout_s: seconds(config.devicefound_timeout),
            lost_timeout_s: seconds(config.devicelost_timeout),
            silent_least_us: u64::try_from(silent_least_us).unwrap_or(u64::MAX),
            silent_factor: config.sourcesilent_factor,
            moved_distance_m: config.apmoved_distance_m,
            ssids_max: config.eviltwin_ssids_max,
            watched_max: config.watched_max,
        })
    }

    pub(super) fn setting(&self, rule: Rule) -> Option<Setting> {
        let place = Rule::ALL.iter().position(|known| *known == rule)?;
        *self.settings.get(place)?
    }

    pub(super) fn is_on(&self, rule: Rule) -> bool {
        self.setting(rule).is_some()
    }

    /// Whether a rule has anything to look for, if it is on.
    pub(super) fn has_subject(&self, rule: Rule) -> bool {
        match rule {
            Rule::SsidCanary => !self.canaries.is_empty(),
            Rule::ApSpoof => !self.spoofs.is_empty(),
            Rule::EvilTwin => !self.twins.is_empty(),
            Rule::WeakCrypto => !self.never_weak.is_empty(),
            Rule::DeviceFound => !self.found.is_empty(),
            Rule::DeviceLost => !self.lost.is_empty(),
            Rule::CryptoDrop
            | Rule::AdvCryptChange
            | Rule::ChanChange
            | Rule::SourceSilent
            | Rule::ApMoved
            | Rule::FlipperZero => true,
        }
    }

    /// All rules as they are set up.
    pub(super) fn states(&self, config: &Settings) -> Vec<RuleState> {
        let all = match serde_json::to_value(config) {
            Ok(Value::Object(all)) => all,
            _ => Map::new(),
        };
        let rates = Rule::ALL.into_iter().zip(config.rates());
        let state = |(rule, rate): (Rule, &String)| {
            let setting = self.setting(rule);
            let is_its_own = |key: &str| {
                let rest = key.strip_prefix(rule.key());
                rest.is_some_and(|rest| rest.starts_with('_'))
            };
            let settings = all.iter().filter(|(key, _)| is_its_own(key));
            RuleState {
                rule,
                rate: rate.as_str().into(),
                severity: setting
                    .and_then(|setting| setting.severity)
                    .unwrap_or(rule.severity()),
                is_on: setting.is_some(),
                has_subject: self.has_subject(rule),
                settings: settings
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect(),
            }
        };
        rates.map(state).collect()
    }

    /// The kinds of alerts that the enabled rules raise.
    pub(super) fn definitions(&self) -> Vec<Definition> {
        let on = Rule::ALL
            .into_iter()
            .filter_map(|rule| Some((rule, self.setting(rule)?)));
        on.map(|(rule, setting)| Definition {
            header: rule.header().into(),
            class: rule.class(),
            severity: setting.severity.unwrap_or(rule.severity()),
            description: rule.description().into(),
            phy: rule.phy(),
            limit: setting.limit,
        })
        .collect()
    }
}

impl NetworkRule {
    fn read(name: &str, pattern: &str) -> Result<Self, String> {
        let ssid = RegexBuilder::new(pattern)
            .size_limit(REGEX_BYTES_MAX)
            .build()
            .map_err(|error| format!("rule `{name}`, ssid: {error}"))?;
        Ok(Self {
            name: name.into(),
            ssid,
        })
    }

    /// The first rule whose pattern matches. Hidden networks match none.
    pub(super) fn find<'r>(rules: &'r [Self], ssid: &Ssid) -> Option<&'r Self> {
        if ssid.is_hidden() {
            return None;
        }
        rules
            .iter()
            .find(|rule| rule.ssid.is_match(ssid.as_bytes()))
    }
}

impl ProtectedNetworkRule {
    fn read(rule: &ProtectedNetwork) -> Result<Self, String> {
        let named = |reason| format!("rule `{}`, addresses: {reason}", rule.name);
        Ok(Self {
            network: NetworkRule::read(&rule.name, &rule.ssid)?,
            addresses: Watched::read(&rule.addresses, usize::MAX).map_err(named)?,
        })
    }

    /// The first rule whose pattern matches, if it does not list `addr`.
    pub(super) fn find<'r>(rules: &'r [Self], ssid: &Ssid, addr: MacAddr) -> Option<&'r Self> {
        if ssid.is_hidden() {
            return None;
        }
        let mut rules = rules.iter();
        let rule = rules.find(|rule| rule.network.ssid.is_match(ssid.as_bytes()))?;
        (!rule.addresses.fit(addr)).then_some(rule)
    }
}

impl Watched {
    fn of(all: Vec<MacMask>) -> Self {
        Self {
            singles: all.iter().filter_map(|mask| mask.single()).collect(),
            masks: all
                .iter()
                .copied()
                .filter(|mask| mask.single().is_none())
                .collect(),
            all,
        }
    }

    /// Parses at most `max` addresses and masks.
    pub fn read(texts: &[impl AsRef<str>], max: usize) -> Result<Self, String> {
        if max < texts.len() {
            return Err(format!("must have at most {max} addresses"));
        }
        let read = |text: &str| {
            text.parse::<MacMask>().map_err(|error| {
                format!("`{text}`: {error}, optionally followed by `/` and a mask")
            })
        };
        texts
            .iter()
            .map(|text| read(text.as_ref()))
            .collect::<Result<_, _>>()
            .map(Self::of)
    }

    /// Whether the set contains an address.
    pub fn fit(&self, addr: MacAddr) -> bool {
        self.singles.contains(&addr) || self.masks.iter().any(|mask| mask.fits(addr))
    }

    /// Whether the set has no addresses.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The addresses and masks, in the order in which they were added.
    pub fn all(&self) -> &[MacMask] {
        &self.all
    }

    /// The union of both, unless it has more than `max` entries.
    pub(super) fn with(&self, others: &[MacMask], max: usize) -> Option<Self> {
        let mut all = self.all.clone();
        for mask in others {
            if !all.contains(mask) {
                all.push(*mask);
            }
        }
        (all.len() <= max).then(|| Self::of(all))
    }

    /// The set without `others`.
    pub(super) fn without(&self, others: &[MacMask]) -> Self {
        let left = self.all.iter().filter(|mask| !others.contains(mask));
        Self::of(left.copied().collect())
    }
}
