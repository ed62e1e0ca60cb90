//! The forms in which Kismet's reads answer, chosen by the extension of the path.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::Uri;

use crate::http::error::ApiError;
use crate::http::kismet::files::PAGE;
use crate::http::request::url::{with_path, without_prefix};
use crate::http::response::json::NDJSON;
use crate::http::route::{Extension, Route, Tag};
use crate::views::{Spreader, Style};

/// A form of an answer (`json_adapter.h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::http) enum Format {
    /// One value.
    #[default]
    Json,
    /// One value, with underscores for the dots in names.
    Underscores,
    /// One value, spread over lines.
    Pretty,
    /// The items of a list, one a line.
    Lines,
    /// The same, with underscores for the dots in names.
    LinesUnderscores,
}

impl Format {
    pub(in crate::http::kismet) fn of_extension(extension: &str) -> Option<Self> {
        match extension {
            "json" | "cmd" | "jcmd" => Some(Self::Json),
            "tjson" => Some(Self::Underscores),
            "prettyjson" => Some(Self::Pretty),
            "itjson" => Some(Self::Lines),
            "ekjson" => Some(Self::LinesUnderscores),
            _ => None,
        }
    }

    pub(in crate::http::kismet) fn style(self) -> Style {
        Style {
            underscores: matches!(self, Self::Underscores | Self::LinesUnderscores),
        }
    }

    /// What stands around and between the items of a list.
    pub(in crate::http) fn brackets(self) -> Brackets {
        match self {
            Self::Json | Self::Underscores | Self::Pretty => Brackets {
                open: b"[",
                between: b",",
                after_each: b"",
                close: b"]",
            },
            Self::Lines | Self::LinesUnderscores => Brackets {
                open: b"",
                between: b"",
                after_each: b"\n",
                close: b"",
            },
        }
    }

    /// The same for a list that stands within an object, which is one however its lines end.
    pub(in crate::http::kismet) fn brackets_within(self, before: &[u8]) -> Brackets {
        match before {
            [] => self.brackets(),
            _ => Self::Json.brackets(),
        }
    }

    /// Finishes what was written in compact form.
    pub(in crate::http) fn finish(self, compact: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Pretty => Spreader::default().spread(&compact),
            _ => compact,
        }
    }
}

/// What stands around and between the items of a list.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Brackets {
    pub(in crate::http) open: &'static [u8],
    pub(in crate::http) between: &'static [u8],
    pub(in crate::http::kismet) after_each: &'static [u8],
    pub(in crate::http) close: &'static [u8],
}

impl Brackets {
    /// The media type of a list in these brackets.
    pub(in crate::http::kismet) fn content_type(self) -> &'static str {
        match self.after_each {
            [] => "application/json",
            _ => NDJSON,
        }
    }
}

/// Takes the extension off paths, so that one route stands for all forms, and the prefix that a proxy leaves there.
#[derive(Clone, Debug)]
pub(in crate::http) struct ExtensionSplitter {
    /// What the address of the server ends with, as clients see it.
    prefix: Arc<str>,
    /// How the paths begin of which the extension is a part.
    whole: Arc<[&'static str]>,
    /// What the paths of Kismet's interface begin with, if they answer below [`PAGE`] too.
    below_page: Arc<[&'static str]>,
}

impl ExtensionSplitter {
    /// `has_page` tells whether Kismet's page is served.
    pub(in crate::http) fn new(table: &[Route], prefix: &str, has_page: bool) -> Self {
        let whole = table
            .iter()
            .filter(|route| route.extension == Extension::InPath);
        let mut whole: Vec<_> = whole.map(|route| fixed_part(route.path)).collect();
        whole.sort_unstable();
        // One that begins with another is covered by it, and stands behind it.
        whole.dedup_by(|longer, shorter| longer.starts_with(*shorter));
        Self {
            prefix: prefix.into(),
            whole: whole.into(),
            below_page: if has_page {
                below_page(table)
            } else {
                Arc::default()
            },
        }
    }

    /// Puts the form of the answer beside the request, if the extension names one.
    pub(in crate::http) fn split(&self, mut request: Request) -> Request {
        if let Some((uri, format)) = self.split_uri(request.uri()) {
            *request.uri_mut() = uri;
            if let Some(format) = format {
                request.extensions_mut().insert(format);
            }
        }
        request
    }

    fn split_uri(&self, uri: &Uri) -> Option<(Uri, Option<Format>)> {
        let path = uri.path();
        let shown = self.without_page(without_prefix(path, &self.prefix));
        match self.form_of(shown) {
            Some((stem, format)) => Some((with_path(uri, stem), Some(format))),
            None => (shown != path).then(|| (with_path(uri, shown), None)),
        }
    }

    /// Takes [`PAGE`] off a path of Kismet's interface. Other paths below it are files.
    fn without_page<'p>(&self, path: &'p str) -> &'p str {
        let Some(below) = path.strip_prefix(PAGE) else {
            return path;
        };
        match first_word(below) {
            Some(word) if self.below_page.binary_search(&word).is_ok() => below,
            _ => path,
        }
    }

    fn form_of<'p>(&self, path: &'p str) -> Option<(&'p str, Format)> {
        let (stem, extension) = path.rsplit_once('.')?;
        let format = Format::of_extension(extension)?;
        let is_named = !stem.ends_with('/') && !stem.is_empty();
        let is_whole = self.whole.iter().any(|whole| path.starts_with(whole));
        (is_named && !is_whole).then_some((stem, format))
    }
}

/// The first words of all paths of Kismet's interface, in order.
fn below_page(table: &[Route]) -> Arc<[&'static str]> {
    let is_kismets = |route: &&Route| {
        let tag = route.documentation.tag;
        // The native interface has a login too.
        matches!(tag, Tag::Kismet | Tag::Credentials | Tag::Reports)
            && !route.path.starts_with(PAGE)
            && !route.path.starts_with("/api/")
    };
    let words = table.iter().filter(is_kismets);
    let mut words: Vec<_> = words.filter_map(|route| first_word(route.path)).collect();
    words.sort_unstable();
    words.dedup();
    words.into()
}

/// The first part of a path without its extension. `None` for the root, and for what does not begin with a slash.
fn first_word(path: &str) -> Option<&str> {
    let word = path.strip_prefix('/')?.split(['/', '.']).next()?;
    (!word.is_empty()).then_some(word)
}

/// What stands before the first argument of a path.
fn fixed_part(path: &'static str) -> &'static str {
    path.split_once('{').map_or(path, |(fixed, _)| fixed)
}

/// The format, for routes that ask for one.
pub(in crate::http) fn required(format: Option<&Format>) -> Result<Format, ApiError> {
    format.copied().ok_or(ApiError::NoSuchPath)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::routes::table;

    #[track_caller]
    fn check(from: &str, to: &str, format: Option<Format>) {
        check_with("", from, to, format);
    }

    #[track_caller]
    fn check_with(prefix: &str, from: &str, to: &str, format: Option<Format>) {
        let uri: Uri = from.parse().unwrap();
        let splitter = ExtensionSplitter::new(&table(), prefix, true);
        let (split, found) = splitter.split_uri(&uri).unwrap_or((uri, None));
        assert_eq!((split.to_string().as_str(), found), (to, format), "{from}");
    }

    #[test]
    fn the_extension_chooses() {
        check("/a/b.json?c=d.json", "/a/b?c=d.json", Some(Format::Json));
        check("/a/b.ekjson", "/a/b", Some(Format::LinesUnderscores));
        check("/a/b.cmd", "/a/b", Some(Format::Json));
        check("/a/b.xyz", "/a/b.xyz", None);
        check("/a/b", "/a/b", None);
        check("/a/.json", "/a/.json", None);
        check("/a.json/b", "/a.json/b", None);
        check(
            "/phy/phy80211/scan/x.json",
            "/phy/phy80211/scan/x.json",
            None,
        );
        check("/api/v1/sources.json", "/api/v1/sources.json", None);
        check("/api/v1/devices/a.json", "/api/v1/devices/a.json", None);
        check("/auth/apikey/revoke.cmd", "/auth/apikey/revoke.cmd", None);
        check(
            "/auth/apikey/list.ekjson",
            "/auth/apikey/list",
            Some(Format::LinesUnderscores),
        );
    }

    #[test]
    fn a_prefix_is_taken_off_where_it_is_there() {
        let check = |from, to, format| check_with("/k/s", from, to, format);
        check("/k/s/a/b.json?k/s", "/a/b?k/s", Some(Format::Json));
        check("/a/b.json", "/a/b", Some(Format::Json));
        check("/k/s", "/", None);
        check("/k/s/", "/", None);
        check("/k/sa", "/k/sa", None);
        check("/k", "/k", None);
        check("/a/k/s/b", "/a/k/s/b", None);
        check("/k/s/k/s/b", "/k/s/b", None);
        check("/k/s/api/v1/ssids.json", "/api/v1/ssids.json", None);
    }

    #[test]
    fn the_interface_answers_below_the_page_and_files_stay_files() {
        let json = Some(Format::Json);
        check("/kismet/system/status.json?a", "/system/status?a", json);
        check("/kismet/devices/monitor.ws", "/devices/monitor.ws", None);
        check("/kismet/dynamic.js", "/dynamic.js", None);
        check("/kismet/session/check_login", "/session/check_login", None);
        for file in [
            "/kismet/",
            "/kismet",
            "/kismet/js/kismet.ui.js",
            "/kismet/index.html",
            "/kismet/systems.json",
            "/kismet/api/v1/devices",
            "/kismet/kismet/system/status.json",
        ] {
            check(file, file, None);
        }
        check_with("/k", "/k/kismet/gps/location.json", "/gps/location", json);
        let without = ExtensionSplitter::new(&table(), "", false);
        let uri: Uri = "/kismet/system/status.json".parse().unwrap();
        assert_eq!(without.split_uri(&uri), None);
    }

    /// Else a route whose form the extension chooses would never see it.
    #[test]
    fn no_path_that_is_taken_whole_begins_like_one_that_is_split() {
        let table = table();
        let splitter = ExtensionSplitter::new(&table, "", true);
        for route in &table {
            let begins_alike = splitter
                .whole
                .iter()
                .any(|whole| route.path.starts_with(whole));
            assert_eq!(
                begins_alike,
                route.extension == Extension::InPath,
                "{}",
                route.path
            );
        }
    }
}
