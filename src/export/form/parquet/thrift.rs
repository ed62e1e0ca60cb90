//! The compact protocol of Apache Thrift, in which Parquet has its metadata: as much of it as is written here.
//!
//! All numbers are at least 0, and the numbers of the fields of a struct ascend by less than 16.

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const I32: u8 = 5;
const I64: u8 = 6;
const BYTES: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;
/// Stands behind the last field of a struct.
const STOP: u8 = 0;
/// Longer lists have their length behind the first byte.
const SHORT_LIST_MAX: usize = 14;

/// What a list has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Elements {
    I32,
    Bytes,
    Structs,
}

/// A struct that is being written.
pub(super) struct Fields<'o> {
    out: &'o mut Vec<u8>,
    /// The number of the last field.
    last: u8,
}

/// Appends a struct.
pub(super) fn structure(out: &mut Vec<u8>, write: impl FnOnce(&mut Fields<'_>)) {
    let mut fields = Fields {
        out: &mut *out,
        last: 0,
    };
    write(&mut fields);
    out.push(STOP);
}

/// Appends a number that is an element of a list.
pub(super) fn i32(out: &mut Vec<u8>, number: u64) {
    // Numbers have their sign in the lowest bit.
    varint(out, number << 1);
}

/// Appends bytes that are an element of a list.
pub(super) fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint(out, length(bytes.len()));
    out.extend_from_slice(bytes);
}

impl Fields<'_> {
    pub(super) fn bool(&mut self, field: u8, value: bool) {
        self.begin(field, if value { TRUE } else { FALSE });
    }

    pub(super) fn i32(&mut self, field: u8, number: u64) {
        self.begin(field, I32);
        i32(self.out, number);
    }

    pub(super) fn i64(&mut self, field: u8, number: u64) {
        self.begin(field, I64);
        i32(self.out, number);
    }

    pub(super) fn bytes(&mut self, field: u8, value: &[u8]) {
        self.begin(field, BYTES);
        bytes(self.out, value);
    }

    pub(super) fn structure(&mut self, field: u8, write: impl FnOnce(&mut Fields<'_>)) {
        self.begin(field, STRUCT);
        structure(self.out, write);
    }

    /// A list. `write` appends its elements.
    pub(super) fn list(
        &mut self,
        field: u8,
        elements: Elements,
        count: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        self.begin(field, LIST);
        let kind = match elements {
            Elements::I32 => I32,
            Elements::Bytes => BYTES,
            Elements::Structs => STRUCT,
        };
        match u8::try_from(count) {
            Ok(short) if count <= SHORT_LIST_MAX => self.out.push(short << 4 | kind),
            _ => {
                self.out.push(0xF0 | kind);
                varint(self.out, length(count));
            }
        }
        write(self.out);
    }

    fn begin(&mut self, field: u8, kind: u8) {
        self.out.push((field - self.last) << 4 | kind);
        self.last = field;
    }
}

/// Appends a number in groups of 7 bits, the lowest first.
pub(super) fn varint(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_struct_has_its_fields_in_bytes() {
        let mut out = Vec::new();
        structure(&mut out, |fields| {
            fields.i32(1, 1);
            fields.i64(3, 300);
            fields.bytes(4, b"ab");
            fields.structure(8, |inner| inner.bool(1, true));
            fields.bool(9, false);
            fields.list(10, Elements::I32, 2, |out| {
                i32(out, 0);
                i32(out, 8);
            });
        });
        let expected = [
            0x15, 2, 0x26, 0xD8, 0x04, 0x18, 2, b'a', b'b', 0x4C, 0x11, 0, 0x12, 0x19, 0x25, 0, 16,
            0,
        ];
        assert_eq!(out, expected);
    }

    #[test]
    fn a_long_list_has_its_length_behind_the_first_byte() {
        let first = |count: usize| {
            let mut out = Vec::new();
            structure(&mut out, |fields| {
                fields.list(1, Elements::Bytes, count, |out| {
                    (0..count).for_each(|_| bytes(out, b""));
                });
            });
            assert_eq!(out.last(), Some(&STOP));
            out.get(1..4).map(<[u8]>::to_vec)
        };
        assert_eq!(first(14), Some(vec![0xE8, 0, 0]));
        assert_eq!(first(15), Some(vec![0xF8, 15, 0]));
        assert_eq!(first(128), Some(vec![0xF8, 0x80, 1]));
    }
}
