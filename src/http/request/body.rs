//! Request bodies: read, inflated and taken out of a form, all within bounds.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use percent_encoding::percent_decode;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

/// Memory for bodies is handed out in pieces of this size.
const MEMORY_PIECE_BYTES: usize = 1024;
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
    #[error("too many bodies are being read, try again")]
    NoMemory,
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
    bytes_max: usize,
    timeouts: BodyTimeouts,
    memory: Arc<Semaphore>,
}

/// How long a client may take to send a body.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct BodyTimeouts {
    pub(in crate::http) wanted: Duration,
    /// Of a request that was refused by its head.
    pub(in crate::http) refused: Duration,
}

/// A body in memory, not looked into yet.
#[derive(Debug)]
pub(in crate::http) struct Received {
    bytes: Vec<u8>,
    form: Form,
    gzip: bool,
    bytes_max: usize,
    /// Gives the memory back when the body is done with.
    _memory: OwnedSemaphorePermit,
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
    /// Bodies of at most `bytes_max`, all of them together of at most `all_bytes_max`.
    pub(in crate::http) fn new(
        bytes_max: usize,
        all_bytes_max: usize,
        timeouts: BodyTimeouts,
    ) -> Self {
        let pieces = (all_bytes_max / MEMORY_PIECE_BYTES).min(Semaphore::MAX_PERMITS);
        Self {
            bytes_max,
            timeouts,
            memory: Arc::new(Semaphore::new(pieces)),
        }
    }

    /// Reads the body of `request`, which is JSON or a form.
    pub(in crate::http) async fn receive(&self, request: Request) -> Result<Received, BodyError> {
        let form = form(request.headers())?;
        self.receive_form(request, form).await
    }

    /// Reads the body of `request`, whatever it is called.
    pub(in crate::http) async fn receive_any(
        &self,
        request: Request,
    ) -> Result<Received, BodyError> {
        self.receive_form(request, Form::Guess).await
    }

    async fn receive_form(&self, request: Request, form: Form) -> Result<Received, BodyError> {
        let deadline = Instant::now() + self.timeouts.wanted;
        let gzip = is_gzip(request.headers())?;
        let declared = content_length(request.headers());
        let needed = match declared {
            Some(bytes) if !gzip => bytes.min(self.bytes_max),
            _ => self.bytes_max,
        };
        let pieces = u32::try_from(needed / MEMORY_PIECE_BYTES + 1).unwrap_or(u32::MAX);
        let memory = timeout_at(
            deadline,
            Arc::clone(&self.memory).acquire_many_owned(pieces),
        );
        let Ok(Ok(memory)) = memory.await else {
            return Err(BodyError::NoMemory);
        };
        let body = request.into_body();
        let reading = self.read(body, declared.unwrap_or_default().min(needed));
        let bytes = timeout_at(deadline, reading)
            .await
            .map_err(|_| BodyError::TooSlow)??;
        Ok(Received {
            bytes,
            form,
            gzip,
            bytes_max: self.bytes_max,
            _memory: memory,
        })
    }

    /// Reads the body of a request that was refused: most clients look for the answer only after they have sent it.
    pub(in crate::http) async fn discard(&self, mut body: Body) {
        let discard = async {
            let mut read = 0usize;
            while let Some(Ok(frame)) = body.frame().await {
                read = read.saturating_add(frame.data_ref().map_or(0, bytes::Bytes::len));
                if self.bytes_max < read {
                    return;
                }
            }
        };
        timeout(self.timeouts.refused, discard).await.ok();
    }

    async fn read(&self, mut body: Body, capacity: usize) -> Result<Vec<u8>, BodyError> {
        let mut bytes = Vec::with_capacity(capacity);
        let mut read = 0usize;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| BodyError::BrokenOff)?.into_data() else {
                continue;
            };
            read = read.saturating_add(data.len());
            if read <= self.bytes_max {
                bytes.extend_from_slice(&data);
            } else {
                bytes = Vec::new();
                if self.bytes_max.saturating_mul(DISCARD_FACTOR) < read {
                    break;
                }
            }
        }
        if read <= self.bytes_max {
            Ok(bytes)
        } else {
            Err(BodyError::TooLarge {
                bytes_max: self.bytes_max,
            })
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
            let is_json = match self.form {
                Form::Json => true,
                // curl's -d sends JSON as a form unless told otherwise; no form starts with a brace.
                Form::UrlEncoded | Form::Guess => bytes.trim_ascii_start().first() == Some(&b'{'),
            };
            let from_form = if is_json {
                None
            } else {
                Some(form_variable(bytes, b"json")?)
            };
            let json = from_form.as_deref().unwrap_or(bytes);
            // Editors on Windows put a byte order mark in front of files that scripts then send.
            read(json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json))
        })
    }

    /// Gives the JSON document to `read`.
    pub(in crate::http) fn json<T, E: From<BodyError>>(
        &self,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, E> {
        self.document(|json| read(std::str::from_utf8(json).map_err(|_| BodyError::NotUtf8)?))
    }
}

/// A command document, and the variables beside it.
pub(in crate::http) type Command = (Map<String, Value>, Vec<(String, String)>);

impl Received {
    /// What a read is asked for; an empty body asks for nothing.
    pub(in crate::http) fn command(self) -> Result<Command, BodyError> {
        let inflated = self.inflated()?;
        let bytes = inflated.as_deref().unwrap_or(&self.bytes).trim_ascii();
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
            None => Map::new(),
            Some(at) => document(variables.remove(at).1.as_bytes())?,
        };
        Ok((document, variables))
    }
}

fn document(json: &[u8]) -> Result<Map<String, Value>, BodyError> {
    serde_json::from_slice(json).map_err(|error| BodyError::NotACommand(error.to_string()))
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
    let json = form.get(at + NAME.len()..)?.trim_ascii_start();
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

fn form_text(encoded: &[u8]) -> Vec<u8> {
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
        let [before, json, after] = unescaped_json(br#"page=1&json={"a":1}&b=2"#).unwrap();
        assert_eq!(
            [before, json, after],
            [&b"page=1&"[..], br#"{"a":1}"#, b"&b=2"]
        );
    }
}
