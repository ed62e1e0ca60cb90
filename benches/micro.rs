//! Cost of small parts of the program.
//!
//! ```text
//! cargo bench --bench micro [-- NAME]
//! ```
#![allow(
    clippy::cast_precision_loss,
    reason = "code that the benches share needs it"
)]
#![allow(clippy::print_stdout, reason = "code that the benches share needs it")]
#![expect(clippy::unwrap_used, reason = "a bench that cannot run must not go on")]

#[allow(dead_code, reason = "each bench needs a part of it")]
mod support;

use std::hint::black_box;
use std::time::SystemTime;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use scanpost::log::Log;
use scanpost::report::capabilities::Security;
use support::parts::{self, Row};
use support::random::Random;
use support::{capabilities, data_directory, fill};

const GENERATED: usize = 100_000;
const DEVICES: u32 = 100_000;
const BATCHES: u32 = 1000;
/// Batches per commit of the log.
const GROUP: usize = 10;

/// Decoding of capabilities strings: those of the corpus, and generated ones, each of them once per round.
fn security(criterion: &mut Criterion) {
    let corpus: Vec<String> = parts::capabilities()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let mut random = Random::new(1);
    let generated: Vec<String> = (0..GENERATED)
        .map(|_| capabilities::generated(&mut random))
        .collect();
    let mut group = criterion.benchmark_group("capabilities");
    for (name, strings) in [("corpus", corpus), ("generated", generated)] {
        group.throughput(Throughput::Elements(strings.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for raw in &strings {
                    black_box(Security::decode(black_box(raw)));
                }
            });
        });
    }
    group.finish();
}

/// The path of batches of a hundred reports.
fn batches(criterion: &mut Criterion) {
    let now = SystemTime::now();
    let bodies = parts::bodies(now, BATCHES, DEVICES).unwrap();
    let batches = parts::batches(now, &bodies).unwrap();
    let entries = parts::entries(batches.clone()).unwrap();
    let mut group = criterion.benchmark_group("batch of 100");
    group.throughput(Throughput::Elements(fill::REPORTS_PER_BATCH.into()));
    let mut next = bodies.iter().cycle();
    group.bench_function("decode", |bencher| {
        bencher.iter(|| fill::decode(now, next.next().unwrap()).unwrap());
    });
    let tracker = support::set_up::tracker();
    for entry in &entries {
        tracker.apply(entry);
    }
    let mut next = entries.iter().cycle();
    group.bench_function("merge into known devices", |bencher| {
        bencher.iter(|| tracker.apply(next.next().unwrap()));
    });
    group.finish();

    let directory = data_directory().unwrap();
    let mut log = Log::in_directory(directory.path()).unwrap();
    let mut next = batches.chunks(GROUP).cycle();
    let mut group = criterion.benchmark_group("log");
    group.sample_size(20);
    group.throughput(Throughput::Elements(
        GROUP as u64 * u64::from(fill::REPORTS_PER_BATCH),
    ));
    group.bench_function("append and sync ten batches of 100", |bencher| {
        bencher.iter_batched(
            || next.next().unwrap().to_vec(),
            |batches| log.append(batches).unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.finish();

    let row = Row::of(&tracker).unwrap();
    let mut out = Vec::new();
    criterion.bench_function("a device of a view as JSON", |bencher| {
        bencher.iter(|| {
            out.clear();
            row.write(&mut out);
            black_box(out.len())
        });
    });
}

criterion_group!(benches, security, batches);
criterion_main!(benches);
