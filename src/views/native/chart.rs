//! The history of a device as a chart: its observations, counted by spans of time.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Utc, degrees};
use crate::log::HistoryPoint;
use crate::report::capabilities::SecurityClass;
use crate::report::{Dbm, Phy, Position, UnixTime};

/// Positions are counted together in cells of a thousandth of a degree, which is 111 m from south to north.
const PLACE_E7: i32 = 10_000;

/// How large a chart may become.
#[derive(Clone, Copy, Debug)]
pub struct ChartBounds {
    pub buckets_max: usize,
    /// Sources, places and channels in all buckets, and changes of the security, together.
    pub entries_max: usize,
}

/// Why a chart cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartTooLarge {
    Buckets,
    Entries,
}

/// The history of a device by time.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = History)]
pub struct HistoryChart {
    /// The length of each bucket, in seconds.
    bucket_s: u32,
    /// The radio technology of the device, as in the list of devices. Absent without observations.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    phy: Option<&'static str>,
    /// Spans of time with at least one observation, the oldest first.
    buckets: Vec<Bucket>,
    /// When the network said that its security is of another class than before, the oldest first; Wi-Fi only.
    security_changes: Vec<SecurityChange>,
    /// The charts of devices of other radio technologies that have the same address; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    others: Vec<HistoryChart>,
}

/// The observations of a span of time.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = HistoryBucket)]
struct Bucket {
    /// When it begins, in seconds since 1970: a multiple of the length.
    start: u64,
    /// The same, in ISO 8601.
    #[schema(value_type = String)]
    start_utc: Utc,
    #[serde(flatten)]
    all: Counts,
    /// The same by the UUID of the scanner.
    sources: BTreeMap<String, Counts>,
    /// The same by the place of the scanner, as far as it is known.
    places: Vec<Place>,
    /// The same by channel, as sent.
    channels: BTreeMap<String, Counts>,
}

/// How many observations there were, and how strong their signals.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = HistoryCounts)]
struct Counts {
    /// Observations, with a signal or without.
    count: u64,
    /// The weakest signal, in dBm.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    signal_min_dbm: Option<i16>,
    /// The mean of the signals, in dBm.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    signal_mean_dbm: Option<f64>,
    /// The strongest signal, in dBm.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    signal_max_dbm: Option<i16>,
}

/// The observations from near one place.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = HistoryPlace)]
struct Place {
    /// The mean of the positions in this cell of a thousandth of a degree, in degrees.
    lat: f64,
    /// Degrees.
    lon: f64,
    #[serde(flatten)]
    counts: Counts,
}

/// A change of a network's security.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = HistorySecurityChange)]
struct SecurityChange {
    /// When it was seen first, in seconds since 1970.
    time: u64,
    /// The same, in ISO 8601.
    #[schema(value_type = String)]
    time_utc: Utc,
    /// UUID of the scanner that saw it.
    source: String,
    /// The class before, such as `wpa2-personal`.
    before: &'static str,
    /// The class since then.
    after: &'static str,
}

/// Makes the charts of an address of points that come in the order of their times.
#[derive(Debug)]
pub struct ChartMaker([PhyChartMaker; Phy::ALL.len()]);

/// Makes the chart of one device.
#[derive(Debug)]
struct PhyChartMaker {
    phy: Phy,
    bucket_s: u32,
    bounds: ChartBounds,
    done: Vec<Bucket>,
    open: Option<OpenBucket>,
    changes: Vec<SecurityChange>,
    security: Option<SecurityClass>,
    entries: usize,
}

#[derive(Debug)]
struct OpenBucket {
    start: u32,
    all: Tally,
    sources: BTreeMap<String, Tally>,
    places: BTreeMap<(i32, i32), PlaceTally>,
    channels: BTreeMap<String, Tally>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    count: u64,
    signals: u32,
    signal_sum: i64,
    /// The weakest and the strongest.
    range: Option<(i16, i16)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct PlaceTally {
    tally: Tally,
    lat_e7_sum: i64,
    lon_e7_sum: i64,
}

impl HistoryChart {
    /// Whether there was no observation.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }
}

impl ChartMaker {
    /// Starts charts with buckets of `bucket_s` seconds, at least one. The bounds hold for each radio technology.
    pub fn new(bucket_s: u32, bounds: ChartBounds) -> Self {
        Self(Phy::ALL.map(|phy| PhyChartMaker::new(phy, bucket_s, bounds)))
    }

    /// Adds a point that is not earlier than those before it.
    pub fn add(&mut self, point: &HistoryPoint) -> Result<(), ChartTooLarge> {
        let mut makers = self.0.iter_mut();
        let maker = makers.find(|maker| maker.phy == point.phy);
        maker.map_or(Ok(()), |maker| maker.add(point))
    }

    /// The chart of all points of the first radio technology that has some, and the others beside it.
    pub fn finish(self) -> HistoryChart {
        let [empty, ..] = &self.0;
        let empty = HistoryChart {
            bucket_s: empty.bucket_s,
            phy: None,
            buckets: Vec::new(),
            security_changes: Vec::new(),
            others: Vec::new(),
        };
        let charts = self.0.into_iter().map(PhyChartMaker::finish);
        let mut charts = charts.filter(|chart| !chart.is_empty());
        let first = charts.next().unwrap_or(empty);
        HistoryChart {
            others: charts.collect(),
            ..first
        }
    }
}

impl PhyChartMaker {
    fn new(phy: Phy, bucket_s: u32, bounds: ChartBounds) -> Self {
        Self {
            phy,
            bucket_s: bucket_s.max(1),
            bounds,
            done: Vec::new(),
            open: None,
            changes: Vec::new(),
            security: None,
            entries: 0,
        }
    }

    fn add(&mut self, point: &HistoryPoint) -> Result<(), ChartTooLarge> {
        let start = point.key.time.seconds() / self.bucket_s * self.bucket_s;
        if self.open.as_ref().is_none_or(|open| open.start != start) {
            self.close();
            if self.bounds.buckets_max <= self.done.len() {
                return Err(ChartTooLarge::Buckets);
            }
        }
        let open = self.open.get_or_insert_with(|| OpenBucket::at(start));
        self.entries += open.add(point);
        if let Some(change) = change(&mut self.security, point) {
            self.changes.push(change);
            self.entries += 1;
        }
        if self.bounds.entries_max < self.entries {
            return Err(ChartTooLarge::Entries);
        }
        Ok(())
    }

    fn close(&mut self) {
        self.done.extend(self.open.take().map(Bucket::from));
    }

    fn finish(mut self) -> HistoryChart {
        self.close();
        HistoryChart {
            bucket_s: self.bucket_s,
            phy: Some(self.phy.name()),
            buckets: self.done,
            security_changes: self.changes,
            others: Vec::new(),
        }
    }
}

/// The change that a point shows. What says nothing of the security changes nothing.
fn change(known: &mut Option<SecurityClass>, point: &HistoryPoint) -> Option<SecurityChange> {
    let class = point
        .security
        .filter(|class| *class != SecurityClass::Unknown)?;
    let before = known.replace(class).filter(|before| *before != class)?;
    Some(SecurityChange {
        time: point.key.time.seconds().into(),
        time_utc: Utc(point.key.time),
        source: point.source.to_string(),
        before: before.as_str(),
        after: class.as_str(),
    })
}

/// A round length of buckets with which times from `first` to `last` fit, in seconds.
pub fn fitting_bucket_s(first: UnixTime, last: UnixTime, buckets_max: usize) -> u32 {
    const MINUTE: u32 = 60;
    const HOUR: u32 = 60 * MINUTE;
    const DAY: u32 = 24 * HOUR;
    const ROUND: [u32; 20] = [
        1,
        5,
        10,
        15,
        30,
        MINUTE,
        5 * MINUTE,
        10 * MINUTE,
        15 * MINUTE,
        30 * MINUTE,
        HOUR,
        3 * HOUR,
        6 * HOUR,
        12 * HOUR,
        DAY,
        7 * DAY,
        28 * DAY,
        91 * DAY,
        364 * DAY,
        3640 * DAY,
    ];
    let buckets_max = u32::try_from(buckets_max).unwrap_or(u32::MAX);
    let fits = |bucket_s: &u32| {
        let buckets = last.seconds() / bucket_s - (first.seconds() / bucket_s).min(last.seconds());
        buckets < buckets_max
    };
    // With this one, all times are in the first bucket.
    let all = last.seconds().saturating_add(1);
    ROUND.into_iter().find(fits).unwrap_or(all)
}

impl OpenBucket {
    fn at(start: u32) -> Self {
        Self {
            start,
            all: Tally::default(),
            sources: BTreeMap::new(),
            places: BTreeMap::new(),
            channels: BTreeMap::new(),
        }
    }

    /// Counts a point, and returns how many sources, places and channels are new.
    fn add(&mut self, point: &HistoryPoint) -> usize {
        let before = self.entries();
        self.all.add(point.signal);
        let source = self.sources.entry(point.source.to_string()).or_default();
        source.add(point.signal);
        if let Some(channel) = &point.channel {
            let channel = self
                .channels
                .entry(channel.as_str().to_owned())
                .or_default();
            channel.add(point.signal);
        }
        if let Some(position) = point.position {
            self.places
                .entry(cell(position))
                .or_default()
                .add(position, point.signal);
        }
        self.entries() - before
    }

    fn entries(&self) -> usize {
        self.sources.len() + self.places.len() + self.channels.len()
    }
}

fn cell(position: Position) -> (i32, i32) {
    (
        position.lat_e7().div_euclid(PLACE_E7),
        position.lon_e7().div_euclid(PLACE_E7),
    )
}

impl Tally {
    fn add(&mut self, signal: Option<Dbm>) {
        self.count += 1;
        let Some(signal) = signal.map(Dbm::get) else {
            return;
        };
        self.signals += 1;
        self.signal_sum += i64::from(signal);
        let (min, max) = self.range.unwrap_or((signal, signal));
        self.range = Some((min.min(signal), max.max(signal)));
    }
}

impl PlaceTally {
    fn add(&mut self, position: Position, signal: Option<Dbm>) {
        self.tally.add(signal);
        self.lat_e7_sum += i64::from(position.lat_e7());
        self.lon_e7_sum += i64::from(position.lon_e7());
    }
}

impl From<Tally> for Counts {
    fn from(tally: Tally) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            reason = "the sum of 2^32 signals fits in 53 bits"
        )]
        let mean = tally.signal_sum as f64 / f64::from(tally.signals);
        Self {
            count: tally.count,
            signal_min_dbm: tally.range.map(|(min, _)| min),
            signal_mean_dbm: tally.range.map(|_| mean),
            signal_max_dbm: tally.range.map(|(_, max)| max),
        }
    }
}

impl From<PlaceTally> for Place {
    fn from(place: PlaceTally) -> Self {
        let count = i64::try_from(place.tally.count).unwrap_or(i64::MAX).max(1);
        // The mean of numbers of 32 bits has as many.
        let mean = |sum: i64| degrees(i32::try_from(sum / count).unwrap_or_default());
        Self {
            lat: mean(place.lat_e7_sum),
            lon: mean(place.lon_e7_sum),
            counts: place.tally.into(),
        }
    }
}

impl From<OpenBucket> for Bucket {
    fn from(open: OpenBucket) -> Self {
        let counts = |tallies: BTreeMap<String, Tally>| {
            let tallies = tallies.into_iter();
            tallies.map(|(name, tally)| (name, tally.into())).collect()
        };
        Self {
            start: open.start.into(),
            start_utc: Utc(UnixTime::new(open.start)),
            all: open.all.into(),
            sources: counts(open.sources),
            places: open.places.into_values().map(Place::from).collect(),
            channels: counts(open.channels),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::log::ObservationKey;
    use crate::report::{Channel, SourceId};

    const BOUNDS: ChartBounds = ChartBounds {
        buckets_max: 100,
        entries_max: 100,
    };

    fn point(time: u32, signal: Option<f64>) -> HistoryPoint {
        HistoryPoint {
            key: ObservationKey {
                time: UnixTime::new(time),
                id: 1,
            },
            phy: Phy::Wifi,
            source: SourceId::new(Uuid::from_u128(1)),
            signal: signal.and_then(Dbm::from_wire),
            channel: None,
            position: None,
            security: None,
        }
    }

    fn made(
        bucket_s: u32,
        bounds: ChartBounds,
        points: &[HistoryPoint],
    ) -> Result<String, ChartTooLarge> {
        let mut maker = ChartMaker::new(bucket_s, bounds);
        points.iter().try_for_each(|point| maker.add(point))?;
        Ok(serde_json::to_string(&maker.finish()).unwrap())
    }

    #[test]
    fn a_bucket_has_counts_by_scanner_place_and_channel() {
        let near = |lat_e7, lon_e7| Position::from_fixed(lat_e7, lon_e7, None, 0);
        let points = [
            HistoryPoint {
                channel: Some(Channel::from_stored_text("6").unwrap()),
                position: near(-400_000_001, 79_999),
                ..point(119, Some(-60.0))
            },
            HistoryPoint {
                source: SourceId::new(Uuid::from_u128(2)),
                position: near(-400_000_003, 79_997),
                ..point(119, Some(-71.0))
            },
            HistoryPoint {
                position: near(-400_000_003, 80_000),
                ..point(120, None)
            },
        ];
        assert_eq!(
            made(60, BOUNDS, &points).unwrap(),
            concat!(
                r#"{"bucket_s":60,"phy":"IEEE802.11","buckets":[{"start":60,"start_utc":"1970-01-01T00:01:00Z","count":2,"signal_min_dbm":-71,"#,
                r#""signal_mean_dbm":-65.5,"signal_max_dbm":-60,"sources":{"#,
                r#""00000000-0000-0000-0000-000000000001":{"count":1,"signal_min_dbm":-60,"signal_mean_dbm":-60.0,"signal_max_dbm":-60},"#,
                r#""00000000-0000-0000-0000-000000000002":{"count":1,"signal_min_dbm":-71,"signal_mean_dbm":-71.0,"signal_max_dbm":-71}},"#,
                r#""places":[{"lat":-40.0000002,"lon":0.0079998,"count":2,"signal_min_dbm":-71,"signal_mean_dbm":-65.5,"signal_max_dbm":-60}],"#,
                r#""channels":{"6":{"count":1,"signal_min_dbm":-60,"signal_mean_dbm":-60.0,"signal_max_dbm":-60}}},"#,
                r#"{"start":120,"start_utc":"1970-01-01T00:02:00Z","count":1,"sources":{"00000000-0000-0000-0000-000000000001":{"count":1}},"#,
                r#""places":[{"lat":-40.0000003,"lon":0.008,"count":1}],"channels":{}}],"security_changes":[]}"#,
            )
        );
    }

    #[test]
    fn each_radio_technology_has_a_chart_of_its_own() {
        let bluetooth = |time| HistoryPoint {
            phy: Phy::Bluetooth,
            ..point(time, None)
        };
        let chart = |points: &[HistoryPoint]| -> serde_json::Value {
            serde_json::from_str(&made(60, BOUNDS, points).unwrap()).unwrap()
        };
        let both = chart(&[bluetooth(1), point(2, None), bluetooth(3)]);
        assert_eq!(
            (&both["phy"], &both["buckets"][0]["count"]),
            (&"IEEE802.11".into(), &1.into())
        );
        let other = &both["others"][0];
        assert_eq!(
            (&other["phy"], &other["buckets"][0]["count"]),
            (&"Bluetooth".into(), &2.into())
        );
        assert_eq!(other.get("others"), None);
        let one = chart(&[bluetooth(1)]);
        assert_eq!(
            (&one["phy"], one.get("others")),
            (&"Bluetooth".into(), None)
        );
        assert_eq!(chart(&[]).get("phy"), None);
    }

    #[test]
    fn the_security_changes_when_another_class_is_seen() {
        let classes = [
            None,
            Some(SecurityClass::Wpa2Personal),
            Some(SecurityClass::Unknown),
            None,
            Some(SecurityClass::Wpa2Personal),
            Some(SecurityClass::Open),
            Some(SecurityClass::Open),
            Some(SecurityClass::Wpa2Personal),
        ];
        let mut maker = ChartMaker::new(60, BOUNDS);
        for (time, security) in (1..).zip(classes) {
            let point = HistoryPoint {
                security,
                ..point(time, None)
            };
            maker.add(&point).unwrap();
        }
        let changes = maker.finish().security_changes;
        let changes: Vec<_> = changes
            .iter()
            .map(|change| (change.time, change.before, change.after))
            .collect();
        assert_eq!(
            changes,
            [(6, "wpa2-personal", "open"), (8, "open", "wpa2-personal")]
        );
    }

    #[test]
    fn the_bounds_hold_at_and_one_past() {
        let points: Vec<_> = (0..11).map(|n| point(n * 60, None)).collect();
        let bounds = ChartBounds {
            buckets_max: 10,
            entries_max: 11,
        };
        assert!(made(60, bounds, &points[..10]).is_ok());
        assert_eq!(made(60, bounds, &points), Err(ChartTooLarge::Buckets));
        let bounds = ChartBounds {
            buckets_max: 11,
            entries_max: 10,
        };
        assert!(made(60, bounds, &points[..10]).is_ok());
        assert_eq!(made(60, bounds, &points), Err(ChartTooLarge::Entries));
    }

    #[test]
    fn the_length_that_fits_is_round_and_fits() {
        #[track_caller]
        fn check(first: u32, last: u32, buckets_max: usize, expected: u32) {
            let (first, last) = (UnixTime::new(first), UnixTime::new(last));
            assert_eq!(fitting_bucket_s(first, last, buckets_max), expected);
        }
        check(0, 9, 10, 1);
        check(0, 10, 10, 5);
        check(1_700_000_000, 1_700_086_400, 24, 3600 * 3);
        check(1_700_000_000, 1_700_086_400, 25, 3600);
        check(0, u32::MAX, 1, u32::MAX);
        // Both sides of the start of a day.
        check(86_399, 86_400, 1, 7 * 86_400);
    }
}
