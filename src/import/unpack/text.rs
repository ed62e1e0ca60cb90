//! Texts in UTF-16.

use std::fs::File;
use std::io::{BufReader, Read, Write};

use super::allowance::Allowance;
use super::file::{Partial, read_up_to};
use super::{PIECE_BYTES, Payload, UnpackError};
use crate::data_dir::with_suffix;

/// Turns a text in UTF-16 with a byte order mark into UTF-8. Other files stay.
pub(super) fn to_utf8(
    payload: Payload,
    allowance: &mut Allowance<'_>,
) -> Result<Payload, UnpackError> {
    let mut file = File::open(&payload.path)?;
    let mut mark = [0; 2];
    let read = read_up_to(&mut file, &mut mark)?;
    let unit: fn([u8; 2]) -> u16 = match mark {
        _ if read < 2 => return Ok(payload),
        [0xff, 0xfe] => u16::from_le_bytes,
        [0xfe, 0xff] => u16::from_be_bytes,
        _ => return Ok(payload),
    };
    let path = with_suffix(&payload.path, ".utf8");
    let mut partial = Partial::create(&path)?;
    let mut octets = BufReader::new(file).bytes();
    let mut failed = None;
    let units = std::iter::from_fn(|| match (octets.next()?, octets.next()?) {
        (Ok(first), Ok(second)) => Some(unit([first, second])),
        (Err(error), _) | (_, Err(error)) => {
            failed = Some(error);
            None
        }
    });
    let mut uncounted = 0;
    for character in char::decode_utf16(units) {
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        let mut encoded = [0; 4];
        let encoded = character.encode_utf8(&mut encoded).as_bytes();
        partial.out.write_all(encoded)?;
        uncounted += encoded.len();
        if PIECE_BYTES <= uncounted {
            allowance.add(u64::try_from(uncounted).unwrap_or(u64::MAX))?;
            uncounted = 0;
        }
    }
    allowance.add(u64::try_from(uncounted).unwrap_or(u64::MAX))?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    partial.complete()?;
    Ok(Payload { path, ..payload })
}
