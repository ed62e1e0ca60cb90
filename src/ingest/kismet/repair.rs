//! Mends what a public `iw` feeder and Python scripts do to odd bytes of an SSID, where the meaning is certain.
//!
//! The feeder copies `iw`'s `\xNN` into JSON strings, where `\x` is no escape. Python writes a byte that is
//! no UTF-8 as the lone surrogate `\udcNN` (PEP 383). Neither is JSON. Both name one byte, so that byte is put
//! there; a byte that does not make UTF-8 with its neighbours travels as a private-use character through the
//! parser, which takes UTF-8 only, and is turned back by [`bytes`].

/// The first of 256 private-use characters that stand for one byte each.
const BYTE_MARK: u32 = 0x10_FE00;

/// The document with every `\xNN` and lone `\udcNN` replaced, or `None` if it has none.
pub(super) fn repair(json: &str) -> Option<String> {
    if !json.contains("\\x") && !json.contains("\\udc") && !json.contains("\\uDC") {
        return None;
    }
    let mut repaired = Vec::with_capacity(json.len());
    let mut rest = json.as_bytes();
    let mut changed = false;
    while !rest.is_empty() {
        let (length, byte) = next_piece(rest);
        let (piece, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        match byte {
            Some(byte) => push_in_string(&mut repaired, byte),
            None => repaired.extend_from_slice(piece),
        }
        changed |= byte.is_some();
        rest = after;
    }
    changed.then(|| mark_what_is_no_utf8(&repaired))
}

/// How long the next escape or character is, and the byte it stands for if it is one to mend.
fn next_piece(rest: &[u8]) -> (usize, Option<u8>) {
    match rest {
        [b'\\', b'x', ..] => match hex(rest.get(2..4)) {
            Some(byte) => (4, Some(byte)),
            None => (2, None),
        },
        // Both halves of a sound pair are taken together, so that the second one is not alone.
        [b'\\', b'u', _, _, _, _, b'\\', b'u', ..]
            if matches!(hex(rest.get(2..4)), Some(0xd8..=0xdb)) =>
        {
            (12, None)
        }
        [b'\\', b'u', ..] if is_low_surrogate_byte(rest) => (6, hex(rest.get(4..6))),
        // An escape is taken whole, so that the second half of `\\\\` starts nothing.
        [b'\\', _, ..] => (2, None),
        _ => (1, None),
    }
}

/// The bytes of a string of a repaired document.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match u32::from(character)
            .checked_sub(BYTE_MARK)
            .map(u8::try_from)
        {
            Some(Ok(byte)) => bytes.push(byte),
            _ => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// `\udc80` to `\udcff`: Python's way to write the bytes 80 to FF.
fn is_low_surrogate_byte(escape: &[u8]) -> bool {
    matches!(hex(escape.get(2..4)), Some(0xdc)) && matches!(hex(escape.get(4..6)), Some(0x80..))
}

fn hex(digits: Option<&[u8]>) -> Option<u8> {
    let digits = digits?;
    let text = std::str::from_utf8(digits).ok()?;
    let all_hex = digits.iter().all(u8::is_ascii_hexdigit);
    all_hex.then(|| u8::from_str_radix(text, 16).ok()).flatten()
}

/// What JSON does not allow as it is inside of a string is escaped.
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
        text.push_str(chunk.valid());
        text.extend(
            chunk
                .invalid()
                .iter()
                .filter_map(|&byte| char::from_u32(BYTE_MARK + u32::from(byte))),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(json: &str, expected: Option<&[u8]>) {
        let repaired = repair(json).map(|repaired| {
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
    fn lone_surrogates_of_python_become_the_bytes_they_name() {
        check(r#""a\udcffb""#, Some(b"a\xffb"));
        check(r#""a\uDCC3\udca9""#, Some("aé".as_bytes()));
        check(r#""\ud83d\udca9\udcff""#, Some(b"\xf0\x9f\x92\xa9\xff"));
    }

    #[test]
    fn sound_escapes_stay() {
        check(r#""back\\x41slash""#, None);
        check(r#""\ud83d\udca9""#, None);
        check(r#""\udc41""#, None);
        check(r#""plain""#, None);
        check(r#""\xzz""#, None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\\\xu0-9a-fdc\"é]{0,40}") {
            let _result: Option<String> = repair(&text);
        }

        #[test]
        fn every_byte_arrives(sent in proptest::collection::vec(any::<u8>(), 1..32)) {
            let json: String = sent.iter().fold(String::from("\""), |json, byte| format!("{json}\\x{byte:02x}")) + "\"";
            let text: String = serde_json::from_str(&repair(&json).unwrap()).unwrap();
            prop_assert_eq!(bytes(&text), sent);
        }
    }
}
