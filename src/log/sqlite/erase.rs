//! Erases rows for good: also from free pages and from the write-ahead log.
//!
//! Everything that an order changes is one transaction, so a crash leaves all of it or nothing, and the order can be
//! carried out again. Positions stay: a record of which nothing is left becomes an empty one.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior, params};

use super::{chain, kinds, make_durable, read, signed, unsigned};
use crate::log::{AlertOrder, EraseOrder, Erased, LogError, LogPosition, Settings, What};
use crate::report::{MacAddr, Rejected, UnixTime};

/// How long the file may be in use by readers before the erasure fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// The rows that an order concerns.
#[derive(Debug, Default)]
struct Found {
    /// Row numbers of observations.
    observations: Vec<i64>,
    /// How many observations of each record there are.
    by_record: BTreeMap<i64, i64>,
    addresses: BTreeSet<MacAddr>,
    /// What other records become. `None` leaves nothing of them.
    records: Vec<(i64, Option<Rewritten>)>,
}

/// A record without what was erased.
#[derive(Debug, Default)]
struct Rewritten {
    content: Option<String>,
    source_name: Option<String>,
    rejected: Option<String>,
}

/// Counts what an order would erase.
pub(super) fn count(db: &Connection, order: &EraseOrder) -> Result<Erased, LogError> {
    find(db, order)?.counts()
}

/// Erases what an order concerns. Returns the addresses whose devices had any of it.
pub(super) fn erase(
    db: &mut Connection,
    order: &EraseOrder,
) -> Result<(Erased, BTreeSet<MacAddr>), LogError> {
    // Overwrites what is deleted. Pages that were freed earlier are not, so the file is written anew below.
    db.pragma_update(None, "secure_delete", true)?;
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = find(&transaction, order)?;
    delete(&transaction, order, &found)?;
    if !(found.by_record.is_empty() && found.records.is_empty()) {
        write_chain(&transaction)?;
    }
    transaction.commit()?;
    write_anew(db)?;
    Ok((found.counts()?, found.addresses))
}

/// Writes the file anew, without free pages, and empties the write-ahead log.
fn write_anew(db: &Connection) -> Result<(), LogError> {
    db.busy_timeout(PATIENCE)?;
    db.execute_batch("VACUUM")?;
    let is_busy: i64 = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    make_durable(db)?;
    if is_busy == 0 {
        Ok(())
    } else {
        Err(LogError::Locked)
    }
}

impl Found {
    fn counts(&self) -> Result<Erased, LogError> {
        Ok(Erased {
            observations: unsigned(signed(self.observations.len()))?,
            records: unsigned(signed(self.records.len()))?,
            alerts: 0,
            devices: unsigned(signed(self.addresses.len()))?,
        })
    }
}

fn find(db: &Connection, order: &EraseOrder) -> Result<Found, LogError> {
    let mut found = Found::default();
    let mut query = db.prepare(
        "SELECT o.id, o.record, o.address, o.lat_e7, o.lon_e7
         FROM observations o CROSS JOIN records r ON r.position = o.record LEFT JOIN sources s ON s.id = r.source
         WHERE (?1 IS NULL OR o.address = ?1) AND (?2 IS NULL OR ?2 <= o.time) AND (?3 IS NULL OR o.time <= ?3)
               AND (?4 IS NULL OR s.uuid = ?4)
         ORDER BY o.id",
    )?;
    let seconds = |time: Option<UnixTime>| time.map(|time| i64::from(time.seconds()));
    let mut rows = query.query(params![
        order.address.map(|address| signed(address.to_u64())),
        seconds(order.since),
        seconds(order.until),
        order.source.map(|source| source.to_string()),
    ])?;
    while let Some(row) = rows.next()? {
        if let Some(area) = order.area {
            let (lat, lon): (Option<i32>, Option<i32>) = (row.get(3)?, row.get(4)?);
            if !lat
                .zip(lon)
                .is_some_and(|(lat, lon)| area.contains(lat, lon))
            {
                continue;
            }
        }
        found.observations.push(row.get(0)?);
        *found.by_record.entry(row.get(1)?).or_default() += 1;
        let address = MacAddr::from_u64(unsigned(row.get(2)?)?);
        found.addresses.extend(address);
    }
    find_records(db, order, &mut found)?;
    Ok(found)
}

/// Finds the records that name the address or the source, and those of the source.
fn find_records(db: &Connection, order: &EraseOrder, found: &mut Found) -> Result<(), LogError> {
    if !(order.is_of_address() || order.is_of_source()) {
        return Ok(());
    }
    let source = order.source.map(|source| source.to_string());
    let mut query = db.prepare(
        "SELECT r.position, r.kind, r.content, r.source_name, r.rejected, s.uuid = ?1
         FROM records r LEFT JOIN sources s ON s.id = r.source
         WHERE r.content IS NOT NULL OR r.source_name IS NOT NULL OR r.rejected IS NOT NULL OR s.uuid = ?1
         ORDER BY r.position",
    )?;
    let mut rows = query.query([source])?;
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(0)?;
        if row.get::<_, Option<bool>>(5)? == Some(true) {
            found.records.push((position, None));
            continue;
        }
        let kind: Option<String> = row.get(1)?;
        let (content, source_name, rejected): (Option<String>, Option<String>, Option<String>) =
            (row.get(2)?, row.get(3)?, row.get(4)?);
        let is_named =
            |text: &Option<String>| text.as_ref().is_some_and(|text| order.is_named_in(text));
        if !(is_named(&content) || is_named(&source_name) || is_named(&rejected)) {
            continue;
        }
        let kept = match (&kind, content.clone()) {
            (Some(kind), Some(content)) if order.is_named_in(&content) => {
                let Some(rest) = without(order, kind, &content)? else {
                    found.records.push((position, None));
                    continue;
                };
                Some(rest)
            }
            (_, content) => content,
        };
        if kept == content && !is_named(&source_name) && !is_named(&rejected) {
            continue;
        }
        let rewritten = Rewritten {
            content: kept,
            source_name: source_name.filter(|name| !order.is_named_in(name)),
            rejected: rejected
                .map(|rejected| without_refusals(order, &rejected))
                .transpose()?
                .flatten(),
        };
        found.records.push((position, Some(rewritten)));
    }
    Ok(())
}

/// The content of a record without what is erased. `None` if nothing is left.
fn without(order: &EraseOrder, kind: &str, content: &str) -> Result<Option<String>, LogError> {
    if kind == kinds::IMPORTED_REPORTS {
        // A hash, which only looks like the address.
        return Ok(Some(content.to_owned()));
    }
    let mut watch = match kinds::read(kind, content)? {
        What::AlertOrder(AlertOrder::Watch(watch)) => watch,
        // What people say of another device belongs to that.
        What::Annotation(annotation) if order.address != Some(annotation.device.addr) => {
            return Ok(Some(content.to_owned()));
        }
        _ => return Ok(None),
    };
    watch
        .masks
        .retain(|mask| mask.single().is_none() || mask.single() != order.address);
    if watch.masks.is_empty() {
        return Ok(None);
    }
    let text = kinds::text_of(&What::AlertOrder(AlertOrder::Watch(watch)))?;
    Ok(text.map(|(_, content)| content))
}

fn without_refusals(order: &EraseOrder, rejected: &str) -> Result<Option<String>, LogError> {
    let mut refused: Vec<Rejected> = read::read_rejected(Some(rejected))?;
    refused.retain(|one| !order.is_named_in(&one.reason));
    kinds::rejected_text(&refused)
}

fn delete(db: &Connection, order: &EraseOrder, found: &Found) -> Result<(), LogError> {
    let mut observation = db.prepare("DELETE FROM observations WHERE id = ?1")?;
    for id in &found.observations {
        observation.execute([id])?;
    }
    let mut accepted =
        db.prepare("UPDATE records SET accepted = accepted - ?2 WHERE position = ?1")?;
    for (position, count) in &found.by_record {
        accepted.execute(params![position, count])?;
    }
    // The identity stays, so that what is sent again is still recognised. It is a hash.
    let mut blank = db.prepare(
        "UPDATE records SET kind = ?2, content = ?3, source = NULL, source_name = NULL, phy = NULL, accepted = 0,
                            rejected = NULL
         WHERE position = ?1",
    )?;
    let mut rewrite = db.prepare(
        "UPDATE records SET content = ?2, source_name = ?3, rejected = ?4 WHERE position = ?1",
    )?;
    let nothing = kinds::text_of(&What::Settings(Settings::default()))?;
    for (position, rewritten) in &found.records {
        match (rewritten, &nothing) {
            (
                Some(Rewritten {
                    content,
                    source_name,
                    rejected,
                }),
                _,
            ) => {
                rewrite.execute(params![position, content, source_name, rejected])?;
            }
            (None, Some((kind, content))) => {
                blank.execute(params![position, kind, content])?;
            }
            (None, None) => {}
        }
    }
    if order.is_of_source()
        && let Some(source) = order.source
    {
        let delete = "DELETE FROM sources WHERE uuid = ?1 AND NOT EXISTS (SELECT 1 FROM records WHERE source = sources.id)";
        db.execute(delete, [source.to_string()])?;
    }
    for (table, column) in [
        ("ssids", "ssid"),
        ("capabilities", "capabilities"),
        ("channels", "channel"),
    ] {
        db.execute(
            &format!(
                "DELETE FROM {table} WHERE id NOT IN
                     (SELECT {column} FROM observations WHERE {column} IS NOT NULL)"
            ),
            [],
        )?;
    }
    Ok(())
}

/// Computes the chain of all records anew, and stores it where there was one.
fn write_chain(db: &Connection) -> Result<(), LogError> {
    let mut anew = chain::Anew::new(db)?;
    let mut failed = None;
    read::replay(
        db,
        LogPosition::START,
        &mut |entry| match anew.add(&entry) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        },
    )?;
    if let Some(error) = failed {
        return Err(error);
    }
    let mut update = db.prepare("UPDATE records SET chain = ?2 WHERE position = ?1")?;
    for (position, chain) in anew.changed() {
        update.execute(params![position, chain])?;
    }
    Ok(())
}
