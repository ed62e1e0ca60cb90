//! A memory of bounded size.

use hashbrown::HashMap;
use std::borrow::Borrow;
use std::hash::Hash;

/// What is known of keys that were asked for lately; when there are too many, the half that was used least lately is
/// forgotten.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    max: usize,
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    /// Nothing yet, and never more than `max`, of which at least half are the latest.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            max,
        }
    }

    /// What is known of a key.
    pub(crate) fn find<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.insert(key, value.clone());
        Some(value)
    }

    /// Forgets what does not pass.
    pub(crate) fn retain(&mut self, passes: impl Fn(&V) -> bool) {
        self.young.retain(|_, value| passes(value));
        self.old.retain(|_, value| passes(value));
    }

    /// Remembers a value.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.max / 2 <= self.young.len() {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_half_that_was_used_last_is_kept() {
        let mut recent = Recent::new(8);
        for key in 0..100 {
            recent.insert(key, key);
            assert_eq!(recent.find(&0), Some(0), "it is used all the time");
            assert!(recent.young.len() + recent.old.len() <= 8);
        }
        assert_eq!((recent.find(&99), recent.find(&50)), (Some(99), None));
    }
}
