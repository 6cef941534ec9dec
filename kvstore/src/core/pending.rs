use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::clock::Deadline;
use super::slot::Content;
use super::space::Space;
use crate::error::StoreError;
use crate::version::Version;

/// A change that has its place in the journal and is not durable yet: nobody sees it, but writes that follow take it for
/// what is there.
pub(super) struct Pending {
    pub(super) after: After,
    pub(super) version: Version,
    /// By how much it changed what the namespace counts.
    pub(super) entries: isize,
    pub(super) bytes: isize,
}

/// What there is after a change.
#[derive(Clone, Debug)]
pub(crate) enum After {
    /// This.
    Put { content: Content, deadline: Deadline },
    /// As before, until another time; no new version.
    Touched { content: Content, deadline: Deadline },
    /// Nothing any more.
    Gone(Why),
}

/// Why there is nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Deleted,
    Expired,
    Evicted,
}

/// A change as the journal gets it.
pub(crate) struct Record<'a> {
    pub(crate) space: &'a Space,
    pub(crate) key: &'a str,
    pub(crate) version: Version,
    pub(crate) after: &'a After,
}

/// What is to be done when a change is durable.
pub(crate) struct Promotion {
    pub(crate) space: Arc<Space>,
    pub(crate) hash: u64,
    pub(crate) key: Arc<str>,
    /// The room it takes until then: given back when this is dropped.
    pub(crate) _room: Option<Room>,
    /// Who waits for it.
    pub(crate) done: oneshot::Sender<Result<(), StoreError>>,
}

/// Where changes are made durable.
pub(crate) trait Log: Send + Sync {
    /// Takes a change in, under the lock of its key's shard: the order of these calls is the order of the records. It does
    /// not wait. Without a promotion the change has happened already, and nobody waits for it.
    fn append(&self, record: Record<'_>, promotion: Option<Promotion>);

    /// Room for a change with a value of so many bytes: a writer waits for it before it writes.
    fn room(&self, bytes: usize) -> Pin<Box<dyn Future<Output = Result<Room, StoreError>> + Send + '_>>;
}

/// Room for one change that is not durable yet.
pub(crate) type Room = OwnedSemaphorePermit;

impl Promotion {
    /// It is durable: it is seen from here on, then its writer is told.
    pub(crate) fn carry_out(self) {
        self.space.promote(self.hash, &self.key);
        // Who has gone away need not be told.
        let _ = self.done.send(Ok(()));
    }

    /// It never will be.
    pub(crate) fn give_up(self, error: StoreError) {
        self.space.forget(self.hash, &self.key);
        let _ = self.done.send(Err(error));
    }
}
