//! DEVICEFOUND and DEVICELOST: watched devices that appear or become silent.

use std::collections::{BTreeSet, HashMap};

use super::raised_alerts::{RaisedAlerts, SilentSender};
use super::rule::Rule;
use crate::alerts::rules::{Rules, Watched};
use crate::report::{DeviceId, Report, UnixTime};
use crate::tracker::Device;

/// The watched devices that are present.
#[derive(Debug)]
pub(super) struct Presence {
    timeout_s: u32,
    devices_max: usize,
    seen: HashMap<DeviceId, Seen>,
    /// The last second in which each device still counts as present.
    deadlines: BTreeSet<(u32, DeviceId)>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    time: UnixTime,
    deadline_s: u32,
}

impl Presence {
    pub(super) fn new(timeout_s: u32, devices_max: usize) -> Self {
        Self {
            timeout_s,
            devices_max,
            seen: HashMap::new(),
            deadlines: BTreeSet::new(),
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.deadlines.is_empty()
    }

    /// Records that a watched device was seen. Sightings older than the timeout do not count.
    pub(super) fn see(&mut self, id: DeviceId, time: UnixTime, now: UnixTime) {
        let before = self.seen.get(&id).copied();
        let is_full = before.is_none() && self.devices_max <= self.seen.len();
        let is_old = is_past(time, self.timeout_s, now);
        if is_full || is_old || before.is_some_and(|before| time <= before.time) {
            return;
        }
        if let Some(before) = before {
            self.deadlines.remove(&(before.deadline_s, id));
        }
        let deadline_s = self.deadline_s(time);
        self.seen.insert(id, Seen { time, deadline_s });
        self.deadlines.insert((deadline_s, id));
    }

    pub(super) fn forget(&mut self, id: DeviceId) {
        if let Some(seen) = self.seen.remove(&id) {
            self.deadlines.remove(&(seen.deadline_s, id));
        }
    }

    pub(super) fn forget_all_but(&mut self, watched: &Watched) {
        self.seen.retain(|id, _| watched.fit(id.addr));
        self.deadlines.retain(|(_, id)| watched.fit(id.addr));
    }

    /// Drops devices whose deadline passed before `now`, without an alert.
    pub(super) fn forget_until(&mut self, now: UnixTime) {
        while self.next_lost(now).is_some() {}
    }

    /// Extends all deadlines by the time the server was off.
    pub(super) fn resume(&mut self, absence_s: u64) {
        let absence_s = u32::try_from(absence_s).unwrap_or(u32::MAX);
        self.deadlines.clear();
        for (&id, seen) in &mut self.seen {
            seen.deadline_s = seen.deadline_s.saturating_add(absence_s);
            self.deadlines.insert((seen.deadline_s, id));
        }
    }

    fn deadline_s(&self, time: UnixTime) -> u32 {
        time.seconds().saturating_add(self.timeout_s)
    }

    fn next_lost(&mut self, now: UnixTime) -> Option<(DeviceId, UnixTime)> {
        let &(deadline, id) = self.deadlines.first()?;
        if now.seconds() <= deadline {
            return None;
        }
        self.deadlines.pop_first();
        Some((id, self.seen.remove(&id)?.time))
    }
}

/// Whether `time` is more than `timeout_s` seconds before `now`.
fn is_past(time: UnixTime, timeout_s: u32, now: UnixTime) -> bool {
    time.seconds().saturating_add(timeout_s) < now.seconds()
}

pub(super) fn check(
    rules: &Rules,
    alerts: &mut RaisedAlerts,
    presence: &mut Presence,
    before: Option<&Device>,
    report: &Report,
) {
    let (id, now) = (report.device(), alerts.now().time());
    if !rules.found.is_empty() && rules.found.fit(id.addr) {
        let timeout_s = rules.found_timeout_s;
        let is_back = before.is_none_or(|before| is_past(before.last_time, timeout_s, report.time));
        if is_back && !is_past(report.time, timeout_s, now) {
            alerts.of_report(Rule::DeviceFound, report, || {
                let addr = id.addr;
                match before {
                    None => format!("The watched device {addr} is there"),
                    Some(before) => {
                        let silence_s = report.time.seconds() - before.last_time.seconds();
                        format!("The watched device {addr} is back after {silence_s} seconds")
                    }
                }
            });
        }
    }
    if !rules.lost.is_empty() && alerts.is_on(Rule::DeviceLost) && rules.lost.fit(id.addr) {
        presence.see(id, report.time, now);
    }
}

/// Raises an alert for each device whose deadline has passed.
pub(super) fn raise_lost(alerts: &mut RaisedAlerts, presence: &mut Presence) {
    let now = alerts.now().time();
    while let Some((device, since)) = presence.next_lost(now) {
        let silent = SilentSender {
            id: format!("{}-{}", device.key(), since.seconds()),
            device: Some(device),
            scanner: None,
            since,
        };
        alerts.of_silence(Rule::DeviceLost, &silent, || {
            let silence_s = now.seconds() - since.seconds();
            let addr = device.addr;
            format!("The watched device {addr} has not been seen for {silence_s} seconds")
        });
    }
}
