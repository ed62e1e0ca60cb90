//! Tests of the keeper across crashes and over time, without a server around it.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;
use uuid::Uuid;

use super::settings::{Network, ProtectedNetwork, Settings as Alerts};
use super::*;
use crate::log::{AlertNote, AlertOrder, Entry, Log, LogPosition, Record, SourceName, What};
use crate::report::{
    Batch, Bssid, Capabilities, MacAddr, Position, ReceivedAt, Report, Sighting, SourceId, Ssid,
    UnixTime, WifiSighting,
};
use crate::tracker::{Bounds, Device, Observer, Tracker};

const START_S: u32 = 1_700_000_000;
const SECURITY: [&str; 4] = [
    "[ESS]",
    "[WEP][ESS]",
    "[WPA2-PSK-CCMP][ESS]",
    "[RSN-SAE-CCMP][ESS]",
];

fn tracker() -> Tracker {
    Tracker::new(Bounds {
        devices_max: 100,
        sources_max: 10,
        ssids_per_device_max: 8,
        sources_per_device_max: 8,
        frequencies_per_device_max: 8,
        tags_per_device_max: 8,
        device_timeout: Duration::ZERO,
        ..Bounds::FOR_TESTS
    })
}

/// Settings that turn on all rules.
fn config() -> Alerts {
    let often = "1000000/day,1000000/sec".to_owned();
    let network = |ssid: &str| Network {
        name: "rule".to_owned(),
        ssid: ssid.to_owned(),
    };
    Alerts {
        ssidcanary: often.clone(),
        ssidcanary_networks: vec![network("^net1$")],
        apspoof: often.clone(),
        apspoof_networks: vec![ProtectedNetwork {
            name: "ours".to_owned(),
            ssid: "^net2$".to_owned(),
            addresses: vec!["02:00:00:00:00:00".to_owned()],
        }],
        cryptodrop: often.clone(),
        advcryptchange: often.clone(),
        chanchange: often.clone(),
        devicefound: often.clone(),
        devicefound_addresses: vec!["02:00:00:00:00:00/FF:FF:FF:FF:FF:FE".to_owned()],
        devicefound_timeout: Duration::from_secs(4),
        devicelost: often.clone(),
        devicelost_addresses: vec!["02:00:00:00:00:00/FF:FF:FF:FF:FF:FE".to_owned()],
        devicelost_timeout: Duration::from_secs(4),
        eviltwin: often.clone(),
        eviltwin_networks: vec![network("net")],
        weakcrypto: often.clone(),
        weakcrypto_networks: vec![network("net0")],
        sourcesilent: often.clone(),
        sourcesilent_least: Duration::from_secs(3),
        sourcesilent_factor: 2,
        apmoved: often,
        ..Alerts::default()
    }
}

fn open(data: Option<&Path>, config: &Alerts) -> AlertKeeper {
    AlertKeeper::open(data, config, Uuid::nil()).unwrap()
}

fn received(seconds: u32) -> ReceivedAt {
    ReceivedAt::from_micros(u64::from(START_S + seconds) * 1_000_000)
}

fn report(device: u64, network: u8, security: usize, seconds: u32) -> Report {
    let addr = MacAddr::from_u64(0x0200_0000_0000 + device).unwrap();
    Report {
        time: UnixTime::new(START_S + seconds),
        signal: None,
        frequency: None,
        channel: None,
        position: None,
        accuracy: None,
        tags: Vec::new(),
        sighting: Sighting::Wifi(WifiSighting {
            bssid: Bssid::try_from(addr).unwrap(),
            ssid: Ssid::try_from(format!("net{network}").as_bytes()).unwrap(),
            capabilities: SECURITY.get(security).map(|text| Capabilities::from(*text)),
            width: None,
            center0_mhz: None,
            center1_mhz: None,
            ie_tags: None,
        }),
    }
}

fn batch(source: u128, seconds: u32, reports: Vec<Report>) -> Record {
    let batch = Batch {
        source: SourceId::new(Uuid::from_u128(source)),
        source_name: None,
        technology: None,
        identity: None,
        reports,
        rejected: Vec::new(),
    };
    Record::new(Uuid::nil(), received(seconds), What::Reports(batch))
}

/// Numbers and ids of the stored alerts, in order.
fn ids(keeper: &AlertKeeper) -> Vec<(u64, String)> {
    let alerts = keeper.store().after(0, usize::MAX);
    alerts
        .iter()
        .map(|alert| (alert.number, alert.raised.id.to_string()))
        .collect()
}

/// Applies an entry, as the fold does.
fn apply(keeper: &mut AlertKeeper, tracker: &Tracker, entry: &Entry) {
    struct Rules<'k>(&'k mut AlertKeeper);

    impl<'b> Observer<'b> for Rules<'_> {
        fn look(&mut self, before: Option<&Device>, report: &'b Report) {
            self.0.look(before, report);
        }

        fn gone(&mut self, device: &Device) {
            self.0.forget(device);
        }
    }

    keeper.begin(entry);
    tracker.apply_observed(entry, &mut Rules(keeper));
}

/// Applies batches to a keeper, with one commit for each.
fn run(keeper: &mut AlertKeeper, tracker: &Tracker, entries: &[Entry]) {
    for entry in entries {
        apply(keeper, tracker, entry);
        keeper.settle(entry.position);
    }
}

fn logged(batches: Vec<Record>) -> (Log, Vec<Entry>) {
    let mut log = Log::in_memory(usize::MAX);
    let entries = log.append(batches).unwrap();
    (log, entries)
}

fn headers(keeper: &AlertKeeper) -> Vec<String> {
    let alerts = keeper.store().after(0, usize::MAX);
    alerts
        .iter()
        .map(|alert| alert.raised.header.to_string())
        .collect()
}

#[test]
fn a_scanner_that_keeps_to_its_habit_is_not_silent() {
    let config = Alerts {
        sourcesilent: "10/min,10/sec".to_owned(),
        sourcesilent_least: Duration::from_secs(1),
        ..Alerts::default()
    };
    let (mut keeper, tracker) = (open(None, &config), tracker());
    let (_, entries) = logged([0, 10, 20, 30].map(|at| batch(1, at, Vec::new())).into());
    run(&mut keeper, &tracker, &entries);
    let tick = |keeper: &mut AlertKeeper, at| {
        keeper.tick(received(at));
        keeper.settle(LogPosition::new(4)).len()
    };
    // The limit is three times the longest pause.
    assert_eq!(tick(&mut keeper, 60), 0);
    assert_eq!(tick(&mut keeper, 61), 1);
    assert_eq!(tick(&mut keeper, 1000), 0, "silence is told once");
    assert_eq!(headers(&keeper), ["SOURCESILENT"]);
}

#[test]
fn a_silent_scanner_is_called_by_the_name_that_it_was_given() {
    let config = Alerts {
        sourcesilent: "10/min,10/sec".to_owned(),
        sourcesilent_least: Duration::from_secs(1),
        ..Alerts::default()
    };
    let (mut keeper, tracker) = (open(None, &config), tracker());
    let records = [0, 10, 20, 30].map(|at| batch(1, at, Vec::new()));
    let (log, entries) = logged(records.into());
    run(&mut keeper, &tracker, &entries);
    let source = entries[0].record.batch().unwrap().source;
    let name = SourceName {
        source,
        name: "on the roof".into(),
    };
    let order = Record::new(log.node(), received(30), What::SourceName(name));
    tracker.apply(&Entry {
        position: LogPosition::new(5),
        record: order,
    });
    let silent = |keeper: &mut AlertKeeper| {
        keeper.tick(received(1000));
        keeper.settle(LogPosition::new(5));
        let alerts = keeper.store().after(0, usize::MAX);
        alerts[0].raised.text.to_string()
    };
    let is_called = |text: &str| text.contains(&format!("The scanner {source} on the roof has"));
    // After a restart, the tracker has the name.
    let mut restarted = open(None, &config);
    let recalled = restarted.recall(&log, &tracker, LogPosition::new(5));
    recalled.unwrap();
    let text = silent(&mut restarted);
    assert!(is_called(&text), "{text}");
    keeper.rename(source, Some("on the roof"));
    let text = silent(&mut keeper);
    assert!(is_called(&text), "{text}");
}

#[test]
fn a_watched_device_is_lost_once_and_found_again() {
    let (mut keeper, tracker) = (open(None, &config()), tracker());
    let seen = |at| batch(1, at, vec![report(0, 5, 2, at)]);
    let (_, entries) = logged(vec![seen(0), seen(4)]);
    run(&mut keeper, &tracker, &entries);
    for at in [8, 9, 20] {
        keeper.tick(received(at));
        keeper.settle(LogPosition::new(2));
    }
    assert_eq!(headers(&keeper), ["DEVICEFOUND", "DEVICELOST"]);
    let mut later = batch(1, 30, vec![report(0, 5, 2, 30)]);
    // A report that waited in a cache does not make the device present.
    if let What::Reports(batch) = &mut later.what {
        batch.reports.insert(0, report(1, 5, 2, 20));
    }
    let entry = Entry {
        position: LogPosition::new(3),
        record: later,
    };
    apply(&mut keeper, &tracker, &entry);
    keeper.settle(entry.position);
    assert_eq!(
        headers(&keeper),
        ["DEVICEFOUND", "DEVICELOST", "DEVICEFOUND"]
    );
}

#[test]
fn a_device_that_went_while_nobody_listened_is_lost_once() {
    let data = tempfile::tempdir().unwrap();
    let (log, entries) = logged(vec![batch(1, 0, vec![report(0, 5, 2, 0)])]);
    let mut first = open(Some(data.path()), &config());
    first
        .recall(&Log::in_memory(1), &tracker(), LogPosition::START)
        .unwrap();
    run(&mut first, &tracker(), &entries);
    drop(first);
    let found_and_lost = ["DEVICEFOUND", "DEVICELOST"];
    // The first start uses a snapshot, the second one only the log.
    for (from, is_first) in [(1, true), (1, false), (0, false), (0, false)] {
        let (mut keeper, tracker) = (open(Some(data.path()), &config()), tracker());
        let (before, replayed) = entries.split_at(from);
        for entry in before {
            tracker.apply(entry);
        }
        let position = LogPosition::new(from.try_into().unwrap());
        keeper.recall(&log, &tracker, position).unwrap();
        for entry in replayed {
            apply(&mut keeper, &tracker, entry);
        }
        keeper.recalled(received(100));
        keeper.tick(received(101));
        keeper.settle(log.last());
        // Time in which the server was off does not count as silence.
        let told = if is_first { 1 } else { 2 };
        assert_eq!(headers(&keeper), found_and_lost[..told], "{from}");
        keeper.tick(received(200));
        keeper.settle(log.last());
        assert_eq!(headers(&keeper), found_and_lost, "{from}");
    }
}

#[test]
fn an_old_cache_makes_no_storm() {
    let mut config = config();
    config.ssidcanary = "10/min,2/sec".to_owned();
    let (mut keeper, tracker) = (open(None, &config), tracker());
    let cache: Vec<_> = (2..60).map(|device| report(device, 1, 9, 0)).collect();
    let (_, entries) = logged(vec![batch(1, 500_000, cache)]);
    run(&mut keeper, &tracker, &entries);
    assert_eq!(headers(&keeper), ["SSIDCANARY", "SSIDCANARY"]);
}

#[test]
fn late_reports_raise_nothing_about_the_present() {
    let (mut keeper, tracker) = (open(None, &config()), tracker());
    let mut there = report(4, 5, 2, 100);
    there.position = Position::from_wire(Some(1.0), Some(1.0), None, None).unwrap();
    let mut late = report(4, 5, 0, 99);
    late.position = Position::from_wire(Some(2.0), Some(2.0), None, None).unwrap();
    let (_, entries) = logged(vec![batch(1, 100, vec![there]), batch(1, 101, vec![late])]);
    run(&mut keeper, &tracker, &entries);
    assert_eq!(headers(&keeper), Vec::<String>::new());
}

#[test]
fn other_rules_say_nothing_of_what_is_logged_already() {
    let data = tempfile::tempdir().unwrap();
    let (log, entries) = logged(vec![batch(1, 0, vec![report(4, 1, 2, 0)])]);
    let off = Alerts {
        ssidcanary: "off".to_owned(),
        ..config()
    };
    run(&mut open(Some(data.path()), &off), &tracker(), &entries);
    let (mut keeper, tracker) = (open(Some(data.path()), &config()), tracker());
    keeper.recall(&log, &tracker, LogPosition::START).unwrap();
    run(&mut keeper, &tracker, &entries);
    assert_eq!(headers(&keeper), Vec::<String>::new());
}

#[test]
fn what_is_kept_has_a_bound_and_numbers_go_on() {
    let data = tempfile::tempdir().unwrap();
    let config = Alerts {
        kept_max: 3,
        ..config()
    };
    let batches = (4..9).map(|device| batch(1, 0, vec![report(device, 1, 9, 0)]));
    let (_, entries) = logged(batches.collect());
    let mut keeper = open(Some(data.path()), &config);
    run(&mut keeper, &tracker(), &entries);
    for keeper in [keeper, open(Some(data.path()), &config)] {
        let store = keeper.store();
        let numbers = |from, limit| -> Vec<u64> {
            let alerts = store.after(from, limit);
            alerts.iter().map(|alert| alert.number).collect()
        };
        assert_eq!(numbers(0, 9), [3, 4, 5]);
        assert_eq!(numbers(4, 9), [5]);
        assert_eq!(numbers(5, 9), [0; 0]);
        assert_eq!(numbers(0, 2), [3, 4]);
        let device = |number| report(number, 1, 9, 0).device();
        assert_eq!([4, 8].map(|number| store.count_of(device(number))), [0, 1]);
    }
}

#[test]
fn a_note_is_there_after_a_start_from_the_log_and_after_one_from_the_file() {
    let data = tempfile::tempdir().unwrap();
    let raising = batch(1, 0, vec![report(4, 1, 9, 0)]);
    let (log, entries) = logged(vec![raising]);
    let mut keeper = open(Some(data.path()), &config());
    run(&mut keeper, &tracker(), &entries);
    let alert = keeper.store().newest(None, 1, |_| true).pop().unwrap();
    let note = AlertOrder::Note(Box::new(AlertNote {
        alert: alert.raised.id.clone(),
        by: Some("ann".into()),
        acknowledged: Some(true),
        comment: Some("mine".into()),
    }));
    let noted = |keeper: &mut AlertKeeper| {
        let position = LogPosition::new(2);
        keeper.order(&note, position, received(9), &tracker())
    };
    noted(&mut keeper).unwrap();
    let expected = keeper.store().newest(None, 1, |_| true);
    assert_eq!(expected[0].handling.comments.len(), 1);
    assert_eq!(keeper.store().open_count(), 0);
    // The first keeper ends before it writes to the file, and the second one after it.
    drop(keeper);
    for is_in_file in [false, true, true] {
        let mut keeper = open(Some(data.path()), &config());
        let untouched = usize::from(!is_in_file);
        assert_eq!(keeper.store().open_count(), untouched, "{is_in_file}");
        keeper.recall(&log, &tracker(), LogPosition::START).unwrap();
        run(&mut keeper, &tracker(), &entries);
        noted(&mut keeper).unwrap();
        keeper.settle(LogPosition::new(2));
        assert_eq!(keeper.store().newest(None, 1, |_| true), expected);
        assert_eq!(keeper.store().open_count(), 0);
    }
    let unknown = AlertOrder::Note(Box::new(AlertNote {
        alert: "nobody".into(),
        by: None,
        acknowledged: Some(true),
        comment: None,
    }));
    let mut keeper = open(Some(data.path()), &config());
    let refused = keeper.order(&unknown, LogPosition::new(3), received(9), &tracker());
    let id = "nobody".into();
    assert_eq!(refused, Err(AlertOrderError::NoSuchAlert(id)));
}

#[test]
fn a_full_disk_keeps_alerts_waiting() {
    let data = tempfile::tempdir().unwrap();
    let (mut keeper, tracker) = (open(Some(data.path()), &config()), tracker());
    keeper.limit_pages(1);
    let many: Vec<_> = (4..90).map(|device| report(device, 1, 9, 0)).collect();
    let (_, entries) = logged(vec![
        batch(1, 0, many),
        batch(1, 1, vec![report(91, 1, 9, 1)]),
    ]);
    run(&mut keeper, &tracker, &entries);
    assert_eq!(headers(&keeper), Vec::<String>::new());
    keeper.limit_pages(1_000_000);
    // The next tick tries again.
    keeper.tick(received(2));
    assert_eq!(keeper.settle(LogPosition::new(2)).len(), 87);
    let seen: Vec<_> = ids(&keeper).into_iter().map(|(number, _)| number).collect();
    assert_eq!(seen, (1..=87).collect::<Vec<_>>());
    drop(keeper);
    assert_eq!(ids(&open(Some(data.path()), &config())).len(), 87);
}

#[test]
fn who_waits_for_alerts_is_woken() {
    let mut keeper = open(None, &config());
    let mut woken = keeper.store().subscribe();
    let (_, entries) = logged(vec![batch(1, 0, vec![report(4, 1, 9, 0)])]);
    run(&mut keeper, &tracker(), &entries);
    assert!(woken.has_changed().unwrap());
    assert_eq!(*woken.borrow_and_update(), 1);
}

/// A source, the seconds since the previous batch, and its reports: device, network, security, and age in seconds.
type Step = (u128, u32, Vec<(u64, u8, usize, u32)>);

fn any_batch() -> impl Strategy<Value = Step> {
    let report = (0..4u64, 0..3u8, 0..5usize, 0..12u32);
    (1..3u128, 0..6u32, prop::collection::vec(report, 0..4))
}

fn batches(steps: Vec<Step>) -> Vec<Record> {
    let mut clock = 20;
    let steps = steps.into_iter().map(|(source, step, reports)| {
        clock += step;
        let at = clock;
        let reports = reports
            .into_iter()
            .map(|(device, network, security, ago)| report(device, network, security, at - ago));
        batch(source, at, reports.collect())
    });
    steps.collect()
}

/// Runs up to a crash between the append of a batch and the commit of its alerts, restarts from a snapshot, and
/// continues.
fn run_with_crash(
    data: &TempDir,
    config: &Alerts,
    batches: &[Record],
    crash: usize,
    snapshot: usize,
) -> Vec<(u64, String)> {
    let (log, entries) = logged(batches[..crash].to_vec());
    {
        let (mut keeper, tracker) = (open(Some(data.path()), config), tracker());
        keeper
            .recall(&Log::in_memory(1), &tracker, LogPosition::START)
            .unwrap();
        run(&mut keeper, &tracker, &entries[..crash - 1]);
        apply(&mut keeper, &tracker, &entries[crash - 1]);
    }
    let (mut keeper, tracker) = (open(Some(data.path()), config), tracker());
    for entry in &entries[..snapshot] {
        tracker.apply(entry);
    }
    let from = LogPosition::new(snapshot.try_into().unwrap());
    keeper.recall(&log, &tracker, from).unwrap();
    for entry in &entries[snapshot..] {
        apply(&mut keeper, &tracker, entry);
    }
    keeper.recalled(batches[crash - 1].at);
    keeper.settle(log.last());
    let (_, all) = logged(batches.to_vec());
    run(&mut keeper, &tracker, &all[crash..]);
    ids(&keeper)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// The same alerts are stored, each once, wherever the crash is and whichever snapshot the restart uses.
    #[test]
    fn a_crash_changes_nothing(
        steps in prop::collection::vec(any_batch(), 1..14),
        crash in any::<prop::sample::Index>(),
        snapshot in any::<prop::sample::Index>(),
        is_limited: bool,
    ) {
        let mut config = config();
        if is_limited {
            config.advcryptchange = "2/min,1/sec".to_owned();
            config.cryptodrop = "3/min,2/sec".to_owned();
        }
        let batches = batches(steps);
        let (mut keeper, tracker) = (open(None, &config), tracker());
        keeper.recall(&Log::in_memory(1), &tracker, LogPosition::START).unwrap();
        let (_, entries) = logged(batches.clone());
        run(&mut keeper, &tracker, &entries);
        let data = tempfile::tempdir().unwrap();
        let crash = crash.index(batches.len()) + 1;
        // A snapshot holds only batches whose alerts are stored.
        let snapshot = snapshot.index(crash);
        prop_assert_eq!(run_with_crash(&data, &config, &batches, crash, snapshot), ids(&keeper));
    }
}
