//! What people say of devices.

use serde::{Deserialize, Serialize};

use super::{DeviceId, Tag};

/// What somebody said of a device: no sighting, but logged as one, so that it stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// Of which.
    pub device: DeviceId,
    /// What.
    pub remark: Remark,
}

/// What can be said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Remark {
    /// A name of its own; the empty one takes it away.
    Name(Box<str>),
    /// A mark; one with an empty value is taken away.
    Tag(Tag),
}
