//! `scanpost apikey`: API keys.
//!
//! The command changes the credentials file under its lock. A running server reads it again.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use clap::{Args, Subcommand};
use scanpost::auth::{KeyRecord, Role};

use super::{CommandError, DataArgs, now};

#[derive(Debug, Subcommand)]
pub(super) enum ApikeyCommand {
    /// Creates a key and prints it. It is shown only this once.
    Create(CreateArgs),
    /// Lists all keys with name, role and times, without their secrets.
    List(DataArgs),
    /// Revokes a key.
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Name of the key.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Role of the key: `scanreport`, `readonly`, `admin`, or a name of your own.
    #[arg(long, value_name = "ROLE")]
    role: Role,
    /// Validity of the key, such as `30days`. Without it, the key never expires.
    #[arg(long, value_name = "SPAN", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
}

#[derive(Debug, Args)]
#[group(id = "which", required = true, multiple = false, args = ["name", "named"])]
pub(super) struct RevokeArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Name of the key.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Name of the key, in the form that `create` takes.
    #[arg(long = "name", value_name = "NAME")]
    named: Option<String>,
}

pub(super) fn run(command: &ApikeyCommand) -> Result<ExitCode, CommandError> {
    match command {
        ApikeyCommand::Create(args) => create(args),
        ApikeyCommand::List(args) => list(args),
        ApikeyCommand::Revoke(args) => revoke(args),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn create(args: &CreateArgs) -> Result<(), CommandError> {
    let lifetime = args.duration.map(|duration| duration.as_secs());
    let role = args.role.clone();
    let key = args
        .data
        .credentials()?
        .create_key(&args.name, role, lifetime, now())?;
    Ok(writeln!(io::stdout(), "{}", key.reveal())?)
}

fn list(args: &DataArgs) -> Result<(), CommandError> {
    match print_keys(&args.credentials()?.keys(), now()) {
        // The reader closed the pipe because it needs no more output.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => Ok(printed?),
    }
}

fn print_keys(keys: &[KeyRecord], now: u64) -> io::Result<()> {
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or_default();
    let names = width(&mut keys.iter().map(|key| key.name.chars().count()));
    let roles = width(&mut keys.iter().map(|key| key.role.as_str().chars().count()));
    let mut out = io::stdout().lock();
    for key in keys {
        let KeyRecord { name, role, .. } = key;
        write!(out, "{name:names$}  {:roles$}", role.as_str())?;
        write!(out, "  made {}", shown(key.created))?;
        match key.expires {
            None => writeln!(out)?,
            Some(expires) if expires <= now => writeln!(out, "  expired {}", shown(expires))?,
            Some(expires) => writeln!(out, "  expires {}", shown(expires))?,
        }
    }
    Ok(())
}

/// Formats a time. Times after the year 9999, which have no calendar form, are shown as "never".
fn shown(seconds: u64) -> String {
    const YEAR_9999: u64 = 253_402_300_799;
    match seconds {
        ..=YEAR_9999 => {
            humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
        }
        _ => "never".to_owned(),
    }
}

fn revoke(args: &RevokeArgs) -> Result<(), CommandError> {
    let name = args.name.as_deref().or(args.named.as_deref());
    Ok(args
        .data
        .credentials()?
        .revoke_key(name.unwrap_or_default())?)
}
