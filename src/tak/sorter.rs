//! Gives each target the reported devices that it wants.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::yield_now;
use tokio::time::sleep;

use super::LivePicture;
use super::target::Target;
use super::wanted::{Verdict, WantedSources};
use crate::events::SeenDevice;
use crate::privacy::OptedOut;
use crate::report::{ReceivedAt, UnixTime};

/// The pause between two looks. Most reports of a second are about the same devices, so a pause spares work. A target
/// sends few events a second, so nobody notices it.
const PAUSE: Duration = Duration::from_millis(100);
/// Devices that are looked at before others have their turn.
const DEVICES_PER_STEP: usize = 256;

/// A target, with what is the same for all devices of one look.
struct Asking {
    target: Arc<Target>,
    sources: WantedSources,
    stale: u64,
}

/// Sorts what is reported, until it is dropped. `targets` is asked at each look.
pub(super) async fn sort(picture: LivePicture, targets: impl Fn() -> Vec<Arc<Target>>) {
    loop {
        let seen = picture.seen.take().await;
        let asking = targets().into_iter().map(|target| Asking {
            sources: target.wanted.sources(&picture.tracker),
            target,
            stale: 0,
        });
        let mut asking: Vec<_> = asking.collect();
        let now = now();
        for devices in seen.devices.chunks(DEVICES_PER_STEP) {
            for &seen in devices {
                offer(&picture, seen, now, &mut asking);
            }
            yield_now().await;
        }
        for Asking { target, stale, .. } in asking {
            target.queue().leave_out(seen.left_out);
            target.count_stale(stale);
            target.arrived.notify_one();
        }
        sleep(PAUSE).await;
    }
}

fn offer(picture: &LivePicture, seen: SeenDevice, now: UnixTime, asking: &mut [Asking]) {
    let SeenDevice { device: id, source } = seen;
    picture.tracker.look(id, |device| {
        let device = device.filter(|device| picture.privacy.lets_out(device, OptedOut::LeftOut));
        let Some(device) = device else {
            return;
        };
        for one in asking {
            if one
                .sources
                .as_ref()
                .is_some_and(|wanted| !wanted.contains(&source))
            {
                continue;
            }
            match one.target.wanted.verdict(device, now) {
                Verdict::Send => one.target.queue().add(id),
                Verdict::Stale => one.stale += 1,
                Verdict::Drop => {}
            }
        }
    });
}

/// The time by the clock of this server.
pub(super) fn now() -> UnixTime {
    ReceivedAt::from(SystemTime::now()).time()
}
