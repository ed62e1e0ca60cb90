//! What is saved while imports run: the rows that were imported, and how far the running job is.
//!
//! Both change together, at checkpoints. Between two of them the log has rows that are not saved. A job that goes on reads
//! them again, and the log recognises their batches. If no job does, because it was cancelled or this is a copy, the rows are
//! looked for in the log.

use std::io;

use super::account::FileAccount;
use super::checkpoint::UNSAVED_MAX;
use super::identity::{RowHash, RowIndex, RowState};
use super::sources::Sources;
use super::store::{Progress, SavedState, Store};
use super::taking::Interrupted;
use crate::log::LogPosition;

pub(super) struct Saved {
    store: Store,
    state: SavedState,
    /// Whether the state on disk may be another one, or not be durable.
    is_unsure: bool,
    /// The rows, once a job has needed them.
    index: Option<RowIndex>,
}

impl Saved {
    /// What a server finds at its start.
    pub(super) fn open(store: Store) -> io::Result<Self> {
        Ok(Self {
            state: store.state()?,
            store,
            is_unsure: true,
            index: None,
        })
    }

    /// Something could not be saved, or not read: rows that were added meanwhile do not count.
    pub(super) fn doubt(&mut self) {
        self.index = None;
        self.is_unsure = true;
    }

    /// Rows that were added without being saved do not count.
    pub(super) fn discard_rows(&mut self) {
        self.index = None;
    }

    /// The progress of a job. `None` if the log can have no rows of it.
    pub(super) fn progress_of(&self, job: u64) -> Option<Progress> {
        self.state.progress.filter(|progress| progress.job == job)
    }

    /// The running job is over.
    pub(super) fn forget_progress(&mut self) -> io::Result<()> {
        self.make_sure()?;
        self.state.progress = None;
        self.store
            .save_state(&self.state)
            .inspect_err(|_| self.is_unsure = true)
    }

    /// Reads the state that is on disk, and makes it durable. Rows are opened after that alone: what the state does not name
    /// is removed then.
    fn make_sure(&mut self) -> io::Result<()> {
        if self.is_unsure {
            self.state = self.store.state()?;
            self.store.save_state(&self.state)?;
            self.is_unsure = false;
        }
        Ok(())
    }

    /// Takes the rows that were imported before a file of a job is read. [`Self::put_back`] gives them back.
    pub(super) fn take_rows(
        &mut self,
        job: u64,
        sources: &Sources,
    ) -> Result<RowIndex, Interrupted> {
        if let Some(index) = self.index.take() {
            return Ok(index);
        }
        self.make_sure()?;
        let mut index = self.store.rows(&self.state.rows)?;
        if self.progress_of(job).is_none()
            && let Some(after) = self.state.log
        {
            let mut add = |hashes: &[RowHash]| {
                index.add(hashes)?;
                // There are many of them if the state was lost, and memory is bounded.
                if UNSAVED_MAX <= index.unsaved() {
                    self.state.rows = index.save()?;
                    self.store.save_state(&self.state)?;
                    index.saved()?;
                }
                Ok(())
            };
            sources.imported_after(after, None, &mut add)?;
        }
        Ok(index)
    }

    pub(super) fn put_back(&mut self, index: RowIndex) {
        self.index = Some(index);
    }

    /// Saves that a job has begun, with all rows that were imported before it.
    pub(super) fn begin(
        &mut self,
        (job, file): (u64, usize),
        index: &mut RowIndex,
        sources: &Sources,
    ) -> Result<(), Interrupted> {
        if self.progress_of(job).is_some() {
            return Ok(());
        }
        self.state.log = sources.end_of_log()?;
        let rows = index.save()?;
        let begun = Progress {
            job,
            file,
            ..Progress::default()
        };
        self.write(Some(begun), rows, index)
    }

    /// Saves a checkpoint, whose rows are written already. All rows that the log has up to `position` are among them.
    pub(super) fn checkpoint(
        &mut self,
        progress: Progress,
        (rows, position): (RowState, Option<LogPosition>),
        index: &mut RowIndex,
    ) -> Result<(), Interrupted> {
        self.state.log = self.state.log.max(position);
        self.write(Some(progress), rows, index)
    }

    fn write(
        &mut self,
        progress: Option<Progress>,
        rows: RowState,
        index: &mut RowIndex,
    ) -> Result<(), Interrupted> {
        self.state.rows = rows;
        self.state.progress = progress;
        self.store.save_state(&self.state)?;
        Ok(index.saved()?)
    }

    /// Saves that a job goes on with this file. All its rows before are in the log, and in the rows.
    pub(super) fn end_file(
        &mut self,
        (job, file): (u64, usize),
        sources: &Sources,
    ) -> Result<(), Interrupted> {
        let next = Progress {
            job,
            file,
            ..Progress::default()
        };
        self.save(Some(next), sources)
    }

    /// Saves the rows of a file whose job was cancelled. With those that the log has from an earlier run of the job, they are
    /// complete. After a crash before its end, the job goes on at its last checkpoint.
    pub(super) fn cancel(
        &mut self,
        account: &mut FileAccount,
        sources: &Sources,
    ) -> Result<(), Interrupted> {
        if let (Some(index), Some(after)) = (&mut self.index, self.state.log) {
            let mut taken = 0;
            let mut add = |hashes: &[RowHash]| {
                let is_new = index.add(hashes)?.into_iter();
                taken += is_new.filter(|is_new| *is_new).count();
                Ok(())
            };
            sources.imported_after(after, account.form, &mut add)?;
            account.taken += u64::try_from(taken).unwrap_or_default();
        }
        self.save(self.state.progress, sources)
    }

    fn save(&mut self, progress: Option<Progress>, sources: &Sources) -> Result<(), Interrupted> {
        let Some(mut index) = self.index.take() else {
            return Ok(());
        };
        self.state.log = sources.end_of_log()?;
        let rows = index.save()?;
        self.write(progress, rows, &mut index)?;
        self.index = Some(index);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_searched_without_a_state_and_not_with_one_of_an_earlier_version() {
        assert_eq!(SavedState::default().log, Some(LogPosition::START));
        let earlier = r#"{"rows":{"runs":[1],"journal":2,"next":3},"progress":null}"#;
        let state: SavedState = serde_json::from_str(earlier).unwrap();
        assert_eq!(state.log, None);
    }
}
