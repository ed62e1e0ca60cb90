//! The form of an answer that a client prefers (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, header};

/// A media range of `Accept`.
struct Range {
    /// In small letters, without parameters.
    kind: String,
    quality_per_mille: u16,
}

/// How much a client wants a form: by quality, then by how exactly it names the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wish {
    quality_per_mille: u16,
    exactness: u8,
}

/// The index of the media type that the client wants most. Of types that it wants alike, the first one counts, and
/// `None` if it wants none of them.
pub(in crate::http) fn preferred(headers: &HeaderMap, offered: &[&str]) -> Option<usize> {
    let ranges = ranges(headers);
    let mut best: Option<(Wish, usize)> = None;
    for (index, kind) in offered.iter().enumerate() {
        let wish = wish(&ranges, essence(kind));
        if let Some(wish) = wish.filter(|wish| 0 < wish.quality_per_mille)
            && best.is_none_or(|(known, _)| known < wish)
        {
            best = Some((wish, index));
        }
    }
    best.map(|(_, index)| index)
}

/// Whether the client takes gzip (RFC 9110, section 12.5.3).
pub(in crate::http) fn takes_gzip(headers: &HeaderMap) -> bool {
    let quality_of = |wanted: &str| {
        let values = headers.get_all(header::ACCEPT_ENCODING).into_iter();
        let values = values.filter_map(|value| value.to_str().ok());
        let mut codings = values.flat_map(|value| value.split(','));
        let coding = codings.find(|coding| essence(coding).eq_ignore_ascii_case(wanted));
        coding.map(quality_per_mille)
    };
    let quality = quality_of("gzip").or_else(|| quality_of("*"));
    quality.is_some_and(|quality| 0 < quality)
}

fn ranges(headers: &HeaderMap) -> Vec<Range> {
    let values = headers.get_all(header::ACCEPT).into_iter();
    let values = values.filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .filter(|range| !range.trim().is_empty())
        .map(|range| Range {
            kind: essence(range).to_ascii_lowercase(),
            quality_per_mille: quality_per_mille(range),
        })
        .collect()
}

/// By the range that names the type most exactly. Of two equal ones the better counts.
fn wish(ranges: &[Range], kind: &str) -> Option<Wish> {
    let group = kind.split('/').next().unwrap_or_default();
    let fitting = ranges.iter().filter_map(|range| {
        let exactness = match range.kind.as_str() {
            "*/*" => 0,
            named if named == kind => 2,
            named if named.strip_suffix("/*") == Some(group) => 1,
            _ => return None,
        };
        Some(Wish {
            quality_per_mille: range.quality_per_mille,
            exactness,
        })
    });
    fitting.max_by_key(|wish| (wish.exactness, wish.quality_per_mille))
}

/// The media type without its parameters.
fn essence(range: &str) -> &str {
    range.split(';').next().unwrap_or_default().trim()
}

/// The weight of a range, 1 if it has none. What cannot be read counts as 1.
fn quality_per_mille(range: &str) -> u16 {
    const WHOLE: u16 = 1000;
    let weights = range.split(';').skip(1).filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("q")
            .then_some(value.trim())
    });
    let Some((whole, decimals)) = weights
        .last()
        .map(|weight| weight.split_once('.').unwrap_or((weight, "")))
    else {
        return WHOLE;
    };
    let decimals = decimals.get(..3).unwrap_or(decimals);
    match (whole, format!("{decimals:0<3}").parse::<u16>()) {
        ("0" | "", Ok(per_mille)) => per_mille,
        _ => WHOLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERED: [&str; 2] = ["application/json", "text/csv; charset=utf-8"];

    #[track_caller]
    fn check(accept: &str, expected: Option<usize>) {
        let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
        assert_eq!(preferred(&headers, &OFFERED), expected, "{accept}");
    }

    #[test]
    fn quality_goes_before_exactness_and_exactness_before_order() {
        for (accept, expected) in [
            ("application/json;q=0.5, text/csv;q=0.501", Some(1)),
            ("application/json;q=0.5, text/csv;q=0.5", Some(0)),
            ("*/*, text/csv", Some(1)),
            ("text/*, */*", Some(1)),
            ("*/*;q=0.9, text/csv;q=0.8", Some(0)),
            (
                "text/csv;q=0.2, text/csv;q=0.7, application/json;q=0.5",
                Some(1),
            ),
            // The exact range counts, though a wider one is better.
            (
                "text/*;q=1, text/csv;q=0.1, application/json;q=0.2",
                Some(0),
            ),
            (
                "Text/CSV ; charset=utf-8 ; Q=0.9, application/json;q=0.8",
                Some(1),
            ),
            ("application/json;q=0, text/csv;q=.001", Some(1)),
            ("application/json;q=0.000, text/csv;q=0", None),
            ("image/png", None),
            ("text/html/*, texts/*, text", None),
            ("text/csv;q=nonsense", Some(1)),
            ("text/csv;q=1.000, application/json;q=0.999", Some(1)),
            (", ,", None),
        ] {
            check(accept, expected);
        }
        assert_eq!(preferred(&HeaderMap::new(), &OFFERED), None);
    }
}
