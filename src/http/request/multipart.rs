//! Forms with files (RFC 7578), read as they arrive. Nothing but the head of one part is held in memory.

/// Longest head of one part.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Longest boundary (RFC 2046, 5.1.1).
const BOUNDARY_BYTES_MAX: usize = 70;

/// What a form consists of.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http) enum Event<'b> {
    /// A part begins.
    Part(PartHead),
    /// The next bytes of the part.
    Data(&'b [u8]),
    /// The part is complete.
    End,
}

/// The head of a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct PartHead {
    pub(in crate::http) name: String,
    /// A part with a file has one, though it may be empty.
    pub(in crate::http) file_name: Option<String>,
}

/// The body is not such a form, or breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct BadMultipart;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first boundary.
    Preamble,
    /// Behind a boundary.
    Boundary,
    Head,
    Data,
    /// Behind the last boundary.
    Epilogue,
}

/// Reads one form.
#[derive(Debug)]
pub(in crate::http) struct Multipart {
    /// What ends a part: a line end and the boundary.
    delimiter: Vec<u8>,
    buffer: Vec<u8>,
    state: State,
}

impl Multipart {
    /// A reader for a body of this content type. `None` if it is none with files.
    pub(in crate::http) fn of(content_type: &str) -> Option<Self> {
        let (kind, parameters) = content_type.split_once(';')?;
        if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
            return None;
        }
        let boundary = parameter(parameters, "boundary")?;
        let is_right = (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len());
        is_right.then(|| Self {
            delimiter: [b"\r\n--", boundary.as_bytes()].concat(),
            // The first boundary may stand at the very beginning.
            buffer: b"\r\n".to_vec(),
            state: State::Preamble,
        })
    }

    /// Takes the next bytes of the body, and gives `sink` what they complete.
    pub(in crate::http) fn feed<E: From<BadMultipart>>(
        &mut self,
        bytes: &[u8],
        sink: &mut dyn FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.buffer.extend_from_slice(bytes);
        let mut used = 0;
        loop {
            let rest = self.buffer.get(used..).unwrap_or_default();
            match self.state {
                State::Preamble => match find(rest, &self.delimiter) {
                    Found::At(at) => {
                        used += at + self.delimiter.len();
                        self.state = State::Boundary;
                    }
                    Found::NotBefore(at) => {
                        used += at;
                        break;
                    }
                },
                State::Boundary => match rest {
                    [b'-', b'-', ..] => self.state = State::Epilogue,
                    [b'\r', b'\n', ..] => {
                        used += 2;
                        self.state = State::Head;
                    }
                    // Blanks may stand there.
                    [b' ' | b'\t', ..] => used += 1,
                    [_, _, ..] => return Err(BadMultipart.into()),
                    _ => break,
                },
                State::Head => match find(rest, b"\r\n\r\n") {
                    Found::At(at) => {
                        let head = head(rest.get(..at).unwrap_or_default())?;
                        used += at + 4;
                        self.state = State::Data;
                        sink(Event::Part(head))?;
                    }
                    Found::NotBefore(_) if HEAD_BYTES_MAX < rest.len() => {
                        return Err(BadMultipart.into());
                    }
                    Found::NotBefore(_) => break,
                },
                State::Data => match find(rest, &self.delimiter) {
                    Found::At(at) => {
                        if 0 < at {
                            sink(Event::Data(rest.get(..at).unwrap_or_default()))?;
                        }
                        sink(Event::End)?;
                        used += at + self.delimiter.len();
                        self.state = State::Boundary;
                    }
                    Found::NotBefore(at) => {
                        if 0 < at {
                            sink(Event::Data(rest.get(..at).unwrap_or_default()))?;
                        }
                        used += at;
                        break;
                    }
                },
                State::Epilogue => {
                    used = self.buffer.len();
                    break;
                }
            }
        }
        self.buffer.drain(..used);
        Ok(())
    }

    /// Whether the last boundary came.
    pub(in crate::http) fn is_complete(&self) -> bool {
        self.state == State::Epilogue
    }
}

enum Found {
    At(usize),
    /// It does not begin before this place. It may begin there and go on with the next bytes.
    NotBefore(usize),
}

fn find(text: &[u8], wanted: &[u8]) -> Found {
    let first = wanted.first().copied().unwrap_or_default();
    let mut from = 0;
    while let Some(rest) = text.get(from..) {
        let Some(at) = rest.iter().position(|byte| *byte == first) else {
            break;
        };
        let candidate = rest.get(at..).unwrap_or_default();
        if candidate.starts_with(wanted) {
            return Found::At(from + at);
        }
        if wanted.starts_with(candidate) {
            return Found::NotBefore(from + at);
        }
        from += at + 1;
    }
    Found::NotBefore(text.len())
}

fn head(bytes: &[u8]) -> Result<PartHead, BadMultipart> {
    // Names are UTF-8 in practice. Others are only shown.
    let text = String::from_utf8_lossy(bytes);
    for line in text.split("\r\n") {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if !name.trim().eq_ignore_ascii_case("content-disposition") {
            continue;
        }
        let parameters = value
            .split_once(';')
            .map_or("", |(_, parameters)| parameters);
        return Ok(PartHead {
            name: parameter(parameters, "name").unwrap_or_default(),
            file_name: parameter(parameters, "filename"),
        });
    }
    Err(BadMultipart)
}

/// The name of the file in the header `Content-Disposition` of a body that is one file.
pub(in crate::http) fn disposition(header: &str) -> Option<String> {
    let (_, parameters) = header.split_once(';')?;
    parameter(parameters, "filename").filter(|name| !name.is_empty())
}

/// A parameter of a header, quoted or not.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim_matches(|end: char| end == ';' || end.is_whitespace());
        let (value, behind) = if let Some(quoted) = after.trim_start().strip_prefix('"') {
            quoted_text(quoted)
        } else {
            let (value, behind) = after.split_once(';').unwrap_or((after, ""));
            (value.trim().to_owned(), behind)
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = behind;
    }
}

/// A text up to its quote, and what follows. Browsers escape a quote as `%22`, others by a backslash.
fn quoted_text(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, text.get(at + 1..).unwrap_or_default()),
            '\\' => match characters.next() {
                Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                // Old browsers send whole paths of Windows.
                Some((_, other)) => value.extend(['\\', other]),
                None => value.push('\\'),
            },
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE: &str = "multipart/form-data; charset=utf-8; boundary=\"x--y\"";
    const BODY: &[u8] = b"preamble\r\n--x--y\r\nContent-Disposition: form-data; name=\"donate\"\r\n\r\non\r\n--x--y  \r\n\
        content-type: text/csv\r\ncontent-disposition: form-data; name=file; filename=\"C:\\a\\\"b.csv\"\r\n\r\n\
        1\r\n--x--\r\n\r\n--x--y\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n\r\n--x--y--\r\nend";

    type Parts = Vec<(PartHead, Vec<u8>)>;

    /// The parts of a body that arrives in pieces of `piece` bytes.
    fn parts(body: &[u8], piece: usize) -> Result<(Parts, bool), BadMultipart> {
        let mut form = Multipart::of(TYPE).unwrap();
        let (mut parts, mut open) = (Vec::new(), None);
        for bytes in body.chunks(piece) {
            form.feed(bytes, &mut |event| {
                match event {
                    Event::Part(head) => open = Some((head, Vec::new())),
                    Event::Data(data) => open.as_mut().unwrap().1.extend_from_slice(data),
                    Event::End => parts.extend(open.take()),
                }
                Ok::<_, BadMultipart>(())
            })?;
        }
        Ok((parts, form.is_complete()))
    }

    #[test]
    fn parts_are_found_however_the_body_is_cut() {
        for piece in 1..BODY.len() {
            let (parts, is_complete) = parts(BODY, piece).unwrap();
            assert!(is_complete);
            let heads: Vec<_> = parts
                .iter()
                .map(|(head, _)| (head.name.as_str(), head.file_name.as_deref()))
                .collect();
            let expected = [
                ("donate", None),
                ("file", Some("C:\\a\"b.csv")),
                ("file", Some("")),
            ];
            assert_eq!(heads, expected);
            let data: Vec<_> = parts.iter().map(|(_, data)| data.as_slice()).collect();
            assert_eq!(data, [b"on".as_slice(), b"1\r\n--x--\r\n", b""]);
        }
    }

    #[test]
    fn a_form_that_breaks_off_is_not_complete() {
        for length in 0..BODY.len() - 6 {
            assert!(!parts(&BODY[..length], 50).unwrap().1, "{length}");
        }
    }

    #[test]
    fn other_content_types_are_no_forms_with_files() {
        for content_type in [
            "text/csv",
            "multipart/form-data",
            "multipart/mixed; boundary=x",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"",
        ] {
            assert!(Multipart::of(content_type).is_none(), "{content_type}");
        }
        assert!(Multipart::of("Multipart/Form-Data;boundary=-----1").is_some());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200), piece in 1usize..50) {
            let _parts: Result<_, _> = parts(&body, piece);
            let _of: Option<_> = Multipart::of(&String::from_utf8_lossy(&body));
        }
    }
}
