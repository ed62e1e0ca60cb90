//! Lists, written item by item, so that a list need not be in memory as a whole.
//!
//! What makes the items, and how fast, is somebody else's concern.

mod csv;
mod json;

use serde::Serialize;

pub use self::csv::{CsvList, Texts};
pub use self::json::JsonList;
use crate::alerts::Alert;
use crate::log::LoggedObservation;
use crate::tracker::Device;
use crate::views::native::{
    ALERT_COLUMNS, AlertCells, COLUMNS, DeviceRow, SOURCE_COLUMNS, Scanner, SourceCells,
};
use crate::views::{OBSERVATION_COLUMNS, ObservationRecord};

/// Writes a list of `T`. Each function appends to `out`.
pub trait ListWriter<T> {
    /// What stands before the first item.
    fn before(&mut self, _out: &mut Vec<u8>) {}

    /// Is called with the next items before any of them is written, for writers that look something up for several
    /// items at once or change what is shown of them.
    fn prepare(&mut self, _items: &mut [T]) {}

    /// Whether an item is in the list.
    fn wants(&self, _item: &T) -> bool {
        true
    }

    /// What stands between two items.
    fn between(&mut self, _out: &mut Vec<u8>) {}

    /// One item.
    fn item(&mut self, out: &mut Vec<u8>, item: &T);

    /// What stands behind the last item.
    fn after(&mut self, _out: &mut Vec<u8>) {}

    /// The last change to a piece of the list before it is sent. Pieces end anywhere.
    fn finish(&mut self, piece: Vec<u8>) -> Vec<u8> {
        piece
    }
}

/// What has rows of named values.
pub trait Rows {
    /// The names of the values, in the order of a table's columns.
    const COLUMNS: &'static [&'static str];

    /// The rows of this item, each a map of some of the values.
    fn rows(&self) -> impl Iterator<Item: Serialize>;
}

impl Rows for Device {
    const COLUMNS: &'static [&'static str] = &COLUMNS;

    fn rows(&self) -> impl Iterator<Item: Serialize> {
        std::iter::once(DeviceRow::of(self))
    }
}

impl Rows for LoggedObservation {
    const COLUMNS: &'static [&'static str] = &OBSERVATION_COLUMNS;

    fn rows(&self) -> impl Iterator<Item: Serialize> {
        ObservationRecord::all(&self.entry)
    }
}

impl Rows for Scanner {
    const COLUMNS: &'static [&'static str] = &SOURCE_COLUMNS;

    fn rows(&self) -> impl Iterator<Item: Serialize> {
        std::iter::once(SourceCells::of(self))
    }
}

impl Rows for Alert {
    const COLUMNS: &'static [&'static str] = &ALERT_COLUMNS;

    fn rows(&self) -> impl Iterator<Item: Serialize> {
        std::iter::once(AlertCells::of(self))
    }
}

impl<T: Rows> Rows for std::sync::Arc<T> {
    const COLUMNS: &'static [&'static str] = T::COLUMNS;

    fn rows(&self) -> impl Iterator<Item: Serialize> {
        T::rows(self)
    }
}

impl<T, W: ListWriter<T> + ?Sized> ListWriter<T> for Box<W> {
    fn before(&mut self, out: &mut Vec<u8>) {
        (**self).before(out);
    }

    fn prepare(&mut self, items: &mut [T]) {
        (**self).prepare(items);
    }

    fn wants(&self, item: &T) -> bool {
        (**self).wants(item)
    }

    fn between(&mut self, out: &mut Vec<u8>) {
        (**self).between(out);
    }

    fn item(&mut self, out: &mut Vec<u8>, item: &T) {
        (**self).item(out, item);
    }

    fn after(&mut self, out: &mut Vec<u8>) {
        (**self).after(out);
    }

    fn finish(&mut self, piece: Vec<u8>) -> Vec<u8> {
        (**self).finish(piece)
    }
}
