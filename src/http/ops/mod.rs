//! Endpoints for operators.

mod health;
mod metrics;

use super::guard::origin::OtherPages;
use super::openapi::sent;
use super::route::{Answer, Described, Extension, Route, Tag};
use crate::auth::RequiredRole;

pub(super) fn routes() -> Vec<Route> {
    let watched = |route: Route| {
        route
            .tag(Tag::Operation)
            .before_ready()
            .other_pages(OtherPages::AnyName)
            .answers(Answer::Json(Described::of::<sent::Status>()))
    };
    vec![
        watched(Route::get("/healthz", health::alive, "The server runs")),
        watched(Route::get(
            "/readyz",
            health::ready,
            "The server has read its log and takes reports",
        ))
        .fails(&[503]),
        Route::get(
            "/metrics",
            metrics::metrics,
            "Counters and histograms in the text format of Prometheus",
        )
        .extension(Extension::InPath)
        .tag(Tag::Operation)
        .needs(RequiredRole::Metrics)
        .before_ready()
        .answers(Answer::Text),
    ]
}
