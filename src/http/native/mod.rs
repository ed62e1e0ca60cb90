//! The native interface: small, typed, paged.

mod alert_notes;
mod alert_rules;
pub(super) mod alerts;
pub(super) mod basemaps;
pub(super) mod devices;
mod erase;
mod export;
mod filter;
pub(super) mod forwards;
pub(super) mod history;
pub(super) mod imports;
pub(super) mod live;
pub(super) mod networks;
pub(super) mod observations;
mod session;
mod source_name;
pub(super) mod sources;
pub(super) mod status;
pub(super) mod summary;
pub(super) mod tak;
pub(super) mod tile_index;
pub(super) mod tiles;
mod track;
pub(super) mod webhooks;

use axum::handler::Handler;

use super::route::{Answer, Body, Described, Extension, Route, Tag};
use super::state::App;
use crate::auth::RequiredRole::{Admin, Readonly, Scanreport};
use crate::views::TrackFeature;
use crate::views::native::{HandledAlert, HistoryChart, WholeDevice};

const FILTERS: &[&str] = &[
    "phy",
    "ssid",
    "ssid_contains",
    "name_not",
    "address_prefix",
    "manufacturer",
    "source",
    "security",
    "channel",
    "band",
    "signal_min_dbm",
    "since",
    "until",
    "bbox",
    "near",
    "with_position",
];
const TILES: &str = "The layer `aps` has points, with an extent of 4096 and no buffer. A tile with at most 1000 devices has one for each: \
    `address`, `security`, `last_seen`, and if known `signal_dbm` and, from zoom 16 on, `ssid`. Other tiles have one for \
    each of 32 × 32 cells that has devices: `count`, `signal_strongest_dbm`, and counts by class of security. A tile \
    without devices is empty.";
const PAGE: &[&str] = &["limit", "cursor"];

pub(in crate::http) fn routes() -> Vec<Route> {
    [
        routes_of_devices(),
        routes_of_alerts(),
        routes_of_sources(),
        routes_of_server(),
        base_maps(),
        vec![export()],
        routes_of_imports(),
        routes_of_uploaders(),
    ]
    .concat()
}

fn base_maps() -> Vec<Route> {
    vec![
        read(
            "/api/v1/basemaps",
            basemaps::list,
            "The base maps that the server has",
            Answer::Json(Described::of::<basemaps::List>()),
        ),
        read(
            "/api/v1/basemaps/outline",
            basemaps::outline_json,
            "Land and borders of the world, as TopoJSON",
            Answer::Any,
        ),
        read(
            "/api/v1/basemaps/{name}/style.json",
            basemaps::map_style,
            "A MapLibre style for a base map",
            Answer::Any,
        )
        .asks(&["theme"]),
        read(
            "/api/v1/basemaps/{name}/{z}/{x}/{y}",
            basemaps::tile,
            "A tile of a base map, in its format",
            Answer::MapTile,
        )
        .fails(&[400, 404, 500, 503]),
    ]
}

fn routes_of_devices() -> Vec<Route> {
    vec![
        read(
            "/api/v1/devices/{mac}/observations",
            observations::list,
            "The reports of a device out of the log, the newest first; CSV for `Accept: text/csv`",
            Answer::Table(Described::of::<observations::Observations<'static>>()),
        )
        .asks(&["texts"])
        .asks(&["since", "until"])
        .asks(PAGE),
        read(
            "/api/v1/devices/{mac}/history",
            history::chart,
            "The reports of a device, counted by spans of time",
            Answer::Json(Described::of::<HistoryChart>()),
        )
        .asks(&["bucket", "since", "until"]),
        read(
            "/api/v1/devices/{mac}",
            devices::one,
            "A device with all that is known of it",
            Answer::Json(Described::of::<WholeDevice<'static>>()),
        ),
        read(
            "/api/v1/devices",
            devices::list,
            "Devices by filter and order; CSV for `Accept: text/csv`",
            Answer::Table(Described::of::<devices::Devices<'static>>()),
        )
        .asks(&["texts"])
        .asks(FILTERS)
        .asks(&["changed_since", "sort", "order"])
        .asks(PAGE),
        tiles(),
        read(
            "/api/v1/ssids",
            networks::list,
            "Networks by name; CSV for `Accept: text/csv`",
            Answer::Table(Described::of::<networks::Ssids>()),
        )
        .asks(&["texts"])
        .asks(FILTERS)
        .asks(PAGE),
    ]
}

fn routes_of_alerts() -> Vec<Route> {
    vec![
        read(
            "/api/v1/alerts",
            alerts::list,
            "Alerts, the newest first; CSV for `Accept: text/csv`",
            Answer::Table(Described::of::<alerts::Alerts<'static>>()),
        )
        .asks(&["texts"])
        .asks(&["rule", "severity_min", "address", "since", "until"])
        .asks(&["acknowledged"])
        .asks(PAGE),
        read(
            "/api/v1/alerts/rules",
            alert_rules::list,
            "The built-in rules: their settings, and how often each raised an alert",
            Answer::Json(Described::of::<alert_rules::Rules>()),
        ),
        on_alert(Route::post(
            "/api/v1/alerts/{id}/acknowledge",
            alert_notes::acknowledge,
            "Acknowledges an alert, with or without a comment; answers the alert",
        ))
        .explained(
            "Who acknowledged an alert first stays; another acknowledgement adds its comment only.",
        )
        .takes(Body::Command(Described::of::<alert_notes::Acknowledge>())),
        on_alert(Route::delete(
            "/api/v1/alerts/{id}/acknowledge",
            alert_notes::reopen,
            "Takes the acknowledgement of an alert back; its comments stay; answers the alert",
        )),
        on_alert(Route::post(
            "/api/v1/alerts/{id}/comments",
            alert_notes::add_comment,
            "Adds a comment to an alert; answers the alert",
        ))
        .takes(Body::Json(Described::of::<alert_notes::NewComment>())),
    ]
}

fn routes_of_sources() -> Vec<Route> {
    vec![
        read(
            "/api/v1/sources",
            sources::list,
            "The scanners; CSV for `Accept: text/csv`",
            Answer::Table(Described::of::<sources::Sources<'static>>()),
        )
        .asks(&["texts"])
        .asks(PAGE),
        read(
            "/api/v1/sources/{uuid}/track",
            track::track,
            "Where a scanner was, out of the log, as GeoJSON",
            Answer::GeoJson(Described::of::<TrackFeature>()),
        )
        .explained(
            "The line is simplified to `points_max` places (Visvalingam and Whyatt); its ends stay. Late reports have \
             their places by their own time.",
        )
        .asks(&["since", "until", "points_max"]),
        read(
            "/api/v1/sources/{uuid}",
            sources::one,
            "A scanner, and how well it reports",
            Answer::Json(Described::of::<sources::WholeSource<'static>>()),
        ),
        Route::delete(
            "/api/v1/sources/{uuid}",
            sources::forget,
            "Forgets a scanner; its reports and the devices that it saw stay",
        )
        .extension(Extension::InPath)
        .tag(Tag::Native)
        .needs(Admin)
        .answers(Answer::Json(Described::of::<sources::Forgotten>()))
        .fails(&[400, 404, 503, 507]),
        Route::post(
            "/api/v1/sources/{uuid}/name",
            source_name::rename,
            "Gives a scanner a name, in the place of the one that it sends",
        )
        .explained(
            "With the empty name, the one that the scanner sends counts again. Observations keep the name that was \
             sent with them.",
        )
        .extension(Extension::InPath)
        .tag(Tag::Native)
        .needs(Admin)
        .takes(Body::Json(Described::of::<source_name::NewName>()))
        .answers(Answer::Json(Described::of::<source_name::Renamed>()))
        .fails(&[400, 404, 413, 503, 507]),
    ]
}

fn routes_of_server() -> Vec<Route> {
    vec![
        read(
            "/api/v1/webhooks",
            webhooks::list,
            "How each webhook is",
            Answer::Json(Described::of::<webhooks::List<'static>>()),
        )
        .asks(PAGE)
        .needs(Admin),
        Route::post(
            "/api/v1/webhooks/{name}/test",
            webhooks::test,
            "Sends a test event to a webhook now, and answers what came back",
        )
        .extension(Extension::InPath)
        .tag(Tag::Native)
        .needs(Admin)
        .answers(Answer::Json(Described::of::<webhooks::Outcome<'static>>()))
        .fails(&[400, 404, 503]),
        read(
            "/api/v1/live",
            live::live,
            "What happens from now on, as server-sent events",
            Answer::Events,
        )
        .explained(LIVE)
        .fails(&[400, 503]),
        session(Route::get(
            "/api/v1/session",
            session::show,
            "Who the client is, and whether it has to log in",
        )),
        session(Route::post(
            "/api/v1/session",
            session::log_in,
            "Logs in with a name and a password, and sets the session cookie",
        ))
        .takes(Body::Json(Described::of::<session::NewSession>()))
        .fails(&[400, 401, 413, 429, 503]),
        session(Route::delete(
            "/api/v1/session",
            session::log_out,
            "Logs out: ends the session and takes the cookie back; keys stay valid",
        )),
        summary(),
        forward_list(),
        forward_order(
            "/api/v1/forwards/{name}/run",
            forwards::run,
            "Sends what is new to a target now; answers how the target is",
        ),
        forward_order(
            "/api/v1/forwards/{name}/reset",
            forwards::reset,
            "Lets a target begin elsewhere in the log; answers how the target is",
        )
        .asks(&["to"])
        .explained(RESET),
        tak_list(),
        erase_route(),
        read(
            "/api/v1/status",
            status::status,
            "The server, and how much it has",
            Answer::Json(Described::of::<status::ServerStatus<'static>>()),
        ),
    ]
}

/// What an import is.
const IMPORT: &str = "The form of each file follows from its content. A form of `multipart/form-data` may have several files, \
    in fields `file`, which belong together, and the parameters as further fields. Another body is one file. gzip and zip \
    are unpacked. Imports are history: they raise no alerts, and are no contact of their source. A file that was imported \
    before changes nothing, and neither does a row. The answer is 200 with the account; 202 if the import takes longer \
    than `import.answer_within`, and 415 if a single file has no known form.";

/// The parameters of an import.
const IMPORT_OPTIONS: &[&str] = &["source", "tz", "time", "track", "dry_run"];

fn routes_of_imports() -> Vec<Route> {
    let answer = || Answer::Json(Described::of::<imports::Import<'static>>());
    vec![
        Route::post(
            "/api/v1/imports",
            imports::create,
            "Imports files, such as those of the WiGLE app",
        )
        .extension(Extension::InPath)
        .tag(Tag::Reports)
        .needs(Scanreport)
        .explained(IMPORT)
        .asks(IMPORT_OPTIONS)
        .takes(FILES)
        .answers(answer())
        .fails(UPLOAD_ERRORS),
        read(
            "/api/v1/imports",
            imports::list,
            "The imports, the newest first",
            Answer::Json(Described::of::<imports::ImportList<'static>>()),
        )
        .asks(PAGE),
        read(
            "/api/v1/imports/{id}",
            imports::one,
            "An import: how far it is, and what became of its rows",
            answer(),
        )
        .needs(Scanreport)
        .fails(&[400, 404, 501, 503]),
        Route::post(
            "/api/v1/imports/{id}/cancel",
            imports::cancel,
            "Ends an import early; what was taken stays",
        )
        .extension(Extension::InPath)
        .tag(Tag::Native)
        .needs(Scanreport)
        .answers(answer())
        .fails(&[400, 404, 501, 503]),
        read(
            "/api/v1/imports/{id}/refusals/{file}",
            imports::refusals,
            "The rows of a file that were refused, as CSV",
            Answer::File,
        )
        .needs(Scanreport)
        .fails(&[400, 404, 501, 503]),
    ]
}

/// Files, as such or in a form.
const FILES: Body = Body::Upload {
    is_json: false,
    media_types: &[
        ("multipart/form-data", Described::OCTETS),
        ("application/octet-stream", Described::OCTETS),
    ],
};
const UPLOAD_ERRORS: &[u16] = &[400, 408, 413, 415, 429, 500, 501, 503, 507];

/// What an erasure is.
const ERASE: &str = "What matches all that is given is removed from the log, the devices, the snapshots, the index of histories and the \
    alerts, and from free space in the files. With `dry_run`, it is only counted. Without, the order is noted, the \
    answer is 202 with the counts, and the server starts again inside, which takes as long as writing its files. \
    Connections wait meanwhile, and streams and logins end. Backups that were made before keep everything.";

/// What a reset does.
const RESET: &str = "The part that is being sent is dropped. What was sent before and comes after the new place is sent again, and \
    many services then have it twice. A reset alone sends nothing: a run does.";

fn forward_list() -> Route {
    read(
        "/api/v1/forwards",
        forwards::list,
        "How each target of forwarding is",
        Answer::Json(Described::of::<forwards::List<'static>>()),
    )
    .asks(PAGE)
    .needs(Admin)
}

fn tak_list() -> Route {
    read(
        "/api/v1/tak",
        tak::list,
        "How each TAK target is",
        Answer::Json(Described::of::<tak::List<'static>>()),
    )
    .asks(PAGE)
    .needs(Admin)
}

fn forward_order<T: 'static>(
    path: &'static str,
    handler: impl Handler<T, App>,
    summary: &'static str,
) -> Route {
    Route::post(path, handler, summary)
        .extension(Extension::InPath)
        .tag(Tag::Native)
        .needs(Admin)
        .answers(Answer::Json(Described::of::<forwards::Record<'static>>()))
        .fails(&[400, 404, 503])
}

fn erase_route() -> Route {
    Route::post(
        "/api/v1/erase",
        erase::erase,
        "Removes a device, an area, a scanner or a range of times from all files",
    )
    .explained(ERASE)
    .extension(Extension::InPath)
    .tag(Tag::Native)
    .needs(Admin)
    .takes(Body::Json(Described::of::<erase::NewErasure>()))
    .answers(Answer::Json(Described::of::<erase::Erasure>()))
    .fails(&[400, 408, 409, 413, 415, 500, 501, 503])
}

/// What an export is.
const EXPORT: &str = "Streamed while it is made. With `per=observation`, the file has the observations up to the end of the log at the \
    start; the filters of time, place, signal and source are then those of each observation. Devices are written as they \
    are when their turn comes. Rows without a place are left out of forms that need one. Devices whose owners opted out \
    (`_nomap` at the end of a name, or `_optout` in it) are left out unless an administrator asks for them, and what the \
    settings of `privacy` name is always left out. A body that breaks off is not complete.";

/// The parameters of an export, besides the filters.
const EXPORT_OPTIONS: &[&str] = &[
    "per",
    "place",
    "include",
    "redact",
    "version",
    "texts",
    "bom",
    "rs",
    "tracks",
    "devices",
    "rows_max",
    "bytes_max",
    "exclude",
];

fn export() -> Route {
    read(
        "/api/v1/export/{form}",
        export::export,
        "A file for another program",
        Answer::File,
    )
    .explained(EXPORT)
    .asks(FILTERS)
    .asks(EXPORT_OPTIONS)
    .fails(&[400, 404, 500, 501, 503, 507])
}

/// Uploads in the shapes of other servers.
fn routes_of_uploaders() -> Vec<Route> {
    let upload = |route: Route| {
        route
            .extension(Extension::InPath)
            .tag(Tag::Reports)
            .needs(Scanreport)
            .takes(FILES)
            .fails(UPLOAD_ERRORS)
    };
    vec![
        upload(Route::post(
            "/api/v2/file/upload",
            imports::others::wigle_upload,
            "Imports a file as wigle.net does; the name and token of Basic are the name of a key and the key",
        ))
        .answers(Answer::Json(
            Described::of::<imports::others::WigleUpload>(),
        )),
        read(
            "/api/v2/file/transactions",
            imports::others::wigle_transactions,
            "What the client has sent, as wigle.net lists it",
            Answer::Json(Described::of::<imports::others::WigleTransactions>()),
        )
        .needs(Scanreport)
        .fails(&[400, 501, 503]),
        upload(Route::post(
            "/api/upload-csv",
            imports::others::wdgwars_upload,
            "Imports a file as wdgwars.pl does; the key is in `X-API-Key`",
        ))
        .answers(Answer::Json(
            Described::of::<imports::others::WdgwarsUpload>(),
        ))
        .fails(&[400, 408, 409, 413, 415, 429, 500, 501, 503, 507]),
        read(
            "/api/me",
            imports::others::wdgwars_me,
            "Who the client is, as wdgwars.pl answers it",
            Answer::Json(Described::of::<imports::others::WdgwarsMe>()),
        )
        .needs(Scanreport)
        .fails(&[400, 503]),
    ]
}

fn summary() -> Route {
    read(
        "/api/v1/summary",
        summary::summary,
        "Counts of devices by what they are",
        Answer::Json(Described::of::<summary::Counted>()),
    )
    .asks(FILTERS)
    .asks(&["new_since"])
}

fn tiles() -> Route {
    read(
        "/api/v1/tiles/{z}/{x}/{y}",
        tiles::tile,
        "Devices on the map, as a Mapbox vector tile",
        Answer::VectorTile,
    )
    .shown_as("/api/v1/tiles/{z}/{x}/{y}.mvt")
    .explained(TILES)
    .asks(FILTERS)
}

/// A read. Its path has no extension to be taken off.
fn read<T: 'static>(
    path: &'static str,
    handler: impl Handler<T, App>,
    summary: &'static str,
    answer: Answer,
) -> Route {
    Route::get(path, handler, summary)
        .extension(Extension::InPath)
        .tag(Tag::Native)
        .needs(Readonly)
        .answers(answer)
        .fails(&[400, 404, 503])
}

/// What a live stream tells.
const LIVE: &str = "Each event has JSON as its data. `counters`: `devices`, `reports_per_second`, `sources_up`, \
    `sources_silent`, `alerts_open`, at most once a second and only when one changed. `device`: a new device, as the \
    list of devices has it; past `limits.live_devices_per_second_max` of them, `devices` has the number of those \
    `left_out`. `alert`: a new alert, as the list of alerts has it. `source`: `source`, `name`, `last_contact` and \
    `state`, which is `new`, `up`, `silent`, `paused`, `resumed` or `renamed`. `import`: `id`, `state`, `dry_run`, \
    `files` and `taken` of an import that has ended. `lagged`: the number of `events` that were lost because the client read too \
    slowly. `heartbeat`: the server's `time`. `end`: the `reason`, when the login or key is no longer valid.";

/// A login by a form. Everybody may ask, and the password counts.
fn session(route: Route) -> Route {
    route
        .extension(Extension::InPath)
        .tag(Tag::Credentials)
        .answers(Answer::Json(Described::of::<session::Session>()))
        .fails(&[400])
}

/// A note about an alert. Everybody sees it, so the role is that of who raises and defines alerts. Credentials that a
/// request shows are checked even where none are required, because the note names their holder.
fn on_alert(route: Route) -> Route {
    route
        .extension(Extension::InPath)
        .tag(Tag::Native)
        .needs(Admin)
        .judges_credentials()
        .answers(Answer::Json(Described::of::<HandledAlert<'static>>()))
        .fails(&[400, 404, 409, 413, 503, 507])
}

/// The text that a cursor has in hex.
fn text_of_hex(hex: &str) -> Option<String> {
    String::from_utf8(crate::hex::bytes(hex)?).ok()
}
