//! Allowed dependencies between the parts of the program.
//!
//! A room is a top-level module of `src`. `http` is so large that each of its modules is a room as well.

use std::collections::{BTreeMap, BTreeSet};

use super::expect_none;
use super::source::{Module, modules};

/// Each room, and the rooms that it may use. They stand below it.
const ROOMS: &[(&str, &[&str])] = &[
    (
        "main",
        &[
            "lib", "erase", "backup", "views", "auth", "config", "log", "report",
        ],
    ),
    ("lib", &["serve", "import"]),
    (
        "serve",
        &[
            "http",
            "http::server",
            "webhook",
            "forward",
            "tak",
            "export",
            "import",
            "ingest",
            "fold",
            "auth",
            "events",
            "alerts",
            "config",
            "tracker",
            "log",
            "metrics",
            "process",
            "notify",
            "erase",
            "privacy",
            "snapshot",
            "report",
            "data_dir",
        ],
    ),
    ("http", &["http::routes", "http::state", "http::kismet"]),
    (
        "http::routes",
        &[
            "http::ops",
            "http::kismet",
            "http::native",
            "http::page",
            "http::intake",
            "http::openapi",
            "http::route",
            "http::state",
            "http::guard",
            "http::server",
            "http::response",
            "http::request",
            "http::error",
            "metrics",
            "config",
            "ingest",
        ],
    ),
    (
        "http::ops",
        &[
            "http::openapi",
            "http::route",
            "http::state",
            "http::guard",
            "http::response",
            "http::error",
            "ingest",
            "auth",
        ],
    ),
    (
        "http::kismet",
        &[
            "http::openapi",
            "http::route",
            "http::state",
            "http::guard",
            "http::server",
            "http::response",
            "http::request",
            "http::error",
            "http::clock",
            "metrics",
            "views",
            "ingest",
            "auth",
            "events",
            "alerts",
            "config",
            "tracker",
            "log",
            "report",
            "privacy",
        ],
    ),
    (
        "http::native",
        &[
            "http::intake",
            "http::route",
            "http::state",
            "http::guard",
            "http::server",
            "http::response",
            "http::request",
            "http::error",
            "http::clock",
            "metrics",
            "webhook",
            "forward",
            "tak",
            "export",
            "views",
            "import",
            "ingest",
            "auth",
            "events",
            "alerts",
            "config",
            "tracker",
            "log",
            "report",
            "hex",
            "erase",
            "maps",
            "privacy",
            "setting_text",
        ],
    ),
    (
        "http::page",
        &[
            "http::route",
            "http::state",
            "http::request",
            "http::error",
            "page",
        ],
    ),
    (
        "http::intake",
        &[
            "http::openapi",
            "http::route",
            "http::guard",
            "http::response",
            "http::request",
            "http::error",
            "http::clock",
            "ingest",
            "auth",
            "events",
            "tracker",
            "log",
            "report",
        ],
    ),
    (
        "http::openapi",
        &[
            "http::route",
            "http::state",
            "http::error",
            "export",
            "views",
            "auth",
            "tracker",
            "report",
        ],
    ),
    (
        "http::route",
        &[
            "http::state",
            "http::guard",
            "http::error",
            "auth",
            "described",
        ],
    ),
    (
        "http::state",
        &[
            "http::kismet",
            "http::native",
            "http::intake",
            "http::guard",
            "http::response",
            "http::request",
            "http::clock",
            "metrics",
            "webhook",
            "forward",
            "tak",
            "export",
            "import",
            "ingest",
            "auth",
            "events",
            "alerts",
            "config",
            "tracker",
            "log",
            "report",
            "privacy",
            "erase",
            "process",
            "data_dir",
            "maps",
            "page",
            "http::error",
        ],
    ),
    (
        "http::guard",
        &[
            "http::request",
            "http::error",
            "http::clock",
            "ingest",
            "auth",
            "alerts",
            "config",
            "tracker",
            "privacy",
            "bounded",
        ],
    ),
    (
        "http::server",
        &["http::request", "http::error", "metrics", "config"],
    ),
    (
        "http::response",
        &[
            "http::request",
            "http::error",
            "metrics",
            "views",
            "tracker",
            "report",
        ],
    ),
    (
        "http::request",
        &["http::error", "ingest", "auth", "config", "report", "hex"],
    ),
    (
        "http::error",
        &[
            "http::response",
            "http::request",
            "erase",
            "export",
            "import",
            "ingest",
            "auth",
            "alerts",
            "log",
            "report",
            "maps",
        ],
    ),
    ("http::clock", &["report"]),
    (
        "metrics",
        &[
            "webhook",
            "forward",
            "tak",
            "outbox",
            "import",
            "ingest",
            "auth",
            "alerts",
            "tracker",
            "log",
            "report",
            "process",
            "histogram",
            "data_dir",
        ],
    ),
    (
        "webhook",
        &["outbox", "views", "alerts", "config", "data_dir"],
    ),
    (
        "erase",
        &[
            "forward", "import", "snapshot", "alerts", "tracker", "log", "report", "data_dir",
        ],
    ),
    (
        "forward",
        &[
            "outbox", "export", "privacy", "auth", "config", "tracker", "log", "report", "hex",
            "data_dir",
        ],
    ),
    (
        "tak",
        &[
            "outbox", "export", "privacy", "config", "events", "tracker", "report",
        ],
    ),
    ("outbox", &["data_dir"]),
    (
        "fuzzing",
        &[
            "views", "maps", "import", "ingest", "snapshot", "tracker", "report",
        ],
    ),
    (
        "export",
        &[
            "views", "privacy", "alerts", "tracker", "log", "report", "hex", "bounded", "data_dir",
        ],
    ),
    (
        "views",
        &["events", "alerts", "tracker", "log", "report", "hex"],
    ),
    (
        "backup",
        &["import", "snapshot", "auth", "alerts", "log", "data_dir"],
    ),
    (
        "import",
        &[
            "ingest",
            "auth",
            "events",
            "tracker",
            "log",
            "report",
            "hex",
            "bounded",
            "data_dir",
            "setting_text",
        ],
    ),
    (
        "ingest",
        &[
            "fold",
            "snapshot",
            "events",
            "alerts",
            "tracker",
            "log",
            "report",
            "hex",
            "bounded",
            "described",
            "histogram",
        ],
    ),
    ("fold", &["events", "alerts", "tracker", "log", "report"]),
    ("snapshot", &["tracker", "log", "report", "data_dir"]),
    ("auth", &["config", "bounded", "data_dir"]),
    ("config", &["privacy", "alerts", "report", "setting_text"]),
    ("privacy", &["tracker", "log", "report", "hex", "data_dir"]),
    ("events", &["alerts", "tracker", "log", "report"]),
    (
        "alerts",
        &["tracker", "log", "report", "setting_text", "data_dir"],
    ),
    ("tracker", &["log", "report"]),
    (
        "log",
        &["report", "hex", "bounded", "histogram", "data_dir"],
    ),
    ("report", &["bounded"]),
    ("setting_text", &[]),
    ("maps", &["data_dir"]),
    ("page", &[]),
    ("process", &[]),
    ("notify", &[]),
    ("hex", &[]),
    ("bounded", &[]),
    ("histogram", &[]),
    ("data_dir", &[]),
    ("described", &[]),
];

/// Dependencies in the wrong direction that are tolerated, with the reason. There should be none.
const TURNED: &[(&str, &str, &str)] = &[
    (
        "http::error",
        "http::request",
        "what is wrong with a parameter is part of the error",
    ),
    (
        "http::error",
        "http::response",
        "an error is an answer in JSON like others",
    ),
    (
        "http::state",
        "http::intake",
        "the state is made of the parts of the handlers",
    ),
    (
        "http::state",
        "http::kismet",
        "the state is made of the parts of the handlers",
    ),
    (
        "http::state",
        "http::native",
        "the state is made of the parts of the handlers",
    ),
];

type Arrow = (String, String);

struct Plan {
    tops: BTreeSet<String>,
    http: BTreeSet<String>,
}

impl Plan {
    fn of(modules: &[Module]) -> Self {
        let children = |path: &[&str]| {
            let mut found = modules.iter().filter(|module| module.path == path);
            found.next().map(|module| module.children.clone())
        };
        Self {
            tops: children(&[]).unwrap(),
            http: children(&["http"]).unwrap_or_default(),
        }
    }

    /// The room of a path from the root of the crate.
    fn room(&self, path: &[String]) -> String {
        match path {
            [first, second, ..] if first == "http" && self.http.contains(second) => {
                format!("http::{second}")
            }
            [first, ..] if first == "main" || self.tops.contains(first) => first.clone(),
            // Re-exports of the library's root.
            _ => "lib".to_owned(),
        }
    }
}

/// Dependencies between rooms, with the files that have them.
fn arrows() -> BTreeMap<Arrow, BTreeSet<String>> {
    let modules = modules();
    let plan = Plan::of(&modules);
    let mut arrows = BTreeMap::<_, BTreeSet<_>>::new();
    for module in &modules {
        let from = plan.room(&module.path);
        for path in module.paths() {
            let to = module.resolve(&path).map(|path| plan.room(&path));
            if let Some(to) = to.filter(|to| from != *to) {
                let files = arrows.entry((from.clone(), to)).or_default();
                files.insert(module.file.clone());
            }
        }
    }
    arrows
}

fn allowed() -> BTreeSet<Arrow> {
    let arrow = |from: &str, to: &&str| (from.to_owned(), (*to).to_owned());
    let rooms = ROOMS.iter();
    rooms
        .flat_map(|(from, to)| to.iter().map(move |to| arrow(from, to)))
        .collect()
}

#[test]
fn every_room_uses_only_what_it_may() {
    let allowed = allowed();
    let arrows = arrows().into_iter();
    let forbidden = arrows.filter(|(arrow, _)| !allowed.contains(arrow));
    let told = forbidden.map(|((from, to), files)| {
        let files: Vec<_> = files.into_iter().collect();
        format!("{from} may not use {to}: {}", files.join(", "))
    });
    expect_none(told.collect());
}

/// An allowed dependency that nobody uses would hide one in the wrong direction later.
#[test]
fn every_allowed_dependency_is_used() {
    let arrows = arrows();
    let stale = allowed()
        .into_iter()
        .filter(|arrow| !arrows.contains_key(arrow));
    expect_none(
        stale
            .map(|(from, to)| format!("{from} does not use {to}"))
            .collect(),
    );
}

/// A room uses only rooms below it in the table.
#[test]
fn no_dependency_points_upwards() {
    let places: BTreeMap<&str, usize> = ROOMS
        .iter()
        .enumerate()
        .map(|(place, (room, _))| (*room, place))
        .collect();
    assert_eq!(
        places.len(),
        ROOMS.len(),
        "a room stands twice in the table"
    );
    let mut wrong = BTreeSet::new();
    for (from, to) in allowed() {
        let mut turned = TURNED.iter();
        let is_borne = turned.any(|(above, below, _)| (*above, *below) == (&*from, &*to));
        match (places.get(from.as_str()), places.get(to.as_str())) {
            (Some(from_place), Some(to_place)) if from_place < to_place => {
                if is_borne {
                    wrong.insert(format!("{from} uses {to} in order, so no reason is needed"));
                }
            }
            (Some(_), Some(_)) if is_borne => {}
            (Some(_), Some(_)) => {
                wrong.insert(format!("{from} stands below {to}, which it uses"));
            }
            _ => {
                wrong.insert(format!("{from} or {to} has no row"));
            }
        }
    }
    expect_none(wrong);
}
