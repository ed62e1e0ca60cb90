//! The tasks that send to the targets of a list, while the list changes.
//!
//! A target whose settings stay the same goes on undisturbed. Any other one begins when the task before it for the same
//! name has ended, so no two tasks ever send to one target.

use std::fmt;
use std::mem;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What is shown of a target whose task has ended without an order to.
pub(crate) const ENDED_BY_ITSELF: &str = "its task ended by itself, which is a bug: SIGHUP or the next start of the server starts it again";

/// A target, as its task and the list share it.
pub(crate) trait Target: Send + Sync + 'static {
    /// Its name, which no other target of the list has.
    fn name(&self) -> &str;

    /// Shows people that its task has ended although nobody stopped it.
    fn has_failed(&self);
}

/// The running targets, in the order of the configuration.
pub(crate) struct Targets<T> {
    running: RwLock<Vec<Running<T>>>,
    /// Targets that are not configured any more, and may still finish something.
    leaving: Mutex<Vec<Running<T>>>,
    stop: CancellationToken,
    /// Ends also what is under way.
    cut: CancellationToken,
    tasks: TaskTracker,
}

struct Running<T> {
    target: Arc<T>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// The tasks of the targets of a list.
#[derive(Debug)]
pub struct TargetTasks {
    tasks: TaskTracker,
    cut: CancellationToken,
}

impl<T: Target> Targets<T> {
    /// An empty list, whose tasks run until `stop`.
    pub(crate) fn new(stop: &CancellationToken) -> Self {
        let tasks = TaskTracker::new();
        // Targets that start later count all the same.
        tasks.close();
        Self {
            running: RwLock::default(),
            leaving: Mutex::default(),
            stop: stop.clone(),
            cut: CancellationToken::new(),
            tasks,
        }
    }

    /// All tasks, also those that start later.
    pub(crate) fn tasks(&self) -> TargetTasks {
        TargetTasks {
            tasks: self.tasks.clone(),
            cut: self.cut.clone(),
        }
    }

    /// Runs a task for all targets until `stop`. Nothing is lost if it is cut off.
    pub(crate) fn spawn_for_all(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(stop.run_until_cancelled_owned(work));
    }

    /// The targets, in the order of the configuration.
    pub(crate) fn all(&self) -> Vec<Arc<T>> {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        let targets = running.iter().map(|one| Arc::clone(&one.target));
        targets.collect()
    }

    /// The target of a name.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<T>> {
        self.all().into_iter().find(|target| target.name() == name)
    }

    /// Uses another list of settings. `goes_on` says whether a target has these settings already. If not, `start` gives
    /// a target with its work until a token is cancelled. It gets the target before it. The work begins when the task of
    /// that one has ended.
    pub(crate) fn replace<S, W>(
        &self,
        list: Vec<S>,
        name: impl Fn(&S) -> &str,
        goes_on: impl Fn(&T, &S) -> bool,
        start: impl Fn(S, Option<Arc<T>>, CancellationToken) -> (T, W),
    ) where
        W: Future<Output = ()> + Send + 'static,
    {
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        let mut leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        leaving.retain(|gone| !gone.task.is_finished());
        let mut before = mem::take(&mut *running);
        for settings in list {
            let next = match take(&mut before, name(&settings)) {
                // A task that has ended goes on with nothing.
                Some(same) if !same.task.is_finished() && goes_on(&same.target, &settings) => same,
                replaced => {
                    let replaced = replaced.or_else(|| take(&mut leaving, name(&settings)));
                    self.start_one(replaced, |before, stop| start(settings, before, stop))
                }
            };
            running.push(next);
        }
        for gone in before {
            gone.stop.cancel();
            leaving.push(gone);
        }
    }

    fn start_one<W>(
        &self,
        replaced: Option<Running<T>>,
        start: impl FnOnce(Option<Arc<T>>, CancellationToken) -> (T, W),
    ) -> Running<T>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let stop = self.stop.child_token();
        let before = replaced.as_ref().map(|one| {
            one.stop.cancel();
            Arc::clone(&one.target)
        });
        let (target, work) = start(before, stop.clone());
        let target = Arc::new(target);
        let work = self.cut.clone().run_until_cancelled_owned(async move {
            if let Some(replaced) = replaced {
                // It does not fail: whether the work panics is looked at within it.
                replaced.task.await.ok();
            }
            work.await;
        });
        let watched = watched(Arc::clone(&target), work, stop.clone());
        Running {
            target,
            stop,
            task: self.tasks.spawn(watched),
        }
    }
}

impl<T: Target> fmt::Debug for Targets<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let targets = self.all();
        let names = targets.iter().map(|target| target.name());
        f.debug_list().entries(names).finish()
    }
}

impl TargetTasks {
    /// Waits until what is under way has ended, but no longer than `grace`. Then it cuts it off.
    pub async fn finish(self, grace: Duration) {
        if timeout(grace, self.tasks.wait()).await.is_err() {
            self.cut.cancel();
            self.tasks.wait().await;
        }
    }
}

/// Does the work of a target, and shows people if it ends although nobody has stopped it. `None` for what the work comes
/// to means that it was cut off.
async fn watched<T: Target>(
    target: Arc<T>,
    work: impl Future<Output = Option<()>>,
    stop: CancellationToken,
) {
    // Nobody sees what it leaves behind: the next task begins anew, or with what is on disk.
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    let is_in_order = match ended {
        Ok(Some(())) => stop.is_cancelled(),
        Ok(None) => true,
        Err(_) => false,
    };
    if !is_in_order {
        target.has_failed();
    }
}

/// Takes the target of a name out of a list.
fn take<T: Target>(targets: &mut Vec<Running<T>>, name: &str) -> Option<Running<T>> {
    let place = targets.iter().position(|one| one.target.name() == name)?;
    Some(targets.swap_remove(place))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    #[derive(Default)]
    struct Named {
        number: u32,
        has_failed: AtomicBool,
    }

    impl Target for Named {
        fn name(&self) -> &'static str {
            "a"
        }

        fn has_failed(&self) {
            self.has_failed.store(true, Ordering::Relaxed);
        }
    }

    async fn has_failed(work: impl Future<Output = Option<()>>, is_stopped: bool) -> bool {
        let (target, stop) = (Arc::new(Named::default()), CancellationToken::new());
        if is_stopped {
            stop.cancel();
        }
        watched(Arc::clone(&target), work, stop).await;
        target.has_failed.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn a_task_that_ends_by_itself_is_shown() {
        let panics = async || {
            assert_eq!(1, 2, "a bug of a test");
            Some(())
        };
        assert!(has_failed(panics(), false).await);
        assert!(has_failed(panics(), true).await);
        assert!(has_failed(async { Some(()) }, false).await);
        assert!(!has_failed(async { Some(()) }, true).await);
        assert!(!has_failed(async { None }, false).await);
    }

    /// Uses a list with a target of this number, or an empty one. Returns the number of the target before it.
    fn replace<W>(
        targets: &Targets<Named>,
        number: Option<u32>,
        work: impl FnOnce(CancellationToken) -> W,
    ) -> Option<u32>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let (before, work) = (Mutex::new(None), Mutex::new(Some(work)));
        let list: Vec<u32> = number.into_iter().collect();
        targets.replace(
            list,
            |_| "a",
            |target, number| target.number == *number,
            |number, replaced, stop| {
                *before.lock().unwrap() = replaced.map(|target| target.number);
                let target = Named {
                    number,
                    ..Named::default()
                };
                let work = work.lock().unwrap().take().unwrap();
                (target, work(stop))
            },
        );
        before.into_inner().unwrap()
    }

    #[tokio::test]
    async fn a_target_that_comes_back_begins_when_the_one_before_it_has_ended() {
        let targets = Targets::new(&CancellationToken::new());
        let (end, ended) = oneshot::channel::<()>();
        let late = |_| async move {
            ended.await.ok();
        };
        assert_eq!(replace(&targets, Some(1), late), None);
        let unused = |_| std::future::pending::<()>();
        // It goes on.
        assert_eq!(replace(&targets, Some(1), unused), None);
        assert_eq!(replace(&targets, None, unused), None);
        assert!(targets.all().is_empty());
        let (begin, mut began) = oneshot::channel();
        let next = |stop: CancellationToken| async move {
            begin.send(()).unwrap();
            stop.cancelled().await;
        };
        assert_eq!(replace(&targets, Some(2), next), Some(1));
        tokio::task::yield_now().await;
        assert!(began.try_recv().is_err());
        end.send(()).unwrap();
        began.await.unwrap();
        assert_eq!(replace(&targets, None, unused), None);
        targets.tasks().finish(Duration::from_secs(3600)).await;
    }

    #[tokio::test]
    async fn a_task_that_has_ended_starts_anew_with_the_same_settings() {
        let targets = Targets::new(&CancellationToken::new());
        replace(&targets, Some(1), |_| async {});
        targets.tasks.wait().await;
        assert!(
            targets
                .find("a")
                .unwrap()
                .has_failed
                .load(Ordering::Relaxed)
        );
        let (begin, began) = oneshot::channel();
        replace(
            &targets,
            Some(1),
            |_| async move { begin.send(()).unwrap() },
        );
        began.await.unwrap();
        assert!(targets.find("b").is_none());
    }
}
