//! JSON as Kismet writes it.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Appends `value` to `out`.
pub fn to_json(out: &mut Vec<u8>, value: &impl Serialize) {
    // Writing to memory does not fail, and every record here has text for keys.
    value
        .serialize(&mut Serializer::with_formatter(out, Kismet))
        .ok();
}

/// A blank behind every colon; floats without a fraction as integers, others with six decimals (`json_adapter.h`).
struct Kismet;

impl Formatter for Kismet {
    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        if value.fract() == 0.0 {
            write!(writer, "{value:.0}")
        } else {
            write!(writer, "{value:.6}")
        }
    }
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
    fn numbers_and_objects_look_like_kismets() {
        check(&2_437_000.0, "2437000");
        check(&0.016_666_666, "0.016667");
        check(&-122.25, "-122.250000");
        check(&f64::NAN, "null");
        check(
            &std::collections::BTreeMap::from([("a", 1), ("b", 2)]),
            "{\"a\": 1,\"b\": 2}",
        );
        check(&[1, 2], "[1,2]");
        check(&"a\"b\\c\u{7}", "\"a\\\"b\\\\c\\u0007\"");
    }
}
