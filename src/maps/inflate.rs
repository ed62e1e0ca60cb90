//! Decompression with a limit.
#![expect(clippy::disallowed_types, reason = "the output has a limit")]

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::archive::MapError;

/// How a part of an archive is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// Decompresses to at most `bytes_max` bytes.
    pub(super) fn inflate(self, bytes: &[u8], bytes_max: usize) -> Result<Vec<u8>, MapError> {
        match self {
            Self::None => capped(bytes, bytes_max),
            Self::Gzip => capped(MultiGzDecoder::new(bytes), bytes_max),
            Self::Zstd => {
                let decoder = zstd::stream::read::Decoder::new(bytes).map_err(MapError::read)?;
                capped(decoder, bytes_max)
            }
        }
    }
}

fn capped(reader: impl Read, bytes_max: usize) -> Result<Vec<u8>, MapError> {
    let mut inflated = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut reader = reader.take(limit.saturating_add(1));
    if reader.read_to_end(&mut inflated).is_err() {
        return Err(MapError::damaged("a compressed part cannot be read"));
    }
    if bytes_max < inflated.len() {
        return Err(MapError::new(format!(
            "a compressed part inflates to more than {bytes_max} bytes, which no usual archive has"
        )));
    }
    Ok(inflated)
}
