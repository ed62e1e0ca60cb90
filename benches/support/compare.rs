//! Runs servers in turns under the same load, so that other load on the machine affects all of them.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::load::{self, Pace, Plan, Run};
use super::server::{ServerProcess, Variant};
use super::stats::{Latencies, median};
use super::traffic::{Request, Serials, Traffic};
use super::{Result, data_directory};

/// Rounds of the comparison.
const ROUNDS: u64 = 3;
/// The name of the server that keeps nothing.
const CEILING: &str = "ceiling";
/// Length of the warm-up, as a part of the measured time.
const WARM_UP: f64 = 1.0 / 3.0;

/// A load: reports per request, and connections.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) reports: usize,
    pub(crate) connections: usize,
}

/// A server and its results.
pub(crate) struct Subject {
    name: &'static str,
    pub(crate) server: ServerProcess,
    serials: Arc<Serials>,
    runs: Vec<Run>,
    /// Accepted batches of all runs, and the syncs of the log for them.
    batches: u64,
    syncs: Option<u64>,
    /// Dropped after the server that uses it.
    _data: Option<TempDir>,
}

impl Subject {
    /// The server with its log on the disk.
    pub(crate) fn durable() -> Result<Self> {
        let data = data_directory()?;
        let variant = Variant::Durable(data.path().to_owned());
        Self::start("durable", &variant, Some(data))
    }

    /// The server with its log on the disk, and a key in each request.
    pub(crate) fn keyed() -> Result<Self> {
        let data = data_directory()?;
        let variant = Variant::Keyed(data.path().to_owned());
        Self::start("key", &variant, Some(data))
    }

    /// As above, over TLS.
    pub(crate) fn tls() -> Result<Self> {
        let data = data_directory()?;
        let variant = Variant::Tls(data.path().to_owned());
        Self::start("key, TLS", &variant, Some(data))
    }

    /// The server with its log in memory.
    pub(crate) fn memory() -> Result<Self> {
        Self::start("memory", &Variant::Memory, None)
    }

    /// HTTP and decoding alone.
    pub(crate) fn ceiling() -> Result<Self> {
        Self::start(CEILING, &Variant::Ceiling, None)
    }

    fn start(name: &'static str, variant: &Variant, data: Option<TempDir>) -> Result<Self> {
        Ok(Self {
            name,
            server: ServerProcess::start(variant)?,
            serials: Arc::default(),
            runs: Vec::new(),
            batches: 0,
            syncs: None,
            _data: data,
        })
    }

    /// Whether it is more than the ceiling.
    pub(crate) fn keeps_reports(&self) -> bool {
        self.name != CEILING
    }

    /// Sends one report of every known access point.
    pub(crate) fn introduce(&self, traffic: &Traffic) -> Result<()> {
        load::send_all(&self.server, &self.serials, traffic.introduction())
    }

    fn forget(&mut self) {
        (self.batches, self.syncs) = (0, None);
        self.runs.clear();
    }

    fn run(&mut self, pools: Vec<Vec<Request>>, measured: Duration, pace: Pace) -> Result<Run> {
        let plan = Plan {
            warm_up: measured.mul_f64(WARM_UP),
            measured,
            pace,
        };
        // The server that only decodes has neither.
        let counts = |server: &ServerProcess| server.status().ok()?.get("commits")?.as_u64();
        let before = counts(&self.server);
        let batches_before = self.serials.requests();
        let run = load::run(&self.server, &self.serials, pools, plan)?;
        self.batches += self.serials.requests() - batches_before;
        let synced = counts(&self.server).zip(before);
        self.syncs = synced.map(|(after, before)| self.syncs.unwrap_or(0) + after - before);
        Ok(run)
    }

    fn print(&self, load: Load, ratios: &str) {
        let Load {
            reports,
            connections,
        } = load;
        let middle = |value: fn(&Run) -> f64| median(self.runs.iter().map(value).collect());
        let batches_per_s = middle(|run| run.requests_per_s);
        let reports_per_s = batches_per_s * reports as f64;
        let server_cpus = middle(|run| run.server_cpus.unwrap_or(f64::NAN));
        let client_cpus = middle(|run| run.client_cpus.unwrap_or(f64::NAN));
        let latencies = self
            .runs
            .iter()
            .flat_map(|run| run.latencies_us.iter().copied());
        let latencies = Latencies::new(latencies.collect());
        let synced = self.syncs.filter(|&syncs| syncs > 0);
        let syncs_per_s = synced.map_or_else(
            || "-".to_owned(),
            |syncs| format!("{:.0}", batches_per_s * syncs as f64 / self.batches as f64),
        );
        println!(
            "{reports:>7} {connections:>5}  {:<8} {batches_per_s:>9.0} {reports_per_s:>9.0} {:>8.2} {:>8.2} {:>8.2} \
             {:>9.2} {server_cpus:>6.2} {client_cpus:>6.2} {syncs_per_s:>7}  {ratios}",
            self.name,
            latencies.per_mille_ms(500),
            latencies.per_mille_ms(990),
            latencies.per_mille_ms(999),
            server_cpus / reports_per_s * 1e6,
        );
    }
}

/// Prints the meaning of the lines of [`compare`].
pub(crate) fn print_head(seconds: f64, base: &str) {
    println!(
        "\n{ROUNDS} rounds of {seconds} s in turns, medians; ratio to {base}, with the least and the greatest of a round. \
         s/M reports: processor time of the server. server, client: processors kept busy. syncs/s: of the disk, for batches.\n"
    );
    println!(
        "{:>7} {:>5}  {:<8} {:>9} {:>9} {:>8} {:>8} {:>8} {:>9} {:>6} {:>6} {:>7}  ratio",
        "reports",
        "conns",
        "server",
        "batches/s",
        "reports/s",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "s/M rep.",
        "server",
        "client",
        "syncs/s"
    );
}

/// Puts the same load on each of `subjects` in turns. The first one is the base of the comparison.
pub(crate) fn compare(
    subjects: &mut [Subject],
    traffic: &Traffic,
    load: Load,
    seconds: f64,
) -> Result<()> {
    let measured = Duration::try_from_secs_f64(seconds)?;
    for subject in &mut *subjects {
        subject.forget();
    }
    for round in 0..ROUNDS {
        for subject in &mut *subjects {
            let pools = traffic.pools(load.reports, load.connections, round);
            let run = subject.run(pools, measured, Pace::AtOnce)?;
            subject.runs.push(run);
        }
    }
    let Some((base, others)) = subjects.split_first() else {
        return Ok(());
    };
    base.print(load, "");
    for subject in others {
        subject.print(load, &ratios(subject, base));
    }
    Ok(())
}

/// Latency of batches at a constant rate: a part of the maximum of the last of `subjects`, measured just before.
/// The others get the same rate: if they are slower than usual, so is the machine.
pub(crate) fn print_paced(
    subjects: &mut [Subject],
    traffic: &Traffic,
    load: Load,
    part: f64,
    seconds: f64,
) -> Result<()> {
    let Load {
        reports,
        connections,
    } = load;
    let measured = Duration::try_from_secs_f64(seconds)?;
    let pools = |round| traffic.pools(reports, connections, round);
    let (mut rates, mut all) = (Vec::new(), Vec::new());
    all.resize_with(subjects.len(), Vec::new);
    for round in 0..ROUNDS {
        let Some(last) = subjects.last_mut() else {
            return Ok(());
        };
        let peak = last.run(pools(round), measured, Pace::AtOnce)?;
        let rate = peak.requests_per_s * part;
        rates.push(rate);
        for (subject, latencies) in subjects.iter_mut().zip(&mut all) {
            let run = subject.run(pools(round), measured, Pace::Constant(rate))?;
            latencies.push(Latencies::new(run.latencies_us));
        }
    }
    let rate = median(rates);
    for (subject, latencies) in subjects.iter().zip(&all) {
        let middle = |per_mille| {
            let of_rounds = latencies.iter();
            median(of_rounds.map(|of| of.per_mille_ms(per_mille)).collect())
        };
        println!(
            "{reports:>7} {connections:>5}  {:<8} {rate:>9.0} {:>9.0} {:>8.2} {:>8.2} {:>8.2}  at {part} of the peak of the last",
            subject.name,
            rate * reports as f64,
            middle(500),
            middle(990),
            middle(999),
        );
    }
    Ok(())
}

/// Ratio of `subject` to `base` in each round: median, minimum and maximum.
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
