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
        && !response.headers().contains_key(SET_COOKIE);
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
    let tag = format!("W/\"{:032x}\"", XxHash3_128::oneshot(&body));
    let is_known = is_known(&known, &tag);
    if let Ok(tag) = HeaderValue::try_from(tag) {
        parts.headers.insert(ETAG, tag);
    }
    // Whoever keeps the answer asks again before showing it.
    let no_cache = HeaderValue::from_static("no-cache");
    parts.headers.entry(CACHE_CONTROL).or_insert(no_cache);
    if is_known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(CONTENT_TYPE);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, body.into())
}

fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let values = headers.get_all(IF_NONE_MATCH).into_iter();
    let mut tags = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    tags.any(|known| known.trim() == "*" || opaque(known) == opaque(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

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
