//! A file of an upload, on its way to disk.

use std::fs::File;
use std::io::{self, Write};
use std::thread::{self, JoinHandle};

use sha2::{Digest, Sha256};

use crate::hex::Hex;

/// After so much of a file, what there is of it is brought to disk while more arrives, so that little is left at its end.
const SYNC_BYTES: usize = 4 << 20;

/// A new file. It survives a power cut once [`Self::end`] has returned.
pub(crate) struct Upload {
    file: File,
    /// Of what was written. Whoever reads the file next needs it, and would have to read all of the file for it.
    sha256: Sha256,
    unsynced_bytes: usize,
    syncing: Option<JoinHandle<io::Result<()>>>,
}

impl Upload {
    pub(super) fn to(file: File) -> Self {
        Self {
            file,
            sha256: Sha256::new(),
            unsynced_bytes: 0,
            syncing: None,
        }
    }

    /// Brings all of the file to disk, and returns its SHA-256.
    pub(crate) fn end(mut self) -> io::Result<String> {
        self.synced()?;
        self.file.sync_data()?;
        Ok(Hex(&self.sha256.finalize()).to_string())
    }

    /// The system tells of an error once, so it must not be lost here.
    fn synced(&mut self) -> io::Result<()> {
        match self.syncing.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(synced)) => synced,
            Some(Err(_)) => Err(io::Error::other("the thread that syncs a file failed")),
        }
    }

    fn sync_meanwhile(&mut self) -> io::Result<()> {
        let is_busy = |syncing: &JoinHandle<_>| !syncing.is_finished();
        if self.unsynced_bytes < SYNC_BYTES || self.syncing.as_ref().is_some_and(is_busy) {
            return Ok(());
        }
        self.synced()?;
        self.unsynced_bytes = 0;
        let file = self.file.try_clone()?;
        let thread = thread::Builder::new().name("import-sync".into());
        self.syncing = Some(thread.spawn(move || file.sync_data())?);
        Ok(())
    }
}

impl Write for Upload {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.file.write(data)?;
        self.sha256.update(data.get(..written).unwrap_or_default());
        self.unsynced_bytes = self.unsynced_bytes.saturating_add(written);
        self.sync_meanwhile()?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_synced_meanwhile_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut upload = Upload::to(File::create_new(&path).unwrap());
        let mut all = Vec::new();
        for number in 0..=u8::MAX {
            let piece = vec![number; SYNC_BYTES / 100];
            upload.write_all(&piece).unwrap();
            all.extend(piece);
        }
        assert!(upload.syncing.is_some());
        let sha256 = upload.end().unwrap();
        assert!(fs::read(&path).unwrap() == all);
        assert_eq!(sha256, Hex(&Sha256::digest(&all)).to_string());
    }

    #[test]
    fn what_the_system_says_about_a_part_is_told_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut upload = Upload::to(File::create_new(folder.path().join("file")).unwrap());
        let full = || Err(io::ErrorKind::StorageFull.into());
        upload.syncing = Some(thread::spawn(full));
        let error = upload.end().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
