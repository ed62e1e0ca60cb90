//! What is sent to others over HTTP: in order, at least once, from a durable cursor.
//!
//! A feed has the items, which are on disk, and each destination has a cursor, which is too. A task for each
//! destination reads, sends, and waits longer after each failure, so that a slow receiver delays nothing but its own
//! items. What an item is and how it is sent is the user's: see [`Item`] and [`Dispatch`].

mod client;
mod cursor;
mod deliver;
mod feed;
mod retry;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Uri};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::client::{Answer, CaFileError, Client, ClientSettings, SendError};
use self::cursor::{Cursors, Progress};
use self::deliver::Deliverer;
pub use self::feed::{Feed, FeedError};
use self::retry::Retry;

/// Something that is sent.
pub trait Item: Clone + Send + Sync + 'static {
    /// Its place in the feed. Numbers follow one another from 1; missing ones count as lost.
    fn number(&self) -> u64;

    /// When it came into being: by this it is given up when it cannot be delivered for too long.
    fn made_at(&self) -> SystemTime;
}

/// What one destination takes, and the request that carries it.
pub trait Dispatch: Send + Sync + 'static {
    /// What is sent.
    type Item: Item;

    /// What the items are called in logs and errors, such as "alerts".
    const ITEMS: &'static str;

    /// Whether this destination gets the item.
    fn takes(&self, item: &Self::Item) -> bool;

    /// The request to `target` with these items, the oldest first: at least one, and at most
    /// [`Settings::items_per_request_max`]. It is made again for each attempt.
    fn request(&self, target: &Uri, items: &[Self::Item], now: SystemTime) -> Request<Full<Bytes>>;
}

/// How a destination is served.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What it is called; with it, it is known again after a restart.
    pub name: String,
    /// Where requests go.
    pub target: Uri,
    /// The connection.
    pub client: ClientSettings,
    /// The pause after the first failure; it doubles with each further one.
    pub retry_min: Duration,
    /// The longest pause, also where the receiver asks for more.
    pub retry_max: Duration,
    /// How old an item may become that cannot be delivered; 0 is without a bound.
    pub give_up_after: Duration,
    /// How many items may wait; past it the oldest are left out.
    pub queue_max: usize,
    /// How many items one request may carry.
    pub items_per_request_max: usize,
}

/// Where the cursors of one kind of destination are kept.
#[derive(Clone, Copy, Debug)]
pub struct CursorFile {
    /// The name in the data directory.
    pub name: &'static str,
    /// The key in the document under which the cursors stand.
    pub key: &'static str,
}

/// The cursors cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// The file that tells how far each destination is cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A destination, as its delivery and those who ask for it share it.
pub struct Destination<D> {
    settings: Settings,
    client: Client,
    dispatch: D,
    /// A channel, so that it can be waited for.
    state: watch::Sender<State>,
}

/// How far the delivery to a destination is.
#[derive(Clone, Debug, Default)]
struct State {
    progress: Progress,
    /// The item that was looked at last.
    seen: u64,
    /// How many of those up to it are wanted and not delivered.
    queued: u64,
    /// How many times in a row the item that is first in line failed.
    failures: u32,
    last_error: Option<String>,
    next_try: Option<SystemTime>,
    /// The receiver is gone for good.
    is_stopped: bool,
}

/// How a destination is.
#[derive(Clone, Debug)]
pub struct Status {
    /// What it is called.
    pub name: String,
    /// The host and the port of its URL, which is all of it that may be shown.
    pub host: String,
    /// How many items were delivered.
    pub delivered: u64,
    /// How many were given up, or gone before they could be delivered.
    pub lost: u64,
    /// How many items it has not delivered yet; those that just came may be some that it does not want.
    pub waiting: u64,
    /// How many times in a row the last delivery failed; 0 when it did not.
    pub failures: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it tries again.
    pub next_try: Option<SystemTime>,
    /// Whether the receiver said that it is gone.
    pub is_stopped: bool,
}

/// All destinations of one feed. Cheap to clone.
pub struct Outbox<D: Dispatch> {
    destinations: Arc<[Arc<Destination<D>>]>,
    feed: Feed<D::Item>,
}

/// The deliveries, for whoever starts and stops them.
#[derive(Debug)]
pub struct Deliveries(TaskTracker);

impl<D: Dispatch> Destination<D> {
    /// A destination of which no item was sent yet.
    ///
    /// # Errors
    ///
    /// When the certificates to trust cannot be read.
    pub fn new(settings: Settings, dispatch: D) -> Result<Self, CaFileError> {
        Ok(Self {
            client: Client::new(&settings.client)?,
            settings,
            dispatch,
            state: watch::Sender::default(),
        })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Where requests go.
    pub fn target(&self) -> &Uri {
        &self.settings.target
    }

    /// What it takes and how that is sent.
    pub fn dispatch(&self) -> &D {
        &self.dispatch
    }

    /// Sends a request now, once, beside what waits.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, SendError> {
        self.client.send(request).await
    }

    /// Sends items that are first in line.
    async fn deliver(&self, items: &[D::Item]) -> Result<Answer, SendError> {
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

    fn status(&self, newest: u64) -> Status {
        let state = self.state();
        let authority = self.settings.target.authority();
        Status {
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
    /// Starts the delivery of what `feed` has to all destinations, until `stop`. How far each is is kept in a file of
    /// `data`; without one, a start begins with what is new.
    ///
    /// # Errors
    ///
    /// When it cannot be read or written how far they are.
    pub fn start(
        destinations: Vec<Destination<D>>,
        feed: Feed<D::Item>,
        data: Option<(&Path, CursorFile)>,
        stop: &CancellationToken,
    ) -> Result<(Self, Deliveries), CursorError> {
        let names = destinations.iter().map(Destination::name);
        let cursors = Arc::new(Cursors::open(data, names, feed.newest())?);
        let destinations: Arc<[_]> = destinations.into_iter().map(Arc::new).collect();
        let tasks = TaskTracker::new();
        for destination in destinations.iter() {
            destination.begin_at(cursors.get(destination.name()));
            let (destination, cursors) = (Arc::clone(destination), Arc::clone(&cursors));
            let deliverer = Deliverer::new(destination, feed.clone(), cursors);
            tasks.spawn(deliverer.run(stop.clone()));
        }
        tasks.close();
        Ok((Self { destinations, feed }, Deliveries(tasks)))
    }

    /// How each destination is, in the order in which they were given.
    pub fn statuses(&self) -> Vec<Status> {
        let newest = self.feed.newest();
        let destinations = self.destinations.iter();
        destinations.map(|one| one.status(newest)).collect()
    }

    /// Waits until the destination is as `is_so` says. `None` when there is none of this name.
    ///
    /// What is new in the feed counts when its delivery has seen it.
    pub async fn until(&self, name: &str, is_so: impl Fn(&Status) -> bool) -> Option<Status> {
        let destination = self.find(name)?;
        let mut changes = destination.state.subscribe();
        loop {
            changes.mark_unchanged();
            let status = destination.status(self.feed.newest());
            if is_so(&status) {
                return Some(status);
            }
            changes.changed().await.ok()?;
        }
    }

    /// The destination with this name.
    pub fn find(&self, name: &str) -> Option<&Destination<D>> {
        let found = self.destinations.iter().find(|one| one.name() == name);
        found.map(|destination| &**destination)
    }
}

impl<D: Dispatch> Clone for Outbox<D> {
    fn clone(&self) -> Self {
        Self {
            destinations: Arc::clone(&self.destinations),
            feed: self.feed.clone(),
        }
    }
}

impl<D: Dispatch> fmt::Debug for Outbox<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.destinations.iter().map(|one| one.name()))
            .finish()
    }
}

impl Deliveries {
    /// Waits until each attempt that was under way at the stop has ended, but no longer than `grace`: what is cut off
    /// is sent again after the next start.
    pub async fn finish(self, grace: Duration) {
        timeout(grace, self.0.wait()).await.ok();
    }
}
