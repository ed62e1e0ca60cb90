//! How Kismet's lists of devices are written, in each of its forms.

use std::sync::Arc;

use super::command::{Arrangement, Brackets, Format, Read, Shape};
use super::records::Records;
use crate::http::response::stream::{ListStream, Listed, Walked};
use crate::privacy::Sight;
use crate::report::DeviceId;
use crate::tracker::{Device, Tracker, Walk};
use crate::views::Spreader;
use crate::views::kismet::{Context, DeviceRecord, Sources};
use crate::views::list::ListWriter;

/// Writes devices in some shape, in brackets that its format has.
pub(super) struct KismetList {
    tracker: Arc<Tracker>,
    shape: Shape,
    /// What the client sees.
    sight: Sight,
    context: Context,
    sources: Sources,
    /// Which devices are in the list, by what stands in their records.
    arrangement: Option<Box<Arrangement>>,
    brackets: Brackets,
    before: Vec<u8>,
    after: Vec<u8>,
    spreader: Option<Spreader>,
}

impl KismetList {
    pub(super) fn new(records: &Records, read: &Read) -> Self {
        let shape = read.shape();
        Self {
            sight: read.sight.clone(),
            tracker: Arc::clone(&records.tracker),
            spreader: (shape.format == Format::Pretty).then(Spreader::default),
            sources: records.sources(shape.format.style()),
            brackets: shape.format.brackets(),
            shape,
            context: records.context(),
            arrangement: None,
            before: Vec::new(),
            after: Vec::new(),
        }
    }

    /// With something around the list.
    pub(super) fn within(mut self, before: Vec<u8>, after: Vec<u8>) -> Self {
        self.brackets = self.shape.format.brackets_within(&before);
        (self.before, self.after) = (before, after);
        self
    }

    /// Only with the devices that an arrangement wants.
    pub(super) fn of_wanted(mut self, arrangement: Arrangement) -> Self {
        self.arrangement = Some(Box::new(arrangement));
        self
    }

    /// The devices that `wanted` accepts, as a walk comes upon them.
    pub(super) fn of_walk<F>(
        self,
        records: &Records,
        walk: Walk,
        wanted: F,
    ) -> ListStream<Walked<F>, Self>
    where
        F: Fn(&Device) -> bool + Unpin + Send + 'static,
    {
        let supply = Walked {
            tracker: Arc::clone(&records.tracker),
            walk,
            wanted,
        };
        let content_type = self.brackets.content_type();
        ListStream::new(supply, self, content_type, records.pace.of_one_answer())
    }

    /// These devices.
    pub(super) fn of_ids(
        self,
        records: &Records,
        ids: Vec<DeviceId>,
    ) -> ListStream<Listed<std::vec::IntoIter<DeviceId>>, Self> {
        let supply = Listed {
            tracker: Arc::clone(&records.tracker),
            ids: ids.into_iter(),
        };
        let content_type = self.brackets.content_type();
        ListStream::new(supply, self, content_type, records.pace.of_one_answer())
    }

    fn record<'d>(&'d self, device: &'d Device) -> DeviceRecord<'d> {
        DeviceRecord {
            device,
            sources: &self.sources,
            context: self.context,
        }
    }
}

impl ListWriter<Device> for KismetList {
    fn before(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.before);
        out.extend_from_slice(self.brackets.open);
    }

    fn prepare(&mut self, devices: &mut [Device]) {
        for device in &mut *devices {
            self.sight.cover(device);
        }
        self.sources.add(devices, &self.tracker, self.context);
    }

    fn wants(&self, device: &Device) -> bool {
        let arrangement = self.arrangement.as_ref();
        arrangement.is_none_or(|arrangement| arrangement.wants(&self.record(device)))
    }

    fn between(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.brackets.between);
    }

    fn item(&mut self, out: &mut Vec<u8>, device: &Device) {
        self.shape.write(out, &self.record(device));
        out.extend_from_slice(self.brackets.after_each);
    }

    fn after(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.brackets.close);
        out.append(&mut self.after);
    }

    fn finish(&mut self, piece: Vec<u8>) -> Vec<u8> {
        match &mut self.spreader {
            None => piece,
            Some(spreader) => spreader.spread(&piece),
        }
    }
}
