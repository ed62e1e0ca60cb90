//! The command line: arguments, configuration and exit codes. Each command has a file.
//!
//! [`scanpost::serve`] runs the server. Nothing here knows reports or devices.

mod apikey;
mod backup;
mod check_config;
mod client;
mod erase;
mod export;
mod forward;
mod health;
mod import;
mod log;
mod serve;
mod source;
mod table;
mod user;

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, iter};

use clap::{Args, Parser, Subcommand};
use scanpost::auth::{Credentials, CredentialsError};
use scanpost::backup::BackupError;
use scanpost::config::{Config, ConfigError, Overrides};
use scanpost::erase::EraseError;
use scanpost::log::LogError;
use scanpost::report::SourceId;

use self::serve::ServeArgs;

/// Exit code if the server could not start, or failed while it ran.
const EXIT_FAILED: u8 = 1;
/// Exit code if the arguments or the configuration are wrong. clap uses the same one.
const EXIT_MISUSED: u8 = 2;

/// Takes Wi-Fi and Bluetooth scan reports over HTTP and merges them into one live picture.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server. This is the default command.
    Serve(ServeArgs),
    /// Checks the configuration without starting the server.
    CheckConfig(ConfigArgs),
    /// Reads the log, whether or not a server runs on it.
    #[command(subcommand, disable_help_subcommand = true)]
    Log(log::LogCommand),
    /// Copies the data directory, whether or not a server runs on it, or checks such a copy.
    Backup(backup::BackupArgs),
    /// Forgets scanners, while no server runs.
    #[command(subcommand, disable_help_subcommand = true)]
    Source(source::SourceCommand),
    /// Sets the passwords of administrators, lists and removes them, whether or not a server runs.
    #[command(subcommand, disable_help_subcommand = true)]
    User(user::UserCommand),
    /// Creates, lists and revokes API keys, whether or not a server runs.
    #[command(subcommand, disable_help_subcommand = true)]
    Apikey(apikey::ApikeyCommand),
    /// Imports files that other programs wrote, into a server that runs or into a data directory that no server uses.
    Import(Box<import::ImportArgs>),
    /// Reads a database for the server that starts this.
    #[command(hide = true)]
    ReadDatabase,
    /// Writes a file for another program, from a server that runs or from a data directory that no server uses.
    Export(Box<export::ExportArgs>),
    /// Shows and steers what a server forwards to services.
    #[command(subcommand, disable_help_subcommand = true)]
    Forward(forward::ForwardCommand),
    /// Erases a device, an area, a scanner or a range of times from all files, while no server runs.
    Erase(erase::EraseArgs),
    /// Asks a server whether it runs. The exit code is 0 if it does, else 1.
    Health(health::HealthArgs),
}

#[derive(Clone, Debug, Default, Args)]
struct ConfigArgs {
    /// Configuration file. Without one, the defaults and the environment apply.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Arguments of a command that works on a data directory.
#[derive(Debug, Args)]
struct DataArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Folder that holds the server's data, instead of `server.data_dir`.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl DataArgs {
    fn data_dir(&self) -> Result<PathBuf, ConfigError> {
        let flags = Overrides {
            data_dir: self.data_dir.clone(),
            ..Overrides::default()
        };
        load(&self.config, flags)?.server.data_dir()
    }

    fn credentials(&self) -> Result<Credentials, CommandError> {
        Ok(Credentials::open(&self.data_dir()?)?)
    }
}

/// Why a command other than `serve` failed.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Erase(#[from] EraseError),
    #[error(
        "a server runs on this data directory: ask it, with the request DELETE /api/v1/sources/{source_id}"
    )]
    ServerRuns { source_id: SourceId },
    #[error("no forward has the name {name}")]
    NoSuchForward { name: String },
    #[error("no source has the UUID {source_id}")]
    NoSuchSource { source_id: SourceId },
    #[error("cannot read {}", file.display())]
    ReadFile {
        file: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("{server} does not answer")]
    NoAnswer {
        server: String,
        #[source]
        cause: io::Error,
    },
    #[error("the file from {server} is not complete")]
    Incomplete {
        server: String,
        #[source]
        cause: io::Error,
    },
    #[error("cannot write {}", file.display())]
    WriteFile {
        file: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("{server} answered: {text}")]
    Refused { server: String, text: String },
    #[error(
        "a server runs on this data directory: use that server, without --data-dir, or with --url"
    )]
    DataInUse,
    #[error("cannot open the data directory: {0}")]
    Serve(String),
    #[error("cannot read the password")]
    ReadPassword(#[source] io::Error),
    #[error("the two passwords differ; nothing was changed")]
    PasswordsDiffer,
    #[error("cannot write to standard output")]
    Write(#[from] io::Error),
}

pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(args) => serve::run(args),
        Command::CheckConfig(args) => check_config::run(&args),
        Command::Log(command) => exit_code(log::run(&command)),
        Command::Backup(args) => exit_code(backup::run(&args)),
        Command::Source(command) => exit_code(source::run(&command)),
        Command::User(command) => exit_code(user::run(&command)),
        Command::Apikey(command) => exit_code(apikey::run(&command)),
        Command::Import(args) => exit_code(import::run(*args)),
        Command::ReadDatabase => exit_code(read_database()),
        Command::Export(args) => exit_code(export::run(&args)),
        Command::Forward(command) => exit_code(forward::run(&command)),
        Command::Erase(args) => exit_code(erase::run(&args)),
        Command::Health(args) => exit_code(health::run(&args)),
    }
}

fn read_database() -> Result<ExitCode, CommandError> {
    scanpost::read_database()?;
    Ok(ExitCode::SUCCESS)
}

fn exit_code(result: Result<ExitCode, CommandError>) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(CommandError::Config(error)) => exit_misused(&error),
        Err(error) => {
            print_error(&with_causes(&error));
            ExitCode::from(EXIT_FAILED)
        }
    }
}

fn load(args: &ConfigArgs, flags: Overrides) -> Result<Config, ConfigError> {
    Config::load(args.config.as_deref(), env::vars_os(), flags)
}

/// Prints to standard error as plain text: logging is not set up yet, or its own settings are wrong.
fn exit_misused(error: &dyn Error) -> ExitCode {
    print_error(&with_causes(error));
    ExitCode::from(EXIT_MISUSED)
}

fn print_error(what: &str) {
    writeln!(io::stderr(), "scanpost: {what}").ok(); // Without standard error there is no place to report this.
}

/// The texts of an error and of all its causes in one line.
fn with_causes(error: &dyn Error) -> String {
    let causes = iter::successors(Some(error), |&error| error.source());
    let mut texts: Vec<_> = causes.map(ToString::to_string).collect();
    // Some errors only repeat the text of their cause.
    texts.dedup();
    texts.join(": ")
}

/// The time in seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    #[track_caller]
    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_mean_the_same_with_and_without_serve() {
        let flags = "--config a.toml --listen 127.0.0.1:0 --data-dir data";
        let bare = parse(&format!("scanpost {flags}")).unwrap();
        assert!(bare.command.is_none());
        let Some(Command::Serve(named)) =
            parse(&format!("scanpost serve {flags}")).unwrap().command
        else {
            panic!("not serve");
        };
        for args in [bare.serve, named] {
            assert_eq!(args.config.config, Some("a.toml".into()));
            assert_eq!(args.listen, Some("127.0.0.1:0".parse().unwrap()));
            assert_eq!(args.data_dir, Some("data".into()));
        }
    }

    #[test]
    fn a_flag_that_would_be_ignored_is_refused() {
        #[track_caller]
        fn check(line: &str, kind: ErrorKind) {
            assert_eq!(parse(line).unwrap_err().kind(), kind, "{line}");
        }
        check(
            "scanpost check-config --listen 127.0.0.1:0",
            ErrorKind::UnknownArgument,
        );
        check(
            "scanpost --listen 127.0.0.1:0 check-config",
            ErrorKind::ArgumentConflict,
        );
        check("scanpost --listen localhost", ErrorKind::ValueValidation);
        check("scanpost nonsense", ErrorKind::InvalidSubcommand);
    }
}
