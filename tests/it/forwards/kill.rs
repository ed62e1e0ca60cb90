//! Kills the program at random times while it forwards. Each observation arrives once at a service that can tell what it
//! has. At one that cannot, a part whose answer was lost comes twice, with the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::stub::{Got, Reply, Stub, file_of, of_csv, of_geosubmit, unzipped};
use super::{KEY, wifi};
use crate::program::{Running, patient_client};
use crate::server::{SOURCE, WIFI};

/// Kills in a normal run, for each service. The environment variable `FORWARD_TEST_KILLS` overrides it.
const KILLS: u64 = 6;
/// Observations between two kills.
const ROUND: u64 = 30;
const ROWS_MAX: u64 = 4;

fn kills() -> u64 {
    let given = std::env::var("FORWARD_TEST_KILLS");
    given.map_or(KILLS, |kills| kills.parse().unwrap())
}

/// What a service has, which counts what it takes, and recognises no single observation.
#[derive(Default)]
struct Taken {
    observations: BTreeMap<String, u64>,
    /// Of the uploads: names of files, ids of transfers, or whole bodies.
    uploads: BTreeSet<Vec<u8>>,
    /// Uploads that came again.
    again: u64,
    /// Answers that were not sent.
    cut: u64,
}

impl Taken {
    fn count(&mut self, observations: Vec<String>) {
        for observation in observations {
            *self.observations.entry(observation).or_default() += 1;
        }
    }

    fn has(&mut self, upload: &[u8]) -> bool {
        !self.uploads.insert(upload.to_vec())
    }
}

/// Cuts the connection after some of the new uploads, so that answers are lost without a kill too.
fn answered(taken: &mut Taken, reply: Reply) -> Reply {
    if taken.uploads.len() % 7 == 3 {
        taken.cut += 1;
        return Reply::Cut;
    }
    reply
}

fn wigle(taken: &mut Taken, got: &Got) -> Reply {
    if got.method == "GET" {
        let names = taken
            .uploads
            .iter()
            .map(|name| String::from_utf8_lossy(name));
        let results: Vec<_> = names.map(|name| json!({ "fileName": name })).collect();
        return Reply::Json(200, json!({ "success": true, "results": results }));
    }
    let (file, name, _) = file_of(got);
    taken.count(of_csv(&unzipped(&file)));
    taken.has(name.as_bytes());
    answered(taken, Reply::Json(200, json!({ "success": true })))
}

fn wdgwars(taken: &mut Taken, got: &Got) -> Reply {
    let (file, ..) = file_of(got);
    if taken.has(&file) {
        return Reply::Json(409, json!({ "error": "duplicate_upload" }));
    }
    taken.count(of_csv(&String::from_utf8(file).unwrap()));
    answered(taken, Reply::Json(200, json!({ "ok": true })))
}

fn wardriver(taken: &mut Taken, got: &Got) -> Reply {
    let body: Value = serde_json::from_slice(&got.body).unwrap();
    let id = body["transfer"]["id"].as_str().unwrap();
    let reply = Reply::Json(201, json!({ "id": id }));
    if taken.has(id.as_bytes()) {
        return reply;
    }
    let observations = body["observations"].as_array().unwrap().iter();
    let seen = observations.map(|one| format!("{} {}", one["bssid"], one["seen_at"]));
    taken.count(seen.collect());
    answered(taken, reply)
}

/// Cannot tell what it has: a part that comes again is counted apart.
fn geosubmit(taken: &mut Taken, got: &Got) -> Reply {
    if taken.has(&got.body) {
        taken.again += 1;
        return Reply::ok();
    }
    taken.count(of_geosubmit(got));
    answered(taken, Reply::ok())
}

type Service = fn(&mut Taken, &Got) -> Reply;

fn config(kind: &str, addr: std::net::SocketAddr, folder: &TempDir) -> PathBuf {
    let file = folder.path().join("scanpost.toml");
    let text = format!(
        "[[forward]]\nname = \"t\"\nkind = {kind:?}\nurl = \"http://{addr}\"\nkey = {KEY:?}\nrows_max = {ROWS_MAX}\n\
         retry_min = \"1ms\"\nretry_max = \"10ms\"\n"
    );
    fs::write(&file, text).unwrap();
    file
}

pub(super) async fn report(running: &Running, numbers: std::ops::Range<u64>) {
    let reports: Vec<_> = numbers.map(wifi).collect();
    let body = json!({ "source_uuid": SOURCE, "source_name": "walker", "reports": reports });
    let url = format!("http://{}{WIFI}", running.addr);
    let answer = patient_client().post(url).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

pub(super) async fn order_run(running: &Running) {
    let url = format!("http://{}/api/v1/forwards/t/run", running.addr);
    let answer = patient_client().post(url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

async fn until_idle(running: &Running) -> Value {
    let url = format!("http://{}/api/v1/forwards", running.addr);
    loop {
        let answer = patient_client().get(&url).send().await.unwrap();
        let all: Value = answer.json().await.unwrap();
        let status = &all["forwards"][0];
        if status["state"] == "idle" {
            return status.clone();
        }
    }
}

/// A number that looks random, and is the same in each run.
fn scattered(number: u64) -> u64 {
    number
        .wrapping_mul(6_364_136_223_846_793_005)
        .rotate_left(17)
        % 1000
}

/// Kills the program again and again, and returns what the service has.
async fn killed(kind: &str, service: Service) -> Taken {
    let taken = Arc::new(Mutex::new(Taken::default()));
    let (of_stub, folder) = (Arc::clone(&taken), tempfile::tempdir().unwrap());
    let stub = Stub::start(move |got| service(&mut of_stub.lock().unwrap(), got)).await;
    let file = config(kind, stub.addr, &folder);
    let start = |data: TempDir| {
        Running::start_on(data, |command| {
            command.arg("--config").arg(&file);
        })
    };
    let mut running = start(tempfile::tempdir().unwrap());
    let kills = kills();
    for kill in 0..kills {
        let before = stub.got().len();
        report(&running, 1 + kill * ROUND..1 + (kill + 1) * ROUND).await;
        order_run(&running).await;
        // The time of the kill varies, because the program goes on meanwhile.
        let parts = usize::try_from(scattered(kill) % (ROUND / ROWS_MAX)).unwrap();
        stub.until(|got| before + parts <= got.len()).await;
        (0..scattered(kill + 7) * 10).for_each(|_| std::thread::yield_now());
        running = start(running.kill());
    }
    until_idle(&running).await;
    // What came after the last run began is sent by this one.
    order_run(&running).await;
    let status = until_idle(&running).await;
    assert_eq!(status["behind"], 0, "{status}");
    assert_eq!(status["rows"], kills * ROUND, "{status}");
    running.stop();
    let taken = std::mem::take(&mut *taken.lock().unwrap());
    assert_eq!(
        u64::try_from(taken.observations.len()).unwrap(),
        kills * ROUND,
        "each observation arrived"
    );
    let twice: Vec<_> = taken
        .observations
        .iter()
        .filter(|(_, count)| **count != 1)
        .collect();
    assert!(twice.is_empty(), "these came more than once: {twice:?}");
    taken
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wigle_gets_each_observation_once() {
    killed("wigle", wigle).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wdgwars_gets_each_observation_once() {
    killed("wdgwars", wdgwars).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wardriver_gets_each_observation_once() {
    killed("wardriver", wardriver).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn geosubmit_gets_at_most_the_part_again_whose_answer_was_lost() {
    let taken = killed("geosubmit", geosubmit).await;
    let lost = taken.cut..=taken.cut + kills();
    assert!(lost.contains(&taken.again), "{} came again", taken.again);
}
