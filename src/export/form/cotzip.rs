//! A data package of TAK programs: an archive with a Cursor on Target event for each device.

use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::cot::{STALE_AFTER_S, event, uid};
use crate::export::text::put;
use crate::export::zip::{self, Directory, Member, size};
use crate::export::{ExportError, Form, FormWriter, Made, Per, PlaceOf, Row};

const MANIFEST: &str = "MANIFEST/manifest.xml";

pub(super) const FORM: Form = Form {
    word: "cotzip",
    media_type: zip::MEDIA_TYPE,
    extension: zip::EXTENSION,
    per: &[Per::Device],
    versions: &[],
    has_texts: false,
    switches: &[],
    made: Made::InMemory,
    has_parts: false,
    has_minimal: false,
    writer: |choices, around| {
        Box::new(Package {
            place: choices.place,
            name: choices.stem(),
            devices_max: around.package_devices_max,
            devices: 0,
            manifest: Vec::new(),
            archive: Vec::new(),
            directory: Directory::default(),
            failure: None,
        })
    },
};

struct Package {
    place: PlaceOf,
    /// Its name, and its `uid`: a later package does not replace it.
    name: String,
    devices_max: usize,
    devices: usize,
    manifest: Vec<u8>,
    archive: Vec<u8>,
    directory: Directory,
    /// What [`FormWriter::finish`] returns.
    failure: Option<ExportError>,
}

impl FormWriter for Package {
    fn head(&mut self, _out: &mut Vec<u8>) {
        let name = &self.name;
        put(
            &mut self.manifest,
            format_args!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<MissionPackageManifest version=\"2\"><Configuration>\
                 <Parameter name=\"uid\" value=\"{name}\"/><Parameter name=\"name\" value=\"{name}\"/></Configuration>\n\
                 <Contents>\n"
            ),
        );
    }

    fn row(&mut self, row: &Row<'_>, _out: &mut Vec<u8>) -> bool {
        let mut document = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_vec();
        if self.failure.is_some() || !event(&mut document, row, self.place, STALE_AFTER_S) {
            return false;
        }
        if self.devices_max <= self.devices {
            let max = self.devices_max;
            self.failure = Some(ExportError::TooMany { max });
            return false;
        }
        self.devices += 1;
        let uid = uid(row);
        let name = format!("{uid}/{uid}.cot");
        put(
            &mut self.manifest,
            format_args!(
                "<Content ignore=\"false\" zipEntry=\"{name}\"><Parameter name=\"uid\" value=\"{uid}\"/></Content>\n"
            ),
        );
        self.failure = self.add(name, &document).err();
        true
    }

    fn tail(&mut self, _out: &mut Vec<u8>) {
        let mut manifest = std::mem::take(&mut self.manifest);
        manifest.extend_from_slice(b"</Contents></MissionPackageManifest>\n");
        if self.failure.is_none() {
            let added = self.add(MANIFEST.to_owned(), &manifest);
            let ended = added.and_then(|()| self.directory.end(&mut self.archive));
            self.failure = ended.err();
        }
    }

    fn finish(&mut self, _piece: Vec<u8>, is_last: bool) -> Result<Vec<u8>, ExportError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        Ok(if is_last {
            std::mem::take(&mut self.archive)
        } else {
            Vec::new()
        })
    }
}

impl Package {
    fn add(&mut self, name: String, content: &[u8]) -> Result<(), ExportError> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content)?;
        let packed = encoder.finish()?;
        let mut crc = Crc::new();
        crc.update(content);
        let member = Member::packed(name, &crc, size(&packed), size(content))?;
        member.local_header(&mut self.archive);
        self.archive.extend_from_slice(&packed);
        self.directory
            .add(&member, member.local_bytes() + size(&packed))
    }
}
