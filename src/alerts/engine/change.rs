//! Rules about changes of a network: CRYPTODROP, ADVCRYPTCHANGE, CHANCHANGE.
//!
//! They compare with the current state, so they ignore reports that are older than the newest one.

use super::WifiObservation;
use super::raised_alerts::RaisedAlerts;
use super::rule::Rule;
use crate::report::capabilities::{Akm, Pmf, Security};

pub(super) fn check(alerts: &mut RaisedAlerts, observation: &WifiObservation<'_>) {
    security(alerts, observation);
    channel(alerts, observation);
}

fn security(alerts: &mut RaisedAlerts, observation: &WifiObservation<'_>) {
    let (Some(before), Some(capabilities)) = (
        observation.record.and_then(|record| record.security),
        &observation.wifi.capabilities,
    ) else {
        return;
    };
    let (old, new) = (before.value.security, capabilities.security());
    if old == new || observation.report.time < before.time || !capabilities.differs_from(old) {
        return;
    }
    let (ssid, addr) = (&observation.wifi.ssid, observation.device().addr);
    if new.is_open() {
        alerts.of_report(Rule::CryptoDrop, observation.report, || {
            let was = old.summary();
            format!("{addr} shows the network '{ssid}' without encryption, which it had as {was}")
        });
    } else {
        alerts.of_report(Rule::AdvCryptChange, observation.report, || {
            let (was, is) = distinct_texts(old, new);
            format!(
                "{addr} shows the network '{ssid}' with other encryption: {was} before, now {is}"
            )
        });
    }
}

/// Short texts for both. If they are equal, the key management and MFP are added to tell them apart.
fn distinct_texts(old: Security, new: Security) -> (String, String) {
    let texts = [old, new].map(|security| security.summary().to_string());
    let [was, is] = texts;
    if was != is {
        return (was, is);
    }
    let longer = |text: String, security: Security| {
        let akms: Vec<_> = security.akms().iter().map(Akm::name).collect();
        let mfp = Pmf::name(security.pmf()).map(|mfp| format!(", MFP {mfp}"));
        format!("{text} ({}{})", akms.join(" "), mfp.unwrap_or_default())
    };
    (longer(was, old), longer(is, new))
}

fn channel(alerts: &mut RaisedAlerts, observation: &WifiObservation<'_>) {
    if !alerts.is_on(Rule::ChanChange) {
        return;
    }
    let before = observation
        .record
        .and_then(|record| record.channel.as_ref());
    let channel = observation.report.channel.or_else(|| {
        observation
            .report
            .frequency
            .map(crate::report::Frequency::channel)
    });
    let (Some(before), Some(channel)) = (before, channel) else {
        return;
    };
    let (old, new) = (before.value, channel);
    if observation.report.time < before.time || old.is_same_as(new) {
        return;
    }
    let (ssid, addr) = (&observation.wifi.ssid, observation.device().addr);
    alerts.of_report(Rule::ChanChange, observation.report, || {
        format!("{addr} shows the network '{ssid}' on another channel: {old} before, now {new}")
    });
}
