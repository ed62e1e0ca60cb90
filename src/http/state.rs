//! What handlers work with. A handler takes the parts that it uses, as `State<Part>`.

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts as RequestParts;
use bytes::Bytes;
use uuid::Uuid;

use super::clock::now;
use super::error::ApiError;
use super::guard::gate::Guard;
use super::guard::origin::Origins;
use super::guard::rate::{NewSources, Rates};
use super::guard::sight::CommonSight;
use super::guard::subscribers::Places;
use super::intake::{Intake, LargeBodies};
use super::kismet::files::PageFiles;
use super::kismet::live::{Feed, Live};
use super::kismet::records::Records;
use super::kismet::samples::Samples;
use super::native::imports::{ImportService, Service};
use super::native::live::{LivePage, PageParts};
use super::native::tile_index::TileIndex;
use super::request::body::{Bodies, BodyLimits};
use super::request::forwarded::Proxies;
use super::request::hang_up::HangUp;
use super::response::heavy::{
    self, HeavyReads, Interest, ReadLimits, ReadPlace, ReadQueue, Reader,
};
use super::response::pace::Pace;
use crate::alerts::AlertStore;
use crate::auth::{Access, SourceOwners};
use crate::config::{self, Config};
use crate::data_dir::DataDir;
use crate::erase::Eraser;
use crate::events::Events;
use crate::export::Scratch;
use crate::forward::Forwards;
use crate::import::Imports;
use crate::ingest::Ingest;
use crate::ingest::format::Limits;
use crate::ingest::health::SourceHealth;
use crate::ingest::outcomes::Outcomes;
use crate::log::History;
use crate::maps::BaseMaps;
use crate::metrics::{self, ConnectionCounts, Metrics, OldestReport, RefusedReads, RequestCounts};
use crate::page::WebPage;
use crate::privacy::{Policy, Sight};
use crate::process::Process;
use crate::report::{Phy, ReceivedAt};
use crate::tak::TakTargets;
use crate::tracker::{SilenceRule, Tracker};
use crate::webhook::Webhooks;

/// How many files are read at the same time.
const FILE_READS_MAX: usize = 4;

/// All parts. Each layer of each request has a clone, so it is one counted pointer.
#[derive(Clone, Debug)]
pub(crate) struct App(Arc<Handles>);

#[derive(Debug)]
struct Handles {
    guard: Guard,
    origins: Arc<Origins>,
    proxies: Proxies,
    intake: Arc<Intake>,
    records: Records,
    live: Live,
    page: LivePage,
    events: Events,
    webhooks: Webhooks,
    forwards: Forwards,
    tak: TakTargets,
    /// Reads of the log have places of their own, because they take longer than those of devices.
    logs: Logs,
    heavy_reads: HeavyReads,
    /// Exports have places of their own, because they take as long as their clients read.
    exports: ReadQueue,
    /// Reads of files, such as base maps.
    file_reads: ReadQueue,
    maps: BaseMaps,
    tile_index: TileIndex,
    privacy: Arc<Policy>,
    sight: CommonSight,
    eraser: Eraser,
    imports: Service,
    scratch: Option<Scratch>,
    package_devices_max: usize,
    kismet_page: Option<PageFiles>,
    web_page: WebPage,
    server: Arc<ServerFacts>,
    limits: RequestLimits,
}

/// What the server says of itself.
#[derive(Debug)]
pub(super) struct ServerFacts {
    pub(super) config: config::Server,
    pub(super) uuid: Uuid,
    pub(super) started_at: ReceivedAt,
    pub(super) metrics: Metrics,
    pub(super) requests: Arc<RequestCounts>,
    /// How long answers wait that refuse too much.
    pub(super) refusal_delay: Duration,
    pub(super) process: Process,
    pub(super) samples: Samples,
    /// The `OpenAPI` document as it is sent, once somebody has asked for it.
    pub(super) document: OnceLock<Option<Bytes>>,
}

/// What bounds single requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestLimits {
    pub(super) page_items_max: usize,
    pub(super) command_items_max: usize,
    pub(super) alert_text_bytes_max: usize,
    pub(super) alert_comments_max: usize,
    pub(super) track_points_max: usize,
    pub(super) track_observations_max: usize,
    /// How far the time of a report may be after its receipt, with a margin for reports from before the setting changed.
    pub(super) clock_ahead_max_s: u32,
    /// When a source counts as silent.
    pub(super) silence: SilenceRule,
    pub(super) tags_max: usize,
    pub(super) tag_bytes_max: usize,
    pub(super) source_name_bytes_max: usize,
    pub(super) tags_bytes_max: usize,
    pub(super) history_buckets_max: usize,
    pub(super) history_entries_max: usize,
}

/// The log, for the reads of one request. Some logs cannot be read.
#[derive(Clone, Debug)]
pub(super) struct HistoryReads {
    /// What the client sees.
    pub(super) sight: Sight,
    logs: Logs,
    reader: Reader,
}

/// The log for reads of each kind.
#[derive(Clone, Debug)]
struct Logs {
    /// Of few observations, which an index finds.
    reads: LogReads,
    /// Through the log, which take long.
    scans: LogReads,
}

impl Logs {
    fn new(
        history: Option<&Arc<History>>,
        limits: &config::Limits,
        refused: &RefusedReads,
        ingest: &Ingest,
    ) -> Self {
        let reads = || LogReads::new(history.cloned(), limits, refused, ingest);
        Self {
            reads: reads(),
            scans: reads(),
        }
    }
}

/// The log, and what bounds reads of it.
#[derive(Clone, Debug)]
struct LogReads {
    history: Option<Arc<History>>,
    queue: ReadQueue,
    /// Not that of walks over devices: a long read of the log would hold them up.
    pace: Pace,
}

impl LogReads {
    fn new(
        history: Option<Arc<History>>,
        limits: &config::Limits,
        refused: &RefusedReads,
        ingest: &Ingest,
    ) -> Self {
        let at_once_max = limits.log_reads_max;
        Self {
            history,
            queue: ReadQueue::new(read_limits(limits, at_once_max), &refused.log),
            pace: Pace::new(ingest.commit_counter(), at_once_max),
        }
    }
}

impl HistoryReads {
    /// Waits for a place and until reports leave time for it. `None` if the log cannot be read.
    pub(super) async fn read<T: Send + 'static>(
        self,
        read: impl FnOnce(&History, &Interest) -> T + Send + 'static,
    ) -> Result<Option<T>, ApiError> {
        Self::run(self.logs.reads, &self.reader, read).await
    }

    /// The same for a read that goes through the log. Such reads have places of their own, because they take long.
    pub(super) async fn scan<T: Send + 'static>(
        self,
        read: impl FnOnce(&History, &Interest) -> T + Send + 'static,
    ) -> Result<Option<T>, ApiError> {
        Self::run(self.logs.scans, &self.reader, read).await
    }

    async fn run<T: Send + 'static>(
        log: LogReads,
        reader: &Reader,
        read: impl FnOnce(&History, &Interest) -> T + Send + 'static,
    ) -> Result<Option<T>, ApiError> {
        let LogReads {
            history,
            queue,
            pace,
        } = log;
        let Some(history) = history else {
            return Ok(None);
        };
        let place = queue.admit(reader).await?;
        let done = heavy::run_in_turn(place, reader, &pace, move |interest| {
            read(&history, interest)
        });
        done.await.map(Some)
    }
}

impl FromRequestParts<App> for HistoryReads {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut RequestParts, app: &App) -> Result<Self, Infallible> {
        Ok(Self {
            sight: app.0.sight.of(&parts.extensions),
            logs: app.0.logs.clone(),
            reader: Reader::from_request_parts(parts, app).await?,
        })
    }
}

/// The export of one request.
#[derive(Clone, Debug)]
pub(super) struct ExportReads {
    /// Absent for a log in memory.
    pub(super) history: Option<Arc<History>>,
    /// Absent for a log in memory.
    pub(super) scratch: Option<Scratch>,
    pub(super) server_uuid: Uuid,
    pub(super) alerts: AlertStore,
    /// Most devices of a file that is made in memory.
    pub(super) package_devices_max: usize,
    /// What may leave.
    pub(super) privacy: Arc<Policy>,
    queue: ReadQueue,
    reader: Reader,
}

impl ExportReads {
    /// Waits for a place, which is kept until the client has read everything.
    pub(super) async fn admit(&self) -> Result<ReadPlace, ApiError> {
        self.queue.admit(&self.reader).await
    }

    /// Tells when the client is gone.
    pub(super) const fn hang_up(&self) -> &HangUp {
        &self.reader.hang_up
    }
}

impl FromRequestParts<App> for ExportReads {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut RequestParts, app: &App) -> Result<Self, Infallible> {
        Ok(Self {
            history: app.0.logs.scans.history.clone(),
            scratch: app.0.scratch.clone(),
            server_uuid: app.0.records.server_uuid,
            alerts: app.0.records.alerts.clone(),
            package_devices_max: app.0.package_devices_max,
            privacy: Arc::clone(&app.0.privacy),
            queue: app.0.exports.clone(),
            reader: Reader::from_request_parts(parts, app).await?,
        })
    }
}

/// Reads of files for one request: on threads that may block, and a few at a time.
#[derive(Clone, Debug)]
pub(super) struct FileReads {
    queue: ReadQueue,
    reader: Reader,
}

impl FileReads {
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = self.queue.admit(&self.reader).await?;
        heavy::run(place, &self.reader, |_| read()).await
    }
}

impl FromRequestParts<App> for FileReads {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut RequestParts, app: &App) -> Result<Self, Infallible> {
        Ok(Self {
            queue: app.0.file_reads.clone(),
            reader: Reader::from_request_parts(parts, app).await?,
        })
    }
}

/// What is started before requests are served.
pub(crate) struct Parts {
    pub(crate) access: Access,
    /// Who may report for which source. Absent where everybody may.
    pub(crate) owners: Option<Arc<SourceOwners>>,
    /// Whether the server listens on a loopback address.
    pub(crate) is_local: bool,
    pub(crate) server_uuid: Uuid,
    /// `None` for a log in memory.
    pub(crate) data: Option<DataDir>,
    pub(crate) ingest: Ingest,
    /// `None` for a log in memory.
    pub(crate) imports: Option<Imports>,
    /// `None` for a log in memory.
    pub(crate) scratch: Option<Scratch>,
    pub(crate) tracker: Arc<Tracker>,
    pub(crate) alerts: AlertStore,
    pub(crate) events: Events,
    pub(crate) history: Option<History>,
    pub(crate) webhooks: Webhooks,
    pub(crate) forwards: Forwards,
    pub(crate) tak: TakTargets,
    /// What may leave.
    pub(crate) privacy: Arc<Policy>,
    pub(crate) eraser: Eraser,
    pub(crate) connections: Arc<ConnectionCounts>,
    pub(crate) process: Process,
    /// Absent if Kismet's page is not served.
    pub(crate) kismet_page: Option<PageFiles>,
}

impl App {
    pub(crate) fn new(config: &Config, mut parts: Parts) -> Self {
        let limits = &config.limits;
        let bodies = Bodies::new(body_limits(limits));
        let origins = Origins::new(parts.access.clone(), parts.is_local, &config.server);
        let (health, outcomes) = (SourceHealth::new(limits.sources_max), Outcomes::default());
        let history = parts.history.take().map(Arc::new);
        let (requests, refused) = (Arc::<RequestCounts>::default(), RefusedReads::default());
        let maps = BaseMaps::of(parts.data.as_ref());
        maps.log_in_background();
        let metrics = Metrics::new(metric_sources(
            &mut parts,
            history.clone(),
            (&outcomes, &health),
            (&requests, &refused),
        ));
        let places = Places::new(limits.subscribers_max, limits.subscribers_per_client_max);
        let (request_limits, started_at) = (RequestLimits::of(config), now());
        let tracker = Arc::clone(&parts.tracker);
        let sight = common_sight(config, &parts.privacy);
        let pace = Pace::new(parts.ingest.commit_counter(), limits.device_walks_max);
        let tile_index = TileIndex::new(Arc::clone(&tracker), parts.ingest.clone(), pace.clone());
        let live = Live::new(limits, &pace, places.clone());
        let page = LivePage::new(
            limits,
            PageParts {
                places,
                events: parts.events.clone(),
                tracker: Arc::clone(&tracker),
                alerts: parts.alerts.clone(),
                access: parts.access.clone(),
                pace: pace.clone(),
                silence: request_limits.silence,
                started_at,
                sight: sight.clone(),
            },
        );
        let server = ServerFacts {
            config: config.server.clone(),
            uuid: parts.server_uuid,
            started_at,
            metrics,
            requests,
            refusal_delay: limits.refusal_delay,
            process: parts.process,
            samples: Samples::default(),
            document: OnceLock::new(),
        };
        Self(Arc::new(Handles {
            origins: Arc::new(origins),
            proxies: Proxies::new(&config.server.proxies),
            records: Records {
                tracker: parts.tracker,
                alerts: parts.alerts,
                server_uuid: parts.server_uuid,
                pace: pace.clone(),
            },
            live,
            page,
            logs: Logs::new(history.as_ref(), limits, &refused, &parts.ingest),
            exports: export_queue(limits, &refused),
            scratch: parts.scratch,
            package_devices_max: config.export.package_devices_max,
            heavy_reads: HeavyReads::new(walk_limits(limits), &refused.devices, pace),
            file_reads: ReadQueue::new(read_limits(limits, FILE_READS_MAX), &Arc::default()),
            maps,
            tile_index,
            privacy: parts.privacy,
            sight,
            eraser: parts.eraser,
            imports: parts.imports.map(|imports| import_service(config, imports)),
            kismet_page: parts.kismet_page,
            web_page: WebPage::new(&config.server.uri_prefix),
            server: Arc::new(server),
            limits: request_limits,
            guard: Guard {
                access: parts.access,
                session_timeout: config.auth.session_timeout,
                bodies: bodies.clone(),
            },
            intake: Arc::new(Intake {
                ingest: parts.ingest,
                tracker,
                rates: Rates::new(limits.reports_per_second_max, limits.bytes_per_second_max),
                new_sources: NewSources::new(limits.new_sources_per_hour_max),
                bodies,
                body_bytes_max: limits.body_bytes_max,
                events: parts.events.clone(),
                limits: upload_limits(config),
                health,
                outcomes,
                large_bodies: LargeBodies::new(processors()),
                owners: parts.owners,
            }),
            events: parts.events,
            webhooks: parts.webhooks,
            forwards: parts.forwards,
            tak: parts.tak,
        }))
    }
}

impl App {
    /// Replaces the list of pages that may use the server.
    pub(crate) fn allow_origins(&self, allowed: &[String]) {
        self.0.origins.allow(allowed);
    }

    /// Keeps the index by place current. Does not end.
    pub(crate) async fn follow_places(self) {
        self.0.tile_index.follow().await;
    }

    /// Takes the samples of a second, for graphs, and follows the file of the credentials.
    pub(crate) fn sample(&self, now: ReceivedAt) {
        let Handles {
            server,
            records,
            guard,
            ..
        } = &*self.0;
        guard.access.refresh();
        let totals = Phy::ALL.map(|phy| records.tracker.totals(phy).reports);
        server
            .samples
            .take(&server.metrics, totals.iter().sum(), now.time());
    }
}

impl RequestLimits {
    fn of(config: &Config) -> Self {
        const DAY_S: u32 = 86_400;
        Self {
            page_items_max: config.limits.page_items_max,
            command_items_max: config.limits.command_items_max,
            alert_text_bytes_max: config.alerts.text_bytes_max,
            alert_comments_max: config.limits.alert_comments_max,
            track_points_max: config.limits.track_points_max,
            track_observations_max: config.limits.track_observations_max,
            silence: SilenceRule {
                least_s: config.alerts.sourcesilent_least.as_secs(),
                factor: config.alerts.sourcesilent_factor,
            },
            clock_ahead_max_s: u32::try_from(config.ingest.clock_skew_max.as_secs())
                .unwrap_or(u32::MAX)
                .saturating_add(DAY_S),
            tags_max: config.limits.tags_per_device_max,
            tag_bytes_max: config.limits.tag_bytes_max,
            source_name_bytes_max: config.limits.source_name_bytes_max,
            tags_bytes_max: config.limits.tags_bytes_per_device_max,
            history_buckets_max: config.limits.history_buckets_max,
            history_entries_max: config.limits.history_entries_max,
        }
    }
}

fn read_limits(limits: &config::Limits, at_once_max: usize) -> ReadLimits {
    ReadLimits {
        at_once_max,
        waiting_max: limits.reads_waiting_max,
        per_client_max: limits.reads_per_client_max,
    }
}

fn walk_limits(limits: &config::Limits) -> ReadLimits {
    read_limits(limits, limits.device_walks_max)
}

fn export_queue(limits: &config::Limits, refused: &RefusedReads) -> ReadQueue {
    ReadQueue::new(walk_limits(limits), &refused.devices)
}

fn body_limits(limits: &config::Limits) -> BodyLimits {
    /// The share of one sender if the configuration does not say how much: one in so many.
    const SHARE: usize = 8;
    BodyLimits {
        bytes_max: limits.body_bytes_max,
        command_bytes_max: limits.command_bytes_max,
        all_bytes_max: limits.bodies_bytes_max,
        sender_bytes_max: match limits.bodies_bytes_per_sender_max {
            // One body always fits.
            0 => (limits.bodies_bytes_max / SHARE).max(limits.body_bytes_max),
            bytes_max => bytes_max,
        },
        timeout: limits.body_timeout,
        unwanted_timeout: limits.refused_body_timeout,
        bytes_per_second_min: limits.body_bytes_per_second_min,
        rate_after: limits.body_rate_after,
    }
}

fn import_service(config: &Config, imports: Imports) -> Arc<ImportService> {
    Arc::new(ImportService {
        imports,
        body_bytes_max: config.import.body_bytes_max,
        files_max: config.import.files_max,
        fields_max: config.import.fields_max,
        answer_within: config.import.answer_within,
        clock_skew_max: config.ingest.clock_skew_max,
    })
}

fn metric_sources(
    parts: &mut Parts,
    history: Option<Arc<History>>,
    (outcomes, health): (&Outcomes, &SourceHealth),
    (requests, refused_reads): (&Arc<RequestCounts>, &RefusedReads),
) -> metrics::MetricSources {
    metrics::MetricSources {
        data: parts.data.take(),
        oldest: OldestReport::new(history),
        access: parts.access.clone(),
        outcomes: outcomes.clone(),
        requests: Arc::clone(requests),
        refused_reads: refused_reads.clone(),
        health: health.clone(),
        tracker: Arc::clone(&parts.tracker),
        ingest: parts.ingest.clone(),
        imports: parts.imports.clone(),
        alerts: parts.alerts.clone(),
        webhooks: parts.webhooks.clone(),
        forwards: parts.forwards.clone(),
        tak: parts.tak.clone(),
        connections: Arc::clone(&parts.connections),
        process: parts.process.clone(),
    }
}

/// What clients see that are no administrators.
fn common_sight(config: &Config, policy: &Arc<Policy>) -> CommonSight {
    CommonSight(if config.privacy.views {
        Sight::of(Arc::clone(policy))
    } else {
        Sight::EVERYTHING
    })
}

fn upload_limits(config: &Config) -> Limits {
    let limits = &config.limits;
    Limits {
        reports_per_batch_max: limits.reports_per_batch_max,
        json_depth_max: limits.json_depth_max,
        ignored_max: limits.ignored_max,
        clock_skew_max: config.ingest.clock_skew_max,
        source_name_bytes_max: limits.source_name_bytes_max,
        capabilities_bytes_max: limits.capabilities_bytes_max,
        tags_max: limits.tags_per_device_max,
        tag_bytes_max: limits.tag_bytes_max,
        tags_bytes_max: limits.tags_bytes_per_device_max,
        advertising_bytes_max: limits.advertising_bytes_per_device_max,
    }
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Lets handlers take a part out of [`App`].
macro_rules! part {
    ($part:ty, $app:ident => $value:expr) => {
        impl FromRef<App> for $part {
            fn from_ref(App($app): &App) -> Self {
                $value
            }
        }
    };
}

part!(Access, app => app.guard.access.clone());
part!(AlertStore, app => app.records.alerts.clone());
part!(Arc<Intake>, app => Arc::clone(&app.intake));
part!(Arc<Origins>, app => Arc::clone(&app.origins));
part!(Arc<ServerFacts>, app => Arc::clone(&app.server));
part!(Service, app => app.imports.clone());
part!(BaseMaps, app => app.maps.clone());
part!(WebPage, app => app.web_page.clone());
part!(Option<PageFiles>, app => app.kismet_page.clone());
part!(Arc<Tracker>, app => Arc::clone(&app.records.tracker));
part!(Bodies, app => app.guard.bodies.clone());
part!(Option<Arc<SourceOwners>>, app => app.intake.owners.clone());
part!(CommonSight, app => app.sight.clone());
part!(Eraser, app => app.eraser.clone());
part!(Events, app => app.events.clone());
part!(Guard, app => app.guard.clone());
part!(LivePage, app => app.page.clone());
part!(HeavyReads, app => app.heavy_reads.clone());
part!(Ingest, app => app.intake.ingest.clone());
part!(Pace, app => app.records.pace.clone());
part!(Proxies, app => app.proxies.clone());
part!(Records, app => app.records.clone());
part!(RequestLimits, app => app.limits);
part!(SourceHealth, app => app.intake.health.clone());
part!(TileIndex, app => app.tile_index.clone());
part!(Forwards, app => app.forwards.clone());
part!(TakTargets, app => app.tak.clone());
part!(Webhooks, app => app.webhooks.clone());
part!(Feed, app => Feed {
    live: app.live.clone(),
    events: app.events.clone(),
    records: app.records.clone(),
    server: Arc::clone(&app.server),
    limits: app.limits,
    access: app.guard.access.clone(),
    sight: app.sight.clone(),
});
