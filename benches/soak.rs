//! Drift of the server's figures under constant load, with readers and subscribers.
//!
//! ```text
//! cargo bench --bench soak -- MINUTES
//! ```
#![expect(clippy::print_stdout, reason = "the table is the result")]
#![allow(
    clippy::cast_precision_loss,
    reason = "code that the benches share needs it"
)]

#[allow(dead_code, reason = "each bench needs a part of it")]
mod support;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use clap::Parser;
use support::access_point::AccessPoint;
use support::load::{self, Pace, Plan};
use support::server::{ServerProcess, Variant};
use support::stats::{Latencies, median};
use support::traffic::{self, Serials, Traffic};
use support::{Result, child, data_directory, memory, socket};
use tokio_tungstenite::tungstenite::Error;

const REPORTS: usize = 20;
const CONNECTIONS: usize = 64;
/// Load, as a part of the server's maximum.
const LOAD: f64 = 0.7;
const WARM_UP: Duration = Duration::from_secs(1);
const PEAK_MEASURED: Duration = Duration::from_secs(3);
/// Lines of the table.
const SLICES: u32 = 10;
/// Lines at the start and at the end that are compared.
const ENDS: usize = 3;
/// Interval between the reads of each reader.
const PAGE_EVERY: Duration = Duration::from_millis(200);
const DEVICE_EVERY: Duration = Duration::from_millis(20);
const DUMP_EVERY: Duration = Duration::from_secs(10);
const SUBSCRIBERS: usize = 4;
/// Timeout of a read from a socket, after which its reader checks whether to stop.
const QUIET: Duration = Duration::from_millis(100);
const DUMP: &str = "/devices/views/all/devices.ekjson";
const ONE_FIELD: &str = r#"{"fields":["kismet.device.base.macaddr"]}"#;

#[derive(Parser)]
struct Arguments {
    /// Duration of the load.
    #[arg(default_value_t = 10.0)]
    minutes: f64,
    /// Number of access points. All reports are of them.
    #[arg(long, default_value_t = 100_000)]
    known: u32,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Results of one slice of the time.
struct Slice {
    reports_per_s: f64,
    latencies: Latencies,
    page_ms: f64,
    events: u64,
    memory_mb: f64,
}

/// Results of the readers since the last slice.
#[derive(Default)]
struct Seen {
    events: AtomicU64,
    /// Duration of the slowest page, in microseconds.
    slowest_page_us: AtomicU64,
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
    let server = ServerProcess::start(&Variant::Bounded(data.path().to_owned()))?;
    let serials = Arc::default();
    load::send_all(&server, &serials, traffic::introduction(0..arguments.known))?;
    let pools = || Traffic::of_known(arguments.known).pools(REPORTS, CONNECTIONS, 1);
    let plan = Plan {
        warm_up: WARM_UP,
        measured: PEAK_MEASURED,
        pace: Pace::AtOnce,
    };
    let peak = load::run(&server, &serials, pools(), plan)?.requests_per_s;
    println!(
        "{} access points. At most {:.0} reports/s in batches of {REPORTS} on {CONNECTIONS} connections; \
         now {LOAD} of that for {} minutes, with {SUBSCRIBERS} subscribers, readers, and a snapshot each minute:\n",
        arguments.known,
        peak * REPORTS as f64,
        arguments.minutes
    );
    println!(
        "  minute  reports/s   p50 ms   p99 ms  p99.9 ms  slowest page ms  events/s  memory MB"
    );
    let measured = Duration::try_from_secs_f64(arguments.minutes * 60.0)? / SLICES;
    let plan = Plan {
        warm_up: WARM_UP,
        measured,
        pace: Pace::Constant(peak * LOAD),
    };
    let (over, seen) = (AtomicBool::new(false), Seen::default());
    let slices = thread::scope(|scope| {
        let readers = [
            scope.spawn(|| page(&server, &seen, &over)),
            scope.spawn(|| device(&server, arguments.known, &over)),
            scope.spawn(|| every(DUMP_EVERY, &over, || server.count_posted(DUMP, ONE_FIELD))),
        ];
        let subscribers: Vec<_> = (0..SUBSCRIBERS)
            .map(|_| scope.spawn(|| listen(&server, &seen, &over)))
            .collect();
        let slices = (1..=SLICES)
            .map(|nth| {
                let slice = slice(&server, &serials, pools(), plan, &seen)?;
                print(f64::from(nth) * measured.as_secs_f64() / 60.0, &slice);
                Ok(slice)
            })
            .collect::<Result<Vec<_>>>();
        over.store(true, Ordering::Relaxed);
        for thread in readers.into_iter().chain(subscribers) {
            joined(thread)?;
        }
        slices
    })?;
    print_drift(&slices);
    Ok(())
}

fn joined(thread: ScopedJoinHandle<'_, Result<()>>) -> Result<()> {
    thread.join().map_err(|_| "a reader panicked")?
}

fn slice(
    server: &ServerProcess,
    serials: &Arc<Serials>,
    pools: Vec<Vec<traffic::Request>>,
    plan: Plan,
    seen: &Seen,
) -> Result<Slice> {
    let run = load::run(server, serials, pools, plan)?;
    let memory = memory::of_process(server.id()).unwrap_or_default();
    Ok(Slice {
        reports_per_s: run.requests_per_s * REPORTS as f64,
        latencies: Latencies::new(run.latencies_us),
        page_ms: seen.slowest_page_us.swap(0, Ordering::Relaxed) as f64 / 1e3,
        events: seen.events.swap(0, Ordering::Relaxed),
        memory_mb: memory as f64 / 1e6,
    })
}

fn print(minute: f64, slice: &Slice) {
    let at = |per_mille| slice.latencies.per_mille_ms(per_mille);
    println!(
        "{minute:>8.1} {:>10.0} {:>8.2} {:>8.2} {:>9.2} {:>16.2} {:>9} {:>10.0}",
        slice.reports_per_s,
        at(500),
        at(990),
        at(999),
        slice.page_ms,
        slice.events,
        slice.memory_mb
    );
}

/// Difference between the last slices and the first.
fn print_drift(slices: &[Slice]) {
    let ends = |value: &dyn Fn(&Slice) -> f64| {
        let values: Vec<_> = slices.iter().map(value).collect();
        let (first, last) = (values.iter().take(ENDS), values.iter().rev().take(ENDS));
        median(last.copied().collect()) / median(first.copied().collect())
    };
    println!(
        "\nThe last {ENDS} parts are of the first {ENDS}: p50 {:.2}, p99 {:.2}, memory {:.3}.",
        ends(&|slice| slice.latencies.per_mille_ms(500)),
        ends(&|slice| slice.latencies.per_mille_ms(990)),
        ends(&|slice| slice.memory_mb),
    );
}

/// The page of the devices seen last, as a dashboard shows it.
fn page(server: &ServerProcess, seen: &Seen, over: &AtomicBool) -> Result<()> {
    every(PAGE_EVERY, over, || {
        let started = Instant::now();
        server.get("/api/v1/devices?limit=100")?;
        let took_us = u64::try_from(started.elapsed().as_micros())?;
        seen.slowest_page_us.fetch_max(took_us, Ordering::Relaxed);
        Ok(())
    })
}

/// Reads one device after the other, with all of Kismet's fields.
fn device(server: &ServerProcess, known: u32, over: &AtomicBool) -> Result<()> {
    let mut next = (0..known).cycle();
    every(DEVICE_EVERY, over, || {
        let seen = AccessPoint::known(next.next().unwrap_or_default());
        server.get(&format!("/devices/by-mac/{}/devices.json", seen.bssid))
    })
}

fn every<T>(pause: Duration, over: &AtomicBool, mut read: impl FnMut() -> Result<T>) -> Result<()> {
    let mut next = Instant::now();
    while !over.load(Ordering::Relaxed) {
        if next <= Instant::now() {
            read()?;
            next += pause;
        }
        thread::sleep(next.saturating_duration_since(Instant::now()).min(QUIET));
    }
    Ok(())
}

/// A subscriber to every topic that keeps up.
fn listen(server: &ServerProcess, seen: &Seen, over: &AtomicBool) -> Result<()> {
    let mut socket = socket::open(
        server,
        "/eventbus/events.ws",
        r#"{"SUBSCRIBE": "*"}"#,
        Some(QUIET),
    )?;
    while !over.load(Ordering::Relaxed) {
        match socket.read() {
            Ok(_) => drop(seen.events.fetch_add(1, Ordering::Relaxed)),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
