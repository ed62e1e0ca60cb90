//! Answers that the client has already are not sent again.

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use twox_hash::XxHash3_128;

/// How large an answer may be to have a tag. They are in memory as a whole, unlike what is streamed.
pub(super) const TAGGED_BYTES_MAX: u64 = 1 << 20;
/// Whoever keeps the answer asks again before showing it.
const NO_CACHE: &str = "no-cache";

/// Tags what is in memory anyway, and leaves out what the client has already.
///
/// The answer is still made, which is cheap for all that is this small; what is saved is sending it. Streamed
/// answers have none: it would take making them twice.
pub(in crate::http) async fn tag<F: Future<Output = Response>>(
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return answer(request).await;
    }
    let known = request.headers().clone();
    let response = answer(request).await;
    let size = response.body().size_hint().exact();
    let is_tagged = response.status() == StatusCode::OK
        && size.is_some_and(|size| 0 < size && size <= TAGGED_BYTES_MAX)
        && !response.headers().contains_key(SET_COOKIE)
        && !response.headers().contains_key(ETAG);
    if !is_tagged {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else {
        // Only streams fail.
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let body = body.to_bytes();
    // Weak: it is the same however the answer is compressed.
    let tag = format!("W/\"{}\"", hash(&body));
    let is_known = is_known(&known, &tag);
    if let Ok(tag) = HeaderValue::try_from(tag) {
        parts.headers.insert(ETAG, tag);
    }
    let no_cache = HeaderValue::from_static(NO_CACHE);
    parts.headers.entry(CACHE_CONTROL).or_insert(no_cache);
    if is_known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(CONTENT_TYPE);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, body.into())
}

/// A version of what an answer is made from, and the request's tags.
///
/// A tag has the version and a checksum of the answer. As long as the version is the same, the answer need not be made.
/// If another version gives the same answer, the answer is made, and not sent.
#[derive(Debug)]
pub(in crate::http) struct Version<'h> {
    known: &'h HeaderMap,
    /// Without full stops.
    version: String,
}

impl<'h> Version<'h> {
    pub(in crate::http) fn new(known: &'h HeaderMap, version: String) -> Self {
        Self { known, version }
    }

    /// The answer to a client that has one of this version.
    pub(in crate::http) fn known(&self) -> Option<Response> {
        let tags = tags(self.known);
        let mut parts = tags.filter_map(|tag| tag.strip_suffix('"')?.split_once('.'));
        let (_, checksum) = parts.find(|(start, _)| {
            start.trim_start_matches("W/").strip_prefix('"') == Some(self.version.as_str())
        })?;
        is_hash(checksum).then(|| not_modified(&self.tag(checksum)))
    }

    /// The answer, unless the client has it from an earlier version.
    pub(in crate::http) fn answer(&self, content_type: &'static str, body: Vec<u8>) -> Response {
        let checksum = hash(&body);
        let mut known = tags(self.known);
        let is_same = |tag: &str| {
            let known = tag.strip_suffix('"').and_then(|tag| tag.split_once('.'));
            known.is_some_and(|(_, known)| known == checksum)
        };
        let tag = self.tag(&checksum);
        if known.any(|tag| tag == "*" || is_same(tag)) {
            return not_modified(&tag);
        }
        let headers = [(CONTENT_TYPE, content_type), (CACHE_CONTROL, NO_CACHE)];
        tagged((headers, body).into_response(), &tag)
    }

    fn tag(&self, checksum: &str) -> String {
        format!("W/\"{}.{checksum}\"", self.version)
    }
}

fn not_modified(tag: &str) -> Response {
    let headers = [(CACHE_CONTROL, NO_CACHE)];
    tagged((StatusCode::NOT_MODIFIED, headers).into_response(), tag)
}

fn tagged(mut response: Response, tag: &str) -> Response {
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

fn hash(body: &[u8]) -> String {
    format!("{:032x}", XxHash3_128::oneshot(body))
}

fn is_hash(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// The tags of answers that the client has.
fn tags(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(IF_NONE_MATCH).into_iter();
    let values = values.filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim_start_matches("W/").to_owned();
    tags(headers).any(|known| known == "*" || opaque(known) == opaque(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_known_by_its_version_or_by_what_it_is() {
        let answer = |tag: &str, version: &str, body: &str| {
            let headers: HeaderMap = [(IF_NONE_MATCH, HeaderValue::try_from(tag).unwrap())]
                .into_iter()
                .collect();
            let version = Version::new(&headers, version.to_owned());
            let is_made = version.known().is_none();
            let response = version
                .known()
                .unwrap_or_else(|| version.answer("text/plain", body.into()));
            let tag = response.headers()[ETAG].to_str().unwrap().to_owned();
            (response.status().as_u16(), is_made, tag)
        };
        let (status, _, tag) = answer("\"x\"", "1", "a");
        assert_eq!(status, 200);
        // The body is not made, so it does not matter here.
        assert_eq!(answer(&tag, "1", "b"), (304, false, tag.clone()));
        let (status, is_made, later) = answer(&tag, "2", "a");
        assert_eq!((status, is_made), (304, true));
        assert_ne!(later, tag);
        assert_eq!(answer(&format!("\"x\", {later}"), "2", "a").0, 304);
        assert_eq!(answer(&tag, "2", "b").0, 200);
        assert_eq!(answer(&tag, "11", "b").0, 200);
        assert_eq!(answer("W/\"1.x\"", "1", "a").0, 200);
        assert_eq!(answer("*", "1", "a").0, 304);
    }

    #[test]
    fn a_tag_is_known_however_it_is_listed() {
        let check = |value: &str| {
            let value = HeaderValue::try_from(value).unwrap();
            is_known(&[(IF_NONE_MATCH, value)].into_iter().collect(), "W/\"a\"")
        };
        for known in ["W/\"a\"", "\"a\"", "*", "\"b\", W/\"a\" ,\"c\""] {
            assert!(check(known), "{known}");
        }
        for other in ["", "\"b\"", "a", "W/\"aa\""] {
            assert!(!check(other), "{other}");
        }
        assert!(!is_known(&HeaderMap::new(), "W/\"a\""));
    }
}
