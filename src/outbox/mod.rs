//! Sends items to others over HTTP: in order, at least once, from a durable cursor.
//!
//! A feed has the items, which are on disk. Each destination has a cursor, which is on disk too. One task per
//! destination reads and sends, and waits longer after each failure, so that a slow receiver only delays its own items.
//! The user of this module defines what an item is and how it is sent: see [`Item`] and [`Dispatch`].

mod client;
mod cursor;
mod deliver;
mod feed;
mod retry;
mod targets;

use std::fmt;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Uri};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use self::client::trusted_roots;
pub use self::client::{CaFileError, Client, ClientSettings, ReceiverResponse, SendError};
use self::cursor::Progress;
pub(crate) use self::cursor::{Cursor, Cursors};
use self::deliver::Deliverer;
pub use self::feed::{Feed, FeedError};
pub(crate) use self::retry::Retry;
pub use self::targets::TargetTasks;
pub(crate) use self::targets::{ENDED_BY_ITSELF, Target, Targets};

/// An item that is sent.
pub trait Item: Clone + Send + Sync + 'static {
    /// Its number in the feed. Numbers are consecutive from 1, and missing ones count as lost.
    fn number(&self) -> u64;

    /// When it was made. Items that cannot be delivered are given up at a certain age.
    fn made_at(&self) -> SystemTime;
}

/// Which items a destination takes, and the requests that carry them.
pub trait Dispatch: Send + Sync + 'static {
    /// The type of the items.
    type Item: Item;

    /// What the items are called in logs and errors, such as "alerts".
    const ITEMS: &'static str;

    /// Whether this destination takes the item.
    fn takes(&self, item: &Self::Item) -> bool;

    /// Makes the request to `target` that carries these items, the oldest first. There is at least one item, and at
    /// most [`Settings::items_per_request_max`]. Each attempt makes its own request.
    fn request(&self, target: &Uri, items: &[Self::Item], now: SystemTime) -> Request<Full<Bytes>>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its name, which identifies it after a restart.
    pub name: String,
    /// The URL of the receiver.
    pub target: Uri,
    pub client: ClientSettings,
    /// The pause after the first failure; it doubles with each further one.
    pub retry_min: Duration,
    /// The longest pause, even if the receiver asks for a longer one.
    pub retry_max: Duration,
    /// The age at which an item that cannot be delivered is given up; 0 for never.
    pub give_up_after: Duration,
    /// How many items may wait. If more do, the oldest are dropped.
    pub queue_max: usize,
    /// How many items one request may carry.
    pub items_per_request_max: usize,
}

/// The file for the cursors of one kind of destination.
#[derive(Clone, Copy, Debug)]
pub struct CursorFile {
    /// Its name in the data directory.
    pub name: &'static str,
    /// The key of the cursors in the document.
    pub key: &'static str,
}

/// The cursors cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// A destination. Its delivery task and the views share it.
pub struct Destination<D> {
    settings: Settings,
    client: Client,
    dispatch: D,
    /// A channel, so that tasks can wait for a change.
    state: watch::Sender<State>,
}

/// The state of the delivery to a destination.
#[derive(Clone, Debug, Default)]
struct State {
    progress: Progress,
    /// The number of the last item that was read from the feed.
    seen: u64,
    /// How many items up to `seen` are wanted and not delivered.
    queued: u64,
    /// How many times in a row the delivery of the first waiting item failed.
    failures: u32,
    last_error: Option<String>,
    next_try: Option<SystemTime>,
    /// The receiver answered that it is gone.
    is_stopped: bool,
}

#[derive(Clone, Debug)]
pub struct DestinationStatus {
    pub name: String,
    /// The host and the port of its URL. The rest of the URL must not be shown.
    pub host: String,
    pub delivered: u64,
    /// How many items were given up, or evicted before they could be delivered.
    pub lost: u64,
    /// How many items wait for delivery. Of items that have just arrived, some may be unwanted.
    pub waiting: u64,
    /// How many attempts failed in a row; 0 after a delivery.
    pub failures: u32,
    pub last_error: Option<String>,
    /// When the next attempt is due.
    pub next_try: Option<SystemTime>,
    /// Whether the receiver answered that it is gone.
    pub is_stopped: bool,
}

/// All destinations of one feed. Cheap to clone.
pub struct Outbox<D: Dispatch>(Arc<Shared<D>>);

struct Shared<D: Dispatch> {
    /// In the order in which they were given.
    deliveries: RwLock<Vec<Delivery<D>>>,
    feed: Feed<D::Item>,
    cursors: Arc<Cursors<Progress>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// The running delivery to one destination.
struct Delivery<D> {
    destination: Arc<Destination<D>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

#[derive(Debug)]
pub struct Deliveries(TaskTracker);

impl<D: Dispatch> Destination<D> {
    /// Makes a destination that has delivered nothing yet.
    ///
    /// # Errors
    ///
    /// When the file with certificates to trust cannot be read.
    pub fn new(settings: Settings, dispatch: D) -> Result<Self, CaFileError> {
        Ok(Self {
            client: Client::new(&settings.client)?,
            settings,
            dispatch,
            state: watch::Sender::default(),
        })
    }

    pub fn name(&self) -> &str {
        &self.settings.name
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The URL of the receiver.
    pub fn target(&self) -> &Uri {
        &self.settings.target
    }

    /// The part that decides which items are sent, and makes the requests.
    pub fn dispatch(&self) -> &D {
        &self.dispatch
    }

    /// Sends one request at once, independently of the items that wait.
    ///
    /// # Errors
    ///
    /// When there is no response.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<ReceiverResponse, SendError> {
        self.client.send(request).await
    }

    /// Sends the first waiting items.
    async fn deliver(&self, items: &[D::Item]) -> Result<ReceiverResponse, SendError> {
        let now = SystemTime::now();
        let request = self.dispatch.request(&self.settings.target, items, now);
        self.send(request).await
    }

    fn begin_at(&self, progress: Progress) {
        self.change(|state| {
            state.progress = progress;
            state.seen = progress.number;
        });
    }

    fn state(&self) -> State {
        self.state.borrow().clone()
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state();
        let result = change(&mut state);
        self.state.send_replace(state);
        result
    }

    fn retry(&self) -> Retry {
        Retry {
            min: self.settings.retry_min,
            max: self.settings.retry_max,
        }
    }

    fn is_too_old(&self, item: &D::Item, now: SystemTime) -> bool {
        let age = now.duration_since(item.made_at()).unwrap_or_default();
        let give_up_after = self.settings.give_up_after;
        !give_up_after.is_zero() && give_up_after < age
    }

    fn status(&self, newest: u64) -> DestinationStatus {
        let state = self.state();
        let authority = self.settings.target.authority();
        DestinationStatus {
            name: self.settings.name.clone(),
            host: authority.map_or_else(String::new, ToString::to_string),
            delivered: state.progress.delivered,
            lost: state.progress.lost,
            waiting: state.queued + newest.saturating_sub(state.seen),
            failures: state.failures,
            last_error: state.last_error,
            next_try: state.next_try,
            is_stopped: state.is_stopped,
        }
    }
}

impl<D: Dispatch> Outbox<D> {
    /// Starts the delivery of the items in `feed` to all destinations, until `stop`. The cursors are kept in a file of
    /// `data`. Without it, only items that arrive after the start are delivered.
    ///
    /// # Errors
    ///
    /// When the cursors cannot be read or written.
    pub fn start(
        destinations: Vec<Destination<D>>,
        feed: Feed<D::Item>,
        data: Option<(&Path, CursorFile)>,
        stop: &CancellationToken,
    ) -> Result<(Self, Deliveries), CursorError> {
        let names = destinations.iter().map(Destination::name);
        let cursors = Arc::new(Cursors::open(data, names, feed.newest())?);
        let tasks = TaskTracker::new();
        // Deliveries that start later count all the same.
        tasks.close();
        let mut shared = Shared {
            deliveries: RwLock::default(),
            feed,
            cursors,
            stop: stop.clone(),
            tasks: tasks.clone(),
        };
        let deliveries = destinations.into_iter();
        let deliveries = deliveries.map(|destination| shared.deliver(destination, None));
        shared.deliveries = RwLock::new(deliveries.collect());
        Ok((Self(Arc::new(shared)), Deliveries(tasks)))
    }

    /// Replaces all destinations. One that `is_same` as the running one of its name goes on undisturbed. Another one of
    /// the same name continues at its cursor once the attempt under way has ended. A new one begins with new items, and
    /// one that is gone ends after the attempt under way. Blocks.
    ///
    /// # Errors
    ///
    /// When the cursors cannot be written. Then nothing changes.
    pub fn replace(
        &self,
        destinations: Vec<Destination<D>>,
        is_same: impl Fn(&Destination<D>, &Destination<D>) -> bool,
    ) -> Result<(), CursorError> {
        let shared = &*self.0;
        let names = destinations.iter().map(Destination::name);
        shared.cursors.adopt(names, shared.feed.newest())?;
        let mut deliveries = shared
            .deliveries
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let mut before = mem::take(&mut *deliveries);
        for destination in destinations {
            let is_named = |one: &Delivery<D>| one.destination.name() == destination.name();
            let place = before.iter().position(is_named);
            let delivery = match place.map(|place| before.swap_remove(place)) {
                Some(running) if is_same(&running.destination, &destination) => running,
                replaced => shared.deliver(destination, replaced),
            };
            deliveries.push(delivery);
        }
        for gone in before {
            gone.stop.cancel();
        }
        Ok(())
    }

    /// The status of each destination, in the order in which they were given.
    pub fn statuses(&self) -> Vec<DestinationStatus> {
        let newest = self.0.feed.newest();
        let deliveries = self.0.deliveries();
        let statuses = deliveries.iter().map(|one| one.destination.status(newest));
        statuses.collect()
    }

    /// Waits until the status of a destination satisfies `is_so`. `None` if there is no destination with this name.
    ///
    /// New items of the feed count once the delivery task has read them.
    pub async fn until(
        &self,
        name: &str,
        is_so: impl Fn(&DestinationStatus) -> bool,
    ) -> Option<DestinationStatus> {
        let destination = self.find(name)?;
        let mut changes = destination.state.subscribe();
        loop {
            changes.mark_unchanged();
            let status = destination.status(self.0.feed.newest());
            if is_so(&status) {
                return Some(status);
            }
            changes.changed().await.ok()?;
        }
    }

    pub fn find(&self, name: &str) -> Option<Arc<Destination<D>>> {
        let deliveries = self.0.deliveries();
        let found = deliveries.iter().find(|one| one.destination.name() == name);
        found.map(|one| Arc::clone(&one.destination))
    }
}

impl<D: Dispatch> Shared<D> {
    fn deliveries(&self) -> RwLockReadGuard<'_, Vec<Delivery<D>>> {
        self.deliveries
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a delivery. It begins when the one that it replaces has ended.
    fn deliver(&self, destination: Destination<D>, replaced: Option<Delivery<D>>) -> Delivery<D> {
        let replaced = replaced.map(|replaced| {
            replaced.stop.cancel();
            replaced.task
        });
        let stop = self.stop.child_token();
        destination.begin_at(self.cursors.get(destination.name()));
        let destination = Arc::new(destination);
        let task = {
            let (destination, stop) = (Arc::clone(&destination), stop.clone());
            let (feed, cursors) = (self.feed.clone(), Arc::clone(&self.cursors));
            async move {
                if let Some(replaced) = replaced {
                    // It failed if it panicked. Its cursor is right all the same.
                    replaced.await.ok();
                    destination.begin_at(cursors.get(destination.name()));
                }
                let deliverer = Deliverer::new(destination, feed, cursors);
                deliverer.run(stop).await;
            }
        };
        let task = self.tasks.spawn(task);
        Delivery {
            destination,
            stop,
            task,
        }
    }
}

impl<D: Dispatch> Clone for Outbox<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D: Dispatch> fmt::Debug for Outbox<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deliveries = self.0.deliveries();
        let names = deliveries.iter().map(|one| one.destination.name());
        f.debug_list().entries(names).finish()
    }
}

impl Deliveries {
    /// Waits until all attempts that are under way have ended, but no longer than `grace`. An attempt that is cut off
    /// is repeated after the next start.
    pub async fn finish(self, grace: Duration) {
        timeout(grace, self.0.wait()).await.ok();
    }
}
