//! Decodes Kismet's scan reports (`datasource_scan.cc`), Wi-Fi and Bluetooth.
//!
//! The decoder is pure: no clock, no I/O. It is lenient where the meaning is certain (numbers in strings, a channel as
//! a number, addresses in any notation), and strict otherwise. A refused report does not affect the others.

mod forms;
mod identity;
mod repair;
mod wire;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::DeserializeSeed;

pub use self::forms::{BluetoothScanReport, WifiScanReport};
pub(crate) use self::repair::repair;
use self::wire::{Document, DocumentSeed, Entries, Fields, Item, ParseBounds, Reports, Value};
use super::decode::{DecodeError, Reason};
pub use super::format::Limits;
use crate::report::{
    Accuracy, Batch, BluetoothAddr, BluetoothSighting, Bssid, Capabilities, Channel, ChannelWidth,
    Dbm, Frequency, MacAddr, Phy, Position, ReceivedAt, Report, ServiceData, Sighting, SourceId,
    Ssid, Tag, UnixTime, WifiSighting,
};

/// The longest Bluetooth name, in bytes (Bluetooth Core Specification, Vol 3, Part C, 3.2.2).
const BLUETOOTH_NAME_BYTES_MAX: usize = 248;
/// The longest device type text, in bytes.
const DEVICE_TYPE_BYTES_MAX: usize = 64;
/// The most advertising data one device can send, in bytes (Bluetooth Core Specification, Vol 4, Part E, 7.8.57).
const ADVERTISING_BYTES_MAX: usize = 1650;
/// The longest name of a service, in bytes. Every notation of a UUID is shorter.
const SERVICE_BYTES_MAX: usize = 64;
/// The longest `ietags`, in bytes: a beacon body of 2304 octets in hex.
const IE_TAGS_BYTES_MAX: usize = 4608;

/// Decodes the scan report in `json`.
///
/// # Errors
///
/// When the request as a whole cannot be decoded, or when no report in it is valid.
pub fn decode(
    phy: Phy,
    json: &str,
    received_at: ReceivedAt,
    limits: &Limits,
) -> Result<Batch, DecodeError> {
    match parse(json, limits) {
        Ok(document) => Decoder {
            phy,
            received_at,
            limits,
            repaired: false,
        }
        .batch(document),
        Err(broken) => {
            let repaired =
                repair(json).ok_or_else(|| DecodeError::NotAReport(broken.to_string()))?;
            // Report the first error: its line and column refer to what was sent.
            let document = parse(&repaired, limits)
                .map_err(|_| DecodeError::NotAReport(broken.to_string()))?;
            Decoder {
                phy,
                received_at,
                limits,
                repaired: true,
            }
            .batch(document)
        }
    }
}

fn parse<'a>(json: &'a str, limits: &Limits) -> Result<Document<'a>, serde_json::Error> {
    let bounds = ParseBounds {
        depth: limits.json_depth_max,
        reports_max: limits.reports_per_batch_max,
        entries_max: limits.tags_max,
    };
    let mut parser = serde_json::Deserializer::from_str(json);
    let document = DocumentSeed(bounds).deserialize(&mut parser)?;
    parser.end()?;
    Ok(document)
}

struct Decoder<'l> {
    phy: Phy,
    received_at: ReceivedAt,
    limits: &'l Limits,
    /// Whether strings may contain stand-ins for bytes.
    repaired: bool,
}

impl Decoder<'_> {
    fn batch(&self, document: Document<'_>) -> Result<Batch, DecodeError> {
        let source = source(&document.source_uuid)?;
        let source_name = self.source_name(document.source_name)?;
        let items = match document.reports {
            Reports::Items(_, count) if self.limits.reports_per_batch_max < count => {
                return Err(DecodeError::TooManyReports {
                    count,
                    max: self.limits.reports_per_batch_max,
                });
            }
            Reports::Items(items, _) => items,
            Reports::Missing => return Err(DecodeError::NoReports("nothing")),
            Reports::NotAnArray(kind) => return Err(DecodeError::NoReports(kind)),
        };
        let identity = identity::of(source, self.phy, &items);
        let mut reports = Vec::with_capacity(items.len());
        let mut rejected = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            match self.report(item) {
                Ok(report) => reports.push(report),
                Err(reason) => rejected.push(reason.of_report(index)),
            }
        }
        if reports.is_empty() && !rejected.is_empty() {
            return Err(DecodeError::NothingValid(rejected));
        }
        Ok(Batch {
            source,
            source_name,
            technology: reports.is_empty().then_some(self.phy),
            identity,
            reports,
            rejected,
        })
    }

    /// A missing name is an error, as with Kismet. Null and empty mean that the reporter has no name.
    fn source_name(&self, value: Option<Value<'_>>) -> Result<Option<Box<str>>, DecodeError> {
        let max = self.limits.source_name_bytes_max;
        match value {
            None => Err(DecodeError::Source(Reason::missing("source_name"))),
            Some(mut value) => {
                if self.repaired {
                    value.show_bytes();
                }
                text("source_name", value, max).map_err(DecodeError::Source)
            }
        }
    }

    fn report(&self, item: Item<'_>) -> Result<Report, Reason> {
        let mut fields = match item {
            Item::Report(mut fields) => {
                if self.repaired {
                    fields.show_bytes();
                }
                fields
            }
            Item::NotAnObject(kind) => {
                return Err(Reason::new(
                    "report",
                    format!("expected an object, found {kind}"),
                ));
            }
        };
        let sighting = match self.phy {
            Phy::Wifi => Sighting::Wifi(self.wifi(&mut fields)?),
            Phy::Bluetooth => Sighting::Bluetooth(Box::new(self.bluetooth(&mut fields)?)),
        };
        let (default_channel, default_frequency) = match self.phy {
            Phy::Wifi => (None, None),
            // Bluetooth hops between channels. Kismet's constant stands for all of them.
            Phy::Bluetooth => (Some(Channel::fhss()), Some(Frequency::BLUETOOTH)),
        };
        let position = position(&fields)?;
        Ok(Report {
            time: self.time(&fields.timestamp)?,
            signal: number("signal", &fields.signal)?.and_then(Dbm::from_wire),
            frequency: match default_frequency {
                None => optional("freqkhz", &fields.freqkhz, Frequency::from_wire)?,
                constant => constant,
            },
            channel: match default_channel {
                None => channel(&fields.channel)?,
                constant => constant,
            },
            accuracy: accuracy(&fields).filter(|_| position.is_some()),
            position,
            tags: self.tags(std::mem::take(&mut fields.tags))?,
            sighting,
        })
    }

    fn time(&self, value: &Value<'_>) -> Result<UnixTime, Reason> {
        let read =
            |seconds| UnixTime::from_wire(seconds, self.received_at, self.limits.clock_skew_max);
        let time = number("timestamp", value)?.and_then(read);
        Ok(time.unwrap_or_else(|| self.received_at.time()))
    }

    fn wifi(&self, fields: &mut Fields<'_>) -> Result<WifiSighting, Reason> {
        let bssid = Bssid::try_from(address("bssid", &fields.bssid)?)
            .map_err(|wrong| Reason::new("bssid", wrong))?;
        let capabilities = match std::mem::take(&mut fields.capabilities) {
            // Some microcontrollers send the number of the encryption mode instead of its name.
            Value::Number(mode) => Value::Text(mode.to_string().into()),
            said => said,
        };
        let capabilities = borrowed_text(
            "capabilities",
            capabilities,
            self.limits.capabilities_bytes_max,
        )?;
        Ok(WifiSighting {
            bssid,
            ssid: self.ssid(&fields.ssid)?,
            capabilities: capabilities
                .filter(|raw| !raw.trim().is_empty())
                .map(|raw| Capabilities::from(&*raw)),
            width: match &fields.chanwidth {
                Value::Text(text) => ChannelWidth::from_wire(text),
                Value::Number(mhz) => ChannelWidth::from_wire(&mhz.to_string()),
                _ => None,
            },
            center0_mhz: whole_mhz(&fields.centerfreq0),
            center1_mhz: whole_mhz(&fields.centerfreq1),
            ie_tags: match std::mem::take(&mut fields.ietags) {
                value @ Value::Text(_) => text("ietags", value, IE_TAGS_BYTES_MAX)?,
                _ => None,
            },
        })
    }

    fn ssid(&self, value: &Value<'_>) -> Result<Ssid, Reason> {
        let bytes = match value {
            Value::Absent => return Ok(Ssid::hidden()),
            Value::Text(text) if self.repaired => Cow::Owned(repair::bytes(text)),
            Value::Text(text) => Cow::Borrowed(text.as_bytes()),
            other => return Err(Reason::wrong_type("ssid", "a string", other.kind())),
        };
        Ssid::try_from(bytes.as_ref()).map_err(|wrong| Reason::new("ssid", wrong))
    }

    fn bluetooth(&self, fields: &mut Fields<'_>) -> Result<BluetoothSighting, Reason> {
        let addr = BluetoothAddr::try_from(address("btaddr", &fields.btaddr)?)
            .map_err(|wrong| Reason::new("btaddr", wrong))?;
        Ok(BluetoothSighting {
            addr,
            name: text(
                "name",
                std::mem::take(&mut fields.name),
                BLUETOOTH_NAME_BYTES_MAX,
            )?,
            device_type: text(
                "devicetype",
                std::mem::take(&mut fields.devicetype),
                DEVICE_TYPE_BYTES_MAX,
            )?,
            tx_power_dbm: whole_i16("txpowerlevel", &fields.txpowerlevel)?,
            path_loss_db: whole_i16("pathloss", &fields.pathloss)?,
            scan_data: hex_bytes("scan_data", &fields.scan_data)?,
            service_data: self.service_data(std::mem::take(&mut fields.service_data))?,
        })
    }

    fn service_data(&self, entries: Entries<'_>) -> Result<Vec<ServiceData>, Reason> {
        const FIELD: &str = "service_data";
        let read = |(service, value): (Cow<'_, str>, Value<'_>)| {
            if SERVICE_BYTES_MAX < service.len() {
                return Err(Reason::too_long(FIELD, service.len(), SERVICE_BYTES_MAX));
            }
            Ok(ServiceData {
                service: service.into(),
                bytes: hex_bytes(FIELD, &value)?,
            })
        };
        match entries {
            Entries::Of(entries) => self
                .bounded(FIELD, entries)?
                .into_iter()
                .map(read)
                .collect(),
            Entries::NotAnObject(kind) => Err(Reason::wrong_type(FIELD, "an object", kind)),
        }
    }

    fn bounded<T>(&self, field: &'static str, entries: Vec<T>) -> Result<Vec<T>, Reason> {
        let max = self.limits.tags_max;
        if max < entries.len() {
            return Err(Reason::new(field, format!("more than {max} entries")));
        }
        Ok(entries)
    }

    fn tags(&self, entries: Entries<'_>) -> Result<Vec<Tag>, Reason> {
        let entries = match entries {
            Entries::Of(entries) => self.bounded("tags", entries)?,
            // Invalid tags are ignored instead of refused.
            Entries::NotAnObject(_) => return Ok(Vec::new()),
        };
        // Sorted by name, and the last of each name, so that equal tags are equal in whatever order they were sent.
        let mut tags = BTreeMap::new();
        for (name, value) in entries {
            let value = match value {
                Value::Text(text) => text,
                Value::Number(number) => Cow::Owned(number.to_string()),
                _ => continue,
            };
            let longest = name.len().max(value.len());
            if self.limits.tag_bytes_max < longest {
                return Err(Reason::too_long("tags", longest, self.limits.tag_bytes_max));
            }
            tags.insert(name, value);
        }
        let tag = |(name, value): (Cow<'_, str>, Cow<'_, str>)| Tag {
            name: name.into(),
            value: value.into(),
        };
        Ok(tags.into_iter().map(tag).collect())
    }
}

fn source(value: &Value<'_>) -> Result<SourceId, DecodeError> {
    let wrong = |reason| DecodeError::Source(reason);
    match value {
        Value::Absent => Err(wrong(Reason::missing("source_uuid"))),
        Value::Text(text) => text
            .parse()
            .map_err(|error| wrong(Reason::new("source_uuid", error))),
        other => Err(wrong(Reason::wrong_type(
            "source_uuid",
            "a string",
            other.kind(),
        ))),
    }
}

fn address(field: &'static str, value: &Value<'_>) -> Result<MacAddr, Reason> {
    match value {
        Value::Absent => Err(Reason::missing(field)),
        Value::Text(text) => text
            .trim()
            .parse()
            .map_err(|wrong| Reason::new(field, wrong)),
        other => Err(Reason::wrong_type(field, "a string", other.kind())),
    }
}

/// A number, or a string that contains one. Null and the empty string count as absent, because bridges send them for
/// unknown values.
fn number(field: &'static str, value: &Value<'_>) -> Result<Option<f64>, Reason> {
    match value {
        Value::Absent => Ok(None),
        Value::Number(number) => Ok(Some(*number)),
        Value::Text(text) if text.trim().is_empty() => Ok(None),
        Value::Text(text) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(Reason::wrong_type(
                field,
                "a number",
                "a string that holds none",
            )),
        },
        other => Err(Reason::wrong_type(field, "a number", other.kind())),
    }
}

/// A number that `read` converts to a value, or to none.
fn optional<T, E: std::error::Error>(
    field: &'static str,
    value: &Value<'_>,
    read: impl FnOnce(f64) -> Result<Option<T>, E>,
) -> Result<Option<T>, Reason> {
    match number(field, value)? {
        None => Ok(None),
        Some(number) => read(number).map_err(|wrong| Reason::new(field, wrong)),
    }
}

/// An owned string. Null and the empty string count as absent.
fn text(
    field: &'static str,
    value: Value<'_>,
    bytes_max: usize,
) -> Result<Option<Box<str>>, Reason> {
    Ok(borrowed_text(field, value, bytes_max)?.map(Into::into))
}

/// Like [`text`], but borrowed where possible.
fn borrowed_text<'a>(
    field: &'static str,
    value: Value<'a>,
    bytes_max: usize,
) -> Result<Option<Cow<'a, str>>, Reason> {
    match value {
        Value::Absent => Ok(None),
        Value::Text(text) if text.is_empty() => Ok(None),
        Value::Text(text) if bytes_max < text.len() => {
            Err(Reason::too_long(field, text.len(), bytes_max))
        }
        Value::Text(text) => Ok(Some(text)),
        other => Err(Reason::wrong_type(field, "a string", other.kind())),
    }
}

fn channel(value: &Value<'_>) -> Result<Option<Channel>, Reason> {
    let text = match value {
        Value::Absent => return Ok(None),
        Value::Text(text) => Cow::Borrowed(text.as_ref()),
        Value::Number(number) => Cow::Owned(number.to_string()),
        other => return Err(Reason::wrong_type("channel", "a string", other.kind())),
    };
    // A text that is no channel says nothing.
    Ok(Channel::from_wire(&text).unwrap_or_default())
}

fn position(fields: &Fields<'_>) -> Result<Option<Position>, Reason> {
    let speed = match number("speed", &fields.speed)? {
        None => number("spd", &fields.spd)?,
        speed => speed,
    };
    let (lat, lon) = (number("lat", &fields.lat)?, number("lon", &fields.lon)?);
    let alt = number("alt", &fields.alt)?;
    Position::from_wire(lat, lon, alt, speed).map_err(Reason::named)
}

/// The accuracy in metres. It only refines the position, so an invalid one is ignored instead of refused.
fn accuracy(fields: &Fields<'_>) -> Option<Accuracy> {
    let metres = number("accuracy", &fields.accuracy).ok().flatten()?;
    Accuracy::from_wire(metres)
}

/// A centre frequency. It only refines what is shown, so an invalid one is ignored instead of refused.
fn whole_mhz(value: &Value<'_>) -> Option<u32> {
    let mhz = number("centerfreq", value).ok().flatten()?.round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked here"
    )]
    (100.0..=100_000.0).contains(&mhz).then_some(mhz as u32)
}

fn whole_i16(field: &'static str, value: &Value<'_>) -> Result<Option<i16>, Reason> {
    let Some(number) = number(field, value)? else {
        return Ok(None);
    };
    let whole = number.trunc();
    if !(f64::from(i16::MIN)..=f64::from(i16::MAX)).contains(&whole) {
        return Err(Reason::new(field, "out of range, expected a 16-bit number"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range was checked above"
    )]
    Ok(Some(whole as i16))
}

fn hex_bytes(field: &'static str, value: &Value<'_>) -> Result<Box<[u8]>, Reason> {
    let text = match value {
        Value::Absent => return Ok(Box::default()),
        Value::Text(text) => text,
        other => return Err(Reason::wrong_type(field, "a hex string", other.kind())),
    };
    if ADVERTISING_BYTES_MAX < text.len() / 2 {
        return Err(Reason::too_long(
            field,
            text.len() / 2,
            ADVERTISING_BYTES_MAX,
        ));
    }
    crate::hex::bytes(text).ok_or_else(|| Reason::wrong_type(field, "a hex string", "other text"))
}

#[cfg(test)]
mod tests;
