//! Cost of looking at the map when there are many devices.
//!
//! ```text
//! cargo bench --bench look -- [N]
//! ```
#![allow(
    clippy::cast_precision_loss,
    reason = "code that the benches share needs it"
)]
#![expect(clippy::print_stdout, reason = "the table is the result")]

#[allow(dead_code, reason = "each bench needs a part of it")]
mod support;

use std::convert::Infallible;
use std::fmt::Write;
use std::time::{Instant, SystemTime};

use clap::Parser;
use scanpost::log::Log;
use scanpost::report::capabilities::SecurityClass;
use scanpost::report::{Band, UnixTime};
use scanpost::tracker::{Device, TileFilter, TileId, Tracker, TraitSet, Wanted};
use scanpost::views::native;
use support::access_point::AccessPoint;
use support::random::Random;
use support::traffic::since_1970;
use support::{Result, fill, memory};

const REPORTS_PER_BATCH: u32 = 1000;
/// Towns of a country of some 800 km, with as many devices each.
const TOWNS: u32 = 200;
const COUNTRY: (f64, f64) = (47.5, 6.0);
const COUNTRY_DEGREES: u32 = 7;
/// The zooms that a person goes through, from the world to a street.
const ZOOMS: std::ops::RangeInclusive<u8> = 0..=18;
/// Tiles of a screen, in columns and rows.
const SCREEN: (u32, u32) = (5, 4);
/// Devices that change between two looks.
const CHANGES: u32 = 10_000;

#[derive(Parser)]
struct Arguments {
    /// Number of access points.
    #[arg(default_value_t = 1_000_000)]
    count: u32,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if !arguments.bench {
        println!("cargo test: there is nothing to test, this is measured by cargo bench");
        return Ok(());
    }
    let count = arguments.count;
    let (tracker, mut log) = (support::set_up::tracker(), Log::in_memory(0));
    let filled = Instant::now();
    report(&tracker, &mut log, 0..count)?;
    let reports_per_s = f64::from(count) / filled.elapsed().as_secs_f64();
    println!("{count} devices, merged at {reports_per_s:.0} a second before the index was built.");
    let bytes = || memory::of_process(std::process::id()).unwrap_or_default();
    let before_bytes = bytes();
    let built_ms = time_ms(|| follow(&tracker));
    let index_bytes = bytes().saturating_sub(before_bytes) as f64 / f64::from(count);
    println!(
        "Building the index: {built_ms:.0} ms. The process has {index_bytes:.1} bytes a device more than before."
    );
    for (what, filter) in filters() {
        measure(what, &tracker, &filter);
    }
    let has_name = |device: &Device| device.ssid_count() == 1;
    let by_device = TileFilter {
        wanted: Some(Wanted {
            name: "has a name",
            test: &has_name,
        }),
        ..TileFilter::NONE
    };
    measure("By what only devices tell", &tracker, &by_device);
    for changes in [CHANGES.min(count), count / 2] {
        let merged = Instant::now();
        report(&tracker, &mut log, 0..changes)?;
        let reports_per_s = f64::from(changes) / merged.elapsed().as_secs_f64();
        let followed_ms = time_ms(|| follow(&tracker));
        println!(
            "{changes} reports more, merged at {reports_per_s:.0} a second. Following them: {followed_ms:.1} ms."
        );
    }
    Ok(())
}

/// Filters that the index answers.
fn filters() -> [(&'static str, TileFilter<'static>); 4] {
    let with = |traits| TileFilter {
        traits,
        ..TileFilter::NONE
    };
    let now = since_1970(SystemTime::now()).as_secs();
    let now = UnixTime::new(u32::try_from(now).unwrap_or(u32::MAX));
    [
        ("Unfiltered", TileFilter::NONE),
        (
            "Open ones",
            with(TraitSet::ALL.of_classes(&[SecurityClass::Open])),
        ),
        ("5 GHz", with(TraitSet::ALL.of_bands(&[Band::Ghz5]))),
        (
            "Seen before now",
            TileFilter {
                seen: Some(UnixTime::new(0)..=now),
                ..TileFilter::NONE
            },
        ),
    ]
}

/// Brings the index up to date.
fn follow(tracker: &Tracker) -> usize {
    let Ok(()) = tracker.follow_places(|| Ok::<_, Infallible>(()));
    tracker.device_count()
}

/// Reads the tiles of a screen at each zoom, around a town.
fn measure(what: &str, tracker: &Tracker, filter: &TileFilter<'_>) {
    let (lat, lon) = town(7);
    let mut all_ms = Vec::new();
    let mut largest = 0;
    for zoom in ZOOMS {
        let mut of_zoom_ms = Vec::new();
        for tile in screen(zoom, lat, lon) {
            of_zoom_ms.push(time_ms(|| {
                let length = read(tracker, tile, filter).len();
                largest = largest.max(length);
                length
            }));
        }
        let slowest_ms = of_zoom_ms.iter().copied().fold(0.0, f64::max);
        println!("  {what}, zoom {zoom}: slowest tile {slowest_ms:.2} ms");
        all_ms.extend(of_zoom_ms);
    }
    all_ms.sort_by(f64::total_cmp);
    let p95 = all_ms.get(all_ms.len() * 95 / 100).copied();
    println!(
        "{what}: p95 of {} tiles {:.2} ms; the largest has {largest} bytes.",
        all_ms.len(),
        p95.unwrap_or_default()
    );
}

fn screen(zoom: u8, lat: f64, lon: f64) -> impl Iterator<Item = TileId> {
    let side = f64::from(zoom).exp2();
    let y = 0.5 - lat.to_radians().tan().asinh() / std::f64::consts::TAU;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the town is on the map"
    )]
    let at = |share: f64| (share * side) as u32;
    let (column, row) = (at(lon / 360.0 + 0.5), at(y));
    let columns = column.saturating_sub(SCREEN.0 / 2)..column + SCREEN.0.div_ceil(2);
    columns.flat_map(move |x| {
        let rows = row.saturating_sub(SCREEN.1 / 2)..row + SCREEN.1.div_ceil(2);
        rows.filter_map(move |y| TileId::new(zoom, x, y))
    })
}

fn read(tracker: &Tracker, tile: TileId, filter: &TileFilter<'_>) -> Vec<u8> {
    let Ok(content) = tracker.tile(tile, filter, || Ok::<_, Infallible>(()));
    native::tile(tile, &content)
}

fn time_ms(run: impl FnOnce() -> usize) -> f64 {
    let started = Instant::now();
    std::hint::black_box(run());
    started.elapsed().as_secs_f64() * 1e3
}

fn town(number: u32) -> (f64, f64) {
    let mut random = Random::new(u64::from(number));
    let mut degrees = || f64::from(random.below(COUNTRY_DEGREES * 1000)) / 1000.0;
    (COUNTRY.0 + degrees(), COUNTRY.1 + degrees())
}

/// Reports of access points with these numbers, each somewhere in its town.
fn report(tracker: &Tracker, log: &mut Log, numbers: std::ops::Range<u32>) -> Result<()> {
    let now = SystemTime::now();
    let seconds = since_1970(now).as_secs();
    let mut random = Random::new(u64::from(numbers.end));
    let end = numbers.end;
    for first in numbers.step_by(REPORTS_PER_BATCH as usize) {
        let mut reports = String::new();
        for number in first..end.min(first + REPORTS_PER_BATCH) {
            let device = AccessPoint::known(number);
            let (lat, lon) = town(number % TOWNS);
            // About six kilometres wide.
            let mut offset = || f64::from(random.below(80_000)) / 1e6;
            let (lat, lon) = (lat + offset(), lon + offset());
            let comma = if reports.is_empty() { "" } else { "," };
            write!(
                reports,
                r#"{comma}{{"bssid":"{}","ssid":"{}","capabilities":"{}","freqkhz":{},"signal":-{},"lat":{lat},"lon":{lon},"timestamp":{seconds}}}"#,
                device.bssid,
                device.ssid,
                device.capabilities,
                device.frequency_khz,
                40 + number % 50
            )?;
        }
        let json = format!(
            r#"{{"source_uuid":"00000000-0000-0000-0000-000000000001","reports":[{reports}]}}"#
        );
        for entry in log.append(vec![fill::decode(now, &json)?])? {
            tracker.apply(&entry);
        }
    }
    Ok(())
}
