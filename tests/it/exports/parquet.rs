//! Parquet: a reader of it, which knows only what the format's description says, compares files with those of other forms.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;

use serde_json::{Value, json};

use super::hostile::with_hostile_names;
use super::{SEEN, file, octets_of, send, with_devices};
use crate::imports::{account, wigle};
use crate::server::{TestServer, WIFI};

/// A value of the compact protocol of Thrift. Structs have their fields by number.
#[derive(Clone, Debug)]
enum Thrift {
    Int(usize),
    Bytes(Vec<u8>),
    List(Vec<Self>),
    Struct(BTreeMap<u8, Self>),
}

impl Thrift {
    fn field(&self, number: u8) -> &Self {
        self.get(number).unwrap()
    }

    fn get(&self, number: u8) -> Option<&Self> {
        let Self::Struct(fields) = self else {
            panic!("{self:?}")
        };
        fields.get(&number)
    }

    fn int(&self, number: u8) -> usize {
        match self.field(number) {
            Self::Int(value) => *value,
            other => panic!("{other:?}"),
        }
    }

    fn list(&self, number: u8) -> &[Self] {
        match self.field(number) {
            Self::List(values) => values,
            other => panic!("{other:?}"),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Bytes(bytes) => String::from_utf8(bytes.clone()).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

/// Reads from the start of what is left.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> &'b [u8] {
        let (taken, left) = self.0.split_at(count);
        self.0 = left;
        taken
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn varint(&mut self) -> usize {
        let mut number = 0;
        for shift in (0..).step_by(7) {
            let byte = self.byte();
            number |= usize::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                break;
            }
        }
        number
    }

    fn little_endian(&mut self, count: usize) -> usize {
        let bytes = self.take(count).iter().rev();
        bytes.fold(0, |number, byte| number << 8 | usize::from(*byte))
    }

    fn structure(&mut self) -> Thrift {
        let (mut fields, mut number) = (BTreeMap::new(), 0);
        loop {
            let byte = self.byte();
            if byte == 0 {
                return Thrift::Struct(fields);
            }
            number += byte >> 4;
            let value = match byte & 0xF {
                kind @ (1 | 2) => Thrift::Int(usize::from(kind == 1)),
                kind => self.value(kind),
            };
            fields.insert(number, value);
        }
    }

    fn value(&mut self, kind: u8) -> Thrift {
        match kind {
            5 | 6 => {
                let zigzag = self.varint();
                assert_eq!(zigzag % 2, 0, "no number is negative");
                Thrift::Int(zigzag / 2)
            }
            8 => {
                let length = self.varint();
                Thrift::Bytes(self.take(length).to_vec())
            }
            9 => {
                let byte = self.byte();
                let count = match usize::from(byte >> 4) {
                    15 => self.varint(),
                    count => count,
                };
                Thrift::List((0..count).map(|_| self.value(byte & 0xF)).collect())
            }
            12 => self.structure(),
            _ => panic!("there is no type {kind}"),
        }
    }

    /// The runs of numbers with so many bits.
    fn runs(&mut self, width: usize, count: usize) -> Vec<usize> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            let header = self.varint();
            if header.is_multiple_of(2) {
                let number = self.little_endian(width.div_ceil(8));
                numbers.extend(std::iter::repeat_n(number, header / 2));
            } else {
                let bytes = self.take(header / 2 * width);
                let bit = |at: usize| usize::from(bytes[at / 8] >> (at % 8) & 1);
                let number = |first: usize| {
                    (0..width).fold(0, |number, place| number | bit(first + place) << place)
                };
                numbers.extend((0..header / 2 * 8).map(|index| number(index * width)));
            }
        }
        numbers.truncate(count);
        numbers
    }
}

/// The pages of a file, unpacked, one after the other.
pub(crate) fn unpacked(file: &[u8]) -> Vec<u8> {
    let frames = memchr::memmem::find_iter(file, &[0x28, 0xB5, 0x2F, 0xFD]);
    frames.flat_map(|at| unpack(&file[at..])).collect()
}

fn unpack(frame: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    let decoder = zstd::stream::read::Decoder::with_buffer(frame).unwrap();
    decoder.single_frame().read_to_end(&mut content).unwrap();
    content
}

/// What a file has: its rows, and what it says of itself.
struct Table {
    rows: Vec<BTreeMap<String, Value>>,
    about: BTreeMap<String, String>,
    groups: usize,
    /// How the pages of the column `key` are encoded.
    encodings: Vec<usize>,
}

fn read(file: &[u8]) -> Table {
    assert!(file.starts_with(b"PAR1") && file.ends_with(b"PAR1"));
    let length = Reader(&file[file.len() - 8..]).little_endian(4);
    let end = Reader(&file[file.len() - 8 - length..file.len() - 8]).structure();
    let leaves: Vec<_> = end
        .list(2)
        .iter()
        .filter(|leaf| leaf.get(5).is_none())
        .collect();
    let count = end.int(3);
    let mut rows = vec![BTreeMap::new(); count];
    let (mut first, mut encodings) = (0, Vec::new());
    for group in end.list(4) {
        let rows_of_group = group.int(3);
        assert_eq!(group.list(1).len(), leaves.len());
        for (column, leaf) in group.list(1).iter().zip(&leaves) {
            let about = column.field(3);
            let path: Vec<_> = about.list(3).iter().map(Thrift::text).collect();
            let chunk = read_chunk(file, about, leaf, 1 < path.len());
            assert_eq!(chunk.values.len(), rows_of_group, "{path:?}");
            if path == ["key"] {
                encodings = chunk.encodings;
            }
            for (row, value) in rows[first..].iter_mut().zip(chunk.values) {
                row.insert(path.join("."), value);
            }
        }
        first += rows_of_group;
    }
    assert_eq!(first, count);
    let about = end.list(5).iter();
    Table {
        rows,
        about: about
            .map(|pair| (pair.field(1).text(), pair.field(2).text()))
            .collect(),
        groups: end.list(4).len(),
        encodings,
    }
}

struct Chunk {
    values: Vec<Value>,
    /// Of each page.
    encodings: Vec<usize>,
}

/// The values of a column in a row group. Octets are in hex.
fn read_chunk(file: &[u8], about: &Thrift, leaf: &Thrift, is_grouped: bool) -> Chunk {
    let first = match about.get(11) {
        Some(Thrift::Int(offset)) => *offset,
        _ => about.int(9),
    };
    let mut pages = Reader(&file[first..first + about.int(7)]);
    let (mut dictionary, mut values, mut encodings) = (Vec::new(), Vec::new(), Vec::new());
    let (kind, is_text) = (about.int(1), leaf.get(6).is_some());
    while !pages.0.is_empty() {
        let header = pages.structure();
        let content = unpack(pages.take(header.int(3)));
        assert_eq!(content.len(), header.int(2));
        let mut content = Reader(&content);
        if let Some(about) = header.get(7) {
            dictionary = plain(&mut content, kind, is_text, about.int(1));
            continue;
        }
        let about = header.field(5);
        encodings.push(about.int(2));
        let levels = if is_grouped || leaf.int(3) == 1 {
            let length = content.little_endian(4);
            Reader(content.take(length)).runs(1, about.int(1))
        } else {
            vec![1; about.int(1)]
        };
        let present = levels.iter().sum();
        let given = if about.int(2) == 8 {
            let width = content.byte().into();
            let numbers = content.runs(width, present);
            numbers
                .into_iter()
                .map(|number| dictionary[number].clone())
                .collect()
        } else {
            plain(&mut content, kind, is_text, present)
        };
        let mut given = given.into_iter();
        let value = |level: &usize| {
            if *level == 1 {
                given.next().unwrap()
            } else {
                Value::Null
            }
        };
        values.extend(levels.iter().map(value));
    }
    check_range(about, kind, &values);
    Chunk { values, encodings }
}

fn plain(content: &mut Reader<'_>, kind: usize, is_text: bool, count: usize) -> Vec<Value> {
    if kind == 0 {
        // One run has packed bits, as booleans are without its header.
        let bits = content.0;
        return (0..count)
            .map(|at| (bits[at / 8] >> (at % 8) & 1 == 1).into())
            .collect();
    }
    (0..count)
        .map(|_| plain_value(content, kind, is_text))
        .collect()
}

fn plain_value(content: &mut Reader<'_>, kind: usize, is_text: bool) -> Value {
    match kind {
        1 => i32::from_le_bytes(content.take(4).try_into().unwrap()).into(),
        2 => i64::from_le_bytes(content.take(8).try_into().unwrap()).into(),
        5 => f64::from_le_bytes(content.take(8).try_into().unwrap()).into(),
        _ => {
            let length = content.little_endian(4);
            let octets = content.take(length);
            if is_text {
                String::from_utf8(octets.to_vec()).unwrap().into()
            } else {
                hex(octets).into()
            }
        }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").unwrap();
        text
    })
}

/// The least and the greatest value are as the end of the file says.
fn check_range(about: &Thrift, kind: usize, values: &[Value]) {
    let said = about.field(12);
    let absent = values.iter().filter(|value| value.is_null()).count();
    assert_eq!(said.int(3), absent);
    let (Some(Thrift::Bytes(most)), Some(Thrift::Bytes(least))) = (said.get(5), said.get(6)) else {
        return;
    };
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    let limit = |bytes: &[u8]| match kind {
        0 => Value::Bool(bytes == [1]),
        6 => String::from_utf8(bytes.to_vec()).unwrap().into(),
        _ => plain_value(&mut Reader(bytes), kind, false),
    };
    let (least, most) = (limit(least), limit(most));
    let values = || values.iter().filter(|value| !value.is_null());
    assert!(values().any(|value| *value == least) && values().any(|value| *value == most));
    assert!(
        values().all(|value| number(&least) <= number(value) && number(value) <= number(&most))
    );
}

/// The octets of a network's name, by the properties of a feature.
fn ssid_raw(properties: &Value) -> Value {
    if properties["phy"] == "Bluetooth" {
        return Value::Null;
    }
    // Octets are there where they do not follow from the text.
    let octets = &properties["ssid_hex"];
    if !octets.is_null() {
        return octets.clone();
    }
    let texts = [&properties["ssid"], &properties["name"]];
    let text = texts.into_iter().find_map(Value::as_str);
    hex(text.unwrap_or_default().as_bytes()).into()
}

/// What a row has to be, by the feature of the same row.
fn check_row(row: &BTreeMap<String, Value>, feature: &Value) {
    let properties = &feature["properties"];
    for (name, value) in row {
        let expected = match name.as_str() {
            // Seconds there.
            "first_seen" | "last_seen" | "time" => json!(properties[name].as_u64().unwrap() * 1000),
            "changed" | "received_at" => {
                let ms = value.as_f64().unwrap() - properties[name].as_f64().unwrap() * 1000.0;
                assert!((-1.0..1000.0).contains(&ms), "{name}: {ms}");
                continue;
            }
            "randomised" => json!(properties[name] == true),
            "lon" | "bbox.xmin" | "bbox.xmax" => feature["geometry"]["coordinates"][0].clone(),
            "lat" | "bbox.ymin" | "bbox.ymax" => feature["geometry"]["coordinates"][1].clone(),
            "alt_m" => feature["geometry"]["coordinates"][2].clone(),
            "geometry" => match &feature["geometry"]["coordinates"] {
                Value::Null => Value::Null,
                at => {
                    let part = |index: usize| hex(&at[index].as_f64().unwrap().to_le_bytes());
                    json!(format!("0101000000{}{}", part(0), part(1)))
                }
            },
            "ssid_raw" => ssid_raw(properties),
            "ssid" | "strongest_lat" | "strongest_lon" if properties[name].is_null() => continue,
            name => properties[name].clone(),
        };
        match (value.as_f64(), expected.as_f64()) {
            (Some(value), Some(expected)) => assert!((value - expected).abs() < 1e-12, "{name}"),
            _ => assert_eq!(*value, expected, "{name}: {feature}"),
        }
    }
}

/// The features, one a line, in the order of `name`.
fn features(text: &str) -> Vec<Value> {
    let lines = text.lines().map(serde_json::from_str);
    lines.map(Result::unwrap).collect()
}

async fn check(server: &TestServer, query: &str) -> Table {
    let table = read(&octets_of(server, &format!("parquet?{query}")).await);
    let mut expected = features(&file(server, &format!("geojsonseq?{query}")).await);
    assert_eq!(table.rows.len(), expected.len(), "{query}");
    // Devices have no order.
    let mut rows: Vec<_> = table.rows.iter().collect();
    if query.contains("per=device") {
        rows.sort_by_key(|row| row["key"].to_string());
        expected.sort_by_key(|feature| feature["properties"]["key"].to_string());
    }
    for (row, feature) in rows.iter().zip(&expected) {
        check_row(row, feature);
    }
    table
}

#[tokio::test]
async fn a_table_has_what_the_features_have() {
    for server in [with_devices().await, with_hostile_names().await] {
        for query in ["per=device", "per=device&place=mean", "per=observation"] {
            check(&server, query).await;
        }
    }
    let server = with_devices().await;
    for query in [
        "per=device&redact=all",
        "per=observation&redact=all",
        "per=observation&exclude=52.5,13.4,10",
        "per=device&phy=bluetooth",
    ] {
        check(&server, query).await;
    }
}

#[tokio::test]
async fn columns_are_as_documented() {
    let server = with_devices().await;
    let table = check(&server, "per=device").await;
    let row = table.rows.iter().find(|row| row["name"] == "CoffeeShop");
    let row = row.unwrap();
    assert_eq!(row["ssid"], "CoffeeShop");
    assert_eq!(row["ssid_raw"], hex(b"CoffeeShop"));
    assert_eq!(row["strongest_lat"], 52.520_006_6);
    assert_eq!(row["strongest_lon"], 13.404_954);
    assert_eq!(row["first_seen"], SEEN * 1000);
    let hidden = table.rows.iter().find(|row| row["channel"] == "1W6e");
    assert_eq!(hidden.unwrap()["ssid"], "");
    let watch = table
        .rows
        .iter()
        .find(|row| row["name"] == "Watch")
        .unwrap();
    assert_eq!(
        (&watch["ssid"], &watch["ssid_raw"]),
        (&Value::Null, &Value::Null)
    );
    let geo: Value = serde_json::from_str(&table.about["geo"]).unwrap();
    assert_eq!(geo["version"], "1.1.0");
    assert_eq!(geo["columns"]["geometry"]["encoding"], "WKB");
    let covering = &geo["columns"]["geometry"]["covering"]["bbox"];
    assert_eq!(covering["ymax"], json!(["bbox", "ymax"]));
    let position: u64 = table.about["scanpost.position"].parse().unwrap();
    assert!(0 < position);
    assert!(table.about["scanpost.exported"].ends_with('Z'));
}

#[tokio::test]
async fn a_name_that_a_person_gave_is_no_network() {
    let server = with_devices().await;
    let devices = server.read("/api/v1/devices?ssid=CoffeeShop").await;
    let key = devices["devices"][0]["key"].as_str().unwrap();
    let path = format!("/devices/by-key/{key}/set_name.cmd");
    let named = json!({ "username": "mine" });
    server.post_json(&path, &named).await.expect_status(200);
    let table = check(&server, "per=device&ssid=CoffeeShop").await;
    assert_eq!(table.rows[0]["name"], "mine");
    assert_eq!(table.rows[0]["ssid"], "CoffeeShop");
}

#[tokio::test]
async fn an_empty_file_has_its_columns() {
    let server = TestServer::start().await;
    for query in ["per=device", "per=observation"] {
        let table = check(&server, query).await;
        assert_eq!((table.rows.len(), table.groups), (0, 0), "{query}");
    }
}

/// More rows than a page has, and more texts than a dictionary.
#[tokio::test]
async fn many_rows_are_in_pages() {
    const ROWS: usize = 20_000;
    const DICTIONARY: usize = 8;
    const PLAIN: usize = 0;
    let server = TestServer::start().await;
    let told = account(&server, wigle(0..ROWS)).await;
    assert_eq!(told["taken"], ROWS, "{told}");
    for query in ["per=device", "per=observation"] {
        let table = check(&server, query).await;
        assert_eq!((table.rows.len(), table.groups), (ROWS, 1), "{query}");
        if query == "per=device" {
            let has = |encoding| table.encodings.contains(&encoding);
            assert!(has(DICTIONARY) && has(PLAIN), "{:?}", table.encodings);
        }
    }
}

#[tokio::test]
async fn absent_values_at_the_ends_of_pages_are_absent() {
    let server = TestServer::start().await;
    // Each tenth has a place and a signal, and the last one has neither.
    let report = |number: usize| {
        let mut report = json!({"timestamp": SEEN, "bssid": format!("02:00:00:{:02x}:{:02x}:00", number / 256, number % 256), "ssid": "a"});
        if number.is_multiple_of(10) {
            report["lat"] = json!(52.5);
            report["lon"] = json!(13.4);
            report["signal"] = json!(-60);
        }
        report
    };
    for first in (0..9000).step_by(900) {
        send(&server, WIFI, (first..first + 900).map(report).collect()).await;
    }
    let table = check(&server, "per=observation").await;
    assert_eq!(table.rows.len(), 9000);
    assert_eq!(table.rows[8999]["lat"], Value::Null);
}
