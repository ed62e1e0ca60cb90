//! What became of each row of a file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::form::Form;
use super::rows::Ending;
use crate::report::{Position, UnixTime};

/// How many refusals an account names. The list of all of them is a file of its own.
const REFUSALS_NAMED: usize = 100;

/// The account of one file. `rows` is the sum of `taken`, `duplicates`, `other` and `refused`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ImportedFile)]
#[serde(default)]
pub(crate) struct FileAccount {
    /// The name of the file, without folders.
    pub(crate) name: String,
    /// What the file is, such as `wigle-csv`; absent if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub(crate) form: Option<Form>,
    /// The SHA-256 of its unpacked content, in hex.
    pub(crate) sha256: String,
    /// Whether the file was imported before. The counts are those of that time, and nothing was done.
    pub(crate) duplicate: bool,
    /// Data rows.
    pub(crate) rows: u64,
    /// Rows that became reports.
    pub(crate) taken: u64,
    /// Rows that were imported before, by this file or another one.
    pub(crate) duplicates: u64,
    /// Rows without a place of their own or from a track. They count elsewhere too.
    pub(crate) without_place: u64,
    /// Rows without a time. They count elsewhere too.
    pub(crate) without_time: u64,
    /// Rows of other kinds, such as cells and stations.
    pub(crate) other: u64,
    /// The same by kind.
    pub(crate) others: BTreeMap<String, u64>,
    /// Rows that cannot be used.
    pub(crate) refused: u64,
    /// The first 100 of them.
    pub(crate) refusals: Vec<Refusal>,
    /// The earliest time of a row, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, nullable = false)]
    pub(crate) first_seen: Option<UnixTime>,
    /// The latest time of a row, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, nullable = false)]
    pub(crate) last_seen: Option<UnixTime>,
    /// West, south, east and north of all places, in degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) bbox: Option<[f64; 4]>,
    /// Whether the file breaks off. What came before was read.
    pub(crate) cut: bool,
    /// Whether the file is damaged, so that rows may be missing.
    pub(crate) damaged: bool,
    /// What else whoever sent the file should know.
    pub(crate) notes: Vec<String>,
    /// Why the file could not be read, or not to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) error: Option<String>,
    /// Rows that were refused because of their source. Later, or from somebody else, it may be allowed, so the file does not
    /// count as imported.
    #[serde(skip)]
    pub(super) refused_for_source: u64,
}

/// A row that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ImportRefusal)]
pub(crate) struct Refusal {
    /// Its line in the file, headers counted, from 1.
    pub(crate) line: u64,
    /// The field that is wrong, and why.
    pub(crate) reason: String,
}

impl FileAccount {
    pub(crate) fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Whether anything of the file could be read.
    pub(crate) const fn is_read(&self) -> bool {
        self.error.is_none()
    }

    pub(super) fn refuse(&mut self, line: u64, reason: String) {
        self.refused += 1;
        if self.refusals.len() < REFUSALS_NAMED {
            self.refusals.push(Refusal { line, reason });
        }
    }

    pub(super) fn count_other(&mut self, kind: &'static str) {
        self.other += 1;
        match self.others.get_mut(kind) {
            Some(count) => *count += 1,
            None => drop(self.others.insert(kind.to_owned(), 1)),
        }
    }

    pub(super) fn see(&mut self, time: UnixTime, position: Option<Position>) {
        self.first_seen = Some(self.first_seen.map_or(time, |first| first.min(time)));
        self.last_seen = Some(self.last_seen.map_or(time, |last| last.max(time)));
        let Some(position) = position else {
            self.without_place += 1;
            return;
        };
        let degrees = |e7: i32| f64::from(e7) / 1e7;
        let (lat, lon) = (degrees(position.lat_e7()), degrees(position.lon_e7()));
        let [west, south, east, north] = self.bbox.unwrap_or([lon, lat, lon, lat]);
        self.bbox = Some([west.min(lon), south.min(lat), east.max(lon), north.max(lat)]);
    }

    pub(super) fn end(&mut self, ending: Ending) {
        self.cut |= ending.is_cut;
        self.damaged |= ending.is_damaged;
        for note in ending.notes {
            self.note(note);
        }
    }

    /// Adds what whoever sent the file should know.
    pub(super) fn note(&mut self, note: &str) {
        if !self.notes.iter().any(|known| known == note) {
            self.notes.push(note.to_owned());
        }
    }
}
