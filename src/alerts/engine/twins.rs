//! EVILTWIN: of the access points of one name, one protects less than another.

use std::collections::HashMap;

use super::Look;
use super::raising::Raising;
use crate::alerts::kind::Rule;
use crate::alerts::rules::{NetworkRule, Rules};
use crate::report::Ssid;
use crate::report::capabilities::{Capabilities, Security, SecurityClass};
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
    const ALL: [Self; 4] = [Self::Open, Self::Broken, Self::Old, Self::Good];

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

/// How many access points of a name have each strength.
type Counts = [u32; Strength::ALL.len()];

/// What the access points of each name have.
///
/// An access point that the tracker let go stays counted until the next start.
#[derive(Debug)]
pub(super) struct Twins {
    by_ssid: HashMap<Ssid, Counts>,
    ssids_max: usize,
}

impl Twins {
    pub(super) fn new(ssids_max: usize) -> Self {
        Self {
            by_ssid: HashMap::new(),
            ssids_max,
        }
    }

    /// Counts an access point anew. Gives the greatest strength of the others.
    fn count(&mut self, ssid: &Ssid, old: Option<Strength>, new: Strength) -> Option<Strength> {
        if !self.by_ssid.contains_key(ssid) {
            if self.ssids_max <= self.by_ssid.len() {
                return None;
            }
            self.by_ssid.insert(*ssid, Counts::default());
        }
        let counts = self.by_ssid.get_mut(ssid)?;
        let place = |counts: &mut Counts, strength: Strength, change: i32| {
            for (count, known) in counts.iter_mut().zip(Strength::ALL) {
                if known == strength {
                    *count = count.saturating_add_signed(change);
                }
            }
        };
        if let Some(old) = old {
            place(counts, old, -1);
        }
        let others = counts.iter().zip(Strength::ALL);
        let strongest = others
            .filter(|(count, _)| 0 < **count)
            .map(|(_, strength)| strength);
        let strongest = strongest.max();
        place(counts, new, 1);
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
    let strongest = twins.count(ssid, old, new);
    if strongest.is_some_and(|strongest| new < strongest) {
        raising.of_report(Rule::EvilTwin, look.report, || {
            let class = security.unwrap_or_default().class().label();
            format!(
                "{addr} shows the network name '{ssid}' with {class}, while other access points of rule '{}' protect it better",
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
            twins.count(&record.ssid, None, strength);
        }
    }
}
