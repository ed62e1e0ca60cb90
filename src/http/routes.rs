//! The routes, and what stands around all of them.

use std::sync::Arc;

use axum::extract::{FromRef, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use axum::{Router, middleware};
use tower::{Layer, ServiceExt};

use super::error::ApiError;
use super::guard::gate::demanding_of_log;
use super::guard::origin::{self, Origins};
use super::kismet::{
    absent, alerts, annotations, command, devices, live, messages, networks, session, sources,
    system,
};
use super::ops::health;
use super::request::forwarded::Proxies;
use super::response::panic::caught;
use super::response::{compress, etag, pace, trace};
use super::server::lease::HttpService;
use super::state::{App, ServerFacts};
use super::{intake, native, openapi};
use crate::auth::RequiredRole;

/// What answers requests, however they come.
pub(crate) fn service(app: App) -> impl HttpService {
    let (proxies, server) = (Proxies::from_ref(&app), Arc::<ServerFacts>::from_ref(&app));
    let routes = routes(&app).with_state(app);
    // Around the routes as a whole: what stands around each of them is boxed for every request.
    let compressed = compress::compression().layer(routes);
    let paced = ServiceExt::<Request>::map_response(compressed, pace::pace);
    paced.map_request(move |request| {
        let request = proxies.see_through(request);
        command::split_extension(request, &server.config.uri_prefix)
    })
}

/// All routes. Each stands in a group that says what it demands of who asks.
fn routes(app: &App) -> Router<App> {
    let gated = demanding_of_log(RequiredRole::Scanreport, reports(), app)
        .merge(demanding_of_log(RequiredRole::Readonly, reads(), app))
        .merge(demanding_of_log(RequiredRole::Admin, commands(), app));
    let open = Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/system/user_status", read(absent::user_status))
        .merge(session::routes(app))
        .merge(openapi::routes(app));
    with_fallbacks(open.merge(gated)).layer(middleware::from_fn_with_state(
        Arc::<Origins>::from_ref(app),
        every_route,
    ))
}

/// What holds for every route. One layer for all of it, because each is boxed for every request.
async fn every_route(
    State(origins): State<Arc<Origins>>,
    request: Request,
    next: Next,
) -> Response {
    trace::request(request, |request| {
        etag::tag(request, |request| {
            origin::check(&origins, request, |request| caught(next.run(request)))
        })
    })
    .await
}

fn reports() -> Router<App> {
    Router::new()
        .route(
            "/phy/phy80211/scan/{file}",
            post(intake::kismet::wifi_scan_report),
        )
        .route(
            "/phy/phybluetooth/scan/{file}",
            post(intake::kismet::bluetooth_scan_report),
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
        .route("/api/v1/sources", get(native::sources::list))
        .route("/api/v1/ssids", get(native::networks::list))
        .route("/api/v1/alerts", get(native::alerts::list))
        .route("/api/v1/status", get(native::status::status))
        .route(
            "/api/v1/devices/{mac}/observations",
            get(native::observations::list),
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
pub(super) fn read<H, T>(handler: H) -> MethodRouter<App>
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
