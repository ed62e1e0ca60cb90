//! Cost of more access points: throughput, memory, restart and reads at each power of ten.
//!
//! ```text
//! cargo bench --bench scale -- [N]
//! ```
#![expect(clippy::print_stdout, reason = "the table is the result")]
#![allow(
    clippy::cast_precision_loss,
    reason = "code that the benches share needs it"
)]

#[allow(dead_code, reason = "each bench needs a part of it")]
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use clap::Parser;
use support::access_point::AccessPoint;
use support::load::{self, Pace, Plan};
use support::server::{ServerProcess, Variant};
use support::stats::median;
use support::traffic::{self, Serials, Traffic};
use support::{Result, child, data_directory, memory};

const FIRST_DECADE: u32 = 10_000;
const LOAD_REPORTS: usize = 100;
const LOAD_CONNECTIONS: usize = 16;
const LOAD: Duration = Duration::from_secs(2);
/// Measurements of each read.
const READS: usize = 11;
/// Devices that change before a poll for changes.
const CHANGES: usize = 100;

#[derive(Parser)]
struct Arguments {
    /// Number of access points at the end.
    #[arg(default_value_t = 1_000_000)]
    count: u32,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
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
    let mut server = ServerProcess::start(&Variant::Durable(data.path().to_owned()))?;
    let serials = Arc::default();
    let idle_bytes = memory::of_process(server.id()).unwrap_or_default();
    let (mut known, mut next) = (0, FIRST_DECADE.min(arguments.count));
    let mut first_rate = None;
    loop {
        let started = Instant::now();
        load::send_all(&server, &serials, traffic::introduction(known..next))?;
        let filled = started.elapsed();
        println!(
            "\n{next} access points, the last {} in {:.1} s on one connection:",
            next - known,
            filled.as_secs_f64()
        );
        let bytes = memory::of_process(server.id()).unwrap_or_default();
        let each = bytes.saturating_sub(idle_bytes) as f64 / f64::from(next);
        println!(
            "  memory: {:.0} MB, {each:.0} bytes an access point",
            bytes as f64 / 1e6
        );
        measure_reads(&server, &serials, next)?;
        let rate = measure_rate(&server, &serials, next)?;
        let of_first = rate / *first_rate.get_or_insert(rate);
        println!(
            "  re-sightings of all, {LOAD_REPORTS} a batch on {LOAD_CONNECTIONS} connections: {rate:.0} reports/s, \
             {of_first:.2} of that at {FIRST_DECADE}"
        );
        server = measure_restart(server, data.path())?;
        if arguments.count <= next {
            return Ok(());
        }
        (known, next) = (next, next.saturating_mul(10).min(arguments.count));
    }
}

/// Reports of known access points, mostly of the popular ones.
fn measure_rate(server: &ServerProcess, serials: &Arc<Serials>, known: u32) -> Result<f64> {
    let pools = Traffic::of_known(known).pools(LOAD_REPORTS, LOAD_CONNECTIONS, 1);
    let plan = Plan {
        warm_up: LOAD / 4,
        measured: LOAD,
        pace: Pace::AtOnce,
    };
    let run = load::run(server, serials, pools, plan)?;
    Ok(run.requests_per_s * LOAD_REPORTS as f64)
}

fn measure_reads(server: &ServerProcess, serials: &Serials, known: u32) -> Result<()> {
    let one = AccessPoint::known(known / 2).bssid;
    let by_mac = format!("/devices/by-mac/{one}/devices.json");
    let pages = [
        ("a device by its address", by_mac.as_str()),
        ("the 100 seen last", "/api/v1/devices?limit=100"),
        ("the 100 strongest", "/api/v1/devices?limit=100&sort=signal"),
    ];
    for (what, path) in pages {
        println!("  {what}: {:.2} ms", timed(|| server.get(path).map(drop))?);
    }
    let (mut polls, mut bytes) = (Vec::new(), 0);
    for round in 0..READS {
        // The poll asks only for changes of this second and later.
        let since = SystemTime::now() + Duration::from_secs(1);
        std::thread::sleep(Duration::from_secs(1));
        let since_s = traffic::since_1970(since).as_secs();
        // Popular access points have the lowest numbers. They are avoided, because each of their many scanners adds
        // lines to the answer.
        let first = known / 2 + u32::try_from(round * CHANGES)?;
        let changes = first..first + u32::try_from(CHANGES)?;
        load::send_all(server, serials, traffic::introduction(changes))?;
        let path = format!("/devices/last-time/{since_s}/devices.json");
        let started = Instant::now();
        let answer = server.get(&path)?;
        polls.push(started.elapsed().as_secs_f64() * 1e3);
        bytes = answer.len();
    }
    println!(
        "  a poll for {CHANGES} changes: {:.2} ms, {:.1} MB",
        median(polls),
        bytes as f64 / 1e6
    );
    let started = Instant::now();
    let bytes = server.count("/devices/views/all/devices.json")?;
    println!(
        "  all of a view: {:.0} MB in {:.2} s",
        bytes as f64 / 1e6,
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

fn measure_restart(server: ServerProcess, data: &Path) -> Result<ServerProcess> {
    let started = Instant::now();
    // The server writes a snapshot when it stops.
    drop(server);
    let stopped_s = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let server = ServerProcess::start(&Variant::Durable(data.to_owned()))?;
    println!(
        "  stop {stopped_s:.1} s, start {:.1} s",
        started.elapsed().as_secs_f64()
    );
    Ok(server)
}

/// Median of several runs, in milliseconds.
fn timed(mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut runs_ms = Vec::new();
    for _ in 0..READS {
        let started = Instant::now();
        run()?;
        runs_ms.push(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(runs_ms))
}
