//! Rules about the name of a network: SSIDCANARY, APSPOOF, WEAKCRYPTO.
//!
//! A late report is as good as any other here: the access point did show the name. These rules therefore look at the
//! first report of a name in the order of the log.

use super::Look;
use super::raising::Raising;
use super::rule::Rule;
use super::twins::Strength;
use crate::alerts::rules::{NetworkRule, OwnedRule, Rules};

pub(super) fn look(rules: &Rules, raising: &mut Raising, look: &Look<'_>) {
    let ssid = &look.wifi.ssid;
    let addr = look.device().addr;
    if look.record.is_none() {
        if let Some(rule) = NetworkRule::find(&rules.canaries, ssid) {
            raising.of_report(Rule::SsidCanary, look.report, || {
                format!(
                    "{addr} shows the network name '{ssid}', which the canary '{}' watches for ({})",
                    rule.name, rule.ssid
                )
            });
        }
        if let Some(rule) = OwnedRule::find(&rules.spoofs, ssid, addr) {
            raising.of_report(Rule::ApSpoof, look.report, || {
                format!(
                    "{addr} shows the network name '{ssid}' and is none of the access points that rule '{}' allows it",
                    rule.network.name
                )
            });
        }
    }
    weak(rules, raising, look);
}

fn weak(rules: &Rules, raising: &mut Raising, look: &Look<'_>) {
    if rules.never_weak.is_empty() {
        return;
    }
    let Some(capabilities) = &look.wifi.capabilities else {
        return;
    };
    let is_weak = |security| Strength::of(security).is_some_and(Strength::is_weak);
    let security = capabilities.security();
    let before = look.record.and_then(|record| record.security);
    let is_old_news = before
        .is_some_and(|before| look.report.time < before.time || is_weak(before.value.security));
    if is_old_news || !is_weak(security) {
        return;
    }
    let (ssid, addr) = (&look.wifi.ssid, look.device().addr);
    if let Some(rule) = NetworkRule::find(&rules.never_weak, ssid) {
        raising.of_report(Rule::WeakCrypto, look.report, || {
            let class = security.class().label();
            format!(
                "{addr} offers the network '{ssid}' with {class}, which rule '{}' says never to be",
                rule.name
            )
        });
    }
}
