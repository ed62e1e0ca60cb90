//! The interface as an `OpenAPI` document, at `/api/openapi.json`.

mod errors;
mod kismet_record;
mod operation;
mod parameters;
mod patterns;
#[expect(dead_code, reason = "what is in them is described, not made")]
pub(super) mod sent;

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::server::ServerBuilder;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathsBuilder,
};

use crate::auth::RequiredRole;
use crate::http::error::ApiError;
use crate::http::route::{Described, Extension, Route, Tag};
use crate::http::state::{RequestLimits, ServerFacts};

const DESCRIPTION: &str = "Takes Wi-Fi and Bluetooth scan reports and merges them into one picture of the devices \
    around. The paths without `/api/` are those of the scanning mode of the Kismet wireless server.\n\n\
    Whether credentials are required is the server's to say: on a loopback address it asks for none, if it is not \
    told to. The roles behind the security schemes are those of keys; `admin`, and so any name and password, opens \
    everything. A path with `.{format}` answers in the form that the extension chooses.";

/// The route of the document, which describes all routes of `table`.
pub(super) fn routes(table: fn() -> Vec<Route>) -> Vec<Route> {
    let document = async move |server: State<Arc<ServerFacts>>, limits: State<RequestLimits>| {
        document(table, &server, *limits)
    };
    vec![
        Route::get("/api/openapi.json", document, "This document")
            .extension(Extension::InPath)
            .tag(Tag::Native)
            .needs(RequiredRole::Readonly)
            .before_ready(),
    ]
}

/// `GET /api/openapi.json`.
fn document(table: fn() -> Vec<Route>, server: &ServerFacts, limits: RequestLimits) -> Response {
    let prefix = &server.config.uri_prefix;
    let make = || serde_json::to_vec(&describe(table(), prefix, limits)).ok();
    match server.document.get_or_init(|| make().map(Bytes::from)) {
        Some(document) => {
            let content_type = [(header::CONTENT_TYPE, "application/json")];
            (content_type, document.clone()).into_response()
        }
        None => ApiError::Panicked.into_response(),
    }
}

fn describe(table: Vec<Route>, prefix: &str, limits: RequestLimits) -> OpenApi {
    let license = LicenseBuilder::new()
        .name(env!("CARGO_PKG_LICENSE"))
        .identifier(Some(env!("CARGO_PKG_LICENSE")));
    let info = InfoBuilder::new()
        .title("scanpost")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(license.build()));
    let mut paths = PathsBuilder::new();
    let mut components = errors::all(security_schemes(ComponentsBuilder::new()));
    for route in table {
        let described = route
            .documentation
            .described()
            .chain([errors::ENVELOPE, kismet_record::RECORD]);
        for (name, schema) in described.flat_map(Described::schemas) {
            components = components.schema(name, schema);
        }
        paths = paths.path(route.shown_path(), operation::item(&route, limits));
    }
    let address = if prefix.is_empty() { "/" } else { prefix };
    let server = ServerBuilder::new()
        .url(address)
        .description(Some("The server that the document comes from"));
    let tags = Tag::ALL.map(|tag| {
        TagBuilder::new()
            .name(tag.name())
            .description(Some(tag.meaning()))
            .build()
    });
    OpenApiBuilder::new()
        .info(info.build())
        .servers(Some([server.build()]))
        .tags(Some(tags))
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

fn security_schemes(components: ComponentsBuilder) -> ComponentsBuilder {
    let http = |scheme, text: &str| {
        let scheme = HttpBuilder::new().scheme(scheme).description(Some(text));
        SecurityScheme::Http(scheme.build())
    };
    let in_query = |name, text| ApiKey::Query(ApiKeyValue::with_description(name, text));
    let cookie =
        ApiKeyValue::with_description("KISMET", "The session that a password earns, or an API key");
    components
        .security_scheme(
            "basic",
            http(HttpAuthScheme::Basic, "A name and a password"),
        )
        .security_scheme("bearer", http(HttpAuthScheme::Bearer, "An API key"))
        .security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)))
        .security_scheme(
            "query",
            SecurityScheme::ApiKey(in_query("KISMET", "An API key")),
        )
        .security_scheme(
            "key",
            SecurityScheme::ApiKey(in_query(
                "key",
                "An API key, as clients of location services send it",
            )),
        )
        .security_scheme(
            "user",
            SecurityScheme::ApiKey(in_query("user", "A name, together with `password`")),
        )
        .security_scheme(
            "password",
            SecurityScheme::ApiKey(in_query("password", "A password, together with `user`")),
        )
}
