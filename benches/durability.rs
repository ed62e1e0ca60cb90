//! Cost of syncing to disk before the answer, and time of a start from the log.
//!
//! ```text
//! cargo bench --bench durability -- [--seconds N] [--ceiling] [--full] [--index] [--index-alone] [--index-observations N] [--database-index]
//! ```
#![expect(clippy::print_stdout, reason = "the tables are the result")]
#![expect(
    clippy::cast_precision_loss,
    reason = "nothing that is counted here comes near 2^52"
)]

#[allow(dead_code, reason = "each bench needs a part of it")]
mod support;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use clap::Parser;
use rusqlite::Connection;
use scanpost::log::{HistoryQuery, Log, LogOptions, LogPosition, PointQuery};
use scanpost::report::{MacAddr, UnixTime};
use scanpost::snapshot::{LogRange, Snapshots};
use support::access_point::AccessPoint;
use support::compare::{self, Load, Subject, compare};
use support::server::{ServerProcess, Variant};
use support::stats::{Latencies, median};
use support::traffic::Traffic;
use support::{Result, child, data_directory, fill};
use uuid::Uuid;

const REPORTS: [usize; 3] = [1, 20, 100];
const CONNECTIONS: [usize; 3] = [1, 16, 64];
const KNOWN_ACCESS_POINTS: u32 = 100_000;

const RESTART_DEVICES: u32 = 1_000_000;
const RESTART_OBSERVATIONS: u32 = 1_000_000;
const RESTART_OBSERVATIONS_FULL: u32 = 10_000_000;

#[derive(Parser)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
struct Arguments {
    /// Length of each run. Each case has three runs of each variant. 0 skips them.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Also measures a server that only decodes.
    #[arg(long)]
    ceiling: bool,
    /// Also restarts from 10 000 000 observations.
    #[arg(long)]
    full: bool,
    /// Measures cost and gain of the index for the history of single devices.
    #[arg(long)]
    index: bool,
    /// Observations for that.
    #[arg(long, default_value_t = RESTART_OBSERVATIONS_FULL)]
    index_observations: u32,
    /// Measures the index once, and nothing without it: without it 100 million observations take half an hour.
    #[arg(long)]
    index_alone: bool,
    /// Measures an index in the database instead, which makes ingest many times slower.
    #[arg(long)]
    database_index: bool,
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
    measure_disk()?;
    if 0.0 < arguments.seconds {
        measure_load(&arguments)?;
    }
    measure_stall()?;
    measure_restart(RESTART_OBSERVATIONS)?;
    if arguments.full {
        measure_restart(RESTART_OBSERVATIONS_FULL)?;
    }
    let observations = arguments.index_observations;
    if arguments.index {
        measure_indexes(
            &[Indexing::Off, Indexing::Runs, Indexing::Off, Indexing::Runs],
            observations,
        )?;
    }
    if arguments.index_alone {
        measure_indexes(&[Indexing::Runs], observations)?;
    }
    if arguments.database_index {
        measure_indexes(&[Indexing::Database], observations)?;
    }
    Ok(())
}

/// Lower bound for the table below: one connection waits for the disk once per batch.
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
    println!("\n{KNOWN_ACCESS_POINTS} known access points.");
    compare::print_head(arguments.seconds, "the log in memory");
    let traffic = Traffic::new(KNOWN_ACCESS_POINTS);
    for reports in REPORTS {
        for connections in CONNECTIONS {
            let mut subjects = vec![Subject::memory()?, Subject::durable()?];
            if arguments.ceiling {
                subjects.push(Subject::ceiling()?);
            }
            for subject in &subjects {
                subject.introduce(&traffic)?;
            }
            let load = Load {
                reports,
                connections,
            };
            compare(&mut subjects, &traffic, load, arguments.seconds)?;
        }
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
    // The server writes a snapshot when it stops.
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

/// Reads the history of single devices.
fn measure_history(server: &ServerProcess) -> Result<()> {
    let read = |path: &str| {
        median_s(|addr| {
            let path = format!("/api/v1/devices/{addr}/{path}");
            server.get(&path)?;
            Ok(())
        })
    };
    let (page_s, chart_s) = (read("observations")?, read("history?bucket=1h")?);
    println!(
        "History of one device over HTTP: {:.2} ms a page, {:.2} ms a chart.",
        page_s * 1e3,
        chart_s * 1e3
    );
    Ok(())
}

/// Delay of merging a batch of 100 reports while a snapshot of all devices is written.
fn measure_stall() -> Result<()> {
    let data = data_directory()?;
    let mut log = Log::in_memory(0);
    let tracker = support::set_up::tracker();
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
    let mut snapshots = Snapshots::open(
        data.path(),
        Uuid::nil(),
        LogRange::whole(LogPosition::START),
    )?;
    let (beside, taken) = thread::scope(|scope| {
        let taken = scope.spawn(|| {
            let started = Instant::now();
            let taken = snapshots.take(&tracker, true, |_| true);
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

/// How the log finds the observations of a device.
#[derive(Clone, Copy, Debug)]
enum Indexing {
    /// It reads all observations.
    Off,
    /// The index that the server has.
    Runs,
    /// An index of SQLite, which nothing uses but this.
    Database,
}

/// Cost of indexes on the address for the writer, and their gain for the reader.
fn measure_indexes(variants: &[Indexing], observations: u32) -> Result<()> {
    println!(
        "\nHistory of one device among {observations} observations of {RESTART_DEVICES} devices:"
    );
    for indexing in variants {
        measure_index(*indexing, observations)?;
    }
    Ok(())
}

fn measure_index(indexing: Indexing, observations: u32) -> Result<()> {
    let data = data_directory()?;
    let options = match indexing {
        Indexing::Runs => LogOptions::default(),
        Indexing::Off | Indexing::Database => LogOptions { index_rows: 0 },
    };
    let log = Log::in_directory_with(data.path(), options)?;
    if matches!(indexing, Indexing::Database) {
        let db = Connection::open(data.path().join("scanpost.db"))?;
        db.execute_batch("CREATE INDEX by_address ON observations (address, time)")?;
    }
    let started = Instant::now();
    let (log, filled) = fill::fill_log(log, observations, RESTART_DEVICES)?;
    let whole = started.elapsed();
    let history = log.history().ok_or("no history")?;
    let page_s = median_s(|addr| {
        let wanted = HistoryQuery {
            addr,
            since: UnixTime::new(0),
            until: UnixTime::new(u32::MAX),
            before: None,
            count: 100,
        };
        history.read(&wanted, || false)?;
        Ok(())
    })?;
    let points_s = median_s(|addr| {
        let wanted = PointQuery {
            addr,
            since: UnixTime::new(0),
            until: UnixTime::new(u32::MAX),
            after: None,
            count: 1 << 16,
        };
        history.points(&wanted, || false)?;
        Ok(())
    })?;
    let (files, bytes) = index_files(data.path());
    println!(
        "{indexing:?}: {:.0} observations/s appended, {:.0}/s with the making of them; a page takes {:.2} ms, the points \
         of a chart {:.2} ms; the index has {files} files and {:.1} bytes an observation",
        f64::from(observations) / filled.as_secs_f64(),
        f64::from(observations) / whole.as_secs_f64(),
        page_s * 1e3,
        points_s * 1e3,
        bytes as f64 / f64::from(observations),
    );
    Ok(())
}

/// Reads the history of some devices.
fn median_s(mut read: impl FnMut(MacAddr) -> Result<()>) -> Result<f64> {
    let mut reads_s = Vec::new();
    for number in 0..9 {
        let addr = AccessPoint::known(number * 1000).bssid.parse()?;
        let started = Instant::now();
        read(addr)?;
        reads_s.push(started.elapsed().as_secs_f64());
    }
    Ok(median(reads_s))
}

fn index_files(data: &Path) -> (usize, u64) {
    let files = std::fs::read_dir(data.join("history"));
    let lengths = files
        .into_iter()
        .flatten()
        .filter_map(|file| file.ok()?.metadata().ok())
        .map(|metadata| metadata.len());
    let lengths: Vec<_> = lengths.collect();
    (lengths.len(), lengths.iter().sum())
}
