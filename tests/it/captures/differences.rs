//! The table of intended differences, `tests/fixtures/captures/differences.toml`.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use super::checks::{CHECKS, Check};

/// Matches any part of a path.
pub(super) const ANY: &str = "*";

/// Differences with one common reason: they are intended, or differ between any two servers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Differences {
    /// Captures that show the differences. Each of them has to. If empty, any capture may.
    #[serde(default)]
    pub(super) captures: Vec<String>,
    /// An address, a request or a read in the path of the fields. [`ANY`] matches every path.
    #[serde(default = "anywhere")]
    pub(super) inside: String,
    pub(super) reason: String,
    pub(super) fields: Vec<Field>,
}

#[derive(Deserialize)]
#[serde(try_from = "Written")]
pub(super) struct Field {
    /// The last parts of the field's path.
    pub(super) path: String,
    pub(super) here: Here,
}

/// Value that this server shows where Kismet shows another one or none.
pub(super) enum Here {
    /// Any value of the same JSON type.
    SameType,
    /// This JSON.
    Json(Value),
    /// A text that contains this.
    Contains(String),
    /// A value that follows from the reports or from the clock.
    Check(Check),
}

/// An entry as in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    field: String,
    json: Option<String>,
    contains: Option<String>,
    check: Option<String>,
    #[serde(default)]
    same_type: bool,
}

impl TryFrom<Written> for Field {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written {
            field: path,
            json,
            contains,
            check,
            same_type,
        } = written;
        let here = match (json, contains, check, same_type) {
            (Some(json), None, None, false) => {
                let json = serde_json::from_str(&json);
                Here::Json(json.map_err(|error| format!("{path}: json: {error}"))?)
            }
            (None, Some(text), None, false) => Here::Contains(text),
            (None, None, Some(name), false) => {
                let check = CHECKS.iter().find(|(known, _)| *known == name);
                let (_, check) =
                    check.ok_or_else(|| format!("{path}: no check is called {name}"))?;
                Here::Check(*check)
            }
            (None, None, None, true) => Here::SameType,
            _ => {
                return Err(format!(
                    "{path}: expected one of json, contains, check and same_type"
                ));
            }
        };
        Ok(Self { path, here })
    }
}

fn anywhere() -> String {
    ANY.to_owned()
}

const FILE: &str = include_str!("../../fixtures/captures/differences.toml");

/// Entries of the table. The first one that matches a field counts.
pub(super) static DIFFERENCES: LazyLock<Vec<Differences>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        differences: Vec<Differences>,
    }
    let file = toml::from_str::<File>(FILE);
    file.unwrap_or_else(|error| panic!("differences.toml: {error}"))
        .differences
});

#[test]
fn every_difference_has_its_reason_and_every_check_is_used() {
    for differences in DIFFERENCES.iter() {
        let Differences { inside, reason, .. } = differences;
        assert!(!reason.is_empty(), "{inside} has no reason");
    }
    for (name, _) in CHECKS {
        assert!(
            FILE.contains(&format!("check = \"{name}\"")),
            "no difference needs the check {name}"
        );
    }
}
