//! The request that turns a connection into a WebSocket (RFC 6455, section 4.2).

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Method, Response, StatusCode, Version, header};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::http::error::ApiError;

/// What says yes to `request`.
pub(in crate::http) fn answer(request: &Request) -> Result<Response<Body>, ApiError> {
    let headers = request.headers();
    let asks = request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && lists(headers, header::CONNECTION, "upgrade")
        && lists(headers, header::UPGRADE, "websocket")
        && lists(headers, header::SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let key = key.filter(|_| asks).ok_or(ApiError::NotAWebSocket)?;
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(
            header::SEC_WEBSOCKET_ACCEPT,
            derive_accept_key(key.as_bytes()),
        )
        .body(Body::empty())
        .map_err(|_| ApiError::NotAWebSocket)
}

/// Whether a header lists a word, in any case.
fn lists(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter();
    let mut words = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    words.any(|listed| listed.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(change: impl FnOnce(&mut Request)) -> Result<Response<Body>, ApiError> {
        // The example of RFC 6455.
        let mut request = Request::get("/devices/monitor.ws")
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "WebSocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .body(Body::empty())
            .unwrap();
        change(&mut request);
        answer(&request)
    }

    #[test]
    fn a_request_in_order_is_granted() {
        let granted = answered(|_| {}).unwrap();
        assert_eq!(granted.status(), StatusCode::SWITCHING_PROTOCOLS);
        let accept = &granted.headers()["sec-websocket-accept"];
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn anything_else_is_not() {
        for missing in [
            "connection",
            "upgrade",
            "sec-websocket-version",
            "sec-websocket-key",
        ] {
            let refused = answered(|request| drop(request.headers_mut().remove(missing)));
            assert!(refused.is_err(), "{missing}");
        }
        assert!(answered(|request| *request.method_mut() = Method::POST).is_err());
        assert!(answered(|request| *request.version_mut() = Version::HTTP_10).is_err());
    }
}
