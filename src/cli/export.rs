//! `scanpost export`: takes a file from a server that runs, or from a data directory that no server uses.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use scanpost::config::Overrides;

use super::client::Target;
use super::import::{
    ASK_INTERVAL, TIMEOUT, refused, request_head, wait_until_ready, with_own_server,
};
use super::{CommandError, ConfigArgs, load};

/// Longest line of the head of an answer.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// Longest text of an error.
const ERROR_BYTES_MAX: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Form of the file, such as csv, geojson, wiglecsv or kml.
    #[arg(value_name = "FORM")]
    form: String,
    /// File to write. If its name ends in `.gz`, it is compressed. `-` is the standard output.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    filters: Filters,
    /// Address of the server, instead of the first one of `server.listen`.
    #[arg(long, value_name = "URL", value_parser = Target::read)]
    url: Option<Target>,
    /// API key with the role readonly or admin.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Exports from this data directory, which no server may use, instead of a server.
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    data_dir: Option<PathBuf>,
}

/// What the file is to be like. The server checks the values.
#[derive(Debug, Args)]
struct Options {
    /// What a row is: device or observation.
    #[arg(long, value_name = "ROW")]
    per: Option<String>,
    /// Place of a device: strongest, mean or last.
    #[arg(long, value_name = "PLACE")]
    place: Option<String>,
    /// `nomap`: devices whose owners opted out are in the file too.
    #[arg(long, value_name = "WHAT")]
    include: Option<String>,
    /// What the file has aliases for: all, or a list of addresses, names and `places:METRES`.
    #[arg(long, value_name = "WHAT")]
    redact: Option<String>,
    /// Version of wiglecsv: 1.6 or 1.4; of kismetdb: 9 or 10.
    #[arg(long, value_name = "VERSION")]
    form_version: Option<String>,
    /// Texts of csv: guarded or raw.
    #[arg(long, value_name = "HOW")]
    texts: Option<String>,
    /// Begins csv with a byte order mark, for Excel.
    #[arg(long)]
    bom: bool,
    /// Puts the character 0x1E before each feature of geojsonseq.
    #[arg(long)]
    rs: bool,
    /// Tracks of the scanners in gpx: true (the default) or false.
    #[arg(long, value_name = "BOOL")]
    tracks: Option<String>,
    /// Devices of kismetdb: whole (the default), or minimal, which has only what tools ask for.
    #[arg(long, value_name = "HOW")]
    devices: Option<String>,
    /// Circle whose places are left out: `lat,lon,radius_m`. May be given several times.
    #[arg(long, value_name = "CIRCLE", allow_hyphen_values = true)]
    exclude: Vec<String>,
    /// Most rows of a part. The parts are in a zip archive.
    #[arg(long, value_name = "ROWS")]
    rows_max: Option<String>,
    /// Most bytes of a part, before it is packed.
    #[arg(long, value_name = "BYTES")]
    bytes_max: Option<String>,
}

/// Filters of devices, as the list of devices has them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
struct Filters {
    /// wifi or bluetooth.
    #[arg(long, value_name = "PHY")]
    phy: Option<String>,
    /// Name of a network.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    ssid: Option<String>,
    /// Part of the name of a network.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    ssid_contains: Option<String>,
    /// Leaves out devices with this name. May be given several times.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    name_not: Vec<String>,
    /// First hex digits of addresses.
    #[arg(long, value_name = "PREFIX")]
    address_prefix: Option<String>,
    /// Parts of names of manufacturers.
    #[arg(long, value_name = "NAMES")]
    manufacturer: Option<String>,
    /// UUIDs or names of scanners.
    #[arg(long, value_name = "SOURCES")]
    source: Option<String>,
    /// Classes of security, such as open or wpa2-personal.
    #[arg(long, value_name = "CLASSES")]
    security: Option<String>,
    /// Channels.
    #[arg(long, value_name = "CHANNELS")]
    channel: Option<String>,
    /// Bands in GHz: 2.4, 5, 6 or 60.
    #[arg(long, value_name = "BANDS")]
    band: Option<String>,
    /// Least signal in dBm.
    #[arg(long, value_name = "DBM", allow_hyphen_values = true)]
    signal_min_dbm: Option<String>,
    /// Earliest time: seconds since 1970, or like `2026-01-31T12:00:00Z`.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Latest time.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Area: `lat_min,lon_min,lat_max,lon_max`.
    #[arg(long, value_name = "AREA", allow_hyphen_values = true)]
    bbox: Option<String>,
    /// Circle: `lat,lon,radius_m`.
    #[arg(long, value_name = "CIRCLE", allow_hyphen_values = true)]
    near: Option<String>,
    /// Whether there is a position: true or false.
    #[arg(long, value_name = "ANSWER")]
    with_position: Option<String>,
}

pub(super) fn run(args: &ExportArgs) -> Result<ExitCode, CommandError> {
    let Some(data_dir) = &args.data_dir else {
        let target = match &args.url {
            Some(target) => target.clone(),
            None => Target::of_server(&load(&args.config, Overrides::default())?.server)?,
        };
        return export(args, &target);
    };
    let flags = Overrides {
        data_dir: Some(data_dir.clone()),
        ..Overrides::default()
    };
    let config = load(&args.config, flags)?;
    with_own_server(config, |target| export(args, target))
}

fn export(args: &ExportArgs, target: &Target) -> Result<ExitCode, CommandError> {
    let key = args.key.as_deref();
    wait_until_ready(key, target)?;
    let server = target.to_string();
    let path = path_of(args);
    let head = request_head(key, target, "GET", &path);
    let is_packed = args.output.extension().is_some_and(|end| end == "gz");
    let encoding = if is_packed { "gzip" } else { "identity" };
    let asked = target.connect(TIMEOUT).and_then(|mut stream| {
        write!(stream, "{head}Accept-Encoding: {encoding}\r\n\r\n")?;
        let mut stream = BufReader::new(stream);
        Ok((Head::read(&mut stream)?, stream))
    });
    let (head, mut body) = asked.map_err(|cause| CommandError::NoAnswer {
        server: server.clone(),
        cause,
    })?;
    if head.status != 200 {
        let mut text = String::new();
        let mut sink = Vec::new();
        if head
            .copy(&mut body.take(ERROR_BYTES_MAX), &mut sink, &mut |_| {})
            .is_ok()
        {
            text = String::from_utf8_lossy(&sink).into_owned();
        }
        return Err(refused(server, head.status, &text));
    }
    write(args, &head, &mut body, &server)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the file beside its place first, so that a file with its name is complete.
fn write(
    args: &ExportArgs,
    head: &Head,
    body: &mut dyn BufRead,
    server: &str,
) -> Result<(), CommandError> {
    let mut shown = Progress::new();
    let mut copy = |out: &mut dyn Write| {
        let copied = head.copy(body, out, &mut |bytes| shown.bytes(bytes));
        shown.end();
        copied
    };
    let incomplete = |cause| CommandError::Incomplete {
        server: server.to_owned(),
        cause,
    };
    if args.output == Path::new("-") {
        return match copy(&mut io::stdout().lock()) {
            Ok(()) => Ok(()),
            Err(Copying::Server(cause)) => Err(incomplete(cause)),
            Err(Copying::File(cause)) => Err(CommandError::Write(cause)),
        };
    }
    let mut name = args.output.clone().into_os_string();
    name.push(".part");
    let part = PathBuf::from(name);
    let of_file = |cause| CommandError::WriteFile {
        file: args.output.clone(),
        cause,
    };
    let mut file = File::create(&part).map_err(of_file)?;
    let copied = match copy(&mut file) {
        Ok(()) => fs::rename(&part, &args.output).map_err(of_file),
        Err(Copying::Server(cause)) => Err(incomplete(cause)),
        Err(Copying::File(cause)) => Err(of_file(cause)),
    };
    if copied.is_err() {
        fs::remove_file(&part).ok();
    }
    copied
}

fn path_of(args: &ExportArgs) -> String {
    let (options, filters) = (&args.options, &args.filters);
    let flag = |is_on: bool| is_on.then(|| "true".to_owned());
    let all = [
        ("per", options.per.clone()),
        ("place", options.place.clone()),
        ("include", options.include.clone()),
        ("redact", options.redact.clone()),
        ("version", options.form_version.clone()),
        ("texts", options.texts.clone()),
        ("bom", flag(options.bom)),
        ("rs", flag(options.rs)),
        ("tracks", options.tracks.clone()),
        ("devices", options.devices.clone()),
        (
            "exclude",
            (!options.exclude.is_empty()).then(|| options.exclude.join(";")),
        ),
        ("rows_max", options.rows_max.clone()),
        ("bytes_max", options.bytes_max.clone()),
        ("phy", filters.phy.clone()),
        ("ssid", filters.ssid.clone()),
        ("ssid_contains", filters.ssid_contains.clone()),
        ("address_prefix", filters.address_prefix.clone()),
        ("manufacturer", filters.manufacturer.clone()),
        ("source", filters.source.clone()),
        ("security", filters.security.clone()),
        ("channel", filters.channel.clone()),
        ("band", filters.band.clone()),
        ("signal_min_dbm", filters.signal_min_dbm.clone()),
        ("since", filters.since.clone()),
        ("until", filters.until.clone()),
        ("bbox", filters.bbox.clone()),
        ("near", filters.near.clone()),
        ("with_position", filters.with_position.clone()),
    ];
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in all {
        if let Some(value) = value {
            query.append_pair(name, &value);
        }
    }
    for name in &filters.name_not {
        query.append_pair("name_not", name);
    }
    let form: String = form_urlencoded::byte_serialize(args.form.as_bytes()).collect();
    format!("/api/v1/export/{form}?{}", query.finish())
}

/// The head of an answer.
struct Head {
    status: u16,
    /// Absent for a body in chunks.
    length: Option<u64>,
    is_chunked: bool,
}

/// Why a body was not copied.
enum Copying {
    Server(io::Error),
    File(io::Error),
}

impl Head {
    fn read(stream: &mut dyn BufRead) -> io::Result<Self> {
        let first = line(stream)?;
        let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
        let mut head = Self {
            status: status.ok_or_else(|| broken("not an answer of HTTP"))?,
            length: None,
            is_chunked: false,
        };
        loop {
            let line = line(stream)?;
            let Some((name, value)) = line.split_once(':') else {
                return if line.is_empty() {
                    Ok(head)
                } else {
                    Err(broken("not an answer of HTTP"))
                };
            };
            match &*name.to_ascii_lowercase() {
                "content-length" => head.length = value.trim().parse().ok(),
                "transfer-encoding" => head.is_chunked = value.trim() == "chunked",
                _ => {}
            }
        }
    }

    /// Copies the body, and fails if it breaks off.
    fn copy(
        &self,
        stream: &mut dyn BufRead,
        out: &mut dyn Write,
        count: &mut dyn FnMut(usize),
    ) -> Result<(), Copying> {
        if !self.is_chunked {
            let length = self
                .length
                .ok_or_else(|| Copying::Server(broken("the answer does not say how long it is")))?;
            copy_bytes(stream, out, length, count)?;
            return out.flush().map_err(Copying::File);
        }
        loop {
            let size = line(stream).map_err(Copying::Server)?;
            let digits = size.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(digits, 16)
                .map_err(|_| Copying::Server(broken("not a chunk of HTTP")))?;
            copy_bytes(stream, out, size, count)?;
            // The line end behind the chunk, and behind the last one the end of the trailers.
            if !line(stream).map_err(Copying::Server)?.is_empty() {
                return Err(Copying::Server(broken("not a chunk of HTTP")));
            }
            if size == 0 {
                return out.flush().map_err(Copying::File);
            }
        }
    }
}

fn copy_bytes(
    stream: &mut dyn BufRead,
    out: &mut dyn Write,
    mut left: u64,
    count: &mut dyn FnMut(usize),
) -> Result<(), Copying> {
    while 0 < left {
        let buffered = stream.fill_buf().map_err(Copying::Server)?;
        let most = usize::try_from(left).unwrap_or(usize::MAX);
        let Some(piece) = buffered.get(..buffered.len().min(most)) else {
            continue;
        };
        if piece.is_empty() {
            return Err(Copying::Server(io::ErrorKind::UnexpectedEof.into()));
        }
        out.write_all(piece).map_err(Copying::File)?;
        let taken = piece.len();
        count(taken);
        stream.consume(taken);
        left = left.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX));
    }
    Ok(())
}

/// A line, without its end.
fn line(stream: &mut dyn BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    stream.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    let line = line.strip_suffix(b"\r\n");
    let line = line.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    Ok(String::from_utf8_lossy(line).into_owned())
}

fn broken(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
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
        if self.is_shown && !is_soon {
            self.last = Some(Instant::now());
            let text = format!("received {} KiB", self.bytes >> 10);
            write!(io::stderr(), "\r{text:<60}").ok();
        }
    }

    fn end(&self) {
        if self.is_shown {
            write!(io::stderr(), "\r{:<60}\r", "").ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(answer: &[u8]) -> Result<Vec<u8>, &'static str> {
        let mut answer = answer;
        let head = Head::read(&mut answer).map_err(|_| "head")?;
        let mut out = Vec::new();
        match head.copy(&mut answer, &mut out, &mut |_| {}) {
            Ok(()) => Ok(out),
            Err(_) => Err("body"),
        }
    }

    #[test]
    fn a_body_is_complete_or_an_error() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n";
        for answer in [whole.as_slice(), chunked] {
            assert_eq!(copied(answer).unwrap(), b"{}");
            for cut in 0..answer.len() {
                assert!(copied(&answer[..cut]).is_err(), "{cut}");
            }
        }
    }
}
