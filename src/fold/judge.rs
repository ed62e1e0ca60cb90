//! The judge: whether a record is new, was accepted before, or is refused.
//!
//! A pure function of the log: it reads no clock and no file. Its clock is the greatest time of receipt of all logged
//! records, so servers that hold the same log give the same verdicts, and so does a server that was started again.
//!
//! A record is judged before it is logged. So what it changes here is provisional until [`Judge::confirm`] says that the
//! log has it; [`Judge::revert`] takes it back when the log refused it.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::log::{LogPosition, Record, Resendable, SeenBatch, What};
use crate::report::{BatchIdentity, ReceivedAt, SourceId};

/// Which batches are recognised when they are sent again.
#[derive(Clone, Copy, Debug)]
pub struct ResendWindow {
    /// How many of the newest batches that have an identity.
    pub batches_max: usize,
    /// For how long, by the judge's clock.
    pub age_max: Duration,
}

/// What is done with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is new and gets this position.
    Apply(LogPosition),
    /// The batch at this position is the same.
    DuplicateOf(LogPosition),
    /// It may not be logged.
    Refused(TooManySources),
}

/// The source is new, there are as many as there may be, and none of them could make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "source_uuid: a new source, and the bound of {max} sources is reached (limits.sources_max) by sources with devices: \
     forget one with `scanpost source forget`, or raise the bound"
)]
pub struct TooManySources {
    /// The bound.
    pub max: usize,
}

/// Judges records in the order of the log.
#[derive(Debug)]
pub struct Judge {
    window: ResendWindow,
    now: Moment,
    /// Batches with an identity, oldest first. The front one has the number `first`, the others follow it.
    seen: VecDeque<SeenBatch>,
    first: u64,
    /// The number of the newest batch of each identity.
    numbers: HashMap<BatchIdentity, u64>,
    /// The known sources, and the latest position since the start at which each reported.
    sources: HashMap<SourceId, LogPosition>,
    sources_max: usize,
    unconfirmed: Unconfirmed,
}

/// How far the log has come.
#[derive(Clone, Copy, Debug)]
struct Moment {
    position: LogPosition,
    clock: ReceivedAt,
}

/// What to restore when the log refuses the records that were judged since the last confirmation.
#[derive(Debug)]
struct Unconfirmed {
    before: Moment,
    /// For each batch that was added to the window, the number that its identity had.
    replaced: Vec<Option<u64>>,
    /// Sources that came or went, each with its position before.
    sources: Vec<(SourceId, Option<LogPosition>)>,
}

impl Judge {
    /// A judge of the records behind position `last`.
    ///
    /// `sources` are those of the log up to there, and `past` is what the log says of its newest batches.
    pub fn new(
        window: ResendWindow,
        last: LogPosition,
        past: Resendable,
        sources: impl IntoIterator<Item = SourceId>,
        sources_max: usize,
    ) -> Self {
        let now = Moment {
            position: last,
            clock: past.clock,
        };
        let mut judge = Self {
            window,
            now,
            seen: VecDeque::new(),
            first: 0,
            numbers: HashMap::new(),
            sources: sources
                .into_iter()
                .map(|source| (source, LogPosition::START))
                .collect(),
            sources_max,
            unconfirmed: Unconfirmed {
                before: now,
                replaced: Vec::new(),
                sources: Vec::new(),
            },
        };
        for batch in past.batches {
            judge.remember(batch);
        }
        judge.confirm();
        judge.unconfirmed.replaced = Vec::new();
        judge
    }

    /// Judges the next record. A record that is to be applied counts from now on as logged.
    pub fn judge(&mut self, record: &Record) -> Verdict {
        let clock = self.now.clock.max(record.at);
        let batch = record.batch();
        let identity = batch.and_then(|batch| batch.identity);
        if let Some(earlier) = identity.and_then(|identity| self.find(identity, clock)) {
            return Verdict::DuplicateOf(earlier);
        }
        let position = self.now.position.next();
        if let Some(batch) = batch
            && let Err(refused) = self.meet(batch.source, position)
        {
            return Verdict::Refused(refused);
        }
        if let What::SourceForget(order) = &record.what {
            let before = self.sources.remove(&order.source);
            self.unconfirmed.sources.push((order.source, before));
        }
        self.now = Moment { position, clock };
        if let Some(identity) = identity {
            self.remember(SeenBatch {
                identity,
                position,
                clock,
            });
        }
        Verdict::Apply(position)
    }

    /// Notes that a source reports. A new one needs a place.
    fn meet(&mut self, source: SourceId, position: LogPosition) -> Result<(), TooManySources> {
        if let Some(last) = self.sources.get_mut(&source) {
            *last = position;
            return Ok(());
        }
        let max = self.sources_max;
        if max <= self.sources.len() {
            return Err(TooManySources { max });
        }
        self.sources.insert(source, position);
        self.unconfirmed.sources.push((source, None));
        Ok(())
    }

    /// How many sources have to go before a new one has a place.
    pub fn sources_to_go(&self) -> usize {
        (self.sources.len() + 1).saturating_sub(self.sources_max)
    }

    /// Whether a source has reported after a position. The tracker may not have come so far yet.
    pub fn has_reported_after(&self, source: SourceId, position: LogPosition) -> bool {
        let last = self.sources.get(&source);
        last.is_none_or(|last| position < *last)
    }

    /// The log has what was judged.
    pub fn confirm(&mut self) {
        self.unconfirmed.before = self.now;
        self.unconfirmed.replaced.clear();
        self.unconfirmed.sources.clear();
        let since = self.since(self.now.clock);
        while let Some(oldest) = self.seen.front()
            && (self.window.batches_max < self.seen.len() || oldest.clock < since)
        {
            // A newer batch may have the same identity.
            if self.numbers.get(&oldest.identity) == Some(&self.first) {
                self.numbers.remove(&oldest.identity);
            }
            self.seen.pop_front();
            self.first += 1;
        }
    }

    /// The log took nothing of what was judged since the last confirmation.
    pub fn revert(&mut self) {
        self.now = self.unconfirmed.before;
        while let Some((source, before)) = self.unconfirmed.sources.pop() {
            match before {
                Some(position) => self.sources.insert(source, position),
                None => self.sources.remove(&source),
            };
        }
        while let Some(replaced) = self.unconfirmed.replaced.pop() {
            let Some(batch) = self.seen.pop_back() else {
                continue;
            };
            match replaced {
                Some(number) => self.numbers.insert(batch.identity, number),
                None => self.numbers.remove(&batch.identity),
            };
        }
    }

    /// Where the oldest batch stands that may be recognised. The log has to keep what it answered to it.
    pub fn oldest_recognised(&self) -> LogPosition {
        let oldest = self.seen.front().map(|oldest| oldest.position);
        oldest.unwrap_or(self.now.position.next())
    }

    /// When a batch must have come to be recognised at `clock`.
    fn since(&self, clock: ReceivedAt) -> ReceivedAt {
        clock.before(self.window.age_max)
    }

    fn remember(&mut self, batch: SeenBatch) {
        let number = self.first + length(&self.seen);
        let replaced = self.numbers.insert(batch.identity, number);
        self.unconfirmed.replaced.push(replaced);
        self.seen.push_back(batch);
    }

    /// Where the batch stands that has the identity, if one that comes at `clock` is the same.
    fn find(&self, identity: BatchIdentity, clock: ReceivedAt) -> Option<LogPosition> {
        let number = *self.numbers.get(&identity)?;
        let newest = self.first + length(&self.seen);
        let is_far = |batches_max: u64| batches_max < newest - number;
        if u64::try_from(self.window.batches_max).is_ok_and(is_far) {
            return None;
        }
        let place = usize::try_from(number - self.first).ok()?;
        let batch = self.seen.get(place)?;
        (self.since(clock) <= batch.clock).then_some(batch.position)
    }
}

fn length(seen: &VecDeque<SeenBatch>) -> u64 {
    u64::try_from(seen.len()).unwrap_or(u64::MAX)
}
