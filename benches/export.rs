//! Rate of exports by HTTP, from the request to the last byte: observations as `WiGLE` CSV, devices as `GeoJSONSeq`, and both
//! as Parquet; memory of the server meanwhile; how soon a file begins; and reports beside an export, as a ratio to the same
//! without one.
//!
//! ```text
//! cargo bench --bench export [-- OBSERVATIONS --devices N --only rates|first-byte|beside]
//! ```
#![expect(clippy::print_stdout, reason = "the table is the result")]
#![expect(
    clippy::cast_precision_loss,
    reason = "nothing that is counted here comes near 2^52"
)]

#[allow(dead_code, reason = "each bench needs a part of it")]
mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use support::load::{self, Pace, Plan};
use support::server::{ServerProcess, Variant};
use support::stats::median;
use support::traffic::{Serials, Traffic};
use support::{Result, child, data_directory, fill, memory};

const MIB: f64 = 1_048_576.0;
const WIGLE: &str = "wiglecsv";
const GEOJSON: &str = "geojsonseq";
/// The files, and the lines that are no rows. `None` if rows are no lines.
const FILES: [(&str, Option<u64>, &str); 4] = [
    (WIGLE, Some(2), "500000 rows/s, +64 MiB"),
    (GEOJSON, Some(0), "200000 rows/s"),
    ("parquet?per=observation", None, ""),
    ("parquet?per=device", None, ""),
];
const FIRST_BYTE_MS_MAX: u32 = 100;
/// Requests for the first byte, of which the slowest counts.
const FIRST_BYTES: usize = 11;
/// Reports beside an export: runs with and without one, in turns.
const ROUNDS: u64 = 3;
const REPORTS: usize = 20;
const CONNECTIONS: usize = 16;
const WARM_UP: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(3);
const READ_BYTES: usize = 256 << 10;

#[derive(Parser)]
struct Arguments {
    /// Observations in the log.
    #[arg(default_value_t = 10_000_000)]
    observations: u32,
    /// Devices that were seen.
    #[arg(long, default_value_t = 1_000_000)]
    devices: u32,
    /// Only this part.
    #[arg(long)]
    only: Option<Part>,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Rates,
    FirstByte,
    Beside,
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
    let directory = data_directory()?;
    let devices = arguments.devices.min(arguments.observations);
    fill::fill(directory.path(), arguments.observations, devices)?;
    let server = ServerProcess::start(&Variant::Durable(directory.path().to_owned()))?;
    let is_wanted = |part| arguments.only.is_none_or(|only| only == part);
    if is_wanted(Part::Rates) {
        rates(&server, arguments.observations, devices)?;
    }
    if is_wanted(Part::FirstByte) {
        first_byte(&server)?;
    }
    if is_wanted(Part::Beside) {
        beside(&server, devices)?;
    }
    Ok(())
}

fn rates(server: &ServerProcess, observations: u32, devices: u32) -> Result<()> {
    println!("export                        rows/s      MiB/s   grown MiB   to reach");
    for (query, head_lines, to_reach) in FILES {
        let is_of_devices = query == GEOJSON || query.ends_with("device");
        let rows = if is_of_devices { devices } else { observations };
        memory::forget_peak(server.id());
        let before = memory::of_process(server.id()).unwrap_or_default();
        let began = Instant::now();
        let mut file = Download::begin(server, query)?;
        let (mut bytes, mut lines) = (0, 0);
        while let Some((piece_bytes, piece_lines)) = file.next()? {
            bytes += piece_bytes;
            lines += piece_lines;
        }
        let took_s = began.elapsed().as_secs_f64();
        if head_lines.is_some_and(|head| lines != head + u64::from(rows)) {
            return Err(format!("{query}: {lines} lines").into());
        }
        let peak = memory::peak_of_process(server.id()).unwrap_or_default();
        println!(
            "{query:<24} {:>11.0} {:>10.1} {:>11.1}   {to_reach}",
            f64::from(rows) / took_s,
            bytes as f64 / MIB / took_s,
            peak.saturating_sub(before) as f64 / MIB,
        );
    }
    Ok(())
}

fn first_byte(server: &ServerProcess) -> Result<()> {
    println!("first byte                  slowest ms");
    for (query, ..) in FILES {
        let mut slowest = Duration::ZERO;
        for _ in 0..FIRST_BYTES {
            let began = Instant::now();
            let mut file = Download::begin(server, query)?;
            file.next()?;
            slowest = slowest.max(began.elapsed());
        }
        let slowest_ms = slowest.as_secs_f64() * 1e3;
        println!("{query:<24} {slowest_ms:>13.1}   {FIRST_BYTE_MS_MAX} ms");
    }
    Ok(())
}

/// Reports of scanners beside exports, one after the other, and without them.
fn beside(server: &ServerProcess, devices: u32) -> Result<()> {
    let serials: Arc<Serials> = Arc::default();
    for query in [WIGLE, GEOJSON] {
        let mut ratios = Vec::new();
        println!("reports/s   beside {query}   ratio   MiB/s exported");
        for round in 0..ROUNDS {
            let run = |is_beside: bool| {
                let pools = Traffic::of_known(devices).pools(REPORTS, CONNECTIONS, round);
                let plan = Plan {
                    warm_up: WARM_UP,
                    measured: MEASURED,
                    pace: Pace::AtOnce,
                };
                let over = AtomicBool::new(!is_beside);
                thread::scope(|scope| {
                    let exporting = scope.spawn(|| export_until(server, query, &over));
                    let reported = load::run(server, &serials, pools, plan);
                    over.store(true, Ordering::Relaxed);
                    let bytes = exporting.join().map_err(|_| "a panic")??;
                    let rate = reported?.requests_per_s * REPORTS as f64;
                    Ok::<_, Box<dyn std::error::Error + Send + Sync>>((rate, bytes))
                })
            };
            let (alone, _) = run(false)?;
            let (beside, bytes) = run(true)?;
            let ratio = beside / alone;
            let exported = bytes as f64 / MIB / (WARM_UP + MEASURED).as_secs_f64();
            println!("{alone:>9.0} {beside:>17.0} {ratio:>7.2} {exported:>16.1}");
            ratios.push(ratio);
        }
        println!("median ratio {:.2}, to reach: 0.8", median(ratios));
    }
    Ok(())
}

/// Exports again and again until the end. Returns the bytes.
fn export_until(server: &ServerProcess, query: &str, over: &AtomicBool) -> Result<u64> {
    let mut bytes = 0;
    while !over.load(Ordering::Relaxed) {
        let mut file = Download::begin(server, query)?;
        while let Some((more, _)) = file.next()? {
            bytes += more;
            if over.load(Ordering::Relaxed) {
                break;
            }
        }
    }
    Ok(bytes)
}

/// A file on its way, in chunks.
struct Download(BufReader<TcpStream>);

impl Download {
    /// Asks for a file, and reads the head of the answer.
    fn begin(server: &ServerProcess, query: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(server.address())?;
        let head = "Host: localhost\r\nConnection: close";
        write!(
            stream,
            "GET /api/v1/export/{query} HTTP/1.1\r\n{head}\r\n\r\n"
        )?;
        let mut file = Self(BufReader::with_capacity(READ_BYTES, stream));
        let status = file.line()?;
        if !status.starts_with("HTTP/1.1 200") {
            return Err(format!("{query}: {status}").into());
        }
        while !file.line()?.is_empty() {}
        Ok(file)
    }

    /// Bytes and lines of the next chunk. `None` is the end.
    fn next(&mut self) -> Result<Option<(u64, u64)>> {
        let size = u64::from_str_radix(&self.line()?, 16)?;
        let (mut left, mut lines) = (size, 0);
        while 0 < left {
            let buffered = self.0.fill_buf()?;
            let most = buffered.len().min(usize::try_from(left)?);
            let piece = buffered.get(..most).unwrap_or_default();
            if piece.is_empty() {
                return Err("the file broke off".into());
            }
            lines += u64::try_from(memchr::memchr_iter(b'\n', piece).count())?;
            left -= u64::try_from(most)?;
            self.0.consume(most);
        }
        self.line()?;
        Ok((0 < size).then_some((size, lines)))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}
