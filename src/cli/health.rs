//! `scanpost health`: asks a running server whether it runs, for containers and monitors.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::client::Target;
use super::{CommandError, ConfigArgs, EXIT_FAILED, load, print_error};
use scanpost::config::Overrides;

/// Longest time to connect, and longest time to wait for the answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The answer is one line of JSON.
const ANSWER_BYTES_MAX: u64 = 65_536;

#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Address of the server, such as `http://127.0.0.1:2501` or `unix:/run/scanpost/scanpost.sock`, instead of the first
    /// one of `server.listen`.
    #[arg(long, value_name = "URL", value_parser = Target::read)]
    url: Option<Target>,
    /// Asks also whether the server takes reports.
    #[arg(long)]
    ready: bool,
}

/// Asks one path, and returns the whole answer.
fn ask(target: &Target, path: &str) -> io::Result<String> {
    let mut stream = target.connect(TIMEOUT)?;
    let (host, prefix) = (target.host(), target.prefix());
    write!(
        stream,
        "GET {prefix}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

pub(super) fn run(args: &HealthArgs) -> Result<ExitCode, CommandError> {
    let target = if let Some(target) = &args.url {
        target.clone()
    } else {
        Target::of_server(&load(&args.config, Overrides::default())?.server)?
    };
    let path = if args.ready { "/readyz" } else { "/healthz" };
    let failed = match ask(&target, path) {
        Ok(answer) if is_well(&answer, args.ready) => {
            writeln!(io::stdout(), "{target} is well")?;
            return Ok(ExitCode::SUCCESS);
        }
        Ok(answer) => {
            let reason = answer.rsplit("\r\n\r\n").next().unwrap_or_default();
            format!("{} answered: {}", target, reason.trim())
        }
        Err(error) => format!("{target} does not answer: {error}"),
    };
    print_error(&failed);
    Ok(ExitCode::from(EXIT_FAILED))
}

/// A port that speaks TLS refuses plain HTTP, and so shows that the server runs; not whether it is ready.
fn is_well(answer: &str, ready: bool) -> bool {
    let is_tls = !ready && answer.contains(r#""code":"https_required""#);
    answer.starts_with("HTTP/1.1 200 ") || is_tls
}
