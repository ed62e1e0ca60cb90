//! The forms in which devices are written as a list. A form is one variant of [`Form`], and a writer if it needs one of
//! its own.

use serde::Serialize;

use super::list::{CsvList, JsonList, ListWriter, Texts};
use crate::tracker::Device;

/// Writes devices in some form.
pub type DeviceWriter = Box<dyn ListWriter<Device> + Send>;

/// A form of a list of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A table; what a spreadsheet may do with its texts is said beside it.
    Csv(Texts),
    /// An object with the list and what belongs to the page.
    Json,
}

impl Form {
    /// All forms. Of forms that a client wants alike, the first one counts.
    pub const ALL: [Self; 2] = [Self::Json, Self::Csv(Texts::Guarded)];

    /// The media type, with its parameters.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Csv(_) => CsvList::CONTENT_TYPE,
            Self::Json => "application/json",
        }
    }

    /// A writer of one list. `frame` is what JSON has around the list: an object whose first field is the list, empty.
    ///
    /// # Errors
    ///
    /// When the frame cannot be written.
    pub fn writer(self, frame: &impl Serialize) -> serde_json::Result<DeviceWriter> {
        Ok(match self {
            Self::Csv(texts) => Box::new(CsvList::new(texts)),
            Self::Json => Box::new(JsonList::within(frame)?),
        })
    }
}
