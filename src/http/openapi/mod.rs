//! The interface as an `OpenAPI` document, at `/api/openapi.json`.

mod described;
mod errors;
mod kismet_record;
mod operation;
mod parameters;
#[expect(dead_code, reason = "what is in them is described, not made")]
#[expect(
    clippy::struct_field_names,
    reason = "the names are those of the interface"
)]
pub(super) mod sent;

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathsBuilder,
};

pub(super) use self::described::Described;
pub(super) use self::operation::{Answer, Body};
use crate::auth::RequiredRole;
use crate::http::routes::{Extension, Route, Tag, table};

const DESCRIPTION: &str = "Takes Wi-Fi and Bluetooth scan reports and merges them into one picture of the devices \
    around. The paths without `/api/` are those of the scanning mode of the Kismet wireless server.\n\n\
    Whether credentials are required is the server's to say: on a loopback address it asks for none, if it is not \
    told to. The roles behind the security schemes are those of keys; `admin`, and so any name and password, opens \
    everything. A path with `.{format}` answers in the form that the extension chooses.";

pub(super) fn routes() -> Vec<Route> {
    let document = Route::get("/api/openapi.json", document, "This document");
    vec![
        document
            .extension(Extension::InPath)
            .tag(Tag::Native)
            .needs(RequiredRole::Readonly)
            .before_ready(),
    ]
}

/// The document as it is sent. It is the same for as long as the program runs.
static DOCUMENT: LazyLock<Option<Bytes>> =
    LazyLock::new(|| serde_json::to_vec(&describe()).map(Bytes::from).ok());

/// `GET /api/openapi.json`.
async fn document() -> Response {
    match DOCUMENT.as_ref() {
        Some(document) => {
            let content_type = [(header::CONTENT_TYPE, "application/json")];
            (content_type, document.clone()).into_response()
        }
        None => crate::http::error::ApiError::Panicked.into_response(),
    }
}

fn describe() -> OpenApi {
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
    for route in table() {
        let described = route.documentation.described().chain([errors::ENVELOPE]);
        for (name, schema) in described.flat_map(Described::schemas) {
            components = components.schema(name, schema);
        }
        paths = paths.path(route.shown_path(), operation::item(&route));
    }
    OpenApiBuilder::new()
        .info(info.build())
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
            "user",
            SecurityScheme::ApiKey(in_query("user", "A name, together with `password`")),
        )
        .security_scheme(
            "password",
            SecurityScheme::ApiKey(in_query("password", "A password, together with `user`")),
        )
}
