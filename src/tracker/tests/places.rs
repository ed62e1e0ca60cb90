//! Tiles, compared with a slow counter that knows neither the index nor its codes.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::f64::consts::PI;
use std::ops::RangeInclusive;

use super::*;
use crate::report::capabilities::{Security, SecurityClass};
use crate::report::{Band, BluetoothAddr, BluetoothSighting};

const ZOOMS: [u8; 7] = [0, 1, 3, 9, 14, 18, 22];
const CAPABILITIES: [&str; 4] = ["[ESS]", "[WEP][ESS]", "[WPA2-PSK-CCMP][ESS]", ""];
const CHANNELS: [Option<&str>; 4] = [Some("6"), Some("36"), Some("149"), None];
/// Around these, at a crossing of tiles, at the date line, beyond the edges of the map.
const CENTRES: [(f64, f64); 6] = [
    (52.5, 13.4),
    (-33.9, 151.2),
    (0.000_002, -0.000_003),
    (12.0, 179.999_9),
    (86.0, -180.0),
    (-89.9, 45.0),
];

#[derive(Clone, Debug)]
enum Step {
    /// Reports of so many devices from this one on.
    Report {
        first: u16,
        count: u16,
        seed: u32,
        centre: usize,
        /// Devices are so far from each other, in 10⁻⁷ degrees.
        spread_e7: i32,
    },
    /// All tiles of some zooms.
    Look(Choice),
    /// A new index, with a report of each of these devices between any two steps of it.
    Build {
        first: u16,
        seed: u32,
        spread_e7: i32,
    },
    /// A new index that is given up after so many steps.
    GiveUp { after: usize },
    /// A start from an image.
    Restart,
}

/// Which devices are looked at.
#[derive(Clone, Debug)]
struct Choice {
    /// Those whose number and last time have a sum that divides by this.
    divisor: u16,
    classes: Option<Vec<SecurityClass>>,
    bands: Option<Vec<Band>>,
    phys: Option<Vec<Phy>>,
    seen: Option<RangeInclusive<UnixTime>>,
}

impl Choice {
    const ALL: Self = Self {
        divisor: 1,
        classes: None,
        bands: None,
        phys: None,
        seen: None,
    };

    /// What no index knows, and changes with most reports.
    fn has_by_itself(&self, device: &Device) -> bool {
        let sum = u32::from(number_of(device)) + device.last_time.seconds();
        sum.is_multiple_of(self.divisor.into())
    }

    fn has(&self, device: &Device) -> bool {
        let class = device
            .security()
            .map_or(SecurityClass::Unknown, Security::class);
        let band = device.tuning().band();
        let is_of_band = |bands: &Vec<Band>| band.is_some_and(|band| bands.contains(&band));
        self.has_by_itself(device)
            && self
                .classes
                .as_ref()
                .is_none_or(|classes| classes.contains(&class))
            && self.bands.as_ref().is_none_or(is_of_band)
            && self
                .phys
                .as_ref()
                .is_none_or(|phys| phys.contains(&device.id.phy))
            && self
                .seen
                .as_ref()
                .is_none_or(|seen| seen.contains(&device.last_time))
    }
}

fn choice() -> impl Strategy<Value = Choice> {
    let some = |all: &'static [SecurityClass]| prop::sample::subsequence(all, 1..=all.len());
    let classes = prop::option::weighted(
        0.4,
        some(&[
            SecurityClass::Unknown,
            SecurityClass::Open,
            SecurityClass::Wep,
        ]),
    );
    let bands = prop::sample::subsequence(Band::ALL.to_vec(), 1..=2);
    let phys = prop::sample::subsequence(Phy::ALL.to_vec(), 1..=2);
    let seen = (1000..1256_u32, 0..200_u32)
        .prop_map(|(since, length)| UnixTime::new(since)..=UnixTime::new(since + length));
    (
        prop::sample::select(vec![1_u16, 1, 1, 2, 7]),
        classes,
        prop::option::weighted(0.3, bands),
        prop::option::weighted(0.3, phys),
        prop::option::weighted(0.3, seen),
    )
        .prop_map(|(divisor, classes, bands, phys, seen)| Choice {
            divisor,
            classes,
            bands,
            phys,
            seen,
        })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let report = (
        0_u16..2500,
        1_u16..1500,
        any::<u32>(),
        0..CENTRES.len(),
        prop::sample::select(vec![0, 1, 50, 10_000, 500_000]),
    );
    let report = report.prop_map(|(first, count, seed, centre, spread_e7)| Step::Report {
        first,
        count,
        seed,
        centre,
        spread_e7,
    });
    let moving = (
        0_u16..2500,
        any::<u32>(),
        prop::sample::select(vec![50, 500_000]),
    );
    let build = moving.prop_map(|(first, seed, spread_e7)| Step::Build {
        first,
        seed,
        spread_e7,
    });
    let step = prop_oneof![
        5 => report,
        2 => choice().prop_map(Step::Look),
        1 => build,
        1 => (0..150_usize).prop_map(|after| Step::GiveUp { after }),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 2..8)
}

fn id(number: u16) -> DeviceId {
    let [high, low] = number.to_be_bytes();
    let addr = MacAddr::new([0x02, 0, 0, 0, high, low]);
    // Some are Bluetooth devices.
    let phy = if number.is_multiple_of(11) {
        Phy::Bluetooth
    } else {
        Phy::Wifi
    };
    DeviceId { phy, addr }
}

fn number_of(device: &Device) -> u16 {
    let [.., high, low] = device.id.addr.octets();
    u16::from_be_bytes([high, low])
}

/// A report of a device somewhere. Some have no position, and some no signal.
fn report_of(number: u16, seed: u32, centre: (f64, f64), spread_e7: i32) -> Report {
    let mixed = (u64::from(seed) << 16 | u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let [a, b, c, d, ..] = mixed.to_be_bytes();
    let offset = |octet: u8| f64::from(spread_e7 * (i32::from(octet % 16) - 8)) / 1e7;
    let lat = (centre.0 + offset(a)).clamp(-90.0, 90.0);
    let lon = (centre.1 + offset(b)).clamp(-180.0, 180.0);
    let mut report = report(0, 1000 + u32::from(c));
    report.position = (c % 8 != 0)
        .then(|| Position::from_wire(Some(lat), Some(lon), None, None).unwrap())
        .flatten();
    report.signal = (d % 8 != 0).then(|| Dbm::from_wire(f64::from(d) / 2.0 - 140.0).unwrap());
    report.channel =
        CHANNELS[usize::from(a % 4)].map(|channel| Channel::from_wire(channel).unwrap().unwrap());
    let id = id(number);
    match (&mut report.sighting, id.phy) {
        (Sighting::Wifi(wifi), Phy::Wifi) => {
            wifi.bssid = Bssid::try_from(id.addr).unwrap();
            let capabilities = CAPABILITIES[usize::from(d % 4)];
            wifi.capabilities = (!capabilities.is_empty()).then(|| capabilities.into());
        }
        (sighting, _) => {
            *sighting = Sighting::Bluetooth(Box::new(BluetoothSighting {
                addr: BluetoothAddr::try_from(id.addr).unwrap(),
                name: None,
                device_type: None,
                tx_power_dbm: None,
                path_loss_db: None,
                scan_data: Box::default(),
                service_data: Vec::new(),
            }));
        }
    }
    report
}

/// Column and row of a square, by the textbook's formula.
fn square(zoom: u8, (lat, lon): (f64, f64)) -> (u64, u64) {
    let count = f64::from(zoom).exp2();
    let lat = lat
        .clamp(-85.051_128_779_806_6, 85.051_128_779_806_6)
        .to_radians();
    let x = (lon + 180.0) / 360.0 * count;
    let y = (1.0 - (lat.tan() + 1.0 / lat.cos()).ln() / PI) / 2.0 * count;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and less than 2 to the power of 27"
    )]
    let at = |share: f64| share.clamp(0.0, count - 1.0) as u64;
    (at(x), at(y))
}

/// Counts of a cell, by its column and row in the tile.
type Counts = BTreeMap<(u64, u64), (u32, Option<i16>, BTreeMap<&'static str, u32>)>;

fn count_slowly(tile: (u64, u64), zoom: u8, devices: &[&Device]) -> Counts {
    let mut counts = Counts::new();
    for device in devices {
        let mean = device.place.as_ref().unwrap().mean_degrees();
        let (x, y) = square(zoom + 5, mean);
        let cell = counts
            .entry((x - tile.0 * 32, y - tile.1 * 32))
            .or_default();
        cell.0 += 1;
        cell.1 = cell.1.max(device.signal.map(|signal| signal.max.get()));
        let class = device
            .security()
            .map_or(SecurityClass::Unknown, Security::class);
        *cell.2.entry(class.as_str()).or_default() += 1;
    }
    counts
}

fn counts_of(cells: &[TileCell]) -> Counts {
    let of_cell = |cell: &TileCell| {
        let (x, y) = cell.middle();
        let classes = cell.classes().map(|(class, count)| (class.as_str(), count));
        let classes: BTreeMap<_, _> = classes.collect();
        assert_eq!((x % 128, y % 128), (64, 64));
        assert_eq!(classes.values().sum::<u32>(), cell.count());
        let place = ((x / 128).into(), (y / 128).into());
        (place, (cell.count(), cell.strongest_dbm(), classes))
    };
    let counts: Counts = cells.iter().map(of_cell).collect();
    assert_eq!(counts.len(), cells.len());
    counts
}

fn read_tile(tracker: &Tracker, tile: TileId, choice: &Choice) -> TileContent {
    let mut traits = TraitSet::ALL;
    if let Some(classes) = &choice.classes {
        traits = traits.of_classes(classes);
    }
    if let Some(bands) = &choice.bands {
        traits = traits.of_bands(bands);
    }
    if let Some(phys) = &choice.phys {
        traits = traits.of_phys(phys);
    }
    let (name, test) = (choice.divisor.to_string(), |device: &Device| {
        choice.has_by_itself(device)
    });
    let wanted = Wanted {
        name: &name,
        test: &test,
    };
    let filter = TileFilter {
        traits,
        seen: choice.seen.clone(),
        wanted: (choice.divisor != 1).then_some(wanted),
    };
    let Ok(content) = tracker.tile(tile, &filter, || Ok::<_, Infallible>(()));
    content
}

fn follow(tracker: &Tracker) {
    let Ok(()) = tracker.follow_places(|| Ok::<_, Infallible>(()));
    assert_eq!(tracker.places_as_of(), Some(tracker.latest_change()));
}

/// Builds the index, with reports between.
fn build(folded: Folded, first: u16, seed: u32, spread_e7: i32) -> Folded {
    let folded = RefCell::new(folded);
    let tracker = Arc::clone(&folded.borrow().tracker);
    let mut number = first;
    let Ok(()) = tracker.build_places(&mut || {
        let report = report_of(number, seed, CENTRES[0], spread_e7);
        folded.borrow_mut().add(vec![report]);
        number += 1;
        Ok::<_, Infallible>(())
    });
    folded.into_inner()
}

fn check_tiles(tracker: &Tracker, choice: &Choice) {
    follow(tracker);
    let all = walk(tracker, Walk::over_all());
    let wanted = |device: &&Device| choice.has(device) && device.place.is_some();
    let all: Vec<&Device> = all.iter().filter(wanted).collect();
    for zoom in ZOOMS {
        let mut tiles: HashMap<(u64, u64), Vec<&Device>> = HashMap::new();
        for &device in &all {
            let mean = device.place.as_ref().unwrap().mean_degrees();
            tiles.entry(square(zoom, mean)).or_default().push(device);
        }
        for ((x, y), devices) in tiles {
            let tile = TileId::new(zoom, x.try_into().unwrap(), y.try_into().unwrap()).unwrap();
            match read_tile(tracker, tile, choice) {
                TileContent::Devices(found) => {
                    assert!(devices.len() <= 1000);
                    let ids = |device: &Device| device.id;
                    let found_ids: BTreeSet<_> = found.iter().map(ids).collect();
                    assert_eq!(found_ids.len(), found.len(), "a device is in it twice");
                    let expected: BTreeSet<_> = devices.iter().map(|device| device.id).collect();
                    assert_eq!(found_ids, expected, "{tile:?}");
                }
                TileContent::Cells(cells) => {
                    assert!(1000 < devices.len());
                    assert_eq!(
                        counts_of(&cells),
                        count_slowly((x, y), zoom, &devices),
                        "{tile:?}"
                    );
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// With room for some of the devices, so that many go and come again elsewhere.
    #[test]
    fn every_device_is_in_one_tile_of_each_zoom(steps in steps(), devices_max in prop::sample::select(vec![700, 1800, 10_000])) {
        let bounds = Bounds { devices_max, ..Bounds::FOR_TESTS };
        let mut folded = Folded::new(bounds);
        for step in steps {
            match step {
                Step::Report { first, count, seed, centre, spread_e7 } => {
                    let numbers = first..first + count;
                    folded.add(numbers.map(|number| report_of(number, seed, CENTRES[centre], spread_e7)).collect());
                }
                Step::Look(choice) => check_tiles(&folded.tracker, &choice),
                Step::Build { first, seed, spread_e7 } => {
                    folded = build(folded, first, seed, spread_e7);
                }
                Step::GiveUp { after } => {
                    let mut left = after;
                    let given_up = folded.tracker.build_places(&mut || {
                        left = left.checked_sub(1).ok_or("gone")?;
                        Ok::<_, &str>(())
                    });
                    prop_assert_eq!(given_up.is_err(), folded.tracker.places_behind() == usize::MAX);
                }
                Step::Restart => {
                    let tracker = Tracker::new(bounds);
                    let mut image = folded.tracker.image(true).unwrap();
                    tracker.restore_head(image.head().clone());
                    while let Some(devices) = image.next_devices() {
                        tracker.restore_devices(devices);
                    }
                    tracker.restored();
                    drop(image);
                    folded.tracker = Arc::new(tracker);
                }
            }
        }
        check_tiles(&folded.tracker, &Choice::ALL);
        check_tiles(&folded.tracker, &Choice { divisor: 3, ..Choice::ALL });
    }
}

#[test]
fn a_list_of_changes_that_is_too_long_is_given_up() {
    let mut folded = Folded::new(Bounds {
        devices_max: 10,
        ..Bounds::FOR_TESTS
    });
    let in_shard_0 = |&number: &u16| shard_index(id(number)) == 0;
    let numbers: Vec<u16> = (0..).filter(in_shard_0).take(700).collect();
    let report = |number: u16| report_of(number, 7, CENTRES[0], 50);
    folded.add(vec![report(numbers[0])]);
    check_tiles(&folded.tracker, &Choice::ALL);
    // Each goes before it comes again, and takes another slot.
    for &number in numbers.iter().chain(&numbers) {
        folded.add(vec![report(number)]);
    }
    let unread = |tracker: &Tracker| read(&tracker.shards[0]).count_unread();
    assert_eq!(unread(&folded.tracker), usize::MAX);
    // Requests do not build it, and show what it has.
    let before = folded.tracker.places_as_of();
    folded.tracker.follow_few_places(1000);
    assert_eq!(folded.tracker.places_as_of(), before);
    check_tiles(&folded.tracker, &Choice::ALL);
    assert_eq!(unread(&folded.tracker), 0);
}

#[test]
fn nothing_is_listed_before_the_index_is_built() {
    let mut folded = Folded::new(Bounds::FOR_TESTS);
    folded.add(vec![report_of(1, 7, CENTRES[0], 50)]);
    assert_eq!(folded.tracker.places_as_of(), None);
    assert_eq!(folded.tracker.places_behind(), usize::MAX);
    folded.tracker.follow_few_places(usize::MAX - 1);
    assert_eq!(folded.tracker.places_as_of(), None);
    check_tiles(&folded.tracker, &Choice::ALL);
    assert_eq!(folded.tracker.places_behind(), 0);
    // Several changes of one device are one to read.
    for seed in 0..5 {
        folded.add(vec![report_of(1, seed, CENTRES[1], 50)]);
    }
    assert_eq!(folded.tracker.places_behind(), 1);
    folded.tracker.follow_few_places(0);
    assert_eq!(folded.tracker.places_behind(), 1);
    folded.tracker.follow_few_places(1);
    assert_eq!(folded.tracker.places_behind(), 0);
    check_tiles(&folded.tracker, &Choice::ALL);
}

/// An import changes most of the devices.
#[test]
fn an_index_without_most_of_the_devices_is_built_again() {
    let mut folded = Folded::new(Bounds {
        devices_max: 20_000,
        ..Bounds::FOR_TESTS
    });
    follow(&folded.tracker);
    let builds = |folded: &Folded| read(&folded.tracker.places).builds;
    assert_eq!(builds(&folded), 1);
    let reports = |numbers: std::ops::Range<u16>| {
        let report = |number| report_of(number, 7, CENTRES[0], 500_000);
        numbers.map(report).collect::<Vec<_>>()
    };
    folded.add(reports(0..8000));
    follow(&folded.tracker);
    assert_eq!(builds(&folded), 1);
    for first in [8000, 13_000] {
        folded.add(reports(first..first + 5000));
    }
    folded.add(reports(0..5000));
    follow(&folded.tracker);
    assert_eq!(builds(&folded), 2);
    check_tiles(&folded.tracker, &Choice::ALL);
}
