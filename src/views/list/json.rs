//! A list as JSON: an object with one list in it.

use serde::Serialize;

use super::{ListWriter, Rows};

/// Writes the rows into the list of an object that has no other rows yet.
#[derive(Clone, Debug)]
pub struct JsonList {
    before: Vec<u8>,
    after: Vec<u8>,
    has_rows: bool,
}

impl JsonList {
    /// A list in `frame`: an object whose first field is a list without items, and which may have other fields.
    ///
    /// # Errors
    ///
    /// When the frame cannot be written as JSON.
    pub fn within(frame: &impl Serialize) -> serde_json::Result<Self> {
        let mut before = serde_json::to_vec(frame)?;
        let opened = before.iter().position(|&byte| byte == b'[');
        let after = before.split_off(opened.map_or(before.len(), |opened| opened + 1));
        Ok(Self {
            before,
            after,
            has_rows: false,
        })
    }
}

impl<T: Rows> ListWriter<T> for JsonList {
    fn before(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.before);
    }

    fn item(&mut self, out: &mut Vec<u8>, item: &T) {
        for row in item.rows() {
            if std::mem::replace(&mut self.has_rows, true) {
                out.push(b',');
            }
            // Writing to memory does not fail, and rows have texts for keys.
            serde_json::to_writer(&mut *out, &row).ok();
        }
    }

    fn after(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.after);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    impl Rows for Vec<u32> {
        const COLUMNS: &'static [&'static str] = &["n"];

        fn rows(&self) -> impl Iterator<Item: Serialize> {
            self.iter().map(|number| json!({ "n": number }))
        }
    }

    #[track_caller]
    fn check(items: &[Vec<u32>], frame: &Value, expected: &str) {
        let mut list = JsonList::within(frame).unwrap();
        let (writer, mut out): (&mut dyn ListWriter<Vec<u32>>, _) = (&mut list, Vec::new());
        writer.before(&mut out);
        for item in items {
            writer.item(&mut out, item);
        }
        writer.after(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn the_rows_stand_in_the_list_of_the_frame() {
        let frame = json!({ "list": [], "next": "[1]" });
        check(&[], &frame, r#"{"list":[],"next":"[1]"}"#);
        check(
            &[vec![1], vec![], vec![2, 3]],
            &frame,
            r#"{"list":[{"n":1},{"n":2},{"n":3}],"next":"[1]"}"#,
        );
        check(&[vec![1]], &json!({ "list": [] }), r#"{"list":[{"n":1}]}"#);
    }
}
