//! What the child sends to the server: messages in frames, each with its length in front.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Read, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::import::form::Form;
use crate::import::rows::{Ending, FileError, Origin, Point, Row, Rows, Sighting};
use crate::report::UnixTime;

/// A frame is sent once it is this long.
const FRAME_BYTES: usize = 64 << 10;
/// The longest frame. The last message of a frame may make it longer than [`FRAME_BYTES`].
const FRAME_BYTES_MAX: u32 = 256 << 10;
/// The longest reason, in characters. It may quote the database.
const REASON_CHARACTERS_MAX: usize = 200;
/// Kinds of rows that are not taken. Any other kind is sent as the last one of the list.
const OTHERS: [&str; 6] = ["cell", "nfc", "station", "external", "frame", "other"];

/// What the child has to do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) form: Form,
    pub(super) path: PathBuf,
    pub(super) latest: UnixTime,
    pub(super) line_bytes_max: usize,
    pub(super) capabilities_bytes_max: usize,
    pub(super) memory_bytes_max: u64,
    pub(super) time_max_s: u64,
    pub(super) points_only: bool,
}

#[derive(Debug, Serialize, Deserialize)]
enum Message<'m> {
    Sighting(u64, Cow<'m, Sighting>),
    /// The kind by its place in [`OTHERS`].
    Other(u64, u8),
    Refused(u64, Cow<'m, str>),
    Point(Point),
    Origin(Cow<'m, Origin>),
    /// The last message of a file that was read.
    Ended {
        is_cut: bool,
        is_damaged: bool,
    },
    /// The last message of a file that cannot be read.
    Failed(Cow<'m, str>),
}

/// Writes the rows of a reader.
pub(super) struct Sender<W> {
    output: W,
    frame: Vec<u8>,
    /// Why nothing more can be written.
    failed: Option<io::Error>,
}

impl<W: Write> Sender<W> {
    pub(super) fn new(output: W) -> Self {
        Self {
            output,
            frame: Vec::with_capacity(FRAME_BYTES),
            failed: None,
        }
    }

    fn send(&mut self, message: &Message<'_>) -> ControlFlow<()> {
        if self.failed.is_none() {
            self.failed = self.try_send(message).err();
        }
        match self.failed {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    }

    fn try_send(&mut self, message: &Message<'_>) -> io::Result<()> {
        let frame = std::mem::take(&mut self.frame);
        self.frame = postcard::to_extend(message, frame).map_err(io::Error::other)?;
        if FRAME_BYTES <= self.frame.len() {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let length = u32::try_from(self.frame.len()).map_err(io::Error::other)?;
        self.output.write_all(&length.to_le_bytes())?;
        self.output.write_all(&self.frame)?;
        self.frame.clear();
        Ok(())
    }

    /// Sends the messages that wait, and how the reading ended.
    pub(super) fn end(mut self, read: Result<Ending, FileError>) -> io::Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.try_send(&match read {
            Ok(ending) => Message::Ended {
                is_cut: ending.is_cut,
                is_damaged: ending.is_damaged,
            },
            Err(error) => Message::Failed(short(error.to_string()).into()),
        })?;
        if !self.frame.is_empty() {
            self.flush()?;
        }
        self.output.flush()
    }
}

impl<W: Write> Rows for Sender<W> {
    fn row(&mut self, line: u64, row: Row) -> ControlFlow<()> {
        self.send(&match row {
            Row::Sighting(sighting) => Message::Sighting(line, Cow::Owned(*sighting)),
            Row::Other(kind) => {
                let place = OTHERS.iter().position(|known| *known == kind);
                let place = place.unwrap_or(OTHERS.len() - 1);
                Message::Other(line, u8::try_from(place).unwrap_or(u8::MAX))
            }
            Row::Refused(reason) => Message::Refused(line, short(reason).into()),
        })
    }

    fn point(&mut self, point: Point) -> ControlFlow<()> {
        self.send(&Message::Point(point))
    }

    fn origin(&mut self, origin: &Origin) {
        // If nothing can be written, the next row reports that.
        let _flow = self.send(&Message::Origin(Cow::Borrowed(origin)));
    }
}

fn short(mut reason: String) -> String {
    if let Some((end, _)) = reason.char_indices().nth(REASON_CHARACTERS_MAX) {
        reason.truncate(end);
    }
    reason
}

/// How the messages of a child ended.
#[derive(Debug)]
pub(super) enum Relayed {
    Ended(Ending),
    Refused(String),
    /// Nobody wants further rows.
    Stopped,
    /// The messages break off before the last one.
    BrokeOff,
}

/// Hands the messages of a child on. `wait` returns once there is something to read, or nobody wants it any more.
/// An error of the kind [`ErrorKind::InvalidData`] is the child's fault.
pub(super) fn relay<R: Read>(
    input: &mut R,
    rows: &mut dyn Rows,
    mut wait: impl FnMut(&R, &mut dyn Rows) -> io::Result<ControlFlow<()>>,
) -> io::Result<Relayed> {
    let mut frame = Vec::new();
    loop {
        if wait(&*input, &mut *rows)?.is_break() {
            return Ok(Relayed::Stopped);
        }
        let mut length = [0; 4];
        match input.read_exact(&mut length) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Ok(Relayed::BrokeOff);
            }
            read => read?,
        }
        let length = u32::from_le_bytes(length);
        if FRAME_BYTES_MAX < length {
            return Err(ErrorKind::InvalidData.into());
        }
        frame.clear();
        let read = input.by_ref().take(length.into()).read_to_end(&mut frame)?;
        if u64::try_from(read).map_err(io::Error::other)? < length.into() {
            return Ok(Relayed::BrokeOff);
        }
        if let Some(ended) = relay_frame(&frame, rows)? {
            return Ok(ended);
        }
    }
}

/// Hands the messages of one frame on. `None` unless the last one is among them.
fn relay_frame(mut frame: &[u8], rows: &mut dyn Rows) -> io::Result<Option<Relayed>> {
    while !frame.is_empty() {
        let (message, rest) = postcard::take_from_bytes::<Message<'_>>(frame)
            .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        frame = rest;
        let flow = match message {
            Message::Sighting(line, sighting) => {
                rows.row(line, Row::Sighting(Box::new(sighting.into_owned())))
            }
            Message::Other(line, place) => {
                let kind = OTHERS.get(usize::from(place)).copied().unwrap_or("other");
                rows.row(line, Row::Other(kind))
            }
            Message::Refused(line, reason) => rows.row(line, Row::Refused(reason.into_owned())),
            Message::Point(point) => rows.point(point),
            Message::Origin(origin) => {
                rows.origin(&origin);
                ControlFlow::Continue(())
            }
            Message::Ended { is_cut, is_damaged } => {
                return Ok(Some(Relayed::Ended(Ending {
                    is_cut,
                    is_damaged,
                    ..Ending::default()
                })));
            }
            Message::Failed(reason) => return Ok(Some(Relayed::Refused(reason.into_owned()))),
        };
        if flow.is_break() {
            return Ok(Some(Relayed::Stopped));
        }
    }
    Ok(None)
}
