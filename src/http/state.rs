//! What handlers work with.

use std::num::NonZeroUsize;
use std::ops::Deref;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;
use uuid::Uuid;

use super::guard::origin::Origins;
use super::guard::rate::Rates;
use super::kismet::live::Live;
use super::kismet::sources::SourceStates;
use super::request::body::Bodies;
use super::request::forwarded::Proxies;
use super::server::lease::OpenConnections;
use crate::alerts::AlertStore;
use crate::auth::Access;
use crate::config::{Config, Server};
use crate::events::Events;
use crate::ingest::{Ingest, kismet};
use crate::log::History;
use crate::report::ReceivedAt;
use crate::tracker::Tracker;
use crate::views::kismet::Context;
use crate::webhook::Webhooks;

/// What handlers work with. Every layer of every request has a clone, so cloning it counts one number up.
#[derive(Clone, Debug)]
pub(crate) struct App(Arc<Handles>);

#[derive(Debug)]
pub(crate) struct Handles {
    pub(super) access: Access,
    pub(super) session_timeout: Duration,
    pub(super) origins: Origins,
    pub(super) ingest: Ingest,
    pub(super) tracker: Arc<Tracker>,
    pub(super) alerts: AlertStore,
    pub(super) events: Events,
    pub(super) live: Live,
    pub(super) webhooks: Webhooks,
    pub(super) sources: SourceStates,
    pub(super) bodies: Bodies,
    pub(super) rates: Rates,
    pub(super) kismet_limits: crate::ingest::kismet::Limits,
    pub(super) server: Server,
    pub(super) proxies: Proxies,
    pub(super) server_uuid: Uuid,
    pub(super) started_at: ReceivedAt,
    pub(super) open_connections: OpenConnections,
    pub(super) history: Option<Arc<History>>,
    pub(super) history_reads: Arc<Semaphore>,
    pub(super) heavy_decodes: Arc<Semaphore>,
    pub(super) page_items_max: usize,
    pub(super) alert_text_bytes_max: usize,
    pub(super) command_items_max: usize,
}

/// How many reads of the log are under way at one time.
const HISTORY_READS: usize = 2;

/// How many large bodies are looked into at one time: more would not be done sooner, and push each other's reports out of
/// the processors' caches.
fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// The parts that handlers work with.
pub(crate) struct Parts {
    pub(crate) access: Access,
    pub(crate) server_uuid: Uuid,
    pub(crate) ingest: Ingest,
    pub(crate) tracker: Arc<Tracker>,
    pub(crate) alerts: AlertStore,
    pub(crate) events: Events,
    pub(crate) history: Option<History>,
    pub(crate) webhooks: Webhooks,
    pub(crate) open_connections: OpenConnections,
}

impl Deref for App {
    type Target = Handles;

    fn deref(&self) -> &Handles {
        &self.0
    }
}

impl App {
    pub(crate) fn new(config: &Config, parts: Parts) -> Self {
        let Parts {
            access,
            server_uuid,
            ingest,
            tracker,
            alerts,
            events,
            history,
            webhooks,
            open_connections,
        } = parts;
        let limits = &config.limits;
        Self(Arc::new(Handles {
            origins: Origins::new(access.policy(), &config.server.cors_origins),
            access,
            session_timeout: config.auth.session_timeout,
            ingest,
            tracker,
            alerts,
            events,
            live: Live::new(limits),
            webhooks,
            sources: SourceStates::default(),
            bodies: Bodies::new(
                limits.body_bytes_max,
                limits.bodies_bytes_max,
                limits.body_timeout,
            ),
            rates: Rates::new(limits.reports_per_second_max),
            kismet_limits: kismet::Limits {
                reports_per_batch_max: limits.reports_per_batch_max,
                json_depth_max: limits.json_depth_max,
                clock_skew_max: config.ingest.clock_skew_max,
                source_name_bytes_max: limits.source_name_bytes_max,
                capabilities_bytes_max: limits.capabilities_bytes_max,
                tags_max: limits.tags_per_device_max,
                tag_bytes_max: limits.tag_bytes_max,
            },
            server: config.server.clone(),
            proxies: Proxies::new(&config.server.proxies),
            server_uuid,
            started_at: SystemTime::now().into(),
            open_connections,
            history: history.map(Arc::new),
            history_reads: Arc::new(Semaphore::new(HISTORY_READS)),
            heavy_decodes: Arc::new(Semaphore::new(processors())),
            page_items_max: limits.page_items_max,
            alert_text_bytes_max: config.alerts.text_bytes_max,
            command_items_max: limits.command_items_max,
        }))
    }

    /// The clock is read here and not deeper.
    pub(super) fn now() -> ReceivedAt {
        SystemTime::now().into()
    }

    pub(super) fn context(&self) -> Context {
        Context {
            server: self.server_uuid,
            now: Self::now().time(),
        }
    }
}
