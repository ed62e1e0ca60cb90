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
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use self::link::Way;
use self::runner::Runner;
use self::target::Target;
pub use self::target::{Phase, TakStatus};
use crate::config::Tak;
use crate::events::SeenDevices;
use crate::outbox::{self, TargetTasks, Targets};
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
    targets: Targets<Running>,
    /// `None` if nothing is sent.
    picture: Option<LivePicture>,
}

/// A target, and how its task reaches it.
struct Running {
    target: Arc<Target>,
    way: Way,
}

impl outbox::Target for Running {
    fn name(&self) -> &str {
        &self.target.config.name
    }

    fn has_failed(&self) {
        self.target.has_failed();
    }
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
) -> Result<(TakTargets, TargetTasks), TakError> {
    let targets = TakTargets(Arc::new(Shared {
        targets: Targets::new(stop),
        picture: picture.clone(),
    }));
    targets.replace(configured)?;
    if let Some(picture) = picture {
        let sorted = targets.clone();
        let sort = sorter::sort(picture, move || sorted.0.all());
        targets.0.targets.spawn_for_all(sort);
    }
    let tasks = targets.0.targets.tasks();
    Ok((targets, tasks))
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
        let targets = self.0.all().into_iter();
        targets.map(|target| target.status()).collect()
    }
}

impl Shared {
    fn all(&self) -> Vec<Arc<Target>> {
        let running = self.targets.all().into_iter();
        running.map(|one| Arc::clone(&one.target)).collect()
    }

    /// Starts the targets of a list, and ends those that are not in it.
    fn start_all(&self, usable: Vec<(&Tak, Way)>, picture: &LivePicture) {
        let goes_on = |running: &Running, (config, way): &(&Tak, Way)| {
            running.target.config == **config && running.way.has_files_of(way)
        };
        self.targets.replace(
            usable,
            |(config, _)| &config.name,
            goes_on,
            |(config, way), replaced, stop| {
                let target = Arc::new(Target::new(config, way.address.to_string()));
                let running = Running {
                    target: Arc::clone(&target),
                    way: way.clone(),
                };
                let runner = Runner {
                    target: Arc::clone(&target),
                    picture: picture.clone(),
                    way,
                };
                let work = async move {
                    if let Some(replaced) = replaced {
                        target.follow(&replaced.target);
                    }
                    runner.run(stop).await;
                };
                (running, work)
            },
        );
    }
}

impl fmt::Debug for TakTargets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.targets, f)
    }
}
