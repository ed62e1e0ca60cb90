//! Lists the files of the web page, so that release builds hold them.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What browsers load. Everything else in the folder is for developers.
const EXTENSIONS: [&str; 6] = ["css", "html", "js", "json", "svg", "txt"];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name| env::var_os(name).map(PathBuf::from).unwrap_or_default();
    // Debug builds read the files from disk: a change shows after a reload, without a build.
    let list = if variable("PROFILE").as_os_str() == "debug" {
        "None".to_owned()
    } else {
        println!("cargo::rerun-if-changed=web");
        let root = variable("CARGO_MANIFEST_DIR").join("web");
        let mut files = Vec::new();
        collect(&root, &mut files)?;
        files.sort();
        let mut list = "Some(&[\n".to_owned();
        for file in files {
            let name = file.strip_prefix(&root).unwrap_or(&file);
            let name = name.to_string_lossy().replace('\\', "/");
            let file = file.to_string_lossy();
            writeln!(list, "    ({name:?}, include_bytes!({file:?}).as_slice()),")
                .map_err(io::Error::other)?;
        }
        list + "])"
    };
    fs::write(variable("OUT_DIR").join("page_files.rs"), list)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    // The sources of the bundles in `vendor/`, which browsers do not load.
    let is_skipped = |path: &Path| {
        let mut names = [
            "node_modules",
            "vendor/src",
            "package.json",
            "package-lock.json",
        ]
        .iter();
        names.any(|name| path.ends_with(name))
    };
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if is_skipped(&path) || entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
        {
            files.push(path);
        }
    }
    Ok(())
}
