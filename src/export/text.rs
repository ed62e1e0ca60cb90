//! Texts of strangers, in the notation of each form.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write as _;

/// Octets as a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown<'t> {
    pub(super) text: Cow<'t, str>,
    /// Whether the octets follow from the text. A backslash before an `x` looks like an octet that was written so.
    pub(super) is_exact: bool,
}

impl Shown<'_> {
    /// The same for XML, whose readers often drop blanks at the ends.
    pub(super) fn is_exact_in_xml(&self) -> bool {
        self.is_exact && self.text.trim() == self.text
    }
}

/// Writes each octet that is not UTF-8, and those of characters that the form may not hold, as `\xHH`.
pub(super) fn shown(octets: &[u8], may_not_hold: impl Fn(char) -> bool) -> Shown<'_> {
    if let Ok(text) = std::str::from_utf8(octets)
        && !text.contains(&may_not_hold)
    {
        return Shown {
            text: Cow::Borrowed(text),
            // Nearly all texts have no backslash.
            is_exact: memchr::memchr(b'\\', octets).is_none() || !text.contains("\\x"),
        };
    }
    let mut text = String::with_capacity(octets.len() + 16);
    let escape = |text: &mut String, octets: &[u8]| {
        for octet in octets {
            // Writing to a string does not fail.
            write!(text, "\\x{octet:02X}").ok();
        }
    };
    for chunk in octets.utf8_chunks() {
        for character in chunk.valid().chars() {
            if may_not_hold(character) {
                escape(&mut text, character.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                text.push(character);
            }
        }
        escape(&mut text, chunk.invalid());
    }
    Shown {
        text: Cow::Owned(text),
        is_exact: false,
    }
}

/// Whether XML cannot hold a character, not even as a reference, or changes it: parsers turn line ends into others.
pub(super) fn is_not_xml(character: char) -> bool {
    character.is_control() || matches!(character, '\u{FFFE}' | '\u{FFFF}')
}

/// Whether a character would break a line-based table. Most readers split lines before they look at quotes.
pub(super) fn breaks_lines(character: char) -> bool {
    character.is_ascii_control()
}

/// Appends a text to XML, as content or in quotes. It may have only characters that XML can hold.
pub(super) fn xml(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        let entity = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\'' => "&apos;",
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.extend_from_slice(entity.as_bytes());
    }
}

/// Appends `<name>text</name>`.
pub(super) fn element(out: &mut Vec<u8>, name: &str, text: &str) {
    put(out, format_args!("<{name}>"));
    xml(out, text);
    put(out, format_args!("</{name}>"));
}

/// Appends a field of CSV (RFC 4180).
pub(super) fn csv_field(out: &mut Vec<u8>, field: &str) {
    let is_mark = |byte: &u8| matches!(byte, b',' | b'"' | b'\r' | b'\n');
    let has_mark = field.as_bytes().iter().any(is_mark);
    if !has_mark && !field.starts_with([' ', '#']) && !field.ends_with(' ') {
        out.extend_from_slice(field.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in field.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Appends octets as a field of a table that is read line by line.
pub(super) fn csv_octets(out: &mut Vec<u8>, octets: &[u8]) {
    // Nearly all are plain. All of them are looked at, because the processor does that for many at once.
    let is_plain = |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'"');
    let are_plain = octets.iter().fold(true, |all, &byte| all & is_plain(byte));
    if are_plain && !matches!(octets, [b' ' | b'#', ..] | [.., b' ']) {
        out.extend_from_slice(octets);
    } else {
        csv_field(out, &shown(octets, breaks_lines).text);
    }
}

/// Appends formatted text.
pub(super) fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    out.write_fmt(text).ok();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(octets: &[u8], text: &str, is_exact: bool) {
        let shown = shown(octets, is_not_xml);
        assert_eq!((&*shown.text, shown.is_exact), (text, is_exact));
    }

    #[test]
    fn what_xml_cannot_hold_is_written_as_octets() {
        check("Café ☕".as_bytes(), "Café ☕", true);
        check(
            b"a\0b\x01\t\r\n\x7F",
            "a\\x00b\\x01\\x09\\x0D\\x0A\\x7F",
            false,
        );
        check(
            "\u{85}\u{FFFF}".as_bytes(),
            "\\xC2\\x85\\xEF\\xBF\\xBF",
            false,
        );
        check(b"\xFF\xFE\xF0\x9F\x98", "\\xFF\\xFE\\xF0\\x9F\\x98", false);
        check(b"\\x41", "\\x41", false);
        check("\u{2028}".as_bytes(), "\u{2028}", true);
        check(b"", "", true);
    }

    #[test]
    fn fields_of_csv_are_quoted_where_readers_need_it() {
        for (field, written) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("\"", "\"\"\"\""),
            (" blank", "\" blank\""),
            ("#first", "\"#first\""),
            ("=1+1", "=1+1"),
            ("", ""),
        ] {
            let mut out = Vec::new();
            csv_field(&mut out, field);
            assert_eq!(out, written.as_bytes(), "{field}");
        }
    }

    #[test]
    fn marks_of_xml_are_entities() {
        let mut out = Vec::new();
        element(&mut out, "name", "]]></name>&#0;\"'");
        let expected: &[u8] = b"<name>]]&gt;&lt;/name&gt;&amp;#0;&quot;&apos;</name>";
        assert_eq!(out, expected);
    }

    #[track_caller]
    fn check_octets(octets: &[u8]) {
        let (mut quick, mut general) = (Vec::new(), Vec::new());
        csv_octets(&mut quick, octets);
        csv_field(&mut general, &shown(octets, breaks_lines).text);
        assert_eq!(quick, general, "{}", octets.escape_ascii());
    }

    #[test]
    fn plain_octets_become_the_same_field() {
        for octet in 0..=u8::MAX {
            for octets in [
                [octet].as_slice(),
                &[octet, b'a'],
                &[b'a', octet],
                &[b'a', octet, b'a'],
                &[b'\\', octet, b'4'],
            ] {
                check_octets(octets);
            }
        }
        check_octets(b"");
        check_octets("Caf\u{e9}, \u{2028}".as_bytes());
    }

    proptest! {
        #[test]
        fn octets_become_the_same_field(octets in prop::collection::vec(any::<u8>(), 0..=32)) {
            check_octets(&octets);
        }

        #[test]
        fn xml_can_hold_every_name_and_exact_texts_are_the_name(octets in prop::collection::vec(any::<u8>(), 0..=32)) {
            let shown = shown(&octets, is_not_xml);
            prop_assert!(!shown.text.contains(is_not_xml));
            if shown.is_exact {
                prop_assert_eq!(shown.text.as_bytes(), &*octets);
            }
        }
    }
}
