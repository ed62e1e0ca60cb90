//! JSON as Kismet writes it.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Variants of Kismet's JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether dots in names become underscores, because Elasticsearch reads a dot as a path.
    pub underscores: bool,
}

/// Appends `value` to `out`.
pub fn to_json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    to_json_as(out, value, Style::default());
}

/// Appends `value` to `out` in a given style.
pub fn to_json_as(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized), style: Style) {
    let formatter = Kismet {
        style,
        is_key: false,
    };
    // Writing to memory cannot fail, and all keys of these records are strings.
    value
        .serialize(&mut Serializer::with_formatter(out, formatter))
        .ok();
}

/// Characters at which Python's `splitlines` and old JavaScript end a line. Clients read lists line by line, and an
/// attacker may put these into an SSID.
const LINE_ENDS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// A space after each colon; floats without a fraction as integers, others with six decimals (`json_adapter.h`).
struct Kismet {
    style: Style,
    is_key: bool,
}

impl Formatter for Kismet {
    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.is_key = true;
        if first {
            Ok(())
        } else {
            writer.write_all(b",")
        }
    }

    fn end_object_key<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.is_key = false;
        Ok(())
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let name;
        let fragment = if self.style.underscores && self.is_key {
            name = fragment.replace('.', "_");
            &name
        } else {
            fragment
        };
        // Most texts are ASCII, whose line ends are escaped anyway.
        if fragment.is_ascii() {
            return writer.write_all(fragment.as_bytes());
        }
        fragment
            .split_inclusive(LINE_ENDS)
            .try_for_each(|piece| match piece.chars().next_back() {
                Some(end) if LINE_ENDS.contains(&end) => {
                    let text = piece.strip_suffix(end).unwrap_or_default();
                    write!(writer, "{text}\\u{:04x}", u32::from(end))
                }
                _ => writer.write_all(piece.as_bytes()),
            })
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        if value.fract() == 0.0 {
            // Most are frequencies and zeros. Formatting a float costs ten times as much as an integer.
            match exact_integer(value) {
                Some(integer) => self.write_i64(writer, integer),
                None => write!(writer, "{value:.0}"),
            }
        } else {
            write!(writer, "{value:.6}")
        }
    }
}

/// The integer that a float without a fraction is, if it is one that both types have. Negative zero is not.
fn exact_integer(value: f64) -> Option<i64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let is_exact = value.abs() <= EXACT_MAX && !(value == 0.0 && value.is_sign_negative());
    #[expect(
        clippy::cast_possible_truncation,
        reason = "integers up to 2^53 are the same in both types"
    )]
    is_exact.then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &impl Serialize, expected: &str) {
        let mut out = Vec::new();
        to_json(&mut out, value);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn names_lose_their_dots_and_values_keep_them() {
        let mut out = Vec::new();
        let value = serde_json::json!({ "a.b": "c.d", "e.f": { "g.h": [1.5] } });
        to_json_as(&mut out, &value, Style { underscores: true });
        let expected = "{\"a_b\": \"c.d\",\"e_f\": {\"g_h\": [1.500000]}}";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn numbers_and_objects_look_like_kismets() {
        check(&2_437_000.0, "2437000");
        check(&0.016_666_666, "0.016667");
        check(&-122.25, "-122.250000");
        check(&0.0, "0");
        check(&-0.0, "-0");
        check(&-9_007_199_254_740_992.0, "-9007199254740992");
        check(&1e17, "100000000000000000");
        check(&f64::NAN, "null");
        check(
            &std::collections::BTreeMap::from([("a", 1), ("b", 2)]),
            "{\"a\": 1,\"b\": 2}",
        );
        check(&[1, 2], "[1,2]");
        check(&"a\"b\\c\u{7}", "\"a\\\"b\\\\c\\u0007\"");
    }

    #[test]
    fn no_text_ends_a_line() {
        check(&"ü\u{2028}\u{2029}a\u{85}", r#""ü\u2028\u2029a\u0085""#);
        check(&"\u{85}\n", r#""\u0085\n""#);
    }
}
