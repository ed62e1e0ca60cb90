//! Routes, limits, and errors to statuses. Handlers are thin: who may ask, what they sent, what we do, what we answer.

mod error;
mod guard;
mod intake;
mod kismet;
mod native;
mod openapi;
mod ops;
mod request;
mod response;
pub(crate) mod server;

use std::any::Any;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Router, middleware};
use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tower::{Layer, ServiceExt};
use tracing::error;
use uuid::Uuid;

use self::error::ApiError;
use self::guard::gate::demanding_of_log;
use self::guard::origin::{self, Origins};
use self::guard::rate::Rates;
use self::kismet::live::{self, Live};
use self::kismet::sources::SourceStates;
use self::kismet::{
    absent, alerts, annotations, command, devices, messages, networks, session, sources, system,
};
use self::ops::health;
use self::request::body::Bodies;
use self::request::forwarded::Proxies;
use self::response::{compress, pace, trace};
use self::server::connection::{Answers, OpenConnections};
use crate::alerts::AlertStore;
use crate::auth::{Access, Demand};
use crate::config::{Config, Server};
use crate::events::Events;
use crate::ingest::Ingest;
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
    access: Access,
    session_timeout: Duration,
    origins: Origins,
    ingest: Ingest,
    tracker: Arc<Tracker>,
    alerts: AlertStore,
    events: Events,
    live: Live,
    webhooks: Webhooks,
    sources: SourceStates,
    bodies: Bodies,
    rates: Rates,
    kismet_limits: crate::ingest::kismet::Limits,
    server: Server,
    proxies: Proxies,
    server_uuid: Uuid,
    started_at: ReceivedAt,
    open_connections: OpenConnections,
    history: Option<Arc<History>>,
    history_reads: Arc<Semaphore>,
    heavy_decodes: Arc<Semaphore>,
    page_items_max: usize,
    alert_text_bytes_max: usize,
    command_items_max: usize,
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
            kismet_limits: crate::ingest::kismet::Limits {
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
    fn now() -> ReceivedAt {
        SystemTime::now().into()
    }

    fn context(&self) -> Context {
        Context {
            server: self.server_uuid,
            now: Self::now().time(),
        }
    }
}

/// What answers requests, however they come.
pub(crate) fn service(app: App) -> impl Answers {
    let routes = routes(&app).with_state(app.clone());
    // Around the routes as a whole: what stands around each of them is boxed for every request.
    let compressed = compress::compression().layer(routes);
    let paced = ServiceExt::<Request>::map_response(compressed, pace::pace);
    paced.map_request(move |request| {
        let request = app.proxies.see_through(request);
        command::split_extension(request, &app.server.uri_prefix)
    })
}

/// All routes. Each stands in a group that says what it demands of who asks.
fn routes(app: &App) -> Router<App> {
    let gated = demanding_of_log(Demand::Scanreport, reports(), app)
        .merge(demanding_of_log(Demand::Readonly, reads(), app))
        .merge(demanding_of_log(Demand::Admin, commands(), app));
    let open = Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/system/user_status", read(absent::user_status))
        .merge(session::routes(app))
        .merge(openapi::routes(app));
    with_fallbacks(open.merge(gated))
        .layer(middleware::from_fn_with_state(app.clone(), every_route))
}

/// What holds for every route. One layer for all of it, because each is boxed for every request.
async fn every_route(State(app): State<App>, request: Request, next: Next) -> Response {
    trace::request(request, |request| {
        compress::tag(request, |request| {
            origin::check(&app.origins, request, |request| caught(next.run(request)))
        })
    })
    .await
}

fn reports() -> Router<App> {
    Router::new()
        .route("/phy/phy80211/scan/{file}", post(intake::wifi_scan_report))
        .route(
            "/phy/phybluetooth/scan/{file}",
            post(intake::bluetooth_scan_report),
        )
}

fn commands() -> Router<App> {
    Router::new()
        .route(
            "/devices/by-key/{key}/set_name",
            post(annotations::set_name),
        )
        .route("/devices/by-key/{key}/set_tag", post(annotations::set_tag))
        .route("/alerts/definitions/define_alert", post(alerts::define))
        .route("/alerts/raise_alerts", post(alerts::raise))
        .route("/alerts/raise_alert", post(alerts::raise))
        .route("/devices/alerts/mac/{kind}/add", post(alerts::watch))
        .route("/devices/alerts/mac/{kind}/remove", post(alerts::unwatch))
        .route("/api/v1/webhooks", get(native::webhooks::list))
        .route("/api/v1/webhooks/{name}/test", post(native::webhooks::test))
        .merge(source_commands())
        .route("/gps/add_gps", post(absent::no_receiver))
        .route("/gps/web/update", post(absent::no_receiver))
        .route("/gps/by-uuid/{uuid}/remove_gps", get(absent::no_receiver))
        .route("/poi/create_poi", post(absent::no_receiver))
        .route("/logging/by-uuid/{uuid}/stop", read(absent::one_log))
        .route("/logging/by-class/{class}/start", read(absent::one_log))
}

/// Kismet gives these to GET as well.
fn source_commands() -> Router<App> {
    Router::new()
        .route("/datasource/add_source", post(absent::no_radio))
        .route(
            "/datasource/by-uuid/{uuid}/set_channel",
            post(sources::tune),
        )
        .route("/datasource/by-uuid/{uuid}/set_hop", read(sources::tune))
        .route(
            "/datasource/by-uuid/{uuid}/close_source",
            read(sources::by_uuid),
        )
        .route(
            "/datasource/by-uuid/{uuid}/disable_source",
            read(sources::by_uuid),
        )
        .route(
            "/datasource/by-uuid/{uuid}/open_source",
            read(sources::by_uuid),
        )
        .route(
            "/datasource/by-uuid/{uuid}/pause_source",
            command(sources::pause),
        )
        .route(
            "/datasource/by-uuid/{uuid}/resume_source",
            command(sources::resume),
        )
}

fn reads() -> Router<App> {
    kismet()
        .route("/messagebus/all_messages", read(messages::all))
        .route(
            "/messagebus/last-time/{timestamp}/messages",
            read(messages::said_since),
        )
        .route("/eventbus/events.ws", get(live::eventbus))
        .route("/devices/monitor.ws", get(live::monitor))
        .route("/devices/views/{view}/monitor.ws", get(live::monitor))
        .route(
            "/devices/views/phy/{phyname}/monitor.ws",
            get(live::monitor),
        )
        .route(
            "/devices/views/seenby-uuid/{uuid}/monitor.ws",
            get(live::monitor),
        )
        .route("/api/v1/devices", get(native::devices::list))
        .route("/api/v1/devices/{mac}", get(native::devices::one))
        .route("/api/v1/sources", get(native::status::sources))
        .route("/api/v1/ssids", get(native::devices::ssids))
        .route("/api/v1/alerts", get(native::alerts::list))
        .route("/api/v1/status", get(native::status::status))
        .route(
            "/api/v1/devices/{mac}/observations",
            get(native::observations),
        )
}

/// Kismet's reads. Paths have no extension here: it chooses the form of the answer, and is taken off before.
fn kismet() -> Router<App> {
    let lists = absent::LISTS.map(|path| (path, read(absent::list)));
    let maps = absent::MAPS.map(|path| (path, read(absent::map)));
    let nothings = lists.into_iter().chain(maps);
    nothings
        .fold(Router::new(), |router, (path, route)| {
            router.route(path, route)
        })
        .route("/alerts/definitions", read(alerts::definitions))
        .route("/alerts/all_alerts", read(alerts::all))
        .route("/alerts/alerts_view", read(alerts::view))
        .route("/alerts/last-time/{timestamp}/alerts", read(alerts::since))
        .route(
            "/alerts/wrapped/last-time/{timestamp}/alerts",
            read(alerts::wrapped_since),
        )
        .route("/alerts/by-id/{hash}/alert", read(alerts::by_hash))
        .route("/devices/alerts/mac/{kind}/macs", read(alerts::watched))
        .route("/datasource/defaults", read(absent::source_defaults))
        .route("/gps/location", read(absent::location))
        .route("/gps/by-uuid/{uuid}/location", read(absent::receiver))
        .route("/packetchain/packet_stats", read(absent::packet_stats))
        .route("/packetchain/{kind}", read(absent::packet_stat))
        .route("/channels/channels", read(networks::channels))
        .route("/phy/phy80211/ssids/views/ssids", read(networks::ssids))
        .route(
            "/phy/phy80211/ssids/by-hash/{hash}/ssid",
            read(networks::ssid),
        )
        .route("/devices/views/all_views", read(devices::all_views))
        .route("/devices/views/{view}/devices", read(devices::in_view))
        .route(
            "/devices/views/{view}/last-time/{timestamp}/devices",
            read(devices::in_view_since),
        )
        .route(
            "/devices/views/phy/{phyname}/devices",
            read(devices::in_view),
        )
        .route(
            "/devices/views/phy/{phyname}/last-time/{timestamp}/devices",
            read(devices::in_view_since),
        )
        .route(
            "/devices/views/seenby-uuid/{uuid}/devices",
            read(devices::in_view),
        )
        .route(
            "/devices/views/seenby-uuid/{uuid}/last-time/{timestamp}/devices",
            read(devices::in_view_since),
        )
        .route("/devices/summary/devices", read(devices::in_view))
        .route(
            "/devices/last-time/{timestamp}/devices",
            read(devices::changed_since),
        )
        .route("/devices/all_devices", read(devices::all_devices))
        .route("/devices/by-mac/{mac}/devices", read(devices::by_mac))
        .route("/devices/multimac/devices", post(devices::multimac))
        .route("/devices/by-key/{key}/device", read(devices::by_key))
        .route("/devices/multikey/devices", post(devices::multikey))
        .route(
            "/devices/multikey/as-object/devices",
            post(devices::multikey_as_object),
        )
        .route(
            "/phy/phy80211/clients-of/{key}/clients",
            read(devices::clients_of),
        )
        .route(
            "/phy/phy80211/related-to/{key}/devices",
            read(devices::related_to),
        )
        .route("/datasource/all_sources", read(sources::all))
        .route("/datasource/by-uuid/{uuid}/source", read(sources::by_uuid))
        .route("/phy/all_phys", read(system::phys))
        .route("/system/status", read(system::status))
        .route("/system/timestamp", read(system::timestamp))
        .route("/system/tracked_fields.html", get(system::tracked_fields))
}

fn with_fallbacks(routes: Router<App>) -> Router<App> {
    routes
        .fallback(async || ApiError::NoSuchPath)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
}

/// Kismet answers reads to GET, and to POST with a command dictionary.
fn read<H, T>(handler: H) -> MethodRouter<App>
where
    H: axum::handler::Handler<T, App>,
    T: 'static,
{
    get(handler.clone()).post(handler)
}

/// What changes something: asking for the head of its answer would do it.
fn command<H, T>(handler: H) -> MethodRouter<App>
where
    H: axum::handler::Handler<T, App>,
    T: 'static,
{
    read(handler).head(|| async { ApiError::MethodNotAllowed })
}

/// A panic is an answer like any other.
async fn caught(answer: impl Future<Output = Response>) -> Response {
    // What the handlers share is behind locks, which say that somebody panicked with them.
    let answered = AssertUnwindSafe(answer).catch_unwind().await;
    answered.unwrap_or_else(|panic| panicked(&*panic))
}

fn panicked(panic: &(dyn Any + Send)) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let message = text
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or_default();
    error!(panic.message = message, "a handler panicked");
    ApiError::Panicked.into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_handler_is_an_error_like_any_other() {
        let broken = || panic!("the secret of the house");
        let router = Router::new().route(
            "/broken",
            get(async move || caught(async move { broken() }).await),
        );
        let request = Request::get("/broken").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let expected =
            r#"{"status": "an error of the server's own, its log tells more","success": false}"#;
        assert_eq!(body, expected);
    }
}
