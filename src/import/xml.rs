//! XML of scanners, read element by element.
//!
//! Scanners write XML by hand: with octets that are no UTF-8, with characters that XML forbids, and without the last end
//! tags if they crashed. Libraries refuse such files, so this reader takes what there is. It loads nothing, and expands
//! nothing but the five entities and numbers of characters. All that it holds is bounded.

use std::borrow::Cow;
use std::io::BufRead;

use super::rows::FileError;

const DEPTH_MAX: usize = 64;
const ATTRIBUTES_MAX: usize = 100;
/// Longest text of an element in bytes. The rest of a longer one is left out.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// Longest tag in bytes.
const MARKUP_BYTES_MAX: usize = 128 << 10;
/// Longest reference between `&` and `;`, in bytes.
const REFERENCE_BYTES_MAX: usize = 12;

/// An element. Names are without their prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    attributes: Vec<(String, Vec<u8>)>,
    /// The text of the element, without that of the elements in it.
    text: Vec<u8>,
    /// The line that its tag begins on.
    pub(crate) line: u64,
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut attributes = self.attributes.iter();
        let (_, value) = attributes.find(|(known, _)| known == name)?;
        Some(utf8(value))
    }

    /// The text. Octets that are no UTF-8 are ISO-8859-1.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        utf8(&self.text)
    }

    /// The octets of the text, as they are.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.text
    }

    pub(crate) fn has_attributes(&self) -> bool {
        !self.attributes.is_empty()
    }

    pub(crate) fn attribute_octets(&self, name: &str) -> Option<&[u8]> {
        let mut attributes = self.attributes.iter();
        let (_, value) = attributes.find(|(known, _)| known == name)?;
        Some(value)
    }

    /// Appends to the text, as far as there is room.
    pub(crate) fn append(&mut self, text: &[u8]) {
        let room = TEXT_BYTES_MAX.saturating_sub(self.text.len());
        self.text
            .extend_from_slice(text.get(..room).unwrap_or(text));
    }
}

/// What comes next in a file.
#[derive(Debug)]
pub(crate) enum Step {
    /// An element begins: [`Xml::innermost`].
    Open,
    /// An element ends. The file may lack its end tag.
    Close(Element),
    /// The file ends.
    End { is_cut: bool },
}

/// What follows a `<`.
enum Markup {
    /// An element begins.
    Begin,
    /// An element ends, or something that is not an element.
    Other,
    /// The file breaks off.
    Cut,
}

/// Reads the elements of a file.
pub(crate) struct Xml<'i> {
    input: &'i mut dyn BufRead,
    line: u64,
    /// The elements that are open, the outermost first.
    open: Vec<Element>,
    /// How many of the open elements end now.
    closing: usize,
    /// Numbers of characters below 256 are octets, as airodump-ng writes them.
    pub(crate) has_octets: bool,
    is_at_end: bool,
    markup: Vec<u8>,
    text: Vec<u8>,
}

impl<'i> Xml<'i> {
    pub(crate) fn new(input: &'i mut dyn BufRead) -> Self {
        Self {
            input,
            line: 1,
            open: Vec::new(),
            closing: 0,
            has_octets: false,
            is_at_end: false,
            markup: Vec::new(),
            text: Vec::new(),
        }
    }

    /// The element that is open and has no open one in it.
    pub(crate) fn innermost(&mut self) -> Option<&mut Element> {
        self.open.last_mut()
    }

    /// Whether an element of this name is open.
    pub(crate) fn is_in(&self, name: &str) -> bool {
        self.open.iter().any(|element| element.name == name)
    }

    /// The name of the element around the innermost one, or around the one that was closed last.
    pub(crate) fn parent(&self) -> &str {
        self.open.last().map_or("", |element| &element.name)
    }

    pub(crate) fn step(&mut self) -> Result<Step, FileError> {
        loop {
            if 0 < self.closing {
                self.closing -= 1;
                if let Some(element) = self.open.pop() {
                    return Ok(Step::Close(element));
                }
            }
            self.take_text()?;
            if self.is_at_end {
                let is_cut = !self.open.is_empty();
                return Ok(Step::End { is_cut });
            }
            match self.take_markup()? {
                Markup::Begin => return Ok(Step::Open),
                Markup::Other => {}
                Markup::Cut => {
                    self.is_at_end = true;
                    return Ok(Step::End { is_cut: true });
                }
            }
        }
    }

    /// Reads the text up to the next tag, which belongs to the innermost element.
    fn take_text(&mut self) -> Result<(), FileError> {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        let is_found = self.take_until(b'<', &mut text, TEXT_BYTES_MAX)?;
        self.is_at_end = !is_found;
        let has_octets = self.has_octets;
        if let Some(element) = self.open.last_mut() {
            if text.contains(&b'&') {
                element.append(&without_references(&text, has_octets));
            } else {
                element.append(&text);
            }
        }
        self.text = text;
        Ok(())
    }

    /// Reads what follows a `<`.
    fn take_markup(&mut self) -> Result<Markup, FileError> {
        let line = self.line;
        let mut markup = std::mem::take(&mut self.markup);
        markup.clear();
        // A `>` in a quoted value does not end the tag.
        let mut end = EndOfMarkup::default();
        loop {
            if !self.take_until(b'>', &mut markup, MARKUP_BYTES_MAX)? {
                return Ok(Markup::Cut);
            }
            if end.is_behind(&markup) {
                break;
            }
            if MARKUP_BYTES_MAX <= markup.len() {
                shorten(&mut markup, line)?;
            }
            markup.push(b'>');
        }
        let is_begin = self.apply(&markup, line);
        self.markup = markup;
        Ok(if is_begin? {
            Markup::Begin
        } else {
            Markup::Other
        })
    }

    /// `true` if an element begins.
    fn apply(&mut self, markup: &[u8], line: u64) -> Result<bool, FileError> {
        match markup {
            [b'!', b'[', rest @ ..] => {
                let text = rest
                    .strip_prefix(b"CDATA[")
                    .and_then(|text| text.strip_suffix(b"]]"));
                if let Some(element) = self.open.last_mut() {
                    element.append(text.unwrap_or_default());
                }
                Ok(false)
            }
            [b'!', b'-', b'-', ..] | [b'?', ..] => Ok(false),
            [b'!', rest @ ..] => {
                let declares = memchr::memmem::find(rest, b"<!ENTITY").is_some();
                if declares {
                    return Err(FileError::refused(format!(
                        "line {line}: the file declares entities of its own, which are not read: remove its DOCTYPE"
                    )));
                }
                Ok(false)
            }
            [b'/', name @ ..] => {
                self.close(name);
                Ok(false)
            }
            tag => self.open(tag, line),
        }
    }

    fn open(&mut self, tag: &[u8], line: u64) -> Result<bool, FileError> {
        let (tag, is_empty) = match tag.strip_suffix(b"/") {
            Some(tag) => (tag, true),
            None => (tag, false),
        };
        let name_end = tag.iter().position(u8::is_ascii_whitespace);
        let (name, attributes) = tag.split_at(name_end.unwrap_or(tag.len()));
        // `<` without a name is a character that somebody did not escape.
        if !name
            .first()
            .is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_')
        {
            if let Some(element) = self.open.last_mut() {
                element.append(b"<");
                element.append(tag);
                element.append(b">");
            }
            return Ok(false);
        }
        if DEPTH_MAX <= self.open.len() {
            return Err(FileError::refused(format!(
                "line {line}: more than {DEPTH_MAX} elements in each other"
            )));
        }
        let attributes = attributes_of(attributes, self.has_octets);
        if ATTRIBUTES_MAX < attributes.len() {
            return Err(FileError::refused(format!(
                "line {line}: an element has more than {ATTRIBUTES_MAX} attributes"
            )));
        }
        self.open.push(Element {
            name: local(name).into_owned(),
            attributes,
            text: Vec::new(),
            line,
        });
        // Tags of HTML that have no end tag.
        let is_void = matches!(&*local(name), "br" | "hr" | "img");
        self.closing = usize::from(is_empty || is_void);
        Ok(true)
    }

    /// Ends the innermost element of this name, and all in it. An end tag that belongs to none is left out.
    fn close(&mut self, name: &[u8]) {
        let name = local(name.trim_ascii());
        let place = self.open.iter().rposition(|element| element.name == name);
        if let Some(place) = place {
            self.closing = self.open.len() - place;
        }
    }

    /// Appends all up to `end`, and reads `end` too. Of more bytes than the bound, the last two are kept at its end.
    /// `false` if the file ends before.
    fn take_until(
        &mut self,
        end: u8,
        into: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<bool, FileError> {
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if chunk.is_empty() {
                return Ok(false);
            }
            let found = memchr::memchr(end, chunk);
            let part = chunk.get(..found.unwrap_or(chunk.len())).unwrap_or(chunk);
            let room = bytes_max.saturating_sub(into.len());
            into.extend_from_slice(part.get(..room).unwrap_or(part));
            for last in part.iter().skip(room.max(part.len().saturating_sub(2))) {
                into.remove(bytes_max - 2);
                into.push(*last);
            }
            let lines = memchr::memchr_iter(b'\n', part).count();
            self.line += u64::try_from(lines).unwrap_or(0);
            let consumed = part.len() + usize::from(found.is_some());
            self.input.consume(consumed);
            if found.is_some() {
                return Ok(true);
            }
        }
    }
}

/// Finds the `>` that ends a markup. It looks at each byte once, as there may be very many `>` before it.
#[derive(Default)]
struct EndOfMarkup {
    /// How many bytes were searched.
    looked_at: usize,
    /// The quote that is open in a tag.
    quote: Option<u8>,
    /// An equals sign came last, so that a quote begins a value. Others are characters of a text that nobody escaped.
    is_after_equals: bool,
    /// A declaration has an internal subset.
    has_subset: bool,
}

impl EndOfMarkup {
    /// Whether the `>` after these bytes ends the markup. Each call has the bytes of the call before, and more.
    fn is_behind(&mut self, markup: &[u8]) -> bool {
        let new = markup.get(self.looked_at..).unwrap_or_default();
        self.looked_at = markup.len();
        match markup {
            [b'!', b'-', b'-', rest @ ..] => rest.ends_with(b"--"),
            [b'!', b'[', ..] => markup.ends_with(b"]]"),
            [b'!', ..] => {
                self.has_subset |= new.contains(&b'[');
                !self.has_subset || markup.trim_ascii_end().ends_with(b"]")
            }
            [b'?', ..] => markup.ends_with(b"?"),
            [b'/', ..] => true,
            _ => {
                for byte in new {
                    self.follow_quotes(*byte);
                }
                self.quote.is_none()
            }
        }
    }

    fn follow_quotes(&mut self, byte: u8) {
        match self.quote {
            Some(quote) if quote == byte => self.quote = None,
            None if self.is_after_equals && matches!(byte, b'"' | b'\'') => {
                self.quote = Some(byte);
            }
            _ => {}
        }
        self.is_after_equals = byte == b'=' || self.is_after_equals && byte.is_ascii_whitespace();
    }
}

/// Leaves out the middle of a comment or of a text, which may be of any length.
fn shorten(markup: &mut Vec<u8>, line: u64) -> Result<(), FileError> {
    const KEPT_BYTES: usize = 1024;
    if !markup.starts_with(b"!--") && !markup.starts_with(b"![") {
        return Err(FileError::refused(format!(
            "line {line}: a tag is longer than {MARKUP_BYTES_MAX} bytes"
        )));
    }
    // Nothing of what is left out can be read: the text was longer than any that is kept.
    let end = markup.len() - 2;
    markup.drain(KEPT_BYTES..end);
    Ok(())
}

/// The name without its prefix.
fn local(name: &[u8]) -> Cow<'_, str> {
    let from = memchr::memrchr(b':', name).map_or(0, |colon| colon + 1);
    String::from_utf8_lossy(name.get(from..).unwrap_or_default())
}

fn attributes_of(mut text: &[u8], has_octets: bool) -> Vec<(String, Vec<u8>)> {
    let mut attributes = Vec::new();
    while let Some(equals) = memchr::memchr(b'=', text) {
        let (name, rest) = text.split_at(equals);
        let rest = rest.get(1..).unwrap_or_default().trim_ascii_start();
        let (value, rest) = if let Some((quote @ (b'"' | b'\''), rest)) = rest.split_first() {
            let end = memchr::memchr(*quote, rest).unwrap_or(rest.len());
            (rest.get(..end), rest.get(end + 1..))
        } else {
            let end = rest.iter().position(u8::is_ascii_whitespace);
            let end = end.unwrap_or(rest.len());
            (rest.get(..end), rest.get(end..))
        };
        // One more than the bound shows that there are too many.
        if attributes.len() <= ATTRIBUTES_MAX {
            let value = without_references(value.unwrap_or_default(), has_octets);
            attributes.push((local(name.trim_ascii()).into_owned(), value));
        }
        text = rest.unwrap_or_default();
    }
    attributes
}

/// Replaces `&amp;` and similar references by their characters. Anything else stays as it is.
fn without_references(text: &[u8], has_octets: bool) -> Vec<u8> {
    let mut read = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = memchr::memchr(b'&', rest) {
        let (before, from) = rest.split_at(start);
        read.extend_from_slice(before);
        let name = from.get(1..).unwrap_or_default();
        let name = name.get(..REFERENCE_BYTES_MAX).unwrap_or(name);
        let end = memchr::memchr(b';', name);
        let known = end.and_then(|end| reference(name.get(..end)?, has_octets));
        if let (Some(known), Some(end)) = (known, end) {
            read.extend_from_slice(&known);
            rest = from.get(end + 2..).unwrap_or_default();
        } else {
            read.push(b'&');
            rest = from.get(1..).unwrap_or_default();
        }
    }
    read.extend_from_slice(rest);
    read
}

fn reference(name: &[u8], has_octets: bool) -> Option<Vec<u8>> {
    let character = match name {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', digits @ ..] => {
            let digits = std::str::from_utf8(digits).ok()?;
            let number = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            if let (true, Ok(octet)) = (has_octets, u8::try_from(number)) {
                return Some(vec![octet]);
            }
            char::from_u32(number)?
        }
        _ => return None,
    };
    Some(character.to_string().into_bytes())
}

/// Text of octets: UTF-8, or else ISO-8859-1.
fn utf8(octets: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => octets.iter().map(|octet| char::from(*octet)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    /// `+name` and `-name=text` of each element, and how the file ends.
    fn steps(xml: &[u8], has_octets: bool) -> Result<String, FileError> {
        let mut input = BufReader::with_capacity(7, xml);
        let mut xml = Xml::new(&mut input);
        xml.has_octets = has_octets;
        let mut steps = Vec::new();
        loop {
            steps.push(match xml.step()? {
                Step::Open => format!("+{}", xml.innermost().unwrap().name),
                Step::Close(element) => {
                    let mut attributes = String::new();
                    for (name, value) in &element.attributes {
                        write!(attributes, "[{name}:{}]", utf8(value)).unwrap();
                    }
                    format!("-{}{attributes}={}", element.name, element.text())
                }
                Step::End { is_cut } => {
                    steps.push(if is_cut { "cut" } else { "end" }.to_owned());
                    return Ok(steps.join(" "));
                }
            });
        }
    }

    #[track_caller]
    fn check(xml: &str, expected: &str) {
        assert_eq!(steps(xml.as_bytes(), false).unwrap(), expected, "{xml}");
    }

    #[test]
    fn elements_are_read_with_their_texts() {
        check("<a>x<b/>y</a>", "+a +b -b= -a=xy end");
        check(
            "<?xml version='1.0'?><!-- > --><k:a c='1>2' d=\"&lt;\">x</k:a>",
            "+a -a[c:1>2][d:<]=x end",
        );
        check("<a><![CDATA[<b>&amp;]]>]]</a>", "+a -a=<b>&amp;]] end");
        check(
            "<a>AT&T &amp; &#65;&#x42; &unknown; &</a>",
            "+a -a=AT&T & AB &unknown; & end",
        );
        check(
            "<a>it <isn't>x</isn't></a>",
            "+a +isn't -isn't=x -a=it  end",
        );
        check("<a>1 < 2 <3></a>", "+a -a=1 < 2 <3> end");
    }

    #[test]
    fn end_tags_may_be_missing_or_too_many() {
        check("<a><b>x", "+a +b cut");
        check("<a><b>x</a>", "+a +b -b=x -a= end");
        check("<a></c>x</a>", "+a -a=x end");
        check("<a>x<br>y</a>", "+a +br -br= -a=xy end");
        check("<a", "cut");
        check("<a>x</a", "+a cut");
        check("", "end");
    }

    #[test]
    fn octets_are_latin1_or_what_airodump_means() {
        assert_eq!(
            steps(b"<a>caf\xe9</a>", false).unwrap(),
            "+a -a=caf\u{e9} end"
        );
        let number = b"<a>caf&#x00C3;&#x00A9;</a>";
        assert_eq!(steps(number, true).unwrap(), "+a -a=caf\u{e9} end");
        assert_eq!(steps(number, false).unwrap(), "+a -a=caf\u{c3}\u{a9} end");
        assert_eq!(steps(b"<a>&#x0001;</a>", false).unwrap(), "+a -a=\u{1} end");
    }

    #[test]
    fn nothing_is_declared_or_loaded() {
        let outside = "<!DOCTYPE a SYSTEM \"http://kismetwireless.net/kismet-3.1.0.dtd\"><a>x</a>";
        check(outside, "+a -a=x end");
        let bomb = "<!DOCTYPE a [<!ENTITY b \"x\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>";
        let refused = steps(bomb.as_bytes(), false).unwrap_err();
        assert!(refused.to_string().contains("DOCTYPE"), "{refused}");
    }

    #[test]
    fn everything_has_a_bound() {
        for (past, is_refused) in [(0, false), (1, true)] {
            let deep = "<a>".repeat(DEPTH_MAX + past);
            assert_eq!(steps(deep.as_bytes(), false).is_err(), is_refused);
            let wide = format!("<a {}>", "b='1' ".repeat(ATTRIBUTES_MAX + past));
            assert_eq!(steps(wide.as_bytes(), false).is_err(), is_refused);
            let text = format!("<a>{}</a>", "x".repeat(TEXT_BYTES_MAX + past));
            let kept = steps(text.as_bytes(), false).unwrap();
            assert_eq!(kept.matches('x').count(), TEXT_BYTES_MAX);
        }
        let long = format!("<a b='{}'/>", "x>".repeat(MARKUP_BYTES_MAX));
        assert!(steps(long.as_bytes(), false).is_err());
        let text = format!("<a>{}</a>", "x".repeat(3 * TEXT_BYTES_MAX));
        assert!(steps(text.as_bytes(), false).unwrap().len() < TEXT_BYTES_MAX + 20);
        let comment = format!("<a><!--{}-->y</a>", "x>".repeat(2 * MARKUP_BYTES_MAX));
        check(&comment, "+a -a=y end");
        let comment = format!("<a><!--{}-->y</a>", "x".repeat(2 * MARKUP_BYTES_MAX));
        check(&comment, "+a -a=y end");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(xml in "[<>/a!\\[\\]'\"= &;#?-]{0,48}", bytes in prop::collection::vec(any::<u8>(), 0..16)) {
            let mut xml = xml.into_bytes();
            xml.extend(bytes);
            let steps = steps(&xml, true);
            prop_assert!(steps.is_ok());
        }
    }
}
