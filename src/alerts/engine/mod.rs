//! Applies the rules to reports. Pure: the same log raises the same alerts.

mod change;
mod flipper;
mod moved;
mod names;
mod presence;
mod raised_alerts;
pub(super) mod rule;
mod silence;
mod twins;

use std::collections::HashMap;

use uuid::Uuid;

use self::presence::Presence;
use self::raised_alerts::RaisedAlerts;
use self::rule::{ReportRule, Rule};
use self::silence::Silence;
use self::twins::Twins;
use super::alert::{Alert, Raised};
use super::kind::Definition;
use super::rules::{Rules, Watched};
use super::setting::Limit;
use crate::log::{Entry, HandRaised, What};
use crate::report::{DeviceId, Phy, ReceivedAt, Report, Sighting, SourceId, Ssid, WifiSighting};
use crate::tracker::{Device, Radio, SsidRecord};

/// All rules and their state.
///
/// Most rules need only the device as it was before a report, which the tracker has. The state of the others follows
/// from the log, and the `recall` methods restore it at a start.
#[derive(Debug)]
pub(super) struct Engine {
    rules: Rules,
    alerts: RaisedAlerts,
    twins: Twins,
    presence: Presence,
    silence: Silence,
    /// Whether any rule of the group is on and has something to look for.
    looks_at_networks: bool,
    looks_at_devices: bool,
    /// The functions of the rules that are on, by the radio technology of the reports that they look at.
    wifi_rules: Vec<ReportRule>,
    bluetooth_rules: Vec<ReportRule>,
}

/// A Wi-Fi report, and the state before it.
#[derive(Clone, Copy)]
struct WifiObservation<'l> {
    report: &'l Report,
    wifi: &'l WifiSighting,
    /// The network of the report, if the device had it before.
    record: Option<&'l SsidRecord>,
}

impl WifiObservation<'_> {
    fn device(&self) -> DeviceId {
        self.report.device()
    }
}

impl Engine {
    pub(super) fn new(rules: Rules, server: Uuid) -> Self {
        let mut engine = Self {
            alerts: RaisedAlerts::new(&rules, server),
            twins: Twins::new(rules.ssids_max),
            presence: Presence::new(rules.lost_timeout_s, rules.watched_max),
            silence: Silence::new(rules.silent_least_us, rules.silent_factor),
            rules,
            looks_at_networks: false,
            looks_at_devices: false,
            wifi_rules: Vec::new(),
            bluetooth_rules: Vec::new(),
        };
        engine.plan();
        engine
    }

    fn plan(&mut self) {
        let rules = &self.rules;
        let is_needed = |rule: &Rule| rules.is_on(*rule) && rules.has_subject(*rule);
        self.looks_at_networks = [
            Rule::SsidCanary,
            Rule::ApSpoof,
            Rule::WeakCrypto,
            Rule::EvilTwin,
            Rule::CryptoDrop,
            Rule::AdvCryptChange,
            Rule::ChanChange,
        ]
        .iter()
        .any(is_needed);
        self.looks_at_devices = [Rule::DeviceFound, Rule::DeviceLost].iter().any(is_needed);
        let report_rules = |phy| {
            let on = Rule::ALL.into_iter().filter(|rule| rules.is_on(*rule));
            let fitting = on.filter(|rule| rule.phy().is_none_or(|wanted| wanted == phy));
            fitting.filter_map(Rule::function).collect()
        };
        self.wifi_rules = report_rules(Phy::Wifi);
        self.bluetooth_rules = report_rules(Phy::Bluetooth);
    }

    /// Begins a record, before its reports. With `raises` off, rules update their state and raise nothing.
    pub(super) fn begin(&mut self, entry: &Entry, raises: bool) {
        let batch = entry.record.live_batch();
        let scanner = batch.map(|batch| batch.source);
        self.alerts
            .begin(entry.position, entry.record.at, scanner, raises);
        self.raise_silence();
        if let What::SourceForget(order) = &entry.record.what {
            self.silence.forget(order.source);
        }
        if self.rules.is_on(Rule::SourceSilent)
            && let Some(batch) = batch
        {
            self.silence.contact(
                batch.source,
                batch.source_name.as_deref(),
                self.alerts.now(),
            );
        }
    }

    /// Applies the rules to a report. `before` is the device before the report is merged.
    pub(super) fn check(&mut self, before: Option<&Device>, report: &Report) {
        if self.looks_at_networks
            && let Sighting::Wifi(wifi) = &report.sighting
        {
            let record = before.and_then(|device| record_of(device, &wifi.ssid));
            let observation = WifiObservation {
                report,
                wifi,
                record,
            };
            names::check(&self.rules, &mut self.alerts, &observation);
            twins::check(&self.rules, &mut self.alerts, &mut self.twins, &observation);
            change::check(&mut self.alerts, &observation);
        }
        if self.looks_at_devices {
            presence::check(
                &self.rules,
                &mut self.alerts,
                &mut self.presence,
                before,
                report,
            );
        }
        let report_rules = match &report.sighting {
            Sighting::Wifi(_) => &self.wifi_rules,
            Sighting::Bluetooth(_) => &self.bluetooth_rules,
        };
        for check in report_rules {
            check(&self.rules, &mut self.alerts, before, report);
        }
    }

    /// Forgets a device that is not tracked any more. A start restores the state only from tracked devices, so both have
    /// to give the same state.
    pub(super) fn forget(&mut self, device: &Device) {
        self.twins.forget(device);
        self.presence.forget(device.id);
    }

    /// Advances the clock and raises alerts about silence.
    pub(super) fn tick(&mut self, now: ReceivedAt) {
        self.alerts.tick(now);
        self.raise_silence();
    }

    /// Whether time alone may raise an alert.
    pub(super) fn is_waiting(&self) -> bool {
        self.presence.is_waiting() || self.silence.is_waiting()
    }

    fn raise_silence(&mut self) {
        presence::raise_lost(&mut self.alerts, &mut self.presence);
        silence::raise_silent(&mut self.alerts, &mut self.silence);
    }

    /// Raises an alert that a client requested. `false` if its kind is over its limit.
    pub(super) fn raise(&mut self, definition: &Definition, raised: &HandRaised) -> bool {
        self.alerts.raise_by_hand(definition, raised)
    }

    pub(super) fn now(&self) -> ReceivedAt {
        self.alerts.now()
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Replaces the watched addresses.
    pub(super) fn watch(&mut self, found: Watched, lost: Watched) {
        self.presence.forget_all_but(&lost);
        (self.rules.found, self.rules.lost) = (found, lost);
        self.plan();
    }

    /// Takes the alerts that were raised since the last call, in order.
    pub(super) fn take(&mut self) -> Vec<Raised> {
        self.alerts.take()
    }

    /// Sets the log's clock to the time of the last entry before the replay.
    pub(super) fn recall_clock(&mut self, log_now: ReceivedAt) {
        self.alerts.recall_clock(log_now);
    }

    /// Counts an alert that was raised before the start, for the limits. Calls must be in order.
    pub(super) fn recall_alert(&mut self, alert: &Alert, limits: &HashMap<Box<str>, Limit>) {
        self.alerts.recall(&alert.raised, limits);
    }

    /// Whether the devices from before the start have to be passed to `recall_device`.
    pub(super) fn recalls_devices(&self) -> bool {
        let compares = self.rules.is_on(Rule::EvilTwin) && !self.rules.twins.is_empty();
        compares || (self.rules.is_on(Rule::DeviceLost) && !self.rules.lost.is_empty())
    }

    /// Restores the state of a device from before the start. Silence that began before `settled` is not reported again.
    pub(super) fn recall_device(&mut self, device: &Device, settled: ReceivedAt) {
        twins::recall(&self.rules, &mut self.twins, device);
        self.recall_watched(device, settled);
    }

    /// Restores the state of a device that is newly watched. Silence that began before `settled` is not reported.
    pub(super) fn recall_watched(&mut self, device: &Device, settled: ReceivedAt) {
        let is_watched = self.rules.is_on(Rule::DeviceLost) && self.rules.lost.fit(device.id.addr);
        if is_watched {
            self.presence
                .see(device.id, device.last_time, settled.time());
        }
    }

    pub(super) fn recalls_contacts(&self) -> bool {
        self.rules.is_on(Rule::SourceSilent)
    }

    /// Restores the time of a batch from before the start. Calls must be in order.
    pub(super) fn recall_contact(&mut self, source: SourceId, name: Option<&str>, at: ReceivedAt) {
        self.silence.contact(source, name, at);
    }

    /// Notes the name that somebody gave a source, or that it has none any more.
    pub(super) fn rename(&mut self, source: SourceId, given: Option<&str>) {
        self.silence.rename(source, given);
    }

    /// Extends all deadlines by the time the server was off, which is not the devices' silence.
    pub(super) fn resume(&mut self, absence_us: u64) {
        self.presence.resume(absence_us / 1_000_000);
        self.silence.resume(absence_us);
    }

    /// Drops all silence before `settled`: it was reported already.
    pub(super) fn settle_silence(&mut self, settled: ReceivedAt) {
        self.presence.forget_until(settled.time());
        self.silence.forget_until(settled);
    }
}

fn record_of<'d>(device: &'d Device, ssid: &Ssid) -> Option<&'d SsidRecord> {
    match &device.radio {
        Radio::Wifi(wifi) => wifi.ssids.iter().find(|record| record.ssid == *ssid),
        Radio::Bluetooth(_) => None,
    }
}
