//! What filters said of devices, so that the tiles of a screen ask of each device once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::entry::Member;
use crate::tracker::lock;

/// Filters whose answers are kept. They take a quarter of an octet a device and filter.
const FILTERS_MAX: usize = 4;
/// Devices of a word.
const BITS: usize = 64;

/// The answers of the filters that were used last, for the devices as the index has them.
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<Vec<Named>>);

/// By what tells filters apart. The one that was used last stands last.
#[derive(Debug)]
struct Named {
    name: Box<str>,
    answers: Arc<FilterAnswers>,
}

/// The answers of one filter, by shard. They are kept as soon as somebody asks.
#[derive(Debug)]
pub(super) struct FilterAnswers(Vec<ShardAnswers>);

/// The answers of one filter to the devices of a shard, by slot.
#[derive(Debug, Default)]
pub(super) struct ShardAnswers(Vec<Word>);

/// Of the same devices: which answers are known, and which of them are yes.
#[derive(Debug, Default)]
struct Word {
    known: AtomicU64,
    yes: AtomicU64,
}

impl Answers {
    /// Those of a filter. Whoever has them holds a lock on the index: it forgets them when devices change.
    pub(super) fn of(
        &self,
        name: &str,
        slots_of_shards: impl Iterator<Item = usize>,
    ) -> Arc<FilterAnswers> {
        let mut kept = lock(&self.0);
        let known = kept.iter().position(|named| &*named.name == name);
        let named = match known {
            Some(at) => kept.remove(at),
            None => Named {
                name: name.into(),
                answers: Arc::new(FilterAnswers::none(slots_of_shards)),
            },
        };
        let answers = Arc::clone(&named.answers);
        kept.push(named);
        let past = kept.len().saturating_sub(FILTERS_MAX);
        kept.drain(..past);
        answers
    }

    /// Forgets what was said of a device, because it has changed.
    pub(super) fn forget(&mut self, member: Member) {
        let kept = self.0.get_mut();
        let kept = kept.unwrap_or_else(std::sync::PoisonError::into_inner);
        // Nobody else has answers meanwhile. If somebody had, the filter would be asked again.
        kept.retain_mut(|named| {
            let answers = Arc::get_mut(&mut named.answers);
            answers.map(|answers| answers.forget(member)).is_some()
        });
    }
}

impl FilterAnswers {
    fn none(slots_of_shards: impl Iterator<Item = usize>) -> Self {
        let mut shards = Vec::new();
        for slots in slots_of_shards {
            let mut words = Vec::new();
            words.resize_with(slots.div_ceil(BITS), Word::default);
            shards.push(ShardAnswers(words));
        }
        Self(shards)
    }

    pub(super) fn of_shard(&self, number: usize) -> Option<&ShardAnswers> {
        self.0.get(number)
    }

    fn forget(&mut self, member: Member) {
        let (shard, (at, bit)) = (member.shard(), place_of(member.slot()));
        if self.0.len() <= shard {
            self.0.resize_with(shard + 1, ShardAnswers::default);
        }
        let Some(ShardAnswers(words)) = self.0.get_mut(shard) else {
            return;
        };
        // So there is room for devices that came later.
        if words.len() <= at {
            words.resize_with(at + 1, Word::default);
        }
        if let Some(word) = words.get_mut(at) {
            *word.known.get_mut() &= !bit;
            *word.yes.get_mut() &= !bit;
        }
    }
}

impl ShardAnswers {
    /// The answer to the device in a slot. Asks if it is not known.
    pub(super) fn get(&self, slot: usize, ask: impl FnOnce() -> bool) -> bool {
        let (at, bit) = place_of(slot);
        let Some(word) = self.0.get(at) else {
            return ask();
        };
        if word.known.load(Ordering::Acquire) & bit != 0 {
            return word.yes.load(Ordering::Relaxed) & bit != 0;
        }
        let is_yes = ask();
        if is_yes {
            word.yes.fetch_or(bit, Ordering::Relaxed);
        }
        // Whoever sees this sees the answer, too.
        word.known.fetch_or(bit, Ordering::Release);
        is_yes
    }
}

/// The word of a slot, and its bit there.
fn place_of(slot: usize) -> (usize, u64) {
    (slot / BITS, 1 << (slot % BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(answers: &Answers, name: &str, slot: usize, now: bool) -> bool {
        let of_filter = answers.of(name, std::iter::once(130));
        of_filter.of_shard(0).unwrap().get(slot, || now)
    }

    #[test]
    fn a_filter_is_asked_once_until_a_device_changes() {
        let mut answers = Answers::default();
        for slot in [0, 63, 64, 129] {
            for (name, said) in [("a", true), ("b", false)] {
                assert_eq!(answer(&answers, name, slot, said), said);
                assert_eq!(answer(&answers, name, slot, !said), said);
            }
        }
        answers.forget(Member::at(0, 64).unwrap());
        assert!(!answer(&answers, "a", 64, false));
        assert!(answer(&answers, "b", 64, true));
        assert!(answer(&answers, "a", 63, false));
        // No room was made for it.
        assert!(answer(&answers, "a", 500, true));
        assert!(!answer(&answers, "a", 500, false));
        answers.forget(Member::at(0, 500).unwrap());
        assert!(answer(&answers, "a", 500, true));
        assert!(answer(&answers, "a", 500, false));
    }

    #[test]
    fn the_filters_used_last_are_kept() {
        let answers = Answers::default();
        for name in ["a", "b", "c", "d", "a", "e"] {
            answer(&answers, name, 1, true);
        }
        for (name, is_kept) in [("a", true), ("b", false)] {
            assert_eq!(answer(&answers, name, 1, false), is_kept, "{name}");
        }
        assert_eq!(lock(&answers.0).len(), FILTERS_MAX);
    }
}
