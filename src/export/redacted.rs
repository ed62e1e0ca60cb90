//! Rows as a file shows them that is to be shared.

use super::{DeviceOf, ExportError, Hidden, Observed, Row, RowSource};
use crate::privacy::Redactor;
use crate::report::Phy;

/// Redacted copies of the rows of another source. Rows are chosen by what they really have: a place may move out of an area
/// that is left out, or into it.
pub(crate) struct Redacted {
    rows: Box<dyn RowSource>,
    redactor: Redactor,
    hidden: Hidden,
}

impl Redacted {
    pub(crate) fn new(rows: Box<dyn RowSource>, redactor: Redactor, hidden: Hidden) -> Self {
        Self {
            rows,
            redactor,
            hidden,
        }
    }
}

impl RowSource for Redacted {
    fn threads(&self) -> u32 {
        self.rows.threads()
    }

    fn begin(&mut self, phy: Option<Phy>) {
        self.rows.begin(phy);
    }

    fn next(&mut self, take: &mut dyn FnMut(&Row<'_>)) -> Result<bool, ExportError> {
        let (redactor, hidden) = (&self.redactor, &self.hidden);
        self.rows.next(&mut |row| match row {
            _ if hidden.has(row) => {}
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
