//! Scenarios from `tests/fixtures/alerts`: reports, and the alerts that they raise.
//!
//! A file has `config` (keys of `[alerts]`), `batches` (the reports of one request each; `ago_s` is their age at the
//! start of the test, in seconds) and `alerts` (the expected `rule`, `address`, `severity`, and parts of the text).
//! With `any_order` the order of the reports makes no difference.

use std::fs;
use std::path::Path;

use scanpost::config::alerts::Alerts;
use serde_json::{Map, Value};

use super::{OFTEN, alerts};
use crate::server::{TestServer, now_s};

/// Interruption between the requests.
#[derive(Clone, Copy, Debug)]
enum Between {
    Nothing,
    Restart,
    RestartWithoutSnapshots,
}

struct Scenario {
    name: String,
    config: Alerts,
    batches: Vec<Vec<Value>>,
    expected: Vec<Value>,
    any_order: bool,
}

impl Scenario {
    fn read(path: &Path, now_s: u64) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let mut scenario: Map<String, Value> = serde_json::from_str(&text).unwrap();
        let mut take = |name: &str| scenario.remove(name).unwrap_or_default();
        let mut config = serde_json::to_value(often()).unwrap();
        if let (Value::Object(all), Value::Object(given)) = (&mut config, take("config")) {
            all.extend(given);
        }
        let batches = take("batches");
        let batches = batches.as_array().unwrap().iter().map(|batch| {
            let reports = batch.as_array().unwrap().iter();
            reports.map(|report| stamped(report, now_s)).collect()
        });
        Self {
            batches: batches.collect(),
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            config: serde_json::from_value(config).unwrap(),
            expected: take("alerts").as_array().unwrap().clone(),
            any_order: take("any_order") == true,
        }
    }

    async fn run(&self, batches: &[Vec<Value>], between: Between) {
        let what = format!("{}, {between:?}, {batches:?}", self.name);
        let config = self.config.clone();
        let mut server = TestServer::start_with(|all| all.alerts = config).await;
        for batch in batches {
            server.report(Value::Array(batch.clone())).await;
            server = match between {
                Between::Nothing => server,
                Between::Restart => server.restart().await,
                Between::RestartWithoutSnapshots => server.restart_without_snapshots().await,
            };
        }
        let raised = alerts(&server).await;
        self.check(&raised, &what);
        // A replay of the whole log raises no alert a second time.
        let server = server.restart_without_snapshots().await;
        assert_eq!(alerts(&server).await, raised, "{what}");
    }

    fn check(&self, raised: &[Value], what: &str) {
        let mut left: Vec<&Value> = raised.iter().collect();
        for expected in &self.expected {
            let is_it = |alert: &&Value| {
                let is_in = |part: &Value| {
                    let text = alert["text"].as_str().unwrap();
                    text.contains(part.as_str().unwrap())
                };
                ["rule", "address", "severity"].iter().all(|name| {
                    expected
                        .get(name)
                        .is_none_or(|value| *value == alert[*name])
                }) && expected["text"].as_array().unwrap().iter().all(is_in)
            };
            let Some(place) = left.iter().position(is_it) else {
                panic!("{what}: {expected} is not among {raised:?}");
            };
            left.remove(place);
        }
        assert!(left.is_empty(), "{what}: unexpected alerts: {left:?}");
    }
}

/// Configuration with rate limits so high that every alert is raised.
fn often() -> Alerts {
    let often = || OFTEN.to_owned();
    Alerts {
        ssidcanary: often(),
        apspoof: often(),
        cryptodrop: often(),
        advcryptchange: often(),
        chanchange: often(),
        devicefound: often(),
        eviltwin: often(),
        weakcrypto: often(),
        apmoved: often(),
        flipperzero: often(),
        ..Alerts::default()
    }
}

fn stamped(report: &Value, now_s: u64) -> Value {
    let mut report = report.clone();
    if let Some(ago_s) = report.as_object_mut().unwrap().remove("ago_s") {
        report["timestamp"] = (now_s - ago_s.as_u64().unwrap()).into();
    }
    report
}

/// Every rotation, forwards and backwards, so that each report comes first once and each pair occurs in both orders.
fn orders(reports: &[Value]) -> Vec<Vec<Vec<Value>>> {
    let mut orders = Vec::new();
    for start in 0..reports.len() {
        let mut turned = reports.to_vec();
        turned.rotate_left(start);
        let singles = |reports: &[Value]| reports.iter().map(|one| vec![one.clone()]).collect();
        orders.push(singles(&turned));
        turned.reverse();
        orders.push(singles(&turned));
        orders.push(vec![turned]);
    }
    orders
}

async fn check(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/alerts");
    let scenario = Scenario::read(&folder.join(format!("{name}.json")), now_s());
    for between in [
        Between::Nothing,
        Between::Restart,
        Between::RestartWithoutSnapshots,
    ] {
        scenario.run(&scenario.batches, between).await;
    }
    if scenario.any_order {
        for batches in orders(&scenario.batches.concat()) {
            scenario.run(&batches, Between::Nothing).await;
        }
    }
}

macro_rules! scenarios {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(
            #[tokio::test]
            async fn $name() {
                check(stringify!($name)).await;
            }
        )*
    };
}

scenarios! {
    ssid_canary
    ap_spoof
    crypto_change
    channel_change
    device_found
    evil_twin
    evil_twin_first
    mixed_scanners
    weak_crypto
    ap_moved
    old_cache
    scanners_of_one_mode
    scanners_of_other_times
    switched_off
}

#[test]
fn every_file_is_a_scenario() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/alerts");
    let files = fs::read_dir(folder).unwrap();
    let mut stems: Vec<_> = files
        .map(|file| {
            file.unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    stems.sort_unstable();
    let mut names = NAMES.to_vec();
    names.sort_unstable();
    assert_eq!(stems, names);
}
