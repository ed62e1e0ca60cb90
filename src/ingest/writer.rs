//! The first stage: batches are gathered and put on disk, many with one sync.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use super::merger::{Merger, Written};
use super::window::Window;
use super::{Answer, IngestError, Job, Receipt, Work};
use crate::events::{Events, Severity};
use crate::log::{Entry, Expiry, Known, Log, LogError, LogPosition, Record};
use crate::report::{BatchIdentity, SourceId};
use crate::tracker::Admission;

/// How many batches one commit takes at most.
const GROUP_MAX: usize = 256;
/// How many reports one commit takes before it takes no more batches. It is much more work than a commit by itself,
/// and so little that those who sent the first batches do not wait long for the last: while they make their next ones,
/// the writer has something to do.
const GROUP_REPORTS: usize = 2000;
/// How many groups may be on disk and not merged yet.
const UNMERGED_MAX: usize = 2;

/// What the writer works with.
pub(super) struct Running {
    pub(super) log: Log,
    pub(super) admission: Admission,
    pub(super) events: Events,
    pub(super) window: Window,
    /// How many groups it has put on disk.
    pub(super) commits: Arc<AtomicU64>,
}

/// Jobs that have been looked at: what is to be appended, who waits for which of it, and who gets an earlier answer.
#[derive(Default)]
struct Group {
    records: Vec<Record>,
    /// For each record those who wait for it: its sender, then those who sent it again in the meantime.
    waiting: Vec<Vec<oneshot::Sender<Answer>>>,
    fresh: HashMap<BatchIdentity, usize>,
    /// Those that it makes.
    sources: Vec<SourceId>,
    again: Vec<(LogPosition, oneshot::Sender<Answer>)>,
}

impl Running {
    /// Appends, and has the merger merge and answer, until there is no more work. What was appended is merged at the end.
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
            // Nothing more comes: the merger ends when it has merged what it was given.
            drop(groups);
            // A panic there is one of this thread as well.
            merging
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Ok(written)
        })
    }

    /// One append for all that gathered.
    ///
    /// A failed append ends the thread, and with it the process: what is on disk after it only replay can
    /// tell. A full disk is told apart, because then nothing was written.
    fn append_all(
        mut self,
        mut queue: mpsc::Receiver<Work>,
        groups: &SyncSender<Written>,
    ) -> Result<(), LogError> {
        while let Some(work) = gather(&mut queue) {
            let (mut jobs, mut expiries) = (Vec::with_capacity(work.len()), Vec::new());
            let mut orders = Vec::new();
            for work in work {
                match work {
                    Work::Write(job) => jobs.push(job),
                    Work::Expire(expiry, done) => expiries.push((expiry, done)),
                    Work::Alerts(order, done) => orders.push((order, done)),
                }
            }
            let group = self.look_at(jobs.into_iter());
            let mut again = Vec::with_capacity(group.again.len());
            for (position, done) in group.again {
                let answered = self.log.answered(position)?;
                let gone = || LogError::Damaged("a batch that was acknowledged is gone".into());
                let receipt = Receipt {
                    answered: answered.ok_or_else(gone)?,
                    duplicate: true,
                };
                again.push((receipt, done));
            }
            let latest = group.records.iter().map(|record| record.at).max();
            let (entries, waiting) = match self.log.append(group.records) {
                Ok(entries) => {
                    if !entries.is_empty() {
                        self.commits.fetch_add(1, Ordering::Relaxed);
                    }
                    (entries, group.waiting)
                }
                Err(error) => {
                    let refused = match error {
                        LogError::DiskFull => IngestError::DiskFull,
                        LogError::Locked => IngestError::Locked,
                        error => return Err(error),
                    };
                    warn!(%error, "reports are refused");
                    for source in group.sources {
                        self.admission.withdraw(source);
                    }
                    self.events
                        .say(Severity::Error, latest.unwrap_or_default(), || {
                            format!("Reports are refused: {error}")
                        });
                    let all = group.waiting.into_iter().flatten();
                    all.for_each(|done| drop(done.send(Err(refused))));
                    (Vec::new(), Vec::new())
                }
            };
            for entry in &entries {
                self.remember(entry);
            }
            let written = Written {
                entries,
                waiting,
                again,
                orders,
                last: self.log.last(),
            };
            if groups.send(written).is_err() {
                // It panicked, which whoever joins it finds out.
                return Ok(());
            }
            for (expiry, done) in expiries {
                let remembered_from = self
                    .window
                    .oldest()
                    .unwrap_or_else(|| self.log.last().next());
                let expired = self.log.expire(&Expiry {
                    remembered_from,
                    ..expiry
                });
                done.send(expired).ok();
            }
        }
        Ok(())
    }

    fn look_at(&mut self, jobs: impl Iterator<Item = Job>) -> Group {
        let mut group = Group::default();
        for Job { record, done } in jobs {
            let identity = record.batch().and_then(|batch| batch.identity);
            let earlier = identity.and_then(|identity| self.window.find(identity, record.at));
            let waits = identity.and_then(|identity| group.fresh.get(&identity));
            if let Some(position) = earlier {
                group.again.push((position, done));
            } else if let Some(waiting) = waits.and_then(|&place| group.waiting.get_mut(place)) {
                waiting.push(done);
            } else {
                match self.admission.admit(&record) {
                    Err(refused) => drop(done.send(Err(refused.into()))),
                    Ok(is_new) => {
                        let source = record.batch().map(|batch| batch.source);
                        group.sources.extend(source.filter(|_| is_new));
                        if let Some(identity) = identity {
                            group.fresh.insert(identity, group.records.len());
                        }
                        group.records.push(record);
                        group.waiting.push(vec![done]);
                    }
                }
            }
        }
        group
    }

    fn remember(&mut self, entry: &Entry) {
        if let Some(identity) = entry.record.batch().and_then(|batch| batch.identity) {
            self.window.add(Known {
                identity,
                position: entry.position,
                received_at: entry.record.at,
            });
        }
    }
}

/// Waits for work, and takes what else is there. `None` when there will be none.
fn gather(queue: &mut mpsc::Receiver<Work>) -> Option<Vec<Work>> {
    let (mut work, mut reports) = (vec![queue.blocking_recv()?], 0);
    while work.len() < GROUP_MAX {
        if let Some(Work::Write(job)) = work.last() {
            reports += job.record.batch().map_or(0, |batch| batch.reports.len());
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
