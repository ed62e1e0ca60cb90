//! Fails if the path of a report becomes more expensive. Counts instructions, which do not depend on the load of the
//! machine.
//!
//! ```text
//! cargo bench -p scanpost-guard
//! ```
//!
//! Needs valgrind. The parts `request` and `single` are a batch of 100 reports and of one from the socket to the answer: HTTP, authentication,
//! decoding, the row on disk and merging. The part `words` is all strings of the corpus of capabilities. The cost of a part is the difference between a longer and a shorter run, so that it does not include
//! the start of the process. `guard.tsv` has the expected figures. A part that takes a tenth more is an error.
#![allow(
    clippy::cast_precision_loss,
    reason = "code that the benches share needs it"
)]
#![expect(clippy::print_stdout, reason = "the table is the result")]

/// What this bench needs of the parts that the benches share, so that its package needs few others.
#[allow(dead_code, reason = "each bench needs a part of it")]
mod support {
    pub(crate) mod access_point;
    pub(crate) mod fill;
    pub(crate) mod parts;
    pub(crate) mod random;
    pub(crate) mod requests;
    pub(crate) mod response;
    pub(crate) mod set_up;
    pub(crate) mod traffic;

    pub(crate) use set_up::{Result, data_directory, decode_limits};
}

use std::env;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use scanpost::log::Log;
use scanpost::report::capabilities::Security;
use support::parts::{self, Row};
use support::requests::{self, Served};
use support::{Result, fill};

/// One line per part: its name, and the instructions of one run.
const FIGURES: &str = include_str!("guard.tsv");
const HEADROOM: f64 = 0.1;
/// Iterations of a part in the shorter run and in the longer one.
const RUNS: [u32; 2] = [100, 300];
const DEVICES: u32 = 5000;
/// First argument of a process whose instructions are counted.
const COUNTED: &str = "--counted";

fn main() -> Result<ExitCode> {
    let mut arguments = env::args().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some(COUNTED) {
        let (part, runs) = (arguments.next(), arguments.next());
        run(&part.unwrap_or_default(), runs.unwrap_or_default().parse()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if !env::args().any(|argument| argument == "--bench") {
        println!("cargo test: there is nothing to test, this is measured by cargo bench");
        return Ok(ExitCode::SUCCESS);
    }
    let mut all_well = true;
    for line in FIGURES.lines() {
        let (part, figure) = line.split_once('\t').ok_or("a line of one word")?;
        let [shorter, longer] = [count(part, RUNS[0])?, count(part, RUNS[1])?];
        let instructions = (longer - shorter) as f64 / f64::from(RUNS[1] - RUNS[0]);
        let ratio = instructions / figure.parse::<f64>()?;
        let verdict = if ratio > 1.0 + HEADROOM {
            all_well = false;
            "TOO MANY"
        } else if ratio < 1.0 - HEADROOM {
            "fewer: time for a new figure in benches/guard.tsv"
        } else {
            "well"
        };
        println!("{part}: {instructions:.0} instructions, {ratio:.2} of {figure}: {verdict}");
    }
    Ok(if all_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Instructions of a process that runs a part this often.
fn count(part: &str, runs: u32) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no"])
        .arg("--cachegrind-out-file=/dev/null")
        .arg(env::current_exe()?)
        .args([COUNTED, part, &runs.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("valgrind: {said}").into());
    }
    // "==1234== I   refs:      56,789,012"
    let line = said.lines().find(|line| line.contains("refs:"));
    let number = line.and_then(|line| line.rsplit(' ').next());
    let digits = number.ok_or("valgrind counted nothing")?.replace(',', "");
    Ok(digits.parse()?)
}

fn run(part: &str, runs: u32) -> Result<()> {
    if part == "words" {
        let corpus = parts::capabilities();
        for raw in (0..runs).flat_map(|_| &corpus) {
            black_box(Security::decode(black_box(raw)));
        }
        return Ok(());
    }
    // The seed and the bodies are the same in each process.
    let now = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    let bodies = parts::bodies(now, RUNS[1], DEVICES)?;
    match part {
        "request" => return send(&bodies, runs),
        "single" => return send(&requests::singles(&bodies)?, runs),
        _ => {}
    }
    let tracker = support::set_up::tracker();
    for entry in parts::entries(parts::batches(now, &bodies)?)? {
        tracker.apply(&entry);
    }
    let mut log = Log::in_memory(0);
    let mut batches = |now: SystemTime| -> Result<()> {
        for body in bodies.iter().take(runs as usize) {
            for entry in log.append(vec![fill::of_log(&log, fill::decode(now, body)?)])? {
                tracker.apply(&entry);
            }
        }
        Ok(())
    };
    match part {
        "batch" => batches(now)?,
        "stored" => {
            let data = support::data_directory()?;
            let mut log = Log::in_directory(data.path())?;
            for body in bodies.iter().take(runs as usize) {
                log.append(vec![fill::of_log(&log, fill::decode(now, body)?)])?;
            }
        }
        "row" => {
            let row = Row::of(&tracker)?;
            let mut out = Vec::new();
            for _ in 0..runs {
                out.clear();
                row.write(&mut out);
                black_box(out.len());
            }
        }
        _ => return Err("a part that is not known".into()),
    }
    Ok(())
}

/// Sends bodies to a server in this process, one after the other on one connection, with a key: all of a report's path.
/// The client's own work is counted too. It is small, and the same in each version.
fn send(bodies: &[String], runs: u32) -> Result<()> {
    let mut served = Served::start()?;
    for body in bodies.iter().take(runs as usize) {
        served.post(body)?;
    }
    served.stop()
}
