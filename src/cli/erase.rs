//! `scanpost erase`: removes a device, an area, a scanner or a range of times from all files.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use clap::Args;
use scanpost::config::Overrides;
use scanpost::erase::{self, EraseArea, EraseOrder, Erased};
use scanpost::erase_from;
use scanpost::report::{MacAddr, SourceId, UnixTime};

use super::{CommandError, DataArgs, load};

/// What to erase. All of it has to hold.
#[derive(Debug, Args)]
#[command(
    after_help = "Erases what is in the data directory. Backups keep it: erase it from each of them with --data-dir."
)]
pub(super) struct EraseArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Everything of the device with this address, of any radio technology.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<MacAddr>,
    /// What scanners saw in this circle: `lat,lon,radius_m`.
    #[arg(long, value_name = "CIRCLE", value_parser = area, allow_hyphen_values = true)]
    area: Option<EraseArea>,
    /// What the scanner with this UUID reported.
    #[arg(long, value_name = "UUID")]
    source: Option<SourceId>,
    /// What was seen at this time or later: seconds since 1970, or like `2026-01-31T12:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<UnixTime>,
    /// What was seen at this time or earlier.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<UnixTime>,
    /// Only counts what would be erased. A server may run.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &EraseArgs) -> Result<ExitCode, CommandError> {
    let order = EraseOrder {
        address: args.address,
        area: args.area,
        source: args.source,
        since: args.since,
        until: args.until,
    };
    let flags = Overrides {
        data_dir: args.data.data_dir.clone(),
        ..Overrides::default()
    };
    let config = load(&args.data.config, flags)?;
    let data = config.server.data_dir()?;
    let mut out = io::stdout();
    if args.dry_run {
        let counted = erase::count(&data, &order)?;
        writeln!(out, "would be erased: {}", told(counted))?;
        return Ok(ExitCode::SUCCESS);
    }
    let erased = erase_from(&config, &data, &order)?;
    writeln!(out, "erased: {}", told(erased))?;
    writeln!(
        out,
        "backups that were made before still have it: erase it from each of them with --data-dir"
    )?;
    Ok(ExitCode::SUCCESS)
}

fn told(erased: Erased) -> String {
    format!(
        "{} observations of {} devices, {} other records, {} alerts and watched addresses",
        erased.observations, erased.devices, erased.records, erased.alerts
    )
}

fn area(text: &str) -> Result<EraseArea, &'static str> {
    const EXPECTED: &str =
        "expected lat,lon,radius_m in degrees and whole metres, such as 52.52,13.4,500";
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    let [lat, lon, radius_m] = numbers
        .ok()
        .and_then(|numbers| <[f64; 3]>::try_from(numbers).ok())
        .ok_or(EXPECTED)?;
    let is_allowed = lat.abs() <= 90.0
        && lon.abs() <= 180.0
        && (1.0..=f64::from(EraseArea::RADIUS_MAX_M)).contains(&radius_m)
        && radius_m.fract() == 0.0;
    if !is_allowed {
        return Err(EXPECTED);
    }
    Ok(EraseArea::new(lat, lon, radius_m))
}

fn time(text: &str) -> Result<UnixTime, String> {
    const EXPECTED: &str =
        "expected seconds since 1970, or a time in UTC such as 2026-01-31T12:00:00Z";
    let seconds = match text.parse::<u32>() {
        Ok(seconds) => Some(seconds),
        Err(_) => humantime::parse_rfc3339(text)
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .and_then(|since| u32::try_from(since.as_secs()).ok()),
    };
    seconds
        .map(UnixTime::new)
        .ok_or_else(|| EXPECTED.to_owned())
}
