//! beaconDB, and others that speak Ichnaea's interface. They have no means to say whether a part arrived.

use std::io;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, StatusCode, header};

use super::{Account, Answer, Made, Service, Verdict, gzip, judge};
use crate::export::UploadForm;
use crate::forward::progress::Part;

pub(super) struct Geosubmit(pub(super) Account);

impl Service for Geosubmit {
    fn form(&self) -> UploadForm {
        UploadForm::Geosubmit
    }

    fn extension(&self) -> &'static str {
        "json.gz"
    }

    fn file(&self, rows: Vec<u8>) -> io::Result<Vec<u8>> {
        gzip(&rows)
    }

    fn send(&self, _part: &Part, body: Bytes) -> Made {
        let Account { base, key, .. } = &self.0;
        let query = match key.as_str() {
            "" => String::new(),
            key => {
                let encoded: String = form_urlencoded::byte_serialize(key.as_bytes()).collect();
                format!("?key={encoded}")
            }
        };
        Request::post(format!("{base}/v2/geosubmit{query}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_ENCODING, "gzip")
            .body(Full::new(body))
    }

    fn judge(&self, _part: &Part, answer: &Answer) -> Verdict {
        match answer.status {
            // The limit of a day, in Ichnaea.
            StatusCode::FORBIDDEN => Verdict::Wait(
                format!("answered {}{}", answer.status, answer.quoted()),
                answer.retry_after,
            ),
            _ => judge(answer),
        }
    }

    fn own_names(&self) -> &'static [&'static str] {
        &["geosubmit", "beacondb", "beacondb.net"]
    }
}
