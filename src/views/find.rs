//! Serialises a single field of a record: skips the fields before it and stops once it is found.

use std::fmt;

use serde::ser::{self, Impossible, Serialize, SerializeMap, SerializeStruct, Serializer};

use super::json::{Style, to_json_as};

/// Appends the value at `path`, a list of field names, to `out`. Returns `false` if the record has no such field.
pub fn find(
    out: &mut Vec<u8>,
    record: &(impl Serialize + ?Sized),
    path: &[impl AsRef<str>],
    style: Style,
) -> bool {
    match path.split_first() {
        None => {
            to_json_as(out, record, style);
            true
        }
        Some((name, rest)) => {
            let rest: Vec<&str> = rest.iter().map(AsRef::as_ref).collect();
            let finder = Finder {
                out,
                name: name.as_ref(),
                rest: &rest,
                style,
            };
            match record.serialize(finder) {
                Ok(found) => found,
                Err(stop) => stop == Stop::Found,
            }
        }
    }
}

/// Ends serialisation early. Serialising a record cannot fail otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Stop {
    #[error("the value is found")]
    Found,
    #[error("there are no names here")]
    NoNames,
}

impl ser::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::NoNames
    }
}

/// Searches an object for a name; refuses all other types.
struct Finder<'f> {
    out: &'f mut Vec<u8>,
    name: &'f str,
    rest: &'f [&'f str],
    style: Style,
}

/// The object being searched.
struct Fields<'f> {
    finder: Finder<'f>,
    /// Whether the latest key is the wanted name.
    is_here: bool,
}

impl Fields<'_> {
    fn value(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Stop> {
        if find(self.finder.out, value, self.finder.rest, self.finder.style) {
            return Err(Stop::Found);
        }
        Ok(())
    }
}

impl SerializeMap for Fields<'_> {
    type Ok = bool;
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        self.is_here = key.serialize(Key(self.finder.name))?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        if self.is_here {
            self.value(value)?;
        }
        Ok(())
    }

    fn end(self) -> Result<bool, Stop> {
        Ok(false)
    }
}

impl SerializeStruct for Fields<'_> {
    type Ok = bool;
    type Error = Stop;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        if key == self.finder.name {
            self.value(value)?;
        }
        Ok(())
    }

    fn end(self) -> Result<bool, Stop> {
        Ok(false)
    }
}

/// Compares a key with the wanted name.
struct Key<'k>(&'k str);

/// Type that can be neither a record nor a key.
macro_rules! nothing_in {
    ($($method:ident($($argument:ty),*);)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<bool, Stop> { Ok(false) })*
    };
}

macro_rules! nothing_in_compounds {
    () => {
        type SerializeSeq = Impossible<bool, Stop>;
        type SerializeTuple = Impossible<bool, Stop>;
        type SerializeTupleStruct = Impossible<bool, Stop>;
        type SerializeTupleVariant = Impossible<bool, Stop>;
        type SerializeStructVariant = Impossible<bool, Stop>;

        nothing_in! {
            serialize_bool(bool);
            serialize_i8(i8); serialize_i16(i16); serialize_i32(i32); serialize_i64(i64);
            serialize_u8(u8); serialize_u16(u16); serialize_u32(u32); serialize_u64(u64);
            serialize_f32(f32); serialize_f64(f64);
            serialize_char(char); serialize_bytes(&[u8]);
            serialize_none(); serialize_unit(); serialize_unit_struct(&'static str);
            serialize_unit_variant(&'static str, u32, &'static str);
        }

        fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<bool, Stop> {
            value.serialize(self)
        }

        fn serialize_newtype_struct<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            value: &T,
        ) -> Result<bool, Stop> {
            value.serialize(self)
        }

        fn serialize_newtype_variant<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: &T,
        ) -> Result<bool, Stop> {
            Ok(false)
        }

        fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Stop> {
            Err(Stop::NoNames)
        }

        fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Stop> {
            Err(Stop::NoNames)
        }

        fn serialize_tuple_struct(
            self,
            _: &'static str,
            _: usize,
        ) -> Result<Self::SerializeTupleStruct, Stop> {
            Err(Stop::NoNames)
        }

        fn serialize_tuple_variant(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: usize,
        ) -> Result<Self::SerializeTupleVariant, Stop> {
            Err(Stop::NoNames)
        }

        fn serialize_struct_variant(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: usize,
        ) -> Result<Self::SerializeStructVariant, Stop> {
            Err(Stop::NoNames)
        }
    };
}

impl<'f> Serializer for Finder<'f> {
    type Ok = bool;
    type Error = Stop;
    type SerializeMap = Fields<'f>;
    type SerializeStruct = Fields<'f>;

    nothing_in_compounds!();
    nothing_in! { serialize_str(&str); }

    fn serialize_map(self, _: Option<usize>) -> Result<Fields<'f>, Stop> {
        Ok(Fields {
            finder: self,
            is_here: false,
        })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'f>, Stop> {
        self.serialize_map(None)
    }
}

impl Serializer for Key<'_> {
    type Ok = bool;
    type Error = Stop;
    type SerializeMap = Impossible<bool, Stop>;
    type SerializeStruct = Impossible<bool, Stop>;

    nothing_in_compounds!();

    fn serialize_str(self, key: &str) -> Result<bool, Stop> {
        Ok(key == self.0)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Stop> {
        Err(Stop::NoNames)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Stop> {
        Err(Stop::NoNames)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Option<&Value>) {
        let record = json!({
            "a": 1, "b": { "c": "x", "d": [1, 2], "e": { "f": null } }, "g": [{ "h": 1 }],
        });
        let path: Vec<_> = path.split('/').collect();
        let mut out = Vec::new();
        let found = find(&mut out, &record, &path, Style::default());
        assert_eq!(found, expected.is_some());
        assert_eq!(
            found.then(|| serde_json::from_slice(&out).unwrap()),
            expected.cloned()
        );
    }

    #[test]
    fn a_path_leads_through_objects() {
        check("a", Some(&json!(1)));
        check("b/c", Some(&json!("x")));
        check("b/d", Some(&json!([1, 2])));
        check("b/e/f", Some(&json!(null)));
        check(
            "b",
            Some(&json!({ "c": "x", "d": [1, 2], "e": { "f": null } })),
        );
        for nowhere in ["c", "a/b", "b/x", "b/c/d", "g/h", "b/d/0", ""] {
            check(nowhere, None);
        }
    }
}
