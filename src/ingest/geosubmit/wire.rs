//! Parses geosubmit documents as JSON, without interpreting the values.
//!
//! Items are handed over one by one, so a long document takes no more memory than its largest item. The keys of each
//! item tell its version, not the path, because some clients send one version to the path of another. Of a plain value
//! that occurs twice the last one counts, lists that occur twice are one list, and unknown keys are skipped.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::ingest::json::{KeySeed, ParseBounds, Value, ValueSeed};
use crate::report::Phy;

/// What one observer saw at one place and time.
#[derive(Debug, Default)]
pub(super) struct Item<'a> {
    pub(super) timestamp: Value<'a>,
    pub(super) place: Place<'a>,
    /// What the item has instead of an object as its position.
    pub(super) wrong_place: Option<&'static str>,
    /// At most as many as the bounds allow.
    pub(super) records: Vec<Record<'a>>,
    /// How many records there are, with those for which there was no room.
    pub(super) records_count: usize,
    pub(super) cells_count: u64,
}

/// Where the observer was.
#[derive(Debug, Default)]
pub(super) struct Place<'a> {
    pub(super) latitude: Value<'a>,
    pub(super) longitude: Value<'a>,
    pub(super) accuracy: Value<'a>,
    pub(super) altitude: Value<'a>,
    pub(super) speed: Value<'a>,
}

/// An element of one of the lists of an item.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) phy: Phy,
    /// The key of the list, as sent.
    pub(super) list: &'static str,
    /// Where it stands in the list. Absent if the list itself is of another type.
    pub(super) index: Option<usize>,
    /// The values, or the type of what is there instead of an object.
    pub(super) fields: Result<Box<Fields<'a>>, &'static str>,
}

/// The keys of a Wi-Fi and of a Bluetooth record together.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    pub(super) address: Value<'a>,
    /// The key of the address, as sent.
    pub(super) address_key: Option<&'static str>,
    pub(super) name: Value<'a>,
    pub(super) age: Value<'a>,
    pub(super) signal: Value<'a>,
    pub(super) channel: Value<'a>,
    pub(super) frequency: Value<'a>,
    pub(super) beacon_type: Value<'a>,
    pub(super) id1: Value<'a>,
    pub(super) id2: Value<'a>,
    pub(super) id3: Value<'a>,
}

impl<'a> Item<'a> {
    /// Time and place, in a fixed order: identities on disk are computed from it.
    pub(super) fn plain(&self) -> [&Value<'a>; 6] {
        let place = &self.place;
        [
            &self.timestamp,
            &place.latitude,
            &place.longitude,
            &place.accuracy,
            &place.altitude,
            &place.speed,
        ]
    }
}

impl<'a> Fields<'a> {
    /// Every value, in a fixed order: identities on disk are computed from it.
    pub(super) fn plain(&self) -> [&Value<'a>; 10] {
        [
            &self.address,
            &self.name,
            &self.age,
            &self.signal,
            &self.channel,
            &self.frequency,
            &self.beacon_type,
            &self.id1,
            &self.id2,
            &self.id3,
        ]
    }
}

/// Gives each item of a document to `sink`: the item, or the type of what is there instead of an object. Returns what
/// the document has instead of a list of items.
pub(super) fn parse<'a>(
    json: &'a str,
    bounds: ParseBounds,
    mut sink: impl FnMut(Result<Item<'a>, &'static str>),
) -> Result<Option<&'static str>, serde_json::Error> {
    let mut parser = serde_json::Deserializer::from_str(json);
    let mut document = Document {
        sink: &mut sink,
        wrong_items: Some(Value::Absent.kind()),
    };
    parser.deserialize_map(DocumentVisitor(bounds, &mut document))?;
    parser.end()?;
    Ok(document.wrong_items)
}

struct Document<'s, 'a> {
    sink: &'s mut dyn FnMut(Result<Item<'a>, &'static str>),
    wrong_items: Option<&'static str>,
}

struct DocumentVisitor<'d, 's, 'a>(ParseBounds, &'d mut Document<'s, 'a>);

impl<'de> Visitor<'de> for DocumentVisitor<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with items")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(bounds, document) = self;
        let bounds = bounds.deeper()?;
        while let Some(key) = map.next_key_seed(KeySeed)? {
            if key == "items" {
                let items = ListSeed::new(bounds, document.sink);
                document.wrong_items = map.next_value_seed(items)?;
            } else {
                map.next_value_seed(ValueSeed(bounds))?;
            }
        }
        Ok(())
    }
}

/// An object that is read key by key.
trait Object<'de>: Default {
    /// Reads the value of a key.
    fn read<A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        bounds: ParseBounds,
    ) -> Result<(), A::Error>;
}

impl<'de> Object<'de> for Item<'de> {
    fn read<A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        bounds: ParseBounds,
    ) -> Result<(), A::Error> {
        match key {
            "timestamp" | "time" => self.timestamp = map.next_value_seed(ValueSeed(bounds))?,
            "position" => match map.next_value_seed(ObjectSeed::new(bounds))? {
                Ok(place) => self.place = place,
                Err(kind) => self.wrong_place = (kind != Value::Absent.kind()).then_some(kind),
            },
            "wifiAccessPoints" => self.read_records(map, bounds, Phy::Wifi, "wifiAccessPoints")?,
            "wifi" => self.read_records(map, bounds, Phy::Wifi, "wifi")?,
            "bluetoothBeacons" => {
                self.read_records(map, bounds, Phy::Bluetooth, "bluetoothBeacons")?;
            }
            "blue" => self.read_records(map, bounds, Phy::Bluetooth, "blue")?,
            "cellTowers" | "cell" => {
                let cells_count = &mut self.cells_count;
                let mut count = |_: Result<Ignored, _>| *cells_count += 1;
                map.next_value_seed(ListSeed::new(bounds, &mut count))?;
            }
            key => self.place.read(key, map, bounds)?,
        }
        Ok(())
    }
}

impl<'a> Item<'a> {
    fn read_records<A: MapAccess<'a>>(
        &mut self,
        map: &mut A,
        bounds: ParseBounds,
        phy: Phy,
        list: &'static str,
    ) -> Result<(), A::Error> {
        let (records, count) = (&mut self.records, &mut self.records_count);
        let mut add = |index, fields| {
            *count += 1;
            if records.len() < bounds.reports_max {
                records.push(Record {
                    phy,
                    list,
                    index,
                    fields,
                });
            }
        };
        let mut next = 0;
        let mut each = |fields: Result<Fields<'a>, _>| {
            add(Some(next), fields.map(Box::new));
            next += 1;
        };
        match map.next_value_seed(ListSeed::new(bounds, &mut each))? {
            Some(kind) if kind != Value::Absent.kind() => add(None, Err(kind)),
            _ => {}
        }
        Ok(())
    }
}

impl<'de> Object<'de> for Place<'de> {
    fn read<A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        bounds: ParseBounds,
    ) -> Result<(), A::Error> {
        let value = map.next_value_seed(ValueSeed(bounds))?;
        match key {
            "latitude" | "lat" => self.latitude = value,
            "longitude" | "lon" => self.longitude = value,
            "accuracy" => self.accuracy = value,
            "altitude" => self.altitude = value,
            "speed" => self.speed = value,
            _ => {}
        }
        Ok(())
    }
}

impl<'de> Object<'de> for Fields<'de> {
    fn read<A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        bounds: ParseBounds,
    ) -> Result<(), A::Error> {
        let value = map.next_value_seed(ValueSeed(bounds))?;
        match key {
            "macAddress" => (self.address, self.address_key) = (value, Some("macAddress")),
            "key" => (self.address, self.address_key) = (value, Some("key")),
            "ssid" | "name" => self.name = value,
            "age" => self.age = value,
            "signalStrength" | "signal" => self.signal = value,
            "channel" => self.channel = value,
            "frequency" => self.frequency = value,
            "beaconType" => self.beacon_type = value,
            "id1" => self.id1 = value,
            "id2" => self.id2 = value,
            "id3" => self.id3 = value,
            _ => {}
        }
        Ok(())
    }
}

/// An object of which nothing is read.
#[derive(Default)]
struct Ignored;

impl<'de> Object<'de> for Ignored {
    fn read<A: MapAccess<'de>>(
        &mut self,
        _: &str,
        map: &mut A,
        bounds: ParseBounds,
    ) -> Result<(), A::Error> {
        map.next_value_seed(ValueSeed(bounds)).map(drop)
    }
}

/// Visits values of a type that is not the wanted one, and gives the name of their type to `$wrong`.
macro_rules! visit_others {
    ($wrong:expr) => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($wrong(Value::Absent.kind()))
        }

        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($wrong(Value::Bool.kind()))
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($wrong(Value::Number(0.0).kind()))
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($wrong(Value::Number(0.0).kind()))
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($wrong(Value::Number(0.0).kind()))
        }

        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok($wrong(Value::Text("".into()).kind()))
        }
    };
}

/// Reads an object, or the type of what is there instead.
struct ObjectSeed<T>(ParseBounds, PhantomData<T>);

impl<T> ObjectSeed<T> {
    fn new(bounds: ParseBounds) -> Self {
        Self(bounds, PhantomData)
    }
}

impl<'de, T: Object<'de>> DeserializeSeed<'de> for ObjectSeed<T> {
    type Value = Result<T, &'static str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, T: Object<'de>> Visitor<'de> for ObjectSeed<T> {
    type Value = Result<T, &'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    visit_others!(Err);

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        let array = ValueSeed(self.0).visit_seq(seq)?;
        Ok(Err(array.kind()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let bounds = self.0.deeper()?;
        let mut object = T::default();
        while let Some(key) = map.next_key_seed(KeySeed)? {
            object.read(&key, &mut map, bounds)?;
        }
        Ok(Ok(object))
    }
}

/// Reads a list of objects one by one. Returns the type of what is there instead of a list.
struct ListSeed<'f, T> {
    bounds: ParseBounds,
    each: &'f mut dyn FnMut(Result<T, &'static str>),
}

impl<'f, T> ListSeed<'f, T> {
    fn new(bounds: ParseBounds, each: &'f mut dyn FnMut(Result<T, &'static str>)) -> Self {
        Self { bounds, each }
    }
}

impl<'de, T: Object<'de>> DeserializeSeed<'de> for ListSeed<'_, T> {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, T: Object<'de>> Visitor<'de> for ListSeed<'_, T> {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    visit_others!(Some);

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let bounds = self.bounds.deeper()?;
        while let Some(element) = seq.next_element_seed(ObjectSeed::<T>::new(bounds))? {
            (self.each)(element);
        }
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let object = ValueSeed(self.bounds).visit_map(map)?;
        Ok(Some(object.kind()))
    }
}
