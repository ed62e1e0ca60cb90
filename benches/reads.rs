//! Cost of readers and subscribers for scanners that report.
//!
//! ```text
//! cargo bench --bench reads [-- --devices N --seconds N]
//! ```
#![expect(clippy::print_stdout, reason = "the table is the result")]
#![allow(
    clippy::cast_precision_loss,
    reason = "code that the benches share needs it"
)]

#[allow(dead_code, reason = "each bench needs a part of it")]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use support::load::{self, Pace, Plan};
use support::server::{ServerProcess, Variant};
use support::stats::{Latencies, median};
use support::traffic::{self, Serials, Traffic};
use support::{Result, child, data_directory, memory, socket};

const ROUNDS: u64 = 3;
const REPORTS: usize = 100;
const CONNECTIONS: usize = 16;
const WARM_UP: Duration = Duration::from_millis(500);
const SAMPLES_EVERY: Duration = Duration::from_millis(5);
const DUMP: &str = "/devices/views/all/devices.ekjson";
/// An open page sends its requests once in this time.
const PAGE_EVERY: Duration = Duration::from_secs(1);
const SUMMARY: &str = "/api/v1/summary";
/// What an open page reads besides tiles.
const PAGE_READS: [&str; 2] = [SUMMARY, "/api/v1/devices?limit=100"];
/// Reads of one path, of which the middle counts.
const READS: usize = 11;
const THREE_FIELDS: &str = r#"{"fields":["kismet.device.base.macaddr","kismet.device.base.last_time","kismet.device.base.signal/kismet.common.signal.last_signal"]}"#;

#[derive(Parser)]
struct Arguments {
    /// Number of devices.
    #[arg(long, default_value_t = 1_000_000)]
    devices: u32,
    /// Length of each run.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Work besides the reports.
#[derive(Clone, Copy)]
enum Beside {
    Nothing,
    Dumps,
    StalledSockets,
    /// A page that reads the tiles of a screen, a summary and a list each second.
    Page,
}

/// Results of one run.
struct Measured {
    reports_per_s: f64,
    latencies: Latencies,
    /// Peak of memory above its level before the run.
    extra_bytes: u64,
    /// Duration of each dump, or of each read of the page.
    reads_s: Vec<f64>,
}

fn main() -> Result<()> {
    if let Some(variant) = Variant::of_arguments() {
        return child::serve(variant?);
    }
    let arguments = Arguments::parse();
    if !arguments.bench {
        println!("cargo test: there is nothing to test, this is measured by cargo bench");
        return Ok(());
    }
    let data = data_directory()?;
    let server = ServerProcess::start(&Variant::Durable(data.path().to_owned()))?;
    let serials = Arc::default();
    load::send_all(
        &server,
        &serials,
        traffic::introduction(0..arguments.devices),
    )?;
    let started = Instant::now();
    let bytes = server.count_posted(DUMP, THREE_FIELDS)?;
    println!(
        "{} devices; three fields of each: {:.0} MB in {:.2} s when nothing else goes on.",
        arguments.devices,
        bytes as f64 / 1e6,
        started.elapsed().as_secs_f64()
    );
    measure_page(&server)?;
    println!(
        "Reports of known devices, {REPORTS} a batch on {CONNECTIONS} connections, {ROUNDS} runs of each in turns:\n"
    );
    let cases = [
        Beside::Nothing,
        Beside::Dumps,
        Beside::StalledSockets,
        Beside::Page,
    ];
    let mut runs = cases.map(|_| Vec::new());
    for round in 0..ROUNDS {
        for (case, runs) in cases.into_iter().zip(&mut runs) {
            runs.push(run(&server, &serials, &arguments, case, round)?);
        }
    }
    let [alone, dumps, stalled, page] = &runs;
    for (name, runs) in [
        ("nothing beside them", alone),
        ("dumps of three fields beside them", dumps),
        ("two subscribers to everything who stopped reading", stalled),
        ("20 tiles, a summary and a list each second", page),
    ] {
        let middle = |value: fn(&Measured) -> f64| median(runs.iter().map(value).collect());
        let ratios = runs.iter().zip(alone);
        let ratios = ratios.map(|(run, alone)| run.reports_per_s / alone.reports_per_s);
        println!(
            "{name}: {:.0} reports/s, {:.2} of undisturbed; p99 {:.1} ms; {:.0} MiB more memory at the most",
            middle(|run| run.reports_per_s),
            median(ratios.collect()),
            middle(|run| run.latencies.per_mille_ms(990)),
            middle(|run| run.extra_bytes as f64) / f64::from(1 << 20),
        );
    }
    let took = |runs: &[Measured]| -> Vec<f64> {
        let runs = runs.iter();
        runs.flat_map(|run| run.reads_s.clone()).collect()
    };
    let (dumps_s, page_s) = (took(dumps), took(page));
    println!(
        "A dump beside reports: {:.2} s, the middle of {}. A read of the page: {:.1} ms, the middle of {}.",
        median(dumps_s.clone()),
        dumps_s.len(),
        median(page_s.clone()) * 1e3,
        page_s.len(),
    );
    Ok(())
}

/// Reads summaries and a list while nothing else goes on.
fn measure_page(server: &ServerProcess) -> Result<()> {
    let filtered = format!("{SUMMARY}?security=open");
    for path in PAGE_READS.into_iter().chain([filtered.as_str()]) {
        let mut reads_s = Vec::new();
        for _ in 0..READS {
            reads_s.push(time_s(|| server.get(path).map(drop))?);
        }
        println!(
            "{path}: {:.1} ms, the middle of {READS}.",
            median(reads_s) * 1e3
        );
    }
    Ok(())
}

fn time_s(read: impl FnOnce() -> Result<()>) -> Result<f64> {
    let started = Instant::now();
    read()?;
    Ok(started.elapsed().as_secs_f64())
}

/// Reads as an open page does, until it is over. Returns how long each read took.
fn look(server: &ServerProcess, is_over: &dyn Fn() -> bool) -> Result<Vec<f64>> {
    let mut took_s = Vec::new();
    let mut zooms = (8..=18).cycle();
    while !is_over() {
        let started = Instant::now();
        let tiles = zooms.next().map(screen).unwrap_or_default();
        let others = PAGE_READS.map(str::to_owned);
        for path in tiles.into_iter().chain(others) {
            took_s.push(time_s(|| server.count(&path).map(drop))?);
        }
        while !is_over() && started.elapsed() < PAGE_EVERY {
            thread::sleep(SAMPLES_EVERY);
        }
    }
    Ok(took_s)
}

/// Paths of the tiles of a screen, around the place of all reports.
fn screen(zoom: u8) -> Vec<String> {
    let side = f64::from(zoom).exp2();
    let (column, row) = (0.532_154, 0.347_043);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the place is on the map"
    )]
    let at = |share: f64| (share * side) as u32;
    let columns = at(column).saturating_sub(2)..=at(column) + 2;
    let tile = |x: u32, y: u32| format!("/api/v1/tiles/{zoom}/{x}/{y}.mvt");
    let rows = at(row).saturating_sub(2)..=at(row) + 1;
    columns
        .flat_map(|x| rows.clone().map(move |y| tile(x, y)))
        .collect()
}

fn run(
    server: &ServerProcess,
    serials: &Arc<Serials>,
    arguments: &Arguments,
    beside: Beside,
    round: u64,
) -> Result<Measured> {
    let pools = Traffic::of_known(arguments.devices).pools(REPORTS, CONNECTIONS, round);
    let plan = Plan {
        warm_up: WARM_UP,
        measured: Duration::try_from_secs_f64(arguments.seconds)?,
        pace: Pace::AtOnce,
    };
    let before = memory::of_process(server.id()).unwrap_or_default();
    let sockets = match beside {
        // They request large answers, and do not read them.
        Beside::StalledSockets => vec![
            socket::open(server, "/eventbus/events.ws", r#"{"SUBSCRIBE": "*"}"#, None)?,
            socket::open(
                server,
                "/devices/monitor.ws",
                r#"{"monitor": "*", "request": 1, "rate": 0.1}"#,
                None,
            )?,
        ],
        Beside::Nothing | Beside::Dumps | Beside::Page => Vec::new(),
    };
    let over = AtomicBool::new(false);
    let is_over = || over.load(Ordering::Relaxed);
    let (reported, most, reads_s) = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = before;
            while !is_over() {
                most = most.max(memory::of_process(server.id()).unwrap_or_default());
                thread::sleep(SAMPLES_EVERY);
            }
            most
        });
        let reader = scope.spawn(|| -> Result<Vec<f64>> {
            let mut took_s = Vec::new();
            while matches!(beside, Beside::Dumps) && !is_over() {
                took_s.push(time_s(|| {
                    server.count_posted(DUMP, THREE_FIELDS).map(drop)
                })?);
            }
            if matches!(beside, Beside::Page) {
                took_s = look(server, &is_over)?;
            }
            Ok(took_s)
        });
        let reported = load::run(server, serials, pools, plan);
        over.store(true, Ordering::Relaxed);
        (reported, watch.join(), reader.join())
    });
    drop(sockets);
    let reported = reported?;
    Ok(Measured {
        reports_per_s: reported.requests_per_s * REPORTS as f64,
        latencies: Latencies::new(reported.latencies_us),
        extra_bytes: most.map_err(|_| "a panic")?.saturating_sub(before),
        reads_s: reads_s.map_err(|_| "a panic")??,
    })
}
