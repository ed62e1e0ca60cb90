//! Every route, asked by everybody.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use reqwest::{Method, RequestBuilder};
use scanpost::auth::Credentials;
use scanpost::config::AuthMode;

use crate::auth::key;
use crate::server::{Answer, TestServer};

/// What a route demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    Nothing,
    Login,
    Scanreport,
    Readonly,
    Admin,
    /// Refuses others with 403, as Kismet does there.
    Owner,
}

use Demand::{Admin, Login, Nothing, Owner, Readonly, Scanreport};

/// The routes as the source has them, a path of each, the methods, and what they demand. A route that is missing
/// here fails the test.
pub(crate) const ROUTES: &[(&str, &str, &str, Demand)] = &[
    ("/healthz", "/healthz", "GET", Nothing),
    ("/readyz", "/readyz", "GET", Nothing),
    (
        "/phy/phy80211/scan/{file}",
        "/phy/phy80211/scan/scan_report.cmd",
        "POST",
        Scanreport,
    ),
    (
        "/phy/phybluetooth/scan/{file}",
        "/phy/phybluetooth/scan/scan_report.cmd",
        "POST",
        Scanreport,
    ),
    (
        "/devices/by-key/{key}/set_name",
        "/devices/by-key/1/set_name.cmd",
        "POST",
        Admin,
    ),
    (
        "/devices/by-key/{key}/set_tag",
        "/devices/by-key/1/set_tag.cmd",
        "POST",
        Admin,
    ),
    (
        "/devices/views/all_views",
        "/devices/views/all_views.json",
        "GET POST",
        Readonly,
    ),
    (
        "/devices/views/{view}/devices",
        "/devices/views/all/devices.json",
        "GET POST",
        Readonly,
    ),
    (
        "/devices/views/{view}/last-time/{timestamp}/devices",
        "/devices/views/all/last-time/0/devices.json",
        "GET POST",
        Readonly,
    ),
    (
        "/devices/views/phy/{phyname}/devices",
        "/devices/views/phy/IEEE802.11/devices.json",
        "GET POST",
        Readonly,
    ),
    (
        "/devices/views/phy/{phyname}/last-time/{timestamp}/devices",
        "/devices/views/phy/IEEE802.11/last-time/0/devices.json",
        "GET POST",
        Readonly,
    ),
    (
        "/devices/views/phy/{phyname}/monitor.ws",
        "/devices/views/phy/IEEE802.11/monitor.ws",
        "GET",
        Readonly,
    ),
    (
        "/devices/views/seenby-uuid/{uuid}/devices",
        "/devices/views/seenby-uuid/1/devices.json",
        "GET POST",
        Readonly,
    ),
    (
        "/devices/views/seenby-uuid/{uuid}/last-time/{timestamp}/devices",
        "/devices/views/seenby-uuid/1/last-time/0/devices.json",
        "GET POST",
        Readonly,
    ),
    (
        "/devices/views/seenby-uuid/{uuid}/monitor.ws",
        "/devices/views/seenby-uuid/1/monitor.ws",
        "GET",
        Readonly,
    ),
    (
        "/devices/summary/devices",
        "/devices/summary/devices.json",
        "GET POST",
        Readonly,
    ),
    (
        "/devices/last-time/{timestamp}/devices",
        "/devices/last-time/0/devices.json",
        "GET POST",
        Readonly,
    ),
    (
        "/devices/all_devices",
        "/devices/all_devices.json",
        "GET POST",
        Readonly,
    ),
    (
        "/devices/by-mac/{mac}/devices",
        "/devices/by-mac/00:00:00:00:00:01/devices.json",
        "GET POST",
        Readonly,
    ),
    (
        "/devices/multimac/devices",
        "/devices/multimac/devices.json",
        "POST",
        Readonly,
    ),
    (
        "/devices/by-key/{key}/device",
        "/devices/by-key/1/device.json",
        "GET POST",
        Readonly,
    ),
    (
        "/devices/multikey/devices",
        "/devices/multikey/devices.json",
        "POST",
        Readonly,
    ),
    (
        "/devices/multikey/as-object/devices",
        "/devices/multikey/as-object/devices.json",
        "POST",
        Readonly,
    ),
    (
        "/phy/phy80211/clients-of/{key}/clients",
        "/phy/phy80211/clients-of/1/clients.json",
        "GET POST",
        Readonly,
    ),
    (
        "/phy/phy80211/related-to/{key}/devices",
        "/phy/phy80211/related-to/1/devices.json",
        "GET POST",
        Readonly,
    ),
    (
        "/phy/phy80211/ssids/views/ssids",
        "/phy/phy80211/ssids/views/ssids.json",
        "GET POST",
        Readonly,
    ),
    (
        "/phy/phy80211/ssids/by-hash/{hash}/ssid",
        "/phy/phy80211/ssids/by-hash/1/ssid.json",
        "GET POST",
        Readonly,
    ),
    (
        "/channels/channels",
        "/channels/channels.json",
        "GET POST",
        Readonly,
    ),
    (
        "/datasource/all_sources",
        "/datasource/all_sources.json",
        "GET POST",
        Readonly,
    ),
    (
        "/datasource/by-uuid/{uuid}/source",
        "/datasource/by-uuid/1/source.json",
        "GET POST",
        Readonly,
    ),
    (
        "/datasource/by-uuid/{uuid}/set_channel",
        "/datasource/by-uuid/1/set_channel.cmd",
        "POST",
        Admin,
    ),
    (
        "/datasource/by-uuid/{uuid}/set_hop",
        "/datasource/by-uuid/1/set_hop.cmd",
        "GET POST",
        Admin,
    ),
    (
        "/datasource/by-uuid/{uuid}/close_source",
        "/datasource/by-uuid/1/close_source.cmd",
        "GET POST",
        Admin,
    ),
    (
        "/datasource/by-uuid/{uuid}/disable_source",
        "/datasource/by-uuid/1/disable_source.cmd",
        "GET POST",
        Admin,
    ),
    (
        "/datasource/by-uuid/{uuid}/open_source",
        "/datasource/by-uuid/1/open_source.cmd",
        "GET POST",
        Admin,
    ),
    (
        "/datasource/by-uuid/{uuid}/pause_source",
        "/datasource/by-uuid/1/pause_source.cmd",
        "GET POST",
        Admin,
    ),
    (
        "/datasource/by-uuid/{uuid}/resume_source",
        "/datasource/by-uuid/1/resume_source.cmd",
        "GET POST",
        Admin,
    ),
    (
        "/datasource/add_source",
        "/datasource/add_source.cmd",
        "POST",
        Admin,
    ),
    ("/gps/add_gps", "/gps/add_gps.cmd", "POST", Admin),
    ("/gps/web/update", "/gps/web/update.cmd", "POST", Admin),
    (
        "/gps/by-uuid/{uuid}/remove_gps",
        "/gps/by-uuid/1/remove_gps.cmd",
        "GET",
        Admin,
    ),
    ("/poi/create_poi", "/poi/create_poi.cmd", "POST", Admin),
    (
        "/logging/by-uuid/{uuid}/stop",
        "/logging/by-uuid/1/stop.cmd",
        "GET POST",
        Admin,
    ),
    (
        "/logging/by-class/{class}/start",
        "/logging/by-class/kismet/start.cmd",
        "GET POST",
        Admin,
    ),
    (
        "/gps/by-uuid/{uuid}/location",
        "/gps/by-uuid/1/location.json",
        "GET POST",
        Readonly,
    ),
    (
        "/datasource/defaults",
        "/datasource/defaults.json",
        "GET POST",
        Readonly,
    ),
    ("/phy/all_phys", "/phy/all_phys.json", "GET POST", Readonly),
    (
        "/system/status",
        "/system/status.json",
        "GET POST",
        Readonly,
    ),
    (
        "/system/timestamp",
        "/system/timestamp.prettyjson",
        "GET POST",
        Readonly,
    ),
    (
        "/system/tracked_fields.html",
        "/system/tracked_fields.html",
        "GET",
        Readonly,
    ),
    ("/gps/location", "/gps/location.json", "GET POST", Readonly),
    (
        "/packetchain/packet_stats",
        "/packetchain/packet_stats.json",
        "GET POST",
        Readonly,
    ),
    (
        "/packetchain/{kind}",
        "/packetchain/packet_rate.json",
        "GET POST",
        Readonly,
    ),
    ("/api/v1/alerts", "/api/v1/alerts", "GET", Readonly),
    (
        "/alerts/definitions/define_alert",
        "/alerts/definitions/define_alert.cmd",
        "POST",
        Admin,
    ),
    (
        "/alerts/raise_alerts",
        "/alerts/raise_alerts.cmd",
        "POST",
        Admin,
    ),
    (
        "/alerts/raise_alert",
        "/alerts/raise_alert.cmd",
        "POST",
        Admin,
    ),
    (
        "/devices/alerts/mac/{kind}/add",
        "/devices/alerts/mac/found/add.cmd",
        "POST",
        Admin,
    ),
    (
        "/devices/alerts/mac/{kind}/remove",
        "/devices/alerts/mac/found/remove.cmd",
        "POST",
        Admin,
    ),
    (
        "/alerts/alerts_view",
        "/alerts/alerts_view.json",
        "GET POST",
        Readonly,
    ),
    (
        "/alerts/by-id/{hash}/alert",
        "/alerts/by-id/1/alert.json",
        "GET POST",
        Readonly,
    ),
    (
        "/alerts/wrapped/last-time/{timestamp}/alerts",
        "/alerts/wrapped/last-time/0/alerts.json",
        "GET POST",
        Readonly,
    ),
    (
        "/messagebus/last-time/{timestamp}/messages",
        "/messagebus/last-time/0/messages.json",
        "GET POST",
        Readonly,
    ),
    (
        "/system/user_status",
        "/system/user_status.json",
        "GET POST",
        Nothing,
    ),
    (
        "/datasource/types",
        "/datasource/types.json",
        "GET POST",
        Readonly,
    ),
    (
        "/datasource/list_interfaces",
        "/datasource/list_interfaces.json",
        "GET POST",
        Readonly,
    ),
    (
        "/alerts/definitions",
        "/alerts/definitions.json",
        "GET POST",
        Readonly,
    ),
    (
        "/alerts/all_alerts",
        "/alerts/all_alerts.json",
        "GET POST",
        Readonly,
    ),
    (
        "/alerts/last-time/{timestamp}/alerts",
        "/alerts/last-time/0/alerts.json",
        "GET POST",
        Readonly,
    ),
    (
        "/devices/alerts/mac/{kind}/macs",
        "/devices/alerts/mac/found/macs.json",
        "GET POST",
        Readonly,
    ),
    ("/gps/all_gps", "/gps/all_gps.json", "GET POST", Readonly),
    ("/gps/drivers", "/gps/drivers.json", "GET POST", Readonly),
    (
        "/plugins/all_plugins",
        "/plugins/all_plugins.json",
        "GET POST",
        Readonly,
    ),
    ("/poi/list_poi", "/poi/list_poi.json", "GET POST", Readonly),
    ("/poi/all_poi", "/poi/all_poi.json", "GET POST", Readonly),
    (
        "/logging/active",
        "/logging/active.json",
        "GET POST",
        Readonly,
    ),
    (
        "/logging/drivers",
        "/logging/drivers.json",
        "GET POST",
        Readonly,
    ),
    (
        "/messagebus/all_messages",
        "/messagebus/all_messages.json",
        "GET POST",
        Readonly,
    ),
    (
        "/gps/all_locations",
        "/gps/all_locations.json",
        "GET POST",
        Readonly,
    ),
    (
        "/streams/all_streams",
        "/streams/all_streams.json",
        "GET POST",
        Readonly,
    ),
    (
        "/antennas/antennas",
        "/antennas/antennas.json",
        "GET POST",
        Readonly,
    ),
    (
        "/radiation/sensors/all_sensors",
        "/radiation/sensors/all_sensors.json",
        "GET POST",
        Readonly,
    ),
    (
        "/eventbus/events.ws",
        "/eventbus/events.ws",
        "GET",
        Readonly,
    ),
    (
        "/devices/monitor.ws",
        "/devices/monitor.ws",
        "GET",
        Readonly,
    ),
    (
        "/devices/views/{view}/monitor.ws",
        "/devices/views/all/monitor.ws",
        "GET",
        Readonly,
    ),
    ("/api/v1/devices", "/api/v1/devices", "GET", Readonly),
    (
        "/api/v1/devices/{mac}",
        "/api/v1/devices/1",
        "GET",
        Readonly,
    ),
    ("/api/v1/sources", "/api/v1/sources", "GET", Readonly),
    ("/api/v1/ssids", "/api/v1/ssids", "GET", Readonly),
    ("/api/v1/status", "/api/v1/status", "GET", Readonly),
    ("/api/v1/webhooks", "/api/v1/webhooks", "GET", Admin),
    (
        "/api/v1/webhooks/{name}/test",
        "/api/v1/webhooks/none/test",
        "POST",
        Admin,
    ),
    (
        "/api/v1/devices/{mac}/observations",
        "/api/v1/devices/1/observations",
        "GET",
        Readonly,
    ),
    ("/api/openapi.json", "/api/openapi.json", "GET", Readonly),
    (
        "/session/check_setup_ok",
        "/session/check_setup_ok",
        "GET",
        Nothing,
    ),
    (
        "/session/set_password",
        "/session/set_password",
        "POST",
        Owner,
    ),
    (
        "/session/check_session",
        "/session/check_session",
        "GET",
        Login,
    ),
    ("/session/check_login", "/session/check_login", "GET", Admin),
    (
        "/auth/apikey/generate.cmd",
        "/auth/apikey/generate.cmd",
        "POST",
        Admin,
    ),
    (
        "/auth/apikey/revoke.cmd",
        "/auth/apikey/revoke.cmd",
        "POST",
        Admin,
    ),
    (
        "/auth/apikey/list",
        "/auth/apikey/list.json",
        "GET POST",
        Admin,
    ),
];

/// The texts that `.route(` is called with, without those of tests.
fn routes_of_the_source(dir: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            routes_of_the_source(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let calls = code.split(".route(").skip(1).map(str::trim_start);
        // Some routes come out of a list, one path a line.
        let listed = code.lines().filter_map(|line| line.strip_prefix("    "));
        let listed = listed.filter(|line| {
            line.starts_with("\"/") && line.ends_with("\",") && !line.ends_with("/\",")
        });
        for text in calls.chain(listed) {
            if let Some(path) = text.strip_prefix('"') {
                found.insert(path.split('"').next().unwrap().to_owned());
            } else {
                assert!(text.starts_with("path, route)"), "no path: {text:.60}");
            }
        }
    }
}

#[test]
fn no_route_is_forgotten_here() {
    let mut in_source = BTreeSet::new();
    routes_of_the_source(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http"),
        &mut in_source,
    );
    let here: BTreeSet<String> = ROUTES.iter().map(|route| route.0.to_owned()).collect();
    assert_eq!(in_source, here);
}

type Prove = Box<dyn Fn(RequestBuilder) -> RequestBuilder>;

fn bearer(key: &str) -> Prove {
    let header = format!("Bearer {key}");
    Box::new(move |request| request.header("authorization", &header))
}

#[tokio::test]
async fn each_route_opens_to_its_role_and_to_no_other() {
    let server = TestServer::start_with(|config| config.auth.mode = AuthMode::Required).await;
    let credentials = Credentials::open(server.data()).unwrap();
    credentials.set_password("admin", "the password").unwrap();
    let key = |role: &str| key(&credentials, role);
    let login = server
        .request(Method::GET, "/session/check_login")
        .header("authorization", "Basic YWRtaW46dGhlIHBhc3N3b3Jk");
    let login = Answer::of(login).await.expect_status(200);
    let cookie = login.headers["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();

    let everybody: [(&str, &[Demand], Prove); 9] = [
        ("no credentials", &[Nothing], Box::new(|request| request)),
        (
            "a wrong token",
            &[Nothing],
            bearer("0123456789ABCDEF0123456789ABCDEF"),
        ),
        (
            "a wrong cookie",
            &[Nothing],
            Box::new(|request| request.header("cookie", "KISMET=x")),
        ),
        (
            "empty credentials",
            &[Nothing],
            Box::new(|request| request.header("authorization", "Basic Og==")),
        ),
        (
            "another role",
            &[Nothing, Login],
            bearer(&key("datasource")),
        ),
        (
            "scanreport",
            &[Nothing, Login, Scanreport],
            bearer(&key("scanreport")),
        ),
        (
            "readonly",
            &[Nothing, Login, Readonly],
            bearer(&key("readonly")),
        ),
        (
            "admin",
            &[Nothing, Login, Scanreport, Readonly, Admin, Owner],
            bearer(&key("admin")),
        ),
        (
            "the administrator's session",
            &[Nothing, Login, Scanreport, Readonly, Admin, Owner],
            Box::new(move |request| request.header("cookie", &cookie)),
        ),
    ];
    for (who, opened, prove) in &everybody {
        for &(_, path, methods, demand) in ROUTES {
            for method in ["GET", "POST", "PUT"] {
                let request = server.request(method.parse().unwrap(), path);
                let answer = Answer::of(prove(request)).await;
                let status = answer.status.as_u16();
                let what = format!("{method} {path} by {who}: {status} {}", answer.text);
                if !methods.split(' ').any(|known| known == method) {
                    assert_eq!(status, 405, "{what}");
                } else if opened.contains(&demand) {
                    assert!(!matches!(status, 401 | 403 | 405 | 429), "{what}");
                    assert!(answer.json_or_text(), "{what}");
                } else if demand == Owner {
                    answer.expect_error(403, "only the administrator");
                } else {
                    assert_eq!(
                        answer.headers["www-authenticate"],
                        "Basic realm=\"scanpost\""
                    );
                    assert!(!answer.headers.contains_key("set-cookie"), "{what}");
                    answer.expect_error(401, "this needs a login or a key with");
                }
            }
        }
        let nowhere = Answer::of(prove(server.request(Method::GET, "/nowhere"))).await;
        nowhere.expect_error(404, "nothing at this path");
    }
}

impl Answer {
    /// Whether what came is what was announced.
    fn json_or_text(&self) -> bool {
        match self.headers["content-type"].to_str().unwrap() {
            "application/json" => serde_json::from_str::<serde_json::Value>(&self.text).is_ok(),
            content_type => ["text/plain", "text/html"]
                .iter()
                .any(|kind| content_type.starts_with(kind)),
        }
    }
}
