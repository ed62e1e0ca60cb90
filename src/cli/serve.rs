//! `scanpost serve`: runs the server until a signal stops it.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, process};

use clap::Args;
use scanpost::StartOptions;
use scanpost::auth::{Credentials, CredentialsError, FirstCredentials, Policy};
use scanpost::config::{AuthMode, Config, ConfigError, LogFormat, Logging, Overrides};
use tokio::net::TcpListener;
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use super::{ConfigArgs, EXIT_FAILED, exit_misused, load, now, with_causes};

#[derive(Debug, Default, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    /// Address and port to listen on, instead of `server.listen`; with port 0 the system chooses one.
    #[arg(long, value_name = "ADDR")]
    pub(super) listen: Option<SocketAddr>,
    /// Folder that holds the server's data, instead of `server.data_dir`.
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// Starts even if devices are missing whose reports are no longer in the log.
    #[arg(long)]
    pub(super) accept_loss: bool,
}

pub(super) fn run(args: ServeArgs) -> ExitCode {
    let ServeArgs {
        config,
        listen,
        data_dir,
        accept_loss,
    } = args;
    let options = StartOptions {
        accepts_loss: accept_loss,
    };
    let config = match load(&config, Overrides { listen, data_dir }) {
        Ok(config) => config,
        Err(error) => return exit_misused(&error),
    };
    match log_filter(&config.logging) {
        Ok(filter) => start_logging(config.logging.format, filter),
        Err(error) => return exit_misused(&error),
    }
    match run_with(config, options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(error = with_causes(&error), "server failed");
            ExitCode::from(EXIT_FAILED)
        }
    }
}

/// `RUST_LOG` if it is set and not empty, else the configured level.
fn log_filter(logging: &Logging) -> Result<EnvFilter, LogFilterError> {
    let directives = match env::var("RUST_LOG") {
        Ok(directives) if !directives.is_empty() => directives,
        Ok(_) | Err(env::VarError::NotPresent) => logging.level.clone(),
        Err(env::VarError::NotUnicode(_)) => return Err(LogFilterError::NotUnicode),
    };
    EnvFilter::try_new(directives).map_err(LogFilterError::Malformed)
}

/// `RUST_LOG` is not a valid filter. The configured filter was checked when it was read.
#[derive(Debug, thiserror::Error)]
enum LogFilterError {
    #[error("RUST_LOG must be Unicode text")]
    NotUnicode,
    #[error("RUST_LOG is not a valid log filter: {0}; expected e.g. info or scanpost=debug")]
    Malformed(ParseError), // No `#[source]`: the cause of this error repeats its text.
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

/// Longest wait for blocking work that is still running after the server has stopped. Nobody waits for its result.
const BLOCKING_WORK_TIMEOUT: Duration = Duration::from_secs(1);

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
        "cannot print the first credentials; create new ones with `scanpost user set-password` and `scanpost apikey create`"
    )]
    Print(#[source] io::Error),
    #[error(transparent)]
    Serve(#[from] scanpost::ServeError),
}

fn run_with(config: Config, options: StartOptions) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(RunError::Runtime)?;
    let result = runtime.block_on(listen_and_serve(config, options));
    runtime.shutdown_timeout(BLOCKING_WORK_TIMEOUT);
    result
}

async fn listen_and_serve(config: Config, options: StartOptions) -> Result<(), RunError> {
    let shutdown = shutdown_signal().map_err(RunError::Signals)?;
    let address = config.server.listen;
    let cannot_bind = |source| RunError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(cannot_bind)?;
    let address = listener.local_addr().map_err(cannot_bind)?;

    if Policy::of(config.auth.mode, address.ip()) == Policy::Required {
        make_first_credentials(&config)?;
    }
    // With port 0, scripts read the port from this line.
    info!(server.address = %address, server.version = env!("CARGO_PKG_VERSION"), "listening");
    if config.auth.mode == AuthMode::Off {
        warn!(server.address = %address, "auth.mode is off: everyone who reaches this address may report and read");
        if !address.ip().to_canonical().is_loopback() && config.server.hosts.is_empty() {
            warn!(
                "web pages can let a name of their own lead to this server: list the names of this server in server.hosts"
            );
        }
    }
    scanpost::serve_with(listener, config, options, shutdown).await?;
    info!("stopped");
    Ok(())
}

/// Creates an administrator and a key if there are no credentials. Otherwise nobody could log in.
fn make_first_credentials(config: &Config) -> Result<(), RunError> {
    let credentials = Credentials::open(&config.server.data_dir()?)?;
    match credentials.make_first(now())? {
        None => Ok(()),
        Some(first) => print_first(&first).map_err(RunError::Print),
    }
}

/// Prints the first credentials to standard output. The log would keep them and show them to others.
fn print_first(first: &FirstCredentials) -> io::Result<()> {
    let FirstCredentials {
        user,
        password,
        key,
        path,
    } = first;
    let mut out = io::stdout().lock();
    writeln!(out, "First start. These credentials are shown only once:")?;
    writeln!(out, "  administrator:  {user}")?;
    writeln!(out, "  password:       {}", password.reveal())?;
    writeln!(out, "  scanreport key: {}", key.reveal())?;
    writeln!(out, "Their hashes are stored in {}.", path.display())?;
    writeln!(
        out,
        "Create more with `scanpost user set-password` and `scanpost apikey create`."
    )?;
    out.flush()
}

/// Completes at the first signal to stop. A second signal ends the process at once, without waiting for the requests in
/// flight.
///
/// The handlers are installed by the call and not by the first poll, so no signal in between is lost.
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

/// A signal to stop, and the exit code that a shell reports for a process that it ends.
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
