//! The forms. Each has a file here, and a line in [`FORMS`].

mod cot;
mod cotzip;
mod csv;
mod geojson;
mod geojsonseq;
mod gpx;
mod kismetdb;
mod kml;
mod kmz;
mod netxml;
mod parquet;
mod tracks;
mod wiglecsv;

pub(crate) use self::cot::live_event;
use super::Form;

/// All forms.
pub(crate) const FORMS: [&Form; 12] = [
    &csv::FORM,
    &geojson::FORM,
    &geojsonseq::FORM,
    &wiglecsv::FORM,
    &kml::FORM,
    &kmz::FORM,
    &gpx::FORM,
    &kismetdb::FORM,
    &parquet::FORM,
    &netxml::FORM,
    &cot::FORM,
    &cotzip::FORM,
];

/// The forms that services get.
pub(super) const WIGLE_CSV: &Form = &wiglecsv::FORM;
pub(super) const GEOJSON: &Form = &geojson::FORM;
