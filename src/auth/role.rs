//! Roles and the routes that they open.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::{is_name, is_old_name};

/// The role of a user or a key. Names are Kismet's. `admin` may do everything, and `readonly` may read what `metrics` may;
/// otherwise no role includes another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Role {
    /// May do everything.
    Admin,
    /// May read everything.
    Readonly,
    /// May report.
    Scanreport,
    /// May read the counters of the server.
    Metrics,
    /// A name that no route requires. It opens only what needs any login at all.
    Custom(Box<str>),
}

/// The text cannot be the name of a role.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a role must be `admin`, `readonly`, `scanreport`, `metrics` or another name of 1 to {} characters, without whitespace at its ends and without characters that are not shown or change the direction of text",
    Role::CHARACTERS_MAX
)]
pub struct BadRole;

impl Role {
    /// Largest number of characters in the name of a role.
    pub const CHARACTERS_MAX: usize = 64;

    /// The name of the role.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Admin => "admin",
            Self::Readonly => "readonly",
            Self::Scanreport => "scanreport",
            Self::Metrics => "metrics",
            Self::Custom(name) => name,
        }
    }

    pub(crate) fn meets(&self, demand: RequiredRole) -> bool {
        match (self, demand) {
            (Self::Admin, _)
            | (_, RequiredRole::Login)
            | (Self::Readonly, RequiredRole::Readonly | RequiredRole::Metrics)
            | (Self::Scanreport, RequiredRole::Scanreport)
            | (Self::Metrics, RequiredRole::Metrics) => true,
            (Self::Readonly | Self::Scanreport | Self::Metrics | Self::Custom(_), _) => false,
        }
    }
}

impl FromStr for Role {
    type Err = BadRole;

    fn from_str(name: &str) -> Result<Self, BadRole> {
        match name {
            "admin" => Ok(Self::Admin),
            "readonly" => Ok(Self::Readonly),
            "scanreport" => Ok(Self::Scanreport),
            "metrics" => Ok(Self::Metrics),
            name if is_name(name, Self::CHARACTERS_MAX) => Ok(Self::Custom(name.into())),
            _ => Err(BadRole),
        }
    }
}

impl TryFrom<String> for Role {
    type Error = BadRole;

    /// Takes also names that earlier versions took: a file with one stays readable.
    fn try_from(name: String) -> Result<Self, BadRole> {
        match name.parse() {
            Err(BadRole) if is_old_name(&name, Self::CHARACTERS_MAX) => {
                Ok(Self::Custom(name.into()))
            }
            parsed => parsed,
        }
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.as_str().to_owned()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The role that a route requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequiredRole {
    /// Any valid login or key. Kismet calls it `any`.
    Login,
    /// Reading.
    Readonly,
    /// Reporting.
    Scanreport,
    /// Reading the counters of the server.
    Metrics,
    /// Changing anything.
    Admin,
    /// Changing users and keys. Only an administrator may do this, even if the server requires no credentials
    /// otherwise: credentials made now stay valid when it requires them again.
    Credentials,
}

impl fmt::Display for RequiredRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login => "any role",
            Self::Readonly => "the role readonly",
            Self::Scanreport => "the role scanreport",
            Self::Metrics => "the role metrics",
            Self::Admin | Self::Credentials => "the role admin",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_opens_what_asks_for_it_and_the_administrator_everything() {
        use RequiredRole::{Admin, Credentials, Login, Metrics, Readonly, Scanreport};
        for (role, opened) in [
            (
                "admin",
                &[Login, Readonly, Scanreport, Metrics, Admin, Credentials][..],
            ),
            ("readonly", &[Login, Readonly, Metrics]),
            ("scanreport", &[Login, Scanreport]),
            ("metrics", &[Login, Metrics]),
            ("datasource", &[Login]),
            ("any", &[Login]),
            ("Admin", &[Login]),
        ] {
            let parsed: Role = role.parse().unwrap();
            assert_eq!(parsed.to_string(), role);
            for demand in [Login, Readonly, Scanreport, Metrics, Admin, Credentials] {
                let meets = parsed.meets(demand);
                assert_eq!(meets, opened.contains(&demand), "{role} {demand:?}");
            }
        }
    }

    #[test]
    fn a_role_has_a_name_that_can_be_shown() {
        let long = "x".repeat(65);
        for name in ["", " admin", "a\nb", &long, "\u{202e}nimda"] {
            assert_eq!(name.parse::<Role>(), Err(BadRole), "{name:?}");
        }
        let old = Role::try_from("\u{202e}nimda".to_owned());
        assert_eq!(old, Ok(Role::Custom("\u{202e}nimda".into())));
        assert_eq!(Role::try_from("a\nb".to_owned()), Err(BadRole));
    }
}
