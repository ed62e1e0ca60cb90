//! `scanpost backup`: copies a data directory, also while a server runs on it, and checks such copies.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use scanpost::backup;

use super::log::{print_findings, print_summary};
use super::{CommandError, DataArgs, EXIT_FAILED, print_error};

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Checks the backup in DIR, and changes nothing.
    #[arg(long, conflicts_with = "data_dir")]
    check: bool,
    /// Folder of the backup. A new backup needs one that is empty or missing.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn run(args: &BackupArgs) -> Result<ExitCode, CommandError> {
    if args.check {
        return check(args);
    }
    backup::create(&args.data.data_dir()?, &args.folder)?;
    writeln!(io::stdout(), "the backup is in {}", args.folder.display())?;
    Ok(ExitCode::SUCCESS)
}

fn check(args: &BackupArgs) -> Result<ExitCode, CommandError> {
    let checked = backup::check(&args.folder)?;
    print_findings(&checked.log.findings);
    for problem in &checked.problems {
        print_error(&problem.to_string());
    }
    print_summary(&checked.log)?;
    writeln!(
        io::stdout(),
        "snapshot position: {}",
        checked.snapshot.get()
    )?;
    if !checked.is_sound() {
        return Ok(ExitCode::from(EXIT_FAILED));
    }
    writeln!(io::stdout(), "the backup is sound")?;
    Ok(ExitCode::SUCCESS)
}
