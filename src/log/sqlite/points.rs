//! Reads what a chart shows of observations, without the rest of their records.

use std::collections::HashMap;

use rusqlite::Connection;

use super::damaged;
use super::read::{STRAY, phy_of_record, phy_of_report};
use crate::log::{HistoryPoint, LogError, ObservationKey};
use crate::report::capabilities::SecurityClass;
use crate::report::{Capabilities, Channel, Dbm, MacAddr, Phy, Position, SourceId};

/// The points of these observations. `None` if one of them is not of the device.
pub(super) fn read(
    db: &Connection,
    addr: MacAddr,
    keys: &[ObservationKey],
) -> Result<Option<Vec<HistoryPoint>>, LogError> {
    let mut query = db.prepare_cached(
        "SELECT address, record, signal_dbm, channel, capabilities, lat_e7, lon_e7, phy FROM observations WHERE id = ?1",
    )?;
    let mut names = Names::default();
    let mut points = Vec::with_capacity(keys.len());
    for key in keys {
        let mut rows = query.query([key.id])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        if row.get::<_, i64>(0)? != super::signed(addr.to_u64()) {
            return Ok(None);
        }
        let place: (Option<i32>, Option<i32>) = (row.get(5)?, row.get(6)?);
        let (source, of_record) = names.record(db, row.get(1)?)?;
        points.push(HistoryPoint {
            key: *key,
            phy: phy_of_report(row.get(7)?, of_record)?,
            source,
            signal: row.get::<_, Option<f64>>(2)?.and_then(Dbm::from_wire),
            channel: names.channel(db, row.get(3)?)?,
            security: names.security(db, row.get(4)?)?,
            position: match place {
                (Some(lat_e7), Some(lon_e7)) => {
                    let position = Position::from_fixed(lat_e7, lon_e7, None, 0);
                    Some(position.ok_or_else(|| damaged("a position is out of range"))?)
                }
                _ => None,
            },
        });
    }
    Ok(Some(points))
}

/// The values that row numbers stand for. Few are read again and again.
#[derive(Default)]
struct Names {
    sources: HashMap<i64, SourceId>,
    channels: HashMap<i64, Channel>,
    classes: HashMap<i64, SecurityClass>,
}

impl Names {
    /// The source of a record, and the radio technology if all its reports share it.
    fn record(
        &mut self,
        db: &Connection,
        record: i64,
    ) -> Result<(SourceId, Option<Phy>), LogError> {
        let mut query = db.prepare_cached("SELECT source, phy FROM records WHERE position = ?1")?;
        let mut rows = query.query([record])?;
        let row = rows.next()?.ok_or_else(|| damaged(STRAY))?;
        let number: Option<i64> = row.get(0)?;
        let number = number.ok_or_else(|| damaged(STRAY))?;
        let phy = phy_of_record(row, 1)?;
        Ok((self.source(db, number)?, phy))
    }

    fn source(&mut self, db: &Connection, number: i64) -> Result<SourceId, LogError> {
        if let Some(source) = self.sources.get(&number) {
            return Ok(*source);
        }
        let text = text(db, "SELECT uuid FROM sources WHERE id = ?1", number)?;
        let source = text
            .parse()
            .map_err(|_| damaged("the UUID of a source cannot be read"))?;
        self.sources.insert(number, source);
        Ok(source)
    }

    fn channel(
        &mut self,
        db: &Connection,
        number: Option<i64>,
    ) -> Result<Option<Channel>, LogError> {
        let Some(number) = number else {
            return Ok(None);
        };
        if let Some(channel) = self.channels.get(&number) {
            return Ok(Some(*channel));
        }
        let text = text(db, "SELECT text FROM channels WHERE id = ?1", number)?;
        let channel = Channel::from_stored_text(&text)
            .map_err(|_| damaged("a channel is empty or too long"))?;
        self.channels.insert(number, channel);
        Ok(Some(channel))
    }

    fn security(
        &mut self,
        db: &Connection,
        number: Option<i64>,
    ) -> Result<Option<SecurityClass>, LogError> {
        let Some(number) = number else {
            return Ok(None);
        };
        if let Some(class) = self.classes.get(&number) {
            return Ok(Some(*class));
        }
        let text = text(db, "SELECT text FROM capabilities WHERE id = ?1", number)?;
        let class = Capabilities::from(text.as_str()).security().class();
        self.classes.insert(number, class);
        Ok(Some(class))
    }
}

fn text(db: &Connection, query: &str, number: i64) -> Result<String, LogError> {
    Ok(db
        .prepare_cached(query)?
        .query_row([number], |row| row.get(0))?)
}
