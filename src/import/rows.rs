//! The interface between the readers of files and the import: what a reader is given, and what it gives.
//!
//! A reader turns one file into rows and points. It filters nothing that it read before, keeps no row, and knows neither
//! the log nor who sent the file. The import finds duplicates, fills in what a row lacks, and keeps the account.

use std::fs::File;
use std::io::{self, BufReader, Seek};
use std::ops::ControlFlow;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::database::DatabaseBounds;
use super::form::Form;
use super::zone::Zone;
use crate::report::{
    self, Accuracy, Channel, Dbm, Frequency, Position, Report, SourceId, Tag, UnixTime,
};

/// A reader: gives the rows and points of a file, in the order of the file. The same file always gives the same rows.
pub(crate) type Reader = fn(&Input, &Context<'_>, &mut dyn Rows) -> Result<Ending, FileError>;

/// The file to read. It is unpacked, and nobody changes it.
#[derive(Debug)]
pub(crate) struct Input {
    /// Where it is, for readers that need a path. The path says nothing about its name.
    pub(crate) path: PathBuf,
    /// Its name without folders, as it was sent. Few forms have facts there.
    pub(crate) name: Box<str>,
}

impl Input {
    pub(crate) fn open(&self) -> io::Result<File> {
        File::open(&self.path)
    }

    /// Reads the file from its beginning.
    pub(crate) fn reader(&self) -> io::Result<BufReader<File>> {
        const BUFFER_BYTES: usize = 256 << 10;
        let mut file = self.open()?;
        file.rewind()?;
        Ok(BufReader::with_capacity(BUFFER_BYTES, file))
    }
}

/// What a reader knows besides the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// The zone of times without one, if whoever sent the file named it.
    pub(crate) zone: Option<&'a Zone>,
    /// The time of the whole capture, if whoever sent the file gave it. For forms without a clock only.
    pub(crate) time: Option<UnixTime>,
    /// The latest time that a row may have. A later one is no time.
    pub(crate) latest: UnixTime,
    /// The other files of the same upload.
    pub(crate) companions: &'a [Companion],
    pub(crate) bounds: Bounds,
    /// Whether only the points of tracks are needed. A reader that finds them without the rows then gives no rows.
    pub(crate) points_only: bool,
}

/// A further file of the same upload.
#[derive(Clone, Debug)]
pub(crate) struct Companion {
    pub(crate) form: Option<Form>,
    pub(crate) path: PathBuf,
}

/// The bounds of readers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Longest line in bytes. A longer one is one refused row.
    pub(crate) line_bytes_max: usize,
    /// Longest capabilities text in bytes.
    pub(crate) capabilities_bytes_max: usize,
    /// The bounds of a process that reads a database.
    pub(crate) database: DatabaseBounds,
}

impl Bounds {
    /// Longest Bluetooth name in bytes (Bluetooth Core Specification, Vol 3, Part C, 3.2.2).
    pub(crate) const BLUETOOTH_NAME_BYTES_MAX: usize = 248;

    pub(crate) const DEFAULT: Self = Self {
        line_bytes_max: 64 << 10,
        capabilities_bytes_max: 1024,
        database: DatabaseBounds::DEFAULT,
    };
}

impl Default for Bounds {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What takes the rows of a file.
pub(crate) trait Rows {
    /// Takes a data row. `line` is its line in the file, headers counted from 1, or its number in a form without lines.
    /// `Break` ends the reading; the reader then returns [`Ending::default`].
    fn row(&mut self, line: u64, row: Row) -> ControlFlow<()>;

    /// Takes a point of a track.
    fn point(&mut self, point: Point) -> ControlFlow<()>;

    /// Names the source of all following rows, as far as the file tells it. May be called again with each row.
    fn origin(&mut self, origin: &Origin);

    /// Readers that wait long before their next row ask this meanwhile. `Break` ends the reading.
    fn still_wanted(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// A data row of a file. One row may hold several sightings of a form that summarises: those are rows of their own, which
/// count once each.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Row {
    Sighting(Box<Sighting>),
    /// A row of another kind that is no error, such as `cell`, `station` or `nfc`.
    Other(&'static str),
    /// The reason names the field first: `MAC: not a hardware address`.
    Refused(String),
}

/// One sighting of one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sighting {
    /// The time in the row. In a sighting log, a row without one takes the time of the nearest earlier row.
    pub(crate) time: Option<UnixTime>,
    pub(crate) signal: Option<Dbm>,
    pub(crate) frequency: Option<Frequency>,
    pub(crate) channel: Option<Channel>,
    /// `None` for a row without a place, which may get one from a track.
    pub(crate) position: Option<Position>,
    pub(crate) accuracy: Option<Accuracy>,
    /// What was seen.
    pub(crate) seen: report::Sighting,
    pub(crate) marks: Marks,
}

impl Sighting {
    /// The report of this sighting.
    pub(crate) fn into_report(self, time: UnixTime) -> Report {
        Report {
            time,
            signal: self.signal,
            frequency: self.frequency,
            channel: self.channel,
            accuracy: self.position.and(self.accuracy),
            position: self.position,
            tags: self.marks.into_tags(),
            sighting: self.seen,
        }
    }
}

/// What the reader knows about how a sighting came about. The marks become the tag `import` of the report.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each mark is independent of the others"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marks {
    /// The row summarises many sightings, so that its place may not be that of its time.
    pub(crate) is_summary: bool,
    /// The security was guessed.
    pub(crate) is_guessed: bool,
    /// The signal was converted from percent.
    pub(crate) is_percent: bool,
    /// The place comes from a track.
    pub(crate) is_on_track: bool,
    /// What the form has, and a report has no field for, such as the ids of a beacon.
    pub(crate) tags: Vec<Tag>,
}

impl Marks {
    /// Adds what the form has, and a report has no field for. Programs write nothing, and some write 0, for what they do
    /// not know.
    pub(crate) fn add_tag(&mut self, name: &str, value: &str) {
        /// Longest value in bytes.
        const VALUE_BYTES_MAX: usize = 256;
        let value = value.trim();
        let is_said = !value.is_empty() && value != "0";
        let is_fit = value.len() <= VALUE_BYTES_MAX && !value.chars().any(char::is_control);
        if is_said && is_fit {
            self.tags.push(Tag {
                name: name.into(),
                value: value.into(),
            });
        }
    }

    /// The tags of the report, sorted by name.
    fn into_tags(self) -> Vec<Tag> {
        let marks = [
            (self.is_summary, "summary"),
            (self.is_guessed, "guessed"),
            (self.is_percent, "percent"),
            (self.is_on_track, "track"),
        ];
        let set = marks.into_iter().filter(|(is_set, _)| *is_set);
        let set: Vec<_> = set.map(|(_, mark)| mark).collect();
        let mut tags = self.tags;
        if !set.is_empty() {
            // A report has one tag of a name.
            tags.push(Tag {
                name: "import".into(),
                value: set.join(",").into(),
            });
        }
        tags.sort_by(|one, other| one.name.cmp(&other.name));
        tags
    }
}

/// Where somebody was, for rows of other files that have a time and no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) time: UnixTime,
    pub(crate) position: Position,
}

/// What a file tells about the source of its rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Origin {
    /// The scanner's own UUID.
    Source {
        id: SourceId,
        name: Option<Box<str>>,
    },
    /// A text from which the UUID is derived, such as `wigle:<brand>:<model>:<device>`.
    Text { text: Box<str>, name: Box<str> },
    /// Only the program that wrote the file. The source follows from the form and the credential.
    Program { name: Box<str> },
}

impl Origin {
    /// A UUID that a file tells, unless it is all zeros or all ones, which programs write for none.
    pub(crate) fn of_uuid(uuid: Uuid, name: Option<&str>) -> Option<Self> {
        let is_real = !uuid.is_nil() && !uuid.is_max();
        is_real.then(|| Self::Source {
            id: SourceId::new(uuid),
            name: name.map(Into::into),
        })
    }
}

/// How the reading of a file ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    /// Whether the file breaks off. What came before was read.
    pub(crate) is_cut: bool,
    /// Whether the file is damaged elsewhere, so that rows may be missing.
    pub(crate) is_damaged: bool,
    /// What whoever sent the file should know, such as `times taken as UTC`.
    pub(crate) notes: Vec<&'static str>,
}

/// Why a file cannot be read, or not further.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The file is at fault: importing it again fails again.
    #[error("{0}")]
    Refused(String),
    /// The operating system is at fault.
    #[error("cannot read the file: {0}")]
    Io(#[from] io::Error),
}

impl FileError {
    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }
}
