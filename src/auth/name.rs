//! Names of users, keys and roles.

/// Whether a text is fit to be the name of something new: it can be seen as it is.
pub(super) fn is_name(text: &str, characters_max: usize) -> bool {
    is_old_name(text, characters_max) && !text.chars().any(is_deceptive)
}

/// Whether a text may be a name in a file, where earlier versions wrote more of them: one line, no whitespace at the
/// ends, not too long.
pub(super) fn is_old_name(text: &str, characters_max: usize) -> bool {
    !text.is_empty()
        && text.trim() == text
        && text.chars().count() <= characters_max
        && !text.chars().any(char::is_control)
}

/// Whether a character changes how others are shown, or is not shown itself: with it, two names can look the same.
fn is_deceptive(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// A name for people to read. Characters that could deceive them are escaped, as in `\u{202e}`.
pub fn shown_name(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_control() || is_deceptive(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_name_looks_like_no_other() {
        for name in ["phone", "Küche 2", "电话", "a/b:c", &"x".repeat(64)] {
            assert!(is_name(name, 64), "{name}");
            assert_eq!(shown_name(name), name);
        }
        for (name, shown) in [
            ("ad\u{202e}nim", "ad\\u{202e}nim"),
            ("a\u{200b}b", "a\\u{200b}b"),
            ("\u{2066}x", "\\u{2066}x"),
            ("x\u{feff}", "x\\u{feff}"),
            ("a\u{ad}b", "a\\u{ad}b"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
        ] {
            assert!(!is_name(name, 64), "{shown}");
            assert!(is_old_name(name, 64), "{shown}");
            assert_eq!(shown_name(name), shown);
        }
        assert!(!is_old_name("a\u{1b}[31m", 64));
        assert_eq!(shown_name("a\u{1b}[31m"), "a\\u{1b}[31m");
        assert!(!is_name(&"x".repeat(65), 64) && !is_name("", 64) && !is_name(" a", 64));
    }
}
