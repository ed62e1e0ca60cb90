//! Files are made in pieces of a bounded size, whatever their form.

use uuid::Uuid;

use super::{
    Choices, ExportError, FORMS, Form, LogPosition, PIECE_BYTES_MIN, Per, PlaceOf, Row, RowSource,
    Texts,
};
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
        exported: UnixTime::new(1_700_000_000),
        position: LogPosition::new(1),
    }
}

#[test]
fn pieces_are_bounded_and_rows_are_counted() {
    const COUNT: usize = 5000;
    const ROW_BYTES_MAX: usize = 4096;
    let device = device();
    for form in FORMS {
        let rows = Repeated {
            device: device.clone(),
            count: COUNT,
            left: 0,
        };
        let mut file = form.export(&choices(form), Box::new(rows));
        let (mut pieces, mut bytes) = (0, 0);
        while let Some(piece) = file.piece().unwrap() {
            let bytes_max = PIECE_BYTES_MIN + ROWS_PER_STEP * ROW_BYTES_MAX;
            assert!(piece.len() <= bytes_max, "{}: {}", form.word, piece.len());
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
    let mut file = form.export(&choices(form), Box::new(Endless));
    for _ in 0..3 {
        assert_eq!(file.piece().unwrap(), Some(Vec::new()));
    }
}
