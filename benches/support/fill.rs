//! Generates logs of any length without HTTP.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use scanpost::ingest::kismet;
use scanpost::log::{Log, Record, What};
use scanpost::report::Phy;
use uuid::Uuid;

use super::access_point::AccessPoint;
use super::random::Random;
use super::traffic::{Body, since_1970};
use super::{Result, decode_limits};

pub(crate) const REPORTS_PER_BATCH: u32 = 100;
const BATCHES_PER_COMMIT: usize = 100;
/// Prime, so that a walk with this step visits every device before it repeats one, and never a near one next.
const STEP: u64 = 611_953;
const SCANNERS: u32 = 20;

/// Fills a log in `directory` with observations of devices. Returns the time that appending took.
pub(crate) fn fill(directory: &Path, observations: u32, devices: u32) -> Result<Duration> {
    let (_, appending) = fill_log(Log::in_directory(directory)?, observations, devices)?;
    Ok(appending)
}

/// The same for a log that is open.
pub(crate) fn fill_log(mut log: Log, observations: u32, devices: u32) -> Result<(Log, Duration)> {
    let mut appending = Duration::ZERO;
    let mut group = Vec::with_capacity(BATCHES_PER_COMMIT);
    for first in (0..observations).step_by(REPORTS_PER_BATCH as usize) {
        group.push(of_log(&log, batch(first, devices)?));
        if group.len() == BATCHES_PER_COMMIT {
            let started = Instant::now();
            log.append(std::mem::take(&mut group))?;
            appending += started.elapsed();
        }
    }
    log.append(group)?;
    Ok((log, appending))
}

/// The next hundred observations of a walk over the devices, received now.
pub(crate) fn batch(first: u32, devices: u32) -> Result<Record> {
    batch_at(SystemTime::now(), first, devices)
}

/// As above, received at another time.
pub(crate) fn batch_at(now: SystemTime, first: u32, devices: u32) -> Result<Record> {
    decode(now, &json_at(now, first, devices)?)
}

/// The same observations as the body of a request.
pub(crate) fn json_at(now: SystemTime, first: u32, devices: u32) -> Result<String> {
    let mut random = Random::new(u64::from(first));
    let serial = first / REPORTS_PER_BATCH;
    let mut body = Body::new(serial % SCANNERS, serial, since_1970(now));
    for number in first..first + REPORTS_PER_BATCH {
        let device = u64::from(number) * STEP % u64::from(devices);
        body.report(&AccessPoint::known(u32::try_from(device)?), &mut random);
    }
    Ok(body.into_json())
}

/// A record of the log's own server.
pub(crate) fn of_log(log: &Log, record: Record) -> Record {
    Record {
        node: log.node(),
        ..record
    }
}

/// Decodes a batch as the server does.
pub(crate) fn decode(now: SystemTime, json: &str) -> Result<Record> {
    let (batch, _) = kismet::decode(Phy::Wifi, json.as_bytes(), now.into(), &decode_limits())?;
    Ok(Record::new(Uuid::nil(), now.into(), What::Reports(batch)))
}
