//! Lines of a file, each within a bound.

use std::collections::VecDeque;
use std::io::{self, BufRead};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A line without its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// Number of the line in the file, from 1.
    pub(crate) number: u64,
    pub(crate) bytes: Vec<u8>,
    /// The line was longer than the bound, and was cut there.
    pub(crate) is_too_long: bool,
    /// The file ends without an end of this line.
    pub(crate) is_unfinished: bool,
}

/// Reads lines that end in LF, CRLF or CR. A byte order mark at the start of the file is left out.
pub(crate) struct Lines<'i> {
    input: &'i mut dyn BufRead,
    /// Longest line in bytes. The rest of a longer one is read, but not kept.
    bytes_max: usize,
    read: u64,
    /// The last line ended in CR, so that an LF which follows belongs to it.
    is_after_cr: bool,
    /// Lines that were read ahead.
    returned: VecDeque<Line>,
    /// A buffer to use again.
    spare: Vec<u8>,
}

impl<'i> Lines<'i> {
    pub(crate) fn new(input: &'i mut dyn BufRead, bytes_max: usize) -> Self {
        Self {
            input,
            bytes_max,
            read: 0,
            is_after_cr: false,
            returned: VecDeque::new(),
            spare: Vec::new(),
        }
    }

    /// The next line, or `None` at the end of the file.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.returned.pop_front() {
            return Ok(Some(line));
        }
        let mut line = Line {
            number: self.read + 1,
            bytes: std::mem::take(&mut self.spare),
            is_too_long: false,
            is_unfinished: false,
        };
        line.bytes.clear();
        if !self.fill(&mut line)? {
            return Ok(None);
        }
        self.read += 1;
        if self.read == 1 && line.bytes.starts_with(BYTE_ORDER_MARK) {
            line.bytes.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Some(line))
    }

    /// Puts a line back, which [`Self::next`] gives again. Of several the last one put back comes first.
    pub(crate) fn put_back(&mut self, line: Line) {
        self.returned.push_front(line);
    }

    /// Takes the buffer of a line that is no longer needed.
    pub(crate) fn reuse(&mut self, line: Line) {
        self.spare = line.bytes;
    }

    /// Reads up to the end of the line. `false` at the end of the file.
    fn fill(&mut self, line: &mut Line) -> io::Result<bool> {
        let mut is_anything = false;
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let Some((&first, _)) = chunk.split_first() else {
                line.is_unfinished = is_anything;
                return Ok(is_anything);
            };
            if std::mem::take(&mut self.is_after_cr) && first == b'\n' {
                self.input.consume(1);
                continue;
            }
            is_anything = true;
            let end = memchr::memchr2(b'\n', b'\r', chunk);
            let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or(chunk);
            let room = self.bytes_max.saturating_sub(line.bytes.len());
            line.is_too_long |= room < part.len();
            line.bytes
                .extend_from_slice(part.get(..room).unwrap_or(part));
            let Some(end) = end else {
                let consumed = chunk.len();
                self.input.consume(consumed);
                continue;
            };
            self.is_after_cr = chunk.get(end) == Some(&b'\r');
            self.input.consume(end + 1);
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    const BYTES_MAX: usize = 1000;

    fn lines(text: &[u8], buffer_bytes: usize) -> Vec<Line> {
        let mut input = BufReader::with_capacity(buffer_bytes, text);
        let mut lines = Lines::new(&mut input, BYTES_MAX);
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    fn texts(text: &[u8]) -> Vec<String> {
        let lines = lines(text, 3).into_iter();
        lines
            .map(|line| format!("{} {}", line.number, String::from_utf8_lossy(&line.bytes)))
            .collect()
    }

    #[test]
    fn every_kind_of_end_is_understood() {
        let expected = ["1 a", "2 bcd", "3 ", "4 e"];
        assert_eq!(texts(b"a\nbcd\n\ne\n"), expected);
        assert_eq!(texts(b"a\r\nbcd\r\n\r\ne\r\n"), expected);
        assert_eq!(texts(b"a\rbcd\r\re\r"), expected);
        assert_eq!(texts(b"a\nbcd\r\n\re"), expected);
        assert_eq!(texts(b"\xef\xbb\xbfa\nbcd\n\ne"), expected);
        assert!(texts(b"").is_empty());
    }

    #[test]
    fn only_a_line_without_its_end_is_unfinished() {
        let unfinished = |text: &[u8]| lines(text, 8).last().unwrap().is_unfinished;
        assert!(unfinished(b"a\nb"));
        assert!(!unfinished(b"a\nb\n"));
        assert!(!unfinished(b"a\rb\r"));
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let mut text = vec![b'x'; 10 * BYTES_MAX];
        text.extend_from_slice(b"\nnext\n");
        let lines = lines(&text, 4096);
        assert_eq!(lines[0].bytes.len(), BYTES_MAX);
        assert!(lines[0].is_too_long);
        let text = [
            vec![b'x'; BYTES_MAX],
            b"\n".to_vec(),
            vec![b'x'; BYTES_MAX + 1],
        ]
        .concat();
        let at_bound = self::lines(&text, 4096);
        assert!(!at_bound[0].is_too_long && at_bound[1].is_too_long);
        assert_eq!((lines[1].number, &*lines[1].bytes), (2, &b"next"[..]));
        assert!(!lines[1].is_too_long);
    }

    #[test]
    fn lines_that_were_put_back_come_again() {
        let mut text = &b"a\nb\nc\n"[..];
        let mut lines = Lines::new(&mut text, BYTES_MAX);
        let (first, second) = (
            lines.next().unwrap().unwrap(),
            lines.next().unwrap().unwrap(),
        );
        lines.put_back(second.clone());
        lines.put_back(first.clone());
        assert_eq!(lines.next().unwrap(), Some(first));
        assert_eq!(lines.next().unwrap(), Some(second));
        assert_eq!(lines.next().unwrap().unwrap().number, 3);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_whatever_the_buffer(text in "[a\r\n]{0,40}", buffer_bytes in 1..9_usize) {
            let joined: Vec<u8> = lines(text.as_bytes(), buffer_bytes)
                .into_iter()
                .flat_map(|line| line.bytes)
                .collect();
            let expected: Vec<u8> = text.bytes().filter(|byte| *byte == b'a').collect();
            prop_assert_eq!(joined, expected);
            let by_one_buffer = lines(text.as_bytes(), 64);
            prop_assert_eq!(lines(text.as_bytes(), buffer_bytes), by_one_buffer);
        }
    }
}
