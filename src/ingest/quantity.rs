//! Numbers as people and programs write them: with units, decimal commas and words for "not known".

/// A number and the unit behind it, as written. An empty unit is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quantity<'t> {
    pub(crate) value: f64,
    pub(crate) unit: &'t str,
}

/// The text holds no number, though it is no word for "not known" either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a number, found other text")]
pub(crate) struct NotANumber;

/// Words for "not known", in lower case. Bridges and scripts fill in what they do not know with them.
const UNKNOWN: [&str; 13] = [
    "",
    "-",
    "--",
    "?",
    "n/a",
    "na",
    "nan",
    "-nan",
    "none",
    "null",
    "nil",
    "unknown",
    "undefined",
];
/// The longest text that is looked at, in bytes.
const BYTES_MAX: usize = 64;

/// Reads a number. `None` is "not known".
pub(crate) fn quantity(text: &str) -> Result<Option<Quantity<'_>>, NotANumber> {
    let text = text.trim();
    if let Ok(value) = text.parse::<f64>() {
        // Infinity is what C and Python write for a division by zero.
        return Ok(value.is_finite().then_some(Quantity { value, unit: "" }));
    }
    if text.contains('\0') {
        return quantity(before_nul(text));
    }
    if BYTES_MAX < text.len() {
        return Err(NotANumber);
    }
    if is_unknown(text) {
        return Ok(None);
    }
    let unit_at = text
        .char_indices()
        .find(|&(at, character)| !is_of_number(text, at, character))
        .map_or(text.len(), |(at, _)| at);
    let (number, unit) = text.split_at_checked(unit_at).ok_or(NotANumber)?;
    let number: String = number.trim().chars().map(ascii).collect();
    let number = one_point(&number).ok_or(NotANumber)?;
    let value = number.parse::<f64>().map_err(|_| NotANumber)?;
    let unit = unit.trim();
    let is_unit = |character: char| character.is_alphabetic() || " %°/µ".contains(character);
    if !value.is_finite() || !unit.chars().all(is_unit) {
        return Err(NotANumber);
    }
    Ok(Some(Quantity { value, unit }))
}

/// The text of a C string that was sent with its end, or with all of its buffer.
pub(crate) fn before_nul(text: &str) -> &str {
    text.split('\0').next().unwrap_or_default()
}

/// Whether a text says that a value is not known.
pub(crate) fn is_unknown(text: &str) -> bool {
    let text = before_nul(text).trim();
    UNKNOWN.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether the character belongs to the number. An `e` does where digits follow: `5e3`, but not `5 east`.
fn is_of_number(text: &str, at: usize, character: char) -> bool {
    match character {
        'e' | 'E' => {
            let after = text.get(at + 1..).unwrap_or_default();
            let after = after.strip_prefix(['+', '-']).unwrap_or(after);
            after.starts_with(|next: char| next.is_ascii_digit())
        }
        ' ' => false,
        _ => ascii(character).is_ascii_digit() || "+-.,".contains(ascii(character)),
    }
}

/// Digits as phones in Arabic and Persian write them, and the signs that typography prefers.
fn ascii(character: char) -> char {
    let digit = |zero: u32| {
        let number = u32::from(character).checked_sub(zero)?;
        char::from_digit(number, 10)
    };
    match character {
        '\u{2212}' | '\u{2013}' => '-',
        '\u{66b}' => '.',
        '\u{66c}' => ',',
        _ => digit(0x660).or_else(|| digit(0x6f0)).unwrap_or(character),
    }
}

/// The number with a decimal point and nothing between thousands. Of a comma and a point, the last is the decimal one.
/// A comma alone is decimal, and several part groups of three digits.
fn one_point(number: &str) -> Option<String> {
    let is_grouped = |whole: &str, mark: char| {
        let mut groups = whole.split(mark);
        groups.next();
        groups.all(|group| group.len() == 3)
    };
    let (mark, decimal) = match (number.rfind(','), number.rfind('.')) {
        (None, _) => return Some(number.to_owned()),
        (Some(comma), Some(point)) if point < comma => ('.', Some(comma)),
        (Some(_), Some(point)) => (',', Some(point)),
        (Some(comma), None) if number.find(',') == Some(comma) => ('.', Some(comma)),
        (Some(_), None) => (',', None),
    };
    let (whole, fraction) = number.split_at_checked(decimal.unwrap_or(number.len()))?;
    let digits = fraction.get(1..).unwrap_or_default();
    is_grouped(whole, mark).then(|| format!("{}.{digits}", whole.replace(mark, "")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, value: f64, unit: &str) {
        assert_eq!(quantity(text), Ok(Some(Quantity { value, unit })), "{text}");
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        check("-61", -61.0, "");
        check(" 2437000.0 ", 2_437_000.0, "");
        check("-61 dBm", -61.0, "dBm");
        check("-61dBm", -61.0, "dBm");
        check("40,7128", 40.7128, "");
        check("-74,0060", -74.006, "");
        check("12.3 m", 12.3, "m");
        check("2,437,000", 2_437_000.0, "");
        check("1,234.5", 1234.5, "");
        check("1.234,5", 1234.5, "");
        check("2.437.000,0", 2_437_000.0, "");
        check("\u{2212}61", -61.0, "");
        check("٤٠٫٧١٢٨", 40.7128, "");
        check("۴۰", 40.0, "");
        check("5e3", 5000.0, "");
        check("5 km/h", 5.0, "km/h");
        check("40.7128°", 40.7128, "°");
        check("+3", 3.0, "");
        check("-50\0", -50.0, "");
        check(" -50 dBm \0\0", -50.0, "dBm");
        check("-50\0garbage", -50.0, "");
    }

    #[test]
    fn words_for_not_known_are_none() {
        for text in [
            "",
            " ",
            "N/A",
            "null",
            "NaN",
            "-",
            "unknown",
            "inf",
            "-Infinity",
            "\0",
            "N/A\0",
        ] {
            assert_eq!(quantity(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn other_text_is_no_number() {
        for text in [
            "x", "far", "1.2.3", "1,23,4", "1,2.3", "1.2,3,4", "--5", "5 ; rm", "1 2", "0x10",
            "four",
        ] {
            assert_eq!(quantity(text), Err(NotANumber), "{text}");
        }
        let long = "1".repeat(BYTES_MAX) + " m";
        assert_eq!(quantity(&long), Err(NotANumber));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[-+0-9.,eE °٣m]{0,24}|\\PC{0,24}") {
            if let Ok(Some(read)) = quantity(&text) {
                prop_assert!(read.value.is_finite());
            }
        }

        #[test]
        fn every_number_comes_back(value in -1e12..1e12) {
            let text = format!("{value} dBm");
            let read = quantity(&text);
            prop_assert_eq!(read, Ok(Some(Quantity { value, unit: "dBm" })));
        }
    }
}
