use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::group::Group;
use crate::error::JournalError;
use crate::position::Position;

/// Records that are on their way; when it is ready, they are as durable as was asked for, and their positions are known.
///
/// Whoever drops it is not told what became of them, and changes nothing: they are written all the same.
#[derive(Debug)]
#[must_use = "what becomes of the records is known when it is awaited"]
pub struct Pending {
    group: Arc<Group>,
    /// How many records of the group come before them.
    before: u64,
    records: u64,
    place: Option<usize>,
}

impl Pending {
    pub(super) fn new(group: Arc<Group>, before: u64, records: u64) -> Self {
        Self { group, before, records, place: None }
    }
}

impl Future for Pending {
    type Output = Result<Range<Position>, JournalError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { group, before, records, place } = self.get_mut();
        let first = ready!(group.records.poll(place, cx)).clone()?.plus(*before);
        Poll::Ready(Ok(first..first.plus(*records)))
    }
}

/// A sync that is on its way.
#[derive(Debug)]
pub(crate) struct Flushing {
    group: Arc<Group>,
    place: Option<usize>,
}

impl Flushing {
    pub(super) fn new(group: Arc<Group>) -> Self {
        Self { group, place: None }
    }
}

impl Future for Flushing {
    type Output = Result<(), JournalError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { group, place } = self.get_mut();
        group.flush.poll(place, cx).map(Clone::clone)
    }
}
