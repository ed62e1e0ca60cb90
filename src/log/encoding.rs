//! The encoding of records that servers send to each other.
//!
//! ```text
//! version u8 | flags u8 | records
//! ```
//!
//! The records are a `Vec<Record>` in postcard's encoding. With the flag [`ZSTD`] they are compressed, and preceded by
//! their uncompressed length as 4 bytes, little endian.
//!
//! Each version adds kinds of records: version 2 adds notes of alerts, forgotten sources, and reports out of files, and
//! version 3 adds names that people give sources. The earliest version that has all kinds of the records is written, so
//! that as many servers as possible can read them.
//!
//! A later version is refused and never skipped: a server that skips a record has a different history from then on.
//! Unknown flags, and records longer than [`RECORDS_BYTES_MAX`], are refused too.

use super::{AlertOrder, Record, What};

/// The latest version that this program reads and writes.
const VERSION: u8 = 3;
/// Flag: the records are compressed.
const ZSTD: u8 = 1;
/// The greatest length of records before compression. Without a bound, a few kilobytes could inflate to gigabytes.
const RECORDS_BYTES_MAX: usize = 16 << 20;
/// The compression level. The fastest one saves nearly as much as the others.
const LEVEL: i32 = 1;

/// Why records cannot be encoded or decoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodingError {
    /// A newer version of scanpost wrote the bytes.
    #[error(
        "the records have version {found}, but this program reads only up to {known}: upgrade it"
    )]
    LaterVersion {
        /// The version of the records.
        found: u8,
        /// The latest version that this program reads.
        known: u8,
    },
    /// The records are longer than the bound.
    #[error("the records have {bytes} bytes, at most {max} are allowed: send fewer at a time")]
    TooLarge {
        /// Their length.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// The bytes are not records.
    #[error("the bytes are not records: {0}")]
    Damaged(Box<str>),
    /// The encoder failed, which is a bug.
    #[error("the records cannot be encoded: {0}")]
    NotEncoded(Box<str>),
}

/// The version that added a kind of record.
const fn version_of(what: &What) -> u8 {
    match what {
        What::Reports(_)
        | What::Annotation(_)
        | What::AlertOrder(AlertOrder::Define(_) | AlertOrder::Watch(_) | AlertOrder::Raise(_))
        | What::SourcePause(_)
        | What::Import(_)
        | What::Settings(_)
        | What::Tick
        | What::Erasure(_) => 1,
        What::AlertOrder(AlertOrder::Note(_))
        | What::SourceForget(_)
        | What::ImportedReports(_) => 2,
        What::SourceName(_) => 3,
    }
}

/// Encodes records in the earliest version that has all of their kinds.
pub fn encode(records: &[Record]) -> Result<Vec<u8>, EncodingError> {
    let not_encoded = |why: String| EncodingError::NotEncoded(why.into());
    let plain = postcard::to_allocvec(records).map_err(|error| not_encoded(error.to_string()))?;
    let length = checked(plain.len())?;
    let packed =
        zstd::bulk::compress(&plain, LEVEL).map_err(|error| not_encoded(error.to_string()))?;
    let is_worth_it = size_of_val(&length) + packed.len() < plain.len();
    let versions = records.iter().map(|record| version_of(&record.what));
    let version = versions.max().unwrap_or(1);
    Ok(if is_worth_it {
        [&[version, ZSTD], length.to_le_bytes().as_slice(), &packed].concat()
    } else {
        [&[version, 0], plain.as_slice()].concat()
    })
}

/// Decodes records of any version that this program knows.
pub fn decode(bytes: &[u8]) -> Result<Vec<Record>, EncodingError> {
    let damaged = |why: &str| EncodingError::Damaged(why.into());
    let (&[version, flags], body) = bytes
        .split_first_chunk()
        .ok_or_else(|| damaged("they have less than 2 bytes"))?;
    match version {
        0 => return Err(damaged("version 0 was never written")),
        1..=VERSION => {}
        found => {
            let known = VERSION;
            return Err(EncodingError::LaterVersion { found, known });
        }
    }
    match flags {
        0 => read(body),
        ZSTD => read(&unpacked(body)?),
        _ => Err(damaged("an unknown flag is set")),
    }
}

fn unpacked(body: &[u8]) -> Result<Vec<u8>, EncodingError> {
    let damaged = |why: &str| EncodingError::Damaged(why.into());
    let (length, packed) = body
        .split_first_chunk()
        .ok_or_else(|| damaged("their length is missing"))?;
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    checked(length)?;
    // The decompressor stops at this length, whatever the bytes contain.
    let plain =
        zstd::bulk::decompress(packed, length).map_err(|error| damaged(&error.to_string()))?;
    if plain.len() < length {
        return Err(damaged("they are shorter than the length before them"));
    }
    Ok(plain)
}

fn read(plain: &[u8]) -> Result<Vec<Record>, EncodingError> {
    checked(plain.len())?;
    match postcard::take_from_bytes(plain) {
        Ok((records, [])) => Ok(records),
        Ok(_) => Err(EncodingError::Damaged(
            "there are more bytes after them".into(),
        )),
        Err(error) => Err(EncodingError::Damaged(error.to_string().into())),
    }
}

/// Returns the length, or an error if it is above the bound.
fn checked(bytes: usize) -> Result<u32, EncodingError> {
    let max = RECORDS_BYTES_MAX;
    match u32::try_from(bytes) {
        Ok(length) if bytes <= max => Ok(length),
        _ => Err(EncodingError::TooLarge { bytes, max }),
    }
}
