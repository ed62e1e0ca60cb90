//! Forms with a row for each frame: one sighting of a device in each second, the strongest.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::import::rows::{Row, Rows, Sighting};
use crate::report::{Dbm, MacAddr, UnixTime};

/// The kind of frames that are weaker than another one of the same second.
const FRAME: &str = "frame";

/// Holds the sightings of one second back until it is over.
#[derive(Debug, Default)]
pub(super) struct Strongest {
    second: Option<UnixTime>,
    sightings: BTreeMap<MacAddr, (u64, Box<Sighting>)>,
}

impl Strongest {
    /// Most devices of one second.
    const DEVICES_MAX: usize = 10_000;

    /// Takes a row. A row that is not a sighting is passed on at once.
    pub(super) fn row(
        &mut self,
        line: u64,
        address: MacAddr,
        row: Row,
        rows: &mut dyn Rows,
    ) -> ControlFlow<()> {
        let Row::Sighting(sighting) = row else {
            return rows.row(line, row);
        };
        let Some(time) = sighting.time else {
            return rows.row(line, Row::Sighting(sighting));
        };
        if self.second != Some(time) || Self::DEVICES_MAX <= self.sightings.len() {
            self.finish(rows)?;
            self.second = Some(time);
        }
        let dbm = |sighting: &Sighting| sighting.signal.map(Dbm::get);
        match self.sightings.get_mut(&address) {
            None => {
                self.sightings.insert(address, (line, sighting));
                ControlFlow::Continue(())
            }
            Some(known) if dbm(&known.1) < dbm(&sighting) => {
                let weaker = std::mem::replace(known, (line, sighting));
                rows.row(weaker.0, Row::Other(FRAME))
            }
            Some(_) => rows.row(line, Row::Other(FRAME)),
        }
    }

    /// Passes on the sightings that wait, in the order of the file.
    pub(super) fn finish(&mut self, rows: &mut dyn Rows) -> ControlFlow<()> {
        let mut held: Vec<_> = std::mem::take(&mut self.sightings).into_values().collect();
        held.sort_by_key(|(line, _)| *line);
        held.into_iter()
            .try_for_each(|(line, sighting)| rows.row(line, Row::Sighting(sighting)))
    }
}
