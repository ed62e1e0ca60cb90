//! The first stage: gathers and judges batches, and appends many of them with one sync.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

use super::merger::{Merger, Written};
use super::{CheckResult, IngestError, Job, Receipt, SubmitResult, Times, Work};
use crate::events::{Events, Severity};
use crate::fold::{Judge, Verdict, Waiting};
use crate::log::{Expiry, Log, LogError, LogPosition, Record, RecordId, SourceForget, What};
use crate::report::ReceivedAt;
use crate::tracker::Tracker;

/// How many batches one commit takes at most.
const GROUP_MAX: usize = 256;
/// A commit takes no further batch once it has this many reports: enough to amortise the sync, few enough that the
/// first sender is answered soon.
const GROUP_REPORTS: usize = 2000;
/// So many rows of files count as one report there: nobody waits for the answer to each batch of a file.
const ROWS_PER_REPORT: usize = 4;
/// How many groups may be on disk and not folded yet.
const UNMERGED_MAX: usize = 2;

/// The state of the writer thread.
pub(super) struct WriterLoop {
    pub(super) log: Log,
    pub(super) judge: Judge,
    /// Says which sources may make room.
    pub(super) tracker: Arc<Tracker>,
    pub(super) events: Events,
    /// The senders of batches that are not folded yet.
    pub(super) waiting: Waiting<Sender>,
    /// How many groups were committed.
    pub(super) commits: Arc<AtomicU64>,
    pub(super) times: Arc<Times>,
    /// Whether the last group found the disk full. A quota shows only when something is written.
    pub(super) suspects_full_disk: bool,
    /// What the last check found.
    pub(super) fault: Option<Box<str>>,
}

/// The channel for the answer to a batch.
pub(super) type Sender = oneshot::Sender<SubmitResult>;

/// Records that have been judged.
#[derive(Default)]
struct Group {
    records: Vec<Record>,
    /// The sender of each record.
    senders: Vec<(RecordId, Sender)>,
    /// The senders of resent batches, with the position of the original. The original may be in this group.
    resent: Vec<(LogPosition, Sender)>,
}

impl WriterLoop {
    /// Judges and appends until the queue is closed, while the merger folds and answers. Everything that was appended
    /// is folded when this returns.
    pub(super) fn write(
        self,
        queue: mpsc::Receiver<Work>,
        merger: Merger,
    ) -> io::Result<Result<(), LogError>> {
        let (groups, given) = sync_channel(UNMERGED_MAX);
        thread::scope(|scope| {
            let merging = thread::Builder::new()
                .name("merger".into())
                .spawn_scoped(scope, move || merger.run(&given))?;
            let written = self.append_all(queue, &groups);
            // The merger ends when it has folded the groups in the channel.
            drop(groups);
            // A panic of the merger ends this thread too.
            merging
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Ok(written)
        })
    }

    /// Appends all batches that wait, with one commit, again and again.
    ///
    /// A failed append ends the thread, and with it the process: only a replay shows what is on disk then. A full disk
    /// and a locked file are exceptions, because nothing was written.
    fn append_all(
        mut self,
        mut queue: mpsc::Receiver<Work>,
        groups: &SyncSender<Written>,
    ) -> Result<(), LogError> {
        while let Some(work) = gather(&mut queue) {
            let (mut jobs, mut expiries) = (Vec::with_capacity(work.len()), Vec::new());
            let mut checks = Vec::new();
            let mut tick = None;
            for work in work {
                match work {
                    Work::Write(job) => jobs.push(job),
                    Work::Expire(expiry, done) => expiries.push((expiry, done)),
                    Work::Check(done) => checks.push(done),
                    Work::Tick(now) => tick = Some(now),
                }
            }
            let group = self.judge(jobs);
            let written = Written {
                tick,
                ..self.append(group)?
            };
            if groups.send(written).is_err() {
                // The merger has panicked. Joining its thread reports that.
                return Ok(());
            }
            if !checks.is_empty() {
                let checked = self.check();
                for done in checks {
                    done.send(checked.clone()).ok();
                }
            }
            for (expiry, done) in expiries {
                let expired = self.log.expire(&Expiry {
                    remembered_from: self.judge.oldest_recognised(),
                    ..expiry
                });
                done.send(expired).ok();
            }
        }
        Ok(())
    }

    /// Checks the log, and logs what has changed since the last check.
    fn check(&mut self) -> CheckResult {
        let checked = self.log.check(self.suspects_full_disk);
        let fault = checked
            .err()
            .map(|error| Box::<str>::from(error.to_string()));
        self.suspects_full_disk &= fault.is_some();
        if self.fault != fault {
            if let Some(reason) = &fault {
                warn!(reason, "the server is not ready: it cannot take reports");
            } else {
                info!("the server is ready again");
            }
            self.fault.clone_from(&fault);
        }
        fault.map_or(Ok(()), Err)
    }

    fn judge(&mut self, jobs: Vec<Job>) -> Group {
        let mut group = Group {
            records: Vec::with_capacity(jobs.len()),
            senders: Vec::with_capacity(jobs.len()),
            resent: Vec::new(),
        };
        for Job { record, done } in jobs {
            let mut verdict = self.judge.judge(&record);
            if let Verdict::Refused(_) = verdict
                && self.make_room(&mut group, record.at)
            {
                verdict = self.judge.judge(&record);
            }
            match verdict {
                Verdict::Apply(_) => {
                    group.senders.push((record.id, done));
                    group.records.push(record);
                }
                Verdict::DuplicateOf(position) => group.resent.push((position, done)),
                Verdict::Refused(refused) => drop(done.send(Err(refused.into()))),
            }
        }
        group
    }

    /// Orders that sources without devices are forgotten, as many as have to go for a new one. `false` if there are too
    /// few.
    ///
    /// The orders are records, so that every server that reads the log forgets the same sources. The tracker may be
    /// behind the log: a source that has reported since may have devices, and stays.
    fn make_room(&mut self, group: &mut Group, at: ReceivedAt) -> bool {
        let count = self.judge.sources_to_go();
        let judge = &self.judge;
        let going = self.tracker.unused_sources(count, |source, position| {
            !judge.has_reported_after(source, position)
        });
        if going.len() < count {
            return false;
        }
        for source in going {
            let order = What::SourceForget(SourceForget { source });
            let record = Record::new(self.log.node(), at, order);
            self.judge.judge(&record);
            group.records.push(record);
        }
        true
    }

    /// Appends a group, or refuses it if the disk is full or the file is locked.
    fn append(&mut self, group: Group) -> Result<Written, LogError> {
        let latest = group.records.iter().map(|record| record.at).max();
        let started = Instant::now();
        let (entries, refused) = match self.log.append(group.records) {
            Ok(entries) => {
                if !entries.is_empty() {
                    self.times.commit.observe(started.elapsed());
                    self.commits.fetch_add(1, Ordering::Relaxed);
                    self.suspects_full_disk = false;
                }
                self.judge.confirm();
                self.waiting.add(group.senders);
                (entries, None)
            }
            Err(error) => {
                let refused = match error {
                    LogError::DiskFull => IngestError::DiskFull,
                    LogError::Locked => IngestError::Locked,
                    error => return Err(error),
                };
                self.suspects_full_disk = refused == IngestError::DiskFull;
                warn!(%error, "reports are refused");
                self.judge.revert();
                self.events
                    .say(Severity::Error, latest.unwrap_or_default(), || {
                        format!("Reports are refused: {error}")
                    });
                for (_, done) in group.senders {
                    done.send(Err(refused.clone())).ok();
                }
                (Vec::new(), Some(refused))
            }
        };
        let last = self.log.last();
        let mut resent = Vec::with_capacity(group.resent.len());
        for (position, done) in group.resent {
            if let Some(refused) = &refused
                && last < position
            {
                // The original is in this group, which was refused.
                done.send(Err(refused.clone())).ok();
                continue;
            }
            let missing = || LogError::Damaged("the receipt of a resent batch is missing".into());
            let receipt = Receipt {
                stored: self.log.receipt(position)?.ok_or_else(missing)?,
                duplicate: true,
            };
            resent.push((receipt, done));
        }
        Ok(Written {
            entries,
            resent,
            tick: None,
            last,
        })
    }
}

/// Waits for work, and takes everything else that waits. `None` when the queue is closed.
fn gather(queue: &mut mpsc::Receiver<Work>) -> Option<Vec<Work>> {
    let (mut work, mut reports) = (vec![queue.blocking_recv()?], 0);
    while work.len() < GROUP_MAX {
        if let Some(Work::Write(Job { record, .. })) = work.last() {
            let count = record.batch().map_or(0, |batch| batch.reports.len());
            reports += if record.is_history() {
                count / ROWS_PER_REPORT
            } else {
                count
            };
        }
        if GROUP_REPORTS <= reports {
            break;
        }
        match queue.try_recv() {
            Ok(more) => work.push(more),
            Err(_) => break,
        }
    }
    Some(work)
}
