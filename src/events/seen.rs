//! The devices that scanners report, for those who pass them on at once.
//!
//! Each device waits once for each source, however often that source reports it: whoever takes it reads its newest state
//! from the tracker. The writer never waits, so past a bound devices are only counted.

use std::collections::HashSet;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::report::{DeviceId, SourceId};

/// The most devices that wait to be taken. They are taken several times a second.
const WAITING_MAX: usize = 65_536;

/// A device, and the source that reported it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SeenDevice {
    pub(crate) device: DeviceId,
    pub(crate) source: SourceId,
}

/// Devices that were reported and not taken yet. It has one reader.
#[derive(Debug, Default)]
pub(crate) struct SeenDevices {
    is_watched: AtomicBool,
    waiting: Mutex<Seen>,
    arrived: Notify,
}

/// What was reported since the last look.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// In the order of their first report since then.
    pub(crate) devices: Vec<SeenDevice>,
    /// The same devices.
    known: HashSet<SeenDevice>,
    /// How many times a device had no room.
    pub(crate) left_out: u64,
}

impl SeenDevices {
    /// Says whether somebody takes the devices. Otherwise none are kept.
    pub(crate) fn watch(&self, is_watched: bool) {
        self.is_watched.store(is_watched, Ordering::Relaxed);
        if !is_watched {
            *self.waiting() = Seen::default();
        }
    }

    pub(super) fn is_watched(&self) -> bool {
        self.is_watched.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, devices: &[SeenDevice]) {
        if devices.is_empty() {
            return;
        }
        self.waiting().add(devices);
        self.arrived.notify_one();
    }

    /// Takes all that waits. Waits until there is something.
    pub(crate) async fn take(&self) -> Seen {
        loop {
            let seen = mem::take(&mut *self.waiting());
            if !seen.devices.is_empty() {
                return seen;
            }
            self.arrived.notified().await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Seen> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn add(&mut self, devices: &[SeenDevice]) {
        for &device in devices {
            if WAITING_MAX <= self.devices.len() {
                self.left_out += u64::from(!self.known.contains(&device));
            } else if self.known.insert(device) {
                self.devices.push(device);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{MacAddr, Phy};

    fn device(number: usize) -> SeenDevice {
        let [.., a, b, c] = number.to_be_bytes();
        SeenDevice {
            device: DeviceId {
                phy: Phy::Wifi,
                addr: MacAddr::new([2, 0, 0, a, b, c]),
            },
            source: SourceId::of_name("phone"),
        }
    }

    #[test]
    fn a_device_waits_once_for_each_source() {
        let other = SeenDevice {
            source: SourceId::of_name("board"),
            ..device(0)
        };
        let mut seen = Seen::default();
        seen.add(&[device(0), other, device(0), other]);
        assert_eq!(seen.devices, [device(0), other]);
    }

    #[test]
    fn a_device_waits_once_and_past_the_bound_it_is_counted() {
        let mut seen = Seen::default();
        let devices: Vec<_> = (0..WAITING_MAX).map(device).collect();
        seen.add(&devices);
        seen.add(&devices);
        assert_eq!((seen.devices.len(), seen.left_out), (WAITING_MAX, 0));
        seen.add(&[device(0), device(WAITING_MAX), device(WAITING_MAX + 1)]);
        assert_eq!((seen.devices.len(), seen.left_out), (WAITING_MAX, 2));
        assert_eq!(seen.devices.get(..2), Some(&[device(0), device(1)][..]));
    }

    #[tokio::test]
    async fn what_is_not_watched_any_more_is_forgotten() {
        let seen = SeenDevices::default();
        assert!(!seen.is_watched());
        seen.watch(true);
        seen.add(&[device(1)]);
        seen.watch(false);
        seen.watch(true);
        seen.add(&[device(2)]);
        assert_eq!(seen.take().await.devices, [device(2)]);
    }
}
