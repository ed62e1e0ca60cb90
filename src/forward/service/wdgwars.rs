//! wdgwars.pl. It recognises a file that it has, and may work on one after it has answered.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, StatusCode, header};
use serde_json::Value;

use super::{
    Account, Answer, Made, Service, Verdict, file_name, form, form_type, is_plain, json, judge,
    word,
};
use crate::export::UploadForm;
use crate::forward::progress::Part;

const KEY: &str = "x-api-key";

pub(super) struct Wdgwars(pub(super) Account);

impl Service for Wdgwars {
    fn form(&self) -> UploadForm {
        UploadForm::WigleCsvWithoutClassic
    }

    fn rows_max(&self) -> u64 {
        10_000
    }

    fn extension(&self) -> &'static str {
        "csv"
    }

    fn envelope(&self, part: &Part, file: Vec<u8>) -> Vec<u8> {
        form(part, &file_name(part, self.extension()), &file, &[])
    }

    fn send(&self, part: &Part, body: Bytes) -> Made {
        let Account { base, key, .. } = &self.0;
        Request::post(format!("{base}/api/upload-csv"))
            .header(KEY, key)
            .header(header::CONTENT_TYPE, form_type(part.id))
            .body(Full::new(body))
    }

    fn judge(&self, _part: &Part, answer: &Answer) -> Verdict {
        let json = json(answer);
        let said = answer.excerpt.as_str();
        let text = || format!("answered {}{}", answer.status, answer.quoted());
        match answer.status {
            StatusCode::CONFLICT if said.contains("duplicate_upload") => Verdict::Taken,
            StatusCode::ACCEPTED => match word(&json, &["job_id", "job", "id"]) {
                Some(job) if is_plain(&job) => Verdict::Job(job),
                _ => Verdict::Wait(text(), None),
            },
            _ if answer.status.is_success() && json.get("ok") != Some(&Value::Bool(true)) => {
                Verdict::Wait(text(), answer.retry_after)
            }
            // The address is not that of an upload.
            StatusCode::BAD_REQUEST if said.contains("Invalid data format") => {
                Verdict::Stop(text())
            }
            StatusCode::TOO_MANY_REQUESTS => {
                let seconds = json.get("retry_after").and_then(Value::as_u64);
                let asked = seconds.map(Duration::from_secs);
                Verdict::Wait(text(), answer.retry_after.or(asked))
            }
            _ => judge(answer),
        }
    }

    fn ask(&self, part: &Part) -> Option<Made> {
        let job = part.job.as_ref()?;
        let Account { base, key, .. } = &self.0;
        let request = Request::get(format!("{base}/api/v2/upload-job/{job}"))
            .header(KEY, key)
            .body(Full::default());
        Some(request)
    }

    fn learn(&self, _part: &Part, answer: &Answer) -> Verdict {
        let text = || format!("answered {}{}", answer.status, answer.quoted());
        match answer.status {
            StatusCode::NOT_FOUND => return Verdict::Missing,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Verdict::Stop(text()),
            status if !status.is_success() => return Verdict::Wait(text(), answer.retry_after),
            _ => {}
        }
        match word(&json(answer), &["status", "state"]).as_deref() {
            Some("done") => Verdict::Taken,
            Some("failed") => Verdict::Refused(format!("the upload failed{}", answer.quoted())),
            _ => Verdict::Working,
        }
    }

    fn own_names(&self) -> &'static [&'static str] {
        &["wdgwars", "wdgwars.pl"]
    }
}
