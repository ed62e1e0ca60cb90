//! The filters `name_not` and `with_position` on random devices: every list, count, tile and file has what a look at
//! each device finds.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::mvt;
use crate::server::{BLUETOOTH, SOURCE, TestServer, WIFI};

/// Names that are easily confused: by case, as a part of another, with commas, and with characters of addresses.
const NAMES: [&str; 8] = ["a", "A", "a,b", "b", "ab", "a%2Cb&x=1", "é", "a b"];
const SEEN: u64 = 1_600_000_000;
const WORLDS: usize = 6;
const QUERIES: usize = 25;

/// A report: its device, its name, and its place if it has one.
#[derive(Clone, Debug)]
struct Report {
    device: u8,
    is_wifi: bool,
    name: &'static str,
    place: Option<(i32, i32)>,
}

#[derive(Clone, Debug)]
struct World {
    reports: Vec<Report>,
    /// Names that somebody gave access points.
    given: Vec<(u8, &'static str)>,
}

#[derive(Clone, Debug)]
struct Query {
    not: Vec<&'static str>,
    with_position: Option<bool>,
    is_wifi: Option<bool>,
}

/// What is known of a device after all reports.
#[derive(Clone, Debug, Default)]
struct Known {
    networks: BTreeSet<&'static str>,
    other_names: BTreeSet<&'static str>,
    has_place: bool,
}

type Id = (bool, u8);

fn any_world() -> impl Strategy<Value = World> {
    // The empty name hides a network.
    let names: Vec<_> = NAMES.into_iter().chain([""]).collect();
    let place = proptest::option::of((-80..=80, -170..=170));
    let report = (0..12u8, prop::bool::weighted(0.7), select(names), place).prop_map(
        |(device, is_wifi, name, place)| Report {
            device,
            is_wifi,
            name,
            place,
        },
    );
    let given = prop::collection::vec((0..12u8, select(NAMES.to_vec())), 0..3);
    (prop::collection::vec(report, 1..40), given)
        .prop_map(|(reports, given)| World { reports, given })
}

fn any_query() -> impl Strategy<Value = Query> {
    (
        subsequence(NAMES.to_vec(), 0..4),
        any::<Option<bool>>(),
        proptest::option::weighted(0.3, any::<bool>()),
    )
        .prop_map(|(not, with_position, is_wifi)| Query {
            not,
            with_position,
            is_wifi,
        })
}

fn address(device: u8) -> String {
    format!("02:00:00:00:00:{device:02X}")
}

impl Query {
    fn text(&self) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        for name in &self.not {
            text.append_pair("name_not", name);
        }
        if let Some(with_position) = self.with_position {
            text.append_pair("with_position", &with_position.to_string());
        }
        if let Some(is_wifi) = self.is_wifi {
            text.append_pair("phy", if is_wifi { "wifi" } else { "bluetooth" });
        }
        text.finish()
    }

    /// Whether a device is wanted, apart from its place.
    fn wants_name(&self, (is_wifi, _): Id, known: &Known) -> bool {
        let mut names = known.networks.iter().chain(&known.other_names);
        self.is_wifi.is_none_or(|wanted| wanted == is_wifi)
            && !names.any(|name| self.not.contains(name))
    }

    fn wants_place(&self, has_place: bool) -> bool {
        self.with_position.is_none_or(|wanted| wanted == has_place)
    }
}

impl World {
    fn known(&self) -> BTreeMap<Id, Known> {
        let mut all: BTreeMap<Id, Known> = BTreeMap::new();
        for report in &self.reports {
            let known = all.entry((report.is_wifi, report.device)).or_default();
            known.has_place |= report.place.is_some();
            if report.is_wifi {
                known.networks.insert(report.name);
            } else if !report.name.is_empty() {
                // The latest name of a Bluetooth device counts.
                known.other_names = BTreeSet::from([report.name]);
            }
        }
        for (device, name) in self.given() {
            if let Some(known) = all.get_mut(&(true, device)) {
                known.other_names = BTreeSet::from([name]);
            }
        }
        all
    }

    /// The names that are given, the last one of each device.
    fn given(&self) -> BTreeMap<u8, &'static str> {
        self.given.iter().copied().collect()
    }

    async fn start(&self) -> TestServer {
        let server = TestServer::start().await;
        for (at, report) in (0..).zip(&self.reports) {
            let place = report
                .place
                .map_or(json!({}), |(lat, lon)| json!({ "lat": lat, "lon": lon }));
            let mut body = place;
            body["timestamp"] = json!(SEEN + at);
            let (path, address) = (address(report.device), report.name);
            let route = if report.is_wifi {
                body["bssid"] = json!(path);
                body["ssid"] = json!(address);
                WIFI
            } else {
                body["btaddr"] = json!(path);
                body["name"] = json!(address);
                BLUETOOTH
            };
            let batch = json!({ "source_uuid": SOURCE, "source_name": "x", "reports": [body] });
            let answer = server.post_json(route, &batch).await;
            answer.expect_status(200);
        }
        let known = self.known();
        for (device, name) in self.given() {
            if known.contains_key(&(true, device)) {
                let key = format!("4202770D00000000_{device:02X}0000000002");
                let path = format!("/devices/by-key/{key}/set_name.cmd");
                let answer = server.post_json(&path, &json!({ "username": name })).await;
                answer.expect_status(200);
            }
        }
        server
    }
}

fn id_of(row: &Value) -> Id {
    let address = row["address"].as_str().unwrap();
    let (_, last) = address.rsplit_once(':').unwrap();
    let device = u8::from_str_radix(last, 16).unwrap();
    (row["phy"] == "IEEE802.11", device)
}

/// The properties of the features in a file.
async fn exported(server: &TestServer, query: &str) -> Vec<Value> {
    let path = format!("/api/v1/export/geojsonseq?{query}");
    let text = server.get(&path).await.expect_status(200).text;
    let features = text.lines().filter(|line| !line.is_empty());
    features
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["properties"].clone())
        .collect()
}

async fn compare(server: &TestServer, world: &World, query: &Query) {
    let all = world.known();
    let text = query.text();
    let about = format!("{text}: {world:?}");
    let wanted: BTreeMap<_, _> = all
        .iter()
        .filter(|(id, known)| query.wants_name(**id, known) && query.wants_place(known.has_place))
        .collect();
    let expected: BTreeSet<Id> = wanted.keys().map(|id| **id).collect();

    let list = server
        .read(&format!("/api/v1/devices?limit=100&{text}"))
        .await;
    let listed = list["devices"].as_array().unwrap().iter();
    assert_eq!(
        listed.map(id_of).collect::<BTreeSet<_>>(),
        expected,
        "{about}"
    );

    let summary = server.read(&format!("/api/v1/summary?{text}")).await;
    let placed = wanted.values().filter(|known| known.has_place).count();
    assert_eq!(summary["devices"], wanted.len(), "{about}");
    assert_eq!(summary["with_position"], placed, "{about}");

    let page = server
        .read(&format!("/api/v1/ssids?limit=100&{text}"))
        .await;
    let mut networks: BTreeMap<&str, u64> = BTreeMap::new();
    for name in wanted.values().flat_map(|known| &known.networks) {
        if !name.is_empty() {
            *networks.entry(name).or_default() += 1;
        }
    }
    let listed = page["ssids"].as_array().unwrap().iter().map(|network| {
        let count = network["access_points"].as_u64().unwrap();
        (network["ssid"].as_str().unwrap(), count)
    });
    assert_eq!(listed.collect::<BTreeMap<_, _>>(), networks, "{about}");

    let path = format!("/api/v1/tiles/0/0/0.mvt?{text}");
    let tile = server.request(reqwest::Method::GET, &path);
    let tile = tile.send().await.unwrap().bytes().await.unwrap();
    let points = mvt::read(&tile).map_or(0, |layer| layer.points.len());
    assert_eq!(points, placed, "{about}");

    let rows = exported(server, &text).await;
    let rows: BTreeSet<_> = rows.iter().map(id_of).collect();
    assert_eq!(rows, expected, "{about}");

    let rows = exported(server, &format!("per=observation&{text}")).await;
    let times: BTreeSet<_> = rows
        .iter()
        .map(|row| row["time"].as_u64().unwrap())
        .collect();
    let reports = (SEEN..).zip(&world.reports).filter(|(_, report)| {
        let id = (report.is_wifi, report.device);
        query.wants_name(id, &all[&id]) && query.wants_place(report.place.is_some())
    });
    assert_eq!(times, reports.map(|(time, _)| time).collect(), "{about}");
}

#[tokio::test]
async fn what_is_left_out_is_what_a_look_at_each_device_leaves_out() {
    let mut runner = TestRunner::default();
    for _ in 0..WORLDS {
        let world = any_world().new_tree(&mut runner).unwrap().current();
        let server = world.start().await;
        for _ in 0..QUERIES {
            let query = any_query().new_tree(&mut runner).unwrap().current();
            compare(&server, &world, &query).await;
        }
    }
}
