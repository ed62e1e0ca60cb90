//! Files for other programs: devices and observations in the forms that these programs read.
//!
//! Each form has a file in `form`, and a line in [`FORMS`]. It writes rows into a buffer. It knows neither where the rows
//! come from nor who reads the file.

mod facts;
mod form;
mod hidden;
mod number;
mod parts;
mod place;
mod redacted;
mod rows;
mod scratch;
mod security;
#[cfg(test)]
mod tests;
mod text;
mod upload;
mod zip;

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

pub(crate) use self::form::{FORMS, live_event};
pub(crate) use self::hidden::Hidden;
pub(crate) use self::parts::PartBounds;
use self::parts::Parts;
pub(crate) use self::place::PlaceOf;
pub(crate) use self::redacted::Redacted;
pub(crate) use self::rows::{DeviceOf, Devices, Observations, RowSource};
pub(crate) use self::scratch::{Scratch, ScratchError, ScratchFile};
pub(crate) use self::upload::{Added, UploadBounds, UploadForm, UploadWriter, is_security_known};
use crate::alerts::AlertStore;
use crate::log::{Entry, History, LogError, LogPosition};
use crate::report::{Batch, Phy, Report, SourceId, UnixTime};
use crate::tracker::{Device, Tracker};
use crate::views::list::Texts;
use crate::views::native::Utc;

/// Least size of a piece of a file, except the last.
const PIECE_BYTES_MIN: usize = 128 * 1024;
/// Room for most pieces, so that they are not moved while they grow. The last step may be much longer than a piece.
const PIECE_BYTES_USUAL: usize = 512 * 1024;
/// After so many steps without enough rows for a piece, others have their turn.
const STEPS_MAX: usize = 16;
/// The same after so many rows, which a form may put elsewhere than into the piece.
const ROWS_MAX: u64 = 1024;

/// What a row of a file stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Per {
    /// One row for each device.
    Device,
    /// One row for each observation in the log.
    Observation,
}

impl Per {
    pub(crate) const ALL: [Self; 2] = [Self::Device, Self::Observation];

    /// The word for it, in queries.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Observation => "observation",
        }
    }

    /// The word for several of them, in file names.
    const fn plural(self) -> &'static str {
        match self {
            Self::Device => "devices",
            Self::Observation => "observations",
        }
    }
}

/// A form of files.
#[derive(Debug)]
pub(crate) struct Form {
    /// The word for the form, in paths.
    pub(crate) word: &'static str,
    pub(crate) media_type: &'static str,
    /// The end of file names, without a full stop.
    pub(crate) extension: &'static str,
    /// What rows may be. The first is the default.
    pub(crate) per: &'static [Per],
    /// The versions of the form. The first is the default. Empty if there is only one.
    pub(crate) versions: &'static [&'static str],
    /// Whether texts may be guarded against spreadsheets.
    pub(crate) has_texts: bool,
    /// Names of options that are on or off.
    pub(crate) switches: &'static [&'static str],
    pub(crate) made: Made,
    /// Whether a file may be cut into parts, each of which is complete.
    pub(crate) has_parts: bool,
    /// Whether devices may have less than all that is known of them.
    pub(crate) has_minimal: bool,
    writer: fn(&Choices, &mut Around) -> Box<dyn FormWriter>,
}

/// How a file is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// Piece by piece, while it is sent.
    Streamed,
    /// All of it in memory, before it is sent. Its rows have a bound.
    InMemory,
    /// All of it on disk, before it is sent.
    OnDisk,
}

impl Form {
    /// The switches of all forms.
    pub(crate) const SWITCHES: [&'static str; 3] = ["bom", "rs", "tracks"];
    /// The switches that are on by default.
    pub(crate) const SWITCHES_ON: [&'static str; 1] = ["tracks"];

    /// The form with this word.
    pub(crate) fn of_word(word: &str) -> Option<&'static Self> {
        FORMS.into_iter().find(|form| form.word == word)
    }

    /// The name of a file of this form, such as `scanpost-devices-20260131T120000Z.kml`.
    pub(crate) fn file_name(&self, choices: &Choices) -> String {
        let extension = match choices.parts {
            Some(_) => zip::EXTENSION,
            None => self.extension,
        };
        format!("{}.{extension}", choices.stem())
    }

    /// The media type of a file of this form.
    pub(crate) const fn media_type_of(&self, choices: &Choices) -> &'static str {
        match choices.parts {
            Some(_) => zip::MEDIA_TYPE,
            None => self.media_type,
        }
    }

    /// Begins a file with the rows of a source.
    pub(crate) fn export(
        &'static self,
        choices: &Choices,
        rows: Box<dyn RowSource>,
        mut around: Around,
    ) -> Export {
        let writer: Box<dyn FormWriter> = match choices.parts {
            Some(bounds) => Box::new(Parts::new(self, choices, bounds, around)),
            None => (self.writer)(choices, &mut around),
        };
        Export {
            writer,
            hidden: choices.hidden.clone(),
            rows,
            progress: Progress::Head,
            counts: Counts::default(),
        }
    }
}

/// What a file was asked for with, and what it says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Choices {
    pub(crate) per: Per,
    pub(crate) place: PlaceOf,
    pub(crate) texts: Texts,
    /// One of [`Form::versions`].
    pub(crate) version: Option<&'static str>,
    /// Those of [`Form::switches`] that are on.
    pub(crate) switches: Vec<&'static str>,
    /// Rows that are left out.
    pub(crate) hidden: Hidden,
    /// Whether devices have only what the form's readers ask for.
    pub(crate) is_minimal: bool,
    /// Cuts the file into parts, in an archive.
    pub(crate) parts: Option<PartBounds>,
    /// The time of the export.
    pub(crate) exported: UnixTime,
    /// The end of the log at that time.
    pub(crate) position: LogPosition,
}

impl Choices {
    /// The beginning of file names: what the file has, and when it was made.
    fn stem(&self) -> String {
        let utc = Utc(self.exported).to_string();
        let marks = utc.chars();
        let when: String = marks.filter(|mark| !matches!(mark, '-' | ':')).collect();
        format!("scanpost-{}-{when}", self.per.plural())
    }

    fn has(&self, switch: &str) -> bool {
        self.switches.contains(&switch)
    }
}

/// Says where a file comes from.
impl fmt::Display for Choices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (when, position) = (Utc(self.exported), self.position.get());
        write!(f, "Exported {when} at log position {position}")
    }
}

/// What a file needs besides its rows.
#[derive(Debug)]
pub(crate) struct Around {
    pub(crate) tracker: Arc<Tracker>,
    pub(crate) alerts: AlertStore,
    /// UUID of the server.
    pub(crate) server: Uuid,
    /// For a form with [`Made::OnDisk`].
    pub(crate) file: Option<ScratchFile>,
    /// Most devices of a form with [`Made::InMemory`].
    pub(crate) package_devices_max: usize,
    /// For a form with the switch `tracks`, if it is on.
    pub(crate) tracks: Option<(Arc<History>, TracksWanted)>,
}

/// Tracks of which scanners are written.
#[derive(Clone, Debug)]
pub(crate) struct TracksWanted {
    /// The scanners and their names.
    pub(crate) sources: Vec<(SourceId, Box<str>)>,
    pub(crate) since: UnixTime,
    pub(crate) until: UnixTime,
    /// How far a report's time may be after its receipt, in seconds.
    pub(crate) ahead_max_s: u32,
}

/// A row, before it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Row<'r> {
    Device(&'r Device),
    Observation(Observed<'r>),
}

/// An observation, with what belongs to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed<'r> {
    pub(crate) entry: &'r Entry,
    pub(crate) batch: &'r Batch,
    pub(crate) report: &'r Report,
    /// Its place in the batch.
    pub(crate) index: usize,
    pub(crate) device: &'r DeviceOf<'r>,
}

impl<'r> Observed<'r> {
    /// The device, unless it has been evicted.
    pub(crate) fn device(&self) -> Option<&'r Device> {
        self.device.get()
    }
}

/// Writes the rows of one file. Each function appends to `out`.
pub(crate) trait FormWriter: Send {
    /// The radio technology of each pass over the rows. A form with folders needs a pass for each.
    fn passes(&self) -> &'static [Option<Phy>] {
        &[None]
    }

    /// What stands before all rows.
    fn head(&mut self, _out: &mut Vec<u8>) {}

    /// What stands before the rows of a pass.
    fn begin(&mut self, _pass: usize, _out: &mut Vec<u8>) {}

    /// Writes a row. `false` if the form cannot hold it, because it lacks a place, for example.
    fn row(&mut self, row: &Row<'_>, out: &mut Vec<u8>) -> bool;

    /// What stands behind the rows of a pass.
    fn end(&mut self, _pass: usize, _out: &mut Vec<u8>) {}

    /// What stands behind all rows.
    fn tail(&mut self, _out: &mut Vec<u8>) {}

    /// The last change to a piece before it is sent. Pieces end anywhere.
    fn finish(&mut self, piece: Vec<u8>, _is_last: bool) -> Result<Vec<u8>, ExportError> {
        Ok(piece)
    }

    /// The next piece behind the last one of [`finish`](Self::finish). `None` is the end.
    fn rest(&mut self) -> Result<Option<Vec<u8>>, ExportError> {
        Ok(None)
    }
}

/// Why a file could not be written to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    #[error("cannot read the log: {0}")]
    Log(#[from] LogError),
    #[error("observations that come next expired meanwhile: begin anew, or take the file faster")]
    Expired,
    #[error("the thread that reads the log does not run: {0}")]
    Thread(std::io::Error),
    #[error("cannot compress the file: {0}")]
    Compress(#[from] std::io::Error),
    #[error("the archive is larger than 4 GiB, which its form cannot hold: narrow the filter")]
    TooLarge,
    #[error(
        "the file needs more than {bytes_max} bytes, which is export.file_bytes_max or half of the free disk: narrow the filter"
    )]
    NoRoom { bytes_max: u64 },
    #[error(
        "more than {max} devices, which is export.package_devices_max: narrow the filter, because TAK programs become slow"
    )]
    TooMany { max: usize },
    #[error("cannot write the file before it is sent: {0}")]
    File(String),
}

/// How many rows a file has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) written: u64,
    /// Rows that the form cannot hold.
    pub(crate) left_out: u64,
}

impl Counts {
    const fn rows(self) -> u64 {
        self.written + self.left_out
    }
}

/// A file that is written piece by piece.
pub(crate) struct Export {
    writer: Box<dyn FormWriter>,
    hidden: Hidden,
    rows: Box<dyn RowSource>,
    progress: Progress,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Head,
    /// Within the rows of a pass.
    Rows(usize),
    /// Behind all rows.
    Rest,
    Done,
}

impl Export {
    /// The next piece. `None` is the end. An empty piece is not the end: no row was found yet.
    pub(crate) fn piece(&mut self) -> Result<Option<Vec<u8>>, ExportError> {
        let mut piece = Vec::with_capacity(PIECE_BYTES_USUAL);
        let mut pass = match self.progress {
            Progress::Done => return Ok(None),
            Progress::Rest => {
                let piece = self.writer.rest()?;
                if piece.is_none() {
                    self.progress = Progress::Done;
                }
                return Ok(piece);
            }
            Progress::Rows(pass) => pass,
            Progress::Head => {
                self.writer.head(&mut piece);
                self.begin(0, &mut piece);
                // The client sees at once that the file has begun, however long the first rows take.
                if !piece.is_empty() {
                    return self.writer.finish(piece, false).map(Some);
                }
                0
            }
        };
        let rows_end = self.counts.rows() + ROWS_MAX;
        for _ in 0..STEPS_MAX {
            if PIECE_BYTES_MIN <= piece.len() || rows_end <= self.counts.rows() {
                break;
            }
            let (writer, hidden, counts) = (&mut self.writer, &self.hidden, &mut self.counts);
            let has_more = self.rows.next(&mut |row| {
                if !hidden.has(row) && writer.row(row, &mut piece) {
                    counts.written += 1;
                } else {
                    counts.left_out += 1;
                }
            })?;
            if has_more {
                continue;
            }
            self.writer.end(pass, &mut piece);
            pass += 1;
            if self.writer.passes().len() <= pass {
                self.writer.tail(&mut piece);
                self.progress = Progress::Rest;
                break;
            }
            self.begin(pass, &mut piece);
        }
        let is_last = self.progress == Progress::Rest;
        self.writer.finish(piece, is_last).map(Some)
    }

    fn begin(&mut self, pass: usize, piece: &mut Vec<u8>) {
        let phy = self.writer.passes().get(pass).copied().flatten();
        self.rows.begin(phy);
        self.writer.begin(pass, piece);
        self.progress = Progress::Rows(pass);
    }

    /// How many threads make the file.
    pub(crate) fn threads(&self) -> u32 {
        self.rows.threads()
    }

    pub(crate) const fn counts(&self) -> Counts {
        self.counts
    }
}
