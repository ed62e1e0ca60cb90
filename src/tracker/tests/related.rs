//! Which networks are taken for one radio's.

use super::*;
use crate::report::{BluetoothAddr, BluetoothSighting};

/// One sighting, as little of it as the rule looks at.
#[derive(Clone, Copy, Debug)]
struct Seen {
    phy: Phy,
    first: u8,
    last: u8,
    mhz: f64,
    channel: &'static str,
    dbm: f64,
    seconds: u32,
    name: &'static str,
    by: u128,
}

const BASE: Seen = Seen {
    phy: Phy::Wifi,
    first: 0x00,
    last: 0x50,
    mhz: 2437.0,
    channel: "",
    dbm: -50.0,
    seconds: 100,
    name: "Home",
    by: 1,
};
/// Another network of its radio, which each of the tests below spoils in one way.
const GUEST: Seen = Seen {
    first: 0x02,
    last: 0x51,
    dbm: -60.0,
    seconds: 110,
    name: "Guest",
    ..BASE
};

impl Seen {
    fn id(self) -> DeviceId {
        DeviceId {
            phy: self.phy,
            addr: MacAddr::new([self.first, 0x11, 0x22, 0x33, 0x44, self.last]),
        }
    }

    fn report(self) -> Report {
        let mut report = named(0, self.seconds, self.name, "");
        report.signal = Dbm::from_wire(self.dbm);
        report.frequency = Frequency::from_wire(self.mhz * 1e3).unwrap();
        report.channel = Channel::from_wire(self.channel).unwrap();
        let addr = self.id().addr;
        match (self.phy, &mut report.sighting) {
            (Phy::Wifi, Sighting::Wifi(wifi)) => wifi.bssid = Bssid::try_from(addr).unwrap(),
            (_, sighting) => {
                *sighting = Sighting::Bluetooth(Box::new(BluetoothSighting {
                    addr: BluetoothAddr::try_from(addr).unwrap(),
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
}

/// All devices, each with those that it is related to.
fn related(seen: &[Seen]) -> BTreeMap<DeviceId, Vec<DeviceId>> {
    let mut folded = Folded::new(Bounds::FOR_TESTS);
    for one in seen {
        folded.apply(one.by, RECEIVED_AT, vec![one.report()]);
    }
    let devices = walk(&folded.tracker, Walk::over_all());
    let related = devices.iter().map(|device| {
        let related = folded.tracker.related_to(device);
        (device.id, related.iter().map(|other| other.id).collect())
    });
    related.collect()
}

#[track_caller]
fn check(one: Seen, other: Seen, expected: bool) {
    let related = related(&[one, other]);
    assert_eq!(
        related[&one.id()] == [other.id()],
        expected,
        "{one:?} {other:?}"
    );
}

#[test]
fn networks_of_one_radio_are_related() {
    check(BASE, GUEST, true);
    check(
        BASE,
        Seen {
            first: 0x00,
            ..GUEST
        },
        true,
    );
    check(
        Seen {
            first: 0x06,
            ..BASE
        },
        Seen {
            first: 0x0a,
            last: 0x50,
            ..GUEST
        },
        true,
    );
    // A hidden name is none that two could share.
    check(Seen { name: "", ..BASE }, Seen { name: "", ..GUEST }, true);
    // Where a frequency is not known, the channel decides.
    let on_6 = Seen {
        mhz: 0.0,
        channel: "6",
        ..BASE
    };
    check(
        on_6,
        Seen {
            channel: "6",
            ..GUEST
        },
        true,
    );
}

#[test]
fn what_speaks_against_one_radio_is_heard() {
    check(
        BASE,
        Seen {
            mhz: 2412.0,
            ..GUEST
        },
        false,
    );
    check(
        BASE,
        Seen {
            mhz: 0.0,
            channel: "1",
            ..GUEST
        },
        false,
    );
    check(BASE, Seen { mhz: 0.0, ..GUEST }, false);
    check(
        BASE,
        Seen {
            dbm: -61.0,
            ..GUEST
        },
        false,
    );
    check(BASE, Seen { dbm: 0.0, ..GUEST }, false);
    check(
        BASE,
        Seen {
            seconds: 111,
            ..GUEST
        },
        false,
    );
    check(BASE, Seen { by: 2, ..GUEST }, false);
    check(
        BASE,
        Seen {
            name: "Home",
            ..GUEST
        },
        false,
    );
    check(
        BASE,
        Seen {
            phy: Phy::Bluetooth,
            ..GUEST
        },
        false,
    );
    check(
        Seen {
            phy: Phy::Bluetooth,
            ..BASE
        },
        Seen {
            phy: Phy::Bluetooth,
            ..GUEST
        },
        false,
    );
}

#[test]
fn channels_that_lie_differently_and_ad_hoc_peers_are_not_related() {
    let check = |change: fn(&mut WifiSighting), expected| {
        let mut folded = Folded::new(Bounds::FOR_TESTS);
        let (mut report, mut other) = (BASE.report(), GUEST.report());
        if let (Sighting::Wifi(one), Sighting::Wifi(other)) =
            (&mut report.sighting, &mut other.sighting)
        {
            (one.center0_mhz, other.center0_mhz) = (Some(2427), Some(2427));
            change(other);
        }
        folded.add(vec![report, other]);
        let device = folded.tracker.device(BASE.id()).unwrap();
        assert_eq!(folded.tracker.related_to(&device).len(), expected);
    };
    check(|_| {}, 1);
    check(|other| other.center0_mhz = None, 1);
    check(|other| other.center0_mhz = Some(2447), 0);
    check(|other| other.capabilities = Some("[IBSS]".into()), 0);
}

#[test]
fn past_the_bound_the_first_addresses_are_shown() {
    let network = |n: u8| Seen {
        first: n / 16 * 4 + 2,
        last: 0x50 + n % 16,
        name: "",
        ..BASE
    };
    for (networks, expected) in [(65, 64), (66, 64), (64, 63)] {
        let seen: Vec<_> = (0..networks).map(network).collect();
        let related = related(&seen);
        let ids = seen.iter().skip(1).take(expected).map(|one| one.id());
        assert_eq!(related[&seen[0].id()], ids.collect::<Vec<_>>());
    }
}

fn any_seen() -> impl Strategy<Value = Seen> {
    let select = |values: &'static [f64]| prop::sample::select(values);
    let addr = (
        prop::sample::select(&[0x00u8, 0x02, 0x04, 0x06][..]),
        prop::sample::select(&[0x50u8, 0x51, 0x5f, 0x60][..]),
    );
    let radio = (
        select(&[0.0, 2437.0, 2437.0, 5180.0]),
        prop::sample::select(&["", "6", "36"][..]),
        select(&[0.0, -50.0, -55.0, -65.0]),
    );
    let rest = (
        prop::sample::select(&[100u32, 105, 200][..]),
        prop::sample::select(&["", "Home", "Guest", "x"][..]),
        1u128..3,
        prop::bool::weighted(0.1),
    );
    (addr, radio, rest).prop_map(
        |((first, last), (mhz, channel, dbm), (seconds, name, by, is_bluetooth))| Seen {
            phy: if is_bluetooth {
                Phy::Bluetooth
            } else {
                Phy::Wifi
            },
            first,
            last,
            mhz,
            channel,
            dbm,
            seconds,
            name,
            by,
        },
    )
}

proptest! {
    #[test]
    fn who_is_related_is_so_from_both_sides(seen in prop::collection::vec(any_seen(), 1..20)) {
        let related = related(&seen);
        for (id, others) in &related {
            prop_assert!(others.is_sorted() && !others.contains(id));
            for other in others {
                prop_assert!(related[other].contains(id), "{:?} {:?}", id, other);
                prop_assert_eq!((id.phy, other.phy), (Phy::Wifi, Phy::Wifi));
                let ([.., last], [.., other]) = (id.addr.octets(), other.addr.octets());
                prop_assert_eq!(last & 0xf0, other & 0xf0);
            }
        }
    }
}
