//! A strict parser of XML, of what exports write: elements, attributes, texts and the five entities.

/// Fails if a text is not well-formed. Returns the names of all elements, in the order of their starts.
#[track_caller]
pub(crate) fn elements(text: &str) -> Vec<String> {
    assert!(text.chars().all(is_legal), "a character is illegal: {text}");
    let mut rest = text
        .strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
        .expect("a declaration on a line of its own");
    if let Some(doctype) = rest.strip_prefix("<!DOCTYPE ") {
        rest = doctype.split_once(">\n").unwrap().1;
    }
    let (mut open, mut seen) = (Vec::<String>::new(), Vec::new());
    while let Some((before, tag)) = rest.split_once('<') {
        check_text(before);
        assert!(
            !open.is_empty() || before.trim().is_empty(),
            "text outside of the root: {before}"
        );
        let (tag, after) = tag.split_once('>').expect("a tag ends");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
        } else {
            assert!(!open.is_empty() || seen.is_empty(), "two roots");
            let (tag, is_closed) = tag
                .strip_suffix('/')
                .map_or((tag, false), |tag| (tag, true));
            let name = check_attributes(tag);
            seen.push(name.clone());
            if !is_closed {
                open.push(name);
            }
        }
        rest = after;
    }
    assert!(open.is_empty(), "{open:?} are not closed");
    assert!(rest.trim().is_empty(), "{rest}");
    seen
}

fn is_legal(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..)
}

#[track_caller]
fn check_text(text: &str) {
    assert!(!text.contains("]]>"), "{text}");
    for entity in text.split('&').skip(1) {
        let name = entity.split_once(';').map(|(name, _)| name);
        let known = ["amp", "lt", "gt", "quot", "apos"];
        assert!(name.is_some_and(|name| known.contains(&name)), "&{entity}");
    }
}

/// Checks the attributes of a start tag, and returns its name.
#[track_caller]
fn check_attributes(tag: &str) -> String {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    let is_of_name = |mark: char| mark.is_ascii_alphanumeric() || matches!(mark, '_' | '-' | ':');
    assert!(!name.is_empty() && name.chars().all(is_of_name), "<{tag}>");
    while !rest.trim().is_empty() {
        let (key, value) = rest.split_once("=\"").expect("an attribute has a value");
        assert!(key.trim().chars().all(is_of_name), "<{tag}>");
        let (value, after) = value.split_once('"').expect("a value ends");
        check_text(value);
        rest = after;
    }
    name.to_owned()
}
