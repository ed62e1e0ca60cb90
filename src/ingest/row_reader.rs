//! Reads the values that all formats have, and notes those that cannot be used.

use std::borrow::Cow;
use std::fmt;

use super::json::Value;
use super::quantity::{self, Quantity};
use super::values::{expected, km_h, metres};
use crate::report::{Accuracy, Band, Channel, Dbm, Frequency};

/// The unit of a frequency that is sent as a plain number.
#[derive(Clone, Copy, Debug)]
pub(super) enum FrequencyUnit {
    Khz,
    Mhz,
}

impl FrequencyUnit {
    const fn khz(self) -> f64 {
        match self {
            Self::Khz => 1.0,
            Self::Mhz => 1000.0,
        }
    }

    /// The field that has this unit.
    const fn field(self) -> &'static str {
        match self {
            Self::Khz => "freqkhz",
            Self::Mhz => "frequency",
        }
    }

    /// Channel 6.
    const fn example(self) -> &'static str {
        match self {
            Self::Khz => "2437000 kHz",
            Self::Mhz => "2437 MHz",
        }
    }
}

/// Reads the values of one row of an upload.
pub(super) trait RowReader {
    /// Notes that a value is left out.
    fn ignore(&mut self, field: &'static str, why: impl fmt::Display);

    /// The value that was read, or none and a note.
    fn noted<T, E: fmt::Display>(
        &mut self,
        field: &'static str,
        read: Result<Option<T>, E>,
    ) -> Option<T> {
        read.unwrap_or_else(|wrong| {
            self.ignore(field, wrong);
            None
        })
    }

    fn signal(&mut self, value: &Value<'_>) -> Option<Dbm> {
        let number = self.number("signal", value, |unit| {
            matches!(unit, "dbm" | "db").then_some(1.0)
        })?;
        let signal = Dbm::from_wire(number);
        if signal.is_none() && !is_not_set(number) {
            self.ignore("signal", "out of range, expected -150 to 30 dBm");
        }
        // airodump-ng writes -1 for a driver that reports no signal.
        signal.filter(|signal| signal.get() != -1)
    }

    /// A speed in km/h. Plain numbers are in a unit of so many km/h.
    fn speed(&mut self, field: &'static str, value: &Value<'_>, unit_km_h: f64) -> Option<f64> {
        /// What iOS has for "not known".
        const NOT_KNOWN: f64 = -1.0;
        let speed = self.number(field, value, |unit| Some(km_h(unit)? / unit_km_h))?;
        if speed < 0.0 {
            if speed != NOT_KNOWN {
                self.ignore(field, "below 0");
            }
            return None;
        }
        Some(speed * unit_km_h)
    }

    fn accuracy(&mut self, value: &Value<'_>) -> Option<Accuracy> {
        let number = self.number("accuracy", value, metres)?;
        let read = Accuracy::from_wire(number).map(Some);
        self.noted(
            "accuracy",
            read.ok_or("out of range, an accuracy lies between 0 and 1000000 m"),
        )
    }

    /// Where a Wi-Fi device transmits. A channel that contradicts the frequency is left out: some scanners report the
    /// centre of a wide channel there.
    fn tuning(
        &mut self,
        channel: &Value<'_>,
        frequency: &Value<'_>,
        unit: FrequencyUnit,
    ) -> (Option<Channel>, Option<Frequency>) {
        let channel = self.channel(channel);
        let (frequency, band) = self.frequency(frequency, unit);
        match (channel, frequency) {
            (Some(channel), Some(frequency)) if !channel.is_on(frequency) => {
                let field = unit.field();
                self.ignore(
                    "channel",
                    format_args!("not the channel of {field}, which counts"),
                );
                (None, Some(frequency))
            }
            (Some(channel), None) => {
                let channel = band.map_or(channel, |band| channel.in_band(band));
                (Some(channel), None)
            }
            tuning => tuning,
        }
    }

    /// A frequency, or the band that stands in its place: 2.4 GHz names a band, and no channel lies there.
    fn frequency(
        &mut self,
        value: &Value<'_>,
        unit: FrequencyUnit,
    ) -> (Option<Frequency>, Option<Band>) {
        let field = unit.field();
        let number = self.number(field, value, |written| {
            let khz = match written {
                "khz" => 1.0,
                "mhz" => 1e3,
                "ghz" => 1e6,
                "hz" => 1e-3,
                _ => return None,
            };
            Some(khz / unit.khz())
        });
        let Some(number) = number else {
            return (None, None);
        };
        let Ok(frequency) = Frequency::from_wire(number * unit.khz()) else {
            let example = unit.example();
            self.ignore(
                field,
                format_args!("out of range, expected a frequency such as {example}"),
            );
            return (None, None);
        };
        let band = frequency.and_then(Frequency::named_band);
        if band.is_some() {
            let example = unit.example();
            self.ignore(
                field,
                format_args!("a band, not a frequency; expected one such as {example}"),
            );
            return (None, band);
        }
        (frequency, None)
    }

    fn channel(&mut self, value: &Value<'_>) -> Option<Channel> {
        let text = match value {
            Value::Absent => return None,
            Value::Text(text) => Cow::Borrowed(text.as_ref()),
            Value::Number(number) => Cow::Owned(number.to_string()),
            other => {
                self.ignore("channel", expected("a channel", other.kind()));
                return None;
            }
        };
        match Channel::from_wire(&text) {
            Err(_) if quantity::is_unknown(&text) => None,
            read => self.noted("channel", read),
        }
    }

    /// A number. `factor` says what the unit, in small letters, multiplies it by, or that it is not one of this value.
    fn number(
        &mut self,
        field: &'static str,
        value: &Value<'_>,
        factor: impl Fn(&str) -> Option<f64>,
    ) -> Option<f64> {
        self.quantity(field, value, |number, unit| Some(number * factor(unit)?))
    }

    /// A number, or a text that holds one; null and words for "not known" are none. `convert` gets it with its unit in
    /// small letters, if there is one.
    fn quantity(
        &mut self,
        field: &'static str,
        value: &Value<'_>,
        convert: impl Fn(f64, &str) -> Option<f64>,
    ) -> Option<f64> {
        // Nearly all are numbers, or absent.
        match value {
            Value::Absent => None,
            Value::Number(number) => Some(*number),
            other => self.written_quantity(field, other, &convert),
        }
    }

    #[cold]
    fn written_quantity(
        &mut self,
        field: &'static str,
        value: &Value<'_>,
        convert: &dyn Fn(f64, &str) -> Option<f64>,
    ) -> Option<f64> {
        let Value::Text(text) = value else {
            self.ignore(field, expected("a number", value.kind()));
            return None;
        };
        let Quantity { value, unit } = self.noted(field, quantity::quantity(text))?;
        if unit.is_empty() {
            return Some(value);
        }
        let converted = convert(value, &unit.to_lowercase());
        if converted.is_none() {
            self.ignore(field, "the unit behind the number does not fit this value");
        }
        converted
    }
}

/// Whether a number is what programs have for a signal that is not set: 0, what controllers have (Bluetooth Core
/// Specification, Vol 4, Part E, 7.5.4), or an end of Java's integers.
fn is_not_set(number: f64) -> bool {
    let whole = number.trunc();
    [0.0, 127.0].contains(&whole)
        || [i32::from(i16::MIN), i32::MIN, i32::MAX]
            .iter()
            .any(|&end| (whole - f64::from(end)).abs() < 0.5)
}
