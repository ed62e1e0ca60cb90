//! The services. Each has a file here, which knows its requests and its answers.

mod geosubmit;
mod scanpost;
mod wardriver;
mod wdgwars;
mod wigle;

use std::io::{self, Write};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::Request;
use hyper::http::{self, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use super::progress::Part;
use super::secrets::Secrets;
use crate::auth::shown_name;
use crate::config::{Forward, ForwardKind};
use crate::export::UploadForm;

/// Longest text of an answer that is kept.
const TEXT_CHARS_MAX: usize = 200;
/// Longest text of an answer in which the key is searched. So much more than is kept, that what is after it would be kept
/// only if nearly all of it were keys.
const SEARCHED_CHARS_MAX: usize = 16 << 10;

pub(super) type Made = http::Result<Request<Full<Bytes>>>;

/// The answer to a request. Services may repeat the key in it: what is shown or kept of it goes through [`Answer::quoted`].
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// How long the service asks to wait.
    pub(super) retry_after: Option<Duration>,
    /// The beginning of the body, as it came.
    pub(super) excerpt: String,
    pub(super) secrets: Secrets,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The part is there.
    Taken,
    /// The service works on it, and calls the work so.
    Job(String),
    /// The service works on it still.
    Working,
    /// The part did not arrive.
    Missing,
    /// The part has to be smaller.
    TooLarge,
    /// The part is there, but for some of its observations.
    Partly {
        /// How many.
        refused: u64,
        reason: String,
    },
    /// The service will never take this part.
    Refused(String),
    /// Nothing will be taken until somebody changes something.
    Stop(String),
    /// Another attempt may succeed, after this pause if the service asks for one.
    Wait(String, Option<Duration>),
}

/// How a service is spoken to.
pub(super) trait Service: Send + Sync {
    /// The form of its bodies.
    fn form(&self) -> UploadForm;

    /// The most rows of a part that it takes.
    fn rows_max(&self) -> u64 {
        u64::MAX
    }

    /// The end of names of files, without a full stop.
    fn extension(&self) -> &'static str;

    /// The file, from the rows.
    fn file(&self, rows: Vec<u8>) -> io::Result<Vec<u8>> {
        Ok(rows)
    }

    /// The body of the request, from the file.
    fn envelope(&self, _part: &Part, file: Vec<u8>) -> Vec<u8> {
        file
    }

    /// The request that sends a part.
    fn send(&self, part: &Part, body: Bytes) -> Made;

    /// What the answer to it means.
    fn judge(&self, _part: &Part, answer: &Answer) -> Verdict {
        judge(answer)
    }

    /// The request that asks for the state of a part that may have arrived. `None` if the service has none, or if it
    /// recognises a part that it has.
    fn ask(&self, _part: &Part) -> Option<Made> {
        None
    }

    /// What the answer to it means.
    fn learn(&self, _part: &Part, answer: &Answer) -> Verdict {
        judge(answer)
    }

    /// Names of sources whose reports came from the service.
    fn own_names(&self) -> &'static [&'static str];
}

/// The address, and the key if there is one.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) base: String,
    pub(super) user: String,
    pub(super) key: String,
    pub(super) donates: bool,
}

/// The service of a target.
pub(super) fn of(config: &Forward, account: Account) -> Box<dyn Service> {
    match config.kind {
        ForwardKind::Wigle => Box::new(wigle::Wigle(account)),
        ForwardKind::Wdgwars => Box::new(wdgwars::Wdgwars(account)),
        ForwardKind::Wardriver => Box::new(wardriver::Wardriver(account)),
        ForwardKind::Geosubmit => Box::new(geosubmit::Geosubmit(account)),
        ForwardKind::Scanpost => Box::new(scanpost::Scanpost(account)),
    }
}

/// What an answer means where the service has no meaning of its own for it.
fn judge(answer: &Answer) -> Verdict {
    let status = answer.status;
    let text = || format!("answered {status}{}", answer.quoted());
    match status {
        _ if status.is_success() => Verdict::Taken,
        StatusCode::PAYLOAD_TOO_LARGE => Verdict::TooLarge,
        StatusCode::BAD_REQUEST => Verdict::Refused(text()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Verdict::Stop(text()),
        _ if status.is_redirection() => Verdict::Wait(
            format!("answered {status}; redirects are not followed"),
            answer.retry_after,
        ),
        _ => Verdict::Wait(text(), answer.retry_after),
    }
}

impl Answer {
    /// The beginning of what the service says, for errors, and without the key.
    fn quoted(&self) -> String {
        let json: Option<Value> = serde_json::from_str(&self.excerpt).ok();
        let said = json.as_ref().and_then(|json| {
            let names = ["message", "status", "error", "detail"];
            names
                .iter()
                .find_map(|name| json.get(name).and_then(Value::as_str))
        });
        self.quoted_text(said.unwrap_or(&self.excerpt))
    }

    /// The same of a text in the answer.
    fn quoted_text(&self, said: &str) -> String {
        // A part of a key, which a cut leaves, would not be found.
        let searched: String = said.trim().chars().take(SEARCHED_CHARS_MAX).collect();
        let said = self.secrets.hide_in(&searched);
        if said.is_empty() {
            return String::new();
        }
        let plain = said.chars().take(TEXT_CHARS_MAX);
        let plain: String = plain
            .map(|mark| if mark.is_control() { ' ' } else { mark })
            .collect();
        // It is shown to people.
        format!(": {}", shown_name(&plain))
    }
}

/// The answer as JSON, or null.
fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.excerpt).unwrap_or_default()
}

/// A name or number that an answer has under one of these names.
fn word(json: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| match json.get(name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// Whether a word of a service can stand in a path.
fn is_plain(word: &str) -> bool {
    (1..=128).contains(&word.len())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// The media type of a form with a file.
fn form_type(id: Uuid) -> String {
    format!("multipart/form-data; boundary={}", boundary(id))
}

/// A line that no file has, because the id is random.
fn boundary(id: Uuid) -> String {
    format!("scanpost-{}", id.simple())
}

/// A form with a file and other fields.
fn form(part: &Part, file_name: &str, file: &[u8], fields: &[(&str, &str)]) -> Vec<u8> {
    let line = boundary(part.id);
    let mut body = Vec::with_capacity(file.len() + 512);
    for (name, value) in fields {
        let field = format!(
            "--{line}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        body.extend_from_slice(field.as_bytes());
    }
    let head = format!(
        "--{line}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file_name}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(file);
    body.extend_from_slice(format!("\r\n--{line}--\r\n").as_bytes());
    body
}

/// The name of a part as a file, such as `scanpost-20260131T120000Z-6b0e3f1c.csv`. The same for each attempt.
fn file_name(part: &Part, extension: &str) -> String {
    let made = std::time::UNIX_EPOCH + Duration::from_secs(part.made);
    let utc = humantime::format_rfc3339_seconds(made).to_string();
    let when: String = utc.chars().filter(|mark| !"-:".contains(*mark)).collect();
    format!("scanpost-{when}-{}.{extension}", part.id.simple())
}
