//! Records as bytes: what servers send to each other.
//!
//! ```text
//! version u8 | flags u8 | records
//! ```
//!
//! Version 1 has the records in postcard's encoding of `Vec<Record>`. With the flag [`ZSTD`] they are compressed, and
//! their length before that stands in front of them, as 4 bytes, the lowest first.
//!
//! A later version is refused and never skipped: whoever passes over a record that it cannot read has another history
//! than all others from there on. So is a flag that is not known, and what is longer than [`RECORDS_BYTES_MAX`].

use super::Record;

/// The version that this program writes, and the latest that it reads.
const VERSION: u8 = 1;
/// The records are compressed.
const ZSTD: u8 = 1;
/// How long the records may be before they are compressed: a few kilobytes could become gigabytes otherwise.
const RECORDS_BYTES_MAX: usize = 16 << 20;
/// Most of what can be gained is gained by the fastest level.
const LEVEL: i32 = 1;

/// Records cannot be encoded, or bytes are not such records.
#[derive(Debug, thiserror::Error)]
pub enum EncodingError {
    /// A later program wrote it.
    #[error("records of version {found}, this program reads up to version {known}: upgrade it")]
    LaterVersion {
        /// The version of the records.
        found: u8,
        /// The latest that is known here.
        known: u8,
    },
    /// There are more records than are encoded together.
    #[error("records of {bytes} bytes, at most {max} are encoded together: send fewer at a time")]
    TooLarge {
        /// How long they are.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// The bytes are not records.
    #[error("the bytes are not records: {0}")]
    Damaged(Box<str>),
    /// A defect of ours.
    #[error("the records cannot be encoded: {0}")]
    NotEncoded(Box<str>),
}

/// Writes records, in the version that this program writes.
pub fn encode(records: &[Record]) -> Result<Vec<u8>, EncodingError> {
    let not_encoded = |why: String| EncodingError::NotEncoded(why.into());
    let plain = postcard::to_allocvec(records).map_err(|error| not_encoded(error.to_string()))?;
    let length = checked(plain.len())?;
    let packed =
        zstd::bulk::compress(&plain, LEVEL).map_err(|error| not_encoded(error.to_string()))?;
    let is_worth_it = size_of_val(&length) + packed.len() < plain.len();
    Ok(if is_worth_it {
        [&[VERSION, ZSTD], length.to_le_bytes().as_slice(), &packed].concat()
    } else {
        [&[VERSION, 0], plain.as_slice()].concat()
    })
}

/// Reads records of any version up to the one that this program writes.
pub fn decode(bytes: &[u8]) -> Result<Vec<Record>, EncodingError> {
    let damaged = |why: &str| EncodingError::Damaged(why.into());
    let (&[version, flags], body) = bytes
        .split_first_chunk()
        .ok_or_else(|| damaged("they end before they begin"))?;
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
        _ => Err(damaged("a flag is not known")),
    }
}

fn unpacked(body: &[u8]) -> Result<Vec<u8>, EncodingError> {
    let damaged = |why: &str| EncodingError::Damaged(why.into());
    let (length, packed) = body
        .split_first_chunk()
        .ok_or_else(|| damaged("their length is missing"))?;
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    checked(length)?;
    // It gives no more than this, whatever the bytes say.
    let plain =
        zstd::bulk::decompress(packed, length).map_err(|error| damaged(&error.to_string()))?;
    if plain.len() < length {
        return Err(damaged("they are shorter than they say"));
    }
    Ok(plain)
}

fn read(plain: &[u8]) -> Result<Vec<Record>, EncodingError> {
    checked(plain.len())?;
    match postcard::take_from_bytes(plain) {
        Ok((records, [])) => Ok(records),
        Ok(_) => Err(EncodingError::Damaged("something follows on them".into())),
        Err(error) => Err(EncodingError::Damaged(error.to_string().into())),
    }
}

/// The length, unless it is above the bound.
fn checked(bytes: usize) -> Result<u32, EncodingError> {
    let max = RECORDS_BYTES_MAX;
    match u32::try_from(bytes) {
        Ok(length) if bytes <= max => Ok(length),
        _ => Err(EncodingError::TooLarge { bytes, max }),
    }
}
