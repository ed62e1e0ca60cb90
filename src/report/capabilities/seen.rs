//! A cache of decoded strings.

use std::cell::RefCell;
use std::sync::Arc;

use super::{Capabilities, Security};
use crate::bounded::BoundedMap;

/// Number of strings that each thread caches. A region has some hundred. Strings are bounded, so a thread's cache takes
/// at most some MiB.
pub(super) const SEEN_MAX: usize = 4096;

thread_local! {
    static SEEN: RefCell<BoundedMap<Arc<str>, Capabilities>> = RefCell::new(BoundedMap::new(SEEN_MAX));
}

/// Returns the cached value of a string, or decodes it. Very many access points share few strings.
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
