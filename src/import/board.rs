//! Which imports there are, which is carried out next, and who holds places among those that wait or run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::ImportError;
use super::job::{Job, Options};
use super::store::Progress;
use crate::auth::{ClientNetwork, Principal};

/// One sender may hold one of so many places.
const SHARE: usize = 4;
/// While no job arrives, old accounts are looked for and removed at this interval.
pub(super) const IDLE: Duration = Duration::from_secs(3600);

/// Who sends an import, as the bounds see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ImportSender {
    Known(Principal),
    Unknown(ClientNetwork),
    /// Whoever runs the server. All places may be theirs.
    Operator,
}

impl ImportSender {
    /// The sender of a job that an earlier run of the server has left.
    pub(super) fn of_options(options: &Options) -> Self {
        let identity = options.identity();
        identity.map_or(Self::Operator, |identity| Self::Known(identity.principal))
    }
}

/// A job that could not be carried out, and is tried again.
#[derive(Debug)]
struct Postponed {
    due: Instant,
    /// Whether rows of it may be taken. Where it goes on is known of one job only, so no other job runs before it.
    has_progress: bool,
}

/// How many times a job was tried without getting further.
#[derive(Debug, Default)]
struct Tries {
    count: u32,
    progress: Option<Progress>,
}

/// What the worker does next.
#[derive(Debug)]
pub(super) enum Turn {
    Job(Box<Job>),
    /// Nothing, at most so long.
    Wait(Duration),
}

/// What the threads share.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// The ids of all jobs.
    pub(super) ids: BTreeSet<u64>,
    /// The jobs that are not over.
    pub(super) live: BTreeMap<u64, Job>,
    /// The names of users and keys that sent jobs, as far as the jobs were read.
    pub(super) senders: BTreeMap<u64, Option<Box<str>>>,
    pub(super) next: u64,
    pub(super) is_stopping: bool,
    /// Each live job, and each upload on its way.
    places: BTreeMap<u64, ImportSender>,
    /// Uploads on their way.
    arriving: BTreeSet<u64>,
    waiting: VecDeque<u64>,
    postponed: BTreeMap<u64, Postponed>,
    running: Option<u64>,
    /// Whether the running job is cancelled.
    is_cancelled: bool,
    tries: BTreeMap<u64, Tries>,
}

impl Board {
    /// Adds the jobs that an earlier run of the server has left.
    pub(super) fn resume(&mut self, jobs: Vec<Job>) {
        for job in jobs {
            let sender = ImportSender::of_options(&job.options);
            self.places.insert(job.id, sender);
            self.waiting.push_back(job.id);
            self.live.insert(job.id, job);
        }
    }

    /// Reserves a place for an upload. Returns its id.
    pub(super) fn reserve(
        &mut self,
        sender: ImportSender,
        jobs_max: usize,
    ) -> Result<u64, ImportError> {
        let share = (jobs_max / SHARE).max(1);
        let held = self.places.values().filter(|known| **known == sender);
        if sender != ImportSender::Operator && share <= held.count() {
            return Err(ImportError::TooManyOfSender { max: share });
        }
        if jobs_max <= self.places.len() {
            return Err(ImportError::TooMany { max: jobs_max });
        }
        let id = self.next;
        self.next += 1;
        self.places.insert(id, sender);
        self.arriving.insert(id);
        Ok(id)
    }

    /// Gives the place of an upload back. Returns whether there was one: the upload did not become a job.
    pub(super) fn give_back(&mut self, id: u64) -> bool {
        let is_lost = self.arriving.remove(&id);
        if is_lost {
            self.places.remove(&id);
        }
        is_lost
    }

    /// Adds a job, which takes the place of its upload.
    pub(super) fn add(&mut self, job: Job) {
        self.arriving.remove(&job.id);
        self.ids.insert(job.id);
        self.note_sender(&job);
        self.waiting.push_back(job.id);
        self.live.insert(job.id, job);
    }

    pub(super) fn note_sender(&mut self, job: &Job) {
        let sender = job.options.sender.as_deref().map(Into::into);
        self.senders.insert(job.id, sender);
    }

    pub(super) fn turn(&mut self, now: Instant) -> Turn {
        let mut postponed: Vec<_> = self.postponed.iter().collect();
        postponed.sort_by_key(|(_, postponed)| (!postponed.has_progress, postponed.due));
        let first = postponed.first().map(|(id, postponed)| {
            let left = postponed.due.saturating_duration_since(now);
            (**id, left, postponed.has_progress)
        });
        let mut wait = IDLE;
        if let Some((id, left, has_progress)) = first {
            if left.is_zero() {
                return self.start(id);
            }
            wait = wait.min(left);
            if has_progress {
                return Turn::Wait(wait);
            }
        }
        match self.waiting.pop_front() {
            Some(id) => self.start(id),
            None => Turn::Wait(wait),
        }
    }

    fn start(&mut self, id: u64) -> Turn {
        self.postponed.remove(&id);
        let Some(job) = self.live.get(&id) else {
            return Turn::Wait(Duration::ZERO);
        };
        let job = Box::new(job.clone());
        self.running = Some(id);
        self.is_cancelled = false;
        Turn::Job(job)
    }

    /// Counts a failed try of a job. Returns how many tries in a row failed without progress.
    pub(super) fn count_try(&mut self, id: u64, progress: Option<Progress>) -> u32 {
        let tries = self.tries.entry(id).or_default();
        if tries.progress != progress {
            *tries = Tries { count: 0, progress };
        }
        tries.count += 1;
        tries.count
    }

    /// The running job is tried again after a pause.
    pub(super) fn postpone(&mut self, job: Job, pause: Duration, has_progress: bool) {
        self.running = None;
        let postponed = Postponed {
            due: Instant::now() + pause,
            has_progress,
        };
        self.postponed.insert(job.id, postponed);
        self.live.insert(job.id, job);
    }

    /// Cancels a job. Returns it if nobody carries it out, so that it ends at once.
    pub(super) fn cancel(&mut self, id: u64) -> Option<Job> {
        if self.running == Some(id) {
            self.is_cancelled = true;
            return None;
        }
        let was_postponed = self.postponed.remove(&id).is_some();
        let waits = |waiting: &u64| *waiting == id;
        let was_waiting = self.waiting.iter().any(waits);
        self.waiting.retain(|waiting| *waiting != id);
        let job = self.live.get(&id).cloned();
        job.filter(|_| was_waiting || was_postponed)
    }

    /// Whether somebody cancelled a job that runs.
    pub(super) fn is_cancelled(&self, id: u64) -> bool {
        self.running == Some(id) && self.is_cancelled
    }

    /// A job is over.
    pub(super) fn end(&mut self, id: u64) {
        if self.running == Some(id) {
            self.running = None;
        }
        self.live.remove(&id);
        self.places.remove(&id);
        self.tries.remove(&id);
    }

    /// The jobs that are over, the oldest first.
    pub(super) fn ended(&self) -> Vec<u64> {
        let ids = self.ids.iter().copied();
        ids.filter(|id| !self.live.contains_key(id)).collect()
    }

    pub(super) fn forget(&mut self, id: u64) {
        self.ids.remove(&id);
        self.senders.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ImportSender {
        ImportSender::Known(Principal::Key(name.into()))
    }

    fn job(id: u64) -> Job {
        Job {
            id,
            ..Job::default()
        }
    }

    #[track_caller]
    fn expect_job(board: &mut Board, now: Instant, id: u64) {
        match board.turn(now) {
            Turn::Job(job) => assert_eq!(job.id, id),
            Turn::Wait(pause) => panic!("waits {pause:?}"),
        }
    }

    #[track_caller]
    fn expect_wait(board: &mut Board, now: Instant) {
        assert!(matches!(board.turn(now), Turn::Wait(pause) if !pause.is_zero()));
    }

    #[test]
    fn a_sender_holds_a_quarter_of_the_places_and_all_senders_no_more_than_there_are() {
        let mut board = Board::default();
        let (one, two) = (key("one"), key("two"));
        board.reserve(one.clone(), 8).unwrap();
        let second = board.reserve(one.clone(), 8).unwrap();
        let refused = board.reserve(one.clone(), 8).unwrap_err();
        assert!(matches!(refused, ImportError::TooManyOfSender { max: 2 }));
        for _ in 0..6 {
            board.reserve(ImportSender::Operator, 8).unwrap();
        }
        let refused = board.reserve(two, 8).unwrap_err();
        assert!(matches!(refused, ImportError::TooMany { max: 8 }));
        // An upload that broke off gives its place back, and a job that is over too.
        assert!(board.give_back(second) && !board.give_back(second));
        let id = board.reserve(one.clone(), 8).unwrap();
        board.add(job(id));
        assert!(!board.give_back(id), "it is a job now");
        board.reserve(one.clone(), 8).unwrap_err();
        board.end(id);
        board.reserve(one, 8).unwrap();
    }

    #[test]
    fn other_jobs_run_while_one_waits_for_room_but_not_before_one_that_has_taken_rows() {
        let mut board = Board::default();
        board.resume(vec![job(1), job(2), job(3)]);
        let now = Instant::now();
        let (pause, later) = (Duration::from_secs(60), now + Duration::from_secs(3600));
        expect_job(&mut board, now, 1);
        board.postpone(job(1), pause, false);
        expect_job(&mut board, now, 2);
        board.postpone(job(2), pause, true);
        expect_wait(&mut board, now);
        expect_job(&mut board, later, 2);
        board.end(2);
        expect_job(&mut board, now, 3);
        board.end(3);
        expect_wait(&mut board, now);
        expect_job(&mut board, later, 1);
    }

    #[test]
    fn whoever_is_cancelled_before_its_turn_ends_at_once() {
        let mut board = Board::default();
        board.resume(vec![job(1), job(2), job(3)]);
        let now = Instant::now();
        expect_job(&mut board, now, 1);
        assert_eq!(board.cancel(1), None);
        assert!(board.is_cancelled(1) && !board.is_cancelled(2));
        board.postpone(job(1), Duration::from_secs(60), true);
        assert_eq!(board.cancel(1).unwrap().id, 1);
        assert_eq!(board.cancel(2).unwrap().id, 2);
        assert_eq!(board.cancel(2), None, "it is ending");
        for id in [1, 2] {
            board.end(id);
        }
        expect_job(&mut board, now, 3);
        assert!(!board.is_cancelled(3));
    }

    #[test]
    fn tries_count_until_a_job_gets_further() {
        let mut board = Board::default();
        let at = |sightings| {
            Some(Progress {
                job: 1,
                sightings,
                ..Progress::default()
            })
        };
        let counts = [None, None, at(1), at(1), at(1), at(2)].map(|at| board.count_try(1, at));
        assert_eq!(counts, [1, 2, 1, 2, 3, 1]);
        assert_eq!(board.count_try(2, None), 1);
    }
}
