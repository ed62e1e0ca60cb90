//! Rate of imports by HTTP, from the upload to the last durable row: `WiGLE` CSV, and the databases of the `WiGLE` app and of
//! Kismet; memory of the server and of the process that reads a database; live reports beside an import, as a ratio to the
//! same without it; and what a known row costs on disk.
//!
//! ```text
//! cargo bench --bench import [-- ROWS --only rates|beside|memory --memory-mib N]
//! ```
#![expect(clippy::print_stdout, reason = "the table is the result")]
#![expect(
    clippy::cast_precision_loss,
    reason = "nothing that is counted here comes near 2^52"
)]

#[allow(dead_code, reason = "each bench needs a part of it")]
mod support;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use flate2::Compression;
use flate2::write::GzEncoder;
use rusqlite::{Connection, params};
use serde::Deserialize;
use support::load::{self, Pace, Plan};
use support::server::{ServerProcess, Variant};
use support::stats::median;
use support::traffic::{self, Traffic};
use support::{Result, child, data_directory, memory};

const MIB: f64 = 1_048_576.0;
/// How often to ask for the state of an import.
const ASK_INTERVAL: Duration = Duration::from_millis(20);
/// How often to look at the memory of processes.
const SAMPLES_EVERY: Duration = Duration::from_millis(20);
/// A file is sent in pieces of this size, in bytes.
const SENT_BYTES: usize = 1 << 18;
/// Live reports beside an import: runs with and without one, in turns.
const ROUNDS: u64 = 5;
const DEVICES: u32 = 100_000;
const REPORTS: usize = 20;
const CONNECTIONS: usize = 16;
const WARM_UP: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(3);
/// Files that are imported during such a run, and rows of each.
const FILES: u32 = 12;
const ROWS_OF_FILE: u32 = 100_000;
/// Networks of a file for the memory, which does not depend on them then.
const FEW_NETWORKS: u32 = 1000;

#[derive(Parser)]
struct Arguments {
    /// Rows of a file.
    #[arg(default_value_t = 1_000_000)]
    rows: u32,
    /// Only this part.
    #[arg(long)]
    only: Option<Part>,
    /// Size of the files for the memory.
    #[arg(long, default_value_t = 2000)]
    memory_mib: u64,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Rates,
    Beside,
    Memory,
}

/// What the server says of an import.
#[derive(Debug, Deserialize)]
struct Answer {
    id: String,
    state: String,
}

fn main() -> Result<()> {
    if let Some(variant) = Variant::of_arguments() {
        scanpost::use_program(env!("CARGO_BIN_EXE_scanpost").into());
        return child::serve(variant?);
    }
    let arguments = Arguments::parse();
    if !arguments.bench {
        println!("cargo test: there is nothing to test, this is measured by cargo bench");
        return Ok(());
    }
    let is_wanted = |part| arguments.only.is_none_or(|only| only == part);
    if is_wanted(Part::Rates) {
        rates(arguments.rows)?;
    }
    if is_wanted(Part::Beside) {
        beside()?;
    }
    if is_wanted(Part::Memory) {
        memory_of_large_files(arguments.memory_mib << 20)?;
    }
    Ok(())
}

fn rates(rows: u32) -> Result<()> {
    let directory = data_directory()?;
    let server = ServerProcess::start(&Variant::Durable(directory.path().to_owned()))?;
    println!("import                        rows/s      MiB/s   grown MiB   child MiB");
    let every = rows.div_ceil(10);
    let file = wigle(0..rows, every)?;
    measure("new rows", &server, &mut file.as_bytes(), rows)?;
    println!(
        "{:.1} bytes on disk for a known row",
        bytes_of_rows(directory.path())? as f64 / f64::from(rows)
    );
    measure("the same file", &server, &mut file.as_bytes(), rows)?;
    let grown = wigle(0..rows + rows / 10, every * 2)?;
    let more = rows + rows / 10;
    measure("a tenth more rows", &server, &mut grown.as_bytes(), more)?;
    let database = wigle_database(rows, every)?;
    measure("wiglewifi.sqlite", &server, &mut &*database, rows)?;
    let database = kismet_database(rows, every)?;
    measure("kismetdb", &server, &mut &*database, rows)
}

/// The size of what is kept of rows that were imported.
fn bytes_of_rows(data: &Path) -> Result<u64> {
    let mut bytes = 0;
    for file in std::fs::read_dir(data.join("imports/rows"))? {
        bytes += file?.metadata()?.len();
    }
    Ok(bytes)
}

/// Reports of scanners beside imports, which never pause, and without them.
fn beside() -> Result<()> {
    let directory = data_directory()?;
    let server = ServerProcess::start(&Variant::Durable(directory.path().to_owned()))?;
    let serials = Arc::default();
    load::send_all(&server, &serials, traffic::introduction(0..DEVICES))?;
    let mut ratios = Vec::new();
    println!("reports/s   beside imports   ratio   rows/s imported");
    for round in 0..ROUNDS {
        let run = |is_beside: bool| {
            let pools = Traffic::of_known(DEVICES).pools(REPORTS, CONNECTIONS, round);
            let plan = Plan {
                warm_up: WARM_UP,
                measured: MEASURED,
                pace: Pace::AtOnce,
            };
            let first = u32::try_from(round)? * FILES * ROWS_OF_FILE;
            let starts =
                (0..if is_beside { FILES } else { 0 }).map(|file| first + file * ROWS_OF_FILE);
            let files = starts.map(|start| wigle(start..start + ROWS_OF_FILE, FEW_NETWORKS));
            let files = files.collect::<Result<Vec<_>>>()?;
            let over = AtomicBool::new(false);
            thread::scope(|scope| {
                let importing = scope.spawn(|| import_until(&server, &files, &over));
                let reported = load::run(&server, &serials, pools, plan);
                over.store(true, Ordering::Relaxed);
                let rows_per_s = importing.join().map_err(|_| "a panic")??;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>((
                    reported?.requests_per_s * REPORTS as f64,
                    rows_per_s,
                ))
            })
        };
        let (alone, _) = run(false)?;
        let (beside, rows_per_s) = run(true)?;
        let ratio = beside / alone;
        println!("{alone:>9.0} {beside:>16.0} {ratio:>7.2} {rows_per_s:>17.0}");
        ratios.push(ratio);
    }
    println!("median ratio {:.2}, to reach: 0.7", median(ratios));
    Ok(())
}

/// Imports one file after the other until the end. Returns the rows a second.
fn import_until(server: &ServerProcess, files: &[String], over: &AtomicBool) -> Result<f64> {
    let began = Instant::now();
    let mut rows = 0.0;
    for file in files {
        if over.load(Ordering::Relaxed) {
            return Ok(rows / began.elapsed().as_secs_f64());
        }
        import(server, &mut file.as_bytes(), u64::try_from(file.len())?)?;
        rows += f64::from(ROWS_OF_FILE);
    }
    if files.is_empty() || over.load(Ordering::Relaxed) {
        return Ok(rows / began.elapsed().as_secs_f64());
    }
    Err("the imports ended before the reports: more files are needed".into())
}

/// Files of this size, of few networks. They are sent packed, because an upload is bounded.
fn memory_of_large_files(bytes: u64) -> Result<()> {
    let directory = data_directory()?;
    let server = ServerProcess::start(&Variant::Durable(directory.path().to_owned()))?;
    println!(
        "files of {} MiB               rows/s      MiB/s   grown MiB   child MiB",
        bytes >> 20
    );
    // What the server takes once, it has before.
    let first = wigle(0..500_000, FEW_NETWORKS)?;
    measure("before: wigle-csv", &server, &mut first.as_bytes(), 500_000)?;
    let file = tempfile::tempfile_in(directory.path())?;
    let mut packed = GzEncoder::new(BufWriter::new(&file), Compression::fast());
    let (mut written, mut rows) = (0, 0);
    while written < bytes {
        let piece = wigle(rows..rows + ROWS_OF_FILE, FEW_NETWORKS)?;
        // Each piece begins with the headers, which may be repeated.
        packed.write_all(piece.as_bytes())?;
        written += u64::try_from(piece.len())?;
        rows += ROWS_OF_FILE;
    }
    packed.finish()?.flush()?;
    measure("wigle-csv", &server, &mut &file, rows)?;
    for (name, make) in [
        (
            "wiglewifi.sqlite",
            wigle_database as fn(u32, u32) -> Result<Vec<u8>>,
        ),
        ("kismetdb", kismet_database),
    ] {
        // So many rows have about the size that is wanted.
        let sample = u64::try_from(make(ROWS_OF_FILE, FEW_NETWORKS)?.len())?;
        let rows = u32::try_from(bytes * u64::from(ROWS_OF_FILE) / sample)?;
        let database = make(rows, FEW_NETWORKS)?;
        let file = tempfile::tempfile_in(directory.path())?;
        let mut packed = GzEncoder::new(BufWriter::new(&file), Compression::fast());
        packed.write_all(&database)?;
        packed.finish()?.flush()?;
        drop(database);
        measure(name, &server, &mut &file, rows)?;
    }
    Ok(())
}

/// A database in which `fill` has made tables and rows.
fn database(fill: impl FnOnce(&Connection) -> rusqlite::Result<()>) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("db");
    let mut connection = Connection::open(&file)?;
    let transaction = connection.transaction()?;
    fill(&transaction)?;
    transaction.commit()?;
    drop(connection);
    Ok(std::fs::read(&file)?)
}

/// A backup of the `WiGLE` app: sightings of networks, each time ten of one.
fn wigle_database(rows: u32, networks: u32) -> Result<Vec<u8>> {
    database(|db| {
        db.execute_batch(
            "CREATE TABLE network (bssid text primary key not null, ssid text not null, frequency int not null, capabilities text not null, lasttime long not null, lastlat double not null, lastlon double not null, type text not null default 'W', bestlevel integer not null default 0);
             CREATE TABLE location (_id integer primary key autoincrement, bssid text not null, level integer not null, lat double not null, lon double not null, altitude double not null, accuracy float not null, time long not null, external integer not null default 0);",
        )?;
        let mut network = db.prepare(
            "INSERT INTO network VALUES (?1, ?2, 2437, '[WPA2-PSK-CCMP-128][RSN-PSK-CCMP-128][ESS]', 0, 0, 0, 'W', 0)",
        )?;
        for number in 0..networks {
            network.execute(params![address(number), format!("network {number}")])?;
        }
        let mut location =
            db.prepare("INSERT INTO location VALUES (NULL, ?1, ?2, ?3, ?4, 34.2, 3.79, ?5, 0)")?;
        for row in 0..rows {
            let (lat, lon, signal) = place(row);
            let time_ms = 1_754_040_000_000 + i64::from(row) * 1000;
            location.execute(params![
                address(row / 10 % networks),
                signal,
                lat,
                lon,
                time_ms
            ])?;
        }
        Ok(())
    })
}

/// A log of Kismet: a frame of an access point a row, each in a second of its own.
fn kismet_database(rows: u32, networks: u32) -> Result<Vec<u8>> {
    database(|db| {
        db.execute_batch(
            "CREATE TABLE KISMET (kismet_version TEXT, db_version INT, db_module TEXT);
             INSERT INTO KISMET VALUES ('2025.09.0', 9, 'kismetlog');
             CREATE TABLE devices (first_time INT, last_time INT, devkey TEXT, phyname TEXT, devmac TEXT, strongest_signal INT, min_lat REAL, min_lon REAL, max_lat REAL, max_lon REAL, avg_lat REAL, avg_lon REAL, bytes_data INT, type TEXT, device BLOB);
             CREATE TABLE packets (ts_sec INT, ts_usec INT, phyname TEXT, sourcemac TEXT, destmac TEXT, transmac TEXT, frequency REAL, devkey TEXT, lat REAL, lon REAL, alt REAL, speed REAL, heading REAL, packet_len INT, signal INT, datasource TEXT, dlt INT, packet BLOB, error INT, tags TEXT, datarate REAL, hash INT, packetid INT, packet_full_len INT);",
        )?;
        let mut device = db.prepare(
            "INSERT INTO devices VALUES (0, 0, '', 'IEEE802.11', ?1, 0, 0, 0, 0, 0, 0, 0, 0, 'Wi-Fi AP', ?2)",
        )?;
        for number in 0..networks {
            let json = format!(
                r#"{{"dot11.device":{{"dot11.device.last_beaconed_ssid_record":{{"dot11.advertisedssid.ssid":"network {number}","dot11.advertisedssid.crypt_string":"WPA2 WPA2-PSK AES-CCMP"}}}}}}"#
            );
            device.execute(params![address(number), json.into_bytes()])?;
        }
        let mut packet = db.prepare(
            "INSERT INTO packets VALUES (?1, 0, 'IEEE802.11', ?2, 'FF:FF:FF:FF:FF:FF', ?2, 2437000, '0', ?3, ?4, 34.2, 0, 0, 200, ?5, '5FE308BD-0000-0000-0000-00C0CA000001', 127, zeroblob(200), 0, '', 0, 0, 0, 200)",
        )?;
        for row in 0..rows {
            let (lat, lon, signal) = place(row);
            let second = 1_754_040_000 + row;
            packet.execute(params![
                second,
                address(row / 10 % networks),
                lat,
                lon,
                signal
            ])?;
        }
        Ok(())
    })
}

fn address(number: u32) -> String {
    let [_, a, b, c] = number.to_be_bytes();
    format!("02:00:01:{a:02x}:{b:02x}:{c:02x}")
}

/// Latitude, longitude and signal of a row.
fn place(row: u32) -> (f64, f64, i32) {
    let thousandths = f64::from(row % 1000) / 1000.0;
    let signal = i32::try_from(row % 50).unwrap_or_default();
    (52.5 + thousandths, 13.4 + thousandths, -40 - signal)
}

/// A file of the `WiGLE` app: these sightings of networks, each time ten of one.
fn wigle(rows: Range<u32>, networks: u32) -> Result<String> {
    let mut text = String::from(
        "WigleWifi-1.6,appRelease=2.91,model=Pixel 7,release=14,device=panther,display=a,board=b,brand=google,star=Sol,body=3,subBody=0\n\
         MAC,SSID,AuthMode,FirstSeen,Channel,Frequency,RSSI,CurrentLatitude,CurrentLongitude,AltitudeMeters,AccuracyMeters,RCOIs,MfgrId,Type\n",
    );
    for row in rows {
        let network = row / 10 % networks;
        let [_, a, b, c] = network.to_be_bytes();
        let (day, hour) = (row / 86_400 % 28 + 1, row / 3600 % 24);
        let (minute, second) = (row / 60 % 60, row % 60);
        let (signal, metres) = (40 + row % 50, row % 1000);
        writeln!(
            text,
            "02:00:00:{a:02x}:{b:02x}:{c:02x},network {network},[WPA2-PSK-CCMP-128][RSN-PSK-CCMP-128][ESS],2026-01-{day:02} {hour:02}:{minute:02}:{second:02},6,2437,-{signal},52.5{metres:03}0661281,13.4{metres:03}9540001,34.2,3.7900925,,,WIFI"
        )?;
    }
    Ok(text)
}

/// A file to send.
trait Upload: Read {
    fn length(&mut self) -> Result<u64>;
}

impl Upload for &[u8] {
    fn length(&mut self) -> Result<u64> {
        Ok(u64::try_from(self.len())?)
    }
}

impl Upload for &File {
    fn length(&mut self) -> Result<u64> {
        self.rewind()?;
        Ok(self.metadata()?.len())
    }
}

fn measure(name: &str, server: &ServerProcess, file: &mut dyn Upload, rows: u32) -> Result<()> {
    let length = file.length()?;
    memory::forget_peak(server.id());
    let before = memory::of_process(server.id()).unwrap_or_default();
    let over = AtomicBool::new(false);
    let (took_s, child) = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = 0;
            while !over.load(Ordering::Relaxed) {
                most = most.max(memory::of_children(server.id()));
                thread::sleep(SAMPLES_EVERY);
            }
            most
        });
        let took = import(server, file, length);
        over.store(true, Ordering::Relaxed);
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((
            took?.as_secs_f64(),
            watch.join().map_err(|_| "a panic")?,
        ))
    })?;
    let mib = |bytes: u64| bytes as f64 / MIB;
    let peak = memory::peak_of_process(server.id()).unwrap_or_default();
    println!(
        "{name:<24} {:>11.0} {:>10.1} {:>11.1} {:>11.1}",
        f64::from(rows) / took_s,
        mib(length) / took_s,
        mib(peak.saturating_sub(before)),
        mib(child),
    );
    Ok(())
}

/// Imports a file, and waits until its last row is durable.
fn import(server: &ServerProcess, file: &mut dyn Read, length: u64) -> Result<Duration> {
    let began = Instant::now();
    let mut answer = post(server, file, length)?;
    while matches!(answer.state.as_str(), "waiting" | "running") {
        thread::sleep(ASK_INTERVAL);
        let id = &answer.id;
        let text = server.get(&format!("/api/v1/imports/{id}"))?;
        answer = serde_json::from_str(text.lines().last().unwrap_or_default())?;
    }
    if answer.state != "done" {
        return Err(format!("the import failed: {answer:?}").into());
    }
    Ok(began.elapsed())
}

fn post(server: &ServerProcess, file: &mut dyn Read, length: u64) -> Result<Answer> {
    let mut stream = TcpStream::connect(server.address())?;
    write!(
        stream,
        "POST /api/v1/imports HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    )?;
    let mut buffer = vec![0; SENT_BYTES];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        stream.write_all(buffer.get(..count).unwrap_or_default())?;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
    let body = body.unwrap_or_default();
    serde_json::from_str(body).map_err(|_| format!("the import was refused: {body}").into())
}
