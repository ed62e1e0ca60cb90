//! What it costs that an answer means "on disk", and how long the server takes to start from its log.
//!
//! ```text
//! cargo bench --bench durability -- [--seconds N] [--ceiling] [--full] [--index]
//! ```
#![expect(clippy::print_stdout, reason = "the tables are the result")]
#![expect(
    clippy::cast_precision_loss,
    reason = "nothing that is counted here comes near 2^52"
)]

mod support;

use std::fs::File;
use std::io::Write;
use std::iter;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use rusqlite::Connection;
use scanpost::log::{Log, LogPosition, Wanted};
use scanpost::report::UnixTime;
use scanpost::snapshot::Snapshots;
use scanpost::tracker::{Bounds, Tracker};
use support::access_point::AccessPoint;
use support::load::{self, Run};
use support::server::{ServerProcess, Variant};
use support::stats::{Latencies, median};
use support::traffic::{Serials, Traffic};
use support::{Result, child, data_directory, fill};
use tempfile::TempDir;
use uuid::Uuid;

const REPORTS: [usize; 3] = [1, 20, 100];
const CONNECTIONS: [usize; 3] = [1, 16, 64];
const KNOWN_ACCESS_POINTS: u32 = 100_000;
/// How often the variants take turns, so that what else goes on here hits all of them.
const ROUNDS: u64 = 3;
/// The part of the measured time that each run is warmed up for.
const WARM_UP: f64 = 1.0 / 3.0;

const RESTART_DEVICES: u32 = 1_000_000;
const RESTART_OBSERVATIONS: u32 = 1_000_000;
const RESTART_OBSERVATIONS_FULL: u32 = 10_000_000;

#[derive(Parser)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
struct Arguments {
    /// How long each run is measured. There are three runs of each variant in each case; 0 leaves them out.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Measures a server that only decodes, too.
    #[arg(long)]
    ceiling: bool,
    /// Restarts from 10 000 000 observations, too.
    #[arg(long)]
    full: bool,
    /// Measures what an index for the history of single devices would cost and bring.
    #[arg(long)]
    index: bool,
    /// Comes from `cargo bench`.
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
    measure_disk()?;
    if 0.0 < arguments.seconds {
        measure_load(&arguments)?;
    }
    measure_stall()?;
    measure_restart(RESTART_OBSERVATIONS)?;
    if arguments.full {
        measure_restart(RESTART_OBSERVATIONS_FULL)?;
    }
    if arguments.index {
        measure_index(RESTART_OBSERVATIONS_FULL)?;
    }
    Ok(())
}

/// What the table below cannot be better than: one connection waits for the disk once a batch.
fn measure_disk() -> Result<()> {
    let directory = data_directory()?;
    let mut file = File::create(directory.path().join("file"))?;
    let mut waits = Vec::new();
    for _ in 0..500 {
        file.write_all(&[0; 4096])?;
        let started = Instant::now();
        file.sync_data()?;
        waits.push(u32::try_from(started.elapsed().as_micros())?);
    }
    let waits = Latencies::new(waits);
    println!(
        "The disk: 4 KiB appended and synced in {:.2} ms (p50), {:.2} ms (p99).",
        waits.per_mille_ms(500),
        waits.per_mille_ms(990)
    );
    Ok(())
}

fn measure_load(arguments: &Arguments) -> Result<()> {
    println!(
        "\n{KNOWN_ACCESS_POINTS} known access points, {ROUNDS} rounds of {} s in turns, medians; \
         ratio to the log in memory, with the least and the greatest of a round.\n",
        arguments.seconds
    );
    println!(
        "{:>7} {:>5}  {:<8} {:>9} {:>9} {:>8} {:>8} {:>8} {:>9} {:>6} {:>6}  ratio",
        "reports",
        "conns",
        "log",
        "batches/s",
        "reports/s",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "µs/batch",
        "server",
        "client"
    );
    let traffic = Traffic::new(KNOWN_ACCESS_POINTS);
    for reports in REPORTS {
        for connections in CONNECTIONS {
            measure_case(arguments, &traffic, reports, connections)?;
        }
    }
    println!("\nµs/batch: processor time of the server; server, client: processors kept busy.\n");
    Ok(())
}

/// A server, and what was measured with it.
struct Subject {
    name: &'static str,
    server: ServerProcess,
    serials: Arc<Serials>,
    runs: Vec<Run>,
    /// Goes after the server that uses it.
    _data: Option<TempDir>,
}

impl Subject {
    fn start(name: &'static str, variant: &Variant, data: Option<TempDir>) -> Result<Self> {
        Ok(Self {
            name,
            server: ServerProcess::start(variant)?,
            serials: Arc::default(),
            runs: Vec::new(),
            _data: data,
        })
    }

    fn print(&self, reports: usize, connections: usize, ratios: &str) {
        let middle = |value: fn(&Run) -> f64| median(self.runs.iter().map(value).collect());
        let batches_per_s = middle(|run| run.requests_per_s);
        let server_cpus = middle(|run| run.server_cpus.unwrap_or(f64::NAN));
        let client_cpus = middle(|run| run.client_cpus.unwrap_or(f64::NAN));
        let latencies = self
            .runs
            .iter()
            .flat_map(|run| run.latencies_us.iter().copied());
        let latencies = Latencies::new(latencies.collect());
        println!(
            "{reports:>7} {connections:>5}  {:<8} {batches_per_s:>9.0} {:>9.0} {:>8.2} {:>8.2} {:>8.2} {:>9.1} \
             {server_cpus:>6.2} {client_cpus:>6.2}  {ratios}",
            self.name,
            batches_per_s * reports as f64,
            latencies.per_mille_ms(500),
            latencies.per_mille_ms(990),
            latencies.per_mille_ms(999),
            server_cpus / batches_per_s * 1e6,
        );
    }
}

/// What each round of `subject` is of the same round of `base`: the middle, the least and the greatest.
fn ratios(subject: &Subject, base: &Subject) -> String {
    let rounds = subject.runs.iter().zip(&base.runs);
    let mut ratios: Vec<_> = rounds
        .map(|(run, base)| run.requests_per_s / base.requests_per_s)
        .collect();
    ratios.sort_by(f64::total_cmp);
    let (least, greatest) = (ratios.first().copied(), ratios.last().copied());
    format!(
        "{:.2} ({:.2} to {:.2})",
        median(ratios),
        least.unwrap_or(f64::NAN),
        greatest.unwrap_or(f64::NAN)
    )
}

fn measure_case(
    arguments: &Arguments,
    traffic: &Traffic,
    reports: usize,
    connections: usize,
) -> Result<()> {
    let data = data_directory()?;
    let durable = Variant::Durable(data.path().to_owned());
    let mut memory = Subject::start("memory", &Variant::Memory, None)?;
    let mut others = vec![Subject::start("durable", &durable, Some(data))?];
    if arguments.ceiling {
        others.push(Subject::start("ceiling", &Variant::Ceiling, None)?);
    }
    for Subject {
        server, serials, ..
    } in iter::once(&memory).chain(&others)
    {
        load::send_all(server, serials, traffic.introduction())?;
    }
    let measured = Duration::try_from_secs_f64(arguments.seconds)?;
    for round in 0..ROUNDS {
        for subject in iter::once(&mut memory).chain(&mut others) {
            let Subject {
                server,
                serials,
                runs,
                ..
            } = subject;
            let pools = traffic.pools(reports, connections, round);
            runs.push(load::run(
                server,
                serials,
                pools,
                measured.mul_f64(WARM_UP),
                measured,
            )?);
        }
    }
    memory.print(reports, connections, "");
    for subject in &others {
        subject.print(reports, connections, &ratios(subject, &memory));
    }
    Ok(())
}

fn measure_restart(observations: u32) -> Result<()> {
    let data = data_directory()?;
    let filled = fill::fill(data.path(), observations, RESTART_DEVICES)?;
    let bytes = data.path().join("scanpost.db").metadata()?.len();
    println!(
        "\n{observations} observations of {RESTART_DEVICES} devices: a log of {:.0} MB, made without HTTP in {:.1} s, \
         {:.0} observations/s.",
        bytes as f64 / 1e6,
        filled.as_secs_f64(),
        f64::from(observations) / filled.as_secs_f64()
    );
    let server = measure_start("from the log alone", data.path())?;
    // It writes a snapshot when it stops.
    drop(server);
    let server = measure_start("with a fresh snapshot", data.path())?;
    measure_history(&server)
}

fn measure_start(what: &str, data: &Path) -> Result<ServerProcess> {
    let started = Instant::now();
    let server = ServerProcess::start(&Variant::Durable(data.to_owned()))?;
    let ready_s = started.elapsed().as_secs_f64();
    println!("Restart {what}: ready in {ready_s:.2} s, the files in the page cache.");
    Ok(server)
}

/// Reads what single devices said.
fn measure_history(server: &ServerProcess) -> Result<()> {
    let mut reads_s = Vec::new();
    for number in 0..5 {
        let mac = AccessPoint::known(number * 1000).bssid;
        let started = Instant::now();
        server.get(&format!("/api/v1/devices/{mac}/observations"))?;
        reads_s.push(started.elapsed().as_secs_f64());
    }
    println!("History of one device: {:.0} ms.", median(reads_s) * 1e3);
    Ok(())
}

/// For how long merging a batch of 100 waits for a snapshot that is being written: every device is in it.
fn measure_stall() -> Result<()> {
    let data = data_directory()?;
    let mut log = Log::in_memory(0);
    let tracker = Tracker::new(Bounds {
        devices_max: usize::MAX,
        sources_max: 1000,
        ssids_per_device_max: 32,
        sources_per_device_max: 64,
        frequencies_per_device_max: 64,
        tags_per_device_max: 32,
        device_timeout: Duration::ZERO,
    });
    let mut number = 0;
    let mut merge = |until: &dyn Fn() -> bool| -> Result<Latencies> {
        let mut waits_us = Vec::new();
        while !until() {
            let batch = fill::batch(number, RESTART_DEVICES)?;
            number = (number + fill::REPORTS_PER_BATCH) % (RESTART_DEVICES * 100);
            for entry in log.append(vec![batch])? {
                let started = Instant::now();
                tracker.apply(&entry);
                waits_us.push(u32::try_from(started.elapsed().as_micros())?);
            }
        }
        Ok(Latencies::new(waits_us))
    };
    merge(&|| tracker.device_count() == RESTART_DEVICES as usize)?;
    let started = Instant::now();
    let alone = merge(&|| 2 <= started.elapsed().as_secs())?;
    let written = AtomicBool::new(false);
    let mut snapshots = Snapshots::open(data.path(), Uuid::nil(), LogPosition::START)?;
    let (beside, taken) = thread::scope(|scope| {
        let taken = scope.spawn(|| {
            let started = Instant::now();
            let taken = snapshots.take(&tracker, true);
            written.store(true, Ordering::Release);
            taken.map(|taken| (taken, started.elapsed()))
        });
        (merge(&|| written.load(Ordering::Acquire)), taken.join())
    });
    let (beside, (taken, duration)) = (beside?, taken.map_err(|_| "a panic")??);
    let taken = taken.ok_or("no snapshot")?;
    println!(
        "\nA snapshot of all {} devices, {:.0} MB in {:.2} s. Merging a batch of 100 takes {:.2} ms (p50), {:.2} ms (p99), \
         {:.2} ms (longest) meanwhile, and {:.2}, {:.2}, {:.2} ms without it.",
        taken.devices,
        taken.bytes as f64 / 1e6,
        duration.as_secs_f64(),
        beside.per_mille_ms(500),
        beside.per_mille_ms(990),
        beside.per_mille_ms(1000),
        alone.per_mille_ms(500),
        alone.per_mille_ms(990),
        alone.per_mille_ms(1000),
    );
    Ok(())
}

/// What an index on the address would cost the writer, and what it would spare the reader.
fn measure_index(observations: u32) -> Result<()> {
    println!("\nThe log with an index on the address and the time, and without:");
    for index in [false, true] {
        let data = data_directory()?;
        drop(Log::in_directory(data.path())?);
        if index {
            let db = Connection::open(data.path().join("scanpost.db"))?;
            db.execute_batch("CREATE INDEX by_address ON observations (address, time)")?;
        }
        let filled = fill::fill(data.path(), observations, RESTART_DEVICES)?;
        let history = Log::in_directory(data.path())?
            .history()
            .ok_or("no history")?;
        let mut reads_s = Vec::new();
        for number in 0..5 {
            let wanted = Wanted {
                addr: AccessPoint::known(number * 1000).bssid.parse()?,
                since: UnixTime::new(0),
                until: UnixTime::new(u32::MAX),
                before: None,
                count: 100,
            };
            let started = Instant::now();
            history.read(&wanted)?;
            reads_s.push(started.elapsed().as_secs_f64());
        }
        println!(
            "{:>7} index: {:.0} observations/s appended, {:.1} ms for the history of one device, among {observations}",
            if index { "with" } else { "without" },
            f64::from(observations) / filled.as_secs_f64(),
            median(reads_s) * 1e3
        );
    }
    Ok(())
}
