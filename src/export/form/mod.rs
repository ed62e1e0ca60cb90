//! The forms. Each has a file here, and a line in [`FORMS`].

mod cot;
mod csv;
mod geojson;
mod geojsonseq;
mod gpx;
mod kml;
mod kmz;
mod netxml;
mod wiglecsv;

use super::Form;

/// All forms.
pub(crate) const FORMS: [&Form; 9] = [
    &csv::FORM,
    &geojson::FORM,
    &geojsonseq::FORM,
    &wiglecsv::FORM,
    &kml::FORM,
    &kmz::FORM,
    &gpx::FORM,
    &netxml::FORM,
    &cot::FORM,
];
