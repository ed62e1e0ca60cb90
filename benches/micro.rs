//! What small parts of the program cost.
//!
//! ```text
//! cargo bench --bench micro
//! ```
#![allow(missing_docs, reason = "criterion's macros make public functions")]

#[path = "support/capabilities.rs"]
mod capabilities;
#[allow(dead_code, reason = "each bench needs a part of it")]
#[path = "support/random.rs"]
mod random;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use random::Random;
use scanpost::report::capabilities::Security;

const CORPUS: &str = include_str!("../tests/fixtures/capabilities-corpus.tsv");
const GENERATED: usize = 100_000;

/// Reading a capabilities string: those of the corpus, and such as nobody ever sent, each of them once a round.
fn capabilities(criterion: &mut Criterion) {
    let corpus = CORPUS
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').nth(1));
    let corpus: Vec<String> = corpus.map(str::to_owned).collect();
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

criterion_group!(benches, capabilities);
criterion_main!(benches);
