//! Identities of scanners.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Identity of a scanner: a UUID that the scanner chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceId(Uuid);

/// The text is not a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID (five groups of hex digits: 8-4-4-4-12)")]
pub struct ParseSourceIdError;

impl SourceId {
    /// Creates an identity from a UUID.
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The identity as a UUID.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl FromStr for SourceId {
    type Err = ParseSourceIdError;

    /// Parses only the hyphenated form, in any case. Text in another form is more often a mistake than a UUID. Blanks and
    /// line ends around it do not count: scripts read UUIDs from files.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim_matches(|end: char| end.is_whitespace() || end == '\0');
        match text.len() {
            36 => Uuid::try_parse(text)
                .map(Self)
                .map_err(|_| ParseSourceIdError),
            _ => Err(ParseSourceIdError),
        }
    }
}

/// Uppercase digits, as Kismet writes UUIDs.
impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = Uuid::encode_buffer();
        f.write_str(self.0.hyphenated().encode_upper(&mut buffer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_uuids_are_read() {
        let id: SourceId = "5fe308bd-0000-0000-0000-00000000000a".parse().unwrap();
        assert_eq!(id.to_string(), "5FE308BD-0000-0000-0000-00000000000A");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(format!(" {id}\r\n").parse(), Ok(id));
        for text in [
            "",
            "1-2-3-4-5",
            "not-a-uuid",
            "5fe308bd00000000000000000000000a",
            "{5fe308bd-0000-0000-0000-00000000000a}",
            "5fe308bd-0000-0000-0000-00000000000a x",
            "urn:uuid:5fe308bd-0000-0000-0000-00000000000a",
        ] {
            assert_eq!(text.parse::<SourceId>(), Err(ParseSourceIdError), "{text}");
        }
    }
}
