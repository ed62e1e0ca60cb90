//! The names of Bluetooth devices.

use super::*;
use crate::report::{BluetoothAddr, BluetoothSighting};

/// A name that the scanner gives, and one that is advertised in part (8) or whole (9).
fn report_of(seconds: u32, given: &str, kind: u8, advertised: &str) -> Report {
    let mut scan_data = vec![u8::try_from(advertised.len() + 1).unwrap(), kind];
    scan_data.extend(advertised.as_bytes());
    Report {
        sighting: Sighting::Bluetooth(Box::new(BluetoothSighting {
            addr: BluetoothAddr::try_from(addr(1)).unwrap(),
            name: Some(given.into()).filter(|_| !given.is_empty()),
            device_type: None,
            tx_power_dbm: None,
            path_loss_db: None,
            scan_data: scan_data.into(),
            service_data: Vec::new(),
        })),
        ..report(1, seconds)
    }
}

fn bluetooth(reports: Vec<Report>) -> Box<Bluetooth> {
    let mut folded = Folded::new(Bounds::FOR_TESTS);
    folded.add(reports);
    let id = DeviceId {
        phy: Phy::Bluetooth,
        ..device_id(1)
    };
    match folded.tracker.device(id).unwrap().radio {
        Radio::Bluetooth(bluetooth) => bluetooth,
        Radio::Wifi(_) => panic!("not Bluetooth"),
    }
}

fn any_reports() -> impl Strategy<Value = Vec<Report>> {
    let names = || prop::sample::select(vec!["", "", "Strap", "HR Strap"]);
    let parts = prop::collection::vec((names(), 8u8..10, names()), 1..8);
    parts.prop_map(|parts| {
        let parts = parts.into_iter().zip(1..);
        parts
            .map(|((given, kind, advertised), seconds)| report_of(seconds, given, kind, advertised))
            .collect()
    })
}

proptest! {
    #[test]
    fn names_do_not_depend_on_the_order_of_reports(
        (sorted, shuffled) in any_reports().prop_flat_map(|reports| (Just(reports.clone()), Just(reports).prop_shuffle())),
    ) {
        let (one, other) = (bluetooth(sorted), bluetooth(shuffled));
        prop_assert_eq!(&one.name, &other.name);
        prop_assert_eq!(&one.advertised_name, &other.advertised_name);
        prop_assert_eq!(&one.scan_data, &other.scan_data);
    }
}
