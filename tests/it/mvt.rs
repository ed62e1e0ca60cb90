//! Reads Mapbox vector tiles as the specification describes them. It shares nothing with the code that writes them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A layer of a tile.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub(crate) name: String,
    pub(crate) version: u64,
    pub(crate) extent: u64,
    pub(crate) points: Vec<Point>,
}

/// A feature that is a point.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) id: Option<u64>,
    /// From the tile's north-west.
    pub(crate) x: i64,
    pub(crate) y: i64,
    pub(crate) properties: BTreeMap<String, Value>,
}

#[derive(Debug)]
enum Field<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

impl<'b> Field<'b> {
    fn number(&self) -> u64 {
        match self {
            Self::Number(number) => *number,
            Self::Bytes(_) => panic!("{self:?} is no number"),
        }
    }

    fn bytes(&self) -> &'b [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(_) => panic!("{self:?} is no message"),
        }
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes().to_vec()).unwrap()
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&octet, rest) = bytes.split_first().expect("a number ends too early");
        *bytes = rest;
        number |= u64::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return number;
        }
    }
    panic!("a number is too long");
}

fn numbers(mut bytes: &[u8]) -> Vec<u64> {
    let mut numbers = Vec::new();
    while !bytes.is_empty() {
        numbers.push(varint(&mut bytes));
    }
    numbers
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut bytes)),
            2 => {
                let length = usize::try_from(varint(&mut bytes)).unwrap();
                let (field, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(field)
            }
            kind => panic!("no field of a tile has the wire type {kind}"),
        };
        fields.push((tag >> 3, field));
    }
    fields
}

fn signed(zigzag: u64) -> i64 {
    (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed()
}

fn value(bytes: &[u8]) -> Value {
    let fields = fields(bytes);
    let [(kind, field)] = &fields[..] else {
        panic!("a value has one field: {fields:?}");
    };
    match kind {
        1 => json!(field.text()),
        4 => json!(field.number().cast_signed()),
        5 => json!(field.number()),
        6 => json!(signed(field.number())),
        _ => panic!("an unexpected kind of value: {kind}"),
    }
}

/// The only layer. `None` if the tile is empty.
pub(crate) fn read(tile: &[u8]) -> Option<Layer> {
    let tile = fields(tile);
    assert!(tile.len() <= 1, "several layers");
    let (3, layer) = tile.first()? else {
        panic!("no layer: {tile:?}");
    };
    let fields_of_layer = fields(layer.bytes());
    let all = |wanted: u64| {
        fields_of_layer
            .iter()
            .filter(move |(field, _)| *field == wanted)
    };
    let keys: Vec<_> = all(3).map(|(_, key)| key.text()).collect();
    let values: Vec<_> = all(4).map(|(_, it)| value(it.bytes())).collect();
    let one = |wanted: u64| &all(wanted).next().unwrap().1;
    Some(Layer {
        name: one(1).text(),
        version: one(15).number(),
        extent: one(5).number(),
        points: all(2)
            .map(|(_, it)| point(it.bytes(), &keys, &values))
            .collect(),
    })
}

fn point(bytes: &[u8], keys: &[String], values: &[Value]) -> Point {
    let fields = fields(bytes);
    let one = |wanted: u64| fields.iter().find(|(field, _)| *field == wanted);
    assert_eq!(one(3).unwrap().1.number(), 1, "not a point");
    let geometry = numbers(one(4).unwrap().1.bytes());
    let [9, x, y] = geometry[..] else {
        panic!("not one point: {geometry:?}");
    };
    let tags = numbers(one(2).unwrap().1.bytes());
    let at = |index: u64| usize::try_from(index).unwrap();
    let properties = tags.chunks(2).map(|pair| {
        let [key, value] = pair else {
            panic!("a key without a value");
        };
        (keys[at(*key)].clone(), values[at(*value)].clone())
    });
    Point {
        id: one(1).map(|(_, id)| id.number()),
        x: signed(x),
        y: signed(y),
        properties: properties.collect(),
    }
}
