//! Cost of alert rules while reports are merged.
//!
//! ```text
//! cargo bench --bench alerts
//! ```
#![allow(
    clippy::cast_precision_loss,
    reason = "code that the benches share needs it"
)]
#![expect(clippy::print_stdout, reason = "the table is the result")]

#[allow(dead_code, reason = "each bench needs a part of it")]
mod support;

use std::env;
use std::sync::Arc;
use std::time::Instant;

use scanpost::alerts::AlertKeeper;
use scanpost::config::alerts::{Alerts, Network, ProtectedNetwork};
use scanpost::events::Events;
use scanpost::fold::Fold;
use scanpost::log::{Entry, Log};
use support::stats::median;
use support::{Result, fill};

const DEVICES: u32 = 10_000;
const REPORTS: u32 = 400_000;
const RUNS: usize = 7;

fn main() -> Result<()> {
    if !env::args().any(|argument| argument == "--bench") {
        println!("cargo test: there is nothing to test, this is measured by cargo bench");
        return Ok(());
    }
    let mut log = Log::in_memory(0);
    let mut entries = Vec::new();
    for first in (0..REPORTS).step_by(fill::REPORTS_PER_BATCH as usize) {
        entries.extend(log.append(vec![fill::batch(first, DEVICES)?])?);
    }
    println!("{REPORTS} reports of {DEVICES} access points, one thread.");
    let without_ns = measure(&entries, || {
        let tracker = support::set_up::tracker();
        Ok(move |entry: &Entry| {
            tracker.apply(entry);
        })
    })?;
    println!("the tracker alone: {without_ns:.0} ns a report");
    for (name, config) in [
        ("all off", off()),
        ("by default", Alerts::default()),
        ("all rules", rules()),
    ] {
        let ns = measure(&entries, || {
            let alerts = AlertKeeper::open(None, &config, uuid::Uuid::nil())?;
            let mut fold = Fold::new(Arc::new(support::set_up::tracker()), alerts, Events::new(1));
            Ok(move |entry: &Entry| {
                fold.apply(entry);
                fold.settle(entry.position);
            })
        })?;
        println!(
            "{name}: {ns:.0} ns a report, {:+.1} %",
            (ns / without_ns - 1.0) * 100.0
        );
    }
    Ok(())
}

/// Median of several runs, in nanoseconds per report.
fn measure<A: FnMut(&Entry)>(
    entries: &[Entry],
    mut begin: impl FnMut() -> Result<A>,
) -> Result<f64> {
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let mut apply = begin()?;
        let started = Instant::now();
        for entry in entries {
            apply(entry);
        }
        runs.push(started.elapsed().as_secs_f64() * 1e9 / f64::from(REPORTS));
    }
    Ok(median(runs))
}

fn off() -> Alerts {
    let off = || "off".to_owned();
    Alerts {
        ssidcanary: off(),
        apspoof: off(),
        cryptodrop: off(),
        advcryptchange: off(),
        chanchange: off(),
        devicefound: off(),
        devicelost: off(),
        eviltwin: off(),
        weakcrypto: off(),
        ..Alerts::default()
    }
}

/// Ten networks and ten addresses per rule.
fn rules() -> Alerts {
    let networks = || -> Vec<_> {
        let network = |number: u32| Network {
            name: number.to_string(),
            ssid: format!("^Net {number}$"),
        };
        (0..10).map(network).collect()
    };
    let addresses: Vec<_> = (0..10)
        .map(|number| format!("02:00:5E:10:00:{number:02X}"))
        .collect();
    let owned = networks()
        .into_iter()
        .map(|Network { name, ssid }| ProtectedNetwork {
            name,
            ssid,
            addresses: addresses.clone(),
        });
    Alerts {
        ssidcanary_networks: networks(),
        apspoof_networks: owned.collect(),
        weakcrypto_networks: networks(),
        eviltwin_networks: networks(),
        devicefound_addresses: addresses.clone(),
        devicelost_addresses: addresses,
        sourcesilent: "10/min,1/sec".to_owned(),
        apmoved: "10/min,1/sec".to_owned(),
        ..Alerts::default()
    }
}
