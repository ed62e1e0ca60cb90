//! A column: its values become pages, and the pages of a row group become a chunk of the file.

use std::collections::HashMap;

use super::bits;
use super::chunk::{Chunk, Encoding, Sizes};
use super::leaf::{Cell, Kind, Leaf};
use crate::export::ExportError;

/// A page ends after so many rows, or so many bytes.
const PAGE_ROWS: usize = 8192;
const PAGE_BYTES: usize = 256 * 1024;
/// Most bytes of the different texts of a chunk. When there are more, each further text is written whole.
const DICTIONARY_BYTES_MAX: usize = 512 * 1024;

/// The values of a column in the row group that is being written.
pub(super) struct Column {
    leaf: Leaf,
    page: Page,
    /// The different texts, until there are too many.
    dictionary: Option<Dictionary>,
    chunk: Chunk,
}

/// What is not packed yet.
#[derive(Default)]
struct Page {
    rows: usize,
    /// 1 for each row with a value, 0 for each row without one.
    levels: Vec<u32>,
    values: Vec<u8>,
    /// Numbers of texts in the dictionary, instead of values.
    indices: Vec<u32>,
}

/// The different texts of a chunk.
#[derive(Default)]
struct Dictionary {
    numbers: HashMap<Box<[u8]>, u32>,
    texts: Vec<u8>,
}

impl Column {
    pub(super) fn new(leaf: Leaf) -> Self {
        Self {
            leaf,
            page: Page::default(),
            dictionary: (leaf.kind == Kind::Text).then(Dictionary::default),
            chunk: Chunk::default(),
        }
    }

    /// Adds the value of the next row. Returns how many bytes it takes, before it is packed.
    pub(super) fn push(&mut self, cell: Cell<'_>) -> Result<usize, ExportError> {
        let before = self.page.values.len();
        match cell {
            Cell::Absent => self.chunk.absent += 1,
            Cell::Bytes(bytes) => return self.push_bytes(bytes),
            Cell::Int32(number) => {
                self.chunk.range.add_int(number.into());
                self.page.values.extend(number.to_le_bytes());
            }
            Cell::Int64(number) => {
                self.chunk.range.add_int(number);
                self.page.values.extend(number.to_le_bytes());
            }
            Cell::Double(number) => {
                self.chunk.range.add_double(number);
                self.page.values.extend(number.to_le_bytes());
            }
            Cell::Boolean(is_true) => {
                self.chunk.range.add_int(is_true.into());
                self.page.values.push(is_true.into());
            }
        }
        let bytes = self.page.values.len() - before;
        self.count(!matches!(cell, Cell::Absent))?;
        Ok(bytes)
    }

    fn push_bytes(&mut self, bytes: &[u8]) -> Result<usize, ExportError> {
        if let Some(dictionary) = &mut self.dictionary {
            let texts_before = dictionary.texts.len();
            if let Some(number) = dictionary.number_of(bytes) {
                let added = dictionary.texts.len() - texts_before;
                if 0 < added {
                    self.chunk.range.add_text(bytes);
                }
                self.page.indices.push(number);
                self.count(true)?;
                return Ok(added + size_of::<u32>());
            }
            // The pages so far need the dictionary. It is written in front of them.
            self.end_page()?;
            self.end_dictionary()?;
        }
        if self.leaf.kind == Kind::Text {
            self.chunk.range.add_text(bytes);
        }
        write_bytes(&mut self.page.values, bytes);
        self.count(true)?;
        Ok(size_of::<u32>() + bytes.len())
    }

    fn count(&mut self, has_value: bool) -> Result<(), ExportError> {
        self.page.rows += 1;
        if self.leaf.may_be_absent() {
            self.page.levels.push(has_value.into());
        }
        if self.page.rows < PAGE_ROWS && self.page.values.len() < PAGE_BYTES {
            return Ok(());
        }
        self.end_page()
    }

    fn end_page(&mut self) -> Result<(), ExportError> {
        let page = std::mem::take(&mut self.page);
        if page.rows == 0 {
            return Ok(());
        }
        let mut content = Vec::new();
        if self.leaf.may_be_absent() {
            let mut levels = Vec::new();
            bits::run(&mut levels, &page.levels, 1);
            write_bytes(&mut content, &levels);
        }
        let encoding = match &self.dictionary {
            Some(dictionary) if !page.indices.is_empty() => {
                let width = bits::width_of(dictionary.numbers.len());
                let [low, ..] = width.to_le_bytes();
                content.push(low);
                bits::run(&mut content, &page.indices, width);
                Encoding::Dictionary
            }
            _ => {
                if self.leaf.kind == Kind::Boolean {
                    let values = page.values.iter().copied().map(u32::from);
                    bits::pack(&mut content, values, 1);
                } else {
                    content.extend(page.values);
                }
                Encoding::Plain
            }
        };
        self.chunk.add_page(&content, page.rows, encoding)
    }

    fn end_dictionary(&mut self) -> Result<(), ExportError> {
        match self.dictionary.take() {
            Some(dictionary) if !dictionary.numbers.is_empty() => {
                let Dictionary { numbers, texts } = dictionary;
                self.chunk.set_dictionary(&texts, numbers.len())
            }
            _ => Ok(()),
        }
    }

    /// Writes the chunk, which begins at `offset` in the file, and appends what the end of the file says of it to `about`.
    /// The column is empty then.
    pub(super) fn end(
        &mut self,
        offset: u64,
        out: &mut Vec<u8>,
        about: &mut Vec<u8>,
    ) -> Result<Sizes, ExportError> {
        self.end_page()?;
        self.end_dictionary()?;
        let next = Self::new(self.leaf);
        let Self { leaf, chunk, .. } = std::mem::replace(self, next);
        Ok(chunk.write(&leaf, offset, out, about))
    }
}

impl Dictionary {
    /// The number of a text. `None` if there is no room for it.
    fn number_of(&mut self, text: &[u8]) -> Option<u32> {
        if let Some(number) = self.numbers.get(text) {
            return Some(*number);
        }
        if DICTIONARY_BYTES_MAX < self.texts.len() + size_of::<u32>() + text.len() {
            return None;
        }
        let number = u32::try_from(self.numbers.len()).ok()?;
        write_bytes(&mut self.texts, text);
        self.numbers.insert(text.into(), number);
        Some(number)
    }
}

/// Appends bytes with their length before them.
fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    // Whatever is reported is far smaller.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend(length.to_le_bytes());
    out.extend_from_slice(bytes);
}
