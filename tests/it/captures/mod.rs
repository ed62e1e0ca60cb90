//! Compares the recorded answers of a real Kismet with this server's answers to the same requests.

mod checks;
mod differences;

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use self::checks::Case;
use self::differences::{ANY, DIFFERENCES, Differences, Here};
use crate::server::{Answer, TestServer, WIFI};

/// Reads whose answers are compared.
const SERVED: [&str; 14] = [
    "/devices/views/all/devices.json",
    "/devices/views/phydot11_accesspoints/devices.json",
    "/devices/views/phy-IEEE802.11/devices.json",
    "/devices/by-mac/*/devices.json",
    "/devices/last-time/*/devices.json",
    "/devices/multimac/devices.json",
    "/devices/views/all_views.json",
    "/phy/phy80211/ssids/views/ssids.json",
    "/alerts/all_alerts.json",
    "/datasource/all_sources.json",
    "/datasource/by-uuid/*/source.json",
    "/phy/all_phys.json",
    "/system/status.json",
    "/system/timestamp.json",
];

/// A view in another format. `reads` compares the formats.
const IN_ANOTHER_FORM: &str = "/devices/all_devices.ekjson";

/// Reads that equal the view of access points if nothing else was reported. The recordings have only that view. Polls
/// select by the time of the change, so they include late reports.
const ACCESS_POINTS: &str = "/devices/views/phydot11_accesspoints/devices.json";
const AS_ACCESS_POINTS: [&str; 4] = [
    "/devices/views/all/devices.json",
    "/devices/views/phy-IEEE802.11/devices.json",
    "/devices/last-time/1600000000/devices.json",
    "/devices/last-time/-60/devices.json",
];

/// Fields that identify the records of a list.
const KEYS: [&str; 9] = [
    "kismet.device.base.macaddr",
    "kismet.datasource.uuid",
    "kismet.common.seenby.uuid",
    "dot11.advertisedssid.ssid",
    "kismet.phy.phy_name",
    "kismet.devices.view.id",
    "dot11.ssidgroup.ssid",
    "kismet.device.base.name",
    "kismet.alert.header",
];

/// A capture, and the result of comparing it.
struct Comparison<'c> {
    file: &'c str,
    reports: Vec<Value>,
    used: BTreeSet<Place>,
    unexplained: Vec<String>,
}

/// A field in both answers.
#[derive(Clone, Copy)]
struct Pair<'v> {
    recorded: &'v Value,
    path: &'v [&'v str],
    around: &'v [&'v Value],
    kismet: Option<&'v Value>,
    ours: Option<&'v Value>,
}

impl Comparison<'_> {
    fn exchange(&mut self, name: &str, recorded: &Value, answer: &Answer) {
        let status = json!(answer.status.as_u16());
        // An answer of Kismet that is not one JSON value is a string in the capture.
        let body = serde_json::from_str(&answer.text)
            .unwrap_or_else(|_| Value::from(answer.text.as_str()));
        for (part, kismet, ours) in [
            ("status code", "status", &status),
            ("body", "answer", &body),
        ] {
            self.compare(Pair {
                recorded,
                path: &[name, part],
                around: &[],
                kismet: recorded.get(kismet),
                ours: Some(ours),
            });
        }
    }

    fn compare(&mut self, pair: Pair<'_>) {
        let Pair {
            path, kismet, ours, ..
        } = pair;
        let meant = places().find(|&place| fits(place, self.file, path));
        match (kismet, ours) {
            _ if meant.is_some() => meant.into_iter().for_each(|place| self.judge(place, pair)),
            (Some(Value::Object(kismet)), Some(Value::Object(fields))) => {
                let mut around = pair.around.to_vec();
                around.extend(ours.filter(|ours| key(ours).is_some()));
                let names: BTreeSet<_> = kismet.keys().chain(fields.keys()).collect();
                for name in names {
                    self.compare(Pair {
                        path: &[path, &[name]].concat(),
                        around: &around,
                        kismet: kismet.get(name),
                        ours: fields.get(name),
                        ..pair
                    });
                }
            }
            (Some(Value::Array(kismet)), Some(Value::Array(ours)))
                if kismet.iter().chain(ours).any(Value::is_object) =>
            {
                let (kismet, ours) = by_key(kismet, ours);
                let keys: BTreeSet<_> = kismet.keys().chain(ours.keys()).collect();
                for key in keys {
                    self.compare(Pair {
                        path: &[path, &[key]].concat(),
                        kismet: kismet.get(key).copied(),
                        ours: ours.get(key).copied(),
                        ..pair
                    });
                }
            }
            _ if pair.is_same() => {}
            _ => self.unexplained.push(pair.report(self.file, "")),
        }
    }

    fn judge(&mut self, place: Place, pair: Pair<'_>) {
        let here = &DIFFERENCES[place.0].fields[place.1].here;
        let ours = pair.ours.unwrap_or(&Value::Null);
        let right = match here {
            Here::SameType => {
                pair.kismet.map(std::mem::discriminant) == pair.ours.map(std::mem::discriminant)
            }
            Here::Json(json) => same(json, ours),
            Here::Contains(part) => ours.as_str().is_some_and(|text| text.contains(part)),
            Here::Check(check) => check(&Case {
                ours,
                around: pair.around,
                recorded: pair.recorded,
                reports: &self.reports,
            }),
        };
        if !right {
            self.unexplained
                .push(pair.report(self.file, &DIFFERENCES[place.0].reason));
        }
        // An entry is needed only if it explains a difference. Values that depend on the clock may be equal by chance.
        if !pair.is_same() || matches!(here, Here::SameType | Here::Check(_)) {
            self.used.insert(place);
        }
    }
}

impl Pair<'_> {
    fn is_same(&self) -> bool {
        self.kismet
            .zip(self.ours)
            .is_some_and(|(kismet, ours)| same(kismet, ours))
    }

    fn report(&self, file: &str, reason: &str) -> String {
        let show = |value: Option<&Value>| {
            let text = value.map_or_else(|| "nothing".to_owned(), Value::to_string);
            text.chars().take(600).collect::<String>()
        };
        let (kismet, ours) = (show(self.kismet), show(self.ours));
        let path = self.path.join(" > ");
        let unlike = if reason.is_empty() {
            ""
        } else {
            "\n    unlike: "
        };
        format!("{file} > {path}\n    Kismet: {kismet}\n    ours:   {ours}{unlike}{reason}")
    }
}

/// Position of a difference in the table.
type Place = (usize, usize);

fn places() -> impl Iterator<Item = Place> {
    let numbered = DIFFERENCES.iter().enumerate();
    numbered.flat_map(|(index, differences)| {
        (0..differences.fields.len()).map(move |field| (index, field))
    })
}

fn fits(place: Place, file: &str, path: &[&str]) -> bool {
    let differences = &DIFFERENCES[place.0];
    let field = &differences.fields[place.1].path;
    let mut names = path.iter().rev();
    (differences.captures.is_empty() || differences.captures.iter().any(|name| name == file))
        && (differences.inside == ANY || path.contains(&differences.inside.as_str()))
        && field.rsplit('/').all(|part| {
            names
                .next()
                .is_some_and(|name| part == ANY || part == *name)
        })
}

/// Equal, except for the last of the six decimals that Kismet writes.
fn same(kismet: &Value, ours: &Value) -> bool {
    match (kismet, ours) {
        (Value::Number(kismet), Value::Number(ours)) => {
            let both = kismet.as_f64().zip(ours.as_f64());
            let close = both.is_some_and(|(kismet, ours)| (kismet - ours).abs() < 1.1e-6);
            // Above 2^53 different integers can be the same float.
            let exact = kismet.is_u64() && ours.is_u64();
            if exact { kismet == ours } else { close }
        }
        (Value::Array(kismet), Value::Array(ours)) => {
            kismet.len() == ours.len()
                && kismet
                    .iter()
                    .zip(ours)
                    .all(|(kismet, ours)| same(kismet, ours))
        }
        _ => kismet == ours,
    }
}

fn key(record: &Value) -> Option<&str> {
    KEYS.iter().find_map(|key| record[key].as_str())
}

type ByKey<'v> = BTreeMap<&'v str, &'v Value>;

/// Pairs the records of two lists by the field that identifies them, because their order has no meaning. Two lists of
/// one record each are a pair even if the field differs.
fn by_key<'v>(kismet: &'v [Value], ours: &'v [Value]) -> (ByKey<'v>, ByKey<'v>) {
    let by_key = |list: &'v [Value]| {
        let records: ByKey<'v> = list
            .iter()
            .map(|record| (key(record).unwrap(), record))
            .collect();
        assert_eq!(
            records.len(),
            list.len(),
            "a record stands twice in {list:?}"
        );
        records
    };
    if let ([kismet], [ours]) = (kismet, ours) {
        let name = key(ours).unwrap();
        return (ByKey::from([(name, kismet)]), ByKey::from([(name, ours)]));
    }
    (by_key(kismet), by_key(ours))
}

/// Reports in a request of a capture, if it can be parsed.
fn document(request: &Value) -> Option<&Value> {
    request.get("json").or(request.get("form"))
}

/// Reports of a capture, each with its source.
fn reports(capture: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    let requests = capture["requests"].as_array().unwrap();
    for document in requests.iter().filter_map(document) {
        for report in document["reports"].as_array().into_iter().flatten() {
            let mut report = report.clone();
            report["source_uuid"] = document["source_uuid"].clone();
            all.push(report);
        }
    }
    all
}

async fn send(server: &TestServer, request: &Value) -> Answer {
    let path = request["path"].as_str().unwrap();
    if let Some(document) = request.get("json") {
        return server.post_json(path, document).await;
    }
    if let Some(document) = request.get("form") {
        let document = document.to_string();
        let form = format!("json={}", utf8_percent_encode(&document, NON_ALPHANUMERIC));
        let content_type = "application/x-www-form-urlencoded";
        return server.post(path, Some(content_type), form).await;
    }
    let raw = request["raw"].as_str().unwrap().to_owned();
    server.post(path, Some("application/json"), raw).await
}

fn is_served(path: &str) -> bool {
    SERVED.iter().any(|pattern| {
        let (pattern, path) = (pattern.split('/'), path.split('/'));
        pattern.clone().count() == path.clone().count()
            && pattern
                .zip(path)
                .all(|(part, given)| part == ANY || part == given)
    })
}

/// Sends the requests of the capture, and compares every answer with Kismet's.
async fn replay<'c>(file: &'c str, capture: &Value) -> Comparison<'c> {
    let server = TestServer::start().await;
    let mut comparison = Comparison {
        file,
        reports: reports(capture),
        used: BTreeSet::new(),
        unexplained: Vec::new(),
    };
    let requests = capture["requests"].as_array().unwrap();
    for (index, request) in requests.iter().enumerate() {
        let answer = send(&server, request).await;
        comparison.exchange(&format!("request {index}"), request, &answer);
    }
    let only_wifi = requests.iter().all(|request| request["path"] == WIFI);
    for read in capture["reads"].as_array().unwrap() {
        let path = read["path"].as_str().unwrap();
        if path == IN_ANOTHER_FORM {
            continue;
        }
        assert!(
            is_served(path),
            "{file} reads {path}, which stands in no list"
        );
        let has_form = read.get("form").is_some();
        let answer = if has_form {
            send(&server, read).await
        } else {
            server.get(path).await
        };
        comparison.exchange(path, read, &answer);
        if path == ACCESS_POINTS && only_wifi && !has_form {
            for path in AS_ACCESS_POINTS {
                comparison.exchange(path, read, &server.get(path).await);
            }
        }
    }
    comparison
}

/// Captures by file name.
fn captures() -> BTreeMap<String, Value> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/captures");
    let captures: BTreeMap<_, _> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let capture = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            (name, capture)
        })
        .collect();
    assert!(!captures.is_empty());
    captures
}

#[tokio::test]
async fn answers_equal_kismets_except_for_intended_differences() {
    let mut unexplained = Vec::new();
    for (file, capture) in captures() {
        unexplained.extend(replay(&file, &capture).await.unexplained);
    }
    assert!(
        unexplained.is_empty(),
        "{} unexplained differences:\n\n{}\n",
        unexplained.len(),
        unexplained.join("\n\n")
    );
}

/// An entry that explains nothing hides the next defect.
#[tokio::test]
async fn every_intended_difference_occurs() {
    let mut used = BTreeSet::new();
    let captures = captures();
    for (file, capture) in &captures {
        let places = replay(file, capture).await.used;
        used.extend(places.into_iter().map(|place| (place, file.as_str())));
    }
    let mut stale = Vec::new();
    for place in places() {
        let differences = &DIFFERENCES[place.0];
        let is_used = |file: &str| used.contains(&(place, file));
        let needed = match differences.captures.as_slice() {
            [] => captures.keys().any(|file| is_used(file)),
            files => files.iter().all(|file| is_used(file)),
        };
        if !needed {
            let field = &differences.fields[place.1].path;
            let Differences { inside, reason, .. } = differences;
            stale.push(format!("{inside} > {field}: {reason}"));
        }
    }
    assert!(stale.is_empty(), "no capture needs\n{}\n", stale.join("\n"));
}
