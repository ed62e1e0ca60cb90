//! A list as CSV (RFC 4180): a line of names, and a line for each row.

use std::borrow::Cow;

use serde_json::Value;

use super::{ListWriter, Rows};

/// Buffer of one line; the cells of a device take less.
const LINE_BYTES: usize = 512;
/// What a spreadsheet takes for the beginning of a formula, also in full width (OWASP, CSV Injection); and the guard
/// itself, so that to take one off always gives back the text.
const GUARDED: [char; 12] = [
    '=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠', GUARD,
];
/// What makes a spreadsheet take a cell for text.
const GUARD: char = '\'';

/// How texts are written: strangers choose the names of networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// Those that a spreadsheet would take for a formula have a `'` in front.
    Guarded,
    /// As they are, for programs.
    Raw,
}

impl Texts {
    /// A text as it is written.
    pub fn written(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Guarded if text.starts_with(GUARDED) => format!("{GUARD}{text}").into(),
            Self::Guarded | Self::Raw => text.into(),
        }
    }
}

/// Writes a table.
#[derive(Clone, Copy, Debug)]
pub struct CsvList {
    texts: Texts,
}

impl CsvList {
    /// The media type, with its parameters.
    pub const CONTENT_TYPE: &str = "text/csv; charset=utf-8";

    /// A table with its texts written in some way.
    pub const fn new(texts: Texts) -> Self {
        Self { texts }
    }
}

impl<T: Rows> ListWriter<T> for CsvList {
    fn before(&mut self, out: &mut Vec<u8>) {
        line(out, T::COLUMNS.iter().map(|&name| Cow::Borrowed(name)));
    }

    fn item(&mut self, out: &mut Vec<u8>, item: &T) {
        for row in item.rows() {
            // Rows have texts for keys, so they are values.
            let row = serde_json::to_value(row).unwrap_or_default();
            let cells = T::COLUMNS.iter().map(|&column| match row.get(column) {
                None | Some(Value::Null) => "".into(),
                Some(Value::String(text)) => self.texts.written(text),
                Some(Value::Array(words)) => Cow::Owned(words_in_one(words)),
                Some(value) => Cow::Owned(value.to_string()),
            });
            line(out, cells);
        }
    }
}

fn line<'c>(out: &mut Vec<u8>, cells: impl Iterator<Item = Cow<'c, str>>) {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .buffer_capacity(LINE_BYTES)
        .from_writer(out);
    // Writing to memory does not fail, and each line has as many cells as the first.
    for cell in cells {
        writer.write_field(&*cell).ok();
    }
    writer.write_record(None::<&[u8]>).ok();
    writer.flush().ok();
}

/// Words of the server's own, such as classes of security, with blanks between.
fn words_in_one(words: &[Value]) -> String {
    let words = words.iter().filter_map(Value::as_str);
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Named(&'static str);

    impl Rows for Named {
        const COLUMNS: &'static [&'static str] = &["name", "signal_dbm", "lat"];

        fn rows(&self) -> impl Iterator<Item: serde::Serialize> {
            std::iter::once(serde_json::json!({ "name": self.0, "signal_dbm": -60 }))
        }
    }

    #[test]
    fn what_looks_like_a_formula_is_guarded_and_numbers_are_numbers() {
        let written = |texts| {
            let mut list = CsvList::new(texts);
            let (writer, mut out): (&mut dyn ListWriter<Named>, _) = (&mut list, Vec::new());
            writer.before(&mut out);
            writer.item(&mut out, &Named("=1+1"));
            String::from_utf8(out).unwrap()
        };
        let head = "name,signal_dbm,lat\r\n";
        assert_eq!(written(Texts::Guarded), format!("{head}'=1+1,-60,\r\n"));
        assert_eq!(written(Texts::Raw), format!("{head}=1+1,-60,\r\n"));
    }

    proptest! {
        #[test]
        fn no_guarded_text_begins_a_formula_and_each_can_be_had_back(text in "[-=+@'\t\r\n＝＋－＠a ]{0,4}") {
            let guarded = Texts::Guarded.written(&text);
            prop_assert!(!guarded.starts_with(&GUARDED[..GUARDED.len() - 1]));
            let text = text.as_str();
            prop_assert_eq!(guarded.strip_prefix(GUARD).unwrap_or(&guarded), text);
        }
    }
}
