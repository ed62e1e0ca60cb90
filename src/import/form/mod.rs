//! The forms of files. Each form that is read has a file here, with a reader.

mod airodump;
mod crypt;
mod geojson;
mod geosubmit;
mod hcx;
mod kismetdb;
mod kismetxml;
mod kml;
mod neostumbler;
mod neostumbler_sqlite;
mod netstumbler;
mod pwnagotchi;
mod scanpost;
mod scans;
mod sparrow_json;
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
    SwardrivingCsv,
    HcxCsv,
    Pwnagotchi,
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
        Self::SwardrivingCsv,
        Self::HcxCsv,
        Self::Pwnagotchi,
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
            Self::SwardrivingCsv => "swardriving-csv",
            Self::HcxCsv => "hcx-csv",
            Self::Pwnagotchi => "pwnagotchi",
            Self::IwScan => "iw-scan",
            Self::WpaSupplicant => "wpa-supplicant",
            Self::Dumpsys => "dumpsys",
            Self::Termux => "termux",
        }
    }

    pub(crate) const fn reader(self) -> Reader {
        match self {
            Self::WigleCsv => wiglecsv::read,
            Self::WigleSqlite => {
                |input, context, rows| database::read(Self::WigleSqlite, input, context, rows)
            }
            Self::Kismetdb => {
                |input, context, rows| database::read(Self::Kismetdb, input, context, rows)
            }
            Self::NeostumblerSqlite => {
                |input, context, rows| database::read(Self::NeostumblerSqlite, input, context, rows)
            }
            Self::WardriveSqlite => {
                |input, context, rows| database::read(Self::WardriveSqlite, input, context, rows)
            }
            Self::Kml => kml::read,
            Self::Netxml => kismetxml::read_netxml,
            Self::Gpsxml => kismetxml::read_gpsxml,
            Self::KismetCsv => airodump::read_kismet_csv,
            Self::AirodumpCsv => airodump::read_csv,
            Self::AirodumpLogcsv => airodump::read_log,
            Self::Gpx => tracks::read_gpx,
            Self::GpsdJson => tracks::read_gpsd,
            Self::Nmea => tracks::read_nmea,
            Self::Vistumbler => vistumbler::read,
            Self::VistumblerCsv => vistumbler::read_csv,
            Self::NeostumblerCsv => neostumbler::read,
            Self::Geosubmit => geosubmit::read,
            Self::TowerCollector => geosubmit::read_cells,
            Self::WardriverCsv => tables::read_wardriver,
            Self::GmonCsv => tables::read_gmon,
            Self::SparrowCsv => tables::read_sparrow,
            Self::SparrowJson => sparrow_json::read,
            Self::SwardrivingCsv => tables::read_swardriving,
            Self::HcxCsv => hcx::read,
            Self::Pwnagotchi => pwnagotchi::read,
            Self::Netstumbler => netstumbler::read,
            Self::WiScan => netstumbler::read_text,
            Self::Geojson => geojson::read,
            Self::IwScan => scans::read_iw,
            Self::WpaSupplicant => scans::read_wpa_supplicant,
            Self::Dumpsys => scans::read_dumpsys,
            Self::Termux => scans::read_termux,
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
            | Self::SwardrivingCsv
            | Self::Pwnagotchi
            | Self::WiScan => Class::Summary,
            Self::Gpx | Self::GpsdJson | Self::Nmea => Class::Track,
            _ => Class::Log,
        }
    }

    /// Whether a file of this form may have points of a track, perhaps beside its rows.
    pub(crate) const fn has_points(self) -> bool {
        matches!(self.class(), Class::Track)
            || matches!(
                self,
                Self::Kml
                    | Self::Gpsxml
                    | Self::Vistumbler
                    | Self::WigleSqlite
                    | Self::Kismetdb
                    | Self::NeostumblerCsv
                    | Self::NeostumblerSqlite
            )
    }

    /// Why a file of no known form is refused.
    pub(crate) fn unknown() -> String {
        let words: Vec<&str> = Self::ALL.iter().map(|form| form.word()).collect();
        let words = words.join(", ");
        format!("not a file that can be imported; these forms are read: {words}")
    }

    /// Whether the name of a network is a part of a row's identity. The `WiGLE` app writes the latest name of a network on
    /// its old sightings too, so two of its exports differ there.
    pub(crate) const fn names_identify(self) -> bool {
        !matches!(self, Self::WigleCsv | Self::WigleSqlite | Self::Kml)
    }
}
