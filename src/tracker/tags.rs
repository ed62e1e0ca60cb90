//! The tags of devices. Devices with the same tags share one set of texts.
//!
//! Scanners attach the same tags to every device that they report, so one set serves many devices. The time of each tag
//! differs by device and stays there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Bounds;
use super::device::Latest;
use crate::report::{Tag, UnixTime};

/// Counted for each tag besides its texts: the two texts' allocations and their place in the set.
const TAG_BYTES: usize = 64;
/// Counted for each set besides its tags: its allocation, and its entry in the table.
const SET_BYTES: usize = 96;
/// Counted for each device that has tags: the allocation that holds the set and the times.
const TAGGED_BYTES: usize = 48;

/// The tags of a device, ordered by name.
#[derive(Clone, Debug, Default)]
pub struct Tags(Option<Box<Tagged>>);

#[derive(Clone, Debug)]
struct Tagged {
    /// Sorted by name, each name once.
    set: Arc<[Tag]>,
    /// The time of each tag's report.
    times: Box<[UnixTime]>,
}

impl Tags {
    /// Number of tags.
    pub fn len(&self) -> usize {
        self.set().len()
    }

    /// Whether the device has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The tags with the times of their reports, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Tag, UnixTime)> {
        self.set().iter().zip(self.times().iter().copied())
    }

    /// The value of a tag.
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = position(self.set(), name).ok()?;
        Some(&self.set().get(at)?.value)
    }

    /// Bytes of all names and values.
    pub fn text_bytes(&self) -> usize {
        self.set().iter().map(text_bytes).sum()
    }

    /// Copies of the tags, for a snapshot.
    pub(crate) fn to_latest(&self) -> impl Iterator<Item = Latest<Tag>> {
        self.iter().map(|(tag, time)| Latest {
            time,
            value: tag.clone(),
        })
    }

    /// Memory that the device itself holds for its tags. The set is counted once, in [`TagSets::held_bytes`].
    pub(super) fn held_bytes(&self) -> usize {
        match &self.0 {
            None => 0,
            Some(tagged) => TAGGED_BYTES + size_of_val(&*tagged.times),
        }
    }

    fn set(&self) -> &[Tag] {
        self.0.as_ref().map_or(&[], |tagged| &tagged.set)
    }

    fn times(&self) -> &[UnixTime] {
        self.0.as_ref().map_or(&[], |tagged| &tagged.times)
    }

    /// Merges the tags of a report. A tag for which there is no room is left out.
    pub(super) fn offer(
        &mut self,
        offered: &[Tag],
        time: UnixTime,
        bounds: &Bounds,
        sets: &TagSets,
    ) {
        if self.retime(offered, time) {
            return;
        }
        let mut list: Vec<Latest<Tag>> = self.to_latest().collect();
        let mut free = bounds
            .tags_bytes_per_device_max
            .saturating_sub(self.text_bytes());
        for tag in offered {
            offer_one(&mut list, tag, time, bounds.tags_per_device_max, &mut free);
        }
        self.replace(list, sets);
    }

    /// Removes a tag.
    pub(super) fn remove(&mut self, name: &str, sets: &TagSets) {
        if self.get(name).is_some() {
            let rest = self.to_latest().filter(|tag| *tag.value.name != *name);
            let rest = rest.collect();
            self.replace(rest, sets);
        }
    }

    /// Sets the times of tags that the device has with these values. `false` if one of them differs.
    fn retime(&mut self, offered: &[Tag], time: UnixTime) -> bool {
        let Some(tagged) = &mut self.0 else {
            return offered.is_empty();
        };
        let set = &*tagged.set;
        let place = |tag: &Tag| {
            let at = position(set, &tag.name).ok()?;
            (set.get(at)?.value == tag.value).then_some(at)
        };
        if !offered.iter().all(|tag| place(tag).is_some()) {
            return false;
        }
        for at in offered.iter().filter_map(place) {
            if let Some(known) = tagged.times.get_mut(at) {
                *known = time.max(*known);
            }
        }
        true
    }

    /// Takes another list of tags, sorted by name, and shares its set.
    fn replace(&mut self, list: Vec<Latest<Tag>>, sets: &TagSets) {
        self.leave(sets);
        *self = list.into_iter().collect();
        self.share(sets);
    }

    /// Exchanges the set for the shared one, and counts the device as a user of it.
    pub(super) fn share(&mut self, sets: &TagSets) {
        if let Some(tagged) = &mut self.0 {
            tagged.set = sets.take(&tagged.set);
        }
    }

    /// The device does not use its set any more.
    pub(super) fn leave(&self, sets: &TagSets) {
        if let Some(tagged) = &self.0 {
            sets.leave(&tagged.set);
        }
    }
}

/// A set of its own, which `Tags::share` exchanges.
impl FromIterator<Latest<Tag>> for Tags {
    fn from_iter<I: IntoIterator<Item = Latest<Tag>>>(tags: I) -> Self {
        let mut tags: Vec<_> = tags.into_iter().collect();
        if tags.is_empty() {
            return Self(None);
        }
        tags.sort_by(|one, other| one.value.name.cmp(&other.value.name));
        tags.dedup_by(|one, other| one.value.name == other.value.name);
        let times = tags.iter().map(|tag| tag.time).collect();
        let set = tags.into_iter().map(|tag| tag.value).collect();
        Self(Some(Box::new(Tagged { set, times })))
    }
}

fn offer_one(
    list: &mut Vec<Latest<Tag>>,
    tag: &Tag,
    time: UnixTime,
    count_max: usize,
    free: &mut usize,
) {
    let latest = || Latest {
        time,
        value: tag.clone(),
    };
    match list.binary_search_by(|known| known.value.name.cmp(&tag.name)) {
        Ok(at) => {
            let Some(known) = list.get_mut(at).filter(|known| known.time <= time) else {
                return;
            };
            let room = *free + text_bytes(&known.value);
            if let Some(left) = room.checked_sub(text_bytes(tag)) {
                *free = left;
                *known = latest();
            }
        }
        Err(at) => {
            if list.len() < count_max
                && let Some(left) = free.checked_sub(text_bytes(tag))
            {
                *free = left;
                list.insert(at, latest());
            }
        }
    }
}

fn position(set: &[Tag], name: &str) -> Result<usize, usize> {
    set.binary_search_by(|tag| (*tag.name).cmp(name))
}

fn text_bytes(tag: &Tag) -> usize {
    tag.name.len() + tag.value.len()
}

/// The sets of tags that devices have, each with the number of devices that use it.
///
/// Copies of devices that readers hold do not count, so the numbers follow from the tracked devices alone.
#[derive(Debug, Default)]
pub(super) struct TagSets(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    users: HashMap<Arc<[Tag]>, usize>,
    held_bytes: u64,
}

impl TagSets {
    /// Memory that the sets hold, each counted once.
    pub(super) fn held_bytes(&self) -> u64 {
        self.lock().held_bytes
    }

    /// Number of different sets.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().users.len()
    }

    /// Forgets all sets.
    pub(super) fn clear(&self) {
        *self.lock() = Counted::default();
    }

    fn take(&self, set: &Arc<[Tag]>) -> Arc<[Tag]> {
        let mut counted = self.lock();
        if let Some((shared, _)) = counted.users.get_key_value(set) {
            let shared = Arc::clone(shared);
            if let Some(users) = counted.users.get_mut(set) {
                *users += 1;
            }
            return shared;
        }
        counted.held_bytes += set_bytes(set);
        counted.users.insert(Arc::clone(set), 1);
        Arc::clone(set)
    }

    fn leave(&self, set: &Arc<[Tag]>) {
        let mut counted = self.lock();
        let Some(users) = counted.users.get_mut(set) else {
            return;
        };
        *users -= 1;
        if *users == 0 {
            counted.users.remove(set);
            counted.held_bytes = counted.held_bytes.saturating_sub(set_bytes(set));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn set_bytes(set: &[Tag]) -> u64 {
    let tags = set.iter().map(|tag| TAG_BYTES + text_bytes(tag));
    u64::try_from(SET_BYTES + tags.sum::<usize>()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        tags_per_device_max: 3,
        tags_bytes_per_device_max: 10,
        ..Bounds::FOR_TESTS
    };

    fn tag(name: &str, value: &str) -> Tag {
        Tag {
            name: name.into(),
            value: value.into(),
        }
    }

    fn texts(tags: &Tags) -> Vec<(&str, &str)> {
        let texts = tags.iter();
        texts.map(|(tag, _)| (&*tag.name, &*tag.value)).collect()
    }

    #[test]
    fn devices_with_equal_tags_share_one_set_however_they_came_to_them() {
        let sets = TagSets::default();
        let [mut one, mut other] = [Tags::default(), Tags::default()];
        one.offer(
            &[tag("a", "1"), tag("b", "2")],
            UnixTime::new(5),
            &BOUNDS,
            &sets,
        );
        other.offer(&[tag("b", "2")], UnixTime::new(9), &BOUNDS, &sets);
        assert_eq!(sets.len(), 2);
        other.offer(&[tag("a", "1")], UnixTime::new(4), &BOUNDS, &sets);
        assert_eq!(sets.len(), 1);
        assert_eq!(texts(&one), texts(&other));
        let held_bytes = sets.held_bytes();
        assert!(0 < held_bytes);

        one.remove("a", &sets);
        assert_eq!(texts(&one), [("b", "2")]);
        assert_eq!(sets.len(), 2);
        one.leave(&sets);
        assert_eq!((sets.len(), sets.held_bytes()), (1, held_bytes));
        other.leave(&sets);
        assert_eq!((sets.len(), sets.held_bytes()), (0, 0));
    }

    #[test]
    fn each_tag_has_a_time_of_its_own() {
        let (sets, mut tags) = (TagSets::default(), Tags::default());
        tags.offer(
            &[tag("a", "1"), tag("b", "1")],
            UnixTime::new(5),
            &BOUNDS,
            &sets,
        );
        tags.offer(&[tag("a", "1")], UnixTime::new(9), &BOUNDS, &sets);
        tags.offer(
            &[tag("a", "2"), tag("b", "2")],
            UnixTime::new(7),
            &BOUNDS,
            &sets,
        );
        assert_eq!(texts(&tags), [("a", "1"), ("b", "2")]);
    }

    #[test]
    fn tags_fit_at_the_bound_and_one_byte_more_does_not() {
        let (sets, mut tags, at) = (TagSets::default(), Tags::default(), UnixTime::new(5));
        tags.offer(&[tag("a", "12345678")], at, &BOUNDS, &sets);
        assert_eq!(tags.text_bytes(), 9);
        tags.offer(&[tag("b", "1")], at, &BOUNDS, &sets);
        assert_eq!(tags.text_bytes(), 9, "11 bytes are too many");
        tags.offer(&[tag("b", "")], at, &BOUNDS, &sets);
        assert_eq!(tags.text_bytes(), 10);
        tags.offer(&[tag("a", "123456789")], at, &BOUNDS, &sets);
        assert_eq!(
            tags.get("a"),
            Some("12345678"),
            "a larger value has no room"
        );
        tags.offer(&[tag("a", "1")], at, &BOUNDS, &sets);
        tags.offer(&[tag("c", ""), tag("d", "")], at, &BOUNDS, &sets);
        assert_eq!(texts(&tags), [("a", "1"), ("b", ""), ("c", "")]);
    }
}
