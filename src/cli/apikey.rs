//! `scanpost apikey`: API keys.
//!
//! The command changes the credentials file under its lock. A running server reads it again.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use scanpost::auth::{KeyRecord, Role};

use super::table::{Row, last_used, print, shown};
use super::{CommandError, DataArgs, now};

#[derive(Debug, Subcommand)]
pub(super) enum ApikeyCommand {
    /// Creates a key and prints it. It is shown only this once.
    Create(CreateArgs),
    /// Lists all keys with name, role, times and last use, without their secrets.
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
    /// Role of the key: `scanreport`, `readonly`, `metrics`, `admin`, or a name of your own.
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
    let (keys, now) = (args.credentials()?.keys(), now());
    let rows = keys.iter().map(|key| Row {
        name: &key.name,
        role: key.role.as_str(),
        rest: times(key, now),
    });
    print(&rows.collect::<Vec<_>>())
}

fn times(key: &KeyRecord, now: u64) -> Vec<String> {
    let mut times = vec![
        format!("made {}", shown(key.created)),
        last_used(key.last_used),
    ];
    match key.expires {
        None => {}
        Some(expires) if expires <= now => times.push(format!("expired {}", shown(expires))),
        Some(expires) => times.push(format!("expires {}", shown(expires))),
    }
    times
}

fn revoke(args: &RevokeArgs) -> Result<(), CommandError> {
    let name = args.name.as_deref().or(args.named.as_deref());
    Ok(args
        .data
        .credentials()?
        .revoke_key(name.unwrap_or_default())?)
}
