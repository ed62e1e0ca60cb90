//! EVILTWIN: of the access points of one name, one protects less than another.

use std::collections::HashMap;

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
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    count: u32,
    /// The one that came last, if it still has that strength.
    latest: Option<MacAddr>,
}

/// What the access points of each name have.
///
/// An access point that the tracker let go stays counted until the next start.
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

    /// Counts an access point anew. Gives the greatest strength of the others, and who has it.
    fn count(
        &mut self,
        ssid: &Ssid,
        addr: MacAddr,
        old: Option<Strength>,
        new: Strength,
    ) -> Option<(Strength, Group)> {
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
                group.count = group.count.saturating_sub(1);
                group.latest = group.latest.filter(|latest| *latest != addr);
            }
            if 0 < group.count {
                strongest = Some((strength, *group));
            }
            if new == strength {
                group.count += 1;
                group.latest = Some(addr);
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
    let Some((strongest, others)) = twins.count(ssid, addr, old, new) else {
        return;
    };
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
        let weaker = others.latest.unwrap_or(addr);
        raising.of_other(Rule::EvilTwin, look.report, weaker, || {
            let (count, strength) = (others.count, strongest.name());
            format!(
                "{count} access points, the last of them {weaker}, show the network name '{ssid}' with {strength}, while {addr} of rule '{}' protects it better",
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
