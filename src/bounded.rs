//! A map of bounded size, which evicts the least recently used entry when it is full.

use std::borrow::Borrow;
use std::hash::Hash;
use std::num::NonZeroUsize;

use lru::LruCache;

/// Entries in the order of their last use. Each operation but [`retain`](Self::retain) takes constant time.
#[derive(Debug)]
pub(crate) struct BoundedMap<K: Eq + Hash, V> {
    entries: LruCache<K, V>,
}

impl<K: Eq + Hash, V> BoundedMap<K, V> {
    /// Makes a map for `entries_max` entries, at least one.
    pub(crate) fn new(entries_max: usize) -> Self {
        let entries_max = NonZeroUsize::new(entries_max).unwrap_or(NonZeroUsize::MIN);
        Self {
            entries: LruCache::sparse(entries_max),
        }
    }

    /// The value of a key, which counts as a use.
    pub(crate) fn get<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.entries.get_mut(key)
    }

    /// The value of a key, which does not count as a use.
    pub(crate) fn peek<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.entries.peek(key)
    }

    pub(crate) fn contains<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.entries.contains(key)
    }

    /// Sets the value of a key, which counts as a use. Past the bound, the least recently used entry is evicted.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.entries.put(key, value);
    }

    /// The value of a key, which counts as a use. A missing value is made and inserted.
    pub(crate) fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        self.entries.get_or_insert_mut(key, make)
    }

    pub(crate) fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.entries.pop(key)
    }

    /// Removes the entries whose value does not pass. Scans all entries.
    pub(crate) fn retain(&mut self, mut passes: impl FnMut(&V) -> bool)
    where
        K: Clone,
    {
        let entries = self.entries.iter();
        let out: Vec<K> = entries
            .filter(|(_, value)| !passes(value))
            .map(|(key, _)| key.clone())
            .collect();
        for key in out {
            self.entries.pop(&key);
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The least recently used entry first.
    #[derive(Default)]
    struct Model(Vec<(u8, u16)>);

    impl Model {
        fn use_of(&mut self, key: u8) -> Option<u16> {
            let place = self.0.iter().position(|(known, _)| *known == key)?;
            let entry = self.0.remove(place);
            self.0.push(entry);
            Some(entry.1)
        }

        fn insert(&mut self, key: u8, value: u16, max: usize) {
            self.0.retain(|(known, _)| *known != key);
            self.0.push((key, value));
            if max < self.0.len() {
                self.0.remove(0);
            }
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Get(u8),
        Insert(u8, u16),
        GetOrInsert(u8, u16),
        Remove(u8),
        RetainBelow(u16),
    }

    fn step() -> impl Strategy<Value = Step> {
        let key = 0_u8..16;
        prop_oneof![
            4 => key.clone().prop_map(Step::Get),
            4 => (key.clone(), any::<u16>()).prop_map(|(key, value)| Step::Insert(key, value)),
            4 => (key.clone(), any::<u16>()).prop_map(|(key, value)| Step::GetOrInsert(key, value)),
            1 => key.prop_map(Step::Remove),
            1 => any::<u16>().prop_map(Step::RetainBelow),
        ]
    }

    proptest! {
        #[test]
        fn it_does_what_a_list_in_the_order_of_use_does(
            max in 1_usize..10, steps in proptest::collection::vec(step(), 0..200),
        ) {
            let (mut map, mut model) = (BoundedMap::new(max), Model::default());
            for step in steps {
                match step {
                    Step::Get(key) => {
                        prop_assert_eq!(map.get(&key).copied(), model.use_of(key));
                    }
                    Step::Insert(key, value) => {
                        map.insert(key, value);
                        model.insert(key, value, max);
                    }
                    Step::GetOrInsert(key, value) => {
                        let got = *map.get_or_insert_with(key, || value);
                        let known = model.use_of(key);
                        prop_assert_eq!(got, known.unwrap_or(value));
                        if known.is_none() {
                            model.insert(key, value, max);
                        }
                    }
                    Step::Remove(key) => {
                        map.remove(&key);
                        model.0.retain(|(known, _)| *known != key);
                    }
                    Step::RetainBelow(bound) => {
                        map.retain(|value| *value < bound);
                        model.0.retain(|(_, value)| *value < bound);
                    }
                }
                prop_assert_eq!(map.len(), model.0.len());
                for key in 0..16 {
                    let value = model.0.iter().find(|(known, _)| *known == key);
                    prop_assert_eq!(map.peek(&key), value.map(|(_, value)| value));
                    let is_known = model.0.iter().any(|(known, _)| *known == key);
                    prop_assert_eq!(map.contains(&key), is_known);
                }
            }
        }
    }
}
