//! Names and tags that users give to devices.

use serde::{Deserialize, Serialize};

use super::{DeviceId, Tag};

/// A name or tag that a user gives to a device. It is logged like reports, so that it survives a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// The device.
    pub device: DeviceId,
    /// The name or tag.
    pub remark: Remark,
}

/// The content of an annotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Remark {
    /// A name. The empty name removes the current one.
    Name(Box<str>),
    /// A tag. An empty value removes the tag.
    Tag(Tag),
}
