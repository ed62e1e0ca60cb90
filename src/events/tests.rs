use tokio::sync::broadcast::error::TryRecvError;

use super::*;
use crate::report::MacAddr;

const NOW: ReceivedAt = ReceivedAt::from_micros(1_700_000_000_000_000);

fn device(number: u8) -> DeviceId {
    DeviceId {
        phy: Phy::Wifi,
        addr: MacAddr::new([2, 0, 0, 0, 0, number]),
    }
}

fn say(events: &Events, severity: Severity, second: u64, count: usize) {
    for number in 0..count {
        let now = ReceivedAt::from_micros(NOW.micros() + second * 1_000_000);
        events.say(severity, now, || number.to_string());
    }
}

#[test]
fn a_listener_at_the_bound_misses_nothing_and_one_past_it_is_told() {
    for (count, missed) in [(4, 0), (5, 1), (9, 5)] {
        let events = Events::new(4);
        let mut listener = events.listen();
        let mut collected = events.collect(NOW);
        collected.messages_left = Some(0);
        (0..count).for_each(|number| collected.add(Change::NewDevice(device(number))));
        collected.emit();
        if missed != 0 {
            assert_eq!(
                listener.try_recv(),
                Err(TryRecvError::Lagged(u64::from(missed)))
            );
        }
        for number in missed..count {
            assert_eq!(
                listener.try_recv(),
                Ok(Event::NewDevice(device(number))),
                "{count}"
            );
        }
        assert_eq!(listener.try_recv(), Err(TryRecvError::Empty));
    }
}

#[test]
fn when_nobody_listens_only_messages_are_written_and_few_of_them() {
    let events = Events::new(4);
    let mut collected = events.collect(NOW);
    (0..=255).for_each(|number| collected.add(Change::NewDevice(device(number))));
    assert_eq!(collected.pending.len(), 25);
    collected.emit();
    let messages = events.latest_messages();
    assert_eq!(messages.len(), 25);
    // A message that would not be emitted is not formatted.
    let mut collected = events.collect(NOW);
    collected.add(Change::NewDevice(device(0)));
    assert!(collected.pending.is_empty());
    assert_eq!(
        &*messages[0].text,
        "Detected new 802.11 Wi-Fi access point 02:00:00:00:00:00"
    );
}

#[test]
fn a_second_has_room_for_25_messages_of_a_severity() {
    let events = Events::new(4);
    say(&events, Severity::Info, 0, 30);
    assert_eq!(events.latest_messages().len(), 25);
    say(&events, Severity::Error, 0, 5);
    assert_eq!(events.latest_messages().len(), 30);
    say(&events, Severity::Info, 1, 1);
    assert_eq!(events.latest_messages().len(), 31);
}

#[test]
fn the_last_50_messages_are_kept() {
    let events = Events::new(4);
    for second in 0..3 {
        say(&events, Severity::Info, second, 20);
    }
    let messages = events.latest_messages();
    assert_eq!(messages.len(), 50);
    assert_eq!(&*messages[0].text, "10");
    assert_eq!(&*messages[49].text, "19");
}

#[test]
fn a_long_text_is_cut_between_characters() {
    let message = Message::new(Severity::Info, NOW.time(), "é".repeat(1000) + "x");
    assert_eq!(message.text.len(), 1024);
    let message = Message::new(
        Severity::Info,
        NOW.time(),
        "x".to_owned() + &"é".repeat(1000),
    );
    assert_eq!(message.text.len(), 1023);
}
