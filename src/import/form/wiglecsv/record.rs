//! Fields of one line of CSV, as programs write it: quoted by RFC 4180, or with quotes that nobody escaped.

/// The fields of a record. The buffers are used again for the next one.
#[derive(Debug, Default)]
pub(in crate::import::form) struct Fields {
    /// The record, with doubled quotes turned into one.
    text: Vec<u8>,
    /// Where each field begins and ends in the text.
    places: Vec<(usize, usize)>,
}

impl Fields {
    pub(in crate::import::form) fn len(&self) -> usize {
        self.places.len()
    }

    /// The field with this index, or the empty text.
    pub(in crate::import::form) fn get(&self, index: usize) -> &[u8] {
        let place = self.places.get(index);
        place
            .and_then(|(from, to)| self.text.get(*from..*to))
            .unwrap_or_default()
    }

    pub(in crate::import::form) fn last(&self) -> &[u8] {
        self.get(self.len().saturating_sub(1))
    }

    pub(in crate::import::form) fn iter(
        &self,
    ) -> impl DoubleEndedIterator<Item = &[u8]> + ExactSizeIterator {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Splits a record. Gives whether a field begins with a quote that nothing ends: the quote then counts as a character.
    pub(in crate::import::form) fn split(&mut self, record: &[u8]) -> bool {
        self.text.clear();
        self.places.clear();
        if memchr::memchr(b'"', record).is_some() {
            return self.split_quoted(record);
        }
        self.text.extend_from_slice(record);
        let mut from = 0;
        for comma in memchr::memchr_iter(b',', record) {
            self.places.push((from, comma));
            from = comma + 1;
        }
        self.places.push((from, record.len()));
        false
    }

    fn split_quoted(&mut self, record: &[u8]) -> bool {
        let mut has_unclosed = false;
        let mut rest = record;
        loop {
            let from = self.text.len();
            let after = match rest.strip_prefix(b"\"") {
                Some(quoted) => self.take_quoted(quoted),
                None => None,
            };
            has_unclosed |= after.is_none() && rest.starts_with(b"\"");
            let after = after.unwrap_or_else(|| {
                let end = memchr::memchr(b',', rest).unwrap_or(rest.len());
                let (field, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
                self.text.truncate(from);
                self.text.extend_from_slice(field);
                after
            });
            self.places.push((from, self.text.len()));
            match after.split_first() {
                Some((_, next)) => rest = next,
                None => return has_unclosed,
            }
        }
    }

    /// Takes a field up to the quote that ends it, which stands before a comma or at the end. Gives what follows, or
    /// `None` if there is no such quote.
    fn take_quoted<'r>(&mut self, mut rest: &'r [u8]) -> Option<&'r [u8]> {
        loop {
            let quote = memchr::memchr(b'"', rest)?;
            let (part, after) = rest.split_at_checked(quote)?;
            self.text.extend_from_slice(part);
            let after = after.get(1..)?;
            match after.first() {
                None | Some(b',') => return Some(after),
                Some(b'"') => {
                    self.text.push(b'"');
                    rest = after.get(1..)?;
                }
                // Some writers quote, and do not double the quotes inside.
                Some(_) => {
                    self.text.push(b'"');
                    rest = after;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(record: &str, expected: &[&str], is_unclosed: bool) {
        let mut fields = Fields::default();
        assert_eq!(fields.split(record.as_bytes()), is_unclosed, "{record}");
        let read: Vec<_> = fields.iter().map(String::from_utf8_lossy).collect();
        assert_eq!(read, expected, "{record}");
    }

    #[test]
    fn records_are_split_as_they_are_written() {
        check("", &[""], false);
        check("a,b,", &["a", "b", ""], false);
        check(r#""a,b",c"#, &["a,b", "c"], false);
        check(r#""a ""b""",c"#, &[r#"a "b""#, "c"], false);
        check(r#"a "b",c"#, &[r#"a "b""#, "c"], false);
        check(r#""",c"#, &["", "c"], false);
        check(r#""a "b" c",d"#, &[r#"a "b" c"#, "d"], false);
        check(r#""a,b,c"#, &[r#""a"#, "b", "c"], true);
        check(r#"x,""#, &["x", r#"""#], true);
        check("\"a\nb\",c", &["a\nb", "c"], false);
    }

    proptest! {
        #[test]
        fn a_quoted_record_comes_back(sent in prop::collection::vec("[a,\" ]{0,6}", 1..6)) {
            let quoted: Vec<_> = sent
                .iter()
                .map(|field| format!("\"{}\"", field.replace('"', "\"\"")))
                .collect();
            let mut fields = Fields::default();
            fields.split(quoted.join(",").as_bytes());
            // A writer that does not double its quotes looks the same where a comma follows one.
            if sent.iter().all(|field| !field.contains('"')) {
                let read: Vec<_> = fields.iter().map(String::from_utf8_lossy).collect();
                prop_assert_eq!(read, sent);
            }
        }

        #[test]
        fn no_record_panics(record in "[a,\"]{0,24}") {
            let mut fields = Fields::default();
            fields.split(record.as_bytes());
            prop_assert!(1 <= fields.len());
        }
    }
}
