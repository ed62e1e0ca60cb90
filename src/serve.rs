//! Connects the parts of the server, and shuts them down in order.

mod erasure;
mod reload;

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use tokio::sync::Mutex;
use tokio::sync::mpsc::Receiver;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

pub use self::erasure::erase_from;
use self::reload::{Reloader, Reloads};
use crate::alerts::{AlertKeeper, AlertStore, KeeperError};
use crate::auth::{Access, Credentials, CredentialsError, Policy, SourceOwners};
use crate::config::{Config, ConfigError, ListenAddress, RetentionRule};
use crate::data_dir::DataDir;
use crate::erase::Eraser;
use crate::events::Events;
use crate::export::Scratch;
use crate::fold::ResendWindow;
use crate::forward::{self, ForwardError, ForwardLog, TargetTasks};
pub use crate::http::PageError;
use crate::http::server::lease::ConnectionLimits;
use crate::http::server::listener;
use crate::http::server::places::{PlaceLimits, Places};
pub use crate::http::server::sockets::{BindError, Listeners};
use crate::http::server::tls::Tls;
pub use crate::http::server::tls::TlsError;
use crate::http::{self, App, PageFiles, Parts};
use crate::import::{
    DatabaseBounds, ImportBounds, ImportParts, Importing, SourceRules, UnpackBounds,
};
use crate::ingest::housekeeping::{
    self, HousekeepingHandle, HousekeepingMessages, Schedule, SourceRule,
};
use crate::ingest::{self, Ingest, Stores, WriterBounds, WriterError};
use crate::log::{History, Log, LogError, LogOptions};
use crate::metrics::ConnectionCounts;
use crate::notify::Notifier;
use crate::privacy::{self, OptedOut};
use crate::process::Process;
use crate::report::ReceivedAt;
use crate::snapshot::Snapshots;
use crate::tak::{self, LivePicture, TakError};
use crate::tracker::Tracker;
use crate::webhook::{self, Deliveries, WebhookError, Webhooks};

/// How late a rule about silence may fire.
const TICK_INTERVAL: Duration = Duration::from_secs(1);
/// How far the times on disk at which credentials were used may lag behind.
const USES_INTERVAL: Duration = Duration::from_secs(60);

/// Why the server could not start, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The alerts cannot be opened.
    #[error(transparent)]
    Alerts(#[from] KeeperError),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Kismet's page cannot be served.
    #[error(transparent)]
    KismetPage(#[from] PageError),
    /// The webhooks cannot be started.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// What is to be forwarded cannot be.
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// What is to be shown to TAK programs cannot be.
    #[error(transparent)]
    Tak(#[from] TakError),
    /// A listener has no local address.
    #[error("a listener has no address")]
    Address(#[source] io::Error),
    /// The key of zones and redacted files cannot be read or made.
    #[error("cannot use privacy.json in the data directory")]
    PrivacyKey(#[source] io::Error),
    /// The folder of imports cannot be used.
    #[error("cannot use the folder of imports in the data directory")]
    Imports(#[source] io::Error),
    /// The folder of exports cannot be used.
    #[error("cannot use the folder of exports in the data directory")]
    Exports(#[source] io::Error),
    /// The operating system cannot start a thread.
    #[error("cannot start a thread for the writer or the housekeeping")]
    Thread(#[source] io::Error),
    /// The writer ended, so that no more reports can be accepted.
    #[error("the writer ended, no more reports can be accepted: {0}")]
    Writer(#[from] WriterError),
}

/// What the start does besides what its configuration says.
#[derive(Debug, Default)]
pub struct StartOptions {
    /// Starts even if devices are missing whose reports the log has deleted.
    pub accepts_loss: bool,
    /// Requests to use changed settings and files while the server runs.
    pub reloads: Option<Receiver<Reload>>,
    /// Sends nothing to others. Webhooks and forwards keep their positions in the data directory, so that a later start
    /// sends what is missing.
    pub sends_nothing: bool,
}

/// A request to use what has changed since the start. The certificate is read again in any case.
#[derive(Debug)]
pub enum Reload {
    /// Uses those settings of this configuration that can change while the server runs.
    Config(Box<Config>),
    /// Leaves the settings as they are.
    FilesOnly,
}

/// Serves on `listeners` until `shutdown`. Then it stops accepting, finishes the requests under way, and returns.
///
/// # Errors
///
/// When the server cannot start, or when the writer fails, because then no more reports can be stored.
pub async fn serve(
    listeners: impl Into<Listeners>,
    config: Config,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    serve_with(listeners, config, StartOptions::default(), shutdown).await
}

/// Like [`serve`], with options.
///
/// # Errors
///
/// Like [`serve`].
pub async fn serve_with(
    listeners: impl Into<Listeners>,
    config: Config,
    options: StartOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let (data, listeners) = (config.server.data_dir()?, listeners.into());
    let options_of_log = LogOptions {
        index_rows: config.limits.history_memory_rows,
    };
    let (mut config, mut shutdown) = (config, pin!(shutdown));
    let how = How::new(options, Some(&data));
    loop {
        erasure::carry_out_waiting(&config, &how.eraser).await;
        let log = Log::in_directory_with(&data, options_of_log)?;
        let stores = (log, Some(data.clone()));
        let listening = listeners.clone();
        match run(listening, config.clone(), stores, &how, shutdown.as_mut()).await? {
            Ended::Stopped => return Ok(()),
            Ended::ToErase => info!("starting again, to erase what was ordered"),
        }
        if let Some(changed) = how.reloads.lock().await.changed.take() {
            config = changed;
        }
    }
}

/// Why a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Stopped,
    /// Its files are to be changed, which only a server that does not run yet can do.
    ToErase,
}

impl Ended {
    /// Tells the service manager, until what is returned is dropped: the ticks end, but the process may not.
    fn tell(self, notifier: &Arc<Notifier>) -> Option<AbortOnDropHandle<()>> {
        match self {
            Self::Stopped => {
                info!("shutting down");
                notifier.stopping();
                None
            }
            Self::ToErase => Some(notifier.keep_alive()),
        }
    }
}

/// How each start of the server goes.
struct How {
    accepts_loss: bool,
    sends_nothing: bool,
    reloads: Arc<Mutex<Reloads>>,
    eraser: Eraser,
}

impl How {
    fn new(options: StartOptions, data: Option<&Path>) -> Self {
        Self {
            eraser: Eraser::new(data),
            accepts_loss: options.accepts_loss,
            sends_nothing: options.sends_nothing,
            reloads: Arc::new(Mutex::new(Reloads::new(options.reloads))),
        }
    }

    /// What is forwarded. `None` if nothing is.
    fn forward_log(
        &self,
        log: &Log,
        tracker: &Arc<Tracker>,
        privacy: &Arc<privacy::Policy>,
    ) -> Option<ForwardLog> {
        let history = log.history().filter(|_| !self.sends_nothing)?;
        Some(ForwardLog {
            history: Arc::new(history),
            tracker: Arc::clone(tracker),
            privacy: Arc::clone(privacy),
            server: log.server_uuid(),
        })
    }

    /// What TAK programs are shown. `None` if nothing is sent.
    fn live_picture(
        &self,
        events: &Events,
        tracker: &Arc<Tracker>,
        privacy: &Arc<privacy::Policy>,
    ) -> Option<LivePicture> {
        (!self.sends_nothing).then(|| LivePicture {
            tracker: Arc::clone(tracker),
            privacy: Arc::clone(privacy),
            seen: Arc::clone(events.seen_devices()),
        })
    }
}

/// Like [`serve`], but with a log that is open already, and without snapshots.
///
/// # Errors
///
/// Like [`serve`].
pub async fn serve_log(
    listeners: impl Into<Listeners>,
    config: Config,
    log: Log,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let how = How::new(StartOptions::default(), None);
    let (listeners, shutdown) = (listeners.into(), pin!(shutdown));
    let ended = run(listeners, config, (log, None), &how, shutdown).await;
    ended.map(drop)
}

/// What to do as soon as the log has been read.
fn when_read(
    housekeeper: HousekeepingHandle,
    notifier: Arc<Notifier>,
    ready: CancellationToken,
) -> impl FnOnce(Option<Snapshots>, ReceivedAt) + Send + 'static {
    move |snapshots, arrived_last| {
        housekeeper.begin(snapshots, arrived_last);
        notifier.ready();
        ready.cancel();
    }
}

async fn run(
    listeners: Listeners,
    config: Config,
    (log, data): (Log, Option<PathBuf>),
    how: &How,
    shutdown: impl Future<Output = ()>,
) -> Result<Ended, ServeError> {
    let kismet_page = PageFiles::open(&config.ui.kismet_dir)?;
    let tls = Tls::open(&config.server)?.map(Arc::new);
    let listens_on = ip_addresses(&listeners.addresses().map_err(ServeError::Address)?);
    // Before anything is said to be ready: these warnings belong to the start.
    let process = Process::this();
    let places = Places::new(place_limits(&config, &process), &config.server.proxies);
    let (access, owners) = open_access(&config, data.as_deref(), &listens_on)?;
    let access_at_end = access.clone();
    // Imports have connections of their own, so that they and readers do not wait for each other.
    let (server_uuid, history, history_of_imports) =
        (log.server_uuid(), log.history(), log.history());
    let keeper = AlertKeeper::open(data.as_deref(), &config.alerts, server_uuid)?;
    let alerts = keeper.store();
    let data_files = data.as_deref().map(DataDir::at);
    let privacy = open_privacy(&config, data_files.as_ref())?;
    let tracker = Arc::new(tracker(&config, &privacy));
    let events = Events::new(config.limits.events_queue_max);
    let (stop, ready) = (CancellationToken::new(), CancellationToken::new());
    // The tasks also have to stop if the start fails from here on.
    let _stopped = stop.clone().drop_guard();
    let (webhooks, deliveries) =
        start_webhooks(&config, !how.sends_nothing, &alerts, data.as_deref(), &stop)?;
    let forwarded = how.forward_log(&log, &tracker, &privacy);
    let forwarded = forwarded.zip(data.as_deref());
    let (forwards, forwarding) = forward::start(&config.forward, forwarded, &ready, &stop)?;
    let picture = how.live_picture(&events, &tracker, &privacy);
    let (tak, showing) = tak::start(&config.tak, picture, &stop)?;
    let sending = (deliveries, forwarding, showing);
    let (housekeeper, messages) = housekeeping::channel();
    let notifier = Arc::new(Notifier::of_environment());
    let (ingest, mut writer) = ingest::start(
        Stores {
            log,
            snapshots: data,
            accepts_loss: how.accepts_loss,
            alerts: keeper,
        },
        Arc::clone(&tracker),
        events.clone(),
        SystemTime::now().into(),
        writer_bounds(&config),
        when_read(housekeeper.clone(), Arc::clone(&notifier), ready),
    )
    .map_err(ServeError::Thread)?;
    let housekeeping = start_housekeeping(messages, (&tracker, &ingest, &alerts), &config)?;
    let rules = source_rules(&config, &tracker, owners.as_ref(), history_of_imports);
    let importing = start_imports(&config, data_files.as_ref(), (&ingest, &events), rules)?;
    let connections = Arc::<ConnectionCounts>::default();
    let senders = (&webhooks, &forwards, &tak);
    let reloader = Reloader::new(&config, tls.as_ref(), senders, &alerts);
    let parts = Parts {
        scratch: open_scratch(&config, data_files.as_ref())?,
        access,
        owners,
        is_local: is_local(&listens_on),
        server_uuid,
        data: data_files,
        ingest: ingest.clone(),
        imports: importing.as_ref().map(Importing::imports),
        tracker,
        alerts,
        events,
        history,
        webhooks,
        forwards,
        tak,
        privacy,
        eraser: how.eraser.clone(),
        connections: Arc::clone(&connections),
        process,
        kismet_page,
    };
    let app = App::new(&config, parts);
    spawn_until(&stop, tick(ingest, app.clone(), Arc::clone(&notifier)));
    spawn_until(&stop, app.clone().follow_places());
    spawn_until(&stop, save_uses(access_at_end.clone()));
    spawn_until(&stop, reloader.run(Arc::clone(&how.reloads), app.clone()));
    let serving = tokio::spawn(listener::run(
        listeners,
        // Nothing here keeps a handle: the writer ends with the last one.
        http::service(app),
        connection_limits(&config),
        places,
        tls,
        connections,
        stop.clone(),
    ));
    let (ended, early) = tokio::select! {
        () = shutdown => (Ended::Stopped, None),
        () = how.eraser.begun() => (Ended::ToErase, None),
        ended = writer.ended() => (Ended::Stopped, Some(ended)),
    };
    let _alive = ended.tell(&notifier);
    stop.cancel();
    let sent = finish_sending(sending, config.server.shutdown_grace);
    tokio::join!(serving, sent).0.ok();
    finish(importing, (housekeeper, housekeeping), access_at_end).await;
    match early {
        Some(ended) => ended?,
        None => writer.ended().await?,
    }
    Ok(ended)
}

fn start_housekeeping(
    messages: HousekeepingMessages,
    (tracker, ingest, alerts): (&Arc<Tracker>, &Ingest, &AlertStore),
    config: &Config,
) -> Result<JoinHandle<()>, ServeError> {
    let (tracker, ingest, alerts) = (Arc::clone(tracker), ingest.clone(), alerts.clone());
    let started = housekeeping::start(messages, tracker, ingest, alerts, schedule(config));
    started.map_err(ServeError::Thread)
}

/// Waits until the requests to others that are under way have ended, but not for long.
async fn finish_sending(
    (deliveries, forwarding, showing): (Deliveries, TargetTasks, TargetTasks),
    grace: Duration,
) {
    tokio::join!(
        deliveries.finish(grace),
        forwarding.finish(grace),
        showing.finish(grace)
    );
}

/// Ends what still works after the last connection.
async fn finish(
    importing: Option<Importing>,
    (housekeeper, housekeeping): (HousekeepingHandle, JoinHandle<()>),
    access: Access,
) {
    // Imports go on where they were after the next start.
    spawn_blocking(|| importing.map(Importing::stop)).await.ok();
    // Nothing changes any more. The housekeeping holds the last handle to the writer, so the writer ends with it.
    housekeeper.stop();
    spawn_blocking(move || housekeeping.join()).await.ok();
    spawn_blocking(move || access.save_uses()).await.ok();
}

/// The addresses without ports, and without Unix domain sockets.
pub fn ip_addresses(addresses: &[ListenAddress]) -> Vec<IpAddr> {
    let addresses = addresses.iter();
    let addresses = addresses.filter_map(|address| match address {
        ListenAddress::Tcp(address) => Some(address.ip()),
        ListenAddress::Unix(_) => None,
    });
    addresses.collect()
}

/// Whether only this machine reaches the addresses, and a browser does.
fn is_local(listens_on: &[IpAddr]) -> bool {
    let mut addresses = listens_on.iter();
    !listens_on.is_empty() && addresses.all(|address| address.to_canonical().is_loopback())
}

/// Opens the credentials, and the owners of sources if sources are bound to keys.
fn open_access(
    config: &Config,
    data: Option<&Path>,
    listens_on: &[IpAddr],
) -> Result<(Access, Option<Arc<SourceOwners>>), CredentialsError> {
    let credentials = match data {
        Some(data) => Credentials::open(data)?.closing_after(config.auth.stale_max),
        None => Credentials::none(),
    };
    let policy = Policy::of_all(config.auth.mode, listens_on);
    let owners = config.auth.bind_sources;
    let owners = owners.then(|| SourceOwners::open(data, config.limits.sources_max));
    let access = Access::new(policy, credentials, &config.auth);
    Ok((access, owners.transpose()?.map(Arc::new)))
}

/// What may leave, as the configuration and the key of the data directory have it.
fn open_privacy(
    config: &Config,
    data: Option<&DataDir>,
) -> Result<Arc<privacy::Policy>, ServeError> {
    let key = privacy::open_key(data).map_err(ServeError::PrivacyKey)?;
    Ok(Arc::new(privacy::Policy::new(config.privacy.rules(), &key)))
}

fn writer_bounds(config: &Config) -> WriterBounds {
    WriterBounds {
        queue_batches_max: config.limits.queue_batches_max,
        window: ResendWindow {
            batches_max: config.ingest.resend_batches_max,
            age_max: config.ingest.resend_window,
        },
    }
}

fn schedule(config: &Config) -> Schedule {
    Schedule {
        interval: config.snapshots.interval,
        age_max: config.retention.age_max(),
        size_max_bytes: config.retention.size_max_bytes(),
        rules: config.retention.rules.iter().map(source_rule).collect(),
    }
}

fn source_rule(rule: &RetentionRule) -> SourceRule {
    SourceRule {
        sources: rule.names().map(str::to_owned).collect(),
        age_max: rule.age_max(),
    }
}

fn import_bounds(config: &Config) -> ImportBounds {
    let import = &config.import;
    let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    ImportBounds {
        unpack: UnpackBounds {
            bytes_max: wide(import.unpacked_bytes_max),
            ratio_max: wide(import.unpacked_ratio_max),
            files_max: import.files_max,
        },
        database: DatabaseBounds {
            memory_bytes_max: wide(import.database_memory_bytes_max),
            time_max: import.database_time_max,
        },
        jobs_max: import.jobs_max,
        jobs_kept_max: import.jobs_kept_max,
        jobs_kept_for: (!import.jobs_kept_for.is_zero()).then_some(import.jobs_kept_for),
        retry_delay: import.retry_delay,
    }
}

fn source_rules(
    config: &Config,
    tracker: &Arc<Tracker>,
    owners: Option<&Arc<SourceOwners>>,
    history: Option<History>,
) -> SourceRules {
    SourceRules {
        tracker: Arc::clone(tracker),
        owners: owners.cloned(),
        history,
        new_per_hour_max: config.limits.new_sources_per_hour_max,
    }
}

/// Opens the folder for files that are exported as a whole. A log in memory has none.
fn open_scratch(config: &Config, data: Option<&DataDir>) -> Result<Option<Scratch>, ServeError> {
    let bytes_max = u64::try_from(config.export.file_bytes_max).unwrap_or(u64::MAX);
    let open = |data| Scratch::open(data, bytes_max);
    data.map(open).transpose().map_err(ServeError::Exports)
}

/// Starts to carry out imports. A log in memory has none.
fn start_imports(
    config: &Config,
    data: Option<&DataDir>,
    (ingest, events): (&Ingest, &Events),
    sources: SourceRules,
) -> Result<Option<Importing>, ServeError> {
    let parts = ImportParts {
        ingest: ingest.clone(),
        events: events.clone(),
        sources,
    };
    let watched = (config.import.folder.as_path(), config.ingest.clock_skew_max);
    let bounds = import_bounds(config);
    let start = |data| Importing::start(data, bounds, watched, parts);
    data.map(start).transpose().map_err(ServeError::Imports)
}

fn place_limits(config: &Config, process: &Process) -> PlaceLimits {
    let limits = &config.limits;
    let connections_max = process.connections_max();
    if connections_max < limits.connections_max {
        warn!(
            limits.connections_max = limits.connections_max,
            connections_max,
            "the system allows too few open files for all connections (ulimit -Hn); fewer are accepted"
        );
    }
    PlaceLimits {
        connections_max: limits.connections_max.min(connections_max),
        connections_per_network_max: limits.connections_per_network_max,
    }
}

fn connection_limits(config: &Config) -> ConnectionLimits {
    /// A body that is refused because of its size is larger than the bound. Of a refused body, this many times the bound
    /// is read.
    const REFUSED_BODY_FACTOR: usize = 4;
    let limits = &config.limits;
    let largest_body = limits.body_bytes_max.max(config.import.body_bytes_max);
    ConnectionLimits {
        head_bytes_max: limits.head_bytes_max,
        refused_body_bytes_max: largest_body.saturating_mul(REFUSED_BODY_FACTOR),
        refused_body_pause_max: limits.refused_body_timeout,
        refused_body_timeout: limits.body_timeout.max(limits.refused_body_timeout),
        header_timeout: limits.header_timeout,
        idle_timeout: limits.idle_timeout,
        shutdown_grace: config.server.shutdown_grace,
    }
}

/// An empty tracker that shows on maps what may leave.
fn tracker(config: &Config, privacy: &Arc<privacy::Policy>) -> Tracker {
    let policy = Arc::clone(privacy);
    erasure::empty_tracker(config)
        .showing_on_map(move |device| policy.lets_out(device, OptedOut::LeftOut))
}

/// Starts the webhooks. If nothing is to be sent, there are none, and their positions in the data directory stay.
fn start_webhooks(
    config: &Config,
    is_sending: bool,
    alerts: &AlertStore,
    data: Option<&Path>,
    stop: &CancellationToken,
) -> Result<(Webhooks, Deliveries), WebhookError> {
    let feed = webhook::alert_feed(alerts.clone());
    if !is_sending {
        return webhook::start(&[], feed, None, stop);
    }
    webhook::warn_of_missing_rules(&config.webhooks, alerts);
    webhook::start(&config.webhooks, feed, data, stop)
}

fn spawn_until(stop: &CancellationToken, task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(stop.clone().run_until_cancelled_owned(task));
}

/// Sends the writer a tick every second, so that rules about silence fire when no request arrives, and takes samples for
/// graphs. Tells the service manager that the server runs.
async fn tick(ingest: Ingest, app: App, notifier: Arc<Notifier>) {
    let mut ticks = interval(TICK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let now = SystemTime::now().into();
        ingest.tick(now);
        app.sample(now);
        notifier.alive();
    }
}

/// Writes now and then when keys and logins were used last.
async fn save_uses(access: Access) {
    let mut ticks = interval(USES_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let access = access.clone();
        spawn_blocking(move || access.save_uses()).await.ok();
    }
}
