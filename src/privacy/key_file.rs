//! The file that keeps the key across restarts.

use std::io;

use serde::{Deserialize, Serialize};

use super::key::{KEY_BYTES, PrivacyKey};
use crate::data_dir::{DataDir, PRIVACY_KEY};
use crate::hex::{self, Hex};

/// What the file has.
#[derive(Deserialize, Serialize)]
struct Stored {
    key: String,
}

/// Reads the key of a data directory, and makes one if there is none. Without a directory, the key ends with the process.
///
/// A damaged file is an error. A new key would move the holes of the zones, and whoever has files from before and after
/// would learn more of the zones.
pub(crate) fn open_key(data: Option<&DataDir>) -> io::Result<PrivacyKey> {
    let Some(data) = data else {
        return Ok(PrivacyKey::new(&random()?));
    };
    if let Some(content) = data.read(PRIVACY_KEY)? {
        let stored: Stored = serde_json::from_slice(&content)?;
        let bytes = hex::bytes::<Vec<u8>>(&stored.key);
        let bytes = bytes.and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes).ok());
        return bytes.map(|bytes| PrivacyKey::new(&bytes)).ok_or_else(|| {
            io::Error::other(format!(
                "it does not hold a key of {KEY_BYTES} octets in hex"
            ))
        });
    }
    let bytes = random()?;
    let key = Hex(&bytes).to_string();
    data.replace(PRIVACY_KEY, &serde_json::to_vec(&Stored { key })?)?;
    Ok(PrivacyKey::new(&bytes))
}

fn random() -> io::Result<[u8; KEY_BYTES]> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stays_and_a_damaged_file_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let data = DataDir::at(home.path());
        let digest = |key: &PrivacyKey| key.digest("test", b"");
        let first = digest(&open_key(Some(&data)).unwrap());
        assert_eq!(digest(&open_key(Some(&data)).unwrap()), first);
        for damaged in ["", "{", r#"{"key":"00"}"#, r#"{"key":"zz"}"#] {
            data.replace(PRIVACY_KEY, damaged.as_bytes()).unwrap();
            assert!(open_key(Some(&data)).is_err(), "{damaged}");
        }
        // Without a directory, each process has its own.
        let other = digest(&open_key(None).unwrap());
        assert_ne!(digest(&open_key(None).unwrap()), other);
    }
}
