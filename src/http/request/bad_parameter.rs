//! A parameter that is refused by name.

/// Why a parameter was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {reason}")]
pub(in crate::http) struct BadParameter {
    name: String,
    reason: String,
}

impl BadParameter {
    /// The name of the parameter.
    pub(in crate::http) fn name(&self) -> &str {
        &self.name
    }

    pub(in crate::http) fn new(name: &str, reason: &(impl ToString + ?Sized)) -> Self {
        Self {
            name: name.to_owned(),
            reason: reason.to_string(),
        }
    }
}
