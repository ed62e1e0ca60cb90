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
}

/// Results of one run.
struct Measured {
    reports_per_s: f64,
    latencies: Latencies,
    /// Peak of memory above its level before the run.
    extra_bytes: u64,
    /// Duration of each dump.
    dumps_s: Vec<f64>,
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
    println!(
        "Reports of known devices, {REPORTS} a batch on {CONNECTIONS} connections, {ROUNDS} runs of each in turns:\n"
    );
    let cases = [Beside::Nothing, Beside::Dumps, Beside::StalledSockets];
    let mut runs = cases.map(|_| Vec::new());
    for round in 0..ROUNDS {
        for (case, runs) in cases.into_iter().zip(&mut runs) {
            runs.push(run(&server, &serials, &arguments, case, round)?);
        }
    }
    let [alone, dumps, stalled] = &runs;
    for (name, runs) in [
        ("nothing beside them", alone),
        ("dumps of three fields beside them", dumps),
        ("two subscribers to everything who stopped reading", stalled),
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
    let took: Vec<_> = dumps.iter().flat_map(|run| run.dumps_s.clone()).collect();
    println!(
        "A dump beside reports: {:.2} s, the middle of {}.",
        median(took.clone()),
        took.len()
    );
    Ok(())
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
        Beside::Nothing | Beside::Dumps => Vec::new(),
    };
    let over = AtomicBool::new(false);
    let is_over = || over.load(Ordering::Relaxed);
    let (reported, most, dumps_s) = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = before;
            while !is_over() {
                most = most.max(memory::of_process(server.id()).unwrap_or_default());
                thread::sleep(SAMPLES_EVERY);
            }
            most
        });
        let dump = scope.spawn(|| -> Result<Vec<f64>> {
            let mut took_s = Vec::new();
            while matches!(beside, Beside::Dumps) && !is_over() {
                let started = Instant::now();
                server.count_posted(DUMP, THREE_FIELDS)?;
                took_s.push(started.elapsed().as_secs_f64());
            }
            Ok(took_s)
        });
        let reported = load::run(server, serials, pools, plan);
        over.store(true, Ordering::Relaxed);
        (reported, watch.join(), dump.join())
    });
    drop(sockets);
    let reported = reported?;
    Ok(Measured {
        reports_per_s: reported.requests_per_s * REPORTS as f64,
        latencies: Latencies::new(reported.latencies_us),
        extra_bytes: most.map_err(|_| "a panic")?.saturating_sub(before),
        dumps_s: dumps_s.map_err(|_| "a panic")??,
    })
}
