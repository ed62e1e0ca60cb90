//! The table of all routes, and the service that is made from it.

use std::sync::Arc;

use axum::extract::{FromRef, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::any;
use axum::{Router, middleware};
use tower::{Layer, ServiceExt};

use super::error::ApiError;
use super::guard::gate::{self, Admission, Gate, Guard};
use super::guard::origin::{self, Origins, OtherPages};
use super::kismet::command::ExtensionSplitter;
use super::request::forwarded::Proxies;
use super::response::panic::caught;
use super::response::{compress, etag, pace, trace};
use super::route::Route;
use super::server::lease::HttpService;
use super::state::{App, ServerFacts};
use super::{intake, kismet, native, openapi, ops};
use crate::ingest::Ingest;

/// All routes that the server has.
pub(super) fn table() -> Vec<Route> {
    [
        ops::routes(),
        intake::routes(),
        native::routes(),
        openapi::routes(table),
        kismet::routes(),
    ]
    .concat()
}

/// What answers requests, however they come.
pub(crate) fn service(app: App) -> impl HttpService {
    let table = table();
    let server = Arc::<ServerFacts>::from_ref(&app);
    let splitter = ExtensionSplitter::new(&table, &server.config.uri_prefix);
    let proxies = Proxies::from_ref(&app);
    let routes = router(table, &app).with_state(app);
    // Around the routes as a whole: what stands around each of them is boxed for every request.
    let compressed = compress::compression().layer(routes);
    let paced = ServiceExt::<Request>::map_response(compressed, pace::pace);
    paced.map_request(move |request| splitter.split(proxies.see_through(request)))
}

fn router(table: Vec<Route>, app: &App) -> Router<App> {
    let around = |other_pages| {
        let origins = Arc::<Origins>::from_ref(app);
        let around = Arc::new(Around {
            origins,
            other_pages,
        });
        middleware::from_fn_with_state(around, every_request)
    };
    let nowhere = any(async || ApiError::NoSuchPath).layer(around(OtherPages::Links));
    let router = Router::new().fallback_service(nowhere);
    table.into_iter().fold(router, |router, route| {
        let mut handler = route.handler;
        // What has no such method is refused with no more ado.
        if !route.asks_itself {
            let admission = match route.role {
                None => Admission::Anybody,
                Some(role) if route.judges_credentials => Admission::Shown(role),
                Some(role) => Admission::Role(role),
            };
            let gate = Gate::new(
                Guard::from_ref(app),
                Ingest::from_ref(app),
                admission,
                route.before_ready,
            );
            handler = handler.route_layer(middleware::from_fn_with_state(gate, gate::check));
        }
        let handler = handler.fallback(async || ApiError::MethodNotAllowed);
        router.route(route.path, handler.layer(around(route.other_pages)))
    })
}

/// What stands around a route.
struct Around {
    origins: Arc<Origins>,
    other_pages: OtherPages,
}

/// What holds for every request. One layer for all of it, because each is boxed for every request.
async fn every_request(
    State(around): State<Arc<Around>>,
    request: Request,
    next: Next,
) -> Response {
    let Around {
        origins,
        other_pages,
    } = &*around;
    trace::request(request, |request| {
        etag::tag(request, |request| {
            origin::check(origins, *other_pages, request, |request| {
                caught(next.run(request))
            })
        })
    })
    .await
}
