//! Sends observations on to services that people feed.
//!
//! Each target has a cursor over the log. A task reads what is new, and makes a part of it: the bytes of one request. The
//! part is on disk before it is sent, so each attempt sends the same bytes, also after a crash. The cursor moves when the
//! service has answered for the part. Whether a part arrived whose answer was lost is asked where the service can tell.
//!
//! A service is a file in `service`. The forms of the bodies are in `export`.

mod gather;
mod progress;
mod runner;
mod secrets;
mod sending;
mod service;
mod store;
mod target;

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::Uri;
use tokio_util::sync::CancellationToken;

pub use self::gather::ForwardLog;
use self::gather::Wanted;
use self::progress::Place;
use self::runner::{Desk, Line, Runner};
use self::secrets::Secrets;
use self::service::Account;
use self::store::PartStore;
pub(crate) use self::store::erase_parts;
pub use self::target::{ForwardStatus, PartStatus, Phase};
use self::target::{Order, Target};
use crate::config::{Forward, forward};
use crate::data_dir;
use crate::log::LogPosition;
pub use crate::outbox::TargetTasks;
use crate::outbox::{
    self, CaFileError, Client, ClientSettings, CursorError, CursorFile, Cursors, Targets,
};

/// The file with the position of each target in the log.
const CURSORS: CursorFile = CursorFile {
    name: data_dir::FORWARDS,
    key: "forwards",
};
/// A key takes one short line. Reading more of a wrong file is useless.
const KEY_FILE_BYTES_MAX: u64 = 4096;

/// Why the configured targets cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The key is missing or not valid.
    #[error("cannot use the key of the forward `{name}`: {reason}")]
    Key {
        /// Name of the target.
        name: String,
        /// What is wrong, without the key.
        reason: String,
    },
    /// The file with certificates to trust cannot be used.
    #[error("cannot use {}, the ca_file of the forward `{name}`: {reason}", path.display())]
    CaFile {
        /// Name of the target.
        name: String,
        /// Path of the file.
        path: PathBuf,
        /// What is wrong with the file.
        reason: String,
    },
    /// The file with the positions of the targets cannot be read or written.
    #[error(transparent)]
    Cursors(#[from] CursorError),
    /// The end of the log cannot be read.
    #[error("cannot read the log to forward it")]
    Log(#[source] crate::log::LogError),
}

/// Where a target is to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetTo {
    /// At the first record of the log.
    Start,
    /// After the last one.
    End,
    /// After this record.
    After(LogPosition),
}

/// The running targets. Cheap to clone.
#[derive(Clone)]
pub struct Forwards(Arc<Shared>);

struct Shared {
    targets: Targets<Running>,
    /// `None` if nothing can be forwarded.
    desk: Option<Arc<Desk>>,
    /// Cancelled once the tracker knows all devices. What may leave depends on them.
    ready: CancellationToken,
}

/// A target, and the account that its task uses.
struct Running {
    target: Arc<Target>,
    account: Account,
}

impl outbox::Target for Running {
    fn name(&self) -> &str {
        &self.target.config.name
    }

    fn has_failed(&self) {
        self.target.has_failed();
    }
}

/// The settings of a target, with everything that they name.
struct Usable<'c> {
    config: &'c Forward,
    line: Line,
    account: Account,
}

impl<'c> Usable<'c> {
    fn all_of(configured: &'c [Forward]) -> Result<Vec<Self>, ForwardError> {
        let usable = configured.iter().map(|config| {
            let account = account(config)?;
            Ok(Self {
                config,
                line: line(config, account.clone())?,
                account,
            })
        });
        usable.collect()
    }
}

/// Starts the targets. They wait for `ready` to be cancelled, and run until `stop`. `None` for `from` means that nothing
/// is forwarded, and that the data directory stays as it is.
///
/// # Errors
///
/// If the settings of a target cannot be used, or if the data directory cannot be read or written.
pub fn start(
    configured: &[Forward],
    from: Option<(ForwardLog, &Path)>,
    ready: &CancellationToken,
    stop: &CancellationToken,
) -> Result<(Forwards, TargetTasks), ForwardError> {
    // A target that cannot be used must not make the others be forgotten.
    let usable = from.is_some().then(|| Usable::all_of(configured));
    let usable = usable.transpose()?;
    let names = configured.iter().map(|config| config.name.as_str());
    let desk = from.map(|(log, data)| {
        let end = log.history.end().map_err(ForwardError::Log)?;
        let cursors = Cursors::open(Some((data, CURSORS)), names, end.get())?;
        Ok::<_, ForwardError>(Arc::new(Desk {
            log,
            store: PartStore::of(data),
            cursors: Arc::new(cursors),
        }))
    });
    let forwards = Forwards(Arc::new(Shared {
        targets: Targets::new(stop),
        desk: desk.transpose()?,
        ready: ready.clone(),
    }));
    forwards.0.start_all(usable.unwrap_or_default());
    let tasks = forwards.0.targets.tasks();
    Ok((forwards, tasks))
}

impl Forwards {
    /// Uses another list of targets. Those whose settings and keys are the same go on undisturbed, and the others of the
    /// same name continue where they were. Blocks.
    ///
    /// # Errors
    ///
    /// Like [`start`]. Then nothing changes.
    pub fn replace(&self, configured: &[Forward]) -> Result<(), ForwardError> {
        let Some(desk) = &self.0.desk else {
            return Ok(());
        };
        // Before anything changes.
        let usable = Usable::all_of(configured)?;
        let end = desk.log.history.end().map_err(ForwardError::Log)?;
        let names = configured.iter().map(|config| config.name.as_str());
        desk.cursors.adopt(names, end.get())?;
        self.0.start_all(usable);
        Ok(())
    }

    /// The status of each target, in the order of the configuration. Blocks for a moment.
    pub fn statuses(&self) -> Vec<ForwardStatus> {
        let end = self.0.end();
        let targets = self.0.targets.all().into_iter();
        targets.map(|one| one.target.status(end)).collect()
    }

    /// Asks a target to send what is new. `None` if there is none with this name, `false` if too many wait.
    pub fn run(&self, name: &str) -> Option<bool> {
        Some(self.find(name)?.order(Order::Run))
    }

    /// Lets a target begin elsewhere. What it was sending is dropped. Like [`run`](Self::run).
    pub fn reset(&self, name: &str, to: ResetTo) -> Option<bool> {
        let place = match to {
            ResetTo::Start => Place::default(),
            ResetTo::End => Place::after(LogPosition::new(u64::MAX - 1)),
            ResetTo::After(position) => Place::after(position),
        };
        Some(self.find(name)?.order(Order::Reset(place)))
    }

    /// Waits until the status of a target meets `is_so`. `None` if there is no such target.
    pub async fn until(
        &self,
        name: &str,
        is_so: impl Fn(&ForwardStatus) -> bool,
    ) -> Option<ForwardStatus> {
        let target = self.find(name)?;
        let mut changes = target.state.subscribe();
        loop {
            changes.mark_unchanged();
            let status = target.status(self.0.end());
            if is_so(&status) {
                return Some(status);
            }
            changes.changed().await.ok()?;
        }
    }

    fn find(&self, name: &str) -> Option<Arc<Target>> {
        let found = self.0.targets.find(name)?;
        Some(Arc::clone(&found.target))
    }
}

impl Shared {
    fn end(&self) -> LogPosition {
        let desk = self.desk.as_ref();
        let end = desk.and_then(|desk| desk.log.history.end().ok());
        end.unwrap_or_default()
    }

    /// Starts the targets of a list, and ends those that are not in it.
    fn start_all(&self, usable: Vec<Usable<'_>>) {
        let Some(desk) = &self.desk else {
            return;
        };
        let goes_on = |running: &Running, usable: &Usable<'_>| {
            running.target.config == *usable.config && running.account == usable.account
        };
        self.targets.replace(
            usable,
            |usable| &usable.config.name,
            goes_on,
            |usable, _, stop| {
                let Usable {
                    config,
                    line,
                    account,
                } = usable;
                let (target, orders) = Target::new(config, host(&account.base));
                let target = Arc::new(target);
                let (desk, ready) = (Arc::clone(desk), self.ready.clone());
                let running = Running {
                    target: Arc::clone(&target),
                    account,
                };
                let work = async move {
                    let runner = Runner::new(target, desk, line);
                    if stop.run_until_cancelled(ready.cancelled()).await.is_some() {
                        runner.run(orders, stop).await;
                    }
                };
                (running, work)
            },
        );
    }
}

impl fmt::Debug for Forwards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.targets, f)
    }
}

fn account(config: &Forward) -> Result<Account, ForwardError> {
    let key = key(config).map_err(|reason| ForwardError::Key {
        name: config.name.clone(),
        reason,
    })?;
    Ok(Account {
        base: config.base(),
        user: config.user.clone(),
        key,
        donates: config.donate,
    })
}

/// Reads the key from the configuration, a file or the environment. Empty if there is none.
fn key(config: &Forward) -> Result<String, String> {
    let (variable, file) = (&config.key_env, &config.key_file);
    let text = if !variable.is_empty() {
        std::env::var(variable)
            // Somebody may have put the key itself there.
            .map_err(|_| {
                "the environment variable that `key_env` names is not set, or is no Unicode text"
                    .to_owned()
            })?
    } else if file.as_os_str().is_empty() {
        return Ok(config.key.reveal().to_owned());
    } else {
        let mut text = String::new();
        File::open(file)
            .and_then(|file| file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text))
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        text
    };
    let key = text.trim();
    forward::key(key)?;
    Ok(key.to_owned())
}

fn line(config: &Forward, account: Account) -> Result<Line, ForwardError> {
    let settings = ClientSettings {
        ca_file: config.ca_file.clone(),
        connect_timeout: config.connect_timeout,
        timeout: config.timeout,
    };
    let client =
        Client::new(&settings).map_err(|CaFileError { path, reason }| ForwardError::CaFile {
            name: config.name.clone(),
            path,
            reason,
        })?;
    let (secrets, hosts) = (Secrets::of(&account), hosts(&account.base));
    let service = service::of(config, account);
    let own = service.own_names().iter().copied();
    let own = own.map(str::to_owned).chain(hosts).collect();
    Ok(Line {
        client,
        wanted: Wanted::new(config, service.form(), own),
        service: service.into(),
        secrets,
    })
}

/// The host and the port of a URL.
fn host(base: &str) -> String {
    let uri: Option<Uri> = base.parse().ok();
    let authority = uri.as_ref().and_then(Uri::authority);
    authority.map_or_else(String::new, ToString::to_string)
}

/// The host of a URL, with its port and without.
fn hosts(base: &str) -> Vec<String> {
    let uri: Option<Uri> = base.parse().ok();
    let alone = uri.as_ref().and_then(Uri::host).map(str::to_owned);
    alone.into_iter().chain([host(base)]).collect()
}
