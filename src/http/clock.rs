//! The one place of the interfaces that reads the clock. What is behind them is given the time.

use std::time::SystemTime;

use crate::report::ReceivedAt;

pub(super) fn now() -> ReceivedAt {
    SystemTime::now().into()
}
