//! SOURCESILENT: scanners that stopped reporting at their usual pace.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::raised_alerts::{RaisedAlerts, SilentSender};
use super::rule::Rule;
use crate::report::{ReceivedAt, SourceId};

/// Number of pauses that are needed to know a scanner's pace, and number that are remembered.
const PAUSES_MIN: usize = 3;
const PAUSES_MAX: usize = 8;

/// The recent pauses of each scanner, and when its silence becomes an alert.
#[derive(Debug)]
pub(super) struct Silence {
    least_us: u64,
    factor: u32,
    habits: HashMap<SourceId, Habit>,
    /// The names that somebody gave scanners.
    given_names: HashMap<SourceId, Box<str>>,
    deadlines: BTreeSet<(ReceivedAt, SourceId)>,
}

#[derive(Debug)]
struct Habit {
    last: ReceivedAt,
    /// Start of its silence: its last report, moved forward by the time the server itself was off since then.
    counts_from: ReceivedAt,
    pauses_us: VecDeque<u64>,
    name: Option<Box<str>>,
    deadline: Option<ReceivedAt>,
}

impl Silence {
    pub(super) fn new(least_us: u64, factor: u32) -> Self {
        Self {
            least_us,
            factor,
            habits: HashMap::new(),
            given_names: HashMap::new(),
            deadlines: BTreeSet::new(),
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.deadlines.is_empty()
    }

    /// Records that a scanner reported.
    pub(super) fn contact(&mut self, id: SourceId, name: Option<&str>, now: ReceivedAt) {
        let habit = self.habits.entry(id).or_insert_with(|| Habit {
            last: now,
            counts_from: now,
            pauses_us: VecDeque::with_capacity(PAUSES_MAX),
            name: None,
            deadline: None,
        });
        if name.is_some() && name != habit.name.as_deref() {
            habit.name = name.map(Into::into);
        }
        if let Some(deadline) = habit.deadline.take() {
            self.deadlines.remove(&(deadline, id));
        }
        let pause_us = now.micros().saturating_sub(habit.counts_from.micros());
        // A scanner may split one report over several requests, so shorter pauses do not count.
        if 1_000_000 <= pause_us {
            if PAUSES_MAX <= habit.pauses_us.len() {
                habit.pauses_us.pop_front();
            }
            habit.pauses_us.push_back(pause_us);
        }
        (habit.last, habit.counts_from) = (now, now);
        if PAUSES_MIN <= habit.pauses_us.len() {
            let longest_us = habit.pauses_us.iter().copied().max().unwrap_or_default();
            let usual_us = longest_us.saturating_mul(self.factor.into());
            let silence_us = usual_us.max(self.least_us);
            let deadline = ReceivedAt::from_micros(now.micros().saturating_add(silence_us));
            habit.deadline = Some(deadline);
            self.deadlines.insert((deadline, id));
        }
    }

    /// Notes the name that somebody gave a scanner, or that it has none any more.
    pub(super) fn rename(&mut self, id: SourceId, given: Option<&str>) {
        match given {
            Some(name) => self.given_names.insert(id, name.into()),
            None => self.given_names.remove(&id),
        };
    }

    /// Forgets a scanner. Its silence is no alert any more.
    pub(super) fn forget(&mut self, id: SourceId) {
        self.given_names.remove(&id);
        let habit = self.habits.remove(&id);
        if let Some(deadline) = habit.and_then(|habit| habit.deadline) {
            self.deadlines.remove(&(deadline, id));
        }
    }

    /// Extends all deadlines by the time the server was off.
    pub(super) fn resume(&mut self, absence_us: u64) {
        let later =
            |at: ReceivedAt| ReceivedAt::from_micros(at.micros().saturating_add(absence_us));
        self.deadlines.clear();
        for (&id, habit) in &mut self.habits {
            habit.counts_from = later(habit.counts_from);
            if let Some(deadline) = &mut habit.deadline {
                *deadline = later(*deadline);
                self.deadlines.insert((*deadline, id));
            }
        }
    }

    /// Drops deadlines that passed before `now`, without an alert.
    pub(super) fn forget_until(&mut self, now: ReceivedAt) {
        while self.next_silent(now).is_some() {}
    }

    /// The next scanner whose deadline has passed, and its name.
    fn next_silent(&mut self, now: ReceivedAt) -> Option<(SourceId, &Habit, &str)> {
        let &(deadline, id) = self.deadlines.first()?;
        if now <= deadline {
            return None;
        }
        self.deadlines.pop_first();
        let habit = self.habits.get_mut(&id)?;
        habit.deadline = None;
        let name = self.given_names.get(&id).or(habit.name.as_ref());
        Some((id, habit, name.map_or("", |name| name)))
    }
}

/// Raises an alert for each scanner whose deadline has passed.
pub(super) fn raise_silent(alerts: &mut RaisedAlerts, silence: &mut Silence) {
    let now = alerts.now();
    while let Some((id, habit, name)) = silence.next_silent(now) {
        let silent = SilentSender {
            id: format!("{id}-{}", habit.last.micros()),
            device: None,
            scanner: Some(id),
            since: habit.last.time(),
        };
        alerts.of_silence(Rule::SourceSilent, &silent, || {
            let silence_s = (now.micros() - habit.last.micros()) / 1_000_000;
            let longest_us = habit.pauses_us.iter().copied().max().unwrap_or_default();
            let pause_s = longest_us / 1_000_000;
            format!(
                "The scanner {id} {name} has been silent for {silence_s} seconds; its longest pause was {pause_s}"
            )
        });
    }
}
