//! Who this server is: a UUID that it keeps in its data directory.

use std::fs::{self, DirBuilder};
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// The file that holds the UUID.
const FILE: &str = "server-uuid";

/// The data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It cannot be made, or written to.
    #[error("the data directory {path} cannot be used: {cause}", path = path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The UUID in it is none.
    #[error("{path} holds no UUID; remove it and a new one is made", path = path.display())]
    NotAUuid {
        /// Which file.
        path: PathBuf,
    },
}

/// The server's UUID, made on its first start. The data directory is made too, for its owner only.
pub(crate) fn load_or_make(data_dir: &Path) -> Result<Uuid, IdentityError> {
    let unusable = |cause| IdentityError::Unusable {
        path: data_dir.to_owned(),
        cause,
    };
    make_private_dir(data_dir).map_err(unusable)?;
    let path = data_dir.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => text
            .trim()
            .parse()
            .map_err(|_| IdentityError::NotAUuid { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let uuid = Uuid::new_v4();
            fs::write(&path, format!("{uuid}\n")).map_err(unusable)?;
            Ok(uuid)
        }
        Err(error) => Err(unusable(error)),
    }
}

fn make_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_stays_and_is_private() {
        let home = tempfile::tempdir().unwrap();
        let data_dir = home.path().join("a/b");
        let uuid = load_or_make(&data_dir).unwrap();
        assert_eq!(load_or_make(&data_dir).unwrap(), uuid);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(
                fs::metadata(&data_dir).unwrap().permissions().mode() & 0o777,
                0o700
            );
        }
        fs::write(data_dir.join(FILE), "x").unwrap();
        assert!(matches!(
            load_or_make(&data_dir),
            Err(IdentityError::NotAUuid { .. })
        ));
    }
}
