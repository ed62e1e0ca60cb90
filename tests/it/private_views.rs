//! `privacy.views`: what never leaves is shown to administrators only, whichever way somebody asks.

use std::collections::BTreeSet;

use reqwest::Method;
use scanpost::auth::Credentials;
use scanpost::config::{AuthMode, Config};
use serde_json::{Value, json};

use crate::auth::key;
use crate::auth_matrix::{Demand, Expected, expected};
use crate::live::page::Stream;
use crate::live::{EVENTBUS, MONITOR, Subscriber};
use crate::server::{Answer, BLUETOOTH, SOURCE, TestServer, WIFI, batch};

/// In the middle of the zone of these tests. No number of another meaning begins like these.
const HOME: (f64, f64) = (-33.765_432_1, 151.123_456_7);
const AWAY: (f64, f64) = (49.25, 16.4);
const SEEN: u64 = 1_700_000_000;
const PUBLIC: u8 = 5;
const HIDDEN: [u8; 5] = [1, 2, 3, 4, 7];
/// A device that was seen once at home, and much more often elsewhere.
const PASSING: u8 = 6;
/// Of the home of these tests, in metres.
const HOME_ALT_M: &str = "777.25";

/// Streams do not end. They have tests of their own.
const STREAMS: [&str; 6] = [
    "/api/v1/live",
    "/devices/monitor.ws",
    "/devices/views/phy/{phyname}/monitor.ws",
    "/devices/views/seenby-uuid/{uuid}/monitor.ws",
    "/devices/views/{view}/monitor.ws",
    "/eventbus/events.ws",
];

/// Routes that show administrators something that others do not see: if one stops, the test of the others shows nothing.
const SHOWING: [&str; 32] = [
    "/alerts/alerts_view.{format}",
    "/alerts/all_alerts.{format}",
    "/alerts/by-id/{hash}/alert.{format}",
    "/alerts/last-time/{timestamp}/alerts.{format}",
    "/alerts/wrapped/last-time/{timestamp}/alerts.{format}",
    "/api/v1/alerts",
    "/api/v1/alerts/rules",
    "/api/v1/devices",
    "/api/v1/devices/{mac}",
    "/api/v1/devices/{mac}/history",
    "/api/v1/devices/{mac}/observations",
    "/api/v1/sources",
    "/api/v1/sources/{uuid}",
    "/api/v1/sources/{uuid}/track",
    "/api/v1/ssids",
    "/devices/alerts/mac/{kind}/macs.{format}",
    "/devices/all_devices.{format}",
    "/devices/by-key/{key}/device.{format}",
    "/devices/by-key/{key}/device.{format}/{field}",
    "/devices/by-mac/{mac}/devices.{format}",
    "/devices/last-time/{timestamp}/devices.{format}",
    "/devices/multikey/as-object/devices.{format}",
    "/devices/multikey/devices.{format}",
    "/devices/multimac/devices.{format}",
    "/devices/summary/devices.{format}",
    "/devices/views/{view}/devices.{format}",
    "/gps/location.{format}",
    "/messagebus/all_messages.{format}",
    "/messagebus/last-time/{timestamp}/messages.{format}",
    "/phy/phy80211/related-to/{key}/devices.{format}",
    "/phy/phy80211/ssids/by-hash/{hash}/ssid.{format}",
    "/phy/phy80211/ssids/views/ssids.{format}",
];

fn address(number: u8) -> String {
    format!("02:00:00:00:00:{number:02X}")
}

fn device_key(number: u8) -> String {
    let phy = if number == 7 { "B603E011" } else { "4202770D" };
    format!("{phy}00000000_{number:02X}0000000002")
}

fn name(number: u8) -> &'static str {
    match number {
        1 => "kept by place",
        2 | 7 => "kept by name",
        3 => "kept by wish_nomap",
        4 => "kept by address",
        _ => "public",
    }
}

fn ap(number: u8) -> Value {
    // The scanner was at home last.
    let (time, (lat, lon)) = if number == 1 {
        (SEEN + 60, HOME)
    } else {
        (SEEN, AWAY)
    };
    let channel = if number == 2 { "11" } else { "6" };
    json!({
        "timestamp": time, "bssid": address(number), "ssid": name(number), "capabilities": "[ESS]", "channel": channel,
        "signal": -60, "lat": lat, "lon": lon,
    })
}

/// A server, the key of an administrator, and that of a reader.
struct Served {
    server: TestServer,
    admin: String,
    reader: String,
}

fn with_rules(config: &mut Config) {
    config.auth.mode = AuthMode::Required;
    let (lat, lon) = HOME;
    config.privacy.zones = vec![format!("{lat} {lon} 100").parse().unwrap()];
    config.privacy.ssids = vec![name(2).to_owned()];
    config.privacy.addresses = vec![address(4).parse().unwrap()];
    config.privacy.views = true;
    config.alerts.devicelost_addresses = vec![address(4)];
}

impl Served {
    async fn start() -> Self {
        let server = TestServer::start_with(with_rules).await;
        let credentials = Credentials::open(server.data()).unwrap();
        let (admin, reader) = (key(&credentials, "admin"), key(&credentials, "readonly"));
        Self {
            server,
            admin,
            reader,
        }
    }

    async fn ask(&self, key: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self.server.request(method, path);
        let request = request.header("authorization", format!("Bearer {key}"));
        Answer::of(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    async fn order(&self, path: &str, body: Value) {
        let answer = self.ask(&self.admin, Method::POST, path, Some(&body)).await;
        answer.expect_status(200);
    }

    async fn read(&self, key: &str, path: &str) -> Value {
        let answer = self.ask(key, Method::GET, path, None).await;
        answer.expect_status(200).json()
    }

    /// Devices of each kind, an alert about each, and watched addresses.
    async fn fill(&self) {
        let aps = [1, 2, 3, 4, PUBLIC].map(ap);
        self.order(WIFI, batch(json!(aps))).await;
        let watch = json!([{
            "timestamp": SEEN, "btaddr": address(7), "name": name(7), "signal": -60, "lat": AWAY.0, "lon": AWAY.1,
        }]);
        self.order(BLUETOOTH, batch(watch)).await;
        let kind = json!({ "name": "DOOR", "description": "x", "throttle": "100/min", "burst": "100/sec" });
        self.order("/alerts/definitions/define_alert.cmd", kind)
            .await;
        for number in HIDDEN.into_iter().chain([PUBLIC]) {
            let text = format!("the door of {}", address(number));
            let alert = json!({ "name": "DOOR", "text": text, "bssid": address(number) });
            self.order("/alerts/raise_alerts.cmd", alert).await;
        }
        let all: Vec<_> = HIDDEN.into_iter().chain([PUBLIC]).map(address).collect();
        self.order("/devices/alerts/mac/both/add.cmd", json!({ "macs": all }))
            .await;
    }

    /// The device that was once at home, and weak there.
    async fn pass(&self) {
        let at_home = json!({
            "timestamp": SEEN - 200, "bssid": address(PASSING), "ssid": "passing", "capabilities": "[ESS]",
            "channel": "6", "signal": -90, "lat": HOME.0, "lon": HOME.1, "alt": 777.25,
        });
        let elsewhere = (0..40).map(|second| {
            json!({
                "timestamp": SEEN - 100 + second, "bssid": address(PASSING), "ssid": "passing",
                "capabilities": "[ESS]", "channel": "6", "signal": -50, "lat": AWAY.0, "lon": AWAY.1,
            })
        });
        let reports: Vec<_> = std::iter::once(at_home).chain(elsewhere).collect();
        self.order(WIFI, batch(json!(reports))).await;
    }

    /// Alerts about the public device, whose texts and comments name others.
    async fn gossip(&self) {
        let dashed = address(4).replace(':', "-");
        let plain = address(1).replace(':', "");
        for text in [
            format!("beside the network '{}'", name(2)),
            format!("beside {}", name(3)),
            format!("beside {dashed}"),
            format!("beside {}", plain.to_lowercase()),
            "has a comment".to_owned(),
        ] {
            let alert = json!({ "name": "DOOR", "text": text, "bssid": address(PUBLIC) });
            self.order("/alerts/raise_alerts.cmd", alert).await;
        }
        let list = self.read(&self.admin, "/api/v1/alerts").await;
        let alerts = list["alerts"].as_array().unwrap();
        let commented = alerts
            .iter()
            .find(|alert| alert["text"] == "has a comment")
            .unwrap();
        let path = format!(
            "/api/v1/alerts/{}/comments",
            commented["id"].as_str().unwrap()
        );
        self.order(&path, json!({ "comment": format!("it is {plain}") }))
            .await;
    }
}

/// What the answer to a path shows of what is hidden. The path itself may name a device.
fn leaks(path: &str, text: &str) -> Vec<String> {
    let small = text.to_lowercase();
    let of_device = HIDDEN.into_iter().flat_map(|number| {
        let (address, key) = (address(number), device_key(number));
        let is_asked = path.contains(&address) || path.contains(&key);
        let (dashed, plain) = (address.replace(':', "-"), address.replace(':', ""));
        [address, dashed, plain, key]
            .into_iter()
            .filter(move |_| !is_asked)
    });
    let others = ["kept by", "33.765", "151.123", HOME_ALT_M].map(str::to_owned);
    of_device
        .chain(others)
        .filter(|secret| small.contains(&secret.to_lowercase()))
        .collect()
}

/// The paths of a route, about everything that there is.
fn paths(route: Expected, hashes: &BTreeSet<String>) -> Vec<String> {
    let numbers = || HIDDEN.into_iter().chain([PUBLIC, PASSING]);
    let mut paths = vec![route.path.to_owned()];
    for (parameter, values) in [
        ("{mac}", numbers().map(address).collect::<Vec<_>>()),
        ("{key}", numbers().map(device_key).collect()),
        ("{hash}", hashes.iter().cloned().collect()),
        ("{uuid}", vec![SOURCE.to_owned()]),
        ("{timestamp}", vec!["0".to_owned()]),
    ] {
        let filled = paths.iter().flat_map(|path| {
            let is_asked = path.contains(parameter);
            let values = values.iter().map(|value| path.replace(parameter, value));
            let unchanged = (!is_asked).then(|| path.clone());
            unchanged
                .into_iter()
                .chain(values.filter(move |_| is_asked))
        });
        paths = filled.collect();
    }
    let rest = |path: String| {
        let path = Expected {
            path: path.leak(),
            ..route
        };
        path.asked()
    };
    paths.into_iter().map(rest).collect()
}

#[tokio::test]
async fn no_route_shows_a_reader_what_does_not_leave() {
    let served = Served::start().await;
    served.fill().await;
    served.pass().await;
    served.gossip().await;
    let mut hashes = BTreeSet::new();
    for (list, field) in [
        (
            "/phy/phy80211/ssids/views/ssids.json",
            "dot11.ssidgroup.hash",
        ),
        ("/alerts/all_alerts.json", "kismet.alert.hash"),
    ] {
        let list = served.read(&served.admin, list).await;
        hashes.extend(
            list.as_array()
                .unwrap()
                .iter()
                .map(|one| one[field].to_string()),
        );
    }
    // Two alerts may share one.
    assert!(5 < hashes.len(), "{hashes:?}");
    let asked = || HIDDEN.into_iter().chain([PASSING]);
    let devices: Vec<_> = asked().map(address).collect();
    let keys: Vec<_> = asked().map(device_key).collect();
    let mut showing = BTreeSet::new();
    let routes = expected()
        .filter(|route| route.demand == Demand::Readonly && !STREAMS.contains(&route.path));
    for route in routes {
        let is_read = route.methods.split(' ').any(|method| method == "GET");
        let (method, body) = match route.path {
            _ if is_read => (Method::GET, None),
            path if path.contains("multimac") => {
                (Method::POST, Some(json!({ "devices": devices })))
            }
            _ => (Method::POST, Some(json!({ "devices": keys }))),
        };
        for path in paths(route, &hashes) {
            let ask = async |key| served.ask(key, method.clone(), &path, body.as_ref()).await;
            if !leaks(&path, &ask(&served.admin).await.text).is_empty() {
                showing.insert(route.path);
            }
            let answer = ask(&served.reader).await;
            let found = leaks(&path, &answer.text);
            assert!(found.is_empty(), "{path} shows {found:?}: {}", answer.text);
        }
    }
    let silent: Vec<_> = SHOWING
        .into_iter()
        .filter(|path| !showing.contains(path))
        .collect();
    assert!(
        silent.is_empty(),
        "administrators see nothing at {silent:?}"
    );
}

#[tokio::test]
async fn no_area_tells_a_reader_where_a_device_was_in_passing() {
    const LOCATION: &str = "kismet.device.base.location";
    const CORNER: &str = "kismet.device.base.location/kismet.common.location.min_loc";
    let served = Served::start().await;
    served.pass().await;
    let (mac, key) = (address(PASSING), device_key(PASSING));
    let get = |path: String| (Method::GET, path, None);
    let post = |path: &str, body: Value| (Method::POST, path.to_owned(), Some(body));
    for (method, path, body) in [
        get(format!("/api/v1/devices/{mac}")),
        get("/devices/views/all/devices.json".to_owned()),
        get("/devices/all_devices.json".to_owned()),
        get("/devices/last-time/0/devices.json".to_owned()),
        get(format!("/devices/by-mac/{mac}/devices.json")),
        get(format!("/devices/by-key/{key}/device.json")),
        get(format!("/devices/by-key/{key}/device.json/{LOCATION}")),
        get(format!("/phy/phy80211/related-to/{key}/devices.json")),
        post(
            "/devices/multimac/devices.json",
            json!({ "devices": [&mac] }),
        ),
        post(
            "/devices/multikey/devices.json",
            json!({ "devices": [&key] }),
        ),
        post(
            "/devices/multikey/as-object/devices.json",
            json!({ "devices": [&key] }),
        ),
        post(
            "/devices/views/all/devices.json",
            json!({ "fields": [[CORNER, "corner"]] }),
        ),
    ] {
        let ask = async |key| served.ask(key, method.clone(), &path, body.as_ref()).await;
        let whole = ask(&served.admin).await.expect_status(200).text;
        assert!(whole.contains("33.765"), "{path}: {whole}");
        let shown = ask(&served.reader).await.expect_status(200).text;
        let found = leaks(&path, &shown);
        assert!(found.is_empty(), "{path} shows {found:?}: {shown}");
        // The mean of its places.
        assert!(shown.contains("47.225"), "{path}: {shown}");
        let has_corner = |text: &str| text.contains("min_loc") || text.contains("corner");
        assert_eq!(has_corner(&shown), has_corner(&whole), "{path}: {shown}");
    }
    let path = format!("{MONITOR}?KISMET={}", served.reader);
    let mut monitor = Subscriber::connect(&served.server, &path).await;
    let watch = json!({ "monitor": mac, "request": 1, "rate": 0.1 });
    monitor.say(&watch).await;
    let seen = monitor.hear().await.to_string();
    let found = leaks("", &seen);
    assert!(found.is_empty(), "{found:?}: {seen}");
    assert!(seen.contains("min_loc"), "{seen}");
}

#[tokio::test]
async fn a_reader_sees_no_alert_that_names_what_is_denied() {
    let served = Served::start().await;
    served.fill().await;
    served.gossip().await;
    for (key, count) in [(&served.admin, 11), (&served.reader, 1)] {
        let list = served.read(key, "/api/v1/alerts").await;
        let alerts = list["alerts"].as_array().unwrap();
        let of_doors = alerts.iter().filter(|alert| alert["rule"] == "DOOR");
        assert_eq!(of_doors.count(), count, "{list}");
        let list = served.read(key, "/alerts/all_alerts.json").await;
        let alerts = list.as_array().unwrap();
        let of_doors = alerts
            .iter()
            .filter(|alert| alert["kismet.alert.header"] == "DOOR");
        assert_eq!(of_doors.count(), count, "{list}");
    }
    let table = served.server.request(Method::GET, "/api/v1/alerts");
    let table = table.header("authorization", format!("Bearer {}", served.reader));
    let table = Answer::of(table.header("accept", "text/csv")).await;
    let text = table.expect_status(200).text;
    assert!(leaks("", &text).is_empty(), "{text}");
    assert!(text.contains(&address(PUBLIC)), "{text}");
}

#[tokio::test]
async fn a_reader_sees_the_rest_and_counts_of_it() {
    let served = Served::start().await;
    served.fill().await;
    for (key, devices, networks, alerts) in [(&served.admin, 6, 5, 6), (&served.reader, 1, 1, 1)] {
        let count = async |path: &str, list: &str| {
            let page = served.read(key, path).await;
            page[list].as_array().unwrap().len()
        };
        assert_eq!(count("/api/v1/devices", "devices").await, devices);
        assert_eq!(count("/api/v1/ssids", "ssids").await, networks);
        assert_eq!(count("/api/v1/alerts", "alerts").await, alerts);
        // A page is full although alerts before it are left out.
        assert_eq!(count("/api/v1/alerts?limit=1", "alerts").await, 1);
        let summary = served.read(key, "/api/v1/summary").await;
        assert_eq!(summary["devices"], devices);
        let summary = served.read(key, "/api/v1/summary?band=2.4").await;
        assert_eq!(summary["devices"], devices);
        let channels = served.read(key, "/channels/channels.json").await;
        let names = channels["kismet.channeltracker.channel_map"].as_object();
        let names: Vec<_> = names.unwrap().keys().cloned().collect();
        let expected: &[_] = if networks == 1 {
            &["6"]
        } else {
            &["11", "6", "FHSS"]
        };
        assert_eq!(names, expected);
    }
    let public = format!("/api/v1/devices/{}", address(PUBLIC));
    for path in [
        public.clone(),
        format!("{public}/history"),
        format!("{public}/observations"),
    ] {
        let seen = served.ask(&served.reader, Method::GET, &path, None).await;
        let text = seen.expect_status(200).text;
        assert!(text.contains("49.25"), "{path}: {text}");
    }
    // Where the scanner was, without its home.
    let path = format!("/api/v1/sources/{SOURCE}/track");
    let track = served.read(&served.reader, &path).await;
    assert_eq!(track["geometry"]["type"], "Point", "{track}");
    let track = served.read(&served.admin, &path).await;
    assert_eq!(track["geometry"]["type"], "LineString", "{track}");
}

#[tokio::test]
async fn without_the_setting_and_where_nobody_logs_in_everything_is_shown() {
    let served = Served::start().await;
    served.fill().await;
    let Served { server, reader, .. } = served;
    let server = server
        .restart_with(|config| config.privacy.views = false)
        .await;
    let list = server.request(Method::GET, "/api/v1/devices");
    let list = Answer::of(list.header("authorization", format!("Bearer {reader}"))).await;
    assert_eq!(list.json()["devices"].as_array().unwrap().len(), 6);
    let server = server
        .restart_with(|config| {
            config.privacy.views = true;
            config.auth.mode = AuthMode::Off;
        })
        .await;
    let list = server.read("/api/v1/devices").await;
    assert_eq!(list["devices"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn live_streams_show_a_reader_only_the_rest() {
    let served = Served::start().await;
    let Served {
        server,
        admin,
        reader,
    } = &served;
    let stream = |key: &str| {
        let request = server.request(Method::GET, "/api/v1/live");
        Stream::of(request.header("authorization", format!("Bearer {key}")))
    };
    let (mut of_admin, mut of_reader) = (stream(admin).await, stream(reader).await);
    of_admin.until("counters").await;
    of_reader.until("counters").await;
    let subscribe = async |path: &str, wanted: &[Value]| {
        let mut subscriber = Subscriber::connect(server, &format!("{path}?KISMET={reader}")).await;
        for wanted in wanted {
            subscriber.say(wanted).await;
        }
        subscriber.settle().await;
        subscriber
    };
    let topics = ["NEW_DEVICE", "ALERT", "MESSAGE", "GPS_LOCATION"];
    let topics = topics.map(|topic| json!({ "SUBSCRIBE": topic }));
    let mut events = subscribe(EVENTBUS, &topics).await;
    let watch =
        |what: &str, request: i64| json!({ "monitor": what, "request": request, "rate": 0.1 });
    let mut monitor = subscribe(
        MONITOR,
        &[
            watch("*", 1),
            watch(&address(1), 2),
            watch("02:00:00:00:00:00/FF:FF:FF:FF:FF:00", 3),
        ],
    )
    .await;
    served.fill().await;
    served.gossip().await;
    // The last thing that happens, to see that everything before it has been told.
    let end = json!({ "name": "DOOR", "text": "the end", "bssid": address(PUBLIC) });
    served.order("/alerts/raise_alerts.cmd", end).await;

    let mut told = Vec::new();
    while !told.iter().any(|text: &String| text.contains("the end")) {
        told.push(of_reader.next().await.unwrap().1.to_string());
    }
    let mut heard = Vec::new();
    while !heard.iter().any(|text: &String| text.contains("the end")) {
        heard.push(events.hear().await.to_string());
    }
    // Each of the two masks shows the public device.
    let seen = [monitor.hear().await, monitor.hear().await].map(|device| device.to_string());
    for text in told.iter().chain(&heard).chain(&seen) {
        let found = leaks("", text);
        assert!(found.is_empty(), "{found:?}: {text}");
    }
    for texts in [&told[..], &heard, &seen] {
        let public = address(PUBLIC);
        assert!(texts.iter().any(|text| text.contains(&public)), "{texts:?}");
    }
    // An administrator is told of them.
    let mut names = Vec::new();
    while !names.iter().any(|text: &String| text.contains("the end")) {
        names.push(of_admin.next().await.unwrap().1.to_string());
    }
    assert!(
        names.iter().any(|text| text.contains("kept by")),
        "{names:?}"
    );
}
