//! wigle.net. It lists the uploads of an account, by the names of their files.

use std::io;

use base64ct::{Base64, Encoding};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, StatusCode, header};
use serde_json::Value;

use super::{
    Account, Answer, Made, Service, Verdict, file_name, form, form_type, gzip, json, judge,
};
use crate::export::UploadForm;
use crate::forward::progress::Part;

/// How many of the newest uploads are looked at.
const UPLOADS: u32 = 100;

pub(super) struct Wigle(pub(super) Account);

impl Wigle {
    /// The name and the token of the account, or the token as wigle.net shows it encoded.
    fn authorization(&self) -> String {
        let Account { user, key, .. } = &self.0;
        if user.is_empty() {
            return format!("Basic {key}");
        }
        let both = format!("{user}:{key}");
        format!("Basic {}", Base64::encode_string(both.as_bytes()))
    }
}

impl Service for Wigle {
    fn form(&self) -> UploadForm {
        UploadForm::WigleCsv
    }

    fn extension(&self) -> &'static str {
        "csv.gz"
    }

    fn file(&self, rows: Vec<u8>) -> io::Result<Vec<u8>> {
        gzip(&rows)
    }

    fn envelope(&self, part: &Part, file: Vec<u8>) -> Vec<u8> {
        let donate: &[(&str, &str)] = if self.0.donates {
            &[("donate", "on")]
        } else {
            &[]
        };
        form(part, &file_name(part, self.extension()), &file, donate)
    }

    fn send(&self, part: &Part, body: Bytes) -> Made {
        Request::post(format!("{}/api/v2/file/upload", self.0.base))
            .header(header::AUTHORIZATION, self.authorization())
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, form_type(part.id))
            .body(Full::new(body))
    }

    fn judge(&self, _part: &Part, answer: &Answer) -> Verdict {
        match is_good(answer) {
            Some(true) => Verdict::Taken,
            Some(false) => not_done(answer),
            None => judge(answer),
        }
    }

    fn ask(&self, _part: &Part) -> Option<Made> {
        let uri = format!(
            "{}/api/v2/file/transactions?pagestart=0&pageend={UPLOADS}",
            self.0.base
        );
        let request = Request::get(uri)
            .header(header::AUTHORIZATION, self.authorization())
            .header(header::ACCEPT, "application/json")
            .body(Full::default());
        Some(request)
    }

    fn learn(&self, part: &Part, answer: &Answer) -> Verdict {
        match is_good(answer) {
            Some(true) => {}
            Some(false) => return not_done(answer),
            // The list cannot refuse a part.
            None => match judge(answer) {
                stopped @ Verdict::Stop(_) => return stopped,
                _ => return not_done(answer),
            },
        }
        let name = file_name(part, self.extension());
        let has_name = |value: &Value| value.as_str().is_some_and(|text| text.contains(&name));
        let json = json(answer);
        let results = json.get("results").and_then(Value::as_array);
        let mut uploads = results.into_iter().flatten().filter_map(Value::as_object);
        if uploads.any(|upload| upload.values().any(has_name)) {
            Verdict::Taken
        } else {
            Verdict::Missing
        }
    }

    fn own_names(&self) -> &'static [&'static str] {
        &["wigle", "wigle.net"]
    }
}

/// What an answer of 200 says of its success. `None` for others.
fn is_good(answer: &Answer) -> Option<bool> {
    let is_ok = answer.status == StatusCode::OK;
    is_ok.then(|| json(answer).get("success") == Some(&Value::Bool(true)))
}

fn not_done(answer: &Answer) -> Verdict {
    let text = format!(
        "answered {} without success{}",
        answer.status,
        answer.quoted()
    );
    Verdict::Wait(text, answer.retry_after)
}
