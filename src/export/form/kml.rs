//! KML 2.2: a placemark for each device, in folders by radio technology.
//!
//! Google Earth for the web insists on the order of elements.

use crate::export::facts::{BY_PHY, Kind, small};
use crate::export::number::{Degrees, Metres};
use crate::export::security::{self, Generation};
use crate::export::text::{element, is_not_xml, put, shown, xml};
use crate::export::{Choices, Form, FormWriter, Made, Per, PlaceOf, Row};
use crate::hex::Hex;
use crate::report::{Channel, Manufacturer, Phy};
use crate::tracker::Device;
use crate::views::native::Utc;

/// A white circle, so that colours show.
const ICON: &str = "http://maps.google.com/mapfiles/kml/shapes/placemark_circle.png";
/// Styles and their colours, alpha first and red last.
const STYLES: [(&str, &str); 8] = [
    ("open", "ff00ff00"),
    ("wep", "ff00ffff"),
    ("wpa", "ff0080ff"),
    ("wpa2", "ff0000ff"),
    ("wpa3", "ff0000b0"),
    ("unknown", "ff808080"),
    ("bt", "ffff0000"),
    ("ble", "ffffff00"),
];
const FIELDS: [(&str, &str); 16] = [
    ("address", "string"),
    ("phy", "string"),
    ("ssid", "string"),
    ("ssid_hex", "string"),
    ("security", "string"),
    ("capabilities", "string"),
    ("channel", "string"),
    ("frequency_khz", "int"),
    ("signal_dbm", "int"),
    ("signal_strongest_dbm", "int"),
    ("first_seen", "string"),
    ("last_seen", "string"),
    ("reports", "int"),
    ("sources", "int"),
    ("manufacturer", "string"),
    ("randomised", "bool"),
];

pub(super) const FORM: Form = Form {
    word: "kml",
    media_type: "application/vnd.google-earth.kml+xml",
    extension: "kml",
    per: &[Per::Device],
    versions: &[],
    has_texts: false,
    switches: &[],
    made: Made::Streamed,
    has_parts: false,
    has_minimal: false,
    writer: |choices, _| Box::new(Kml::new(choices, ICON)),
};

pub(super) struct Kml {
    place: PlaceOf,
    /// Says where the file comes from.
    description: String,
    /// The address of the picture of a placemark.
    icon: &'static str,
}

impl Kml {
    pub(super) fn new(choices: &Choices, icon: &'static str) -> Self {
        Self {
            place: choices.place,
            description: choices.to_string(),
            icon,
        }
    }
}

impl FormWriter for Kml {
    fn passes(&self) -> &'static [Option<Phy>] {
        BY_PHY
    }

    fn head(&mut self, out: &mut Vec<u8>) {
        put(
            out,
            format_args!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<kml xmlns=\"http://www.opengis.net/kml/2.2\">\n\
                 <Document><name>scanpost</name><open>1</open>"
            ),
        );
        element(out, "description", &self.description);
        out.push(b'\n');
        for (id, colour) in STYLES {
            self.style(out, id, colour);
        }
        out.extend_from_slice(b"<Schema name=\"device\" id=\"device\">");
        for (name, kind) in FIELDS {
            put(
                out,
                format_args!("<SimpleField type=\"{kind}\" name=\"{name}\"/>"),
            );
        }
        out.extend_from_slice(b"</Schema>\n");
    }

    fn begin(&mut self, pass: usize, out: &mut Vec<u8>) {
        let name = if pass == 0 { "Wi-Fi" } else { "Bluetooth" };
        put(out, format_args!("<Folder><name>{name}</name>\n"));
    }

    fn row(&mut self, row: &Row<'_>, out: &mut Vec<u8>) -> bool {
        let Row::Device(device) = row else {
            return false;
        };
        let Some(place) = self.place.of_device(device) else {
            return false;
        };
        let generation = Generation::of(device.security());
        out.extend_from_slice(b"<Placemark>");
        name(out, row);
        out.push(b'\n');
        description(out, row, generation);
        put(
            out,
            format_args!(
                "\n<TimeSpan><begin>{}</begin><end>{}</end></TimeSpan><styleUrl>#{}</styleUrl>\n",
                Utc(device.first_time),
                Utc(device.last_time),
                style_of(row.kind(), generation)
            ),
        );
        extended_data(out, row, device);
        let (lon, lat) = (Degrees(place.lon_e7), Degrees(place.lat_e7));
        put(out, format_args!("\n<Point><coordinates>{lon},{lat}"));
        if let Some(alt_mm) = place.alt_mm {
            put(out, format_args!(",{}", Metres(alt_mm)));
        }
        out.extend_from_slice(b"</coordinates></Point></Placemark>\n");
        true
    }

    fn end(&mut self, _pass: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(b"</Folder>\n");
    }

    fn tail(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"</Document>\n</kml>\n");
    }
}

impl Kml {
    /// A placemark has a label only while the pointer is over it: a thousand labels would hide the map.
    fn style(&self, out: &mut Vec<u8>, id: &str, colour: &str) {
        let icon = self.icon;
        for (name, icon_scale, label_scale) in [("normal", "0.5", "0"), ("highlight", "1.0", "1.0")]
        {
            put(
                out,
                format_args!(
                    "<Style id=\"{id}-{name}\"><IconStyle><color>{colour}</color><scale>{icon_scale}</scale>\
                     <Icon><href>{icon}</href></Icon></IconStyle><LabelStyle><scale>{label_scale}</scale></LabelStyle></Style>\n"
                ),
            );
        }
        put(
            out,
            format_args!(
                "<StyleMap id=\"{id}\"><Pair><key>normal</key><styleUrl>#{id}-normal</styleUrl></Pair>\
                 <Pair><key>highlight</key><styleUrl>#{id}-highlight</styleUrl></Pair></StyleMap>\n"
            ),
        );
    }
}

const fn style_of(kind: Kind, generation: Generation) -> &'static str {
    match (kind, generation) {
        (Kind::Bluetooth, _) => "bt",
        (Kind::LowEnergy, _) => "ble",
        (Kind::Wifi, Generation::Open) => "open",
        (Kind::Wifi, Generation::Wep) => "wep",
        (Kind::Wifi, Generation::Wpa) => "wpa",
        (Kind::Wifi, Generation::Wpa2) => "wpa2",
        (Kind::Wifi, Generation::Wpa3 | Generation::Owe) => "wpa3",
        (Kind::Wifi, Generation::Unknown) => "unknown",
    }
}

fn name(out: &mut Vec<u8>, row: &Row<'_>) {
    let name = row.name();
    match row.kind() {
        _ if !name.is_empty() => element(out, "name", &shown(name, is_not_xml).text),
        Kind::Wifi => element(out, "name", "(hidden)"),
        Kind::Bluetooth | Kind::LowEnergy => element(out, "name", &small(row.id().addr)),
    }
}

/// The lines of wigle.net's own files. Viewers show it as HTML, so no text of strangers stands in it.
fn description(out: &mut Vec<u8>, row: &Row<'_>, generation: Generation) {
    let last_seen = Utc(row.last_seen()).to_string();
    put(
        out,
        format_args!(
            "<description>Network ID: {}\nEncryption: {}\nTime: {}.000Z\n",
            small(row.id().addr),
            generation.wigle(),
            last_seen.trim_end_matches('Z')
        ),
    );
    if let Some(signal) = row.signal_strongest() {
        put(out, format_args!("Signal: {}.0\n", signal.get()));
    }
    put(
        out,
        format_args!("Type: {}</description>", row.kind().wigle()),
    );
}

fn extended_data(out: &mut Vec<u8>, row: &Row<'_>, device: &Device) {
    out.extend_from_slice(b"<ExtendedData><SchemaData schemaUrl=\"#device\">");
    let mut field = |name: &str, text: &str| {
        if !text.is_empty() {
            put(out, format_args!("<SimpleData name=\"{name}\">"));
            xml(out, &shown(text.as_bytes(), is_not_xml).text);
            out.extend_from_slice(b"</SimpleData>");
        }
    };
    let ssid = shown(row.name(), is_not_xml);
    let tuning = device.tuning();
    field("address", &device.id.addr.to_string());
    field("phy", device.id.phy.name());
    field("ssid", &ssid.text);
    if !ssid.is_exact_in_xml() {
        field("ssid_hex", &Hex(row.name()).to_string());
    }
    if let Some(security) = device.security() {
        field("security", security.class().as_str());
    }
    field("capabilities", &security::capabilities(row));
    field(
        "channel",
        tuning.channel.as_ref().map_or("", Channel::as_str),
    );
    if let Some(frequency) = tuning.frequency {
        field("frequency_khz", &frequency.khz().to_string());
    }
    if let Some(signal) = device.signal {
        field("signal_dbm", &signal.last.value.get().to_string());
        field("signal_strongest_dbm", &signal.max.get().to_string());
    }
    field("first_seen", &Utc(device.first_time).to_string());
    field("last_seen", &Utc(device.last_time).to_string());
    field("reports", &device.reports.to_string());
    field("sources", &device.seen_by.len().to_string());
    let manufacturer = Manufacturer::of(device.id.addr);
    field("manufacturer", manufacturer.map_or("", Manufacturer::name));
    if device.id.is_randomised() {
        field("randomised", "1");
    }
    out.extend_from_slice(b"</SchemaData></ExtendedData>");
}
