//! `scanpost serve`: runs the server until a signal stops it.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, process};

use clap::Args;
use scanpost::auth::{Credentials, CredentialsError, FirstCredentials, Policy};
use scanpost::config::{AuthMode, Config, ConfigError, LogFormat, Logging, Overrides};
use tokio::net::TcpListener;
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use super::{ConfigArgs, EXIT_FAILED, in_full, load, misused, now};

#[derive(Debug, Default, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    /// Address and port to listen on, instead of `server.listen`; port 0 lets the system choose.
    #[arg(long, value_name = "ADDR")]
    pub(super) listen: Option<SocketAddr>,
    /// Folder that holds the server's data, instead of `server.data_dir`.
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
}

pub(super) fn run(args: ServeArgs) -> ExitCode {
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
    match run_with(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(error = in_full(&error), "stopped by a failure");
            ExitCode::from(EXIT_FAILED)
        }
    }
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
    #[error("RUST_LOG is not a log filter: {0}; expected e.g. info or scanpost=debug")]
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

fn run_with(config: Config) -> Result<(), RunError> {
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

/// Makes an administrator and a key, if there are no credentials yet: without them nobody could get in.
fn make_first_credentials(config: &Config) -> Result<(), RunError> {
    let credentials = Credentials::open(&config.server.data_dir()?)?;
    match credentials.make_first(now())? {
        None => Ok(()),
        Some(first) => print_first(&first).map_err(RunError::Print),
    }
}

/// Prints what the first start made. Not to the log: that is kept, and read by others.
fn print_first(first: &FirstCredentials) -> io::Result<()> {
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
