//! `scanpost log`: looks at a log, beside the server or without one, and changes nothing.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use scanpost::config::{ConfigError, Overrides};
use scanpost::log::{Checked, LogError, LogPosition, LogReader};
use scanpost::views::ObservationRecord;

use super::{ConfigArgs, EXIT_FAILED, complain, in_full, load, misused};

/// How much is written to standard output at a time.
const WRITE_BYTES: usize = 64 << 10;
/// What damage has kept from being counted.
const UNKNOWN: &str = "unknown";

#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// Reads the whole log and says whether it is sound.
    Verify(LogArgs),
    /// Prints every observation, in the order of the log.
    Replay(ReplayArgs),
}

#[derive(Debug, Args)]
pub(super) struct LogArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Folder that holds the server's data, instead of `server.data_dir`.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    log: LogArgs,
    /// One JSON object a line.
    #[arg(long, required = true)]
    to_json: bool,
    /// Only what stands behind this position.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    since_position: u64,
}

#[derive(Debug, thiserror::Error)]
enum LogCommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("cannot write to standard output")]
    Write(#[from] io::Error),
}

/// Runs the command.
pub(super) fn run(command: &LogCommand) -> ExitCode {
    let result = match command {
        LogCommand::Verify(args) => verify(args),
        LogCommand::Replay(args) => replay(args).map(|()| ExitCode::SUCCESS),
    };
    match result {
        Ok(code) => code,
        Err(LogCommandError::Config(error)) => misused(&error),
        // A reader that closed the pipe already knows all it wanted to.
        Err(LogCommandError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&in_full(&error));
            ExitCode::from(EXIT_FAILED)
        }
    }
}

fn open(args: &LogArgs) -> Result<LogReader, LogCommandError> {
    let flags = Overrides {
        data_dir: args.data_dir.clone(),
        ..Overrides::default()
    };
    let config = load(&args.config, flags)?;
    Ok(LogReader::open(&config.server.data_dir()?)?)
}

fn verify(args: &LogArgs) -> Result<ExitCode, LogCommandError> {
    let checked = open(args)?.verify()?;
    let findings = &checked.findings;
    for finding in findings.listed() {
        complain(&finding.to_string());
    }
    if 0 < findings.unlisted() {
        complain(&format!("and {} more", findings.unlisted()));
    }
    let told = tell(&checked);
    if !findings.is_empty() {
        return Ok(ExitCode::from(EXIT_FAILED));
    }
    Ok(told.map(|()| ExitCode::SUCCESS)?)
}

fn tell(checked: &Checked) -> io::Result<()> {
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

fn replay(args: &ReplayArgs) -> Result<(), LogCommandError> {
    let log = open(&args.log)?;
    let mut out = BufWriter::with_capacity(WRITE_BYTES, io::stdout().lock());
    log.replay(LogPosition::new(args.since_position), |entry| {
        for record in ObservationRecord::all(&entry) {
            serde_json::to_writer(&mut out, &record).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        }
        Ok::<_, LogCommandError>(())
    })?;
    Ok(out.flush()?)
}
