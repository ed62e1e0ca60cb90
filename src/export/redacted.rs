//! Rows as a file shows them that is to be shared.

use super::{DeviceOf, ExportError, Observed, Row, RowSource};
use crate::privacy::Redactor;
use crate::report::Phy;

/// Redacted copies of the rows of another source. That one has chosen them by what they really have.
pub(crate) struct Redacted {
    rows: Box<dyn RowSource>,
    redactor: Redactor,
}

impl Redacted {
    pub(crate) fn new(rows: Box<dyn RowSource>, redactor: Redactor) -> Self {
        Self { rows, redactor }
    }
}

impl RowSource for Redacted {
    fn begin(&mut self, phy: Option<Phy>) {
        self.rows.begin(phy);
    }

    fn next(&mut self, take: &mut dyn FnMut(&Row<'_>)) -> Result<bool, ExportError> {
        let redactor = &self.redactor;
        self.rows.next(&mut |row| match row {
            Row::Device(device) => take(&Row::Device(&redactor.device(device))),
            Row::Observation(observed) => {
                let entry = redactor.entry(observed.entry, observed.batch);
                let report = redactor.report(observed.report);
                let device = observed.device().map(|device| redactor.device(device));
                let device = DeviceOf::known(device);
                if let Some(batch) = entry.record.batch() {
                    take(&Row::Observation(Observed {
                        entry: &entry,
                        batch,
                        report: &report,
                        index: observed.index,
                        device: &device,
                    }));
                }
            }
        })
    }
}
