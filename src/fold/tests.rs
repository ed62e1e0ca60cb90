//! The judge alone, and the whole fold over restarts.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::alerts::WatchList;
use crate::alerts::settings::{Network, Settings};
use crate::ingest::recover::recover;
use crate::log::{
    AlertKind, AlertOrder, AlertRate, Expiry, HandRaised, Record, Resendable, SourceForget,
    SourceName, SourcePause, SourceState, WatchOrder,
};
use crate::report::{
    Annotation, Batch, BatchIdentity, Bssid, Capabilities, DeviceId, MacAddr, Phy, Remark, Report,
    Sighting, SourceId, Ssid, UnixTime, WifiSighting,
};
use crate::snapshot::Snapshots;
use crate::tracker::{Bounds, Walk};

const DAY: Duration = Duration::from_secs(86_400);

fn source(number: u128) -> SourceId {
    SourceId::new(Uuid::from_u128(number))
}

/// A batch without reports. The key 0 is none.
fn batch(from: u128, key: u8, seconds: u64) -> Record {
    let batch = Batch {
        source: source(from),
        source_name: None,
        technology: None,
        identity: (key != 0).then(|| BatchIdentity::of_key(source(from), &[key])),
        reports: Vec::new(),
        rejected: Vec::new(),
    };
    let at = ReceivedAt::from_micros(seconds * 1_000_000);
    Record::new(Uuid::nil(), at, What::Reports(batch))
}

fn judge(batches_max: usize, age_max: Duration, sources_max: usize) -> Judge {
    let window = ResendWindow {
        batches_max,
        age_max,
    };
    let past = Resendable::default();
    Judge::new(window, LogPosition::START, past, [], sources_max)
}

fn apply(position: u64) -> Verdict {
    Verdict::Apply(LogPosition::new(position))
}

fn duplicate_of(position: u64) -> Verdict {
    Verdict::DuplicateOf(LogPosition::new(position))
}

/// How many of ten batches, one each second, are recognised in the last second.
#[track_caller]
fn check_recognised(batches_max: usize, age_s: u64, expected: u8) {
    let mut judge = judge(batches_max, Duration::from_secs(age_s), 9);
    for key in 1..=10 {
        assert_eq!(judge.judge(&batch(1, key, key.into())), apply(key.into()));
        judge.confirm();
    }
    for key in 1..=10 {
        let is_recognised = judge.judge(&batch(1, key, 10)) == duplicate_of(key.into());
        judge.revert();
        assert_eq!(is_recognised, 10 - expected < key, "{key}");
    }
}

#[test]
fn the_window_is_bounded_by_count_and_by_age() {
    check_recognised(10, 100, 10);
    check_recognised(3, 100, 3);
    check_recognised(10, 4, 5);
    check_recognised(10, 0, 1);
    check_recognised(0, 4, 0);
}

#[test]
fn the_clock_is_the_logs_and_goes_only_forwards() {
    let mut judge = judge(10, Duration::from_secs(4), 9);
    assert_eq!(judge.judge(&batch(1, 1, 100)), apply(1));
    // This one came at 90 by a clock that was set back: for the log it is 100.
    assert_eq!(judge.judge(&batch(1, 2, 90)), apply(2));
    assert_eq!(judge.judge(&batch(1, 2, 104)), duplicate_of(2));
    // A duplicate is not logged, so it does not move the clock.
    assert_eq!(judge.judge(&batch(1, 1, 90)), duplicate_of(1));
    assert_eq!(judge.judge(&batch(1, 1, 105)), apply(3));
    assert_eq!(judge.judge(&batch(1, 1, 90)), duplicate_of(3));
    assert_eq!(judge.judge(&batch(1, 2, 90)), apply(4), "now it is 105");
}

#[test]
fn what_the_log_refused_was_never_judged() {
    let mut judge = judge(10, DAY, 2);
    let refused = Verdict::Refused(TooManySources { max: 2 });
    assert_eq!(judge.judge(&batch(1, 1, 100)), apply(1));
    judge.confirm();
    for _ in 0..2 {
        assert_eq!(judge.judge(&batch(2, 1, 900_000)), apply(2));
        assert_eq!(judge.judge(&batch(1, 1, 900_000)), apply(3), "too old");
        assert_eq!(judge.judge(&batch(3, 0, 900_000)), refused);
        judge.revert();
        assert_eq!(judge.judge(&batch(1, 1, 100)), duplicate_of(1));
    }
    assert_eq!(judge.judge(&batch(3, 0, 100)), apply(2));
    assert_eq!(judge.judge(&batch(2, 0, 100)), refused);
}

/// A whole server without its threads. One that never stops needs no data directory.
struct Node {
    log: Log,
    state: Option<State>,
    data: Option<TempDir>,
}

/// What is gone after a crash.
struct State {
    fold: Fold,
    judge: Judge,
    snapshots: Option<Snapshots>,
}

const BOUNDS: Bounds = Bounds {
    sources_max: 3,
    devices_max: 3,
    ..Bounds::FOR_TESTS
};

const WINDOW: ResendWindow = ResendWindow {
    batches_max: 5,
    age_max: Duration::from_secs(8),
};

/// Rules of each sort, and room for few kinds of alerts and watched addresses.
fn rules() -> Settings {
    let often = || "1000000/day,1000000/sec".to_owned();
    let network = |ssid: &str| Network {
        name: "rule".to_owned(),
        ssid: ssid.to_owned(),
    };
    Settings {
        ssidcanary: often(),
        ssidcanary_networks: vec![network("^net1$")],
        cryptodrop: "3/min,2/sec".to_owned(),
        advcryptchange: often(),
        eviltwin: often(),
        eviltwin_networks: vec![network("net")],
        weakcrypto: often(),
        weakcrypto_networks: vec![network("net0")],
        devicefound: often(),
        devicefound_timeout: Duration::from_secs(4),
        devicelost: often(),
        devicelost_timeout: Duration::from_secs(4),
        definitions_max: 2,
        watched_max: 2,
        ..Settings::default()
    }
}

/// Its crashes end no process, so nothing has to be synced.
fn log_on_disk(data: &Path) -> Log {
    let log = Log::in_directory(data).unwrap();
    log.skip_syncs();
    log
}

impl Node {
    /// A server on a data directory, which can be restarted.
    fn on_disk() -> Self {
        let data = tempfile::tempdir().unwrap();
        Self::begin(log_on_disk(data.path()), Some(data))
    }

    fn in_memory() -> Self {
        Self::begin(Log::in_memory(0), None)
    }

    fn begin(log: Log, data: Option<TempDir>) -> Self {
        let state = None;
        let mut node = Self { log, state, data };
        node.start(ReceivedAt::default());
        node
    }

    /// Forgets everything that is not on disk, and starts again.
    fn restart(&mut self, now: ReceivedAt) {
        self.state = None;
        // The log is locked until it is dropped.
        self.log = Log::in_memory(0);
        self.log = log_on_disk(self.data.as_ref().unwrap().path());
        self.start(now);
    }

    /// Starts as the server does.
    fn start(&mut self, now: ReceivedAt) {
        let data = self.data.as_ref().map(TempDir::path);
        let alerts = AlertKeeper::open(data, &rules(), self.log.server_uuid()).unwrap();
        alerts.skip_syncs();
        let tracker = Arc::new(Tracker::new(BOUNDS));
        let mut fold = Fold::new(tracker, alerts, Events::new(8));
        let recovered = recover(&self.log, (data, false), &mut fold, now, || true);
        self.state = Some(State {
            judge: fold.judge(&self.log, WINDOW).unwrap(),
            fold,
            snapshots: recovered.unwrap().unwrap().snapshots,
        });
    }

    fn state(&mut self) -> &mut State {
        self.state.as_mut().unwrap()
    }

    /// Judges, logs and folds a record, unless it crashes before it folds it, or before it keeps the alerts.
    fn take(&mut self, record: Record, crash: Option<Crash>) -> (Verdict, Option<AlertOrderError>) {
        let at = record.at;
        let State { fold, judge, .. } = self.state.as_mut().unwrap();
        let verdict = judge.judge(&record);
        let Verdict::Apply(position) = verdict else {
            return (verdict, None);
        };
        let entry = self.log.append(vec![record]).unwrap().remove(0);
        assert_eq!(entry.position, position);
        judge.confirm();
        let mut outcome = Outcome::default();
        if crash != Some(Crash::BeforeFold) {
            outcome = fold.apply(&entry);
        }
        if crash.is_some() {
            self.restart(at);
        } else {
            fold.settle(position);
        }
        (verdict, outcome.refused)
    }

    /// All that can be seen, and how the batches of the window would be judged now.
    fn seen(&mut self, now_s: u64) -> Vec<String> {
        // The alerts of a server begin with its identity.
        let origin = format!("{:08x}", self.log.server_uuid().as_fields().0);
        let State { fold, judge, .. } = self.state();
        let mut walk = Walk::over_changed(UnixTime::new(0));
        let tracker = fold.tracker();
        let devices: Vec<_> =
            std::iter::from_fn(|| tracker.next_devices(&mut walk, 99, |_| true)).collect();
        let alerts = fold.alerts.store();
        let raised: Vec<_> = alerts
            .after(0, usize::MAX)
            .iter()
            .map(|alert| format!("{alert:?}").replace(&origin, "origin"))
            .collect();
        let definitions: BTreeSet<_> = alerts
            .definitions()
            .into_iter()
            .map(|definition| definition.header)
            .collect();
        let watched = [WatchList::Found, WatchList::Lost].map(|list| {
            let watched = alerts.watched(list);
            let masks = watched.all().iter().map(ToString::to_string);
            masks.collect::<BTreeSet<_>>()
        });
        let verdicts: Vec<_> = (0..4)
            .flat_map(|from| (0..6).map(move |key| (from, key)))
            .map(|(from, key)| {
                let verdict = judge.judge(&batch(from, key, now_s));
                judge.revert();
                verdict
            })
            .collect();
        vec![
            format!("{devices:#?}"),
            format!("{:#?}", tracker.sources()),
            format!("{:?}", tracker.paused().iter().collect::<BTreeSet<_>>()),
            format!("{raised:#?}"),
            format!("{definitions:?}"),
            format!("{watched:?}"),
            format!("{verdicts:?}"),
        ]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crash {
    BeforeFold,
    BeforeSettle,
}

#[derive(Clone, Debug)]
enum Step {
    /// Seconds since the one before, what it says, and whether the server crashes over it.
    Take(i64, Said, Option<Crash>),
    Snapshot {
        of_everything: bool,
    },
    /// A crash while nothing is under way.
    Restart,
    /// Reports that are older than a few seconds go from the log.
    Expire,
}

#[derive(Clone, Debug)]
enum Said {
    /// A source, a key, and reports: device, network, security, age in seconds.
    Reports(u128, u8, Vec<(u64, u8, usize, u32)>),
    Name(u64, u8),
    Pause(u128, bool),
    Forget(u128),
    /// A name for a source. The name 0 is the empty one.
    Rename(u128, u8),
    Define(u8),
    Watch(u64, bool, bool, bool),
    Raise(u8),
}

fn any_said() -> impl Strategy<Value = Said> {
    let report = (0..4u64, 0..3u8, 0..6usize, 0..12u32);
    let reports = prop::collection::vec(report, 0..4);
    prop_oneof![
        8 => (0..5u128, 0..6u8, reports).prop_map(|(from, key, reports)| Said::Reports(from, key, reports)),
        1 => (0..4u64, 0..3u8).prop_map(|(device, name)| Said::Name(device, name)),
        1 => (0..4u128, any::<bool>()).prop_map(|(from, is_paused)| Said::Pause(from, is_paused)),
        1 => (0..5u128).prop_map(Said::Forget),
        2 => (0..5u128, 0..3u8).prop_map(|(from, name)| Said::Rename(from, name)),
        1 => (0..4u8).prop_map(Said::Define),
        2 => (0..4u64, any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(device, found, lost, is_watched)| Said::Watch(device, found, lost, is_watched)),
        1 => (0..4u8).prop_map(Said::Raise),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let crash = prop_oneof![
        6 => Just(None),
        1 => Just(Some(Crash::BeforeFold)),
        1 => Just(Some(Crash::BeforeSettle)),
    ];
    prop_oneof![
        10 => (-1..5i64, any_said(), crash).prop_map(|(after_s, said, crash)| Step::Take(after_s, said, crash)),
        2 => any::<bool>().prop_map(|of_everything| Step::Snapshot { of_everything }),
        1 => Just(Step::Restart),
        1 => Just(Step::Expire),
    ]
}

fn addr(device: u64) -> MacAddr {
    MacAddr::from_u64(0x0200_0000_0000 + device).unwrap()
}

fn header(kind: u8) -> Box<str> {
    format!("KIND{kind}").into()
}

fn report(device: u64, network: u8, security: usize, seconds: u64) -> Report {
    let texts = [
        "[ESS]",
        "[WPA2-PSK-CCMP][ESS]",
        "[RSN-SAE-CCMP][ESS]",
        "[WPA2-PSK-CCMP][RSN-PSK+SAE-CCMP][ESS][MFPC]",
        "[WPA2-PSK-CCMP][RSN-PSK-CCMP][ESS]",
        "WPA2-Personal",
    ];
    Report {
        time: UnixTime::new(u32::try_from(seconds).unwrap()),
        signal: None,
        frequency: None,
        channel: None,
        position: None,
        accuracy: None,
        tags: Vec::new(),
        sighting: Sighting::Wifi(WifiSighting {
            bssid: Bssid::try_from(addr(device)).unwrap(),
            ssid: Ssid::try_from(format!("net{network}").as_bytes()).unwrap(),
            capabilities: Some(Capabilities::from(texts[security])),
            width: None,
            center0_mhz: None,
            center1_mhz: None,
            ie_tags: None,
        }),
    }
}

fn record(said: &Said, seconds: u64) -> Record {
    let what = match said {
        Said::Reports(from, key, reports) => {
            let mut record = batch(*from, *key, seconds);
            if let What::Reports(batch) = &mut record.what {
                batch.source_name = (*key != 0).then(|| format!("phone {key}").into());
                batch.reports = reports
                    .iter()
                    .map(|&(device, network, security, ago)| {
                        report(device, network, security, seconds - u64::from(ago))
                    })
                    .collect();
            }
            return record;
        }
        Said::Name(device, name) => What::Annotation(Annotation {
            device: DeviceId {
                phy: Phy::Wifi,
                addr: addr(*device),
            },
            remark: Remark::Name(name.to_string().into()),
        }),
        Said::Pause(from, is_paused) => What::SourcePause(SourcePause {
            source: source(*from),
            state: if *is_paused {
                SourceState::Paused
            } else {
                SourceState::Open
            },
        }),
        Said::Forget(from) => What::SourceForget(SourceForget {
            source: source(*from),
        }),
        Said::Rename(from, name) => What::SourceName(SourceName {
            source: source(*from),
            name: match name {
                0 => "".into(),
                name => format!("place {name}").into(),
            },
        }),
        Said::Define(kind) => What::AlertOrder(AlertOrder::Define(AlertKind {
            header: header(*kind),
            class: "OTHER".into(),
            severity: "low".into(),
            description: "".into(),
            phy: None,
            rate: AlertRate {
                count: 3,
                seconds: 60,
            },
            burst: AlertRate {
                count: 1,
                seconds: 1,
            },
        })),
        Said::Watch(device, found, lost, is_watched) => {
            What::AlertOrder(AlertOrder::Watch(WatchOrder {
                found: *found,
                lost: *lost,
                masks: vec![addr(*device).to_string().parse().unwrap()],
                is_watched: *is_watched,
            }))
        }
        Said::Raise(kind) => What::AlertOrder(AlertOrder::Raise(Box::new(HandRaised {
            id: format!("{seconds}").into(),
            header: header(*kind),
            text: "".into(),
            seen: None,
            device: None,
            scanner: None,
            addresses: [addr(0); 4],
            channel: None,
        }))),
    };
    let at = ReceivedAt::from_micros(seconds * 1_000_000);
    Record::new(Uuid::nil(), at, what)
}

/// Runs the steps on a server that crashes and is started again, and on one that never stops, and compares them.
fn compare(steps: &[Step]) -> Result<(), TestCaseError> {
    let (mut whole, mut rebuilt) = (Node::in_memory(), Node::on_disk());
    let mut now_s = 1_700_000_000_u64;
    // A start counts the time since the last record as time without a server. A crash takes none here.
    let mut logged_s = 0;
    for step in steps {
        match step {
            Step::Take(after_s, said, crash) => {
                now_s = now_s.saturating_add_signed(*after_s);
                let record = record(said, now_s);
                let (expected, refused) = whole.take(record.clone(), None);
                let (verdict, its_refused) = rebuilt.take(record, *crash);
                if matches!(verdict, Verdict::Apply(_)) {
                    logged_s = now_s;
                }
                prop_assert_eq!(verdict, expected);
                // Nobody is left to be told.
                prop_assert!(crash.is_some() || its_refused == refused);
            }
            // There is nothing to write of an empty log.
            Step::Snapshot { .. } if rebuilt.log.last() == LogPosition::START => {}
            Step::Snapshot { of_everything } => {
                let State {
                    fold, snapshots, ..
                } = rebuilt.state();
                let alerts = fold.alerts.store();
                snapshots
                    .as_mut()
                    .unwrap()
                    .take(fold.tracker(), *of_everything, |position| {
                        alerts.has_settled(position)
                    })
                    .unwrap();
            }
            Step::Restart => rebuilt.restart(ReceivedAt::from_micros(logged_s * 1_000_000)),
            Step::Expire => {
                let State {
                    judge, snapshots, ..
                } = rebuilt.state.as_ref().unwrap();
                let expiry = Expiry {
                    received_before: ReceivedAt::from_micros((now_s - 4) * 1_000_000),
                    by_source: Vec::new(),
                    size_max_bytes: u64::MAX,
                    observations_min: 0,
                    is_trial: false,
                    up_to: snapshots.as_ref().unwrap().safe_position(),
                    remembered_from: judge.oldest_recognised(),
                };
                while !rebuilt.log.expire(&expiry).unwrap().is_done {}
            }
        }
    }
    for (one, other) in rebuilt.seen(now_s).iter().zip(whole.seen(now_s)) {
        prop_assert_eq!(one, &other);
    }
    for node in [&whole, &rebuilt] {
        let tracker = node.state.as_ref().unwrap().fold.tracker();
        let mut unused = tracker.sources();
        unused.retain(|source| source.devices == 0);
        unused.sort_by_key(|source| (source.last_contact, source.number));
        let unused: Vec<_> = unused.into_iter().map(|source| source.id).collect();
        prop_assert_eq!(tracker.unused_sources(usize::MAX, |_, _| true), unused);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Wherever it crashes, and whichever snapshot it starts from, a server has the state of one that never stopped.
    #[test]
    fn a_rebuilt_fold_is_the_one_that_never_stopped(steps in prop::collection::vec(any_step(), 1..40)) {
        compare(&steps)?;
    }
}

fn reports(reports: Vec<(u64, u8, usize, u32)>) -> Said {
    Said::Reports(0, 0, reports)
}

/// An alert named the access point that came last, which devices do not tell after a start.
#[test]
fn an_evil_twin_is_named_alike_after_a_start() {
    let steps = [
        Step::Take(0, reports(vec![(2, 2, 0, 0)]), None),
        Step::Take(0, reports(vec![(1, 2, 0, 0)]), None),
        Step::Snapshot {
            of_everything: false,
        },
        Step::Restart,
        Step::Take(0, reports(vec![(0, 2, 1, 0)]), None),
    ];
    compare(&steps).unwrap();
}

/// A device that was there before it was watched could be lost after a start, and not without one.
#[test]
fn a_device_that_is_there_when_it_is_watched_can_be_lost() {
    let steps = [
        Step::Take(0, reports(vec![(0, 0, 0, 0)]), None),
        Step::Take(1, Said::Watch(0, false, true, true), None),
        Step::Take(4, reports(Vec::new()), Some(Crash::BeforeFold)),
    ];
    compare(&steps).unwrap();
}

/// The expired record carried the log's clock, which decides on those that came after it with an earlier time.
#[test]
fn the_clock_outlives_the_records_that_set_it() {
    let snapshot = Step::Snapshot {
        of_everything: true,
    };
    let mut steps = vec![Step::Take(100, reports(Vec::new()), None)];
    steps.push(Step::Take(-60, Said::Reports(0, 1, Vec::new()), None));
    for _ in 0..3 {
        steps.extend([Step::Take(1, Said::Name(0, 0), None), snapshot.clone()]);
    }
    steps.extend([
        Step::Take(64, Said::Name(0, 0), None),
        Step::Expire,
        Step::Restart,
    ]);
    compare(&steps).unwrap();
}
