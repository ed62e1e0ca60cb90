//! Another scanpost. It imports the part as a file, and recognises the rows that it has.

use bytes::Bytes;
use http_body_util::Full;
use hyper::http::request::Builder;
use hyper::{Request, StatusCode, header};
use serde_json::Value;

use super::{Account, Answer, Made, Service, Verdict, is_plain, json, judge, word};
use crate::export::UploadForm;
use crate::forward::progress::Part;

pub(super) struct Scanpost(pub(super) Account);

impl Scanpost {
    fn with_key(&self, request: Builder) -> Builder {
        match self.0.key.as_str() {
            "" => request,
            key => request.header(header::AUTHORIZATION, format!("Bearer {key}")),
        }
    }
}

impl Service for Scanpost {
    fn form(&self) -> UploadForm {
        UploadForm::Geojson
    }

    fn extension(&self) -> &'static str {
        "geojson"
    }

    fn send(&self, _part: &Part, body: Bytes) -> Made {
        self.with_key(Request::post(format!("{}/api/v1/imports", self.0.base)))
            .header(header::CONTENT_TYPE, "application/geo+json")
            .body(Full::new(body))
    }

    fn judge(&self, part: &Part, answer: &Answer) -> Verdict {
        match answer.status {
            StatusCode::OK | StatusCode::ACCEPTED => of_import(part, answer),
            // It is too old to know this form.
            StatusCode::UNSUPPORTED_MEDIA_TYPE | StatusCode::NOT_FOUND => {
                Verdict::Stop(format!("answered {}{}", answer.status, answer.quoted()))
            }
            _ => judge(answer),
        }
    }

    fn ask(&self, part: &Part) -> Option<Made> {
        let job = part.job.as_ref()?;
        let uri = format!("{}/api/v1/imports/{job}", self.0.base);
        Some(self.with_key(Request::get(uri)).body(Full::default()))
    }

    fn learn(&self, part: &Part, answer: &Answer) -> Verdict {
        match answer.status {
            StatusCode::OK => of_import(part, answer),
            StatusCode::NOT_FOUND => Verdict::Missing,
            _ => match judge(answer) {
                stopped @ Verdict::Stop(_) => stopped,
                _ => Verdict::Wait(
                    format!("answered {}{}", answer.status, answer.quoted()),
                    answer.retry_after,
                ),
            },
        }
    }

    fn own_names(&self) -> &'static [&'static str] {
        &[]
    }
}

/// What the state of an import means.
fn of_import(part: &Part, answer: &Answer) -> Verdict {
    let json = json(answer);
    let state = json.get("state").and_then(Value::as_str);
    match state {
        Some("done") if !has_read(&json) => Verdict::Refused(format!(
            "the import took no row{}",
            first_refusal(answer, &json)
        )),
        Some("done") => match refused(&json).min(part.rows) {
            0 => Verdict::Taken,
            refused => Verdict::Partly {
                refused,
                reason: format!(
                    "the import refused {refused} rows{}",
                    first_refusal(answer, &json)
                ),
            },
        },
        Some("waiting" | "running") => match word(&json, &["id"]) {
            Some(id) if is_plain(&id) => Verdict::Job(id),
            _ => Verdict::Wait("answered without the id of the import".to_owned(), None),
        },
        Some(state @ ("failed" | "cancelled")) => {
            Verdict::Refused(format!("the import is {state}{}", answer.quoted()))
        }
        _ => Verdict::Wait("answered without the state of an import".to_owned(), None),
    }
}

fn files(json: &Value) -> impl Iterator<Item = &Value> {
    let files = json.get("files").and_then(Value::as_array);
    files.into_iter().flatten()
}

/// Whether any row was not refused. A file that came before is not read again.
fn has_read(json: &Value) -> bool {
    let count = |file: &Value, name: &str| file.get(name).and_then(Value::as_u64);
    files(json).any(|file| {
        let is_known = file.get("duplicate") == Some(&Value::Bool(true));
        is_known || count(file, "refused") < count(file, "rows")
    })
}

/// How many rows were refused, as the service says. It may say anything.
fn refused(json: &Value) -> u64 {
    let counts = files(json).filter_map(|file| file.get("refused")?.as_u64());
    counts.fold(0, u64::saturating_add)
}

fn first_refusal(answer: &Answer, json: &Value) -> String {
    let first = files(json).find_map(|file| file.pointer("/refusals/0/reason")?.as_str());
    first.map_or_else(String::new, |first| answer.quoted_text(first))
}
