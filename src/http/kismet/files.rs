//! The files of Kismet's page, from a folder that the configuration names. They are Kismet's and not part of scanpost.
//!
//! The page asks for data by paths relative to its own, so Kismet's interface answers below the page too: the splitter of
//! extensions takes [`PAGE`] off the paths of the interface.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::http::error::ApiError;
use crate::http::request::path::Argument;
use crate::http::state::FileReads;

/// Where the page is served.
pub(in crate::http) const PAGE: &str = "/kismet";
const INDEX: &str = "index.html";
/// Largest file that is served, in bytes. Kismet's largest has some hundred KiB.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Longest path in bytes.
const PATH_BYTES_MAX: usize = 512;

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The folder cannot be opened.
    #[error("ui.kismet_dir: cannot open the folder {}: name the folder with the files of Kismet's page, or leave the setting empty", path.display())]
    Open {
        /// As configured.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// It is another folder, or none.
    #[error("ui.kismet_dir: {} has no index.html: name the folder with the files of Kismet's page, or leave the setting empty", path.display())]
    NoIndex {
        /// As configured.
        path: PathBuf,
    },
}

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct PageFiles {
    /// Without symbolic links in it.
    root: Arc<Path>,
}

/// A file as it was read.
struct Content {
    bytes: Vec<u8>,
    modified_at: Option<SystemTime>,
}

impl PageFiles {
    /// The folder that the configuration names, if it names one.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, PageError> {
        if path.as_os_str().is_empty() {
            return Ok(None);
        }
        let root = path.canonicalize().map_err(|source| PageError::Open {
            path: path.to_owned(),
            source,
        })?;
        if !root.join(INDEX).is_file() {
            return Err(PageError::NoIndex {
                path: path.to_owned(),
            });
        }
        Ok(Some(Self { root: root.into() }))
    }

    /// Reads a file. Returns `None` if it does not exist, or if a link leads to a hidden file or out of the folder.
    fn read(&self, path: &str) -> Result<Option<Content>, ApiError> {
        // Links within the folder are followed: packages of distributions have some.
        let Ok(real) = self.root.join(path).canonicalize() else {
            return Ok(None);
        };
        let is_shown = |below: &Path| below.to_str().is_some_and(is_plain);
        let below = real.strip_prefix(&*self.root);
        // A pipe would be waited for.
        if !below.is_ok_and(is_shown) || !real.is_file() {
            return Ok(None);
        }
        let file = File::open(&real).map_err(ApiError::File)?;
        let metadata = file.metadata().map_err(ApiError::File)?;
        if !metadata.is_file() || FILE_BYTES_MAX < metadata.len() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let mut file = file.take(FILE_BYTES_MAX);
        file.read_to_end(&mut bytes).map_err(ApiError::File)?;
        Ok(Some(Content {
            bytes,
            modified_at: metadata.modified().ok(),
        }))
    }
}

/// `GET /kismet`: leads to the page, whose own paths are relative.
pub(in crate::http) async fn redirect() -> impl IntoResponse {
    (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, "kismet/")])
}

/// `GET /kismet/`: the page.
pub(in crate::http) async fn index(
    page: State<Option<PageFiles>>,
    files: FileReads,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    answer(page, files, INDEX.to_owned(), &headers).await
}

/// `GET /kismet/{path}`: a file of the page.
pub(in crate::http) async fn file(
    page: State<Option<PageFiles>>,
    files: FileReads,
    Argument(path): Argument,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    answer(page, files, path, &headers).await
}

async fn answer(
    State(page): State<Option<PageFiles>>,
    files: FileReads,
    path: String,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let page = page.ok_or(ApiError::NoKismetPage)?;
    if !is_plain(&path) {
        return Err(ApiError::NoSuchFile);
    }
    let media_type = media_type(&path);
    let content = files.read(move || page.read(&path)).await??;
    let Content { bytes, modified_at } = content.ok_or(ApiError::NoSuchFile)?;
    let modified_at = modified_at.map(httpdate::fmt_http_date);
    let is_known = modified_at
        .as_deref()
        .is_some_and(|modified_at| is_known(headers, modified_at));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, media_type)], bytes).into_response()
    };
    if let Some(value) = modified_at.and_then(|text| HeaderValue::try_from(text).ok()) {
        response.headers_mut().insert(LAST_MODIFIED, value);
    }
    Ok(response)
}

/// Whether the client has the file by its time. A tag tells it better, for files that have one.
fn is_known(headers: &HeaderMap, modified_at: &str) -> bool {
    let time = |text: &str| httpdate::parse_http_date(text).ok();
    let since = headers
        .get(IF_MODIFIED_SINCE)
        .and_then(|value| time(value.to_str().ok()?));
    !headers.contains_key(IF_NONE_MATCH)
        && since
            .zip(time(modified_at))
            .is_some_and(|(since, modified_at)| modified_at < since + Duration::from_secs(1))
}

/// Whether a path names a file below the folder, and none that is hidden.
fn is_plain(path: &str) -> bool {
    let is_part = |part: &str| {
        let is_allowed =
            |character: char| !character.is_control() && !matches!(character, '\\' | ':');
        !part.is_empty() && !part.starts_with('.') && part.chars().all(is_allowed)
    };
    path.len() <= PATH_BYTES_MAX && path.split('/').all(is_part)
}

/// The media type by the extension.
fn media_type(path: &str) -> &'static str {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension);
    let extension = extension.unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "js" | "mjs" => "application/javascript",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "eot" => "application/vnd.ms-fontobject",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "wav" => "audio/wav",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_the_folder() {
        for plain in ["index.html", "js/kismet.ui.js", "css/a b.css"] {
            assert!(is_plain(plain), "{plain}");
        }
        for other in [
            "",
            "/",
            "a/",
            "/etc/passwd",
            "..",
            "../a",
            "a/../b",
            "a/./b",
            ".git/config",
            "a//b",
            "a\\b",
            "c:/a",
            "a\0b",
        ] {
            assert!(!is_plain(other), "{other:?}");
        }
        assert!(!is_plain(&"a".repeat(PATH_BYTES_MAX + 1)));
    }
}
