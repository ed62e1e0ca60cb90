//! Removes devices for good, and merges what is left of their reports.

use super::{Contact, Device, Latest, Tracker, lock, read, write};
use crate::report::{Annotation, Batch, DeviceId, Phy, Position, Remark, SourceId};

/// A device that was removed.
#[derive(Clone, Debug)]
pub struct ErasedDevice {
    /// Its identity.
    pub id: DeviceId,
    /// The name that a person gave it.
    pub given_name: Option<Box<str>>,
}

impl Tracker {
    /// Removes devices, so that no image of the tracker names them any more. Only between a restore and a replay.
    pub fn erase_devices(&self, is_erased: impl Fn(&Device) -> bool) -> Vec<ErasedDevice> {
        let mut erased = Vec::new();
        for shard in &self.shards {
            let found: Vec<DeviceId> = {
                let shard = read(shard);
                let devices = shard.devices().filter(|device| is_erased(device));
                devices.map(|device| device.id).collect()
            };
            for id in found {
                if let Some(device) = write(shard).restore_gone(id) {
                    device.tags.leave(&self.tag_sets);
                    erased.push(ErasedDevice {
                        id,
                        given_name: device.given_name,
                    });
                }
            }
        }
        self.restored();
        erased
    }

    /// Lets no image name the devices that are gone with these addresses. They may have been evicted long ago.
    pub fn erase_gone(&self, is_erased: impl Fn(DeviceId) -> bool) {
        lock(&self.clock).images.gone.retain(|id| !is_erased(*id));
    }

    /// Forgets a source for good.
    pub fn erase_source(&self, id: SourceId) {
        self.contacts.forget(id);
        write(&self.sources).forget(id);
        self.restored();
    }

    /// Removes names of sources that somebody gave them, or that they sent.
    pub fn erase_source_names(&self, is_erased: impl Fn(&str) -> bool) {
        write(&self.sources).erase_names(is_erased);
    }

    /// Forgets where scanners were last.
    pub fn erase_source_places(&self, is_erased: impl Fn(SourceId, &Latest<Position>) -> bool) {
        write(&self.sources).forget_places(is_erased);
    }

    /// Applies a name or tag again, if the device is there.
    pub fn annotate_again(&self, annotation: &Annotation) {
        self.annotate(&mut lock(&self.clock), annotation);
    }

    /// Gives a device that is there again the name that it had.
    pub fn name_again(&self, erased: ErasedDevice) {
        if let Some(name) = erased.given_name {
            self.annotate_again(&Annotation {
                device: erased.id,
                remark: Remark::Name(name),
            });
        }
    }

    /// Merges reports again that were merged before their devices were removed. Their sources know of them already.
    pub fn merge_again(&self, batch: &Batch) {
        let totals = Phy::ALL.map(|phy| self.totals(phy).reports);
        let mut clock = lock(&self.clock);
        self.merge(&mut clock, batch, &mut (), Contact::Again);
        for (phy, reports) in Phy::ALL.into_iter().zip(totals) {
            self.totals_of(phy).set_reports(reports);
        }
    }
}
