//! The packed pages of a column in a row group.

use super::leaf::{Kind, Leaf};
use super::range::Range;
use super::thrift::{self, Elements, Fields};
use crate::export::ExportError;
use crate::export::zip::size;

const ZSTD_LEVEL: i32 = 3;

// Numbers of the format.
const DATA_PAGE: u64 = 0;
const DICTIONARY_PAGE: u64 = 2;
const PLAIN: u64 = 0;
const RLE: u64 = 3;
const RLE_DICTIONARY: u64 = 8;
const ZSTD: u64 = 6;

/// The encoding of the values of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    /// As their numbers in the dictionary.
    Dictionary,
}

#[derive(Default)]
pub(super) struct Chunk {
    /// The page with the dictionary, which stands before the others.
    dictionary: Vec<u8>,
    pages: Vec<u8>,
    /// The size of all of these before they were packed.
    unpacked_bytes: u64,
    rows: usize,
    pub(super) absent: u64,
    pub(super) range: Range,
    has_plain: bool,
}

/// Sizes of what was written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sizes {
    pub(super) packed: u64,
    pub(super) unpacked: u64,
}

impl Chunk {
    pub(super) fn add_page(
        &mut self,
        content: &[u8],
        rows: usize,
        encoding: Encoding,
    ) -> Result<(), ExportError> {
        let number = match encoding {
            Encoding::Plain => PLAIN,
            Encoding::Dictionary => RLE_DICTIONARY,
        };
        self.has_plain |= encoding == Encoding::Plain;
        self.rows += rows;
        self.unpacked_bytes += page(&mut self.pages, DATA_PAGE, content, |header| {
            header.structure(5, |data| {
                data.i32(1, count(rows));
                data.i32(2, number);
                // Of what says which rows have a value.
                data.i32(3, RLE);
                data.i32(4, RLE);
            });
        })?;
        Ok(())
    }

    pub(super) fn set_dictionary(
        &mut self,
        content: &[u8],
        entries: usize,
    ) -> Result<(), ExportError> {
        self.dictionary.clear();
        let dictionary = &mut self.dictionary;
        self.unpacked_bytes += page(dictionary, DICTIONARY_PAGE, content, |header| {
            header.structure(7, |dictionary| {
                dictionary.i32(1, count(entries));
                dictionary.i32(2, PLAIN);
            });
        })?;
        Ok(())
    }

    /// Writes the pages, which begin at `offset` in the file, and appends to `about` what the end of the file says of them.
    pub(super) fn write(
        self,
        leaf: &Leaf,
        offset: u64,
        out: &mut Vec<u8>,
        about: &mut Vec<u8>,
    ) -> Sizes {
        let sizes = Sizes {
            packed: size(&self.dictionary) + size(&self.pages),
            unpacked: self.unpacked_bytes,
        };
        thrift::structure(about, |column| {
            column.i64(2, offset);
            column.structure(3, |fields| self.describe(leaf, offset, sizes, fields));
        });
        out.extend(self.dictionary);
        out.extend(self.pages);
        sizes
    }

    fn describe(&self, leaf: &Leaf, offset: u64, sizes: Sizes, fields: &mut Fields<'_>) {
        let has_dictionary = !self.dictionary.is_empty();
        let mut encodings = vec![RLE];
        if self.has_plain || has_dictionary {
            encodings.push(PLAIN);
        }
        if has_dictionary {
            encodings.push(RLE_DICTIONARY);
        }
        fields.i32(1, leaf.kind.physical());
        fields.list(2, Elements::I32, encodings.len(), |out| {
            for encoding in &encodings {
                thrift::i32(out, *encoding);
            }
        });
        let path = leaf.group.into_iter().chain([leaf.name]);
        fields.list(3, Elements::Bytes, path.clone().count(), |out| {
            path.for_each(|name| thrift::bytes(out, name.as_bytes()));
        });
        fields.i32(4, ZSTD);
        fields.i64(5, count(self.rows));
        fields.i64(6, sizes.unpacked);
        fields.i64(7, sizes.packed);
        fields.i64(9, offset + size(&self.dictionary));
        if has_dictionary {
            fields.i64(11, offset);
        }
        fields.structure(12, |statistics| {
            statistics.i64(3, self.absent);
            // Nobody looks for a range of octets.
            if leaf.kind != Kind::Bytes
                && let Some((least, most)) = self.range.encoded(leaf.kind)
            {
                statistics.bytes(5, &most);
                statistics.bytes(6, &least);
            }
        });
    }
}

/// Appends a page. Returns its size before it was packed, with its header.
fn page(
    out: &mut Vec<u8>,
    kind: u64,
    content: &[u8],
    describe: impl FnOnce(&mut Fields<'_>),
) -> Result<u64, ExportError> {
    let packed = zstd::bulk::compress(content, ZSTD_LEVEL)?;
    let before = size(out);
    thrift::structure(out, |header| {
        header.i32(1, kind);
        header.i32(2, size(content));
        header.i32(3, size(&packed));
        describe(header);
    });
    let header_bytes = size(out) - before;
    out.extend(packed);
    Ok(header_bytes + size(content))
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
