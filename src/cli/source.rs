//! `scanpost source`: sources of a server that does not run.
//!
//! The log has one writer. So while a server runs, requests do the same.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Args, Subcommand};
use scanpost::log::{Log, LogError, LogReader, Record, SourceForget, What};
use scanpost::report::SourceId;

use super::{CommandError, DataArgs};

#[derive(Debug, Subcommand)]
pub(super) enum SourceCommand {
    /// Forgets a scanner. Its reports stay in the log, and the devices that it saw stay.
    Forget(ForgetArgs),
}

#[derive(Debug, Args)]
pub(super) struct ForgetArgs {
    #[command(flatten)]
    data: DataArgs,
    /// UUID of the scanner.
    #[arg(value_name = "UUID")]
    source: SourceId,
}

pub(super) fn run(command: &SourceCommand) -> Result<ExitCode, CommandError> {
    match command {
        SourceCommand::Forget(args) => forget(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn forget(args: &ForgetArgs) -> Result<(), CommandError> {
    let (data, source) = (args.data.data_dir()?, args.source);
    // Opening a log to write would create a missing one.
    LogReader::open(&data)?;
    let mut log = Log::in_directory(&data).map_err(|error| match error {
        LogError::InUse { .. } => CommandError::ServerRuns { source_id: source },
        error => error.into(),
    })?;
    if !log.knows_source(source)? {
        return Err(CommandError::NoSuchSource { source_id: source });
    }
    let order = What::SourceForget(SourceForget { source });
    let record = Record::new(log.node(), SystemTime::now().into(), order);
    log.append(vec![record])?;
    Ok(writeln!(
        io::stdout(),
        "the order is in the log: the next start of the server forgets {source}"
    )?)
}
