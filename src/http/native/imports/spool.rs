//! An upload on its way to files, where the import finds them.

use std::io::{self, Write};
use std::sync::Arc;

use axum::extract::Request;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::ImportService;
use crate::http::error::ApiError;
use crate::http::request::body::Bodies;
use crate::http::request::multipart::{BadMultipart, Event, Multipart, PartHead, disposition};
use crate::import::{Arrival, Upload, shown_name};

/// How many pieces of a body may wait to be written.
const PIECES_MAX: usize = 16;
/// Longest value of a field that is not a file.
const FIELD_BYTES_MAX: usize = 1024;
/// Longest name of such a field.
const FIELD_NAME_BYTES_MAX: usize = 256;

/// The files of an upload, as they were named, and the other fields of its form.
#[derive(Debug, Default)]
pub(super) struct Spooled {
    pub(super) names: Vec<String>,
    /// The SHA-256 of each file.
    pub(super) sha256: Vec<String>,
    pub(super) fields: Vec<(String, String)>,
    pub(super) bytes: u64,
}

/// Why a body is not written.
#[derive(Debug)]
enum SpoolError {
    Form,
    TooManyFiles,
    TooManyFields,
    NameTooLong,
    NoFile,
    Io(io::Error),
}

impl From<BadMultipart> for SpoolError {
    fn from(_: BadMultipart) -> Self {
        Self::Form
    }
}

impl From<io::Error> for SpoolError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Writes the body of a request to the files of an upload. A form may have several; another body is one file.
pub(super) async fn receive(
    service: &Arc<ImportService>,
    bodies: &Bodies,
    arrival: &Arc<Arrival>,
    request: Request,
) -> Result<Spooled, ApiError> {
    let headers = request.headers();
    let form = header(headers, &CONTENT_TYPE).and_then(Multipart::of);
    let name = header(headers, &CONTENT_DISPOSITION).and_then(disposition);
    let name = name.map_or_else(|| "upload".to_owned(), |name| shown_name(&name));
    let (pieces, received) = mpsc::channel(PIECES_MAX);
    // Whoever of the two ends last gives the place back, and then nothing is written any more.
    let arrival = Arc::clone(arrival);
    let (files_max, fields_max) = (service.files_max, service.fields_max);
    let writing = spawn_blocking(move || {
        let writer = Writer {
            arrival,
            files_max,
            fields_max,
            fields: 0,
            file: None,
            field: None,
            spooled: Spooled::default(),
        };
        writer.write(form, name, received)
    });
    let body_bytes_max = service.body_bytes_max;
    let read = bodies.stream(request, body_bytes_max, &pieces).await;
    drop(pieces);
    let written = writing.await.map_err(|_| ApiError::Panicked)?;
    match (read, written) {
        // A body that is read only in part because it cannot be written is no error of reading.
        (Err(refused), _) => Err(refused.into()),
        (_, Err(SpoolError::Io(error))) => Err(ApiError::Import(error.into())),
        (_, Err(SpoolError::Form)) => Err(ApiError::BadMultipart),
        (_, Err(SpoolError::TooManyFields)) => Err(ApiError::TooManyFields { max: fields_max }),
        (_, Err(SpoolError::NameTooLong)) => Err(ApiError::FieldNameTooLong {
            bytes_max: FIELD_NAME_BYTES_MAX,
        }),
        (_, Err(SpoolError::TooManyFiles)) => Err(ApiError::TooManyFiles { max: files_max }),
        (Ok(_), Err(SpoolError::NoFile)) => Err(ApiError::NoFile),
        (Ok(_), Ok(spooled)) => Ok(spooled),
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

struct Writer {
    arrival: Arc<Arrival>,
    files_max: usize,
    fields_max: usize,
    /// Number of fields so far, without files.
    fields: usize,
    file: Option<Upload>,
    /// The field that is being read, if it is not a file.
    field: Option<(String, Vec<u8>)>,
    spooled: Spooled,
}

impl Writer {
    fn write(
        mut self,
        form: Option<Multipart>,
        name: String,
        mut pieces: mpsc::Receiver<Bytes>,
    ) -> Result<Spooled, SpoolError> {
        let Some(mut form) = form else {
            self.begin_file(name)?;
            while let Some(piece) = pieces.blocking_recv() {
                self.data(&piece)?;
            }
            self.end()?;
            return Ok(self.spooled);
        };
        while let Some(piece) = pieces.blocking_recv() {
            form.feed(&piece, &mut |event| match event {
                Event::Part(head) => self.begin(head),
                Event::Data(data) => self.data(data),
                Event::End => self.end(),
            })?;
        }
        if !form.is_complete() {
            return Err(SpoolError::Form);
        }
        if self.spooled.names.is_empty() {
            return Err(SpoolError::NoFile);
        }
        Ok(self.spooled)
    }

    fn begin(&mut self, head: PartHead) -> Result<(), SpoolError> {
        match head.file_name {
            // A form in which no file was chosen.
            Some(name) if name.is_empty() => Ok(()),
            Some(name) => self.begin_file(shown_name(&name)),
            None => self.begin_field(head.name),
        }
    }

    /// Fields are kept in memory, and so are their names.
    fn begin_field(&mut self, name: String) -> Result<(), SpoolError> {
        if FIELD_NAME_BYTES_MAX < name.len() {
            return Err(SpoolError::NameTooLong);
        }
        if self.fields_max <= self.fields {
            return Err(SpoolError::TooManyFields);
        }
        self.fields += 1;
        self.field = Some((name, Vec::new()));
        Ok(())
    }

    fn begin_file(&mut self, name: String) -> Result<(), SpoolError> {
        let number = self.spooled.names.len();
        if self.files_max <= number {
            return Err(SpoolError::TooManyFiles);
        }
        self.file = Some(self.arrival.new_file(number)?);
        self.spooled.names.push(name);
        Ok(())
    }

    fn data(&mut self, data: &[u8]) -> Result<(), SpoolError> {
        if let Some(file) = &mut self.file {
            file.write_all(data)?;
            self.spooled.bytes += u64::try_from(data.len()).unwrap_or_default();
        } else if let Some((_, value)) = &mut self.field {
            if FIELD_BYTES_MAX < value.len() + data.len() {
                return Err(SpoolError::Form);
            }
            value.extend_from_slice(data);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), SpoolError> {
        if let Some(file) = self.file.take() {
            // An import that was answered with 202 survives a power cut too.
            self.spooled.sha256.push(file.end()?);
        }
        if let Some((name, value)) = self.field.take() {
            let value = String::from_utf8_lossy(&value).into_owned();
            self.spooled.fields.push((name, value));
        }
        Ok(())
    }
}
