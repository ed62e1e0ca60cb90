use std::cell::Cell;
use std::ops::ControlFlow;

use proptest::prelude::*;
use tempfile::TempDir;

use super::file::Reader;
use super::records_v2::encode;
use super::*;
use crate::ingest::kismet;
use crate::log::{Log, Record, What};
use crate::report::capabilities::{Akm, Cipher, Flag, Protocol};
use crate::report::{Phy, ReceivedAt, UnixTime};
use crate::tracker::{Bounds, Walk};

/// A log, its tracker, and a folder for snapshots.
struct Kept {
    log: Log,
    tracker: Tracker,
    data: TempDir,
    snapshots: Snapshots,
    /// The state of the tracker at each position.
    history: Vec<String>,
}

/// Everything of a tracker that can be observed.
fn seen(tracker: &Tracker) -> String {
    let mut walk = Walk::over_changed(UnixTime::new(0));
    let devices: Vec<_> =
        std::iter::from_fn(|| tracker.next_devices(&mut walk, 9, |_| true)).collect();
    format!(
        "{:?} {:?} {:?}",
        devices.concat(),
        tracker.sources(),
        Phy::ALL.map(|phy| tracker.totals(phy))
    )
}

impl Kept {
    fn new() -> Self {
        let (log, data, tracker) = (
            Log::in_memory(usize::MAX),
            tempfile::tempdir().unwrap(),
            Tracker::new(Bounds::FOR_TESTS),
        );
        let snapshots = Snapshots::open(
            data.path(),
            log.server_uuid(),
            LogRange::whole(LogPosition::START),
        )
        .unwrap();
        let history = vec![seen(&tracker)];
        Self {
            log,
            tracker,
            data,
            snapshots,
            history,
        }
    }

    /// A Wi-Fi and a Bluetooth batch with every field that a report can have.
    fn report(&mut self, number: u64) {
        let wifi = format!(
            r#"{{"source_uuid": "44444444-0000-0000-0000-00000000000{}", "source_name": "phone {number}", "reports": [
                {{"timestamp": {}, "bssid": "00:11:22:33:44:55", "ssid": "Café {}", "capabilities": "[WPA2-PSK-CCMP][WPS][ESS]",
                  "channel": "6", "freqkhz": 2437000, "signal": -{}, "lat": -40.7128, "lon": -179.9, "alt": -12.5,
                  "speed": 1.5, "tags": {{"b": "2", "a": "{number}"}}, "chanwidth": "80+80", "centerfreq0": 5210,
                  "centerfreq1": 5690}},
                {{"timestamp": 1700000001, "bssid": "00:00:00:00:00:{:02x}", "ssid": "a\xffb"}}]}}"#,
            number % 3,
            1_700_000_000 + number,
            number % 4,
            40 + number % 30,
            number % 256,
        );
        let bluetooth = r#"{"source_uuid": "44444444-0000-0000-0000-000000000001", "source_name": null, "reports": [
            {"timestamp": 1700000000, "btaddr": "00:FF:EE:00:00:01", "name": "Headset", "devicetype": "BR/EDR",
             "txpowerlevel": 4, "pathloss": -60, "scan_data": "0201060aff4c001005", "service_data": {"180f": "64"}}]}"#;
        let at = ReceivedAt::from_micros(1_700_000_000_000_000 + number);
        let batches = [(Phy::Wifi, wifi.as_str()), (Phy::Bluetooth, bluetooth)]
            .map(|(phy, json)| kismet::batch(phy, json, at));
        let node = self.log.node();
        let records = batches.map(|batch| Record::new(node, at, What::Reports(batch)));
        for entry in self.log.append(records.into()).unwrap() {
            self.tracker.apply(&entry);
            self.history.push(seen(&self.tracker));
        }
    }

    fn snapshot(&mut self) -> SnapshotSummary {
        self.snapshots
            .take(&self.tracker, false, |_| true)
            .unwrap()
            .unwrap()
    }

    /// Restores as at a start. Returns the position, and whether the tracker is as it was there.
    fn start(&self) -> (u64, bool) {
        let tracker = Tracker::new(Bounds::FOR_TESTS);
        let log = &self.log;
        let mut snapshots = Snapshots::open(
            self.data.path(),
            log.server_uuid(),
            LogRange::whole(log.last()),
        )
        .unwrap();
        let position = snapshots.restore(&tracker, || true).unwrap().unwrap().get();
        let place = usize::try_from(position).unwrap();
        (position, seen(&tracker) == self.history[place])
    }

    fn file(&self, number: u64) -> PathBuf {
        self.snapshots.path(number, SUFFIX)
    }
}

#[test]
fn what_may_not_be_kept_is_in_the_next_one() {
    let mut kept = Kept::new();
    assert_eq!(kept.start(), (0, true));
    kept.report(1);
    let refused = kept
        .snapshots
        .take(&kept.tracker, false, |position| position.get() < 2);
    assert!(refused.is_err());
    let mut files = std::fs::read_dir(&kept.snapshots.folder).unwrap();
    assert!(files.next().is_none());
    assert_eq!((kept.snapshot().devices, kept.start()), (3, (2, true)));
}

#[test]
fn what_was_written_comes_back() {
    let mut kept = Kept::new();
    assert_eq!(kept.start(), (0, true));
    assert_eq!(
        kept.snapshots.take(&kept.tracker, false, |_| true).unwrap(),
        None
    );
    kept.report(1);
    let taken = kept.snapshot();
    assert!(taken.is_whole);
    assert_eq!((taken.position.get(), taken.devices), (2, 3));
    assert_eq!(kept.start(), (2, true));
    // Enough reports for a device's activity to be counted in another way.
    for number in 2..30 {
        kept.report(number);
    }
    let taken = kept.snapshot();
    assert!(!taken.is_whole);
    assert_eq!(kept.start(), (58, true));
    assert_eq!(
        kept.snapshots.take(&kept.tracker, false, |_| true).unwrap(),
        None
    );
}

#[test]
fn the_snapshot_before_the_newest_is_kept_and_tells_what_the_log_may_forget() {
    let mut kept = Kept::new();
    assert_eq!(kept.snapshots.safe_position(), LogPosition::START);
    for number in 1..=3 {
        kept.report(number);
        kept.snapshots.take(&kept.tracker, true, |_| true).unwrap();
    }
    assert_eq!(kept.snapshots.safe_position().get(), 4);
    let files = fs::read_dir(kept.data.path().join(data_dir::SNAPSHOTS))
        .unwrap()
        .count();
    assert_eq!(files, GENERATIONS);
    // The newest is lost, and the previous one is used.
    fs::write(kept.file(3), b"nonsense").unwrap();
    assert_eq!(kept.start(), (4, true));
    assert!(!kept.file(3).exists(), "moved aside");
    assert_eq!(kept.start(), (4, true));
    fs::write(kept.file(2), b"").unwrap();
    assert_eq!(kept.start(), (0, true));
}

#[test]
fn a_snapshot_that_the_log_does_not_reach_is_not_used() {
    let mut kept = Kept::new();
    kept.report(1);
    let before = kept.log.last();
    kept.report(2);
    kept.snapshot();
    let mut shorter = Kept::new();
    shorter.data = kept.data;
    shorter.log = Log::in_memory(0);
    let open =
        |server, end| Snapshots::open(shorter.data.path(), server, LogRange::whole(end)).unwrap();
    let log = &kept.log;
    assert_eq!(open(log.server_uuid(), log.last()).generations.len(), 1);
    assert_eq!(open(log.server_uuid(), before).generations.len(), 0);
    // It was renamed, so that it is not taken for a snapshot of the log when that has grown again.
    assert_eq!(open(log.server_uuid(), log.last()).generations.len(), 0);
}

#[test]
fn a_snapshot_of_another_log_is_not_used() {
    let mut kept = Kept::new();
    kept.report(1);
    kept.snapshot();
    let other = Snapshots::open(
        kept.data.path(),
        Uuid::new_v4(),
        LogRange::whole(kept.log.last()),
    )
    .unwrap();
    assert!(other.generations.is_empty());
}

#[test]
fn a_write_that_was_cut_short_is_written_over() {
    let mut kept = Kept::new();
    kept.report(1);
    kept.snapshot();
    let whole = fs::read(kept.file(1)).unwrap();
    kept.report(2);
    kept.snapshot();
    let grown = fs::read(kept.file(1)).unwrap();
    fs::write(kept.file(1), &grown[..grown.len() - 1]).unwrap();
    assert!(whole.len() < grown.len());
    let tracker = Tracker::new(Bounds::FOR_TESTS);
    let log = &kept.log;
    let mut snapshots = Snapshots::open(
        kept.data.path(),
        log.server_uuid(),
        LogRange::whole(log.last()),
    )
    .unwrap();
    let position = snapshots.restore(&tracker, || true).unwrap().unwrap();
    assert_eq!(position.get(), 2);
    log.replay(position, |entry| {
        tracker.apply(&entry);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(
        !snapshots
            .take(&tracker, false, |_| true)
            .unwrap()
            .unwrap()
            .is_whole
    );
    assert_eq!(kept.start(), (4, true));
}

#[test]
fn a_start_that_is_broken_off_anywhere_leaves_the_next_one_all() {
    let mut kept = Kept::new();
    kept.report(1);
    kept.snapshot();
    let mut looks_max = 0;
    loop {
        let looks = Cell::new(0);
        let is_wanted = || looks.replace(looks.get() + 1) < looks_max;
        let log = &kept.log;
        let mut snapshots = Snapshots::open(
            kept.data.path(),
            log.server_uuid(),
            LogRange::whole(log.last()),
        )
        .unwrap();
        let tracker = Tracker::new(Bounds::FOR_TESTS);
        let restored = snapshots.restore(&tracker, is_wanted).unwrap();
        assert_eq!(kept.start(), (2, true));
        if restored.is_some() {
            break;
        }
        looks_max += 1;
    }
    assert!(2 < looks_max, "{looks_max}");
}

/// Fails if the records of a format that was written are changed.
#[test]
fn what_is_written_in_format_2_are_the_same_bytes_for_ever() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data");
    for file in [
        "v3/snapshots/00000001.snapshot",
        "kept-1/snapshots/00000001.snapshot",
        "kept-1/snapshots/00000002.snapshot",
        "gone-sources/snapshots/00000001.snapshot",
        "v6/snapshots/00000001.snapshot",
    ] {
        let path = fixtures.join(file);
        let bytes = fs::read(&path).unwrap();
        let server = Uuid::from_slice(&bytes[16..32]).unwrap();
        let mut reader = Reader::open(&path, server).unwrap();
        assert_eq!(reader.format(), Format::V2, "{file}");
        let mut frames = 0;
        loop {
            let at = reader.at();
            let Some(payload) = reader.next_payload().unwrap() else {
                break;
            };
            let frame = Frame::read(Format::V2, payload, at).unwrap();
            let written = encode(frame, Vec::new()).unwrap();
            assert_eq!(written, payload, "{file} at byte {at}");
            frames += 1;
        }
        assert!(2 < frames, "{file}");
    }
}

/// Sets are stored as bits, so a new member has to be added after the others.
#[test]
fn the_members_of_stored_sets_keep_their_places() {
    assert_eq!(
        format!("{:?}", Akm::ALL),
        "[Unknown, None, Psk, FtPsk, PskSha256, PskSha384, FtPskSha384, Sae, FtSae, SaeExt, FtSaeExt, Eap, FtEap, \
         EapSha256, EapSha384, EapSuiteB, EapSuiteB192, FtEapSha384, FilsSha256, FilsSha384, FtFilsSha256, \
         FtFilsSha384, Owe, OweTransition, Dpp, Pasn, Osen, WapiPsk, WapiCert]"
    );
    assert_eq!(
        format!("{:?}", Cipher::ALL),
        "[Wep40, Wep104, Tkip, Ccmp, Ccmp256, Gcmp, Gcmp256, Sms4, BipCmac128, BipGmac128, BipGmac256, BipCmac256, \
         None, Unknown]"
    );
    assert_eq!(
        format!("{:?}", Flag::ALL),
        "[Preauth, RsnOverride, SaeHashToElement, SaePublicKey, OweTransitionEncrypted, P2p, Hotspot20, Passpoint, \
         Fils, FastSessionTransfer, Utf8Ssid, Edmg, Dmg, WfaHt, WfaVht, WfaHe, Sec80, SecD00, Ble]"
    );
    assert_eq!(
        format!("{:?}", Protocol::ALL),
        "[Wep, Wpa, Rsn, Osen, Wapi]"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_file_that_is_cut_or_damaged_anywhere_gives_a_state_that_was(
        place in any::<prop::sample::Index>(), cut in any::<bool>(), bit in 0u8..8,
    ) {
        let mut kept = Kept::new();
        for number in 1..=3 {
            kept.report(number);
            kept.snapshot();
        }
        let mut bytes = fs::read(kept.file(1)).unwrap();
        let place = place.index(bytes.len());
        if cut {
            bytes.truncate(place);
        } else {
            bytes[place] ^= 1 << bit;
        }
        fs::write(kept.file(1), bytes).unwrap();
        let (position, is_what_it_was) = kept.start();
        prop_assert!(position < 6 && is_what_it_was, "{}", position);
    }
}
