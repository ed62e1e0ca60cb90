//! Endpoints for operators.

mod health;

use super::guard::origin::OtherPages;
use super::openapi::sent;
use super::route::{Answer, Described, Route, Tag};

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
    ]
}
