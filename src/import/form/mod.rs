//! The forms of files. Each form that is read has a file here, with a reader.

mod airodump;
mod crypt;
mod geojson;
mod geosubmit;
mod kismetdb;
mod kismetxml;
mod kml;
mod neostumbler;
mod neostumbler_sqlite;
mod scans;
mod strongest;
mod summary;
mod tables;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tracks;
mod vistumbler;
mod wardrive;
mod wigle_sqlite;
mod wiglecsv;

use serde::{Deserialize, Serialize};

use super::database::{self, DatabaseReader};
use super::rows::Reader;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Form {
    WigleCsv,
    WigleSqlite,
    Kml,
    Kismetdb,
    NeostumblerCsv,
    NeostumblerSqlite,
    Netxml,
    Gpsxml,
    KismetCsv,
    AirodumpCsv,
    AirodumpLogcsv,
    Gpx,
    GpsdJson,
    Nmea,
    Vistumbler,
    VistumblerCsv,
    Netstumbler,
    WiScan,
    Geosubmit,
    TowerCollector,
    WardriverCsv,
    Geojson,
    WardriveSqlite,
    GmonCsv,
    SparrowCsv,
    SparrowJson,
    IwScan,
    WpaSupplicant,
    Dumpsys,
    Termux,
}

/// What the rows of a form are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Sightings in the order in which they were made: a row without a time takes that of the nearest earlier row.
    Log,
    /// Summaries of devices: a row without a time is refused.
    Summary,
    /// Points of a track only.
    Track,
}

impl Form {
    pub(crate) const ALL: &'static [Self] = &[
        Self::WigleCsv,
        Self::WigleSqlite,
        Self::Kml,
        Self::Kismetdb,
        Self::NeostumblerCsv,
        Self::NeostumblerSqlite,
        Self::Netxml,
        Self::Gpsxml,
        Self::KismetCsv,
        Self::AirodumpCsv,
        Self::AirodumpLogcsv,
        Self::Gpx,
        Self::GpsdJson,
        Self::Nmea,
        Self::Vistumbler,
        Self::VistumblerCsv,
        Self::Netstumbler,
        Self::WiScan,
        Self::Geosubmit,
        Self::TowerCollector,
        Self::WardriverCsv,
        Self::Geojson,
        Self::WardriveSqlite,
        Self::GmonCsv,
        Self::SparrowCsv,
        Self::SparrowJson,
        Self::IwScan,
        Self::WpaSupplicant,
        Self::Dumpsys,
        Self::Termux,
    ];

    /// The word for the form, in accounts.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::WigleCsv => "wigle-csv",
            Self::WigleSqlite => "wigle-sqlite",
            Self::Kml => "kml",
            Self::Kismetdb => "kismetdb",
            Self::NeostumblerCsv => "neostumbler-csv",
            Self::NeostumblerSqlite => "neostumbler-sqlite",
            Self::Netxml => "netxml",
            Self::Gpsxml => "gpsxml",
            Self::KismetCsv => "kismet-csv",
            Self::AirodumpCsv => "airodump-csv",
            Self::AirodumpLogcsv => "airodump-logcsv",
            Self::Gpx => "gpx",
            Self::GpsdJson => "gpsd-json",
            Self::Nmea => "nmea",
            Self::Vistumbler => "vistumbler",
            Self::VistumblerCsv => "vistumbler-csv",
            Self::Netstumbler => "netstumbler",
            Self::WiScan => "wi-scan",
            Self::Geosubmit => "geosubmit",
            Self::TowerCollector => "tower-collector",
            Self::WardriverCsv => "wardriver-csv",
            Self::Geojson => "geojson",
            Self::WardriveSqlite => "wardrive-sqlite",
            Self::GmonCsv => "gmon-csv",
            Self::SparrowCsv => "sparrow-csv",
            Self::SparrowJson => "sparrow-json",
            Self::IwScan => "iw-scan",
            Self::WpaSupplicant => "wpa-supplicant",
            Self::Dumpsys => "dumpsys",
            Self::Termux => "termux",
        }
    }

    /// The reader of the form. `None` for a form that is recognised, and not read yet.
    pub(crate) const fn reader(self) -> Option<Reader> {
        match self {
            Self::WigleCsv => Some(wiglecsv::read),
            Self::WigleSqlite => {
                Some(|input, context, rows| database::read(Self::WigleSqlite, input, context, rows))
            }
            Self::Kismetdb => {
                Some(|input, context, rows| database::read(Self::Kismetdb, input, context, rows))
            }
            Self::NeostumblerSqlite => Some(|input, context, rows| {
                database::read(Self::NeostumblerSqlite, input, context, rows)
            }),
            Self::WardriveSqlite => Some(|input, context, rows| {
                database::read(Self::WardriveSqlite, input, context, rows)
            }),
            Self::Kml => Some(kml::read),
            Self::Netxml => Some(kismetxml::read_netxml),
            Self::Gpsxml => Some(kismetxml::read_gpsxml),
            Self::KismetCsv => Some(airodump::read_kismet_csv),
            Self::AirodumpCsv => Some(airodump::read_csv),
            Self::AirodumpLogcsv => Some(airodump::read_log),
            Self::Gpx => Some(tracks::read_gpx),
            Self::GpsdJson => Some(tracks::read_gpsd),
            Self::Nmea => Some(tracks::read_nmea),
            Self::Vistumbler => Some(vistumbler::read),
            Self::VistumblerCsv => Some(vistumbler::read_csv),
            Self::NeostumblerCsv => Some(neostumbler::read),
            Self::Geosubmit => Some(geosubmit::read),
            Self::TowerCollector => Some(geosubmit::read_cells),
            Self::WardriverCsv => Some(tables::read_wardriver),
            Self::GmonCsv => Some(tables::read_gmon),
            Self::SparrowCsv => Some(tables::read_sparrow),
            Self::Geojson => Some(geojson::read),
            Self::IwScan => Some(scans::read_iw),
            Self::WpaSupplicant => Some(scans::read_wpa_supplicant),
            Self::Dumpsys => Some(scans::read_dumpsys),
            Self::Termux => Some(scans::read_termux),
            _ => None,
        }
    }

    /// The reader of a form that is a database. It runs in a process of its own.
    pub(crate) const fn database_reader(self) -> Option<DatabaseReader> {
        match self {
            Self::WigleSqlite => Some(wigle_sqlite::read),
            Self::Kismetdb => Some(kismetdb::read),
            Self::NeostumblerSqlite => Some(neostumbler_sqlite::read),
            Self::WardriveSqlite => Some(wardrive::read),
            _ => None,
        }
    }

    pub(crate) const fn class(self) -> Class {
        match self {
            Self::Kml
            | Self::Netxml
            | Self::KismetCsv
            | Self::AirodumpCsv
            | Self::WardriverCsv
            | Self::Geojson
            | Self::WardriveSqlite
            | Self::GmonCsv
            | Self::SparrowCsv
            | Self::SparrowJson
            | Self::WiScan => Class::Summary,
            Self::Gpx | Self::GpsdJson | Self::Nmea => Class::Track,
            _ => Class::Log,
        }
    }

    /// Why a file of no known form is refused.
    pub(crate) fn unknown() -> String {
        let read = Self::ALL.iter().filter(|form| form.reader().is_some());
        let words: Vec<&str> = read.map(|form| form.word()).collect();
        let words = words.join(", ");
        format!("not a file that can be imported; these forms are read: {words}")
    }

    /// Whether the name of a network is a part of a row's identity. The `WiGLE` app writes the latest name of a network on
    /// its old sightings too, so two of its exports differ there.
    pub(crate) const fn names_identify(self) -> bool {
        !matches!(self, Self::WigleCsv | Self::WigleSqlite | Self::Kml)
    }
}
