//! Which challenge a refusal carries.
//!
//! A browser answers `Basic` with a sign-in window of its own, in front of the page whose script made the request. The
//! page cannot prevent that, and Kismet's page has a window of its own for it. Programs outside of browsers may need
//! the challenge: wget sends a password only after it.

use axum::http::header::{ACCEPT, HeaderName, USER_AGENT, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue};

use crate::http::error::BEARER;
use crate::http::request::proofs::cookies;

/// Set by jQuery.
const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");
/// What a browser does with the answer. It is sent over HTTPS and to loopback addresses only.
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Leaves `Basic` out of the answer to a script in a browser.
pub(super) fn fit(request: &HeaderMap, answer: &mut HeaderMap) {
    if answer.contains_key(WWW_AUTHENTICATE) && is_script(request) {
        answer.insert(WWW_AUTHENTICATE, HeaderValue::from_static(BEARER));
    }
}

/// Whether a script in a browser made the request, and not a person who opened a link.
fn is_script(request: &HeaderMap) -> bool {
    if request.contains_key(REQUESTED_WITH) {
        return true;
    }
    let text = |name| request.get(name).and_then(|value| value.to_str().ok());
    if let Some(mode) = text(FETCH_MODE) {
        return !mode.ends_with("navigate");
    }
    let wants_page =
        text(ACCEPT).is_some_and(|accept| accept.to_ascii_lowercase().contains("text/html"));
    let is_browser = text(USER_AGENT).is_some_and(|agent| agent.starts_with("Mozilla/"));
    // Only a page of this server has its cookie. A person whose cookie has expired opens a page, and has to log in.
    let has_cookie = cookies(request).next().is_some();
    (is_browser || has_cookie) && !wants_page
}
