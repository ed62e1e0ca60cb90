//! The texts of capabilities and channels, by their row numbers.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::damaged;
use crate::log::LogError;
use crate::report::{Capabilities, Channel};

/// Texts that are kept of each kind. A region has some hundred.
const KEPT_MAX: usize = 256;

/// Looks up texts, and keeps some. They hold for one transaction: what is erased frees its number for another text.
pub(super) struct Texts<'t> {
    db: &'t Connection,
    capabilities: Kept<Capabilities>,
    channels: Kept<Channel>,
}

impl<'t> Texts<'t> {
    pub(super) fn of(db: &'t Connection) -> Self {
        Self {
            db,
            capabilities: Kept::default(),
            channels: Kept::default(),
        }
    }

    /// The capabilities in the row with this number. `None` if the table has no such row.
    pub(super) fn capabilities(&mut self, number: i64) -> Result<Option<Capabilities>, LogError> {
        let db = self.db;
        self.capabilities.get(number, || {
            let query = "SELECT text FROM capabilities WHERE id = ?1";
            look_up(db, query, number, |text| Ok(text.into()))
        })
    }

    /// The channel in the row with this number. `None` if the table has no such row.
    pub(super) fn channel(&mut self, number: i64) -> Result<Option<Channel>, LogError> {
        let db = self.db;
        self.channels.get(number, || {
            let query = "SELECT text FROM channels WHERE id = ?1";
            // As it was sent: the checksums are of that text.
            look_up(db, query, number, |text| {
                Channel::from_stored_text(text)
                    .map_err(|_| damaged("a channel is empty or too long"))
            })
        })
    }
}

fn look_up<T>(
    db: &Connection,
    query: &str,
    number: i64,
    read: impl FnOnce(&str) -> Result<T, LogError>,
) -> Result<Option<T>, LogError> {
    let mut query = db.prepare_cached(query)?;
    let mut rows = query.query([number])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    text(row.get_ref(0)?)?.map(read).transpose()
}

fn text(value: ValueRef<'_>) -> Result<Option<&str>, LogError> {
    value
        .as_str_or_null()
        .map_err(|_| damaged("a value that has to be a text is of another type"))
}

/// Values by number. Each has one place, which it shares with others.
struct Kept<T>(Vec<Option<(i64, Option<T>)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Clone> Kept<T> {
    fn get(
        &mut self,
        number: i64,
        look_up: impl FnOnce() -> Result<Option<T>, LogError>,
    ) -> Result<Option<T>, LogError> {
        let place = usize::try_from(number).unwrap_or_default() % KEPT_MAX;
        if let Some(Some((kept, value))) = self.0.get(place)
            && *kept == number
        {
            return Ok(value.clone());
        }
        let value = look_up()?;
        if self.0.len() <= place {
            self.0.resize_with(place + 1, || None);
        }
        if let Some(kept) = self.0.get_mut(place) {
            *kept = Some((number, value.clone()));
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_share_a_place_do_not_get_the_value_of_another() {
        let mut kept = Kept::default();
        let far = i64::try_from(KEPT_MAX).unwrap();
        for number in [1, 1 + far, 1, -1, 0, i64::MAX, 0, i64::MIN, -1] {
            for _ in 0..2 {
                assert_eq!(kept.get(number, || Ok(Some(number))).unwrap(), Some(number));
            }
        }
        assert!(kept.0.len() <= KEPT_MAX);
    }

    #[test]
    fn what_was_looked_up_is_kept_also_if_it_is_nothing() {
        let mut kept = Kept::<i64>::default();
        assert_eq!(kept.get(7, || Ok(None)).unwrap(), None);
        assert_eq!(kept.get(7, || panic!("again")).unwrap(), None);
    }
}
