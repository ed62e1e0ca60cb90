//! Identities of scanners.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use sha1::{Digest, Sha1};
use uuid::{Builder, Uuid};

/// The namespace of UUIDs that stand for texts. It never changes: sources in the logs of users have such UUIDs.
const NAMESPACE: Uuid = Uuid::from_u128(0xb638_f06e_25b1_4249_a6b8_fa40_f3e2_e4ab);

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

    /// The identity of a scanner that has no UUID of its own: a UUID of version 5 (RFC 9562, 5.5), so that the same text
    /// gives the same scanner on every machine.
    pub fn of_text(text: &str) -> Self {
        let hash = Sha1::new()
            .chain_update(NAMESPACE.as_bytes())
            .chain_update(text.as_bytes())
            .finalize();
        let mut first = [0; 16];
        for (byte, hashed) in first.iter_mut().zip(hash) {
            *byte = hashed;
        }
        Self(Builder::from_sha1_bytes(first).into_uuid())
    }

    /// The identity of the scanner that people call `name`, whichever way its reports come.
    pub fn of_name(name: &str) -> Self {
        Self::of_text(&format!("source:{name}"))
    }

    /// Whether a text of the configuration means this scanner: its UUID, or its name.
    pub fn is_meant_by(self, text: &str, name: Option<&str>) -> bool {
        text.parse().is_ok_and(|id: Self| id == self)
            || Self::of_name(text) == self
            || name.is_some_and(|name| name.eq_ignore_ascii_case(text))
    }

    /// The identity as a UUID.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

/// A name for a source, out of a text from outside: without control characters, and cut to so many bytes. `None` if nothing
/// is left.
pub fn source_name(text: &str, bytes_max: usize) -> Option<Box<str>> {
    let mut name = text.to_owned();
    name.retain(|character| !character.is_control());
    let mut ends = (0..=bytes_max.min(name.len())).rev();
    let end = ends.find(|end| name.is_char_boundary(*end));
    name.truncate(end.unwrap_or_default());
    (!name.is_empty()).then(|| name.into())
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
    fn a_text_has_the_same_uuid_everywhere() {
        // Computed with Python's uuid.uuid5.
        for (text, uuid) in [
            ("", "E2D7AD17-3C2F-5550-9D5C-48594C52843B"),
            ("source:my phone", "8D0230CF-7142-5633-8330-A03C80DD0821"),
            ("source:Müller", "6041C573-9B43-5CCA-9E44-45191FF6A91A"),
        ] {
            assert_eq!(SourceId::of_text(text).to_string(), uuid);
        }
        assert_eq!(
            SourceId::of_name("my phone"),
            SourceId::of_text("source:my phone")
        );
    }

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
