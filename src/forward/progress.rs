//! How far a target is, as the data directory has it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::log::LogPosition;
use crate::outbox::Cursor;

/// A place in the log, between two observations. Everything before it needs no more work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    /// The record that holds the next observation, or a later one.
    pub(super) position: u64,
    /// How many observations of that record are before this place.
    pub(super) index: usize,
}

impl Place {
    /// The place after a record.
    pub(super) const fn after(position: LogPosition) -> Self {
        Self {
            position: position.get().saturating_add(1),
            index: 0,
        }
    }

    /// The last record before this place, of which nothing is left.
    pub(super) const fn done(self) -> LogPosition {
        LogPosition::new(self.position.saturating_sub(1))
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::after(LogPosition::START)
    }
}

/// Observations that are sent together. It begins at [`Progress::place`], and its bytes are in a file until it is done, so
/// that each attempt sends the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// Names the file, and the upload where the service takes a name.
    pub(super) id: Uuid,
    /// When it was made, in seconds since 1970.
    pub(super) made: u64,
    /// Its end.
    pub(super) to: Place,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// Stands for the service and the rules by which it was made. If they change, the part is made again.
    #[serde(default)]
    pub(super) made_for: String,
    /// Whether it may have arrived: it was sent, and no answer says that it was not taken.
    pub(super) is_tried: bool,
    /// What the service calls the work on it, if it works on it still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) job: Option<String>,
}

/// How far a target is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) place: Place,
    /// What was taken.
    pub(super) rows: u64,
    pub(super) parts: u64,
    /// What the service refused. The newest of these parts are kept as files.
    pub(super) refused_rows: u64,
    pub(super) refused_parts: u64,
    /// When a part was taken last, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_taken: Option<u64>,
    /// The end of the run that is under way: the end of the log when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) run_to: Option<LogPosition>,
    /// The part that is being sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<Part>,
    /// See [`Cursor::list`].
    #[serde(skip)]
    list: u64,
}

impl Cursor for Progress {
    fn new(newest: u64, list: u64) -> Self {
        Self {
            place: Place::after(LogPosition::new(newest)),
            list,
            ..Self::default()
        }
    }

    fn number(&self) -> u64 {
        self.place.done().get()
    }

    fn go_back(&mut self, newest: u64) {
        self.place = Place::after(LogPosition::new(newest));
        self.part = None;
        self.run_to = None;
    }

    fn list(&self) -> u64 {
        self.list
    }
}
