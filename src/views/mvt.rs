//! Mapbox vector tiles, version 2.1: one layer of points with properties.
//!
//! This is a small part of a small format, so it is written here. The crates for it bring a protobuf library, types for
//! geometry, and second versions of crates that are used already.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hash;

/// The media type of a tile.
pub const CONTENT_TYPE: &str = "application/vnd.mapbox-vector-tile";

/// Numbers of the fields in the messages of the format's `vector_tile.proto`, and what they hold.
mod field {
    pub(super) const TILE_LAYER: u64 = 3;
    pub(super) const LAYER_NAME: u64 = 1;
    pub(super) const LAYER_FEATURE: u64 = 2;
    pub(super) const LAYER_KEY: u64 = 3;
    pub(super) const LAYER_VALUE: u64 = 4;
    pub(super) const LAYER_EXTENT: u64 = 5;
    pub(super) const LAYER_VERSION: u64 = 15;
    pub(super) const FEATURE_ID: u64 = 1;
    pub(super) const FEATURE_TAGS: u64 = 2;
    pub(super) const FEATURE_TYPE: u64 = 3;
    pub(super) const FEATURE_GEOMETRY: u64 = 4;
    pub(super) const VALUE_TEXT: u64 = 1;
    pub(super) const VALUE_COUNT: u64 = 5;
    pub(super) const VALUE_SIGNED: u64 = 6;
}

const VERSION: u64 = 2;
/// The type of a feature that is a point.
const POINT: u64 = 1;
/// The command of a geometry that moves once.
const MOVE_TO: u64 = 1 << 3 | 1;

/// A property's value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value<'v> {
    /// A text.
    Text(Cow<'v, str>),
    /// A number that is never negative.
    Count(u64),
    /// A number.
    Signed(i64),
}

/// A layer of points.
#[derive(Debug)]
pub struct PointLayer<'v> {
    name: &'static str,
    /// Pixels along a side of the tile.
    extent: u32,
    features: Vec<u8>,
    keys: Distinct<&'static str>,
    values: Distinct<Value<'v>>,
}

impl<'v> PointLayer<'v> {
    /// A layer without points.
    pub fn new(name: &'static str, extent: u32) -> Self {
        Self {
            name,
            extent,
            features: Vec::new(),
            keys: Distinct::default(),
            values: Distinct::default(),
        }
    }

    /// Adds a point at a pixel, counted from the tile's north-west.
    pub fn add(
        &mut self,
        id: Option<u64>,
        (x, y): (u32, u32),
        properties: impl IntoIterator<Item = (&'static str, Value<'v>)>,
    ) {
        let mut feature = Message::default();
        if let Some(id) = id {
            feature.number(field::FEATURE_ID, id);
        }
        let mut tags = Message::default();
        for (key, value) in properties {
            tags.varint(self.keys.index(key));
            tags.varint(self.values.index(value));
        }
        feature.bytes(field::FEATURE_TAGS, &tags.0);
        feature.number(field::FEATURE_TYPE, POINT);
        let mut geometry = Message::default();
        geometry.varint(MOVE_TO);
        geometry.varint(zigzag(x.into()));
        geometry.varint(zigzag(y.into()));
        feature.bytes(field::FEATURE_GEOMETRY, &geometry.0);
        let mut features = Message(std::mem::take(&mut self.features));
        features.bytes(field::LAYER_FEATURE, &feature.0);
        self.features = features.0;
    }

    /// The tile with this layer. A layer without points is left out, so the tile is empty then.
    pub fn into_tile(self) -> Vec<u8> {
        if self.features.is_empty() {
            return Vec::new();
        }
        let mut layer = Message::default();
        layer.number(field::LAYER_VERSION, VERSION);
        layer.bytes(field::LAYER_NAME, self.name.as_bytes());
        layer.0.extend_from_slice(&self.features);
        for key in self.keys.all {
            layer.bytes(field::LAYER_KEY, key.as_bytes());
        }
        for value in self.values.all {
            layer.bytes(field::LAYER_VALUE, &value.message().0);
        }
        layer.number(field::LAYER_EXTENT, self.extent.into());
        let mut tile = Message::default();
        tile.bytes(field::TILE_LAYER, &layer.0);
        tile.0
    }
}

impl Value<'_> {
    fn message(&self) -> Message {
        let mut message = Message::default();
        match self {
            Self::Text(text) => message.bytes(field::VALUE_TEXT, text.as_bytes()),
            Self::Count(count) => message.number(field::VALUE_COUNT, *count),
            Self::Signed(number) => message.number(field::VALUE_SIGNED, zigzag(*number)),
        }
        message
    }
}

/// Things by the order in which they came first.
#[derive(Debug)]
struct Distinct<T> {
    all: Vec<T>,
    indexes: HashMap<T, u64>,
}

impl<T> Default for Distinct<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            indexes: HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Distinct<T> {
    fn index(&mut self, thing: T) -> u64 {
        let next = u64::try_from(self.all.len()).unwrap_or(u64::MAX);
        let all = &mut self.all;
        *self.indexes.entry(thing).or_insert_with_key(|thing| {
            all.push(thing.clone());
            next
        })
    }
}

/// A message of protobuf.
#[derive(Debug, Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(&mut self, field: u64, number: u64) {
        self.varint(field << 3);
        self.varint(number);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(bytes);
    }

    /// Seven bits an octet, the lowest first. The highest bit of an octet tells whether more follow.
    fn varint(&mut self, mut number: u64) {
        loop {
            let [lowest, ..] = number.to_le_bytes();
            number >>= 7;
            if number == 0 {
                self.0.push(lowest);
                return;
            }
            self.0.push(lowest | 0x80);
        }
    }
}

/// Small numbers of either sign as small numbers.
fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_protobuf_writes_them() {
        let written = |number| {
            let mut message = Message::default();
            message.varint(number);
            message.0
        };
        assert_eq!(written(0), [0]);
        assert_eq!(written(127), [127]);
        // The example of protobuf's description.
        assert_eq!(written(150), [0x96, 0x01]);
        assert_eq!(written(u64::MAX).len(), 10);
        assert_eq!(
            [0, -1, 1, -2, i64::MAX, i64::MIN].map(zigzag),
            [0, 1, 2, 3, u64::MAX - 1, u64::MAX]
        );
    }

    #[test]
    fn a_layer_has_each_key_and_value_once() {
        let mut layer = PointLayer::new("a", 16);
        layer.add(Some(5), (1, 2), [("k", Value::Count(7))]);
        layer.add(
            None,
            (3, 0),
            [("k", Value::Count(7)), ("l", Value::Signed(-1))],
        );
        #[rustfmt::skip]
        let expected = [
            0x1a, 45,
            0x78, 2, 0x0a, 1, b'a',
            0x12, 13, 0x08, 5, 0x12, 2, 0, 0, 0x18, 1, 0x22, 3, 9, 2, 4,
            0x12, 13, 0x12, 4, 0, 0, 1, 1, 0x18, 1, 0x22, 3, 9, 6, 0,
            0x1a, 1, b'k', 0x1a, 1, b'l',
            0x22, 2, 0x28, 7, 0x22, 2, 0x30, 1,
            0x28, 16,
        ];
        let tile = layer.into_tile();
        assert_eq!(usize::from(tile[1]), tile.len() - 2);
        assert_eq!(tile[2..], expected[2..]);
        assert_eq!(PointLayer::new("a", 16).into_tile(), [0; 0]);
    }
}
