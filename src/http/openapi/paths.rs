//! The table of paths: one entry each. A route that has none, or an entry that has no route, fails
//! `tests/it/openapi.rs`.

use super::entry::{Answer, Body, Entry, Methods};
use crate::auth::RequiredRole;

const TABLE: &[&str] = &["page", "length", "sort", "sort_dir", "search"];
const REPORT_ERRORS: &[u16] = &[400, 408, 413, 415, 422, 429, 500, 503, 507];
const FILTERS: &[&str] = &[
    "phy",
    "ssid",
    "ssid_contains",
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
];
const PAGE: &[&str] = &["limit", "cursor"];

/// All of them.
pub(super) fn all() -> Vec<Entry> {
    [
        operation(),
        reports(),
        native(),
        devices(),
        networks(),
        sources(),
        commands(),
        system(),
        nothings(),
        alerts(),
        live(),
        annotations(),
        sessions(),
    ]
    .concat()
}

fn operation() -> Vec<Entry> {
    vec![
        get("/healthz", "The server runs").answers(Answer::Json("Status")),
        get("/readyz", "The server has read its log and takes reports")
            .answers(Answer::Json("Status"))
            .errors(&[503]),
    ]
}

fn reports() -> Vec<Entry> {
    let report = |path, summary, schema| {
        post(path, summary)
            .demands(RequiredRole::Scanreport)
            .takes(Body::Json(schema))
            .answers(Answer::Json("Receipt"))
            .errors(REPORT_ERRORS)
    };
    vec![
        report(
            "/phy/phy80211/scan/scan_report.cmd",
            "Reports Wi-Fi access points",
            "WifiScanReport",
        ),
        report(
            "/phy/phybluetooth/scan/scan_report.cmd",
            "Reports Bluetooth devices",
            "BluetoothScanReport",
        ),
    ]
}

/// Scanpost's own interface.
fn native() -> Vec<Entry> {
    let native = |path, summary, schema| {
        get(path, summary)
            .demands(RequiredRole::Readonly)
            .answers(Answer::Json(schema))
            .errors(&[400, 404, 503])
    };
    vec![
        native(
            "/api/v1/devices/{mac}/observations",
            "The reports of a device out of the log, the newest first; CSV for `Accept: text/csv`",
            "Observations",
        )
        .answers(Answer::Table("Observations"))
        .asks(&["texts"])
        .asks(&["since", "until"])
        .asks(PAGE),
        native(
            "/api/v1/devices/{mac}",
            "A device with all that is known of it",
            "Device",
        ),
        native(
            "/api/v1/devices",
            "Devices by filter and order; CSV for `Accept: text/csv`",
            "Devices",
        )
        .answers(Answer::Table("Devices"))
        .asks(&["texts"])
        .asks(FILTERS)
        .asks(&["sort", "order"])
        .asks(PAGE),
        native(
            "/api/v1/ssids",
            "Networks by name; CSV for `Accept: text/csv`",
            "Networks",
        )
        .answers(Answer::Table("Networks"))
        .asks(&["texts"])
        .asks(FILTERS)
        .asks(PAGE),
        native(
            "/api/v1/alerts",
            "Alerts, the newest first; CSV for `Accept: text/csv`",
            "Alerts",
        )
        .answers(Answer::Table("Alerts"))
        .asks(&["texts"])
        .asks(&["rule", "severity_min", "address", "since", "until"])
        .asks(PAGE),
        native("/api/v1/webhooks", "How each webhook is", "Webhooks").demands(RequiredRole::Admin),
        post(
            "/api/v1/webhooks/{name}/test",
            "Sends a test event to a webhook now, and answers what came back",
        )
        .demands(RequiredRole::Admin)
        .answers(Answer::Json("WebhookTest"))
        .errors(&[400, 404, 503]),
        native(
            "/api/v1/sources",
            "The scanners; CSV for `Accept: text/csv`",
            "Sources",
        )
        .answers(Answer::Table("Sources"))
        .asks(&["texts"]),
        native(
            "/api/v1/status",
            "The server, and how much it has",
            "ServerStatus",
        ),
        get("/api/openapi.json", "This document").demands(RequiredRole::Readonly),
    ]
}

fn devices() -> Vec<Entry> {
    vec![
        read(
            "/devices/views/all_views",
            "The views, and how many devices each has",
        ),
        read("/devices/views/{view}/devices", "The devices of a view").asks(TABLE),
        read(
            "/devices/views/{view}/last-time/{timestamp}/devices",
            "What changed in a view since then",
        )
        .asks(TABLE),
        read(
            "/devices/views/phy/{phyname}/devices",
            "The devices of a radio technology",
        )
        .asks(TABLE),
        read(
            "/devices/views/phy/{phyname}/last-time/{timestamp}/devices",
            "What changed of a radio technology since then",
        )
        .asks(TABLE),
        read(
            "/devices/views/seenby-uuid/{uuid}/devices",
            "The devices that a source saw",
        )
        .asks(TABLE),
        read(
            "/devices/views/seenby-uuid/{uuid}/last-time/{timestamp}/devices",
            "What changed since then of the devices that a source saw",
        )
        .asks(TABLE),
        read(
            "/devices/summary/devices",
            "All devices, as of the view `all`",
        )
        .asks(TABLE),
        read(
            "/devices/last-time/{timestamp}/devices",
            "The devices that changed since then",
        ),
        read("/devices/all_devices", "All devices"),
        read(
            "/devices/by-mac/{mac}/devices",
            "The devices with an address",
        ),
        command(
            "/devices/multimac/devices",
            "The devices with any of several addresses",
            "Addresses",
        ),
        read("/devices/by-key/{key}/device", "One device"),
        command(
            "/devices/multikey/devices",
            "The devices with any of several keys",
            "Keys",
        ),
        command(
            "/devices/multikey/as-object/devices",
            "The same, by key",
            "Keys",
        ),
        read(
            "/phy/phy80211/clients-of/{key}/clients",
            "Always empty: scans tell of no clients",
        ),
        read(
            "/phy/phy80211/related-to/{key}/devices",
            "The device, and the other networks of its radio",
        ),
    ]
}

fn networks() -> Vec<Entry> {
    vec![
        read("/phy/phy80211/ssids/views/ssids", "The networks by name").asks(TABLE),
        read("/phy/phy80211/ssids/by-hash/{hash}/ssid", "One network"),
        read("/channels/channels", "The channels, and what is on them"),
    ]
}

fn sources() -> Vec<Entry> {
    vec![
        read("/datasource/all_sources", "The scanners"),
        read("/datasource/by-uuid/{uuid}/source", "One scanner"),
        read(
            "/datasource/defaults",
            "What a source is set to where it says nothing",
        ),
    ]
}

/// What may be done to sources, and Kismet's commands that nothing here can follow.
fn commands() -> Vec<Entry> {
    const IMPOSSIBLE: &str = "Always 501: a server of scan reports cannot do this";
    let either = |path, summary| read(path, summary).demands(RequiredRole::Admin);
    let shown = |path| either(path, "The source, of which nothing can be closed or opened");
    let impossible = |path| either(path, IMPOSSIBLE).errors(&[404, 501, 503]);
    let posted = |path| impossible(path).methods(Methods::Post);
    vec![
        either(
            "/datasource/by-uuid/{uuid}/pause_source",
            "Marks a source as paused; its reports are taken all the same",
        )
        .errors(&[400, 404, 409, 503]),
        either(
            "/datasource/by-uuid/{uuid}/resume_source",
            "Takes the mark of a paused source away",
        )
        .errors(&[400, 404, 409, 503]),
        shown("/datasource/by-uuid/{uuid}/close_source"),
        shown("/datasource/by-uuid/{uuid}/disable_source"),
        shown("/datasource/by-uuid/{uuid}/open_source"),
        posted("/datasource/by-uuid/{uuid}/set_channel"),
        impossible("/datasource/by-uuid/{uuid}/set_hop"),
        posted("/datasource/add_source"),
        posted("/gps/add_gps"),
        posted("/gps/web/update"),
        impossible("/gps/by-uuid/{uuid}/remove_gps").methods(Methods::Get),
        posted("/poi/create_poi"),
        impossible("/logging/by-uuid/{uuid}/stop"),
        impossible("/logging/by-class/{class}/start"),
    ]
}

fn system() -> Vec<Entry> {
    vec![
        read("/phy/all_phys", "Counts by radio technology"),
        read("/system/status", "The server"),
        read("/system/timestamp", "The server's clock"),
        get(
            "/system/tracked_fields.html",
            "All fields of Kismet's records, with type and meaning",
        )
        .demands(RequiredRole::Readonly)
        .answers(Answer::Page),
        read("/system/user_status", "Under which name the server runs").demands_nothing(),
        read("/messagebus/all_messages", "What the server said last"),
        read(
            "/messagebus/last-time/{timestamp}/messages",
            "What the server said since then",
        ),
        read("/gps/location", "Where a scanner was last"),
        read(
            "/gps/by-uuid/{uuid}/location",
            "Always 404: there is no GPS receiver",
        ),
        read("/packetchain/packet_stats", "Reports over time, as packets"),
        read(
            "/packetchain/{kind}",
            "One of `packet_rate`, `packet_peak`, `packet_error`, `packet_dupe`, `packet_drop`, `packet_processed`",
        ),
    ]
}

/// What a server without radios has none of.
fn nothings() -> Vec<Entry> {
    const NONE: &str = "Always empty: a server without radios has none";
    let none = |path| read(path, NONE);
    let mut nothings: Vec<Entry> = crate::http::kismet::absent::LISTS.map(none).into();
    nothings.extend(crate::http::kismet::absent::MAPS.map(none));
    nothings
}

fn alerts() -> Vec<Entry> {
    let order = |path, summary, schema| {
        post(path, summary)
            .demands(RequiredRole::Admin)
            .takes(Body::Json(schema))
            .answers(Answer::Text)
            .errors(&[400, 409, 413, 415, 503])
    };
    let raise = |path| {
        order(path, "Raises an alert of a kind that there is", "NewAlert")
            .errors(&[400, 413, 415, 503])
    };
    vec![
        read("/alerts/definitions", "The kinds of alerts"),
        read("/alerts/all_alerts", "The latest alerts"),
        read(
            "/alerts/alerts_view",
            "The latest alerts, searched, sorted and in pages",
        )
        .asks(TABLE),
        read(
            "/alerts/last-time/{timestamp}/alerts",
            "The latest alerts that were raised after then",
        ),
        read(
            "/alerts/wrapped/last-time/{timestamp}/alerts",
            "The same, with the time to ask with again",
        ),
        read("/alerts/by-id/{hash}/alert", "One alert"),
        read(
            "/devices/alerts/mac/{kind}/macs",
            "The watched addresses; `kind` is `found`, `lost` or `both`",
        ),
        order(
            "/alerts/definitions/define_alert",
            "Makes a kind of alerts that can be raised",
            "NewAlertKind",
        ),
        raise("/alerts/raise_alerts"),
        raise("/alerts/raise_alert"),
        order(
            "/devices/alerts/mac/{kind}/add",
            "Watches addresses; `kind` is `found`, `lost` or `both`",
            "WatchedAddresses",
        ),
        order(
            "/devices/alerts/mac/{kind}/remove",
            "Watches addresses no more",
            "WatchedAddresses",
        ),
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
    monitors all devices, or that with a key or an address, at most every `rate` seconds; `fields` chooses fields, as in \
    reads, and `{\"cancel\": 1}` ends the one with that number. The server sends the record of each device that changed, \
    as it is then. What is not understood is told as `{\"MESSAGE\": …}`. A page, which can set no headers, shows its key \
    as the parameter `KISMET`.";

/// WebSockets. What is said on them has no place in the document but the text.
fn live() -> Vec<Entry> {
    let socket = |path, summary, description| {
        get(path, summary)
            .explained(description)
            .demands(RequiredRole::Readonly)
            .answers(Answer::Socket)
    };
    vec![
        socket(
            "/eventbus/events.ws",
            "WebSocket: events by topic",
            EVENTBUS,
        )
        .errors(&[426, 503]),
        socket(
            "/devices/monitor.ws",
            "WebSocket: devices as they change",
            MONITOR,
        )
        .errors(&[426, 503]),
        socket(
            "/devices/views/{view}/monitor.ws",
            "WebSocket: devices of a view as they change",
            MONITOR,
        )
        .errors(&[404, 426, 503]),
        socket(
            "/devices/views/phy/{phyname}/monitor.ws",
            "WebSocket: devices of a radio technology as they change",
            MONITOR,
        )
        .errors(&[404, 426, 503]),
        socket(
            "/devices/views/seenby-uuid/{uuid}/monitor.ws",
            "WebSocket: devices that a source saw, as they change",
            MONITOR,
        )
        .errors(&[404, 426, 503]),
    ]
}

fn annotations() -> Vec<Entry> {
    let annotation = |path, summary| {
        command(path, summary, "Annotation")
            .demands(RequiredRole::Admin)
            .errors(&[400, 404, 413, 415, 503, 507])
    };
    vec![
        annotation(
            "/devices/by-key/{key}/set_name",
            "Gives a device a name; the empty one takes it away",
        ),
        annotation(
            "/devices/by-key/{key}/set_tag",
            "Marks a device; an empty value takes the mark away",
        ),
    ]
}

fn sessions() -> Vec<Entry> {
    vec![
        get("/session/check_setup_ok", "200 when there is a login, 500 when there is none").answers(Answer::Text),
        get("/session/check_session", "200 for any login or key")
            .demands(RequiredRole::Login)
            .answers(Answer::Text),
        get("/session/check_login", "200 for an administrator")
            .demands(RequiredRole::Admin)
            .answers(Answer::Text),
        post("/session/set_password", "The first login from this machine, which needs no other, or another in place of that of the administrator who asks")
            .demands(RequiredRole::Credentials)
            .takes(Body::Form("NewPassword"))
            .answers(Answer::Text)
            .errors(&[400, 403]),
        post("/auth/apikey/generate.cmd", "Makes a key and answers with it, this once")
            .demands(RequiredRole::Credentials)
            .takes(Body::Json("NewKey"))
            .answers(Answer::Text)
            .errors(&[400, 409]),
        post("/auth/apikey/revoke.cmd", "Makes a key worthless")
            .demands(RequiredRole::Credentials)
            .takes(Body::Json("KeyName"))
            .answers(Answer::Text)
            .errors(&[400, 404]),
        read("/auth/apikey/list", "The keys, without what opens anything").demands(RequiredRole::Credentials),
    ]
}

fn get(path: &'static str, summary: &'static str) -> Entry {
    Entry::new(Methods::Get, path, summary)
}

fn post(path: &'static str, summary: &'static str) -> Entry {
    Entry::new(Methods::Post, path, summary)
}

/// One of Kismet's reads: GET, or POST with a command; the extension chooses the form.
fn read(path: &'static str, summary: &'static str) -> Entry {
    Entry::new(Methods::GetOrPost, path, summary)
        .demands(RequiredRole::Readonly)
        .takes(Body::Command("Command"))
        .answers(Answer::Kismet)
        .errors(&[400, 404, 503])
}

/// One of Kismet's reads that needs a command.
fn command(path: &'static str, summary: &'static str, schema: &'static str) -> Entry {
    Entry::new(Methods::Post, path, summary)
        .demands(RequiredRole::Readonly)
        .takes(Body::Json(schema))
        .answers(Answer::Kismet)
        .errors(&[400, 404, 413, 415, 503])
}
