//! Looks at many devices at once.

use super::*;

/// So many that some share the few bits of their hash that a table has.
const DEVICES: u32 = 10_000;

fn id(number: u32) -> DeviceId {
    let [a, b, c, d] = number.to_be_bytes();
    DeviceId {
        phy: Phy::Wifi,
        addr: MacAddr::new([0x02, 0, a, b, c, d]),
    }
}

#[test]
fn each_place_gets_its_device_or_none() {
    let mut folded = Folded::new(Bounds {
        devices_max: usize::MAX,
        ..Bounds::FOR_TESTS
    });
    let even = (0..DEVICES).step_by(2).map(|number| {
        let mut report = report(0, 1);
        if let Sighting::Wifi(wifi) = &mut report.sighting {
            wifi.bssid = Bssid::try_from(id(number).addr).unwrap();
        }
        report
    });
    folded.add(even.collect());
    // Some twice.
    let asked: Vec<_> = (0..DEVICES).chain(0..100).map(id).collect();
    let mut found = vec![None; asked.len()];
    folded.tracker.look_at_each(&asked, |place, device| {
        let answer = device.map(|device| device.id);
        assert_eq!(found[place].replace(answer), None, "one answer for each");
    });
    for (place, (answer, &id)) in found.into_iter().zip(&asked).enumerate() {
        let is_known = place % 2 == 0;
        assert_eq!(answer, Some(is_known.then_some(id)), "{place}");
    }
}
