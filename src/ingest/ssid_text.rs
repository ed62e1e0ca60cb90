//! Network names as tools print them, turned back into the octets on the air.

use std::borrow::Cow;

use crate::report::Ssid;

/// Names that say that there is none: Android's for an app without the right to see it (`WifiSsid.NONE`), and macOS'.
const NO_NAMES: [&[u8]; 2] = [b"<unknown ssid>", b"<redacted>"];

/// The name that `octets` are, and how many of its octets are kept if it is too long for one.
///
/// Phones hand names over that were GBK or Latin-1 on the air and became longer as UTF-8. Latin-1 that was read as
/// such is turned back. Of any other name the first whole characters are kept.
pub(crate) fn ssid(octets: &[u8]) -> (Ssid, Option<TooLong>) {
    if NO_NAMES.contains(&octets) || is_length_alone(octets) {
        return (Ssid::hidden(), None);
    }
    if let Ok(ssid) = Ssid::try_from(octets) {
        return (ssid, None);
    }
    if let Some(ssid) = of_latin1(octets) {
        return (ssid, None);
    }
    let mut kept = octets.get(..Ssid::BYTES_MAX).unwrap_or(octets);
    if let Some(cut) = kept.utf8_chunks().last().map(|chunk| chunk.invalid().len())
        && std::str::from_utf8(octets).is_ok()
    {
        kept = kept.get(..kept.len() - cut).unwrap_or(kept);
    }
    let too_long = TooLong {
        length_bytes: octets.len(),
        kept_bytes: kept.len(),
    };
    (Ssid::try_from(kept).unwrap_or_default(), Some(too_long))
}

/// A name was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{length_bytes} bytes long, an SSID has at most {max} bytes: the first {kept_bytes} are kept",
    max = Ssid::BYTES_MAX
)]
pub(crate) struct TooLong {
    length_bytes: usize,
    kept_bytes: usize,
}

/// The `<length:  7>` that airodump-ng shows of a hidden network.
fn is_length_alone(octets: &[u8]) -> bool {
    let length = octets
        .strip_prefix(b"<length:")
        .and_then(|rest| rest.strip_suffix(b">"));
    length.is_some_and(|digits| digits.trim_ascii().iter().all(u8::is_ascii_digit))
}

/// UTF-8 whose octets were taken for characters of Latin-1, and written as UTF-8 once more.
fn of_latin1(octets: &[u8]) -> Option<Ssid> {
    let text = std::str::from_utf8(octets).ok()?;
    let octet = |character| u8::try_from(u32::from(character)).ok();
    let octets = text.chars().map(octet).collect::<Option<Vec<u8>>>()?;
    std::str::from_utf8(&octets).ok()?;
    Ssid::try_from(octets.as_slice()).ok()
}

/// Undoes the escapes of `iw`, `iwlist` and `wpa_cli`, which write an octet that is no printable ASCII as `\xNN`.
///
/// A text is taken for theirs only if all of it can be: it has a `\xNN`, each `\xNN` stands for an octet that they do
/// escape (`iw` writes no `\x41` for an `A`), each other backslash begins an escape that they write, everything else is
/// printable ASCII, and the octets fit into a name. `Caf\xc3\xa9` is `Café`, and `C:\xerox` stays what it is.
pub(crate) fn unescaped(text: &str) -> Cow<'_, [u8]> {
    match octets_of(text.as_bytes()) {
        Some(octets) => Cow::Owned(octets),
        None => Cow::Borrowed(text.as_bytes()),
    }
}

fn octets_of(text: &[u8]) -> Option<Vec<u8>> {
    if !text.contains(&b'\\') {
        return None;
    }
    let mut octets = Vec::with_capacity(Ssid::BYTES_MAX);
    let mut has_number = false;
    let mut rest = text;
    loop {
        let (octet, after) = match rest {
            [] => break,
            [b'\\', b'x', high, low, after @ ..] => {
                let octet = crate::hex::byte(&[*high, *low]).filter(|&octet| is_escaped(octet))?;
                has_number = true;
                (octet, after)
            }
            [b'\\', escaped, after @ ..] => (one_letter(*escaped)?, after),
            [plain @ b' '..=b'~', after @ ..] if *plain != b'\\' => (*plain, after),
            _ => return None,
        };
        octets.push(octet);
        rest = after;
    }
    (has_number && octets.len() <= Ssid::BYTES_MAX).then_some(octets)
}

/// Whether the tools write the octet as a number: `iw` also does so with blanks at the ends, and with backslashes.
fn is_escaped(octet: u8) -> bool {
    !octet.is_ascii_graphic() || matches!(octet, b'\\' | b'"')
}

/// The escapes with one letter (`printf_encode` of `wpa_supplicant`).
fn one_letter(letter: u8) -> Option<u8> {
    Some(match letter {
        b'\\' | b'"' => letter,
        b'e' => 0x1b,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_escapes(text: &str, octets: &[u8]) {
        assert_eq!(unescaped(text), octets, "{text}");
    }

    #[test]
    fn what_tools_print_becomes_octets() {
        check_escapes(r"Caf\xc3\xa9", "Café".as_bytes());
        check_escapes(r"\xE2\x82\xAC123", "€123".as_bytes());
        check_escapes(r"\x20CoffeeShop", b" CoffeeShop");
        check_escapes(r"a\\b\xff", b"a\\b\xff");
        check_escapes(r#"\"a\"\x00"#, b"\"a\"\0");
        check_escapes(&r"\x00".repeat(10), &[0; 10]);
        check_escapes(r"\x5cx41", br"\x41");
    }

    #[test]
    fn what_tools_do_not_print_stays() {
        for text in [
            r"C:\xerox",
            r"\x41BC",
            r"a\\b",
            r"a\b\xff",
            r"é\xc3",
            r"\xc",
            "plain",
            r"\",
        ] {
            check_escapes(text, text.as_bytes());
        }
        let too_long = r"\xff".repeat(33);
        check_escapes(&too_long, too_long.as_bytes());
    }

    #[track_caller]
    fn check_name(octets: &[u8], name: &str, is_cut: bool) {
        let (ssid, cut) = ssid(octets);
        assert_eq!((ssid.to_string().as_str(), cut.is_some()), (name, is_cut));
    }

    #[test]
    fn names_that_are_too_long_are_mended_or_cut() {
        check_name("Ã©".repeat(9).as_bytes(), &"é".repeat(9), false);
        check_name("咖".repeat(16).as_bytes(), &"咖".repeat(10), true);
        check_name(&[b'a'; 33], &"a".repeat(32), true);
        check_name(&[b'a'; 32], &"a".repeat(32), false);
        check_name(&[0xff; 40], &"\\xFF".repeat(32), true);
    }

    #[test]
    fn words_for_no_name_are_the_hidden_name() {
        for octets in [
            "<unknown ssid>",
            "<redacted>",
            "<length:  7>",
            "<length: 0>",
        ] {
            check_name(octets.as_bytes(), "", false);
        }
        check_name(b"<length: long>", "<length: long>", false);
    }

    proptest! {
        /// As `iw` prints it (`print_ssid_escaped` in its `scan.c`).
        #[test]
        fn every_name_comes_back(sent in proptest::collection::vec(any::<u8>(), 1..=32)) {
            let last = sent.len() - 1;
            let printed: String = sent.iter().enumerate().map(|(at, &octet)| {
                let is_inner_blank = octet == b' ' && at != 0 && at != last;
                if (octet.is_ascii_graphic() && octet != b'\\') || is_inner_blank {
                    char::from(octet).to_string()
                } else {
                    format!("\\x{octet:02x}")
                }
            }).collect();
            let octets = unescaped(&printed).into_owned();
            // A name without anything to escape is not taken for an escaped one, which makes no difference.
            prop_assert_eq!(octets, sent);
        }

        #[test]
        fn no_name_panics(octets in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _name = ssid(&octets);
        }
    }
}
