//! Files are made in pieces of a bounded size, whatever their form.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    Around, Choices, ExportError, FORMS, Form, Hidden, LogPosition, Made, PIECE_BYTES_MIN,
    PartBounds, Per, PlaceOf, Row, RowSource, Scratch, Texts,
};
use crate::alerts::AlertStore;
use crate::data_dir::DataDir;
use crate::ingest::kismet;
use crate::log::{Entry, Record, What};
use crate::report::{Phy, ReceivedAt, UnixTime};
use crate::tracker::{Bounds, Device, Tracker, Walk};

/// Rows that are given at a time.
const ROWS_PER_STEP: usize = 64;

/// The same device many times.
struct Repeated {
    device: Device,
    count: usize,
    left: usize,
}

impl RowSource for Repeated {
    fn begin(&mut self, phy: Option<Phy>) {
        let is_given = phy.is_none_or(|phy| phy == self.device.id.phy);
        self.left = if is_given { self.count } else { 0 };
    }

    fn next(&mut self, take: &mut dyn FnMut(&Row<'_>)) -> Result<bool, ExportError> {
        if self.left == 0 {
            return Ok(false);
        }
        let rows = self.left.min(ROWS_PER_STEP);
        self.left -= rows;
        for _ in 0..rows {
            take(&Row::Device(&self.device));
        }
        Ok(true)
    }
}

/// Finds nothing for ever.
struct Endless;

impl RowSource for Endless {
    fn begin(&mut self, _phy: Option<Phy>) {}

    fn next(&mut self, _take: &mut dyn FnMut(&Row<'_>)) -> Result<bool, ExportError> {
        Ok(true)
    }
}

fn device() -> Device {
    let now = ReceivedAt::from_micros(1_700_000_000_000_000);
    let json = r#"{"source_uuid": "44444444-0000-0000-0000-00000000000a", "source_name": "phone", "reports": [
        {"timestamp": 1700000000, "bssid": "00:11:22:33:44:55", "ssid": "a&b", "capabilities": "[WPA2-PSK-CCMP][ESS]",
         "channel": "6", "signal": -61, "lat": 52.5, "lon": 13.4}]}"#;
    let batch = kismet::batch(Phy::Wifi, json, now);
    let tracker = Tracker::new(Bounds::FOR_TESTS);
    tracker.apply(&Entry {
        position: LogPosition::new(1),
        record: Record::new(Uuid::nil(), now, What::Reports(batch)),
    });
    let mut walk = Walk::over_all();
    loop {
        let mut found = tracker.next_devices(&mut walk, 1, |_| true).unwrap();
        if let Some(device) = found.pop() {
            return device;
        }
    }
}

fn choices(form: &Form) -> Choices {
    Choices {
        per: Per::Device,
        place: PlaceOf::Strongest,
        texts: Texts::Guarded,
        version: form.versions.first().copied(),
        switches: Vec::new(),
        hidden: Hidden::default(),
        is_minimal: false,
        parts: None,
        exported: UnixTime::new(1_700_000_000),
        position: LogPosition::new(1),
    }
}

fn around(scratch: Option<&Scratch>) -> Around {
    Around {
        tracker: Arc::new(Tracker::new(Bounds::FOR_TESTS)),
        alerts: AlertStore::default(),
        server: Uuid::nil(),
        file: scratch.map(|scratch| scratch.take().unwrap()),
        package_devices_max: 5000,
        tracks: None,
    }
}

#[test]
fn pieces_are_bounded_and_rows_are_counted() {
    const COUNT: usize = 5000;
    const ROW_BYTES_MAX: usize = 4096;
    let device = device();
    let folder = tempfile::tempdir().unwrap();
    let scratch = Scratch::open(&DataDir::at(folder.path()), 1 << 30).unwrap();
    for form in FORMS {
        let rows = Repeated {
            device: device.clone(),
            count: COUNT,
            left: 0,
        };
        let around = around((form.made == Made::OnDisk).then_some(&scratch));
        let mut file = form.export(&choices(form), Box::new(rows), around);
        let (mut pieces, mut bytes) = (0, 0);
        while let Some(piece) = file.piece().unwrap() {
            let bytes_max = PIECE_BYTES_MIN + ROWS_PER_STEP * ROW_BYTES_MAX;
            let is_bounded = piece.len() <= bytes_max || form.made == Made::InMemory;
            assert!(is_bounded, "{}: {}", form.word, piece.len());
            pieces += 1;
            bytes += piece.len();
        }
        assert!(4 < pieces, "{}: {pieces}", form.word);
        assert!(COUNT / 10 < bytes, "{}: {bytes}", form.word);
        let counts = file.counts();
        assert_eq!(
            counts.written,
            u64::try_from(COUNT).unwrap(),
            "{}",
            form.word
        );
        assert_eq!(counts.left_out, 0, "{}", form.word);
        assert!(file.piece().unwrap().is_none(), "{}", form.word);
    }
}

#[test]
fn a_search_without_a_result_gives_way() {
    let form = Form::of_word("geojsonseq").unwrap();
    let mut file = form.export(&choices(form), Box::new(Endless), around(None));
    for _ in 0..3 {
        assert_eq!(file.piece().unwrap(), Some(Vec::new()));
    }
}

#[test]
fn parts_have_at_most_so_many_rows_and_bytes() {
    let device = device();
    let parts_of = |form: &'static Form, rows_max: u64, bytes_max: u64| {
        let rows = Repeated {
            device: device.clone(),
            count: 100,
            left: 0,
        };
        let choices = Choices {
            parts: Some(PartBounds {
                rows_max,
                bytes_max,
            }),
            ..choices(form)
        };
        let mut file = form.export(&choices, Box::new(rows), around(None));
        let mut archive = Vec::new();
        while let Some(piece) = file.piece().unwrap() {
            archive.extend(piece);
        }
        assert_eq!(file.counts().written, 100, "{}", form.word);
        unpacked(&archive)
    };
    let forms = FORMS.into_iter().filter(|form| form.has_parts);
    for form in forms {
        let [whole] = parts_of(form, u64::MAX, u64::MAX).try_into().unwrap();
        for (rows_max, count) in [(99, 2), (100, 1), (30, 4), (1, 100)] {
            let parts = parts_of(form, rows_max, u64::MAX);
            assert_eq!(parts.len(), count, "{} {rows_max}", form.word);
        }
        let bytes = u64::try_from(whole.len()).unwrap();
        let exact = parts_of(form, u64::MAX, bytes);
        assert_eq!(exact, [whole], "{}", form.word);
        let cut = parts_of(form, u64::MAX, bytes - 1);
        assert_eq!(cut.len(), 2, "{}", form.word);
        assert!(
            cut.iter()
                .all(|part| u64::try_from(part.len()).unwrap() < bytes)
        );
        assert_eq!(parts_of(form, u64::MAX, 1).len(), 100, "{}", form.word);
    }
}

/// The files of an archive, in which no data looks like a header.
#[expect(clippy::disallowed_types, reason = "it is our own file")]
fn unpacked(archive: &[u8]) -> Vec<Vec<u8>> {
    use std::io::Read;
    let finder = memchr::memmem::Finder::new(b"PK\x03\x04");
    let starts = finder.find_iter(archive);
    let unpack = |start: usize| {
        let name_bytes = archive[start + 26];
        let data = &archive[start + 30 + usize::from(name_bytes)..];
        let mut content = Vec::new();
        flate2::read::DeflateDecoder::new(data)
            .read_to_end(&mut content)
            .unwrap();
        content
    };
    starts.map(unpack).collect()
}
