//! The elements of a long JSON array, one by one.

use std::io::BufRead;
use std::ops::ControlFlow;

use super::rows::FileError;

/// Longest element in bytes. A longer one is one refused row.
pub(crate) const ELEMENT_BYTES_MAX: usize = 1 << 20;
/// Deepest nesting.
const DEPTH_MAX: usize = 64;
/// Longest name of a member that is compared.
const NAME_BYTES_MAX: usize = 64;

/// An element, or nothing for one that is longer than the bound.
type Take<'t> = dyn FnMut(u64, Option<&[u8]>) -> ControlFlow<()> + 't;

/// Passes each element of the array on, with its number: of the document itself, or of its member of this name. Gives
/// whether the document breaks off.
pub(crate) fn each_element(
    input: &mut dyn BufRead,
    member: Option<&str>,
    take: &mut Take<'_>,
) -> Result<bool, FileError> {
    scan(input, Scanner::new(member, false), take)
}

/// As above, of a document or of several, one behind the other. A document without such an array is an element itself.
pub(crate) fn each_element_or_document(
    input: &mut dyn BufRead,
    member: &str,
    take: &mut Take<'_>,
) -> Result<bool, FileError> {
    scan(input, Scanner::new(Some(member), true), take)
}

fn scan(
    input: &mut dyn BufRead,
    mut scanner: Scanner<'_>,
    take: &mut Take<'_>,
) -> Result<bool, FileError> {
    loop {
        let chunk = match input.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        if chunk.is_empty() {
            return Ok(!scanner.stack.is_empty());
        }
        let length = chunk.len();
        for byte in chunk {
            if scanner.byte(*byte, take)?.is_break() {
                return Ok(false);
            }
        }
        input.consume(length);
    }
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "a state for each kind of thing that is open"
)]
struct Scanner<'m> {
    member: Option<&'m str>,
    /// Whether a document without the array is an element.
    takes_documents: bool,
    /// The brackets that are open.
    stack: Vec<u8>,
    is_in_string: bool,
    is_escaped: bool,
    /// The last string of the outermost object.
    name: Vec<u8>,
    /// How many brackets are open within the array, and not within an element.
    array_depth: Option<usize>,
    element: Vec<u8>,
    is_in_element: bool,
    is_too_long: bool,
    number: u64,
}

impl<'m> Scanner<'m> {
    const fn new(member: Option<&'m str>, takes_documents: bool) -> Self {
        Self {
            member,
            takes_documents,
            stack: Vec::new(),
            is_in_string: false,
            is_escaped: false,
            name: Vec::new(),
            array_depth: None,
            element: Vec::new(),
            is_in_element: false,
            is_too_long: false,
            number: 0,
        }
    }

    fn byte(&mut self, byte: u8, take: &mut Take<'_>) -> Result<ControlFlow<()>, FileError> {
        let is_between = self.array_depth == Some(self.stack.len()) && !self.is_in_string;
        if is_between && matches!(byte, b',' | b']') {
            let flow = self.end_element(take);
            if byte == b']' {
                self.stack.pop();
                self.array_depth = None;
            }
            return Ok(flow);
        }
        if is_between && !byte.is_ascii_whitespace() {
            self.is_in_element = true;
        }
        let is_outside = self.stack.is_empty() && !self.is_in_string;
        self.is_in_element |= self.takes_documents && is_outside && byte == b'{';
        if self.is_in_element {
            self.is_too_long |= ELEMENT_BYTES_MAX <= self.element.len();
            if !self.is_too_long {
                self.element.push(byte);
            }
        }
        let was_in_array = self.array_depth.is_some();
        self.follow(byte)?;
        if !self.takes_documents {
            return Ok(ControlFlow::Continue(()));
        }
        if !was_in_array && self.array_depth.is_some() {
            // The document is what is around the elements.
            self.is_in_element = false;
            self.is_too_long = false;
            self.element.clear();
        }
        if byte == b'}' && self.stack.is_empty() && !self.is_in_string {
            return Ok(self.end_element(take));
        }
        Ok(ControlFlow::Continue(()))
    }

    fn end_element(&mut self, take: &mut Take<'_>) -> ControlFlow<()> {
        if !std::mem::take(&mut self.is_in_element) {
            return ControlFlow::Continue(());
        }
        self.number += 1;
        let is_whole = !std::mem::take(&mut self.is_too_long);
        let flow = take(self.number, is_whole.then_some(&self.element));
        self.element.clear();
        flow
    }

    /// Follows strings and brackets.
    fn follow(&mut self, byte: u8) -> Result<(), FileError> {
        if self.is_in_string {
            if std::mem::take(&mut self.is_escaped) {
                return Ok(());
            }
            match byte {
                b'\\' => self.is_escaped = true,
                b'"' => self.is_in_string = false,
                _ if self.stack.len() == 1 && self.name.len() < NAME_BYTES_MAX => {
                    self.name.push(byte);
                }
                _ => {}
            }
            return Ok(());
        }
        match byte {
            b'"' => {
                self.is_in_string = true;
                if self.stack.len() == 1 {
                    self.name.clear();
                }
            }
            b'{' | b'[' => {
                if self.stack.len() == DEPTH_MAX {
                    return Err(FileError::refused(format!(
                        "the JSON has more than {DEPTH_MAX} brackets in each other"
                    )));
                }
                let is_wanted = match self.member {
                    None => self.stack.is_empty(),
                    Some(member) => self.stack == *b"{" && self.name == member.as_bytes(),
                };
                self.stack.push(byte);
                if byte == b'[' && is_wanted && self.array_depth.is_none() {
                    self.array_depth = Some(self.stack.len());
                }
            }
            b'}' | b']' => {
                self.stack.pop();
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    fn elements(json: &str, member: Option<&str>) -> (Vec<String>, bool) {
        let mut input = BufReader::with_capacity(3, json.as_bytes());
        let mut elements = Vec::new();
        let is_cut = each_element(&mut input, member, &mut |_, element| {
            let element = element.map_or("too long".into(), String::from_utf8_lossy);
            elements.push(element.trim().to_owned());
            ControlFlow::Continue(())
        });
        (elements, is_cut.unwrap())
    }

    #[test]
    fn elements_of_the_wanted_array_are_given() {
        let json = r#"{"a": [1], "items": [{"b": "]},["}, [2, "\"]"], 3 ], "c": [4]}"#;
        let (found, is_cut) = elements(json, Some("items"));
        assert_eq!(found, [r#"{"b": "]},["}"#, r#"[2, "\"]"]"#, "3"]);
        assert!(!is_cut);
        assert_eq!(elements("[1,{},\"x\"]", None).0, ["1", "{}", "\"x\""]);
        assert!(elements("[]", None).0.is_empty());
        assert!(elements(json, Some("other")).0.is_empty());
        assert_eq!(elements("[1,{\"a\":", None), (vec!["1".to_owned()], true));
    }

    #[test]
    fn a_document_without_the_array_is_an_element() {
        let documents = |json: &str| {
            let mut input = BufReader::with_capacity(3, json.as_bytes());
            let mut elements = Vec::new();
            let is_cut = each_element_or_document(&mut input, "items", &mut |number, element| {
                let element = element.map_or("too long".into(), String::from_utf8_lossy);
                elements.push((number, element.into_owned()));
                ControlFlow::Continue(())
            });
            (elements, is_cut.unwrap())
        };
        let found = |texts: &[&str]| {
            let texts = texts.iter().map(|text| (*text).to_owned());
            (1..).zip(texts).collect::<Vec<_>>()
        };
        let sequence = "{\"a\":\"}{\"}\n\u{1E}{\"b\":[1]}\n\n{}";
        let expected = found(&["{\"a\":\"}{\"}", "{\"b\":[1]}", "{}"]);
        assert_eq!(documents(sequence), (expected, false));
        let mixed = r#"{"a": {}, "items": [1, {"b": 2}], "c": {}} {"d": {"items": [3]}}"#;
        let expected = found(&["1", " {\"b\": 2}", r#"{"d": {"items": [3]}}"#]);
        let (mixed, is_cut) = documents(mixed);
        let trimmed: Vec<_> = mixed
            .iter()
            .map(|(number, text)| (*number, text.trim()))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(number, text)| (*number, text.trim()))
            .collect();
        assert_eq!((trimmed, is_cut), (expected, false));
        assert_eq!(documents("{\"a\":1}\n{\"a"), (found(&["{\"a\":1}"]), true));
        let long = format!("{{\"a\":\"{}\"}}{{}}", "x".repeat(ELEMENT_BYTES_MAX));
        assert_eq!(documents(&long).0, found(&["too long", "{}"]));
    }

    #[test]
    fn what_is_too_long_or_too_deep_is_not_kept() {
        let json = format!("[1,\"{}\",2]", "x".repeat(ELEMENT_BYTES_MAX));
        assert_eq!(elements(&json, None).0, ["1", "too long", "2"]);
        // The quotes count too.
        let just = format!("[\"{}\"]", "x".repeat(ELEMENT_BYTES_MAX - 2));
        assert_ne!(elements(&just, None).0, ["too long"]);
        let past = format!("[\"{}\"]", "x".repeat(ELEMENT_BYTES_MAX - 1));
        assert_eq!(elements(&past, None).0, ["too long"]);
        for (past, is_refused) in [(0, false), (1, true)] {
            let mut deep = &*"[".repeat(DEPTH_MAX + past).into_bytes();
            let read = each_element(&mut deep, None, &mut |_, _| ControlFlow::Continue(()));
            assert_eq!(read.is_err(), is_refused);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(json in "[\\[\\]{},:\"\\\\a ]{0,40}") {
            let mut input = json.as_bytes();
            let _is_cut = each_element(&mut input, Some("a"), &mut |_, _| ControlFlow::Continue(()));
            let mut input = json.as_bytes();
            let _is_cut =
                each_element_or_document(&mut input, "a", &mut |_, _| ControlFlow::Continue(()));
        }
    }
}
