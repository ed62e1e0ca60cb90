//! `scanpost import`: sends files to a server that runs, or opens a data directory that no server uses.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use scanpost::config::{AuthMode, Config, Listen, Overrides};
use scanpost::log::{LogError, LogReader};
use scanpost::{Listeners, ServeError, StartOptions};
use serde::Deserialize;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::client::Target;
use super::{CommandError, ConfigArgs, EXIT_FAILED, load, print_error, with_causes};

/// Longest time to wait for the server while bytes are sent, and for its answer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(300);
/// How often to ask for the state of an import, and to show progress.
pub(super) const ASK_INTERVAL: Duration = Duration::from_millis(300);
/// How long a server may take to read its log.
const START_PATIENCE: Duration = Duration::from_secs(3600);
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// Between the parts of the form. A file would have to contain this line to be misread.
const BOUNDARY: &str = "scanpost-import-6b0e3f1c9d2a4857";
/// For each file, at most this many refused rows are printed.
const REFUSALS_SHOWN: usize = 10;

/// What the server says of an import.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    id: String,
    state: String,
    files_total: u64,
    files: Vec<FileAnswer>,
    error: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FileAnswer {
    name: String,
    form: Option<String>,
    duplicate: bool,
    rows: u64,
    taken: u64,
    duplicates: u64,
    without_place: u64,
    without_time: u64,
    other: u64,
    refused: u64,
    refusals: Vec<Refusal>,
    notes: Vec<String>,
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    line: u64,
    reason: String,
}

/// The text of an error.
#[derive(Debug, Deserialize)]
struct Failure {
    status: String,
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Files of one import, which may belong together, such as a log and its track. `-` is the standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Name of the source. Files with one name are of one source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Zone of times that a file writes without one, such as `Europe/Berlin` or `+02:00`.
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    tz: Option<String>,
    /// Time of a capture without a clock: seconds since 1970, or like `2026-01-31T12:00:00Z`.
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
    /// Seconds to add to the times of rows before a track is searched.
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    track: Option<i64>,
    /// Changes nothing, and prints what would become of the rows.
    #[arg(long)]
    dry_run: bool,
    /// Address of the server, instead of the first one of `server.listen`.
    #[arg(long, value_name = "URL", value_parser = Target::read)]
    url: Option<Target>,
    /// API key with the role scanreport or admin.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// File with the API key, which other users cannot see in the list of processes.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    key_file: Option<PathBuf>,
    /// File with certificates in PEM form to trust, besides those that browsers trust. For a URL that begins with
    /// https://.
    #[arg(long, value_name = "FILE", requires = "url")]
    ca_file: Option<PathBuf>,
    /// Imports into this data directory, which no server may use, instead of a server.
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    data_dir: Option<PathBuf>,
}

pub(super) fn run(mut args: ImportArgs) -> Result<ExitCode, CommandError> {
    if let Some(file) = &args.key_file {
        args.key = Some(read_key(file)?);
    }
    let args = &args;
    let Some(data_dir) = &args.data_dir else {
        let target = match &args.url {
            Some(target) => target.clone().trusting(args.ca_file.clone()),
            None => Target::of_server(&load(&args.config, Overrides::default())?.server)?,
        };
        return import(args, &target);
    };
    let flags = Overrides {
        data_dir: Some(data_dir.clone()),
        ..Overrides::default()
    };
    let config = load(&args.config, flags)?;
    with_own_server(config, |target| import(args, target))
}

/// The key in a file. Blanks and line ends around it do not count.
pub(super) fn read_key(file: &Path) -> Result<String, CommandError> {
    let failed = |cause| CommandError::ReadFile {
        file: file.to_owned(),
        cause,
    };
    let text = std::fs::read_to_string(file).map_err(failed)?;
    let key = text.trim();
    if key.is_empty() || key.contains(char::is_whitespace) {
        let reason = "expected one API key";
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, reason)));
    }
    Ok(key.to_owned())
}

/// Runs a server on the data directory for the time of a command. Only this user reaches its socket.
pub(super) fn with_own_server(
    mut config: Config,
    work: impl FnOnce(&Target) -> Result<ExitCode, CommandError>,
) -> Result<ExitCode, CommandError> {
    let data = config.server.data_dir()?;
    let socket = std::env::temp_dir().join(format!("scanpost-import-{}", std::process::id()));
    let failed = |error: &dyn std::error::Error| CommandError::Serve(with_causes(error));
    let listen = format!("unix:{}", socket.display()).parse::<Listen>();
    config.server.listen = listen.map_err(|error| failed(&error))?;
    "0600".clone_into(&mut config.server.unix_socket_mode);
    config.auth.mode = AuthMode::Off;
    config.import.folder = PathBuf::new();
    // A missing directory is more often a mistake than a wish.
    LogReader::open(&data)?;
    let runtime = Runtime::new()?;
    let listeners = runtime.block_on(Listeners::bind(&config.server));
    let listeners = listeners.map_err(|error| failed(&error))?;
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async {
        stopped.await.ok();
    };
    let options = StartOptions {
        sends_nothing: true,
        ..StartOptions::default()
    };
    let serving = runtime.spawn(scanpost::serve_with(listeners, config, options, shutdown));
    let result = work(&Target::of_socket(socket));
    drop(stop);
    match runtime.block_on(serving) {
        Ok(Ok(())) => result,
        Ok(Err(ServeError::Log(LogError::InUse { .. }))) => Err(CommandError::DataInUse),
        Ok(Err(error)) => Err(failed(&error)),
        Err(error) => Err(failed(&error)),
    }
}

fn import(args: &ImportArgs, target: &Target) -> Result<ExitCode, CommandError> {
    wait_until_ready(args.key.as_deref(), target)?;
    let mut answer = send(args, target)?;
    let mut shown = Progress::new();
    while matches!(answer.state.as_str(), "waiting" | "running") {
        shown.rows(&answer);
        thread::sleep(ASK_INTERVAL);
        answer = get(args, target, &format!("/api/v1/imports/{}", answer.id))?;
    }
    shown.end();
    print(&answer)?;
    Ok(match answer.state.as_str() {
        "done" => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_FAILED),
    })
}

/// Waits while the server reads its log. Nothing is sent before, because standard input can be sent only once.
pub(super) fn wait_until_ready(key: Option<&str>, target: &Target) -> Result<(), CommandError> {
    let began = Instant::now();
    // A server that this command has started listens, and answers as soon as it serves.
    while began.elapsed() < START_PATIENCE {
        let head = request_head(key, target, "GET", "/readyz");
        let asked = target.connect(TIMEOUT).and_then(|mut stream| {
            write!(stream, "{head}\r\n")?;
            read_answer(&mut stream)
        });
        match asked {
            Ok((503, text)) if text.contains("starting") => thread::sleep(ASK_INTERVAL),
            Ok(_) => return Ok(()),
            Err(cause) => {
                let server = target.to_string();
                return Err(CommandError::NoAnswer { server, cause });
            }
        }
    }
    Ok(())
}

/// The head of a request, without its last line.
pub(super) fn request_head(key: Option<&str>, target: &Target, method: &str, path: &str) -> String {
    let (prefix, host) = (target.prefix(), target.host());
    let mut head =
        format!("{method} {prefix}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    if let Some(key) = key {
        head.push_str("Authorization: Bearer ");
        head.push_str(key);
        head.push_str("\r\n");
    }
    head
}

fn get(args: &ImportArgs, target: &Target, path: &str) -> Result<Answer, CommandError> {
    let server = target.to_string();
    let head = request_head(args.key.as_deref(), target, "GET", path);
    let asked = target.connect(TIMEOUT).and_then(|mut stream| {
        write!(stream, "{head}\r\n")?;
        read_answer(&mut stream)
    });
    let (status, text) = asked.map_err(|cause| CommandError::NoAnswer {
        server: server.clone(),
        cause,
    })?;
    understood(server, status, &text)
}

/// The JSON of an answer. An error has a text for people.
fn understood(server: String, status: u16, text: &str) -> Result<Answer, CommandError> {
    if matches!(status, 200 | 202)
        && let Ok(answer) = serde_json::from_str(text)
    {
        return Ok(answer);
    }
    Err(refused(server, status, text))
}

/// An answer that is an error, with its text for people.
pub(super) fn refused(server: String, status: u16, text: &str) -> CommandError {
    let failure = serde_json::from_str::<Failure>(text);
    let said = failure.map_or_else(|_| text.trim().to_owned(), |failure| failure.status);
    let text = format!("{said} ({status})");
    CommandError::Refused { server, text }
}

/// Sends the files as one form, in chunks.
fn send(args: &ImportArgs, target: &Target) -> Result<Answer, CommandError> {
    let server = target.to_string();
    let no_answer = |cause: io::Error| CommandError::NoAnswer {
        server: target.to_string(),
        cause,
    };
    let mut stream = target.connect(TIMEOUT).map_err(no_answer)?;
    let head = request_head(args.key.as_deref(), target, "POST", "/api/v1/imports");
    let head = format!(
        "{head}Transfer-Encoding: chunked\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    );
    let mut form = Chunked(&mut *stream);
    let mut shown = Progress::new();
    let written = form
        .0
        .write_all(head.as_bytes())
        .map_err(Sending::Server)
        .and_then(|()| write_form(args, &mut form, &mut shown));
    shown.end();
    match written {
        Ok(()) => {}
        Err(Sending::File(file, cause)) => return Err(CommandError::ReadFile { file, cause }),
        // A server that refuses the upload answers, and closes.
        Err(Sending::Server(cause)) => {
            let (status, text) = read_answer(&mut *stream).map_err(|_| no_answer(cause))?;
            return understood(server, status, &text);
        }
    }
    let (status, text) = read_answer(&mut *stream).map_err(no_answer)?;
    understood(server, status, &text)
}

/// Why a form was not sent.
enum Sending {
    File(PathBuf, io::Error),
    Server(io::Error),
}

impl From<io::Error> for Sending {
    fn from(error: io::Error) -> Self {
        Self::Server(error)
    }
}

fn write_form(
    args: &ImportArgs,
    form: &mut Chunked<'_>,
    shown: &mut Progress,
) -> Result<(), Sending> {
    let track = args.track.map(|seconds| seconds.to_string());
    let fields = [
        ("source", args.source.as_deref()),
        ("tz", args.tz.as_deref()),
        ("time", args.time.as_deref()),
        ("track", track.as_deref()),
        ("dry_run", args.dry_run.then_some("true")),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            let part = format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
            form.write(part.as_bytes())?;
        }
    }
    for path in &args.files {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.replace(['"', '\r', '\n', '\\'], "_");
        let part = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
        );
        let of_file = |error| Sending::File(path.clone(), error);
        let mut file = open(path).map_err(of_file)?;
        form.write(part.as_bytes())?;
        let mut piece = vec![0; 128 << 10];
        loop {
            let read = file.read(&mut piece).map_err(of_file)?;
            if read == 0 {
                break;
            }
            form.write(piece.get(..read).unwrap_or_default())?;
            shown.bytes(read);
        }
        form.write(b"\r\n")?;
    }
    form.write(format!("--{BOUNDARY}--\r\n").as_bytes())?;
    Ok(form.finish()?)
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    if path == Path::new("-") {
        Ok(Box::new(io::stdin()))
    } else {
        Ok(Box::new(File::open(path)?))
    }
}

/// A body in chunks (RFC 9112, 7.1).
struct Chunked<'s>(&'s mut dyn super::client::Connection);

impl Chunked<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        write!(self.0, "{:x}\r\n", bytes.len())?;
        self.0.write_all(bytes)?;
        self.0.write_all(b"\r\n")
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.write_all(b"0\r\n\r\n")?;
        self.0.flush()
    }
}

/// The status and the body of an answer, after which the server closes the connection.
pub(super) fn read_answer(stream: &mut dyn Read) -> io::Result<(u16, String)> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "not an answer of HTTP");
    let mut answer = Vec::new();
    match stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer) {
        // Some proxies do not end TLS properly. Whether the answer is whole, its length shows.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
        read => drop(read?),
    }
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let end = end.ok_or_else(broken)?;
    let (head, body) = answer.split_at_checked(end + 4).ok_or_else(broken)?;
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let body = if head.contains("transfer-encoding: chunked") {
        unchunked(body).ok_or_else(broken)?
    } else {
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"));
        let length: Option<usize> = length.and_then(|length| length.trim().parse().ok());
        if length.is_some_and(|length| body.len() < length) {
            return Err(broken());
        }
        body.to_vec()
    };
    let text = String::from_utf8_lossy(&body).into_owned();
    Ok((status.ok_or_else(broken)?, text))
}

fn unchunked(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|bytes| bytes == b"\r\n")?;
        let size = std::str::from_utf8(body.get(..end)?).ok()?;
        let size = size.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        let chunk_at = end + 2;
        whole.extend_from_slice(body.get(chunk_at..chunk_at.checked_add(size)?)?);
        body = body.get(chunk_at + size + 2..)?;
    }
}

/// A line on a terminal that changes.
struct Progress {
    is_shown: bool,
    bytes: usize,
    last: Option<Instant>,
}

impl Progress {
    fn new() -> Self {
        Self {
            is_shown: io::stderr().is_terminal(),
            bytes: 0,
            last: None,
        }
    }

    fn bytes(&mut self, more: usize) {
        self.bytes += more;
        let is_soon = self.last.is_some_and(|last| last.elapsed() < ASK_INTERVAL);
        if !is_soon {
            self.last = Some(Instant::now());
            self.line(&format!("sent {} KiB", self.bytes >> 10));
        }
    }

    fn rows(&mut self, answer: &Answer) {
        let rows: u64 = answer.files.iter().map(|file| file.rows).sum();
        let (file, total) = (answer.files.len(), answer.files_total);
        self.line(&format!("read {rows} rows, file {file} of {total}"));
    }

    fn line(&self, text: &str) {
        if self.is_shown {
            write!(io::stderr(), "\r{text:<60}").ok();
        }
    }

    fn end(&self) {
        if self.is_shown {
            write!(io::stderr(), "\r{:<60}\r", "").ok();
        }
    }
}

/// Prints the account, a file a line.
fn print(answer: &Answer) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for file in &answer.files {
        let FileAnswer {
            name,
            rows,
            taken,
            duplicates,
            other,
            refused,
            without_place,
            without_time,
            ..
        } = file;
        let form = file.form.as_deref().unwrap_or("unknown");
        let before = if file.duplicate {
            ", imported before"
        } else {
            ""
        };
        writeln!(
            out,
            "{name}: {form}{before}: {rows} rows: {taken} taken, {duplicates} duplicates, {other} other, {refused} refused; \
             {without_place} without place, {without_time} without time"
        )?;
        if let Some(error) = &file.error {
            print_error(&format!("{name}: {error}"));
        }
        for note in &file.notes {
            writeln!(out, "  {note}")?;
        }
        for Refusal { line, reason } in file.refusals.iter().take(REFUSALS_SHOWN) {
            writeln!(out, "  line {line}: {reason}")?;
        }
    }
    if let Some(error) = &answer.error {
        print_error(error);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_whole_or_in_chunks() {
        let whole = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}";
        let chunked =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n";
        assert_eq!(
            read_answer(&mut whole.as_slice()).unwrap(),
            (202, "{}".to_owned())
        );
        assert_eq!(
            read_answer(&mut chunked.as_slice()).unwrap(),
            (200, "{}".to_owned())
        );
        for cut in 0..40 {
            assert!(read_answer(&mut &chunked[..cut]).is_err(), "{cut}");
        }
    }
}
