//! This program reads the files of earlier versions, and their fixtures never change.

mod files;
mod imports;
mod names;
mod snapshots;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

const MANIFEST: &str = "manifest.sha256";
/// Folders of `tests/fixtures` with files that programs wrote.
const STORED: &[&str] = &["data"];

/// Checksum of each file in a folder, by its path relative to `tests/fixtures`.
fn checksums(root: &Path, folder: &str, sums: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            checksums(root, &name, sums);
        } else {
            let digest = Sha256::digest(fs::read(entry.path()).unwrap());
            let mut hex = String::new();
            for byte in digest {
                write!(hex, "{byte:02x}").unwrap();
            }
            sums.insert(name, hex);
        }
    }
}

/// The tests prove that an old format is readable only if its files stay unchanged.
#[test]
fn fixtures_of_stored_data_are_never_changed_or_removed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut found = BTreeMap::new();
    for folder in STORED {
        checksums(&root, folder, &mut found);
    }
    let manifest = fs::read_to_string(root.join(MANIFEST)).unwrap();
    let lines = manifest.lines().map(|line| line.split_once("  ").unwrap());
    for (sum, name) in lines {
        let Some(found) = found.remove(name) else {
            panic!("tests/fixtures/{name} is missing: restore it with `git checkout`");
        };
        assert_eq!(
            found, sum,
            "tests/fixtures/{name} has changed: restore it with `git checkout`, and put new data into a new folder"
        );
    }
    let new: Vec<_> = found.keys().map(String::as_str).collect();
    let names = new.join(" ");
    assert!(
        new.is_empty(),
        "tests/fixtures/{MANIFEST} does not list all files. Add the new ones with \
         `(cd tests/fixtures && sha256sum {names} >> {MANIFEST})`"
    );
}
