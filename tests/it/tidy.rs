//! Rules of the source that no compiler checks.

use std::fs;
use std::path::{Path, PathBuf};

fn sources_under(dir: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let mut found = Vec::new();
    let mut dirs = vec![root];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// The source without its tests, which may do what they need.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let end = text.find("#[cfg(test)]").unwrap_or(text.len());
    text.get(..end).unwrap().to_owned()
}

#[test]
fn only_the_http_layer_names_axum() {
    for path in sources_under("src") {
        let inside = path.components().any(|part| part.as_os_str() == "http");
        assert!(
            inside || !code(&path).contains("axum::"),
            "{}",
            path.display()
        );
    }
}

#[test]
fn what_decides_does_no_input_or_output() {
    let forbidden = [
        "async fn",
        "async move",
        ".await",
        "SystemTime::now",
        "Instant::now",
        "std::env::",
        "std::fs",
        "std::net",
        "tokio::",
    ];
    for dir in [
        "src/alerts/engine",
        "src/report",
        "src/ingest/kismet",
        "src/tracker",
        "src/views",
    ] {
        for path in sources_under(dir) {
            if path.file_name().is_some_and(|name| name == "tests.rs") {
                continue;
            }
            let code = code(&path);
            for word in forbidden {
                assert!(!code.contains(word), "{} has {word}", path.display());
            }
        }
    }
}

#[test]
fn every_queue_has_a_bound() {
    for path in sources_under("src") {
        let code = code(&path);
        for word in ["unbounded", "mpsc::channel()"] {
            assert!(!code.contains(word), "{} has {word}", path.display());
        }
    }
}
