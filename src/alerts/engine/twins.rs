//! EVILTWIN: an access point protects a network name less than another one does.

use std::collections::{BTreeSet, HashMap};

use super::WifiObservation;
use super::raised_alerts::RaisedAlerts;
use super::rule::Rule;
use crate::alerts::rules::{NetworkRule, Rules};
use crate::report::capabilities::{Capabilities, Security, SecurityClass};
use crate::report::{MacAddr, Ssid};
use crate::tracker::{Device, Radio};

/// How well a network is protected. The classes are coarse: WPA2 beside WPA3 is a normal upgrade, not an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// No encryption.
    Open,
    /// WEP, which can be broken within minutes.
    Broken,
    /// Only WPA.
    Old,
    /// WPA2 and better, and all other encryption.
    Good,
}

impl Strength {
    /// From weak to strong.
    const ALL: [Self; 4] = [Self::Open, Self::Broken, Self::Old, Self::Good];

    fn name(self) -> &'static str {
        match self {
            Self::Open => "no protection",
            Self::Broken => "WEP",
            Self::Old => "WPA",
            Self::Good => "WPA2 or better",
        }
    }

    pub(super) fn of(security: Security) -> Option<Self> {
        match security.class() {
            SecurityClass::Unknown => None,
            SecurityClass::Open | SecurityClass::OpenOweTransition => Some(Self::Open),
            SecurityClass::Wep | SecurityClass::WpaNone => Some(Self::Broken),
            SecurityClass::WpaUnstated
            | SecurityClass::WpaPersonal
            | SecurityClass::WpaEnterprise => Some(Self::Old),
            _ => Some(Self::Good),
        }
    }

    pub(super) fn is_weak(self) -> bool {
        self <= Self::Broken
    }
}

/// The access points of one name and one strength.
///
/// It is a set without history, because a start rebuilds it from the tracker's devices and must get the same one.
type Group = BTreeSet<MacAddr>;

/// The strongest group among the other access points of a name.
struct Others {
    strength: Strength,
    count: usize,
    /// A member of the group, for the alert's text.
    named: Option<MacAddr>,
}

/// The access points of each name, by strength.
#[derive(Debug)]
pub(super) struct Twins {
    by_ssid: HashMap<Ssid, [Group; Strength::ALL.len()]>,
    ssids_max: usize,
}

impl Twins {
    pub(super) fn new(ssids_max: usize) -> Self {
        Self {
            by_ssid: HashMap::new(),
            ssids_max,
        }
    }

    pub(super) fn forget(&mut self, device: &Device) {
        let Radio::Wifi(wifi) = &device.radio else {
            return;
        };
        for record in &wifi.ssids {
            let Some(groups) = self.by_ssid.get_mut(&record.ssid) else {
                continue;
            };
            for group in &mut *groups {
                group.remove(&device.id.addr);
            }
            if groups.iter().all(BTreeSet::is_empty) {
                self.by_ssid.remove(&record.ssid);
            }
        }
    }

    /// Moves an access point to its new group. Returns the strongest group of the others.
    fn count(
        &mut self,
        ssid: &Ssid,
        addr: MacAddr,
        old: Option<Strength>,
        new: Strength,
    ) -> Option<Others> {
        if !self.by_ssid.contains_key(ssid) {
            if self.ssids_max <= self.by_ssid.len() {
                return None;
            }
            self.by_ssid.insert(*ssid, Default::default());
        }
        let groups = self.by_ssid.get_mut(ssid)?;
        let mut strongest = None;
        for (group, strength) in groups.iter_mut().zip(Strength::ALL) {
            if old == Some(strength) {
                group.remove(&addr);
            }
            if let Some(last) = group.last() {
                strongest = Some(Others {
                    strength,
                    count: group.len(),
                    named: Some(*last),
                });
            }
            if new == strength {
                group.insert(addr);
            }
        }
        strongest
    }
}

pub(super) fn check(
    rules: &Rules,
    alerts: &mut RaisedAlerts,
    twins: &mut Twins,
    observation: &WifiObservation<'_>,
) {
    if rules.twins.is_empty() {
        return;
    }
    let security = observation
        .wifi
        .capabilities
        .as_ref()
        .map(Capabilities::security);
    let Some(new) = security.and_then(Strength::of) else {
        return;
    };
    let before = observation.record.and_then(|record| record.security);
    let old = before.and_then(|before| Strength::of(before.value.security));
    let is_late = before.is_some_and(|before| observation.report.time < before.time);
    if is_late || old == Some(new) {
        return;
    }
    let (ssid, addr) = (&observation.wifi.ssid, observation.device().addr);
    let Some(rule) = NetworkRule::find(&rules.twins, ssid) else {
        return;
    };
    let Some(others) = twins.count(ssid, addr, old, new) else {
        return;
    };
    let strongest = others.strength;
    if new < strongest {
        alerts.of_report(Rule::EvilTwin, observation.report, || {
            let class = security.unwrap_or_default().class().label();
            format!(
                "{addr} shows the network name '{ssid}' with {class}, while other access points of rule '{}' protect it better",
                rule.name
            )
        });
    }
    // Groups that are weaker than `strongest` already raised an alert when one of the two appeared.
    if strongest < new {
        let weaker = others.named.unwrap_or(addr);
        alerts.of_other(Rule::EvilTwin, observation.report, weaker, || {
            let (count, strength) = (others.count, strongest.name());
            format!(
                "{count} access points, {weaker} among them, show the network name '{ssid}' with {strength}, while {addr} of rule '{}' protects it better",
                rule.name
            )
        });
    }
}

/// Counts the networks of a device that was known before the start.
pub(super) fn recall(rules: &Rules, twins: &mut Twins, device: &Device) {
    let Radio::Wifi(wifi) = &device.radio else {
        return;
    };
    if rules.twins.is_empty() {
        return;
    }
    for record in &wifi.ssids {
        let strength = record
            .security
            .and_then(|latest| Strength::of(latest.value.security));
        if let Some(strength) = strength
            && NetworkRule::find(&rules.twins, &record.ssid).is_some()
        {
            twins.count(&record.ssid, device.id.addr, None, strength);
        }
    }
}
