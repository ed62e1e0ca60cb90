//! Throughput of reports, compared with a server that only decodes the same requests.
//!
//! ```text
//! cargo bench --bench ingest [-- --seconds N --known 1000,100000 --reports 1,20 --connections 1,64]
//! cargo bench --bench ingest -- --auth --tls
//! ```
//!
//! With `--auth` or `--tls` the comparison is what credentials cost: the server that needs none is the base.
#![expect(clippy::print_stdout, reason = "the table is the result")]
#![allow(
    clippy::cast_precision_loss,
    reason = "code that the benches share needs it"
)]

#[allow(dead_code, reason = "each bench needs a part of it")]
mod support;

use std::time::Instant;

use clap::Parser;
use support::compare::{self, Load, Subject, compare, print_paced};
use support::server::Variant;
use support::traffic::Traffic;
use support::{Result, child, memory};

/// Reports per batch in the run at half of the server's maximum.
const HALVED_REPORTS: usize = 20;

#[derive(Parser)]
struct Arguments {
    /// Length of each run. Each case has three runs of each server.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Known access points. Four of five reports are of them, mostly of the popular ones.
    #[arg(long, value_delimiter = ',', default_value = "1000,100000,10000000")]
    known: Vec<u32>,
    /// Reports per batch.
    #[arg(long, value_delimiter = ',', default_value = "1,20,100,1000")]
    reports: Vec<usize>,
    /// Connections, each of which sends one batch after the other.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256")]
    connections: Vec<usize>,
    /// Compare with a server that asks for an API key.
    #[arg(long)]
    auth: bool,
    /// Compare with a server that asks for an API key and uses TLS.
    #[arg(long)]
    tls: bool,
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
    let base = if arguments.auth || arguments.tls {
        "the server without credentials"
    } else {
        "the ceiling"
    };
    compare::print_head(arguments.seconds, base);
    for &known in &arguments.known {
        measure(&arguments, known)?;
    }
    Ok(())
}

fn measure(arguments: &Arguments, known: u32) -> Result<()> {
    let traffic = Traffic::new(known);
    let mut subjects = subjects(arguments)?;
    let started = Instant::now();
    for subject in subjects.iter().filter(|subject| subject.keeps_reports()) {
        subject.introduce(&traffic)?;
    }
    println!(
        "{known} known access points, introduced on one connection in {:.1} s:",
        started.elapsed().as_secs_f64()
    );
    for &reports in &arguments.reports {
        for &connections in &arguments.connections {
            let load = Load {
                reports,
                connections,
            };
            compare(&mut subjects, &traffic, load, arguments.seconds)?;
        }
    }
    for &connections in &arguments.connections {
        let load = Load {
            reports: HALVED_REPORTS,
            connections,
        };
        print_paced(&mut subjects, &traffic, load, 0.5, arguments.seconds)?;
    }
    let last = subjects.last().ok_or("no server")?;
    let peak = memory::peak_of_process(last.server.id());
    let status = last.server.status()?;
    println!(
        "Memory at the most: {:.0} MB, with {} devices.\n",
        peak.unwrap_or_default() as f64 / 1e6,
        status.pointer("/devices/wifi").unwrap_or_default()
    );
    Ok(())
}

/// The base of the comparison, and the servers that are compared with it.
fn subjects(arguments: &Arguments) -> Result<Vec<Subject>> {
    if !(arguments.auth || arguments.tls) {
        return Ok(vec![Subject::ceiling()?, Subject::durable()?]);
    }
    let mut subjects = vec![Subject::durable()?];
    if arguments.auth {
        subjects.push(Subject::keyed()?);
    }
    if arguments.tls {
        subjects.push(Subject::tls()?);
    }
    Ok(subjects)
}
