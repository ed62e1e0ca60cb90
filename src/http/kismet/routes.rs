//! Kismet's routes. Clients know them by paths with an extension, which chooses the form of the answer.

use axum::handler::Handler;

use super::{
    absent, alerts, annotations, device_field, devices, files, live, messages, networks, page,
    session, sources, system,
};
use crate::auth::RequiredRole::{Admin, Credentials, Login, Readonly};
use crate::http::guard::origin::OtherPages;
use crate::http::openapi::sent;
use crate::http::route::{Answer, Body, Described, Extension, Route, Tag};
use crate::http::state::App;

const TABLE: &[&str] = &["page", "length", "sort", "sort_dir", "search"];

pub(in crate::http) fn routes() -> Vec<Route> {
    [
        devices(),
        known_devices(),
        networks(),
        sources(),
        commands(),
        system(),
        absences(),
        alerts(),
        live(),
        annotations(),
        sessions(),
        page(),
        page_files(),
    ]
    .concat()
}

fn devices() -> Vec<Route> {
    vec![
        read(
            "/devices/views/all_views",
            devices::all_views,
            "The views, and how many devices each has",
        ),
        read(
            "/devices/views/{view}/devices",
            devices::in_view,
            "The devices of a view",
        )
        .asks(TABLE),
        read(
            "/devices/views/{view}/last-time/{timestamp}/devices",
            devices::in_view_since,
            "What changed in a view since then",
        )
        .asks(TABLE),
        read(
            "/devices/views/phy/{phyname}/devices",
            devices::in_view,
            "The devices of a radio technology",
        )
        .asks(TABLE),
        read(
            "/devices/views/phy/{phyname}/last-time/{timestamp}/devices",
            devices::in_view_since,
            "What changed of a radio technology since then",
        )
        .asks(TABLE),
        read(
            "/devices/views/seenby-uuid/{uuid}/devices",
            devices::in_view,
            "The devices that a source saw",
        )
        .asks(TABLE),
        read(
            "/devices/views/seenby-uuid/{uuid}/last-time/{timestamp}/devices",
            devices::in_view_since,
            "What changed since then of the devices that a source saw",
        )
        .asks(TABLE),
        read(
            "/devices/summary/devices",
            devices::in_view,
            "All devices, as of the view `all`",
        )
        .asks(TABLE),
        read(
            "/devices/last-time/{timestamp}/devices",
            devices::changed_since,
            "The devices that changed since then",
        ),
        read(
            "/devices/all_devices",
            devices::in_view,
            "All devices, as of the view `all`",
        )
        .asks(TABLE),
    ]
}

/// Devices by their addresses and keys.
fn known_devices() -> Vec<Route> {
    vec![
        read(
            "/devices/by-mac/{mac}/devices",
            devices::by_mac,
            "The devices with an address",
        ),
        command(
            "/devices/multimac/devices",
            devices::multimac,
            "The devices with any of several addresses",
            Described::of::<sent::Addresses>(),
        ),
        read(
            "/devices/by-key/{key}/device",
            devices::by_key,
            "One device",
        ),
        Route::get_or_post(
            "/devices/by-key/{key}/{form}/{*field}",
            device_field::read,
            "One field of a device; slashes lead to fields within it",
        )
        .shown_as("/devices/by-key/{key}/device.{format}/{field}")
        .needs(Readonly)
        .fails(&[400, 404, 503]),
        command(
            "/devices/multikey/devices",
            devices::multikey,
            "The devices with any of several keys",
            Described::of::<sent::Keys>(),
        ),
        command(
            "/devices/multikey/as-object/devices",
            devices::multikey_as_object,
            "The same, by key",
            Described::of::<sent::Keys>(),
        ),
        read(
            "/phy/phy80211/clients-of/{key}/clients",
            devices::clients_of,
            "Always empty: scans tell of no clients",
        ),
        read(
            "/phy/phy80211/related-to/{key}/devices",
            devices::related_to,
            "The device, and the other networks of its radio",
        ),
    ]
}

fn networks() -> Vec<Route> {
    vec![
        read(
            "/phy/phy80211/ssids/views/ssids",
            networks::ssids,
            "The networks by name",
        )
        .asks(TABLE),
        read(
            "/phy/phy80211/ssids/by-hash/{hash}/ssid",
            networks::ssid,
            "One network",
        ),
        read(
            "/channels/channels",
            networks::channels,
            "The channels, and what is on them",
        ),
    ]
}

fn sources() -> Vec<Route> {
    vec![
        read("/datasource/all_sources", sources::all, "The scanners"),
        read(
            "/datasource/by-uuid/{uuid}/source",
            sources::by_uuid,
            "One scanner",
        ),
        read(
            "/datasource/defaults",
            absent::source_defaults,
            "What a source is set to where it says nothing",
        ),
    ]
}

const IMPOSSIBLE: &str = "Always 501: a server of scan reports cannot do this";
const UNCHANGED: &str = "The source, of which nothing can be closed or opened";

/// What may be done to sources, and Kismet's commands that nothing here can follow.
fn commands() -> Vec<Route> {
    vec![
        changed(read(
            "/datasource/by-uuid/{uuid}/pause_source",
            sources::pause,
            "Marks a source as paused; its reports are taken all the same",
        ))
        .not_by_head()
        .fails(&[400, 404, 409, 503]),
        changed(read(
            "/datasource/by-uuid/{uuid}/resume_source",
            sources::resume,
            "Takes the mark of a paused source away",
        ))
        .not_by_head()
        .fails(&[400, 404, 409, 503]),
        changed(read(
            "/datasource/by-uuid/{uuid}/close_source",
            sources::by_uuid,
            UNCHANGED,
        )),
        changed(read(
            "/datasource/by-uuid/{uuid}/disable_source",
            sources::by_uuid,
            UNCHANGED,
        )),
        changed(read(
            "/datasource/by-uuid/{uuid}/open_source",
            sources::by_uuid,
            UNCHANGED,
        )),
        impossible(post(
            "/datasource/by-uuid/{uuid}/set_channel",
            sources::tune,
            IMPOSSIBLE,
        )),
        impossible(read(
            "/datasource/by-uuid/{uuid}/set_hop",
            sources::tune,
            IMPOSSIBLE,
        )),
        impossible(post("/datasource/add_source", absent::no_radio, IMPOSSIBLE)),
        impossible(post("/gps/add_gps", absent::no_receiver, IMPOSSIBLE)),
        impossible(post("/gps/web/update", absent::no_receiver, IMPOSSIBLE)),
        impossible(get(
            "/gps/by-uuid/{uuid}/remove_gps",
            absent::no_receiver,
            IMPOSSIBLE,
        )),
        impossible(post("/poi/create_poi", absent::no_receiver, IMPOSSIBLE)),
        impossible(read(
            "/logging/by-uuid/{uuid}/stop",
            absent::one_log,
            IMPOSSIBLE,
        )),
        impossible(read(
            "/logging/by-class/{class}/start",
            absent::one_log,
            IMPOSSIBLE,
        )),
    ]
}

fn system() -> Vec<Route> {
    vec![
        read("/phy/all_phys", system::phys, "Counts by radio technology"),
        read("/system/status", system::status, "The server"),
        read("/system/timestamp", system::timestamp, "The server's clock"),
        Route::get(
            "/system/tracked_fields.html",
            system::tracked_fields,
            "All fields of Kismet's records, with type and meaning",
        )
        .needs(Readonly)
        .answers(Answer::Page),
        read(
            "/system/user_status",
            absent::user_status,
            "Under which name the server runs",
        )
        .open()
        .before_ready(),
        read(
            "/messagebus/all_messages",
            messages::all,
            "What the server said last",
        ),
        read(
            "/messagebus/last-time/{timestamp}/messages",
            messages::said_since,
            "What the server said since then",
        ),
        read(
            "/gps/location",
            absent::location,
            "Where a scanner was last",
        ),
        read(
            "/gps/by-uuid/{uuid}/location",
            absent::receiver,
            "Always 404: there is no GPS receiver",
        ),
        read(
            "/packetchain/packet_stats",
            absent::packet_stats,
            "Reports over time, as packets",
        ),
        read(
            "/packetchain/{kind}",
            absent::packet_stat,
            "One of `packet_rate`, `packet_peak`, `packet_error`, `packet_dupe`, `packet_drop`, `packet_processed`",
        ),
    ]
}

/// What a server without radios has none of.
fn absences() -> Vec<Route> {
    const NONE: &str = "Always empty: a server without radios has none";
    vec![
        read("/datasource/types", absent::list, NONE),
        read("/datasource/list_interfaces", absent::list, NONE),
        read("/gps/all_gps", absent::list, NONE),
        read("/gps/drivers", absent::list, NONE),
        read("/plugins/all_plugins", absent::list, NONE),
        read("/poi/list_poi", absent::list, NONE),
        read("/poi/all_poi", absent::list, NONE),
        read("/logging/active", absent::list, NONE),
        read("/logging/drivers", absent::list, NONE),
        read("/gps/all_locations", absent::map, NONE),
        read("/streams/all_streams", absent::map, NONE),
        read("/antennas/antennas", absent::map, NONE),
        read("/radiation/sensors/all_sensors", absent::map, NONE),
    ]
}

fn alerts() -> Vec<Route> {
    vec![
        read(
            "/alerts/definitions",
            alerts::definitions,
            "The kinds of alerts",
        ),
        read("/alerts/all_alerts", alerts::all, "The latest alerts"),
        read(
            "/alerts/alerts_view",
            alerts::view,
            "The latest alerts, searched, sorted and in pages",
        )
        .asks(TABLE),
        read(
            "/alerts/last-time/{timestamp}/alerts",
            alerts::since,
            "The latest alerts that were raised after then",
        ),
        read(
            "/alerts/wrapped/last-time/{timestamp}/alerts",
            alerts::wrapped_since,
            "The same, with the time to ask with again",
        ),
        read("/alerts/by-id/{hash}/alert", alerts::by_hash, "One alert"),
        read(
            "/devices/alerts/mac/{kind}/macs",
            alerts::watched,
            "The watched addresses; `kind` is `found`, `lost` or `both`",
        )
        .answers(Answer::Any),
        order(
            "/alerts/definitions/define_alert",
            alerts::define,
            "Makes a kind of alerts that can be raised",
            Described::of::<sent::NewAlertKind>(),
        ),
        order(
            "/alerts/raise_alerts",
            alerts::raise,
            "Raises an alert of a kind that there is",
            Described::of::<sent::NewAlert>(),
        )
        .fails(&[400, 413, 415, 503]),
        order(
            "/alerts/raise_alert",
            alerts::raise,
            "Raises an alert of a kind that there is",
            Described::of::<sent::NewAlert>(),
        )
        .fails(&[400, 413, 415, 503]),
        order(
            "/devices/alerts/mac/{kind}/add",
            alerts::watch,
            "Watches addresses; `kind` is `found`, `lost` or `both`",
            Described::of::<sent::WatchedAddresses>(),
        )
        .answers(Answer::Empty),
        order(
            "/devices/alerts/mac/{kind}/remove",
            alerts::unwatch,
            "Watches addresses no more",
            Described::of::<sent::WatchedAddresses>(),
        )
        .answers(Answer::Empty),
    ]
}

/// What is said on the WebSockets for events.
const EVENTBUS: &str = "The client sends text messages with a JSON object: `{\"SUBSCRIBE\": \"NEW_DEVICE\"}` begins and \
    `{\"UNSUBSCRIBE\": \"NEW_DEVICE\"}` ends a topic; `fields` beside `SUBSCRIBE` chooses fields, as in reads. `*` is every \
    topic. The server sends an object with one member, the topic, whose value is Kismet's record: `NEW_DEVICE`, \
    `NEW_DATASOURCE`, `ALERT` and `MESSAGE` when it happens; `TIMESTAMP`, `BATTERY`, `STATISTICS` and `GPS_LOCATION` each second. \
    What is not understood, or was missed, is told as a `MESSAGE`. A page, which can set no headers, shows its key as \
    the parameter `KISMET`.";
/// What is said on the WebSockets for devices.
const MONITOR: &str = "The client sends text messages with a JSON object: `{\"monitor\": \"*\", \"request\": 1, \"rate\": 1}` \
    monitors all devices, that with a key or an address, or those with `address/mask`, at most every `rate` seconds; `fields` chooses fields, as in \
    reads, and `{\"cancel\": 1}` ends the one with that number. The server sends the record of each device that changed, \
    as it is then. What is not understood is told as `{\"MESSAGE\": …}`. A page, which can set no headers, shows its key \
    as the parameter `KISMET`.";

/// WebSockets, for what changes.
fn live() -> Vec<Route> {
    vec![
        socket(
            "/eventbus/events.ws",
            live::eventbus,
            "WebSocket: events by topic",
            EVENTBUS,
        )
        .fails(&[426, 503]),
        socket(
            "/devices/monitor.ws",
            live::monitor,
            "WebSocket: devices as they change",
            MONITOR,
        )
        .fails(&[426, 503]),
        socket(
            "/devices/views/{view}/monitor.ws",
            live::monitor,
            "WebSocket: devices of a view as they change",
            MONITOR,
        )
        .fails(&[404, 426, 503]),
        socket(
            "/devices/views/phy/{phyname}/monitor.ws",
            live::monitor,
            "WebSocket: devices of a radio technology as they change",
            MONITOR,
        )
        .fails(&[404, 426, 503]),
        socket(
            "/devices/views/seenby-uuid/{uuid}/monitor.ws",
            live::monitor,
            "WebSocket: devices that a source saw, as they change",
            MONITOR,
        )
        .fails(&[404, 426, 503]),
    ]
}

fn annotations() -> Vec<Route> {
    vec![
        annotation(
            "/devices/by-key/{key}/set_name",
            annotations::set_name,
            "Gives a device a name; the empty one takes it away",
            Described::of::<sent::DeviceName>(),
        ),
        annotation(
            "/devices/by-key/{key}/set_tag",
            annotations::set_tag,
            "Marks a device; an empty value takes the mark away",
            Described::of::<sent::DeviceTag>(),
        ),
    ]
}

fn sessions() -> Vec<Route> {
    vec![
        Route::get("/session/check_setup_ok", session::check_setup_ok, "200 when there is a login, 500 when there is none").answers(Answer::Text),
        Route::get("/session/check_session", session::check_session, "200 for any login or key")
            .needs(Login)
            .judges_credentials()
            .answers(Answer::Text),
        Route::get("/session/check_login", session::check_login, "200 for an administrator")
            .needs(Admin)
            .judges_credentials()
            .answers(Answer::Text),
        Route::post("/session/set_password", session::set_password, "The first login from this machine, which needs no other, or another in place of that of the administrator who asks")
            .asks_itself()
            .needs(Credentials)
            .takes(Body::Form(Described::of::<sent::NewPassword>()))
            .answers(Answer::Text)
            .fails(&[400, 403]),
        Route::post("/session/logout", session::logout, "Ends the login of the request; keys stay valid")
            .asks_itself()
            .answers(Answer::Text),
        Route::post("/auth/apikey/generate.cmd", session::generate_key, "Makes a key and answers with it, this once")
            .extension(Extension::InPath)
            .needs(Credentials)
            .takes(Body::Json(Described::of::<sent::NewKey>()))
            .answers(Answer::Text)
            .fails(&[400, 409]),
        Route::post("/auth/apikey/revoke.cmd", session::revoke_key, "Makes a key worthless")
            .extension(Extension::InPath)
            .needs(Credentials)
            .takes(Body::Json(Described::of::<sent::KeyName>()))
            .answers(Answer::Text)
            .fails(&[400, 404]),
        read("/auth/apikey/list", session::list_keys, "The keys, without what opens anything").needs(Credentials),
    ]
    .into_iter()
    .map(|route| route.tag(Tag::Credentials).before_ready())
    .collect()
}

/// What Kismet's page loads before it knows who uses it.
fn page() -> Vec<Route> {
    vec![
        Route::get(
            "/dynamic.js",
            page::script,
            "The script by which Kismet's page loads its modules",
        )
        .answers(Answer::Script),
        get("/dynamic", page::modules, "The same modules as a list").fails(&[404]),
    ]
    .into_iter()
    .map(|route| route.open().before_ready())
    .collect()
}

/// The files of Kismet's page, if the server has a folder with them.
fn page_files() -> Vec<Route> {
    vec![
        Route::get(files::PAGE, files::redirect, "Leads to `/kismet/`").answers(Answer::Redirect),
        Route::get(
            "/kismet/",
            files::index,
            "Kismet's own page, if `ui.kismet_dir` names its files",
        )
        .shown_as("/kismet/index.html")
        .answers(Answer::Page)
        .fails(&[404, 503]),
        Route::get(
            "/kismet/{*path}",
            files::file,
            "A file of Kismet's own page",
        )
        .shown_as("/kismet/{path}")
        .answers(Answer::File)
        .fails(&[404, 503]),
    ]
    .into_iter()
    .map(|route| route.extension(Extension::InPath).open().before_ready())
    .collect()
}

fn get<T: 'static>(
    path: &'static str,
    handler: impl Handler<T, App>,
    summary: &'static str,
) -> Route {
    Route::get(path, handler, summary).extension(Extension::ChoosesForm)
}

fn post<T: 'static>(
    path: &'static str,
    handler: impl Handler<T, App>,
    summary: &'static str,
) -> Route {
    Route::post(path, handler, summary).extension(Extension::ChoosesForm)
}

/// A read: GET, or POST with a command.
fn read<T: 'static>(
    path: &'static str,
    handler: impl Handler<T, App>,
    summary: &'static str,
) -> Route {
    Route::get_or_post(path, handler, summary)
        .extension(Extension::ChoosesForm)
        .needs(Readonly)
        .takes(Body::Command(Described::of::<sent::Command>()))
        .answers(Answer::Kismet)
        .fails(&[400, 404, 503])
}

/// A read that needs a command.
fn command<T: 'static>(
    path: &'static str,
    handler: impl Handler<T, App>,
    summary: &'static str,
    schema: Described,
) -> Route {
    post(path, handler, summary)
        .needs(Readonly)
        .takes(Body::Json(schema))
        .answers(Answer::Kismet)
        .fails(&[400, 404, 413, 415, 503])
}

/// A command for the administrator. Kismet takes some by GET too, which a link on any page could send.
fn changed(route: Route) -> Route {
    route.needs(Admin).other_pages(OtherPages::NoLinks)
}

/// A command that nothing here can follow.
fn impossible(route: Route) -> Route {
    changed(route)
        .takes(Body::Command(Described::of::<sent::Command>()))
        .answers(Answer::Kismet)
        .fails(&[404, 501, 503])
}

/// A command about alerts.
fn order<T: 'static>(
    path: &'static str,
    handler: impl Handler<T, App>,
    summary: &'static str,
    schema: Described,
) -> Route {
    post(path, handler, summary)
        .needs(Admin)
        .takes(Body::Json(schema))
        .answers(Answer::Text)
        .fails(&[400, 409, 413, 415, 503])
}

/// A command about a device.
fn annotation<T: 'static>(
    path: &'static str,
    handler: impl Handler<T, App>,
    summary: &'static str,
    schema: Described,
) -> Route {
    post(path, handler, summary)
        .needs(Admin)
        .takes(Body::Json(schema))
        .answers(Answer::Text)
        .fails(&[400, 404, 413, 415, 503, 507])
}

/// A WebSocket. The document has no other place than the text for what is said on it.
fn socket<T: 'static>(
    path: &'static str,
    handler: impl Handler<T, App>,
    summary: &'static str,
    description: &'static str,
) -> Route {
    Route::get(path, handler, summary)
        .explained(description)
        .needs(Readonly)
        .answers(Answer::Socket)
}
