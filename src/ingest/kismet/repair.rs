//! Repairs what makes one value spoil a whole document, where the meaning is certain.
//!
//! Inside of strings: octets that are no UTF-8 and control characters, which `ArduinoJson` and hand-made JSON write as they
//! are; the `\xNN` that a public feeder copies from `iw`, where `\x` is no escape; and the lone surrogate `\udcNN`, which
//! is how Python writes an octet that is no UTF-8 (PEP 383). Each names one octet. The parser takes UTF-8 only, so an
//! octet that makes no UTF-8 with its neighbours travels through it as a private-use character, and [`bytes`] or
//! [`shown`] turn it back. So does the backslash of `\x5c`, so that nobody takes it for the beginning of an escape. A text
//! that has such a character itself travels as the octets of that character. Half a surrogate pair, which JavaScript
//! writes for a text that was cut inside of an emoji, becomes U+FFFD.
//!
//! Between strings: a word that JSON does not have, such as `06`, `+5` or a number that no float holds, becomes a string, so
//! that it spoils at most itself; `NaN`, `inf`, `None` and the like, and a value that is missing, become null; a comma
//! before a closing bracket goes; a NUL ends the document, as it does for Kismet, which reads a C string.

use std::borrow::Cow;

use crate::report::ShownOctets;

/// The first of 256 private-use characters that stand for one byte each.
const BYTE_MARK: u32 = 0x10_FE00;
/// The character that stands for a backslash, as JSON escapes it.
const STANDS_FOR_BACKSLASH: &[u8] = br"\udbff\ude5c";

/// The next piece of a document, with its length in bytes.
enum Piece {
    /// Bytes that stay as they are.
    Sound(usize),
    /// An escape that names one byte.
    Byte(usize, u8),
    /// An escape that names a backslash.
    Backslash(usize),
    /// An escape of the character that stands for a byte elsewhere.
    StandIn(usize, u8),
    /// Half of a surrogate pair.
    Half(usize),
    /// A word that JSON does not have, such as a number with a leading zero.
    Word(usize),
    /// So many bytes that stand for null.
    Null(usize),
    /// So many bytes that mean nothing.
    Nothing(usize),
    /// So many bytes behind which a value is missing.
    Missing(usize),
}

/// Repairs a document. `None` if there is nothing to repair.
pub(crate) fn repair(json: &[u8]) -> Option<String> {
    let mut repaired = Vec::with_capacity(json.len());
    let mut rest = json;
    let (mut changed, mut is_in_string) = (false, false);
    while let Some(&first) = rest.first() {
        let piece = if is_in_string {
            piece_of_string(rest)
        } else {
            piece_between_strings(rest)
        };
        is_in_string ^= first == b'"';
        changed |= !matches!(piece, Piece::Sound(_) | Piece::StandIn(..));
        let (Piece::Sound(length)
        | Piece::Byte(length, _)
        | Piece::Backslash(length)
        | Piece::StandIn(length, _)
        | Piece::Half(length)
        | Piece::Word(length)
        | Piece::Null(length)
        | Piece::Nothing(length)
        | Piece::Missing(length)) = piece;
        let (text, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        match piece {
            Piece::Sound(_) => repaired.extend_from_slice(text),
            Piece::Byte(_, byte) => push_in_string(&mut repaired, byte),
            Piece::Backslash(_) => repaired.extend_from_slice(STANDS_FOR_BACKSLASH),
            Piece::StandIn(_, byte) => {
                repaired.extend_from_slice(stand_in(byte).encode_utf8(&mut [0; 4]).as_bytes());
            }
            Piece::Half(_) => repaired.extend_from_slice("\u{fffd}".as_bytes()),
            Piece::Word(_) => {
                repaired.push(b'"');
                repaired.extend_from_slice(text);
                repaired.push(b'"');
            }
            Piece::Null(_) => repaired.extend_from_slice(b"null"),
            Piece::Nothing(_) => {}
            Piece::Missing(_) => {
                repaired.extend_from_slice(text);
                repaired.extend_from_slice(b"null");
            }
        }
        rest = after;
    }
    changed |= std::str::from_utf8(&repaired).is_err();
    changed.then(|| mark_what_is_no_utf8(&repaired))
}

fn piece_of_string(rest: &[u8]) -> Piece {
    match rest {
        [b'\\', b'x', ..] => match hex(rest.get(2..4)) {
            Some(b'\\') => Piece::Backslash(4),
            Some(byte) => Piece::Byte(4, byte),
            None => Piece::Byte(1, b'\\'),
        },
        [b'\\', b'u', ..] => match (hex(rest.get(2..4)), hex(rest.get(4..6))) {
            (Some(0xdb), Some(0xff))
                if hex(rest.get(8..10)) == Some(0xde) && is_low_surrogate(rest.get(6..)) =>
            {
                Piece::StandIn(12, hex(rest.get(10..12)).unwrap_or_default())
            }
            (Some(0xd8..=0xdb), Some(_)) if is_low_surrogate(rest.get(6..)) => Piece::Sound(12),
            (Some(0xdc), Some(byte @ 0x80..)) => Piece::Byte(6, byte),
            (Some(0xd8..=0xdf), Some(_)) => Piece::Half(6),
            (Some(_), Some(_)) => Piece::Sound(6),
            _ => Piece::Byte(1, b'\\'),
        },
        // Both bytes of an escape are skipped, so that the second half of `\\\\` begins no escape.
        [
            b'\\',
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
            ..,
        ] => Piece::Sound(2),
        // A backslash that escapes nothing belongs to the name, which somebody pasted into JSON by hand.
        [b'\\', ..] => Piece::Byte(1, b'\\'),
        &[byte @ ..0x20, ..] => Piece::Byte(1, byte),
        _ => Piece::Sound(1),
    }
}

fn is_low_surrogate(escape: Option<&[u8]>) -> bool {
    let escape = escape.unwrap_or_default();
    escape.starts_with(b"\\u")
        && matches!(hex(escape.get(2..4)), Some(0xdc..=0xdf))
        && hex(escape.get(4..6)).is_some()
}

fn piece_between_strings(rest: &[u8]) -> Piece {
    match rest {
        [0, ..] => return Piece::Nothing(rest.len()),
        [b',', after @ ..] if matches!(after.trim_ascii_start(), [b']' | b'}', ..]) => {
            return Piece::Nothing(1);
        }
        [b':', after @ ..] if matches!(after.trim_ascii_start(), [b',' | b'}', ..]) => {
            return Piece::Missing(1);
        }
        _ => {}
    }
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.#()_".contains(byte);
    let length = rest.iter().take_while(|byte| is_of_word(byte)).count();
    let word = rest.get(..length).unwrap_or_default();
    if is_json(word) {
        Piece::Sound(length.max(1))
    } else if is_no_number(word) {
        Piece::Null(length)
    } else {
        Piece::Word(length)
    }
}

/// Whether a word, or none, may stand between strings.
fn is_json(word: &[u8]) -> bool {
    matches!(word, b"" | b"true" | b"false" | b"null")
        || serde_json::from_slice::<f64>(word).is_ok()
}

/// What C, its libraries on Windows, JavaScript and Python write where a number is missing.
fn is_no_number(word: &[u8]) -> bool {
    let word = word.to_ascii_lowercase();
    let word = word.strip_prefix(b"-").unwrap_or(&word);
    let word = word.strip_prefix(b"+").unwrap_or(word);
    matches!(
        word,
        b"inf" | b"infinity" | b"none" | b"undefined" | b"nil" | b"nan"
    ) || word.starts_with(b"nan(")
        || word.starts_with(b"1.#")
}

/// The bytes of a string in a repaired document.
pub(in crate::ingest) fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match marked(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// Writes bytes that are not UTF-8 as `\xNN`, in a string of a repaired document.
pub(super) fn show_bytes(text: &mut Cow<'_, str>) {
    if text.contains(stands_for_byte) {
        *text = Cow::Owned(shown(text));
    }
}

/// A string of a repaired document with `\xNN` for bytes that are not UTF-8.
pub(crate) fn shown(text: &str) -> String {
    ShownOctets(&bytes(text)).to_string()
}

/// The byte that a character stands for, if it is a stand-in.
fn marked(character: char) -> Option<u8> {
    u8::try_from(u32::from(character).checked_sub(BYTE_MARK)?).ok()
}

fn stands_for_byte(character: char) -> bool {
    marked(character).is_some()
}

fn stand_in(byte: u8) -> char {
    char::from_u32(BYTE_MARK + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn hex(digits: Option<&[u8]>) -> Option<u8> {
    crate::hex::byte(digits?)
}

/// Appends a byte to a JSON string, escaped where JSON requires it.
fn push_in_string(json: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' | b'\\' => json.extend_from_slice(&[b'\\', byte]),
        0..0x20 => json.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        _ => json.push(byte),
    }
}

fn mark_what_is_no_utf8(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        // What comes before a stand-in that was sent, and the stand-in.
        for part in chunk.valid().split_inclusive(stands_for_byte) {
            match part.char_indices().next_back() {
                Some((at, last)) if stands_for_byte(last) => {
                    let (before, sent) = part.split_at(at);
                    text.push_str(before);
                    text.extend(sent.bytes().map(stand_in));
                }
                _ => text.push_str(part),
            }
        }
        text.extend(chunk.invalid().iter().copied().map(stand_in));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(json: &str, expected: Option<&[u8]>) {
        let repaired = repair(json.as_bytes()).map(|repaired| {
            let text: String = serde_json::from_str(&repaired).unwrap();
            bytes(&text)
        });
        assert_eq!(repaired.as_deref(), expected, "{json}");
    }

    #[test]
    fn escapes_of_iw_become_the_bytes_they_name() {
        check(r#""Caf\xc3\xa9""#, Some("Café".as_bytes()));
        check(r#""a\xffb""#, Some(b"a\xffb"));
        check(r#""\x00\x22\x5c\x1f""#, Some(b"\0\"\\\x1f"));
    }

    #[test]
    fn a_character_that_stands_for_a_byte_elsewhere_stays_itself() {
        let sent = "\u{10fe29}\u{10fee9}";
        check(&format!("\"{sent}\""), None);
        check(r#""\udbff\ude29""#, None);
        check(
            &format!(r#""{sent}\xff""#),
            Some(&[sent.as_bytes(), b"\xff"].concat()),
        );
        check(
            r#""\udbff\ude29\uDBFF\uDEE9\xff""#,
            Some(&[sent.as_bytes(), b"\xff"].concat()),
        );
        check(r#""\xf4\x8f\xb8\xa9""#, Some("\u{10fe29}".as_bytes()));
        check(
            r#""\udbff\udd29\udbff\udf29\q""#,
            Some("\u{10fd29}\u{10ff29}\\q".as_bytes()),
        );
    }

    #[test]
    fn a_backslash_that_an_escape_named_begins_no_other() {
        let repaired = repair(br#""\x5cxff\x5c\x5c""#).unwrap();
        let text: String = serde_json::from_str(&repaired).unwrap();
        assert!(!text.contains('\\'), "{text}");
        assert_eq!(bytes(&text), br"\xff\\");
        assert_eq!(shown(&text), r"\xff\\");
        assert_eq!(repair(repaired.as_bytes()), None);
    }

    #[test]
    fn lone_surrogates_of_python_become_the_bytes_they_name() {
        check(r#""a\udcffb""#, Some(b"a\xffb"));
        check(r#""a\uDCC3\udca9""#, Some("aé".as_bytes()));
        check(r#""\ud83d\udca9\udcff""#, Some(b"\xf0\x9f\x92\xa9\xff"));
    }

    #[test]
    fn sound_escapes_stay() {
        check(r#""back\\x41slash""#, None);
        check(r#""\ud83d\udca9""#, None);
        check(r#""plain""#, None);
    }

    #[test]
    fn a_backslash_that_escapes_nothing_stays() {
        check(r#""a\xzz""#, Some(br"a\xzz"));
        check(r#""C:\windows\q""#, Some(br"C:\windows\q"));
        check(r#""\u12""#, Some(br"\u12"));
    }

    #[test]
    fn half_a_surrogate_pair_is_a_character_that_was_lost() {
        let lost = Some("a\u{fffd}b".as_bytes());
        check(r#""a\ud83db""#, lost);
        check(r#""a\udc41b""#, lost);
        check(r#""a\uDFFFb""#, lost);
        check(
            r#""\ud83d\ud83d\udca9""#,
            Some("\u{fffd}\u{1f4a9}".as_bytes()),
        );
        check(r#""\ud83d\n""#, Some("\u{fffd}\n".as_bytes()));
    }

    #[test]
    fn a_number_that_no_float_holds_is_a_string() {
        let mended = |json: &str| repair(json.as_bytes());
        assert_eq!(
            mended(r#"{"a":1e999,"b":[-2E+400,3]}"#).as_deref(),
            Some(r#"{"a":"1e999","b":["-2E+400",3]}"#)
        );
        assert_eq!(mended(r#"{"a":"1e999","b":1e300}"#), None);
        assert_eq!(
            mended(r#"{"a":06,"b":[+5,.5,5.,-061],"c":True}"#).as_deref(),
            Some(r#"{"a":"06","b":["+5",".5","5.","-061"],"c":"True"}"#)
        );
        assert_eq!(
            mended(r#"{"a":,"b": }"#).as_deref(),
            Some(r#"{"a":null,"b":null }"#)
        );
    }

    #[test]
    fn octets_that_json_does_not_allow_arrive() {
        for (octets, name) in [
            (b"\"Caf\xe9\"".as_slice(), b"Caf\xe9".as_slice()),
            (b"\"\xbf\xa7\xb7\xc8\"", b"\xbf\xa7\xb7\xc8"),
            (b"\"\xf0\x9f\x92\"", b"\xf0\x9f\x92"),
            (b"\"a\x01\t\n\x1b[31mb\"", b"a\x01\t\n\x1b[31mb"),
            (b"\"a\\\x01b\"", b"a\\\x01b"),
        ] {
            let repaired = repair(octets);
            let Ok(text) = serde_json::from_str::<String>(&repaired.unwrap()) else {
                continue;
            };
            assert_eq!(bytes(&text), name);
        }
    }

    #[test]
    fn words_for_no_number_are_null() {
        let repaired = |json: &str| repair(json.as_bytes());
        assert_eq!(
            repaired(r#"{"a":NaN,"b":[-Infinity,nan, inf],"c":"NaN"}"#).as_deref(),
            Some(r#"{"a":null,"b":[null,null, null],"c":"NaN"}"#)
        );
        for word in [
            "-nan(ind)",
            "nan(0x8000)",
            "1.#QNAN",
            "-1.#IND",
            "NAN",
            "INF",
            "None",
            "undefined",
            "+Infinity",
        ] {
            assert_eq!(repaired(word).as_deref(), Some("null"), "{word}");
        }
    }

    #[test]
    fn a_comma_too_many_and_what_follows_a_nul_go() {
        let repaired = |json: &str| repair(json.as_bytes());
        assert_eq!(repaired("[1,2, ]").as_deref(), Some("[1,2 ]"));
        assert_eq!(
            repaired("{\"a\":\",]\",}").as_deref(),
            Some("{\"a\":\",]\"}")
        );
        assert_eq!(repaired("{}\0").as_deref(), Some("{}"));
        assert_eq!(repaired("{}\0{garbage").as_deref(), Some("{}"));
    }

    #[test]
    fn bytes_are_shown_as_what_they_are() {
        let repaired = repair(br#""Caf\xe9 \xc3\xa9""#).unwrap();
        let mut text = Cow::Owned(serde_json::from_str::<String>(&repaired).unwrap());
        show_bytes(&mut text);
        assert_eq!(text, "Caf\\xE9 é");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\\\xu0-9a-fdc\"é]{0,40}") {
            let _result: Option<String> = repair(text.as_bytes());
        }

        #[test]
        fn every_byte_arrives(sent in proptest::collection::vec(any::<u8>(), 1..32)) {
            let json: String = sent.iter().fold(String::from("\""), |json, byte| format!("{json}\\x{byte:02x}")) + "\"";
            let text: String = serde_json::from_str(&repair(json.as_bytes()).unwrap()).unwrap();
            prop_assert_eq!(bytes(&text), sent);
        }
    }
}
