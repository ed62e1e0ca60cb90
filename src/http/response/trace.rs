//! One log span for each request. It has the template of the route: the address may carry credentials.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use tracing::field::display;
use tracing::{Instrument, debug, error, info_span};

use crate::http::error::ApiError;
use crate::http::request::peer::Client;
use crate::metrics::RouteCounts;

/// Opens the span, and counts and logs how the request ended.
pub(in crate::http) async fn request<F: Future<Output = Response>>(
    counts: &RouteCounts,
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let client = request
        .extensions()
        .get::<Client>()
        .map(|client| display(*client));
    let span = info_span!("request", http.method = %request.method(), http.route = route, client.address = client);
    let started = Instant::now();
    async move {
        let response = answer(request).await;
        let (status, duration) = (response.status(), started.elapsed());
        counts.count(status.as_u16(), duration);
        let duration_us = duration.as_micros();
        match response.extensions().get::<Arc<ApiError>>() {
            // Whoever asks whether the server is ready does so often, and knows the answer.
            Some(error) if status.is_server_error() && !error.is_not_ready() => {
                error!(http.status = status.as_u16(), http.duration_us = duration_us, %error, "failed");
            }
            // The reason may quote what the client sent, so it goes to the client only.
            Some(_) => debug!(http.status = status.as_u16(), http.duration_us = duration_us, "refused"),
            None => debug!(http.status = status.as_u16(), http.duration_us = duration_us, "answered"),
        }
        response
    }
    .instrument(span)
    .await
}
