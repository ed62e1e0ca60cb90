//! The points of a track, for rows of other files that have no place.

use std::ops::ControlFlow;

use super::rows::{Origin, Point, Row, Rows};
use super::taking::{Interrupted, ROWS_BETWEEN_QUESTIONS};
use super::track::Track;
use super::unpack::Stop;

/// Collects the points of a file, and nothing else.
pub(super) struct Points<'s> {
    pub(super) list: Vec<Point>,
    pub(super) rows: u64,
    /// Why the reading stopped early.
    pub(super) stopped: Option<Interrupted>,
    stop: &'s Stop<'s>,
    unasked: u64,
}

impl<'s> Points<'s> {
    pub(super) const fn new(stop: &'s Stop<'s>) -> Self {
        Self {
            list: Vec::new(),
            rows: 0,
            stopped: None,
            stop,
            unasked: 0,
        }
    }

    fn go_on(&mut self) -> ControlFlow<()> {
        self.unasked += 1;
        if self.unasked < ROWS_BETWEEN_QUESTIONS {
            return ControlFlow::Continue(());
        }
        self.still_wanted()
    }
}

impl Rows for Points<'_> {
    fn row(&mut self, _: u64, _: Row) -> ControlFlow<()> {
        self.rows += 1;
        self.go_on()
    }

    fn point(&mut self, point: Point) -> ControlFlow<()> {
        if Track::POINTS_MAX <= self.list.len() {
            return ControlFlow::Break(());
        }
        self.list.push(point);
        self.go_on()
    }

    fn still_wanted(&mut self) -> ControlFlow<()> {
        self.unasked = 0;
        self.stopped = (self.stop)();
        match self.stopped {
            None => ControlFlow::Continue(()),
            Some(_) => ControlFlow::Break(()),
        }
    }

    fn origin(&mut self, _: &Origin) {}
}
