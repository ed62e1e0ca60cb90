//! wardriver.org. Each part is a transfer, and each observation has an id, by which it recognises what it has.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, StatusCode, header};

use super::{Account, Answer, Made, Service, Verdict, judge};
use crate::export::UploadForm;
use crate::forward::progress::Part;

pub(super) struct Wardriver(pub(super) Account);

impl Service for Wardriver {
    fn form(&self) -> UploadForm {
        UploadForm::Wardriver
    }

    fn extension(&self) -> &'static str {
        "json"
    }

    fn send(&self, _part: &Part, body: Bytes) -> Made {
        let Account { base, key, .. } = &self.0;
        Request::post(format!("{base}/api/v1/imports"))
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
    }

    fn judge(&self, _part: &Part, answer: &Answer) -> Verdict {
        match answer.status {
            // No other part has this transfer's id.
            StatusCode::CONFLICT => Verdict::Taken,
            _ => judge(answer),
        }
    }

    fn own_names(&self) -> &'static [&'static str] {
        &["wardriver", "wardriver.org"]
    }
}
