//! Memory for bodies: bounded in all, and for each sender. It is taken as bytes arrive, so who announces a body and sends
//! nothing holds none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::sender::Sender;

/// Memory is handed out in pieces of this size.
const PIECE_BYTES: usize = 1024;
/// What a body may hold before it counts for its sender. Most bodies are smaller.
const UNCOUNTED_BYTES: usize = 64 << 10;

/// Why a body gets no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// All of it is taken.
    InAll,
    /// The sender has its share.
    OfSender,
}

/// The memory for all bodies. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct BodyMemory {
    pieces: Arc<Semaphore>,
    shares: Arc<Mutex<HashMap<Sender, usize>>>,
    share_bytes_max: usize,
}

impl BodyMemory {
    pub(super) fn new(bytes_max: usize, share_bytes_max: usize) -> Self {
        let pieces = (bytes_max / PIECE_BYTES).min(Semaphore::MAX_PERMITS);
        Self {
            pieces: Arc::new(Semaphore::new(pieces)),
            shares: Arc::default(),
            share_bytes_max,
        }
    }

    /// What a body of `sender` holds: nothing yet.
    pub(super) fn hold(&self, sender: Sender) -> HeldMemory {
        HeldMemory {
            memory: self.clone(),
            sender,
            bytes: 0,
            counted_bytes: 0,
            permit: None,
        }
    }

    fn shares(&self) -> MutexGuard<'_, HashMap<Sender, usize>> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The memory that one body holds. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct HeldMemory {
    memory: BodyMemory,
    sender: Sender,
    bytes: usize,
    counted_bytes: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl HeldMemory {
    /// Takes as much as a body of `bytes` needs. Waits for it until `deadline`.
    pub(super) async fn grow_to(&mut self, bytes: usize, deadline: Instant) -> Result<(), NoRoom> {
        if bytes <= self.bytes {
            return Ok(());
        }
        self.count(bytes)?;
        let pieces = bytes.div_ceil(PIECE_BYTES) - self.bytes / PIECE_BYTES;
        let more = u32::try_from(pieces).unwrap_or(u32::MAX);
        let semaphore = Arc::clone(&self.memory.pieces);
        let Ok(Ok(more)) = timeout_at(deadline, semaphore.acquire_many_owned(more)).await else {
            return Err(NoRoom::InAll);
        };
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            none => *none = Some(more),
        }
        self.bytes = bytes.div_ceil(PIECE_BYTES) * PIECE_BYTES;
        Ok(())
    }

    /// Gives all of it back.
    pub(super) fn release(&mut self) {
        self.permit = None;
        self.bytes = 0;
        self.uncount();
    }

    fn count(&mut self, bytes: usize) -> Result<(), NoRoom> {
        if bytes <= UNCOUNTED_BYTES {
            return Ok(());
        }
        let more = bytes - self.counted_bytes;
        let mut shares = self.memory.shares();
        let held = shares.get(&self.sender).copied().unwrap_or_default();
        if self.memory.share_bytes_max < held + more {
            return Err(NoRoom::OfSender);
        }
        shares.insert(self.sender.clone(), held + more);
        self.counted_bytes = bytes;
        Ok(())
    }

    fn uncount(&mut self) {
        if self.counted_bytes == 0 {
            return;
        }
        let mut shares = self.memory.shares();
        if let Some(held) = shares.get_mut(&self.sender) {
            *held -= self.counted_bytes;
            if *held == 0 {
                shares.remove(&self.sender);
            }
        }
        self.counted_bytes = 0;
    }
}

impl Drop for HeldMemory {
    fn drop(&mut self) {
        self.uncount();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::auth::ClientNetwork;

    const SHARE_BYTES: usize = 2 * UNCOUNTED_BYTES;

    fn sender(last: u8) -> Sender {
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
        Sender::Unknown(ClientNetwork::of(address))
    }

    #[tokio::test]
    async fn a_sender_gets_its_share_and_not_one_byte_more() {
        let memory = BodyMemory::new(100 * SHARE_BYTES, SHARE_BYTES);
        let (mut one, mut two, mut other) = (
            memory.hold(sender(1)),
            memory.hold(sender(1)),
            memory.hold(sender(2)),
        );
        let soon = Instant::now();
        assert_eq!(one.grow_to(SHARE_BYTES, soon).await, Ok(()));
        assert_eq!(
            one.grow_to(SHARE_BYTES + 1, soon).await,
            Err(NoRoom::OfSender)
        );
        // Small bodies do not count.
        assert_eq!(two.grow_to(UNCOUNTED_BYTES, soon).await, Ok(()));
        let past = UNCOUNTED_BYTES + 1;
        assert_eq!(two.grow_to(past, soon).await, Err(NoRoom::OfSender));
        assert_eq!(other.grow_to(SHARE_BYTES, soon).await, Ok(()));
        drop(one);
        assert_eq!(two.grow_to(SHARE_BYTES, soon).await, Ok(()));
        two.release();
        assert_eq!(memory.shares().len(), 1);
        drop(other);
        assert!(memory.shares().is_empty());
    }

    #[tokio::test]
    async fn all_bodies_get_what_there_is_and_wait_for_more() {
        let memory = BodyMemory::new(4 * PIECE_BYTES, usize::MAX);
        let (mut one, mut two) = (memory.hold(sender(1)), memory.hold(sender(2)));
        let soon = Instant::now();
        assert_eq!(one.grow_to(1, soon).await, Ok(()));
        assert_eq!(one.grow_to(3 * PIECE_BYTES, soon).await, Ok(()));
        assert_eq!(two.grow_to(PIECE_BYTES, soon).await, Ok(()));
        let past = PIECE_BYTES + 1;
        assert_eq!(two.grow_to(past, soon).await, Err(NoRoom::InAll));
        drop(one);
        assert_eq!(two.grow_to(4 * PIECE_BYTES, soon).await, Ok(()));
    }
}
