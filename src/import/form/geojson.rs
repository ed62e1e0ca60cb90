//! GeoJSON of other servers: points with an address and a time among their properties.

use std::borrow::Cow;
use std::io::BufRead;
use std::ops::ControlFlow;

use serde_json::{Map, Value};

use super::scanpost;
use super::summary::{self, LocalZone, capabilities_of_word, is_hidden};
use super::tables::any_time;
use super::wiglecsv::kind_of_word;
use crate::import::json::each_element_or_document;
use crate::import::rows::{Context, Ending, FileError, Input, Origin, Row, Rows};
use crate::import::values::{Draft, Place, address, number};

/// Reads a collection of features, or features one behind the other.
pub(crate) fn read(
    input: &Input,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    read_from(&mut input.reader()?, context, rows)
}

pub(crate) fn read_from(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let mut zone = LocalZone::new(context, None);
    let mut flow = ControlFlow::Continue(());
    let is_cut = each_element_or_document(input, "features", &mut |number, element| {
        let (origin, given) = feature(element, &mut zone, context);
        if let Some(origin) = origin {
            rows.origin(&origin);
        }
        let mut given = given.into_iter();
        flow = given.try_for_each(|row| rows.row(number, row));
        flow
    })?;
    if flow.is_break() {
        return Ok(Ending::default());
    }
    Ok(Ending {
        is_cut,
        ..Ending::default()
    })
}

/// The rows of a feature, and the scanner if it names one.
fn feature(
    element: Option<&[u8]>,
    zone: &mut LocalZone<'_>,
    context: &Context<'_>,
) -> (Option<Origin>, Vec<Row>) {
    let refused = |reason: &str| (None, vec![Row::Refused(reason.to_owned())]);
    let Some(element) = element else {
        return refused("feature: longer than 1 MiB");
    };
    let feature: Value = match serde_json::from_slice(element) {
        Ok(feature) => feature,
        Err(wrong) => return refused(&format!("feature: {wrong}")),
    };
    let Some(Value::Object(properties)) = feature.get("properties") else {
        return refused("properties: missing");
    };
    let is_observation = scanpost::is_observation(properties);
    let properties = Properties(properties);
    if is_observation {
        let row = match scanpost::sighting(properties.0, place(&feature, None), context) {
            Ok(sighting) => Row::Sighting(Box::new(sighting)),
            Err(reason) => Row::Refused(reason),
        };
        return (properties.origin(), vec![row]);
    }
    (
        properties.origin(),
        rows_of(&feature, &properties, zone, context),
    )
}

fn rows_of(
    feature: &Value,
    properties: &Properties<'_>,
    zone: &mut LocalZone<'_>,
    context: &Context<'_>,
) -> Vec<Row> {
    let refused = |reason: &str| vec![Row::Refused(reason.to_owned())];
    let phy = match kind_of_word(
        &properties.text(&["type", "kind"]),
        &properties.text(&["phy"]),
    ) {
        Ok(phy) => phy,
        Err(other) => return vec![Row::Other(other)],
    };
    let id = properties.text(&["bssid", "mac", "netid", "address", "macaddr"]);
    let Some(address) = address(id.as_bytes()) else {
        return refused("address: none of the properties is one (bssid, mac, netid, address)");
    };
    let mut time = |names: &[&str]| any_time(&properties.text(names), zone);
    let first = time(&["fa", "first_seen", "firstseen"]);
    let last = time(&[
        "la",
        "last_seen",
        "lastseen",
        "seen_at",
        "time",
        "timestamp",
    ]);
    let capabilities = match properties.text(&["capabilities", "authmode"]) {
        stated if !stated.is_empty() => stated.into_owned(),
        _ => capabilities_of_word(&properties.text(&["security", "encryption", "auth"])),
    };
    let octets = crate::hex::bytes::<Vec<u8>>(&properties.text(&["ssid_hex"]));
    let name = properties.text(&["ssid", "name"]);
    let mut draft = Draft::new(phy, address);
    draft.time = last.or(first);
    draft.name = match octets.filter(|octets| !octets.is_empty()) {
        Some(octets) => Cow::Owned(octets),
        None if is_hidden(&name) => Cow::default(),
        None => Cow::Owned(name.as_bytes().to_vec()),
    };
    draft.capabilities = capabilities.into();
    draft.channel = properties.text(&["channel", "chan"]);
    draft.frequency = properties.number(&["frequency", "frequency_khz"]);
    draft.signal_dbm = properties.number(&["signal", "signal_dbm", "rssi", "level"]);
    draft.place = place(feature, properties.number(&["accuracy", "accuracy_m"]));
    match first {
        Some(_) => summary::rows(first, draft, context),
        None => vec![draft.into_row(context)],
    }
}

fn place(feature: &Value, accuracy_m: Option<f64>) -> Place {
    let is_point = feature.pointer("/geometry/type").and_then(Value::as_str) == Some("Point");
    let part = |index: usize| {
        let coordinates = feature
            .pointer("/geometry/coordinates")
            .filter(|_| is_point)?;
        coordinates.get(index)?.as_f64()
    };
    Place {
        lat: part(1),
        lon: part(0),
        altitude_m: part(2),
        accuracy_m,
        speed_km_h: None,
    }
}

struct Properties<'p>(&'p Map<String, Value>);

impl Properties<'_> {
    /// The first of these properties that says something, in any case of letters.
    fn text(&self, names: &[&str]) -> Cow<'_, str> {
        let said = |name: &&str| {
            let mut properties = self.0.iter();
            let (_, value) = properties.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
            match value {
                Value::String(text) if !text.trim().is_empty() => Some(Cow::Borrowed(&**text)),
                Value::Number(number) => Some(Cow::Owned(number.to_string())),
                _ => None,
            }
        };
        names.iter().find_map(said).unwrap_or_default()
    }

    /// The scanner, which exports of observations name by its UUID.
    fn origin(&self) -> Option<Origin> {
        let uuid = self.text(&["source"]).parse().ok()?;
        let name = self.text(&["source_name"]);
        Origin::of_uuid(uuid, Some(&*name).filter(|name| !name.is_empty()))
    }

    fn number(&self, names: &[&str]) -> Option<f64> {
        number(self.text(names).as_bytes())
    }
}
