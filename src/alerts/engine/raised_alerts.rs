//! Collects raised alerts: their clock, limits and ids.

use std::collections::HashMap;
use std::fmt;

use uuid::Uuid;

use super::rule::Rule;
use crate::alerts::alert::{Addresses, Raised};
use crate::alerts::kind::Definition;
use crate::alerts::rules::Rules;
use crate::alerts::setting::{Limit, Limiter, Setting};
use crate::log::{HandRaised, LogPosition};
use crate::report::{DeviceId, MacAddr, ReceivedAt, Report, SourceId, UnixTime};

#[derive(Debug)]
pub(super) struct RaisedAlerts {
    /// First part of the server's UUID. It keeps ids of different logs apart.
    origin: u32,
    settings: [Option<Setting>; Rule::ALL.len()],
    limiters: HashMap<Box<str>, Limiter>,
    /// Latest time of receipt in the log. The limits of an order that came while the clock was set back have to be
    /// those of a start that replays it, so this never goes back.
    log_now: ReceivedAt,
    now: ReceivedAt,
    position: LogPosition,
    scanner: Option<SourceId>,
    raises: bool,
    /// Alerts of each rule in the current record, including those that its limit dropped.
    counts: [u32; Rule::ALL.len()],
    raised: Vec<Raised>,
}

/// A silent device or scanner.
pub(super) struct SilentSender {
    pub(super) id: String,
    pub(super) device: Option<DeviceId>,
    pub(super) scanner: Option<SourceId>,
    pub(super) since: UnixTime,
}

impl RaisedAlerts {
    pub(super) fn new(rules: &Rules, server: Uuid) -> Self {
        Self {
            origin: server.as_fields().0,
            settings: Rule::ALL.map(|rule| rules.setting(rule)),
            limiters: HashMap::new(),
            log_now: ReceivedAt::default(),
            now: ReceivedAt::default(),
            position: LogPosition::START,
            scanner: None,
            raises: false,
            counts: [0; Rule::ALL.len()],
            raised: Vec::new(),
        }
    }

    pub(super) fn now(&self) -> ReceivedAt {
        self.now
    }

    /// Sets the log's clock to the entry before those that are replayed.
    pub(super) fn recall_clock(&mut self, log_now: ReceivedAt) {
        (self.log_now, self.now) = (log_now, log_now);
    }

    pub(super) fn begin(
        &mut self,
        position: LogPosition,
        received_at: ReceivedAt,
        scanner: Option<SourceId>,
        raises: bool,
    ) {
        self.log_now = self.log_now.max(received_at);
        self.now = self.log_now;
        (self.position, self.scanner, self.raises) = (position, scanner, raises);
        self.counts = [0; Rule::ALL.len()];
    }

    pub(super) fn tick(&mut self, now: ReceivedAt) {
        self.now = now;
        (self.scanner, self.raises) = (None, true);
    }

    pub(super) fn is_on(&self, rule: Rule) -> bool {
        self.setting(rule).is_some()
    }

    /// Raises an alert about a device other than the report's own.
    pub(super) fn of_other(
        &mut self,
        rule: Rule,
        report: &Report,
        addr: MacAddr,
        text: impl FnOnce() -> String,
    ) {
        let device = DeviceId {
            addr,
            ..report.device()
        };
        let before = self.raised.len();
        self.of_report(rule, report, text);
        if let Some(raised) = self.raised.get_mut(before) {
            (raised.device, raised.addresses) = (Some(device), Addresses::of(addr));
            (raised.channel, raised.location) = (None, None);
        }
    }

    /// Raises an alert about the device of a report.
    pub(super) fn of_report(&mut self, rule: Rule, report: &Report, text: impl FnOnce() -> String) {
        let Some(setting) = self.setting(rule) else {
            return;
        };
        let number = self.count(rule);
        if !self.admit(rule, setting) {
            return;
        }
        let device = report.device();
        let channel = report.channel.as_ref();
        self.raised.push(Raised {
            id: self.id(rule, format_args!("{}-{number}", self.position.get())),
            seen: Some(report.time),
            phy: Some(device.phy),
            device: Some(device),
            scanner: self.scanner,
            addresses: Addresses::of(device.addr),
            channel: channel.map(|channel| channel.as_str().into()),
            location: report.position,
            ..self.bare(rule, setting, text())
        });
    }

    /// Raises an alert about silence.
    pub(super) fn of_silence(
        &mut self,
        rule: Rule,
        silent: &SilentSender,
        text: impl FnOnce() -> String,
    ) {
        let Some(setting) = self.setting(rule) else {
            return;
        };
        if !self.admit(rule, setting) {
            return;
        }
        let addresses = silent.device.map(|device| Addresses::of(device.addr));
        self.raised.push(Raised {
            id: self.id(rule, format_args!("{}", silent.id)),
            seen: Some(silent.since),
            phy: silent.device.map(|device| device.phy),
            device: silent.device,
            scanner: silent.scanner,
            addresses: addresses.unwrap_or(Addresses::NONE),
            ..self.bare(rule, setting, text())
        });
    }

    /// Raises an alert that a client requested. `false` if its kind is over its limit.
    pub(super) fn raise_by_hand(&mut self, definition: &Definition, raised: &HandRaised) -> bool {
        let limiter = limiter(&mut self.limiters, &definition.header, definition.limit);
        let is_admitted = limiter.admit(self.now);
        if is_admitted {
            let [transmitter, source, dest, other] = raised.addresses;
            self.raised.push(Raised {
                id: raised.id.clone(),
                header: raised.header.clone(),
                class: definition.class,
                severity: definition.severity,
                raised_at: self.now,
                seen: raised.seen,
                position: self.position,
                phy: raised.device.map(|device| device.phy).or(definition.phy),
                device: raised.device,
                scanner: raised.scanner,
                addresses: Addresses {
                    transmitter,
                    source,
                    dest,
                    other,
                },
                channel: raised.channel.clone(),
                location: None,
                text: raised.text.clone(),
            });
        }
        is_admitted
    }

    pub(super) fn take(&mut self) -> Vec<Raised> {
        std::mem::take(&mut self.raised)
    }

    /// Counts an alert from before the start, of a rule or of a kind in `limits`.
    pub(super) fn recall(&mut self, raised: &Raised, limits: &HashMap<Box<str>, Limit>) {
        let rule = Rule::ALL
            .into_iter()
            .find(|rule| rule.header() == &*raised.header);
        let limit = match rule {
            Some(rule) => self.setting(rule).map(|setting| setting.limit),
            None => limits.get(&raised.header).copied(),
        };
        if let Some(limit) = limit {
            limiter(&mut self.limiters, &raised.header, limit).recall(raised.raised_at);
        }
    }

    fn id(&self, rule: Rule, of_rule: fmt::Arguments<'_>) -> Box<str> {
        let (origin, header) = (self.origin, rule.header());
        format!("{origin:08x}-{header}-{of_rule}").into()
    }

    fn bare(&self, rule: Rule, setting: Setting, text: String) -> Raised {
        Raised {
            id: Box::default(),
            header: rule.header().into(),
            class: rule.class(),
            severity: setting.severity.unwrap_or(rule.severity()),
            raised_at: self.now,
            seen: None,
            position: self.position,
            phy: None,
            device: None,
            scanner: None,
            addresses: Addresses::NONE,
            channel: None,
            location: None,
            text: text.into(),
        }
    }

    fn setting(&self, rule: Rule) -> Option<Setting> {
        *self.settings.get(place(rule))?
    }

    fn count(&mut self, rule: Rule) -> u32 {
        let Some(count) = self.counts.get_mut(place(rule)) else {
            return 0;
        };
        *count += 1;
        *count
    }

    fn admit(&mut self, rule: Rule, setting: Setting) -> bool {
        self.raises && limiter(&mut self.limiters, rule.header(), setting.limit).admit(self.now)
    }
}

fn place(rule: Rule) -> usize {
    Rule::ALL
        .iter()
        .position(|known| *known == rule)
        .unwrap_or(Rule::ALL.len())
}

fn limiter<'l>(
    limiters: &'l mut HashMap<Box<str>, Limiter>,
    header: &str,
    limit: Limit,
) -> &'l mut Limiter {
    limiters
        .entry(header.into())
        .or_insert_with(|| Limiter::new(limit))
}
