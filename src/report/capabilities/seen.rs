//! Strings that were read before.

use std::cell::RefCell;
use std::sync::Arc;

use super::{Capabilities, Security};
use crate::bounded::BoundedMap;

/// How many strings each thread remembers. A region has some hundred; what is sent is bounded, so a thread keeps at
/// most some MiB.
pub(super) const SEEN_MAX: usize = 4096;

thread_local! {
    static SEEN: RefCell<BoundedMap<Arc<str>, Capabilities>> = RefCell::new(BoundedMap::new(SEEN_MAX));
}

/// The string as it was read before, or reads it: few strings are sent by very many access points.
pub(super) fn recall(raw: &str) -> Capabilities {
    SEEN.with_borrow_mut(|seen| {
        if let Some(capabilities) = seen.get(raw) {
            return capabilities.clone();
        }
        let raw: Arc<str> = raw.into();
        let capabilities = Capabilities {
            security: Security::decode(&raw),
            raw: Arc::clone(&raw),
        };
        seen.insert(raw, capabilities.clone());
        capabilities
    })
}
