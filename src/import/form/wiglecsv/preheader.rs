//! The line before the header, which names the program and the device that wrote the file.

use super::record::Fields;
use crate::import::rows::Origin;
use crate::import::values::text;

/// What begins the line.
const MARK: &[u8] = b"WigleWifi-";
/// The longest value that is kept, in bytes.
const VALUE_BYTES_MAX: usize = 128;

/// What the line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PreHeader {
    /// Where the rows come from.
    pub(super) origin: Option<Origin>,
    /// Kismet writes octets of names as `\ooo`, and repeats the first time of a device in each of its rows.
    pub(super) is_kismets: bool,
}

/// Whether a line is such a line. Some programs put it in quotes.
pub(super) fn is_preheader(line: &[u8]) -> bool {
    line.strip_prefix(b"\"").unwrap_or(line).starts_with(MARK)
}

impl PreHeader {
    pub(super) fn read(line: &[u8]) -> Self {
        let mut fields = Fields::default();
        fields.split(line);
        // The whole line may be one quoted field.
        let first = fields.iter().next().map(<[u8]>::to_vec);
        if let Some(whole) = first.filter(|first| first.contains(&b',')) {
            fields.split(&whole);
        }
        let is_kismets = fields
            .iter()
            .filter_map(value)
            .any(|(_, value)| value.to_ascii_lowercase().contains("kismet"));
        Self {
            origin: Some(origin(&fields)),
            is_kismets,
        }
    }
}

/// `name=value`.
fn value(part: &[u8]) -> Option<(&[u8], String)> {
    let equals = memchr::memchr(b'=', part)?;
    let (name, value) = part.split_at_checked(equals)?;
    let value = text(value.get(1..)?);
    let mut value = value.trim().to_owned();
    let mut ends = (0..=value.len().min(VALUE_BYTES_MAX)).rev();
    let end = ends.find(|end| value.is_char_boundary(*end));
    value.truncate(end.unwrap_or_default());
    Some((name.trim_ascii(), value))
}

fn origin(fields: &Fields) -> Origin {
    let find = |wanted: &str| {
        fields
            .iter()
            .filter_map(value)
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()))
            .map(|(_, value)| value)
            .unwrap_or_default()
    };
    let name = program(&find("appRelease"));
    let device = ["brand", "model", "device"].map(find);
    if device.iter().any(|part| !part.is_empty()) {
        let text = format!("wigle:{}", device.join(":")).into();
        return Origin::Text { text, name };
    }
    Origin::Program { name }
}

/// The app of `WiGLE` writes its version alone.
fn program(release: &str) -> Box<str> {
    match release.bytes().next() {
        None => "WiGLE CSV".into(),
        Some(first) if first.is_ascii_digit() => format!("WiGLE {release}").into(),
        Some(_) => release.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, text: &str, name: &str) {
        assert!(is_preheader(line.as_bytes()));
        let read = PreHeader::read(line.as_bytes()).origin;
        let (text, name) = (text.into(), name.into());
        assert_eq!(read, Some(Origin::Text { text, name }), "{line}");
    }

    #[test]
    fn the_device_is_the_source() {
        let app = "WigleWifi-1.6,appRelease=2.91,model=Pixel 7,release=14,device=panther,display=x,board=panther,brand=google,star=Sol,body=3,subBody=0";
        check(app, "wigle:google:Pixel 7:panther", "WiGLE 2.91");
        check(
            &format!("\"{app}\""),
            "wigle:google:Pixel 7:panther",
            "WiGLE 2.91",
        );
        check(
            r#"WigleWifi-1.4,appRelease=Marauder v1.15,model=MVC,"brand=Moog, LLC",device=esp32"#,
            "wigle:Moog, LLC:MVC:esp32",
            "Marauder v1.15",
        );
    }

    #[test]
    fn a_line_without_a_device_names_its_program_at_most() {
        let name = |line: &str| match PreHeader::read(line.as_bytes()).origin {
            Some(Origin::Program { name }) => name,
            other => panic!("{other:?}"),
        };
        assert_eq!(&*name("WigleWifi-1.4"), "WiGLE CSV");
        assert_eq!(&*name("WigleWifi-1.6,appRelease=Bruce"), "Bruce");
    }

    #[test]
    fn kismet_is_recognised_by_its_name() {
        let kismet = |line: &str| PreHeader::read(line.as_bytes()).is_kismets;
        assert!(kismet(
            "WigleWifi-1.6,appRelease=20260601,model=Kismet,brand=kismet"
        ));
        assert!(!kismet("WigleWifi-1.6,appRelease=2.91,model=Pixel 7"));
    }
}
