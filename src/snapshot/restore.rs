//! Restores a generation into a tracker, with several threads.
//!
//! Decoding is most of the work, so several threads decode frames. The tracker gets the frames in order.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use tracing::info;
use uuid::Uuid;

use super::Generation;
use super::file::{Format, Frame, Reader, Unreadable};
use crate::tracker::Tracker;

/// The most threads that decode. With more of them, the tracker is the bottleneck.
const DECODERS_MAX: usize = 4;
/// How many frames may wait in each queue before and after a decoder. A frame takes about 1 MiB.
const WAITING_FRAMES: usize = 1;

/// A frame as it is on disk, and its offset in the file.
struct Raw {
    payload: Vec<u8>,
    at: u64,
}

type Read<T> = Result<T, Unreadable>;

/// Restores a generation into an empty tracker. Returns `false` if `is_wanted` became false meanwhile: then the tracker is
/// incomplete.
pub(super) fn restore_generation(
    tracker: &Tracker,
    generation: &Generation,
    server: Uuid,
    is_wanted: impl Fn() -> bool,
) -> Result<bool, Unreadable> {
    let reader = Reader::open(&generation.path, server)?.up_to(generation.extent.bytes);
    let devices = thread::scope(|scope| {
        let format = reader.format();
        let decoders = thread::available_parallelism().map_or(1, usize::from);
        let (raws, frames): (Vec<_>, Vec<_>) = (0..decoders.min(DECODERS_MAX))
            .map(|_| {
                let (raw_sender, raws) = sync_channel(WAITING_FRAMES);
                let (frame_sender, frames) = sync_channel(WAITING_FRAMES);
                scope.spawn(move || decode(format, &raws, &frame_sender));
                (raw_sender, frames)
            })
            .unzip();
        scope.spawn(move || read(reader, &raws));
        // A thread that drops its receiver ends the threads that send to it.
        merge(tracker, &frames, is_wanted)
    })?;
    let Some(devices) = devices else {
        return Ok(false);
    };
    tracker.restored();
    info!(
        snapshot.position = generation.extent.position.get(),
        snapshot.devices = devices,
        "read a snapshot"
    );
    Ok(true)
}

/// Reads frames, and sends them to the decoders in turn.
fn read(mut reader: Reader, decoders: &[SyncSender<Read<Raw>>]) {
    for decoder in decoders.iter().cycle() {
        let at = reader.at();
        let raw = match reader.next_payload() {
            Ok(None) => return,
            Ok(Some(payload)) => Ok(Raw {
                payload: payload.to_vec(),
                at,
            }),
            Err(error) => Err(error),
        };
        let is_last = raw.is_err();
        if decoder.send(raw).is_err() || is_last {
            return;
        }
    }
}

fn decode(format: Format, raws: &Receiver<Read<Raw>>, frames: &SyncSender<Read<Frame>>) {
    for raw in raws {
        let frame = raw.and_then(|raw| Frame::read(format, &raw.payload, raw.at));
        if frames.send(frame).is_err() {
            return;
        }
    }
}

/// Restores frames in order, and returns the number of devices. `None` if `is_wanted` became false meanwhile.
fn merge(
    tracker: &Tracker,
    decoders: &[Receiver<Read<Frame>>],
    is_wanted: impl Fn() -> bool,
) -> Result<Option<usize>, Unreadable> {
    let mut devices = 0;
    for frames in decoders.iter().cycle() {
        if !is_wanted() {
            return Ok(None);
        }
        // Frames are sent in turn, so the first decoder without a frame marks the end.
        let Ok(frame) = frames.recv() else {
            break;
        };
        devices += restore(tracker, frame?);
    }
    Ok(Some(devices))
}

/// Restores the content of a frame, and returns how many devices it has.
pub(super) fn restore(tracker: &Tracker, frame: Frame) -> usize {
    match frame {
        Frame::Head(head) => {
            tracker.restore_head(*head);
            0
        }
        Frame::Paused(paused) => {
            tracker.restore_paused(paused);
            0
        }
        Frame::GoneSources(gone) => {
            tracker.restore_gone_sources(&gone);
            0
        }
        Frame::SourceNames(names) => {
            tracker.restore_source_names(&names);
            0
        }
        Frame::Devices(devices) => {
            let count = devices.len();
            tracker.restore_devices(devices);
            count
        }
        Frame::End(_) => 0,
    }
}
