//! Reads a file on a thread of its own, so that reading goes on while the rows before are taken.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use super::rows::{Ending, FileError, Origin, Point, Row, Rows};

/// How many rows go from thread to thread at once.
const ITEMS_AT_ONCE: usize = 500;
/// How many such lists may wait.
const LISTS_MAX: usize = 8;
/// While no rows come: how often to ask whether they are still wanted.
const ASK_INTERVAL: Duration = Duration::from_millis(100);

enum Item {
    Row(u64, Row),
    Point(Point),
    Origin(Origin),
}

impl Item {
    fn hand_to(self, rows: &mut dyn Rows) -> ControlFlow<()> {
        match self {
            Self::Row(line, row) => rows.row(line, row),
            Self::Point(point) => rows.point(point),
            Self::Origin(origin) => {
                rows.origin(&origin);
                ControlFlow::Continue(())
            }
        }
    }
}

/// Calls `read` on another thread, and hands what it reads to `rows` on this one.
pub(super) fn read_ahead(
    read: impl FnOnce(&mut dyn Rows) -> Result<Ending, FileError> + Send,
    rows: &mut dyn Rows,
) -> Result<Ending, FileError> {
    let is_over = AtomicBool::new(false);
    let (sender, lists) = sync_channel(LISTS_MAX);
    thread::scope(|scope| {
        let mut ahead = Ahead {
            list: Vec::with_capacity(ITEMS_AT_ONCE),
            lists: sender,
            last_origin: None,
            is_over: &is_over,
        };
        let reader = thread::Builder::new().name("import-reader".into());
        let reader = reader.spawn_scoped(scope, move || {
            let ending = read(&mut ahead);
            // If nobody takes the last rows, nobody wants them.
            let _flow = ahead.send();
            ending
        })?;
        loop {
            let flow = match lists.recv_timeout(ASK_INTERVAL) {
                Ok(list) => Vec::into_iter(list).try_for_each(|item: Item| item.hand_to(rows)),
                Err(RecvTimeoutError::Timeout) => rows.still_wanted(),
                Err(RecvTimeoutError::Disconnected) => ControlFlow::Break(()),
            };
            if flow.is_break() {
                break;
            }
        }
        is_over.store(true, Ordering::Relaxed);
        drop(lists);
        let ended = reader.join();
        ended.unwrap_or_else(|_| Err(FileError::refused("the reader of this file ended early")))
    })
}

/// What the reader hands its rows to.
struct Ahead<'o> {
    list: Vec<Item>,
    lists: SyncSender<Vec<Item>>,
    last_origin: Option<Origin>,
    /// Whether nobody wants further rows.
    is_over: &'o AtomicBool,
}

impl Ahead<'_> {
    fn add(&mut self, item: Item) -> ControlFlow<()> {
        self.list.push(item);
        if self.list.len() < ITEMS_AT_ONCE {
            return ControlFlow::Continue(());
        }
        self.send()
    }

    fn send(&mut self) -> ControlFlow<()> {
        let list = std::mem::replace(&mut self.list, Vec::with_capacity(ITEMS_AT_ONCE));
        match self.lists.send(list) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

impl Rows for Ahead<'_> {
    fn row(&mut self, line: u64, row: Row) -> ControlFlow<()> {
        self.add(Item::Row(line, row))
    }

    fn point(&mut self, point: Point) -> ControlFlow<()> {
        self.add(Item::Point(point))
    }

    fn origin(&mut self, origin: &Origin) {
        if self.last_origin.as_ref() != Some(origin) {
            self.last_origin = Some(origin.clone());
            // If nobody takes it, the next row says so.
            let _flow = self.add(Item::Origin(origin.clone()));
        }
    }

    /// Rows that wait are handed on, because the reader has none to add for a while.
    fn still_wanted(&mut self) -> ControlFlow<()> {
        if self.is_over.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        if self.list.is_empty() {
            return ControlFlow::Continue(());
        }
        self.send()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Taken {
        lines: Vec<u64>,
        origins: usize,
        wanted: Option<usize>,
        refused: Option<SyncSender<()>>,
    }

    impl Rows for Taken {
        fn row(&mut self, line: u64, _: Row) -> ControlFlow<()> {
            self.lines.push(line);
            match self.wanted {
                Some(wanted) if wanted <= self.lines.len() => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }

        fn point(&mut self, _: Point) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }

        fn origin(&mut self, _: &Origin) {
            self.origins += 1;
        }

        fn still_wanted(&mut self) -> ControlFlow<()> {
            match &self.refused {
                Some(refused) => {
                    refused.send(()).unwrap();
                    ControlFlow::Break(())
                }
                None => ControlFlow::Continue(()),
            }
        }
    }

    fn rows(count: u64) -> impl FnOnce(&mut dyn Rows) -> Result<Ending, FileError> + Send {
        move |rows| {
            for line in 0..count {
                let name = "program".into();
                rows.origin(&Origin::Program { name });
                if rows.row(line, Row::Other("cell")).is_break() {
                    return Ok(Ending::default());
                }
            }
            Ok(Ending {
                is_cut: true,
                ..Ending::default()
            })
        }
    }

    #[test]
    fn all_rows_arrive_in_their_order_and_the_ending_too() {
        let at_once = u64::try_from(ITEMS_AT_ONCE).unwrap();
        for count in [0, 1, at_once - 1, at_once, at_once * 20 + 1] {
            let mut taken = Taken::default();
            let ending = read_ahead(rows(count), &mut taken).unwrap();
            assert!(ending.is_cut);
            assert_eq!(taken.lines, (0..count).collect::<Vec<_>>());
            assert_eq!(taken.origins, usize::from(0 < count));
        }
    }

    #[test]
    fn the_reader_ends_when_nobody_wants_more_rows() {
        let mut taken = Taken {
            wanted: Some(700),
            ..Taken::default()
        };
        read_ahead(rows(u64::MAX), &mut taken).unwrap();
        assert_eq!(taken.lines.len(), 700);
    }

    #[test]
    fn a_reader_that_waits_is_told_that_nobody_wants_its_rows() {
        let mut taken = Taken::default();
        let (refuse, refused) = sync_channel(1);
        taken.refused = Some(refuse);
        let wait = move |rows: &mut dyn Rows| {
            assert_eq!(refused.recv(), Ok(()), "somebody asks while no rows come");
            while rows.row(0, Row::Other("cell")).is_continue() {}
            assert!(rows.still_wanted().is_break());
            Ok(Ending::default())
        };
        read_ahead(wait, &mut taken).unwrap();
    }

    #[test]
    fn an_error_and_the_rows_before_it_arrive() {
        let mut taken = Taken::default();
        let fail = |rows: &mut dyn Rows| {
            let _flow = rows.row(1, Row::Other("cell"));
            Err(FileError::refused("broken"))
        };
        let error = read_ahead(fail, &mut taken).unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), &*taken.lines),
            ("broken", &[1][..])
        );
    }
}
