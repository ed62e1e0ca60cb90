//! `scanpost forward`: shows and steers what a server forwards.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use scanpost::config::Overrides;
use serde::Deserialize;

use super::client::Target;
use super::import::{TIMEOUT, read_answer, read_key, refused, request_head};
use super::{CommandError, ConfigArgs, load, table};

#[derive(Debug, Subcommand)]
pub(super) enum ForwardCommand {
    /// Shows how each target is, or one of them.
    Status(StatusArgs),
    /// Sends what is new to a target now.
    Run(RunArgs),
    /// Lets a target begin elsewhere in the log. It sends nothing by itself.
    Reset(ResetArgs),
}

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Name of a target.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Name of the target.
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct ResetArgs {
    /// Name of the target.
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
    /// Where it begins: at the `start` of the log, at its `end`, or after the record at a position. What was sent already
    /// and comes after that is sent again.
    #[arg(long, value_name = "PLACE", value_parser = place)]
    to: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// The server that is asked.
#[derive(Debug, Args)]
struct ServerArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Address of the server, instead of the first one of `server.listen`.
    #[arg(long, value_name = "URL", value_parser = Target::read)]
    url: Option<Target>,
    /// API key with the role admin.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// File with the API key, which other users cannot see in the list of processes.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    key_file: Option<PathBuf>,
    /// File with certificates in PEM form to trust, besides those that browsers trust. For a URL that begins with
    /// https://.
    #[arg(long, value_name = "FILE", requires = "url")]
    ca_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct List {
    forwards: Vec<Forward>,
}

#[derive(Debug, Deserialize)]
struct Forward {
    name: String,
    kind: String,
    host: String,
    dry_run: bool,
    state: String,
    position: u64,
    behind: u64,
    rows: u64,
    refused_rows: u64,
    last_error: Option<String>,
    last_taken: Option<u64>,
    next_try: Option<u64>,
}

/// A name that needs no escape in a path. The server knows which ones there are.
fn name(text: &str) -> Result<String, &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err("expected a name of letters, digits, `-` and `_`")
}

fn place(text: &str) -> Result<String, &'static str> {
    if matches!(text, "start" | "end") || text.parse::<u64>().is_ok() {
        return Ok(text.to_owned());
    }
    Err("expected start, end, or the position of a record")
}

pub(super) fn run(command: &ForwardCommand) -> Result<ExitCode, CommandError> {
    let forwards = match command {
        ForwardCommand::Status(args) => {
            let List { mut forwards } = ask(&args.server, "GET", "/api/v1/forwards")?;
            if let Some(name) = &args.name {
                forwards.retain(|forward| forward.name == *name);
                if forwards.is_empty() {
                    return Err(CommandError::NoSuchForward { name: name.clone() });
                }
            }
            forwards
        }
        ForwardCommand::Run(RunArgs { name, server }) => {
            let path = format!("/api/v1/forwards/{name}/run");
            vec![ask(server, "POST", &path)?]
        }
        ForwardCommand::Reset(ResetArgs { name, to, server }) => {
            let path = format!("/api/v1/forwards/{name}/reset?to={to}");
            vec![ask(server, "POST", &path)?]
        }
    };
    let mut out = io::stdout().lock();
    if forwards.is_empty() {
        writeln!(
            out,
            "nothing is forwarded: the configuration has no [[forward]]"
        )?;
    }
    for forward in &forwards {
        print(&mut out, forward)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(out: &mut impl Write, forward: &Forward) -> io::Result<()> {
    let Forward {
        name,
        kind,
        host,
        state,
        position,
        behind,
        rows,
        refused_rows,
        ..
    } = forward;
    let dry = if forward.dry_run { " (dry run)" } else { "" };
    writeln!(out, "{name}: {kind} at {host}{dry}, {state}")?;
    writeln!(
        out,
        "  {rows} observations taken, {refused_rows} refused; at position {position}, {behind} records behind"
    )?;
    if let Some(at) = forward.last_taken {
        writeln!(out, "  last taken: {}", table::shown(at))?;
    }
    if let Some(at) = forward.next_try {
        writeln!(out, "  goes on: {}", table::shown(at))?;
    }
    if let Some(error) = &forward.last_error {
        writeln!(out, "  last error: {error}")?;
    }
    Ok(())
}

fn ask<T: for<'de> Deserialize<'de>>(
    args: &ServerArgs,
    method: &str,
    path: &str,
) -> Result<T, CommandError> {
    let target = match &args.url {
        Some(target) => target.clone().trusting(args.ca_file.clone()),
        None => Target::of_server(&load(&args.config, Overrides::default())?.server)?,
    };
    let key = match &args.key_file {
        Some(file) => Some(read_key(file)?),
        None => args.key.clone(),
    };
    let server = target.to_string();
    let head = request_head(key.as_deref(), &target, method, path);
    let asked = target.connect(TIMEOUT).and_then(|mut stream| {
        write!(stream, "{head}Content-Length: 0\r\n\r\n")?;
        read_answer(&mut *stream)
    });
    let (status, text) = asked.map_err(|cause| CommandError::NoAnswer {
        server: server.clone(),
        cause,
    })?;
    match serde_json::from_str(&text) {
        Ok(answer) if status == 200 => Ok(answer),
        _ => Err(refused(server, status, &text)),
    }
}
