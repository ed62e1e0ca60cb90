//! The least and the greatest value of a column, so that readers skip row groups without what they look for.

use super::leaf::Kind;

/// Longer texts are not written.
const TEXT_BYTES_MAX: usize = 64;

/// The least and the greatest of the values so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Range {
    #[default]
    Empty,
    Ints(i64, i64),
    Doubles(f64, f64),
    Texts(Box<[u8]>, Box<[u8]>),
}

impl Range {
    pub(super) fn add_int(&mut self, number: i64) {
        let (least, most) = match *self {
            Self::Ints(least, most) => (least.min(number), most.max(number)),
            _ => (number, number),
        };
        *self = Self::Ints(least, most);
    }

    pub(super) fn add_double(&mut self, number: f64) {
        let (least, most) = match *self {
            Self::Doubles(least, most) => (least.min(number), most.max(number)),
            _ => (number, number),
        };
        *self = Self::Doubles(least, most);
    }

    pub(super) fn add_text(&mut self, text: &[u8]) {
        match self {
            Self::Texts(least, most) => {
                if *text < **least {
                    *least = text.into();
                }
                if **most < *text {
                    *most = text.into();
                }
            }
            _ => *self = Self::Texts(text.into(), text.into()),
        }
    }

    /// Both as values of a column. `None` if there are none, or long ones.
    pub(super) fn encoded(&self, kind: Kind) -> Option<(Vec<u8>, Vec<u8>)> {
        let int = |number: i64| -> Vec<u8> {
            let bytes = number.to_le_bytes().into_iter();
            let used = match kind {
                Kind::Boolean => 1,
                Kind::Int32 => 4,
                _ => 8,
            };
            bytes.take(used).collect()
        };
        match self {
            Self::Empty => None,
            Self::Ints(least, most) => Some((int(*least), int(*most))),
            Self::Doubles(least, most) => {
                Some((least.to_le_bytes().into(), most.to_le_bytes().into()))
            }
            Self::Texts(least, most) => {
                let is_short = least.len().max(most.len()) <= TEXT_BYTES_MAX;
                is_short.then(|| (least.to_vec(), most.to_vec()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_the_least_and_the_greatest_value() {
        let mut range = Range::default();
        assert_eq!(range.encoded(Kind::Int32), None);
        for number in [-1, 7, 3] {
            range.add_int(number);
        }
        let int32 = (vec![0xFF; 4], vec![7, 0, 0, 0]);
        assert_eq!(range.encoded(Kind::Int32), Some(int32));
        let int64 = (vec![0xFF; 8], vec![7, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(range.encoded(Kind::Time), Some(int64));
        let mut range = Range::default();
        for number in [0, 1] {
            range.add_int(number);
        }
        assert_eq!(range.encoded(Kind::Boolean), Some((vec![0], vec![1])));
        let mut range = Range::default();
        for number in [1.5, -180.0, 2.0] {
            range.add_double(number);
        }
        let doubles = ((-180.0_f64).to_le_bytes(), 2.0_f64.to_le_bytes());
        let doubles = (doubles.0.to_vec(), doubles.1.to_vec());
        assert_eq!(range.encoded(Kind::Double), Some(doubles));
    }

    #[test]
    fn texts_are_compared_by_octets_and_long_ones_are_left_out() {
        let mut range = Range::default();
        for text in ["b", "", "\u{e9}", "ba"] {
            range.add_text(text.as_bytes());
        }
        let texts = (Vec::new(), "\u{e9}".as_bytes().to_vec());
        assert_eq!(range.encoded(Kind::Text), Some(texts));
        range.add_text(&[0xFF; TEXT_BYTES_MAX]);
        assert!(range.encoded(Kind::Text).is_some());
        range.add_text(&[0xFF; TEXT_BYTES_MAX + 1]);
        assert_eq!(range.encoded(Kind::Text), None);
    }
}
