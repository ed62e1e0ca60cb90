//! The JSON of sparrow-wifi.

use std::io::BufRead;
use std::ops::ControlFlow;

use serde_json::{Map, Value};

use super::summary::{self, LocalZone, capabilities_of_word, is_hidden};
use super::tables::local;
use crate::import::json::each_element;
use crate::import::rows::{Context, Ending, FileError, Input, Row, Rows};
use crate::import::values::{Draft, Place, address, number};
use crate::report::UnixTime;

/// Reads the list of networks.
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
    let is_cut = each_element(input, Some("wifi-aps"), &mut |number, element| {
        let given = match element.map(serde_json::from_slice) {
            None => refused("network: longer than 1 MiB"),
            Some(Err(wrong)) => refused(&format!("network: {wrong}")),
            Some(Ok(network)) => rows_of(&Network(network), &mut zone, context),
        };
        flow = given.into_iter().try_for_each(|row| rows.row(number, row));
        flow
    })?;
    if flow.is_break() {
        return Ok(Ending::default());
    }
    Ok(Ending {
        is_cut,
        notes: zone.notes(),
        ..Ending::default()
    })
}

fn refused(reason: &str) -> Vec<Row> {
    vec![Row::Refused(reason.to_owned())]
}

struct Network(Map<String, Value>);

impl Network {
    /// Numbers and truths are texts in some versions.
    fn text(&self, name: &str) -> String {
        match self.0.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            _ => String::new(),
        }
    }

    fn number(&self, name: &str) -> Option<f64> {
        number(self.text(name).as_bytes())
    }

    /// `08/01/2026 12:00:00`
    fn time(&self, name: &str, zone: &mut LocalZone<'_>) -> Option<UnixTime> {
        let text = self.text(name);
        let (date, clock) = text.trim().split_once(' ')?;
        zone.time(local(date.as_bytes(), clock.as_bytes())?)
    }
}

fn rows_of(network: &Network, zone: &mut LocalZone<'_>, context: &Context<'_>) -> Vec<Row> {
    let Some(address) = address(network.text("macAddr").as_bytes()) else {
        return refused("macAddr: not a hardware address");
    };
    let name = network.text("ssid");
    let mut draft = Draft::wifi(address);
    if !is_hidden(&name) {
        draft.name = name.into_bytes().into();
    }
    draft.capabilities = capabilities_of_word(&network.text("security")).into();
    draft.channel = network.text("channel").into();
    draft.frequency = network.number("frequency");
    draft.signal_dbm = network.number("signal");
    draft.time = network.time("lastseen", zone);
    if network.text("gpsvalid").eq_ignore_ascii_case("true") {
        draft.place = Place {
            lat: network.number("lat"),
            lon: network.number("lon"),
            altitude_m: network.number("alt").filter(|metres| *metres != 0.0),
            ..Place::default()
        };
    }
    let first = network.time("firstseen", zone);
    summary::rows(first, draft, context)
}
