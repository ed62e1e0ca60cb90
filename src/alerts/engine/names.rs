//! Rules about the name of a network: SSIDCANARY, APSPOOF, WEAKCRYPTO.
//!
//! A late report is as good as any other here: the access point did show the name. These rules therefore look at the
//! first report of a name in the order of the log.

use super::WifiObservation;
use super::raised_alerts::RaisedAlerts;
use super::rule::Rule;
use super::twins::Strength;
use crate::alerts::rules::{NetworkRule, ProtectedNetworkRule, Rules};

pub(super) fn check(rules: &Rules, alerts: &mut RaisedAlerts, observation: &WifiObservation<'_>) {
    let ssid = &observation.wifi.ssid;
    let addr = observation.device().addr;
    if observation.record.is_none() {
        if let Some(rule) = NetworkRule::find(&rules.canaries, ssid) {
            alerts.of_report(Rule::SsidCanary, observation.report, || {
                format!(
                    "{addr} shows the network name '{ssid}', which the canary '{}' watches for ({})",
                    rule.name, rule.ssid
                )
            });
        }
        if let Some(rule) = ProtectedNetworkRule::find(&rules.spoofs, ssid, addr) {
            alerts.of_report(Rule::ApSpoof, observation.report, || {
                format!(
                    "{addr} shows the network name '{ssid}' and is none of the access points that rule '{}' allows it",
                    rule.network.name
                )
            });
        }
    }
    weak(rules, alerts, observation);
}

fn weak(rules: &Rules, alerts: &mut RaisedAlerts, observation: &WifiObservation<'_>) {
    if rules.never_weak.is_empty() {
        return;
    }
    let Some(capabilities) = &observation.wifi.capabilities else {
        return;
    };
    let is_weak = |security| Strength::of(security).is_some_and(Strength::is_weak);
    let security = capabilities.security();
    let before = observation.record.and_then(|record| record.security);
    let is_old_news = before.is_some_and(|before| {
        observation.report.time < before.time || is_weak(before.value.security)
    });
    if is_old_news || !is_weak(security) {
        return;
    }
    let (ssid, addr) = (&observation.wifi.ssid, observation.device().addr);
    if let Some(rule) = NetworkRule::find(&rules.never_weak, ssid) {
        alerts.of_report(Rule::WeakCrypto, observation.report, || {
            let class = security.class().label();
            format!(
                "{addr} offers the network '{ssid}' with {class}, which rule '{}' says never to be",
                rule.name
            )
        });
    }
}
