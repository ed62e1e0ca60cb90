//! The way of batches from an import to the log.

use std::collections::VecDeque;
use std::time::SystemTime;

use super::Shared;
use super::account::FileAccount;
use super::checkpoint::OnTheWay;
use super::courtesy::Courtesy;
use super::sources::Sources;
use super::taking::{Interrupted, Submit};
use crate::ingest::{HandedIn, Ingest, IngestError};
use crate::log::{LogPosition, What};

/// How many batches may be on their way to the log: those of a commit, those that are merged meanwhile, and those for the next
/// commit.
const ON_THE_WAY_MAX: usize = 12;

/// Hands batches to the writer, a few at a time, so that reading and writing go on at once.
pub(super) struct ToLog<'w> {
    ingest: &'w Ingest,
    shared: &'w Shared,
    sources: &'w mut Sources,
    job: u64,
    on_the_way: VecDeque<HandedIn>,
    handed_over: u64,
    /// The position of the last batch that is known to be in the log.
    position: Option<LogPosition>,
    courtesy: Courtesy<'w>,
}

impl<'w> ToLog<'w> {
    pub(super) fn new(
        ingest: &'w Ingest,
        shared: &'w Shared,
        sources: &'w mut Sources,
        job: u64,
    ) -> Self {
        Self {
            ingest,
            shared,
            sources,
            job,
            on_the_way: VecDeque::new(),
            handed_over: 0,
            position: None,
            courtesy: Courtesy::new(ingest),
        }
    }

    fn wait_for_oldest(&mut self) -> Result<(), Interrupted> {
        match self.on_the_way.pop_front().map(HandedIn::wait) {
            None => Ok(()),
            Some(Ok(receipt)) => {
                self.position = self.position.max(Some(receipt.stored.position));
                Ok(())
            }
            Some(Err(error)) => Err(interrupted_by(&error)),
        }
    }
}

fn interrupted_by(error: &IngestError) -> Interrupted {
    match error {
        IngestError::Stopped | IngestError::Unknown => Interrupted::Stopping,
        IngestError::Overloaded
        | IngestError::Starting
        | IngestError::DiskFull
        | IngestError::Locked
        | IngestError::MemoryFull { .. } => Interrupted::Later(error.to_string()),
        IngestError::TooManySources(_)
        | IngestError::TooManyNewSources { .. }
        | IngestError::AlertOrder(_) => Interrupted::Failed(error.to_string()),
    }
}

impl Submit for ToLog<'_> {
    fn hand_over(&mut self, what: What) -> Result<(), Interrupted> {
        if self.courtesy.is_due() {
            self.settle()?;
            self.courtesy.rest();
        }
        if ON_THE_WAY_MAX <= self.on_the_way.len() {
            self.wait_for_oldest()?;
        }
        let handed = self.ingest.hand_in(SystemTime::now().into(), what);
        self.on_the_way
            .push_back(handed.map_err(|error| interrupted_by(&error))?);
        self.handed_over += 1;
        Ok(())
    }

    fn on_the_way(&self) -> OnTheWay {
        let waiting = u64::try_from(self.on_the_way.len()).unwrap_or(u64::MAX);
        OnTheWay {
            handed_over: self.handed_over,
            in_log: self.handed_over.saturating_sub(waiting),
            position: self.position,
        }
    }

    fn settle(&mut self) -> Result<(), Interrupted> {
        while !self.on_the_way.is_empty() {
            self.wait_for_oldest()?;
        }
        Ok(())
    }

    fn interrupted(&self) -> Option<Interrupted> {
        self.shared.interrupted(self.job)
    }

    fn show(&self, account: &FileAccount) {
        self.shared.show_file(self.job, account);
    }

    fn sources(&mut self) -> &mut Sources {
        self.sources
    }
}
