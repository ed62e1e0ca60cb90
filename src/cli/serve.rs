//! `scanpost serve`: runs the server until a signal stops it.

use std::io::{self, IsTerminal, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::{env, process};

use clap::Args;
use scanpost::auth::{Credentials, CredentialsError, FirstCredentials, Policy};
use scanpost::config::{
    AuthMode, Config, ConfigError, Listen, ListenAddress, LogFormat, Logging, Overrides,
};
use scanpost::{BindError, Listeners, Reload, StartOptions};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tracing::{Level, error, info, warn};
use tracing_subscriber::filter::{ParseError, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, reload};

use super::{ConfigArgs, EXIT_FAILED, exit_misused, load, now, with_causes};

#[derive(Debug, Default, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    /// Address and port to listen on, instead of `server.listen`; with port 0 the system chooses one. Also `unix:` and the
    /// path of a socket, and several with commas between them.
    #[arg(long, value_name = "ADDR")]
    pub(super) listen: Option<Listen>,
    /// Folder that holds the server's data, instead of `server.data_dir`.
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// Starts even if devices are missing whose reports are no longer in the log.
    #[arg(long)]
    pub(super) accept_loss: bool,
}

pub(super) fn run(args: ServeArgs) -> ExitCode {
    let ServeArgs {
        config: config_args,
        listen,
        data_dir,
        accept_loss,
    } = args;
    // First of all, because until then SIGHUP ends the process.
    let program = Program::new();
    let flags = Overrides { listen, data_dir };
    let read = move || load(&config_args, flags.clone());
    let config = match read() {
        Ok(config) => config,
        Err(error) => return exit_misused(&error),
    };
    let set_level = match log_filter(&config.logging) {
        Ok(filter) => start_logging(config.logging.format, filter),
        Err(error) => return exit_misused(&error),
    };
    let settings = Settings {
        read: Arc::new(read),
        set_level,
    };
    let result = program.and_then(|program| program.run(config, accept_loss, settings));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(error = with_causes(&error), "server failed");
            ExitCode::from(EXIT_FAILED)
        }
    }
}

/// Where the settings come from, and how the log level changes.
struct Settings {
    read: Arc<dyn Fn() -> Result<Config, ConfigError> + Send + Sync>,
    set_level: SetLevel,
}

type SetLevel = Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>;

impl Settings {
    /// Reads the settings again at each SIGHUP, and passes them on.
    async fn reload(self, mut hangups: Hangups, reloads: mpsc::Sender<Reload>) {
        loop {
            hangups.next().await;
            let read = Arc::clone(&self.read);
            let reload = match spawn_blocking(move || read()).await {
                Ok(Ok(config)) => {
                    info!("read the configuration again");
                    self.change_level(&config.logging);
                    Reload::Config(Box::new(config))
                }
                Ok(Err(error)) => {
                    error!(
                        error = with_causes(&error),
                        "the configuration stays as it was, the new one cannot be used"
                    );
                    Reload::FilesOnly
                }
                Err(error) => {
                    error!(%error, "the configuration stays as it was");
                    Reload::FilesOnly
                }
            };
            // A server that is stopping needs no new settings.
            reloads.send(reload).await.ok();
        }
    }

    fn change_level(&self, logging: &Logging) {
        let filter = log_filter(logging).map_err(|error| error.to_string());
        let changed =
            filter.and_then(|filter| (self.set_level)(filter).map_err(|error| error.to_string()));
        if let Err(error) = changed {
            error!(error, "the log level stays as it was");
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

/// Returns a function that replaces the filter.
fn start_logging(format: LogFormat, filter: EnvFilter) -> SetLevel {
    let (filter, handle) = reload::Layer::new(filter);
    let registry = tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(|metadata| {
            is_discreet(metadata.target(), *metadata.level())
        }));
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    match format {
        LogFormat::Human => registry.with(lines.with_ansi(wants_colour())).init(),
        LogFormat::Json => registry.with(lines.json()).init(),
    }
    Box::new(move |filter| handle.reload(filter))
}

/// Whether log lines of a module at this level have no headers and no bodies, which may hold credentials. Libraries write
/// what they receive and send at the levels `debug` and `trace`.
fn is_discreet(target: &str, level: Level) -> bool {
    let is_own = target
        .strip_prefix("scanpost")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    is_own || level <= Level::INFO
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
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("a socket has no address")]
    Address(#[source] io::Error),
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

/// The runtime and the signals, which are received from its start on.
struct Program {
    runtime: tokio::runtime::Runtime,
    shutdown: Pin<Box<dyn Future<Output = ()> + Send>>,
    hangups: Hangups,
}

impl Program {
    fn new() -> Result<Self, RunError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(RunError::Runtime)?;
        let entered = runtime.enter();
        let hangups = Hangups::new().map_err(RunError::Signals)?;
        let shutdown = shutdown_signal().map_err(RunError::Signals)?;
        drop(entered);
        Ok(Self {
            runtime,
            shutdown: Box::pin(shutdown),
            hangups,
        })
    }

    fn run(self, config: Config, accept_loss: bool, settings: Settings) -> Result<(), RunError> {
        let Self {
            runtime,
            shutdown,
            hangups,
        } = self;
        // One request is enough: the next one waits.
        let (sender, reloads) = mpsc::channel(1);
        let options = StartOptions {
            accepts_loss: accept_loss,
            reloads: Some(reloads),
            ..StartOptions::default()
        };
        runtime.spawn(settings.reload(hangups, sender));
        let result = runtime.block_on(listen_and_serve(config, options, shutdown));
        runtime.shutdown_timeout(BLOCKING_WORK_TIMEOUT);
        result
    }
}

async fn listen_and_serve(
    config: Config,
    options: StartOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), RunError> {
    let listeners = Listeners::bind(&config.server).await?;
    let addresses = listeners.addresses().map_err(RunError::Address)?;
    let ip_addresses = scanpost::ip_addresses(&addresses);
    if Policy::of_all(config.auth.mode, &ip_addresses) == Policy::Required {
        make_first_credentials(&config)?;
    }
    for address in &addresses {
        // With port 0, scripts read the port from this line.
        info!(server.address = %address, server.version = env!("CARGO_PKG_VERSION"), "listening");
    }
    if config.auth.mode == AuthMode::Off {
        warn_of_no_credentials(&config, &addresses);
    }
    scanpost::serve_with(listeners, config, options, shutdown).await?;
    info!("stopped");
    Ok(())
}

fn warn_of_no_credentials(config: &Config, addresses: &[ListenAddress]) {
    for address in addresses {
        warn!(server.address = %address, "auth.mode is off: everyone who reaches this address may report and read");
    }
    let is_reachable = |address: &IpAddr| !address.to_canonical().is_loopback();
    let is_reached = scanpost::ip_addresses(addresses).iter().any(is_reachable);
    if is_reached && config.server.hosts.is_empty() {
        warn!(
            "web pages can let a name of their own lead to this server: list the names of this server in server.hosts"
        );
    }
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

/// The signal to use changed settings. Once this exists, the signal no longer ends the process.
#[cfg(unix)]
struct Hangups(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Hangups {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self(signal(SignalKind::hangup())?))
    }

    async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            // The runtime is shutting down.
            std::future::pending::<()>().await;
        }
    }
}

/// There is no such signal here.
#[cfg(not(unix))]
struct Hangups;

#[cfg(not(unix))]
impl Hangups {
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        std::future::pending::<()>().await;
    }
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
