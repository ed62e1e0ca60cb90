//! EVILTWIN: of the access points of one name, one protects less than another.

use std::collections::{BTreeSet, HashMap};

use super::Look;
use super::raising::Raising;
use crate::alerts::kind::Rule;
use crate::alerts::rules::{NetworkRule, Rules};
use crate::report::capabilities::{Capabilities, Security, SecurityClass};
use crate::report::{MacAddr, Ssid};
use crate::tracker::{Device, Radio};

/// How much a network protects, as coarse as attackers see it: WPA2 beside WPA3 is a network that is being renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// Not at all.
    Open,
    /// WEP, which is broken within minutes.
    Broken,
    /// WPA alone.
    Old,
    /// WPA2 and better, and what else is encrypted.
    Good,
}

impl Strength {
    /// The weakest first.
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

/// The access points of a name that have one strength.
///
/// A set and no history of it: after a start it is made again from the tracker's devices, and has to be the same.
type Group = BTreeSet<MacAddr>;

/// The strongest access points among the others of a name.
struct Others {
    strength: Strength,
    count: usize,
    /// The one that an alert names.
    named: Option<MacAddr>,
}

/// What the access points of each name have.
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

    /// Counts an access point anew. Gives the strongest of the others.
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

pub(super) fn look(rules: &Rules, raising: &mut Raising, twins: &mut Twins, look: &Look<'_>) {
    if rules.twins.is_empty() {
        return;
    }
    let security = look.wifi.capabilities.as_ref().map(Capabilities::security);
    let Some(new) = security.and_then(Strength::of) else {
        return;
    };
    let before = look.record.and_then(|record| record.security);
    let old = before.and_then(|before| Strength::of(before.value.security));
    let is_late = before.is_some_and(|before| look.report.time < before.time);
    if is_late || old == Some(new) {
        return;
    }
    let (ssid, addr) = (&look.wifi.ssid, look.device().addr);
    let Some(rule) = NetworkRule::find(&rules.twins, ssid) else {
        return;
    };
    let Some(others) = twins.count(ssid, addr, old, new) else {
        return;
    };
    let strongest = others.strength;
    if new < strongest {
        raising.of_report(Rule::EvilTwin, look.report, || {
            let class = security.unwrap_or_default().class().label();
            format!(
                "{addr} shows the network name '{ssid}' with {class}, while other access points of rule '{}' protect it better",
                rule.name
            )
        });
    }
    // Those who are weaker still were told of when they came, or when these did.
    if strongest < new {
        let weaker = others.named.unwrap_or(addr);
        raising.of_other(Rule::EvilTwin, look.report, weaker, || {
            let (count, strength) = (others.count, strongest.name());
            format!(
                "{count} access points, {weaker} among them, show the network name '{ssid}' with {strength}, while {addr} of rule '{}' protects it better",
                rule.name
            )
        });
    }
}

/// Counts a device that was there before.
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
