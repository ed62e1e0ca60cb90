//! `scanpost log`: read-only commands on the log, also while a server runs on it.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use scanpost::log::{Findings, LogPosition, LogReader, Verification};
use scanpost::views::ObservationRecord;

use super::{CommandError, DataArgs, EXIT_FAILED, print_error};

/// Size of the buffer for standard output.
const WRITE_BYTES: usize = 64 << 10;
/// Shown for a figure that could not be counted because of damage.
const UNKNOWN: &str = "unknown";

#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// Reads the whole log and reports damage.
    Verify(DataArgs),
    /// Prints every observation, in the order of the log.
    Replay(ReplayArgs),
}

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    data: DataArgs,
    /// One JSON object a line.
    #[arg(long, required = true)]
    to_json: bool,
    /// Prints only observations after this position.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    since_position: u64,
}

pub(super) fn run(command: &LogCommand) -> Result<ExitCode, CommandError> {
    let result = match command {
        LogCommand::Verify(args) => verify(args),
        LogCommand::Replay(args) => replay(args).map(|()| ExitCode::SUCCESS),
    };
    match result {
        // The reader closed the pipe because it needs no more output.
        Err(CommandError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        result => result,
    }
}

fn open(args: &DataArgs) -> Result<LogReader, CommandError> {
    Ok(LogReader::open(&args.data_dir()?)?)
}

fn verify(args: &DataArgs) -> Result<ExitCode, CommandError> {
    let checked = open(args)?.verify()?;
    let findings = &checked.findings;
    print_findings(findings);
    let printed = print_summary(&checked);
    if !findings.is_empty() {
        return Ok(ExitCode::from(EXIT_FAILED));
    }
    Ok(printed.map(|()| ExitCode::SUCCESS)?)
}

pub(super) fn print_findings(findings: &Findings) {
    for finding in findings.listed() {
        print_error(&finding.to_string());
    }
    if 0 < findings.unlisted() {
        print_error(&format!("and {} more", findings.unlisted()));
    }
}

pub(super) fn print_summary(checked: &Verification) -> io::Result<()> {
    let position = |position: Option<LogPosition>| match (position, checked.batches) {
        (Some(position), _) => position.get().to_string(),
        (None, Some(_)) => "none".to_owned(),
        (None, None) => UNKNOWN.to_owned(),
    };
    let mut out = io::stdout().lock();
    writeln!(out, "batches: {}", number(checked.batches))?;
    writeln!(out, "observations: {}", number(checked.observations))?;
    writeln!(out, "first position: {}", position(checked.first))?;
    writeln!(out, "last position: {}", position(checked.last))?;
    if let Some(expired_to) = checked.expired_to {
        writeln!(out, "expired to: {}", expired_to.get())?;
    }
    writeln!(out, "devices: {}", number(checked.devices))?;
    writeln!(out, "sources: {}", number(checked.sources))?;
    writeln!(out, "size in bytes: {}", checked.size_bytes)?;
    if checked.findings.is_empty() {
        writeln!(out, "the log is sound")?;
    }
    Ok(())
}

fn number(number: Option<impl ToString>) -> String {
    number.map_or_else(|| UNKNOWN.to_owned(), |number| number.to_string())
}

fn replay(args: &ReplayArgs) -> Result<(), CommandError> {
    let log = open(&args.data)?;
    let mut out = BufWriter::with_capacity(WRITE_BYTES, io::stdout().lock());
    log.replay(LogPosition::new(args.since_position), |entry| {
        for record in ObservationRecord::all(&entry) {
            serde_json::to_writer(&mut out, &record).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        }
        Ok::<_, CommandError>(())
    })?;
    Ok(out.flush()?)
}
