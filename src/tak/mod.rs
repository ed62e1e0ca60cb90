//! Shows devices to TAK programs while they are reported, as events of Cursor on Target.
//!
//! It is live: nothing is on disk, and nothing of before the start is sent. The writer names the devices that scanners
//! report. The sorter puts those that a target wants into its queue, and its task sends them, no faster than the target
//! allows. A device that waits is there once, and is sent as it is when its turn comes. Imports name no devices.

mod history;
mod link;
mod queue;
mod runner;
mod sorter;
mod target;
mod wanted;

use std::fmt;
use std::mem;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::link::Way;
use self::runner::Runner;
use self::target::Target;
pub use self::target::{Phase, TakStatus};
use crate::config::Tak;
use crate::events::SeenDevices;
use crate::privacy::Policy;
use crate::tracker::Tracker;

/// A configured target cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the {key} of the TAK target `{name}`: {reason}")]
pub struct TakError {
    /// Name of the target.
    name: String,
    /// The key of its configuration.
    key: &'static str,
    /// What is wrong, without secrets.
    reason: String,
}

/// What is shown, and what decides about it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LivePicture {
    /// The devices.
    pub(crate) tracker: Arc<Tracker>,
    /// What may leave.
    pub(crate) privacy: Arc<Policy>,
    /// The devices that are reported.
    pub(crate) seen: Arc<SeenDevices>,
}

/// The running targets. Cheap to clone.
#[derive(Clone)]
pub struct TakTargets(Arc<Shared>);

struct Shared {
    /// In the order of the configuration.
    running: RwLock<Vec<Running>>,
    /// `None` if nothing is sent.
    picture: Option<LivePicture>,
    stop: CancellationToken,
    /// Ends also what is under way.
    cut: CancellationToken,
    tasks: TaskTracker,
}

struct Running {
    target: Arc<Target>,
    way: Way,
    stop: CancellationToken,
    /// Tells when it sent the last event. `None` if it was cut off.
    task: JoinHandle<Option<Option<Instant>>>,
}

/// The tasks of the targets.
#[derive(Debug)]
pub struct TakTasks {
    tasks: TaskTracker,
    cut: CancellationToken,
}

/// Starts the targets. They run until `stop`. Without a picture, nothing is sent.
///
/// # Errors
///
/// If a file of a target cannot be used.
pub fn start(
    configured: &[Tak],
    picture: Option<LivePicture>,
    stop: &CancellationToken,
) -> Result<(TakTargets, TakTasks), TakError> {
    let (tasks, cut) = (TaskTracker::new(), CancellationToken::new());
    // Targets that start later count all the same.
    tasks.close();
    let targets = TakTargets(Arc::new(Shared {
        running: RwLock::default(),
        picture: picture.clone(),
        stop: stop.clone(),
        cut: cut.clone(),
        tasks: tasks.clone(),
    }));
    targets.replace(configured)?;
    if let Some(picture) = picture {
        let sorted = targets.clone();
        let sort = sorter::sort(picture, move || sorted.0.targets());
        tasks.spawn(stop.clone().run_until_cancelled_owned(sort));
    }
    Ok((targets, TakTasks { tasks, cut }))
}

impl TakTargets {
    /// Uses another list of targets. Those whose settings and files are the same go on undisturbed, and the others begin
    /// with new reports. Blocks.
    ///
    /// # Errors
    ///
    /// Like [`start`]. Then nothing changes.
    pub fn replace(&self, configured: &[Tak]) -> Result<(), TakError> {
        let Some(picture) = &self.0.picture else {
            return Ok(());
        };
        let usable = configured.iter().map(|config| {
            let way = Way::new(config).map_err(|(key, reason)| TakError {
                name: config.name.clone(),
                key,
                reason,
            })?;
            Ok((config, way))
        });
        // Before anything changes.
        let usable = usable.collect::<Result<Vec<_>, _>>()?;
        self.0.start_all(usable, picture);
        picture.seen.watch(!configured.is_empty());
        Ok(())
    }

    /// The status of each target, in the order of the configuration.
    pub fn statuses(&self) -> Vec<TakStatus> {
        let running = self.0.running();
        running.iter().map(|one| one.target.status()).collect()
    }
}

impl Shared {
    fn running(&self) -> RwLockReadGuard<'_, Vec<Running>> {
        self.running.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn targets(&self) -> Vec<Arc<Target>> {
        let running = self.running();
        let targets = running.iter().map(|one| Arc::clone(&one.target));
        targets.collect()
    }

    /// Starts the targets of a list, and ends those that are not in it.
    fn start_all(&self, usable: Vec<(&Tak, Way)>, picture: &LivePicture) {
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = mem::take(&mut *running);
        for (config, way) in usable {
            let place = before
                .iter()
                .position(|one| one.target.config.name == config.name);
            let next = match place.map(|place| before.swap_remove(place)) {
                Some(same) if same.target.config == *config && same.way.has_files_of(&way) => same,
                replaced => self.start_one(config, way, picture, replaced),
            };
            running.push(next);
        }
        for gone in before {
            gone.stop.cancel();
        }
    }

    /// Starts a target. It begins when the one that it replaces has ended.
    fn start_one(
        &self,
        config: &Tak,
        way: Way,
        picture: &LivePicture,
        replaced: Option<Running>,
    ) -> Running {
        let replaced = replaced.map(|replaced| {
            replaced.stop.cancel();
            replaced.task
        });
        let target = Arc::new(Target::new(config, way.address.to_string()));
        let stop = self.stop.child_token();
        let task = {
            let (ends, mut runner) = (
                stop.clone(),
                Runner {
                    target: Arc::clone(&target),
                    picture: picture.clone(),
                    way: way.clone(),
                    sent_at: None,
                },
            );
            self.cut.clone().run_until_cancelled_owned(async move {
                if let Some(replaced) = replaced {
                    // It failed if it panicked, which is no reason to send nothing.
                    runner.sent_at = replaced.await.ok().flatten().flatten();
                }
                runner.run(ends).await
            })
        };
        Running {
            target,
            way,
            stop,
            task: self.tasks.spawn(task),
        }
    }
}

impl fmt::Debug for TakTargets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = self.0.running();
        let names = running.iter().map(|one| &one.target.config.name);
        f.debug_list().entries(names).finish()
    }
}

impl TakTasks {
    /// Waits until the events that are under way are sent, but no longer than `grace`.
    pub async fn finish(self, grace: Duration) {
        if timeout(grace, self.tasks.wait()).await.is_err() {
            self.cut.cancel();
            self.tasks.wait().await;
        }
    }
}
