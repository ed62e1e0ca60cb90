//! The table of all routes, and the service that is made from it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, Request, State};
use axum::http::header::{STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::any;
use axum::{Router, middleware};
use tokio::time::sleep;
use tower::{Layer, ServiceExt};

use super::error::ApiError;
use super::guard::gate::{self, Admission, Gate, Guard};
use super::guard::origin::{self, Origins, OtherPages};
use super::kismet::command::ExtensionSplitter;
use super::kismet::files::PageFiles;
use super::request::forwarded::Proxies;
use super::request::proofs::KeyParameter;
use super::response::panic::caught;
use super::response::{compress, etag, pace, trace};
use super::route::Route;
use super::server::lease::HttpService;
use super::state::{App, ServerFacts};
use super::{intake, kismet, native, openapi, ops, page};
use crate::config;
use crate::ingest::Ingest;
use crate::metrics::RouteCounts;

/// All routes that the server has.
pub(super) fn table() -> Vec<Route> {
    [
        ops::routes(),
        page::routes(),
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
    let has_page = Option::<PageFiles>::from_ref(&app).is_some();
    let splitter = ExtensionSplitter::new(&table, &server.config.uri_prefix, has_page);
    let proxies = Proxies::from_ref(&app);
    let routes = router(table, &app).with_state(app);
    // Around the routes as a whole: what stands around each of them is boxed for every request.
    let compressed = compress::compression().layer(routes);
    let paced = ServiceExt::<Request>::map_response(compressed, pace::pace);
    paced.map_request(move |request| splitter.split(proxies.see_through(request)))
}

fn router(table: Vec<Route>, app: &App) -> Router<App> {
    let server = Arc::<ServerFacts>::from_ref(app);
    let hsts = hsts(&server.config);
    let around = |other_pages, shown_path| {
        let origins = Arc::<Origins>::from_ref(app);
        let around = Arc::new(Around {
            origins,
            other_pages,
            hsts: hsts.clone(),
            counts: server.requests.of_route(shown_path),
            refusal_delay: server.refusal_delay,
        });
        middleware::from_fn_with_state(around, every_request)
    };
    let nowhere =
        any(async || ApiError::NoSuchPath).layer(around(OtherPages::Links, "none".to_owned()));
    let router = Router::new().fallback_service(nowhere);
    let mut paths = HashSet::new();
    table.into_iter().fold(router, |router, route| {
        let shown_path = route.shown_path();
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
                route.key_parameter.map(KeyParameter),
            );
            handler = handler.route_layer(middleware::from_fn_with_state(gate, gate::check));
        }
        // Routes of one path, with a method each, are merged. One of them has the answer to other methods.
        if paths.insert(route.path) {
            handler = handler.fallback(async || ApiError::MethodNotAllowed);
        }
        router.route(
            route.path,
            handler.layer(around(route.other_pages, shown_path)),
        )
    })
}

/// What stands around a route.
struct Around {
    origins: Arc<Origins>,
    other_pages: OtherPages,
    hsts: Option<HeaderValue>,
    counts: Arc<RouteCounts>,
    refusal_delay: Duration,
}

/// Tells browsers to use nothing but TLS for this host, if this server speaks TLS itself.
fn hsts(config: &config::Server) -> Option<HeaderValue> {
    let is_tls = !config.tls_certificate.as_os_str().is_empty();
    let seconds = config.hsts_max_age.as_secs();
    let is_sent = is_tls && 0 < seconds;
    is_sent.then(|| HeaderValue::try_from(format!("max-age={seconds}")).ok())?
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
        hsts,
        counts,
        refusal_delay,
    } = &*around;
    let mut response = trace::request(counts, request, |request| {
        etag::tag(request, |request| {
            origin::check(origins, *other_pages, request, |request| {
                caught(next.run(request))
            })
        })
    })
    .await;
    // Whoever repeats such a request at once would keep the processors from reports.
    if matches!(
        response.status(),
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS
    ) {
        sleep(*refusal_delay).await;
    }
    let headers = response.headers_mut();
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(X_CONTENT_TYPE_OPTIONS, nosniff);
    if let Some(hsts) = hsts {
        headers.insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
    response
}
