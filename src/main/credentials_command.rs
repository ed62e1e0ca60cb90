//! `scanpost user` and `scanpost apikey`: who may do what, whether or not a server runs.
//!
//! They change the file in the data directory under its lock; a running server reads it again.

use std::io::{self, BufRead, ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use scanpost::auth::{Credentials, CredentialsError, FirstCredentials, KeyRecord, Role};
use scanpost::config::{ConfigError, Overrides};

use super::{ConfigArgs, EXIT_FAILED, complain, in_full, load, misused};

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Sets the password of an administrator, read from the terminal or from standard input.
    SetPassword(SetPasswordArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum ApikeyCommand {
    /// Makes a key and prints it, this once.
    Create(CreateArgs),
    /// Lists the keys, without what opens anything.
    List(DataArgs),
    /// Makes a key worthless.
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
pub(super) struct DataArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Folder that holds the server's data, instead of `server.data_dir`.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct SetPasswordArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The administrator's name.
    #[arg(long, value_name = "NAME", default_value = "admin")]
    user: String,
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    data: DataArgs,
    /// What to call the key.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// What it may do: `scanreport`, `readonly`, `admin`, or a name of your own.
    #[arg(long, value_name = "ROLE")]
    role: Role,
    /// For how long it holds, such as `30days`; without this, for ever.
    #[arg(long, value_name = "SPAN", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
}

#[derive(Debug, Args)]
#[group(id = "which", required = true, multiple = false, args = ["name", "named"])]
pub(super) struct RevokeArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The name of the key.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// The same, written as in `create`.
    #[arg(long = "name", value_name = "NAME")]
    named: Option<String>,
}

#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("cannot read the password")]
    Read(#[source] io::Error),
    #[error("the two passwords differ, nothing was changed")]
    Differ,
    #[error("cannot write to standard output")]
    Write(#[from] io::Error),
}

pub(super) fn run_user(command: &UserCommand) -> ExitCode {
    let UserCommand::SetPassword(args) = command;
    end(set_password(args))
}

pub(super) fn run_apikey(command: &ApikeyCommand) -> ExitCode {
    end(match command {
        ApikeyCommand::Create(args) => create(args),
        ApikeyCommand::List(args) => list(args),
        ApikeyCommand::Revoke(args) => revoke(args),
    })
}

fn end(result: Result<(), CommandError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(CommandError::Config(error)) => misused(&error),
        Err(error) => {
            complain(&in_full(&error));
            ExitCode::from(EXIT_FAILED)
        }
    }
}

fn open(args: &DataArgs) -> Result<Credentials, CommandError> {
    let flags = Overrides {
        data_dir: args.data_dir.clone(),
        ..Overrides::default()
    };
    let config = load(&args.config, flags)?;
    Ok(Credentials::open(&config.server.data_dir()?)?)
}

fn set_password(args: &SetPasswordArgs) -> Result<(), CommandError> {
    // Before anything is typed: what is wrong with the file should not come after.
    let credentials = open(&args.data)?;
    Ok(credentials.set_password(&args.user, &read_password()?)?)
}

/// Twice and unseen from a terminal, else the first line of standard input.
fn read_password() -> Result<String, CommandError> {
    if io::stdin().is_terminal() {
        let ask = |prompt| rpassword::prompt_password(prompt).map_err(CommandError::Read);
        let password = ask("New password: ")?;
        return match ask("Again: ")? {
            again if again == password => Ok(password),
            _ => Err(CommandError::Differ),
        };
    }
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    read.map_err(CommandError::Read)?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

fn create(args: &CreateArgs) -> Result<(), CommandError> {
    let lifetime = args.duration.map(|duration| duration.as_secs());
    let role = args.role.clone();
    let key = open(&args.data)?.create_key(&args.name, role, lifetime, now())?;
    Ok(writeln!(io::stdout(), "{}", key.reveal())?)
}

fn list(args: &DataArgs) -> Result<(), CommandError> {
    match tell(&open(args)?.keys(), now()) {
        // A reader that closed the pipe already knows all it wanted to.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        told => Ok(told?),
    }
}

fn tell(keys: &[KeyRecord], now: u64) -> io::Result<()> {
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

/// A time as people read it, as far as there are calendars.
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
    Ok(open(&args.data)?.revoke_key(name.unwrap_or_default())?)
}

/// Prints what the first start made. Not to the log: that is kept, and read by others.
pub(super) fn print_first(first: &FirstCredentials) -> io::Result<()> {
    let FirstCredentials {
        user,
        password,
        key,
        path,
    } = first;
    let mut out = io::stdout().lock();
    writeln!(out, "First start. These credentials are shown this once:")?;
    writeln!(out, "  administrator:  {user}")?;
    writeln!(out, "  password:       {}", password.reveal())?;
    writeln!(out, "  scanreport key: {}", key.reveal())?;
    writeln!(out, "Their hashes are kept in {}.", path.display())?;
    writeln!(
        out,
        "Others are made with `scanpost user set-password` and `scanpost apikey create`."
    )?;
    out.flush()
}

/// The time in seconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
