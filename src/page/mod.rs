//! The files of the web page, from `web/`. Release builds hold them; debug builds read them from disk.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use twox_hash::XxHash3_64;

/// The files with their paths below `web/`. `None` in debug builds.
const EMBEDDED: Option<&[(&str, &[u8])]> = include!(concat!(env!("OUT_DIR"), "/page_files.rs"));
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/web");
const SHELL: &str = "index.html";
/// Stands for the version in addresses where the files may change at any time.
const UNVERSIONED: &str = "dev";
/// Longest path of a file in bytes.
const PATH_BYTES_MAX: usize = 128;

/// The page.
#[derive(Clone, Debug)]
pub(crate) struct WebPage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    files: BTreeMap<&'static str, Held>,
    version: String,
    uri_prefix: String,
}

/// A file in the program.
#[derive(Debug)]
struct Held {
    bytes: &'static [u8],
    /// Made when the first client asks for it.
    gzip: OnceLock<Bytes>,
}

/// A file as a client gets it.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) bytes: Bytes,
    pub(crate) is_gzip: bool,
    pub(crate) media_type: &'static str,
}

impl WebPage {
    /// `uri_prefix` is what the address of the server ends with, as clients see it.
    pub(crate) fn new(uri_prefix: &str) -> Self {
        let held = |&(name, bytes): &(&'static str, &'static [u8])| {
            let gzip = OnceLock::new();
            (name, Held { bytes, gzip })
        };
        Self(Arc::new(Inner {
            files: EMBEDDED.unwrap_or_default().iter().map(held).collect(),
            version: EMBEDDED.map_or_else(|| UNVERSIONED.to_owned(), version),
            uri_prefix: uri_prefix.to_owned(),
        }))
    }

    /// Whether what is at an address with this version never changes.
    pub(crate) fn is_final(&self, version: &str) -> bool {
        EMBEDDED.is_some() && version == self.0.version
    }

    /// The document in which all views are shown.
    pub(crate) fn shell(&self, takes_gzip: bool) -> io::Result<Content> {
        let not_found = || io::Error::new(io::ErrorKind::NotFound, "web/index.html is missing");
        let (bytes, _) = self.bytes(SHELL)?.ok_or_else(not_found)?;
        let Inner {
            version,
            uri_prefix,
            ..
        } = &*self.0;
        let text = String::from_utf8_lossy(&bytes)
            .replace("{{assets}}", &format!("{uri_prefix}/ui/assets/{version}"))
            .replace("{{prefix}}", uri_prefix);
        content(SHELL, text.into(), None, takes_gzip)
    }

    /// A file by its path below `web/`. `None` if there is none.
    pub(crate) fn file(&self, path: &str, takes_gzip: bool) -> io::Result<Option<Content>> {
        if path == SHELL || !is_plain(path) {
            return Ok(None);
        }
        let Some((bytes, held)) = self.bytes(path)? else {
            return Ok(None);
        };
        content(path, bytes, held.map(|held| &held.gzip), takes_gzip).map(Some)
    }

    fn bytes(&self, path: &str) -> io::Result<Option<(Bytes, Option<&Held>)>> {
        if EMBEDDED.is_some() {
            let held = self.0.files.get(path);
            return Ok(held.map(|held| (Bytes::from_static(held.bytes), Some(held))));
        }
        let file = Path::new(FOLDER).join(path);
        if !file.is_file() {
            return Ok(None);
        }
        Ok(Some((std::fs::read(file)?.into(), None)))
    }
}

fn content(
    path: &str,
    bytes: Bytes,
    kept: Option<&OnceLock<Bytes>>,
    takes_gzip: bool,
) -> io::Result<Content> {
    let known = kept.and_then(OnceLock::get);
    let bytes = match (takes_gzip, known) {
        (false, _) => bytes,
        (true, Some(gzip)) => gzip.clone(),
        (true, None) => {
            let made = gzip(&bytes)?;
            match kept {
                Some(kept) => kept.get_or_init(|| made).clone(),
                None => made,
            }
        }
    };
    Ok(Content {
        bytes,
        is_gzip: takes_gzip,
        media_type: media_type(path),
    })
}

fn gzip(bytes: &[u8]) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.into())
}

/// A version that changes with any file.
fn version(files: &[(&str, &[u8])]) -> String {
    let mut all = Vec::new();
    for (name, bytes) in files {
        all.extend_from_slice(name.as_bytes());
        all.extend_from_slice(&XxHash3_64::oneshot(bytes).to_be_bytes());
    }
    format!("{:016x}", XxHash3_64::oneshot(&all))
}

/// Whether a path names a file below the folder, and none that is hidden.
fn is_plain(path: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_part =
        |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_allowed);
    path.len() <= PATH_BYTES_MAX && path.split('/').all(is_part)
}

/// The media type by the extension.
fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_the_folder() {
        for plain in ["app.js", "lang/en/devices.json", "vendor/lit.js"] {
            assert!(is_plain(plain), "{plain}");
        }
        for other in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../Cargo.toml",
            "lib/../../Cargo.toml",
            "lib/./api.js",
            ".hidden",
            "lib//api.js",
            "lib\\api.js",
            "c:/a",
            "a\0b",
            "a b",
        ] {
            assert!(!is_plain(other), "{other:?}");
        }
        assert!(!is_plain(&"a".repeat(PATH_BYTES_MAX + 1)));
    }

    #[test]
    fn the_version_changes_with_any_file() {
        let base = version(&[("a", b"1"), ("b", b"2")]);
        assert_eq!(base.len(), 16);
        for other in [
            [("a", b"1"), ("b", b"3")],
            [("a", b"2"), ("b", b"1")],
            [("a", b"1"), ("c", b"2")],
        ] {
            let other: Vec<(&str, &[u8])> = other.map(|(name, bytes)| (name, &bytes[..])).into();
            assert_ne!(version(&other), base);
        }
    }
}
