//! Small files of the data directory that are written whole, and are for their owner only.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Replaces a file. Who reads it sees the old one or the new one; a crash leaves one of them.
pub(crate) fn replace(directory: &Path, name: &str, content: &[u8]) -> io::Result<Metadata> {
    let unfinished = directory.join(format!("{name}.new"));
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private().create_new(true).open(&unfinished)?;
    give_to_owner_of(directory, &file)?;
    file.write_all(content)?;
    file.sync_all()?;
    let metadata = file.metadata()?;
    fs::rename(&unfinished, directory.join(name))?;
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(metadata)
}

/// For writing, and what is made is for its owner only.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// What root makes on the command line must be readable to the server, which runs as somebody else.
#[cfg(unix)]
pub(crate) fn give_to_owner_of(directory: &Path, file: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let (wanted, is) = (fs::metadata(directory)?, file.metadata()?);
    if wanted.uid() == is.uid() {
        return Ok(());
    }
    match fchown(file, Some(wanted.uid()), Some(wanted.gid())) {
        // Only root may give files away. Who may write here otherwise was let in by the owner.
        Err(error) if error.kind() != ErrorKind::PermissionDenied => Err(error),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
pub(crate) fn give_to_owner_of(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}
