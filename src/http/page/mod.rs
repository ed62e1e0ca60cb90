//! The web page: one document for all views, and the files that it loads.

use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use crate::http::error::ApiError;
use crate::http::request::accept::takes_gzip;
use crate::http::request::path::{Argument, Arguments};
use crate::http::route::{Answer, Extension, Route, Tag};
use crate::http::state::FileReads;
use crate::page::{Content, WebPage};

/// The page loads nothing from elsewhere and runs no script but its own files. lit's policy makes templates of the
/// page's own constant texts; nothing else may turn text into HTML.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
    connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types lit-html";
/// Of files whose address has the version in it.
const FOREVER: &str = "public, max-age=31536000, immutable";
const NO_CACHE: &str = "no-cache";
/// Where the files are, below `/ui/`.
const ASSETS: &str = "assets";

pub(super) fn routes() -> Vec<Route> {
    [
        Route::get("/", shell, "The web page"),
        Route::get("/ui", shell, "The web page"),
        Route::get("/ui/", shell, "The web page").shown_as("/ui/overview"),
        Route::get("/ui/{*path}", view, "A view of the web page").shown_as("/ui/{path}"),
        Route::get(
            "/ui/assets/{version}/{*path}",
            asset,
            "A file of the web page",
        )
        .shown_as("/ui/assets/{version}/{path}"),
    ]
    .into_iter()
    .map(|route| {
        let is_file = route.path.contains("{version}");
        // Every path begins with that of the root.
        let extension = match route.path {
            "/" => Extension::Ignored,
            _ => Extension::InPath,
        };
        route
            .extension(extension)
            .tag(Tag::Page)
            .before_ready()
            .answers(if is_file { Answer::File } else { Answer::Page })
            .fails(&[404, 503])
    })
    .collect()
}

/// `GET /`: the document. It has no data, so everybody gets it.
async fn shell(
    State(page): State<WebPage>,
    files: FileReads,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let takes_gzip = takes_gzip(&headers);
    let content = files.read(move || page.shell(takes_gzip)).await?;
    Ok(answer(content.map_err(ApiError::File)?, NO_CACHE))
}

/// `GET /ui/{path}`: the document again. Its scripts show the view that the address names.
async fn view(
    page: State<WebPage>,
    files: FileReads,
    Argument(path): Argument,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if path.split('/').next() == Some(ASSETS) {
        return Err(ApiError::NoSuchFile);
    }
    shell(page, files, headers).await
}

/// `GET /ui/assets/{version}/{path}`: a file. A page of an earlier version of the program gets what there is now.
async fn asset(
    State(page): State<WebPage>,
    files: FileReads,
    Arguments([version, path]): Arguments<2>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let takes_gzip = takes_gzip(&headers);
    let caching = if page.is_final(&version) {
        FOREVER
    } else {
        NO_CACHE
    };
    let content = files.read(move || page.file(&path, takes_gzip)).await?;
    let content = content.map_err(ApiError::File)?;
    Ok(answer(content.ok_or(ApiError::NoSuchFile)?, caching))
}

fn answer(content: Content, caching: &'static str) -> Response {
    let mut response = content.bytes.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, content.media_type),
        (CACHE_CONTROL, caching),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "same-origin"),
        (VARY, "accept-encoding"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if content.is_gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
