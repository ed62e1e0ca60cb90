//! Checks passwords on a thread of its own: one at a time, and after the work of everybody else.
//!
//! A check takes tens of milliseconds of a processor and 19 MiB, so it must not be something that a client can have as
//! much of as it likes.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;
use tracing::error;

use super::throttle::ClientNetwork;

type Job = Box<dyn FnOnce() + Send>;

/// The thread, and the queue in front of it. Both end when this is dropped.
#[derive(Debug)]
pub(super) struct PasswordChecker {
    jobs: SyncSender<Job>,
    queue: Arc<Queue>,
}

/// Why a check is not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotQueued {
    /// The queue, or the client's share of it, is full.
    Full,
    /// The thread could not be started.
    NoThread,
}

/// Counts the checks that wait or run.
#[derive(Debug)]
struct Queue {
    places: Mutex<HashMap<ClientNetwork, usize>>,
    max: usize,
}

/// A place in the queue, until it is dropped.
#[derive(Debug)]
struct Place {
    queue: Arc<Queue>,
    client: ClientNetwork,
}

impl PasswordChecker {
    /// `waiting_max` is the number of checks that wait or run; one client may have a quarter of them.
    pub(super) fn start(waiting_max: usize) -> Self {
        let (jobs, received) = sync_channel(waiting_max);
        let started = thread::Builder::new()
            .name("passwords".to_owned())
            .spawn(move || run(&received));
        if let Err(error) = started {
            error!(%error, "cannot start the thread that checks passwords: nobody can log in with a password");
        }
        let queue = Queue {
            places: Mutex::default(),
            max: waiting_max,
        };
        Self {
            jobs,
            queue: Arc::new(queue),
        }
    }

    /// Queues a check. It is left out if nobody waits for the answer when its turn comes; once begun it ends.
    pub(super) fn queue<T: Send + 'static>(
        &self,
        client: ClientNetwork,
        check: impl FnOnce() -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, NotQueued> {
        let place = Queue::enter(&self.queue, client).ok_or(NotQueued::Full)?;
        let (answer, answered) = oneshot::channel();
        let job = move || {
            if !answer.is_closed() {
                let checked = check();
                drop(place);
                answer.send(checked).ok(); // The caller may be gone.
            }
        };
        match self.jobs.try_send(Box::new(job)) {
            Ok(()) => Ok(answered),
            Err(_) => Err(NotQueued::NoThread),
        }
    }
}

fn run(jobs: &Receiver<Job>) {
    lower_priority();
    for job in jobs {
        job();
    }
}

/// Lets threads that serve requests go first. On other systems than Linux the priority is that of the whole process.
#[cfg(target_os = "linux")]
fn lower_priority() {
    const NICE: i32 = 10;
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "passwords are checked at normal priority");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}

impl Queue {
    fn enter(queue: &Arc<Self>, client: ClientNetwork) -> Option<Place> {
        let mut places = queue.lock();
        let taken: usize = places.values().sum();
        let of_client = places.entry(client).or_default();
        if queue.max <= taken || queue.share() <= *of_client {
            if *of_client == 0 {
                places.remove(&client);
            }
            return None;
        }
        *of_client += 1;
        drop(places);
        Some(Place {
            queue: Arc::clone(queue),
            client,
        })
    }

    /// Places that one client may have.
    fn share(&self) -> usize {
        self.max.div_ceil(4)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClientNetwork, usize>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.queue.lock();
        if let Some(count) = places.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                places.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::mpsc::sync_channel;

    use super::*;

    fn client(number: u32) -> ClientNetwork {
        ClientNetwork::of(IpAddr::V4(Ipv4Addr::from_bits(number)))
    }

    #[test]
    fn checks_run_one_at_a_time_and_the_queue_and_each_share_have_a_bound() {
        let checker = PasswordChecker::start(8);
        let (go_on, wait) = sync_channel::<()>(0);
        let wait = Arc::new(Mutex::new(wait));
        let running = Arc::new(Mutex::new(()));
        let queue = |number| {
            let (wait, running) = (Arc::clone(&wait), Arc::clone(&running));
            checker.queue(client(number), move || {
                let alone = running.try_lock().is_ok();
                wait.lock().unwrap().recv().unwrap();
                alone
            })
        };
        let mut answers: Vec<_> = (0..2).map(|_| queue(1).unwrap()).collect();
        assert_eq!(queue(1).unwrap_err(), NotQueued::Full, "a quarter");
        answers.extend((2..8).map(|number| queue(number).unwrap()));
        assert_eq!(queue(9).unwrap_err(), NotQueued::Full);
        go_on.send(()).unwrap();
        assert!(answers.remove(0).blocking_recv().unwrap());
        // The first one made room, for its client as well.
        answers.push(queue(1).unwrap());
        assert_eq!(queue(9).unwrap_err(), NotQueued::Full);
        for answer in answers {
            go_on.send(()).unwrap();
            assert!(answer.blocking_recv().unwrap());
        }
        assert!(checker.queue.lock().is_empty());
    }

    #[test]
    fn a_check_that_nobody_waits_for_is_left_out() {
        let checker = PasswordChecker::start(4);
        let (go_on, wait) = sync_channel::<()>(0);
        let first = checker
            .queue(client(1), move || wait.recv().unwrap())
            .unwrap();
        drop(checker.queue(client(2), || panic!("nobody waits for it")));
        let last = checker.queue(client(3), || 3).unwrap();
        go_on.send(()).unwrap();
        first.blocking_recv().unwrap();
        assert_eq!(last.blocking_recv().unwrap(), 3);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn checks_have_a_lower_priority_than_requests() {
        use rustix::process::getpriority_process;
        const LOWEST: i32 = 19;
        let checker = PasswordChecker::start(4);
        let there = checker.queue(client(1), || getpriority_process(None).unwrap());
        let (here, there) = (
            getpriority_process(None).unwrap(),
            there.unwrap().blocking_recv().unwrap(),
        );
        assert!(here < there || here == LOWEST, "{here} {there}");
    }
}
