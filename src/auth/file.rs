//! The credentials file. It is read and written as a whole; a lock admits one writer at a time.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};

use serde::{Deserialize, Serialize};

use super::role::Role;
use super::secret::TokenHash;
use crate::data_dir::{CREDENTIALS, DataDir, FileStamp};

/// Version of the format that this program writes. A later format gets another number, and a reader for this one stays.
const VERSION: u32 = 1;

/// The content of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    version: u32,
    /// Administrators. A password always has this role, as with Kismet's login.
    pub(super) users: Vec<User>,
    pub(super) keys: Vec<Key>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    pub(super) name: Box<str>,
    /// The argon2id hash of the password, in PHC notation.
    pub(super) password: Box<str>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    pub(super) name: Box<str>,
    pub(super) role: Role,
    /// SHA-256 of the key.
    pub(super) hash: TokenHash,
    /// Seconds since 1970.
    pub(super) created: u64,
    /// Seconds since 1970. A key without it never expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<u64>,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            version: VERSION,
            users: Vec::new(),
            keys: Vec::new(),
        }
    }
}

/// Why the file cannot be read. [`CredentialsError::Read`](super::CredentialsError::Read) adds the path.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(
        "the file is damaged: {0}; restore it from a backup, or remove it to begin without credentials"
    )]
    Damaged(#[from] serde_json::Error),
    #[error(
        "the file was removed while the server ran; restore it, or restart the server to begin without credentials"
    )]
    Removed,
    #[error(
        "the file has format version {found}, but this program knows only version {VERSION}; use the later program that wrote it"
    )]
    TooNew { found: u32 },
}

/// Stamp of the current file. `None` if there is no file.
pub(super) fn stamp(data: &DataDir) -> io::Result<Option<FileStamp>> {
    match fs::metadata(data.path_of(CREDENTIALS)) {
        Ok(metadata) => Ok(Some(FileStamp::of(&metadata))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads the file. A missing file holds no credentials.
pub(super) fn read(data: &DataDir) -> Result<(Option<FileStamp>, Document), ReadError> {
    let mut file = match File::open(data.path_of(CREDENTIALS)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok((None, Document::default()));
        }
        Err(error) => return Err(error.into()),
    };
    // Taken from the open file: another file may have this name by now.
    let stamp = FileStamp::of(&file.metadata()?);
    let mut json = Vec::new();
    file.read_to_end(&mut json)?;
    Ok((Some(stamp), parse(&json)?))
}

fn parse(json: &[u8]) -> Result<Document, ReadError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    match serde_json::from_slice::<Versioned>(json)?.version {
        VERSION => Ok(serde_json::from_slice(json)?),
        found => Err(ReadError::TooNew { found }),
    }
}

/// Replaces the file atomically.
pub(super) fn write(data: &DataDir, document: &Document) -> io::Result<FileStamp> {
    let mut json = serde_json::to_vec_pretty(document)?;
    json.push(b'\n');
    let metadata = data.replace(CREDENTIALS, &json)?;
    Ok(FileStamp::of(&metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_for_its_owner_only_and_says_its_version() {
        let dir = tempfile::tempdir().unwrap();
        let directory = dir.path().join("new");
        let data = DataDir::at(&directory);
        let _lock = data.lock_credentials().unwrap();
        fs::write(directory.join("auth.json.new"), "of a crash").unwrap();
        let written = write(&data, &Document::default()).unwrap();
        assert_eq!(stamp(&data).unwrap(), Some(written));
        let (read_stamp, document) = read(&data).unwrap();
        assert_eq!(read_stamp, Some(written));
        assert!(document.users.is_empty() && document.keys.is_empty());
        assert_ne!(write(&data, &document).unwrap(), written);
        #[cfg(unix)]
        for (name, wanted) in [(CREDENTIALS, 0o600), ("auth.lock", 0o600), ("", 0o700)] {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(directory.join(name)).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, wanted, "{name}");
        }
    }

    #[test]
    fn a_file_of_a_later_version_or_a_damaged_one_is_not_read() {
        let check = |json: &str| parse(json.as_bytes()).unwrap_err().to_string();
        assert!(check(r#"{"version":2,"else":[]}"#).contains("format version 2"));
        for damaged in [
            "",
            "{",
            r#"{"version":1}"#,
            r#"{"version":1,"users":[],"keys":[],"more":1}"#,
        ] {
            assert!(check(damaged).contains("damaged"), "{damaged}");
        }
    }
}
