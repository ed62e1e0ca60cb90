//! Parses Kismet's scan report as JSON, without interpreting the values.
//!
//! This is one pass over the document. A value of the wrong type is kept as such and does not end the parse, so that it
//! affects its own report only. If a key occurs twice, the last one counts, and unknown keys are skipped: Kismet
//! promises both to its clients.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::repair;
use crate::ingest::json::{KeySeed, ParseBounds, Value, ValueSeed};

impl Value<'_> {
    /// Writes out the stand-ins for bytes in a repaired document.
    pub(in crate::ingest) fn show_bytes(&mut self) {
        if let Self::Text(text) = self {
            repair::show_bytes(text);
        }
    }
}

/// The value of a key that should hold an object of plain values.
#[derive(Debug)]
pub(super) enum Entries<'a> {
    /// The entries, at most one more than allowed.
    Of(Vec<(Cow<'a, str>, Value<'a>)>),
    NotAnObject(&'static str),
}

impl Default for Entries<'_> {
    fn default() -> Self {
        Self::Of(Vec::new())
    }
}

impl<'a> Entries<'a> {
    pub(super) fn as_slice(&self) -> &[(Cow<'a, str>, Value<'a>)] {
        match self {
            Self::Of(entries) => entries,
            Self::NotAnObject(_) => &[],
        }
    }
}

/// The request body.
#[derive(Debug, Default)]
pub(super) struct Document<'a> {
    pub(super) source_uuid: Value<'a>,
    pub(super) source_name: Value<'a>,
    pub(super) reports: Reports<'a>,
}

/// The `reports` key.
#[derive(Debug, Default)]
pub(super) enum Reports<'a> {
    #[default]
    Missing,
    NotAnArray(&'static str),
    /// The elements, at most as many as allowed, and how many there were.
    Items(Vec<Item<'a>>, usize),
}

/// One element of `reports`.
#[derive(Debug)]
pub(super) enum Item<'a> {
    Report(Box<Fields<'a>>),
    NotAnObject(&'static str),
}

/// The keys of one report, Wi-Fi and Bluetooth together.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    pub(super) timestamp: Value<'a>,
    pub(super) lat: Value<'a>,
    pub(super) lon: Value<'a>,
    pub(super) alt: Value<'a>,
    pub(super) speed: Value<'a>,
    /// Not a key of Kismet: the accuracy of the position, in metres. It is not part of identities, so that batches that
    /// were stored before this key was read are still recognised.
    pub(super) accuracy: Value<'a>,
    /// Not a key of Kismet, but the public BLE reporter sends it instead of `speed`.
    pub(super) spd: Value<'a>,
    pub(super) signal: Value<'a>,
    pub(super) freqkhz: Value<'a>,
    pub(super) channel: Value<'a>,
    pub(super) tags: Entries<'a>,
    pub(super) bssid: Value<'a>,
    pub(super) ssid: Value<'a>,
    pub(super) capabilities: Value<'a>,
    pub(super) ietags: Value<'a>,
    pub(super) chanwidth: Value<'a>,
    pub(super) centerfreq0: Value<'a>,
    pub(super) centerfreq1: Value<'a>,
    pub(super) btaddr: Value<'a>,
    pub(super) name: Value<'a>,
    pub(super) devicetype: Value<'a>,
    pub(super) txpowerlevel: Value<'a>,
    pub(super) pathloss: Value<'a>,
    pub(super) scan_data: Value<'a>,
    pub(super) service_data: Entries<'a>,
}

impl<'a> Fields<'a> {
    /// Every plain value, in a fixed order: identities on disk are computed from it.
    pub(super) fn plain(&self) -> [&Value<'a>; 22] {
        [
            &self.timestamp,
            &self.lat,
            &self.lon,
            &self.alt,
            &self.speed,
            &self.spd,
            &self.signal,
            &self.freqkhz,
            &self.channel,
            &self.bssid,
            &self.ssid,
            &self.capabilities,
            &self.ietags,
            &self.chanwidth,
            &self.centerfreq0,
            &self.centerfreq1,
            &self.btaddr,
            &self.name,
            &self.devicetype,
            &self.txpowerlevel,
            &self.pathloss,
            &self.scan_data,
        ]
    }

    /// Writes out the stand-ins for bytes in a repaired document, except in the SSID, which consists of bytes.
    pub(super) fn show_bytes(&mut self) {
        for text in [
            &mut self.channel,
            &mut self.capabilities,
            &mut self.ietags,
            &mut self.name,
            &mut self.devicetype,
        ] {
            text.show_bytes();
        }
        for entries in [&mut self.tags, &mut self.service_data] {
            if let Entries::Of(entries) = entries {
                for (name, value) in entries {
                    repair::show_bytes(name);
                    value.show_bytes();
                }
            }
        }
    }

    fn slot(&mut self, key: &str) -> Option<&mut Value<'a>> {
        Some(match key {
            "timestamp" => &mut self.timestamp,
            "lat" => &mut self.lat,
            "lon" => &mut self.lon,
            "alt" => &mut self.alt,
            "speed" => &mut self.speed,
            "accuracy" => &mut self.accuracy,
            "spd" => &mut self.spd,
            "signal" => &mut self.signal,
            "freqkhz" => &mut self.freqkhz,
            "channel" => &mut self.channel,
            "bssid" => &mut self.bssid,
            "ssid" => &mut self.ssid,
            "capabilities" => &mut self.capabilities,
            "ietags" => &mut self.ietags,
            "chanwidth" => &mut self.chanwidth,
            "centerfreq0" => &mut self.centerfreq0,
            "centerfreq1" => &mut self.centerfreq1,
            "btaddr" => &mut self.btaddr,
            "name" => &mut self.name,
            "devicetype" => &mut self.devicetype,
            "txpowerlevel" => &mut self.txpowerlevel,
            "pathloss" => &mut self.pathloss,
            "scan_data" => &mut self.scan_data,
            _ => return None,
        })
    }
}

/// Reads an object of plain values.
struct EntriesSeed(ParseBounds);

impl<'de> DeserializeSeed<'de> for EntriesSeed {
    type Value = Entries<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

/// Visits values of the wrong type, and gives the name of their type to `$other`.
macro_rules! visit_others {
    ($other:expr) => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($other(Value::Absent.kind()))
        }

        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($other(Value::Bool.kind()))
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($other(Value::Number(0.0).kind()))
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($other(Value::Number(0.0).kind()))
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($other(Value::Number(0.0).kind()))
        }

        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok($other(Value::Text(Cow::Borrowed("")).kind()))
        }
    };
}

impl<'de> Visitor<'de> for EntriesSeed {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    visit_others!(|kind| match kind {
        kind if kind == Value::Absent.kind() => Entries::default(),
        kind => Entries::NotAnObject(kind),
    });

    /// An empty list counts as absent: PHP encodes an empty map as one.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let bounds = self.0.deeper()?;
        if seq.next_element_seed(ValueSeed(bounds))?.is_none() {
            return Ok(Entries::default());
        }
        ValueSeed(self.0)
            .visit_seq(seq)
            .map(|value| Entries::NotAnObject(value.kind()))
    }

    /// Keeps one entry more than allowed, to show that there are too many.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let bounds = self.0.deeper()?;
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(KeySeed)? {
            let value = map.next_value_seed(ValueSeed(bounds))?;
            if entries.len() <= bounds.entries_max {
                entries.push((key, value));
            }
        }
        Ok(Entries::Of(entries))
    }
}

struct ItemSeed(ParseBounds);

impl<'de> DeserializeSeed<'de> for ItemSeed {
    type Value = Item<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ItemSeed {
    type Value = Item<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a report")
    }

    visit_others!(Item::NotAnObject);

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        ValueSeed(self.0)
            .visit_seq(seq)
            .map(|value| Item::NotAnObject(value.kind()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let bounds = self.0.deeper()?;
        let mut fields = Box::<Fields<'de>>::default();
        while let Some(key) = map.next_key_seed(KeySeed)? {
            match (key.as_ref(), fields.slot(&key)) {
                (_, Some(slot)) => *slot = map.next_value_seed(ValueSeed(bounds))?,
                ("tags", None) => fields.tags = map.next_value_seed(EntriesSeed(bounds))?,
                ("service_data", None) => {
                    fields.service_data = map.next_value_seed(EntriesSeed(bounds))?;
                }
                (_, None) => drop(map.next_value_seed(ValueSeed(bounds))?),
            }
        }
        Ok(Item::Report(fields))
    }
}

struct ReportsSeed(ParseBounds);

impl<'de> DeserializeSeed<'de> for ReportsSeed {
    type Value = Reports<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ReportsSeed {
    type Value = Reports<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of reports")
    }

    visit_others!(Reports::NotAnArray);

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let bounds = self.0.deeper()?;
        let mut items = Vec::new();
        let mut count = 0usize;
        while items.len() < bounds.reports_max {
            match seq.next_element_seed(ItemSeed(bounds))? {
                Some(item) => items.push(item),
                None => return Ok(Reports::Items(items, count)),
            }
            count += 1;
        }
        // The rest is only counted, so that the answer can state how many there are.
        while seq.next_element_seed(ValueSeed(bounds))?.is_some() {
            count += 1;
        }
        Ok(Reports::Items(items, count))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        ValueSeed(self.0)
            .visit_map(map)
            .map(|value| Reports::NotAnArray(value.kind()))
    }
}

/// Reads the whole document.
pub(super) struct DocumentSeed(pub(super) ParseBounds);

impl<'de> DeserializeSeed<'de> for DocumentSeed {
    type Value = Document<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for DocumentSeed {
    type Value = Document<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with source_uuid, source_name and reports")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let bounds = self.0.deeper()?;
        let mut document = Document::default();
        while let Some(key) = map.next_key_seed(KeySeed)? {
            match key.as_ref() {
                "source_uuid" => document.source_uuid = map.next_value_seed(ValueSeed(bounds))?,
                "source_name" => document.source_name = map.next_value_seed(ValueSeed(bounds))?,
                "reports" => document.reports = map.next_value_seed(ReportsSeed(bounds))?,
                _ => drop(map.next_value_seed(ValueSeed(bounds))?),
            }
        }
        Ok(document)
    }
}
