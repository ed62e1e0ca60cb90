//! The forms in which Kismet's reads answer, chosen by the extension of the path.

use axum::http::Uri;

use crate::http::error::ApiError;
use crate::http::request::url::{with_path, without_prefix};
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
    pub(super) fn of_extension(extension: &str) -> Option<Self> {
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

/// Where the extension says nothing of the form.
const WITHOUT_FORMAT: [&str; 5] = [
    "/phy/phy80211/scan/",
    "/phy/phybluetooth/scan/",
    "/auth/apikey/generate.cmd",
    "/auth/apikey/revoke.cmd",
    "/api/",
];

/// Takes the extension off a path, so that one route stands for all forms; and takes a prefix off
/// where it is there.
pub(in crate::http) fn split(uri: &Uri, prefix: &str) -> Option<(Uri, Option<Format>)> {
    let path = uri.path();
    let shown = without_prefix(path, prefix);
    if WITHOUT_FORMAT
        .iter()
        .any(|prefix| shown.starts_with(prefix))
    {
        return (shown != path).then(|| (with_path(uri, shown), None));
    }
    let format = shown.rsplit_once('.').and_then(|(stem, extension)| {
        let is_named = !stem.ends_with('/') && !stem.is_empty();
        Format::of_extension(extension)
            .filter(|_| is_named)
            .map(|format| (stem, format))
    });
    match format {
        Some((stem, format)) => Some((with_path(uri, stem), Some(format))),
        None => (shown != path).then(|| (with_path(uri, shown), None)),
    }
}

/// The format, for routes that ask for one.
pub(in crate::http) fn required(format: Option<&Format>) -> Result<Format, ApiError> {
    format.copied().ok_or(ApiError::NoSuchPath)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: &str, to: &str, format: Option<Format>) {
        check_with("", from, to, format);
    }

    #[track_caller]
    fn check_with(prefix: &str, from: &str, to: &str, format: Option<Format>) {
        let uri: Uri = from.parse().unwrap();
        let (split, found) = split(&uri, prefix).unwrap_or((uri, None));
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
        check("/api/v1/x.json", "/api/v1/x.json", None);
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
        check("/k/s/api/v1/x.json", "/api/v1/x.json", None);
    }
}
