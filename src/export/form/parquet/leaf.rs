//! Columns as the file describes them, and the values of a row.

/// What a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bytes,
    Int32,
    Int64,
    /// Milliseconds since 1970.
    Time,
    Double,
    Boolean,
}

impl Kind {
    /// The number of the physical type.
    pub(super) const fn physical(self) -> u64 {
        match self {
            Self::Boolean => 0,
            Self::Int32 => 1,
            Self::Int64 | Self::Time => 2,
            Self::Double => 5,
            Self::Text | Self::Bytes => 6,
        }
    }
}

/// A column, as the file describes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) is_optional: bool,
    /// The group that it is in. All of such a group is absent, or nothing.
    pub(super) group: Option<&'static str>,
}

impl Leaf {
    pub(super) const fn required(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            is_optional: false,
            group: None,
        }
    }

    pub(super) const fn optional(name: &'static str, kind: Kind) -> Self {
        Self {
            is_optional: true,
            ..Self::required(name, kind)
        }
    }

    pub(super) const fn within(group: &'static str, name: &'static str) -> Self {
        Self {
            group: Some(group),
            ..Self::required(name, Kind::Double)
        }
    }

    pub(super) const fn may_be_absent(&self) -> bool {
        self.is_optional || self.group.is_some()
    }
}

/// A value of a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'c> {
    Absent,
    Bytes(&'c [u8]),
    Int32(i32),
    Int64(i64),
    Double(f64),
    Boolean(bool),
}

impl<'c> From<&'c [u8]> for Cell<'c> {
    fn from(bytes: &'c [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'c> From<&'c str> for Cell<'c> {
    fn from(text: &'c str) -> Self {
        Self::Bytes(text.as_bytes())
    }
}

impl From<i32> for Cell<'_> {
    fn from(number: i32) -> Self {
        Self::Int32(number)
    }
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Self::Int64(number)
    }
}

impl From<f64> for Cell<'_> {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

impl From<bool> for Cell<'_> {
    fn from(is_true: bool) -> Self {
        Self::Boolean(is_true)
    }
}

impl<'c, T: Into<Cell<'c>>> From<Option<T>> for Cell<'c> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Into::into)
    }
}
