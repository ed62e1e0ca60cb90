//! What Kismet's own page loads from the server it shows.
//!
//! Its files come from elsewhere, such as the proxy in front of this server. It asks the server which modules to load.

use std::fmt::Write;

use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::command::Read;
use crate::http::response::json::Json;

/// Modules for what this server has: the variable of each in the page, and its file. Every Kismet of 2022 to 2026 has
/// these files. A file that is missing keeps the page from starting, so there are no others.
const MODULES: [(&str, &str); 3] = [
    ("kismet_ui_bluetooth", "js/kismet.ui.bluetooth.js"),
    ("kismet_ui_datasources", "js/kismet.ui.datasources.js"),
    ("kismet_ui_dot11", "js/kismet.ui.dot11.js"),
];

/// `GET /dynamic.js`: the script with `load_dynamics()`, which the page calls at its start.
pub(in crate::http) async fn script() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/javascript")],
        script_of(&MODULES),
    )
}

/// `GET /dynamic.json`: the same modules as a list.
pub(in crate::http) async fn modules(read: Read) -> Json {
    let module = |(module, js): (&str, &str)| json!({ "module": module, "js": js });
    let modules: Vec<Value> = MODULES.into_iter().map(module).collect();
    read.one(&json!({ "dynamicjs": modules }))
}

fn script_of(modules: &[(&str, &str)]) -> String {
    let mut script = "// The modules of Kismet's page for what this server has.\n".to_owned();
    let mut loads = String::new();
    for (module, js) in modules {
        // Writing to a string cannot fail.
        writeln!(script, "var {module};").ok();
        writeln!(loads, "    {module} = await load(\"{js}\");").ok();
    }
    // The address is made first: `import` takes a path without `./` or `/` in front, as after an empty prefix, for the
    // name of a package.
    script += r#"
async function load_dynamics() {
    const prefix = typeof KISMET_URI_PREFIX === "undefined" ? "./" : KISMET_URI_PREFIX;
    const load = path => import(new URL(prefix + path, document.baseURI).href);
"#;
    script + &loads + "}\n"
}
