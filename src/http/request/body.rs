//! Request bodies: read, inflated and taken out of a form, all within bounds.

use std::io::Read;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use percent_encoding::percent_decode;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::body_memory::{BodyMemory, HeldMemory, NoRoom};
use super::body_pace::BodyPace;
use super::sender::Sender;
use crate::ingest::kismet::{repair, shown};

/// Room for the beginning of a body that announces its length. The rest follows when this much has arrived.
const FIRST_BYTES: usize = 64 << 10;
/// How long the rest of a body waits for memory that others hold. Others wait for memory too, so it is not long.
const MEMORY_WAIT: Duration = Duration::from_secs(2);
/// A body that is too large is read on for this many times the bound and thrown away, because most clients
/// look for an answer only when they have sent everything.
const DISCARD_FACTOR: usize = 4;

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
pub(in crate::http) enum BodyError {
    #[error("the body is too large, at most {bytes_max} bytes are allowed")]
    TooLarge { bytes_max: usize },
    #[error("the body decompresses to more than {bytes_max} bytes")]
    InflatesTooLarge { bytes_max: usize },
    #[error("Content-Type: expected application/json or application/x-www-form-urlencoded")]
    UnknownType,
    #[error("Content-Encoding: expected gzip or none")]
    UnknownEncoding,
    #[error("the body did not arrive in time")]
    TooSlow,
    #[error(
        "the body arrives too slowly, at least {bytes_per_second_min} bytes a second are expected"
    )]
    BelowRate { bytes_per_second_min: u32 },
    #[error("too many bodies are being read, try again")]
    NoMemory,
    #[error(
        "too many large bodies of this sender are being read, try again when they have arrived"
    )]
    NoMemoryForSender,
    #[error("the body breaks off")]
    BrokenOff,
    #[error("the body is not gzip, or breaks off")]
    BadGzip,
    #[error("the body is not UTF-8")]
    NotUtf8,
    #[error("json: expected an object ({0})")]
    NotACommand(String),
    #[error("the form has no variable json")]
    NoJsonVariable,
    #[error("the form has no variable {0}")]
    NoVariable(&'static str),
}

/// What bounds bodies.
#[derive(Clone, Debug)]
pub(in crate::http) struct Bodies {
    limits: BodyLimits,
    memory: BodyMemory,
}

/// How large bodies may be, and how slow.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct BodyLimits {
    /// One body, as sent and inflated.
    pub(in crate::http) bytes_max: usize,
    /// A command or a form, as sent and inflated.
    pub(in crate::http) command_bytes_max: usize,
    /// All bodies in memory.
    pub(in crate::http) all_bytes_max: usize,
    /// The large bodies of one sender in memory.
    pub(in crate::http) sender_bytes_max: usize,
    /// How long a small body may take, and how long another one may be slower than the rate. See [`BodyPace`].
    pub(in crate::http) timeout: Duration,
    /// The same for a body that nobody needs.
    pub(in crate::http) unwanted_timeout: Duration,
    /// The slowest that a body may arrive, on average. 0 means no limit.
    pub(in crate::http) bytes_per_second_min: u32,
    /// When the average counts.
    pub(in crate::http) rate_after: Duration,
}

/// A body in memory, not looked into yet.
#[derive(Debug)]
pub(in crate::http) struct Received {
    bytes: Vec<u8>,
    form: Form,
    gzip: bool,
    bytes_max: usize,
    /// Gives the memory back when the body is done with.
    _memory: HeldMemory,
}

/// What the client calls its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Form {
    Json,
    UrlEncoded,
    /// Not said.
    Guess,
}

impl Bodies {
    pub(in crate::http) fn new(limits: BodyLimits) -> Self {
        Self {
            limits,
            memory: BodyMemory::new(limits.all_bytes_max, limits.sender_bytes_max),
        }
    }

    /// Reads the body of `request`, which is JSON or a form.
    pub(in crate::http) async fn receive(&self, request: Request) -> Result<Received, BodyError> {
        let form = form(request.headers())?;
        self.receive_form(request, form, self.limits.bytes_max)
            .await
    }

    /// Reads the body of `request`, whatever it is called.
    pub(in crate::http) async fn receive_any(
        &self,
        request: Request,
    ) -> Result<Received, BodyError> {
        self.receive_form(request, Form::Guess, self.limits.bytes_max)
            .await
    }

    /// Reads the body of `request`, which is a command or a form that people fill in.
    pub(in crate::http) async fn receive_command(
        &self,
        request: Request,
    ) -> Result<Received, BodyError> {
        let form = form(request.headers())?;
        let bytes_max = self.limits.command_bytes_max.min(self.limits.bytes_max);
        self.receive_form(request, form, bytes_max).await
    }

    async fn receive_form(
        &self,
        request: Request,
        form: Form,
        bytes_max: usize,
    ) -> Result<Received, BodyError> {
        let gzip = is_gzip(request.headers())?;
        let declared = content_length(request.headers());
        let mut memory = self.memory.hold(Sender::of(request.extensions()));
        let mut body = request.into_body();
        let read = self.read(&mut body, declared, bytes_max, &mut memory);
        let bytes = read.await?;
        Ok(Received {
            bytes,
            form,
            gzip,
            bytes_max,
            _memory: memory,
        })
    }

    /// Reads a body that the answer does not depend on.
    pub(in crate::http) async fn discard(&self, mut body: Body) {
        let discard = async {
            let mut read = 0usize;
            while let Some(Ok(frame)) = body.frame().await {
                read = read.saturating_add(frame.data_ref().map_or(0, Bytes::len));
                if self.limits.bytes_max < read {
                    return;
                }
            }
        };
        timeout(self.limits.unwanted_timeout, discard).await.ok();
    }

    /// Hands the body of `request` to `sink`, piece by piece, as it arrives. Returns its length. Stops when nobody takes
    /// the pieces any more.
    pub(in crate::http) async fn stream(
        &self,
        request: Request,
        bytes_max: usize,
        sink: &mpsc::Sender<Bytes>,
    ) -> Result<usize, BodyError> {
        let declared = content_length(request.headers());
        if declared.is_some_and(|declared| bytes_max < declared) {
            return Err(BodyError::TooLarge { bytes_max });
        }
        let mut body = request.into_body();
        let mut pace = BodyPace::new(self.limits, declared, Instant::now());
        let mut read = 0usize;
        loop {
            let (due, too_slow) = pace.due(read);
            let Ok(frame) = timeout_at(due, body.frame()).await else {
                return Err(too_slow);
            };
            let Some(frame) = frame else {
                return Ok(read);
            };
            let Ok(data) = frame.map_err(|_| BodyError::BrokenOff)?.into_data() else {
                continue;
            };
            read = read.saturating_add(data.len());
            if bytes_max < read {
                return Err(BodyError::TooLarge { bytes_max });
            }
            let arrived_at = Instant::now();
            if sink.send(data).await.is_err() {
                return Ok(read);
            }
            // The client is not slow while it waits for the server.
            pace.arrived(read, arrived_at.elapsed(), Instant::now());
        }
    }

    async fn read(
        &self,
        body: &mut Body,
        declared: Option<usize>,
        bytes_max: usize,
        memory: &mut HeldMemory,
    ) -> Result<Vec<u8>, BodyError> {
        let mut pace = BodyPace::new(self.limits, declared, Instant::now());
        let declared = declared.unwrap_or_default().min(bytes_max);
        let mut bytes = Vec::with_capacity(declared.min(FIRST_BYTES));
        let mut read = 0usize;
        loop {
            let (due, too_slow) = pace.due(read);
            let Ok(frame) = timeout_at(due, body.frame()).await else {
                return Err(too_slow);
            };
            let Some(frame) = frame else {
                break;
            };
            let Ok(data) = frame.map_err(|_| BodyError::BrokenOff)?.into_data() else {
                continue;
            };
            let is_first = read == 0;
            read = read.saturating_add(data.len());
            let arrived_at = Instant::now();
            if read <= bytes_max {
                // Who holds nothing yet may wait: it keeps nobody from going on.
                let wait = if is_first {
                    self.limits.timeout
                } else {
                    self.limits.timeout.min(MEMORY_WAIT)
                };
                memory
                    .grow_to(read, arrived_at + wait)
                    .await
                    .map_err(|no_room| match no_room {
                        NoRoom::InAll => BodyError::NoMemory,
                        NoRoom::OfSender => BodyError::NoMemoryForSender,
                    })?;
                if bytes.capacity() < read {
                    bytes.reserve(data.len().max(declared.saturating_sub(bytes.len())));
                }
                bytes.extend_from_slice(&data);
            } else {
                bytes = Vec::new();
                memory.release();
                if bytes_max.saturating_mul(DISCARD_FACTOR) < read {
                    break;
                }
            }
            // The client is not slow while it waits for the server.
            pace.arrived(read, arrived_at.elapsed(), Instant::now());
        }
        if read <= bytes_max {
            Ok(bytes)
        } else {
            Err(BodyError::TooLarge { bytes_max })
        }
    }
}

impl Received {
    /// The body without its compression, if it has one.
    fn inflated(&self) -> Result<Option<Vec<u8>>, BodyError> {
        let inflate = || inflate(&self.bytes, self.bytes_max);
        self.gzip.then(inflate).transpose()
    }

    /// Whether looking into it takes long enough to do it away from the threads that serve connections.
    pub(in crate::http) fn is_heavy(&self) -> bool {
        const LIGHT_BYTES_MAX: usize = 64 * 1024;
        self.gzip || LIGHT_BYTES_MAX < self.bytes.len()
    }

    /// The same for a command. Patterns are compiled, which takes long even if they are short.
    pub(in crate::http) fn is_heavy_command(&self) -> bool {
        const LIGHT_BYTES_MAX: usize = 4096;
        const PATTERNS: &[u8] = b"regex";
        self.gzip
            || LIGHT_BYTES_MAX < self.bytes.len()
            || self
                .bytes
                .windows(PATTERNS.len())
                .any(|part| part == PATTERNS)
    }

    /// Gives the octets of the body to `read`, without their compression.
    pub(in crate::http) fn octets<T, E: From<BodyError>>(
        &self,
        read: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<T, E> {
        let inflated = self.inflated()?;
        read(inflated.as_deref().unwrap_or(&self.bytes))
    }

    /// Gives the octets of the JSON document to `read`. They may be no UTF-8, and no JSON either.
    pub(in crate::http) fn document<T, E: From<BodyError>>(
        &self,
        read: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<T, E> {
        self.octets(|bytes| {
            // Editors on Windows put a byte order mark in front of files that scripts then send.
            let bytes = without_mark(bytes);
            let is_json = match self.form {
                Form::Json => true,
                // curl's -d sends JSON as a form unless told otherwise; no form starts with a brace.
                Form::UrlEncoded | Form::Guess => bytes.trim_ascii_start().first() == Some(&b'{'),
            };
            if is_json {
                return read(bytes);
            }
            read(without_mark(&form_variable(bytes, b"json")?))
        })
    }

    /// Parses the JSON document. `wrong` tells why it cannot be parsed.
    pub(in crate::http) fn json<T: DeserializeOwned, E: From<BodyError>>(
        &self,
        wrong: impl FnOnce(serde_json::Error) -> E,
    ) -> Result<T, E> {
        self.document(|json| parse(json).map_err(wrong))
    }
}

impl Received {
    /// Parses the body as the command of a read. Returns the command and the other variables of the form. An empty body
    /// is an empty command.
    pub(in crate::http) fn command<T: DeserializeOwned + Default>(
        self,
    ) -> Result<(T, Vec<(String, String)>), BodyError> {
        let inflated = self.inflated()?;
        let bytes = without_mark(inflated.as_deref().unwrap_or(&self.bytes)).trim_ascii();
        if bytes.first() == Some(&b'{') || (self.form == Form::Json && !bytes.is_empty()) {
            return Ok((document(bytes)?, Vec::new()));
        }
        if let Some([before, json, after]) = unescaped_json(bytes) {
            let variables = form_urlencoded::parse(before).chain(form_urlencoded::parse(after));
            let owned = variables.map(|(name, value)| (name.into_owned(), value.into_owned()));
            return Ok((document(json)?, owned.collect()));
        }
        let mut variables: Vec<(String, String)> =
            form_urlencoded::parse(bytes).into_owned().collect();
        let document = match variables.iter().position(|(name, _)| name == "json") {
            None => T::default(),
            Some(at) => {
                variables.remove(at);
                // Its octets: the variables are UTF-8 already, with other characters for what was none.
                document(without_mark(&form_variable(bytes, b"json")?))?
            }
        };
        Ok((document, variables))
    }
}

/// Serde would read an array as the fields of a struct in their order.
fn document<T: DeserializeOwned>(json: &[u8]) -> Result<T, BodyError> {
    if json.trim_ascii_start().first() == Some(&b'[') {
        return Err(BodyError::NotACommand("it is an array".to_owned()));
    }
    parse(json).map_err(|error| BodyError::NotACommand(error.to_string()))
}

/// Parses a document. One that is almost JSON is repaired, as a scan report is: clients write both with the same code.
fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_json::Error> {
    let broken = match serde_json::from_slice(json) {
        Ok(read) => return Ok(read),
        Err(broken) => broken,
    };
    let repaired = repair(json).and_then(|repaired| serde_json::from_str(&repaired).ok());
    match repaired {
        None => Err(broken),
        Some(mut document) => {
            show_octets(&mut document);
            serde_json::from_value(document)
        }
    }
}

/// Writes octets that are no UTF-8 as `\xNN` in each text of a repaired document.
fn show_octets(value: &mut Value) {
    match value {
        Value::String(text) => *text = shown(text),
        Value::Array(items) => items.iter_mut().for_each(show_octets),
        Value::Object(fields) => fields.values_mut().for_each(show_octets),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

impl Received {
    /// The text of a form's variable.
    pub(in crate::http) fn variable(&self, name: &'static str) -> Result<String, BodyError> {
        let value = form_variable(&self.bytes, name.as_bytes());
        let value = value.map_err(|_| BodyError::NoVariable(name))?;
        String::from_utf8(value).map_err(|_| BodyError::NotUtf8)
    }
}

fn form(headers: &HeaderMap) -> Result<Form, BodyError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(Form::Guess);
    };
    let text = value.to_str().map_err(|_| BodyError::UnknownType)?;
    let essence = text
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match essence.as_str() {
        "" => Ok(Form::Guess),
        "application/json" => Ok(Form::Json),
        "application/x-www-form-urlencoded" => Ok(Form::UrlEncoded),
        essence if essence.starts_with("application/") && essence.ends_with("+json") => {
            Ok(Form::Json)
        }
        _ => Err(BodyError::UnknownType),
    }
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, BodyError> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else {
        return Ok(false);
    };
    match value
        .to_str()
        .map(|text| text.trim().to_ascii_lowercase())
        .as_deref()
    {
        Ok("" | "identity") => Ok(false),
        Ok("gzip" | "x-gzip") => Ok(true),
        _ => Err(BodyError::UnknownEncoding),
    }
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// The one place that inflates, and it stops at the bound.
#[expect(
    clippy::disallowed_types,
    reason = "this is the wrapper that bounds it"
)]
fn inflate(gzip: &[u8], bytes_max: usize) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    let one_more = u64::try_from(bytes_max)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut inflater = flate2::read::MultiGzDecoder::new(gzip).take(one_more);
    inflater
        .read_to_end(&mut bytes)
        .map_err(|_| BodyError::BadGzip)?;
    if bytes_max < bytes.len() {
        Err(BodyError::InflatesTooLarge { bytes_max })
    } else {
        Ok(bytes)
    }
}

/// The variable's value. Split first and decoded then, so that an encoded `&` stays in its value.
fn form_variable(form: &[u8], name: &[u8]) -> Result<Vec<u8>, BodyError> {
    if let (Some([_, json, _]), b"json") = (unescaped_json(form), name) {
        return Ok(json.to_vec());
    }
    let pairs = form.split(|&byte| byte == b'&').map(|pair| {
        let mut halves = pair.splitn(2, |&byte| byte == b'=');
        (
            halves.next().unwrap_or_default(),
            halves.next().unwrap_or_default(),
        )
    });
    let mut wanted = pairs.filter(|(key, _)| form_text(key) == name);
    wanted
        .next()
        .map(|(_, value)| form_text(value))
        .ok_or(BodyError::NoJsonVariable)
}

/// The document of a form `json={"…` that is not escaped, as Kismet's documentation sends it, between the variables
/// before and behind it. It ends where its JSON ends. An escaped document has no quote behind its brace.
fn unescaped_json(form: &[u8]) -> Option<[&[u8]; 3]> {
    const NAME: &[u8] = b"json=";
    let mut starts = form.windows(NAME.len()).enumerate();
    let (at, _) = starts.find(|&(at, window)| {
        let is_first = at == 0 || form.get(at - 1) == Some(&b'&');
        is_first && window == NAME
    })?;
    let json = without_mark(form.get(at + NAME.len()..)?).trim_ascii_start();
    let inside = json.strip_prefix(b"{")?;
    if !matches!(inside.trim_ascii_start(), [b'"' | b'}', ..]) {
        return None;
    }
    let mut values = serde_json::Deserializer::from_slice(json).into_iter::<IgnoredAny>();
    // JSON that is broken may be repaired later, as far as it goes.
    let end = match values.next() {
        Some(Ok(_)) => values.byte_offset(),
        _ => json.len(),
    };
    let (json, after) = json.split_at_checked(end)?;
    Some([form.get(..at)?, json, after])
}

/// The octets of a name or a value of a form.
pub(super) fn form_text(encoded: &[u8]) -> Vec<u8> {
    let blanks: Vec<u8> = encoded
        .iter()
        .map(|&byte| if byte == b'+' { b' ' } else { byte })
        .collect();
    percent_decode(&blanks).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_split_before_it_is_decoded() {
        let form = b"page=1&json=%7B%22ssid%22%3A%22AT%26T+%2B%22%7D&length=2";
        assert_eq!(
            form_variable(form, b"json").unwrap(),
            br#"{"ssid":"AT&T +"}"#
        );
        assert!(matches!(
            form_variable(b"a=b", b"json"),
            Err(BodyError::NoJsonVariable)
        ));
        assert_eq!(form_variable(b"json=%zz%4", b"json").unwrap(), b"%zz%4");
    }

    #[test]
    fn a_command_is_repaired_as_a_report_is() {
        let text = |json: &[u8]| parse::<Value>(json).ok().map(|read| read["a"].clone());
        for (json, expected) in [
            (&b"{\"a\":\"T\xfcr\"}"[..], "T\\xFCr"),
            (b"{\"a\":\"T\xc3\xbcr\"}\0", "T\u{fc}r"),
            (b"{\"a\":\"a\x01\tb\"}", "a\u{1}\tb"),
            (b"{\"a\":\"cut \\ud83d\",}", "cut \u{fffd}"),
            (b"{\"a\":\"\xf4\x8f\xb8\xa9\xff\"}", "\u{10fe29}\\xFF"),
        ] {
            assert_eq!(text(json), Some(expected.into()), "{}", json.escape_ascii());
        }
        for json in [&b""[..], b"{\"a\":[", b"\xff", b"{\"a\":\"b\"} c"] {
            assert_eq!(text(json), None, "{}", json.escape_ascii());
        }
    }

    #[test]
    fn a_document_that_is_not_escaped_is_taken_as_it_is() {
        for form in [
            r#"json={"ssid":"B&B Guest + 50%25"}"#,
            r#"page=1&json={"ssid":"B&B Guest + 50%25"}"#,
            r#"json={"ssid":"B&B Guest + 50%25"}&page=1"#,
        ] {
            assert_eq!(
                form_variable(form.as_bytes(), b"json").unwrap(),
                br#"{"ssid":"B&B Guest + 50%25"}"#
            );
        }
        assert_eq!(
            form_variable(b"json={%22a%22:1}&b=2", b"json").unwrap(),
            br#"{"a":1}"#
        );
        assert_eq!(
            form_variable(b"page=1&json=\xef\xbb\xbf{\"a\":\"B&B\"}", b"json").unwrap(),
            br#"{"a":"B&B"}"#
        );
        let [before, json, after] = unescaped_json(br#"page=1&json={"a":1}&b=2"#).unwrap();
        assert_eq!(
            [before, json, after],
            [&b"page=1&"[..], br#"{"a":1}"#, b"&b=2"]
        );
    }
}
