//! The edge of the process: arguments, configuration, logging, signals and the exit code.
//!
//! What the server does is [`scanpost::serve`]'s; nothing here knows of reports or devices.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, iter, process};

#[path = "main/credentials_command.rs"]
mod credentials_command;
#[path = "main/log_command.rs"]
mod log_command;

use clap::{Args, Parser, Subcommand};
use scanpost::auth::{Credentials, CredentialsError, Policy};
use scanpost::config::{AuthMode, Config, ConfigError, LogFormat, Logging, Overrides};
use tokio::net::TcpListener;
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// The server could not start, or failed while it ran.
const EXIT_FAILED: u8 = 1;
/// The arguments or the configuration are wrong; the same code that clap uses.
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
    /// Runs the server; this is also what happens without a command.
    Serve(ServeArgs),
    /// Says whether the configuration is right, and starts nothing.
    CheckConfig(ConfigArgs),
    /// Looks at the log, whether or not a server runs on it.
    #[command(subcommand, disable_help_subcommand = true)]
    Log(log_command::LogCommand),
    /// Sets the passwords of administrators, whether or not a server runs.
    #[command(subcommand, disable_help_subcommand = true)]
    User(credentials_command::UserCommand),
    /// Makes, lists and revokes API keys, whether or not a server runs.
    #[command(subcommand, disable_help_subcommand = true)]
    Apikey(credentials_command::ApikeyCommand),
}

#[derive(Debug, Default, Args)]
struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Address and port to listen on, instead of `server.listen`; port 0 lets the system choose.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Folder that holds the server's data, instead of `server.data_dir`.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Default, Args)]
struct ConfigArgs {
    /// Configuration file; without one, the defaults and the environment hold.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(args) => serve(args),
        Command::CheckConfig(args) => check_config(&args),
        Command::Log(command) => log_command::run(&command),
        Command::User(command) => credentials_command::run_user(&command),
        Command::Apikey(command) => credentials_command::run_apikey(&command),
    }
}

fn check_config(args: &ConfigArgs) -> ExitCode {
    match load(args, Overrides::default()) {
        // A reader that closed the pipe already knows all it wanted to.
        Ok(_) => writeln!(io::stdout(), "configuration is valid")
            .map_or(ExitCode::from(EXIT_FAILED), |()| ExitCode::SUCCESS),
        Err(error) => misused(&error),
    }
}

fn serve(args: ServeArgs) -> ExitCode {
    let ServeArgs {
        config,
        listen,
        data_dir,
    } = args;
    let config = match load(&config, Overrides { listen, data_dir }) {
        Ok(config) => config,
        Err(error) => return misused(&error),
    };
    match log_filter(&config.logging) {
        Ok(filter) => start_logging(config.logging.format, filter),
        Err(error) => return misused(&error),
    }
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(error = in_full(&error), "stopped by a failure");
            ExitCode::from(EXIT_FAILED)
        }
    }
}

fn load(args: &ConfigArgs, flags: Overrides) -> Result<Config, ConfigError> {
    Config::load(args.config.as_deref(), env::vars_os(), flags)
}

/// Logging is not set up yet, or was misconfigured itself: so to standard error, as plain text.
fn misused(error: &dyn Error) -> ExitCode {
    complain(&in_full(error));
    ExitCode::from(EXIT_MISUSED)
}

fn complain(what: &str) {
    writeln!(io::stderr(), "scanpost: {what}").ok(); // Without standard error there is nobody to tell.
}

/// An error with all that caused it: each says its own part only.
fn in_full(error: &dyn Error) -> String {
    let causes = iter::successors(Some(error), |&error| error.source());
    let mut texts: Vec<_> = causes.map(ToString::to_string).collect();
    // Some say what their cause says.
    texts.dedup();
    texts.join(": ")
}

/// `RUST_LOG` where it is set and says something, else the configuration.
fn log_filter(logging: &Logging) -> Result<EnvFilter, LogFilterError> {
    let directives = match env::var("RUST_LOG") {
        Ok(directives) if !directives.is_empty() => directives,
        Ok(_) | Err(env::VarError::NotPresent) => logging.level.clone(),
        Err(env::VarError::NotUnicode(_)) => return Err(LogFilterError::NotUnicode),
    };
    EnvFilter::try_new(directives).map_err(LogFilterError::Malformed)
}

/// The configured filter was checked when it was read, so only the variable can be wrong.
#[derive(Debug, thiserror::Error)]
enum LogFilterError {
    #[error("RUST_LOG must be Unicode text")]
    NotUnicode,
    #[error("RUST_LOG is no log filter: {0}")]
    Malformed(ParseError), // Not as the source: its own source says the same again.
}

fn start_logging(format: LogFormat, filter: EnvFilter) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match format {
        LogFormat::Human => builder.with_ansi(wants_colour()).init(),
        LogFormat::Json => builder.json().init(),
    }
}

fn wants_colour() -> bool {
    let is_forbidden = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !is_forbidden
}

/// How long work that no longer answers anyone may hold the process, once the server has stopped.
const REST: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    #[error("cannot listen on {address}")]
    Bind {
        address: SocketAddr,
        source: io::Error,
    },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(
        "cannot print the first credentials; make others with `scanpost user set-password` and `scanpost apikey create`"
    )]
    Print(#[source] io::Error),
    #[error(transparent)]
    Serve(#[from] scanpost::ServeError),
}

fn run(config: Config) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(RunError::Runtime)?;
    let result = runtime.block_on(listen_and_serve(config));
    runtime.shutdown_timeout(REST);
    result
}

async fn listen_and_serve(config: Config) -> Result<(), RunError> {
    let shutdown = shutdown_signal().map_err(RunError::Signals)?;
    let address = config.server.listen;
    let cannot_bind = |source| RunError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(cannot_bind)?;
    let address = listener.local_addr().map_err(cannot_bind)?;

    if Policy::of(config.auth.mode, address.ip()) == Policy::Required {
        make_first_credentials(&config)?;
    }
    // With port 0 this line is the only place that tells the port: scripts read it.
    info!(server.address = %address, server.version = env!("CARGO_PKG_VERSION"), "listening");
    if config.auth.mode == AuthMode::Off {
        warn!(server.address = %address, "auth.mode is off: whoever reaches this address may report and read");
    }
    scanpost::serve(listener, config, shutdown).await?;
    info!("stopped");
    Ok(())
}

/// Where nobody could get in, somebody must.
fn make_first_credentials(config: &Config) -> Result<(), RunError> {
    let credentials = Credentials::open(&config.server.data_dir()?)?;
    match credentials.make_first(credentials_command::now())? {
        None => Ok(()),
        Some(first) => credentials_command::print_first(&first).map_err(RunError::Print),
    }
}

/// Completes at the first request to stop. A second one ends the process at once, for whoever
/// does not want to wait for the requests in flight.
///
/// The signals are caught from here on, not from the first poll: none is missed between.
fn shutdown_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut signals = Signals::new()?;
    Ok(async move {
        let signal = signals.next().await;
        info!(signal.name = signal.name, "stopping");
        tokio::spawn(async move {
            let signal = signals.next().await;
            warn!(signal.name = signal.name, "stopping at once");
            process::exit(signal.exit_code);
        });
    })
}

/// A request to stop. The exit code is what a shell reports of a process that the signal ended.
struct StopSignal {
    name: &'static str,
    exit_code: i32,
}

const INTERRUPT: StopSignal = StopSignal {
    name: "SIGINT",
    exit_code: 130,
};

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> StopSignal {
        tokio::select! {
            _ = self.interrupt.recv() => INTERRUPT,
            _ = self.terminate.recv() => StopSignal { name: "SIGTERM", exit_code: 143 },
        }
    }
}

#[cfg(windows)]
struct Signals {
    interrupt: tokio::signal::windows::CtrlC,
}

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: tokio::signal::windows::ctrl_c()?,
        })
    }

    async fn next(&mut self) -> StopSignal {
        self.interrupt.recv().await;
        INTERRUPT
    }
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
            assert_eq!(args.listen, Some(([127, 0, 0, 1], 0).into()));
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
