//! A panic in a handler becomes a 500.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tracing::error;

use crate::http::error::ApiError;

/// Turns a panic into an answer.
pub(in crate::http) async fn caught(answer: impl Future<Output = Response>) -> Response {
    // What the handlers share is behind locks, which say that somebody panicked with them.
    let answered = AssertUnwindSafe(answer).catch_unwind().await;
    answered.unwrap_or_else(|panic| panicked(&*panic))
}

fn panicked(panic: &(dyn Any + Send)) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let message = text
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or_default();
    error!(panic.message = message, "a handler panicked");
    ApiError::Panicked.into_response()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use axum::routing::get;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_handler_is_an_error_like_any_other() {
        let broken = || panic!("the secret of the house");
        let router = Router::new().route(
            "/broken",
            get(async move || caught(async move { broken() }).await),
        );
        let request = Request::get("/broken").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let expected = r#"{"code": "internal_error","status": "internal server error; see the log of the server","success": false}"#;
        assert_eq!(body, expected);
    }
}
