use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use tokio::sync::watch;

use super::blocks::Background;
use super::segments::Segments;
use crate::error::JournalError;
use crate::position::Position;
use crate::shared::{Shared, View};

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Where it stands.
    pub position: Position,
    /// What was appended. It keeps the block in memory with which it was read, up to 256 KiB.
    pub content: Bytes,
}

/// The records of a journal from some position on, in order: a [`Stream`], and [`next`](Self::next) to go without.
///
/// It gives what is synced and nothing else: what was read will be there after a crash, at the same position. It reads
/// blocks of 256 KiB (more only for a record that is larger) and holds one at a time. Every checksum is looked at: where
/// something is wrong, the records before it come first, then one error, and then no more.
///
/// # Panics
/// Where it is polled outside of a tokio runtime.
pub struct Reader {
    records: Background<Segments>,
    /// The position of the next record it gives.
    next: Position,
    /// Told of new records, if it goes on with them.
    follows: Option<Follows>,
}

/// How a reader that has come to the end learns of more.
enum Follows {
    Reading(watch::Receiver<View>),
    Waiting(Pin<Box<dyn Future<Output = watch::Receiver<View>> + Send + Sync>>),
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>, from: Position, until: Option<Position>) -> Self {
        let follows = until.is_none().then(|| Follows::Reading(shared.watch()));
        Self { records: Background::new(Segments::new(shared, from, until)), next: from, follows }
    }

    /// The next record. None when there is no more: at the end as it was when the reader was made, or, if it follows, when
    /// the journal is closed.
    ///
    /// # Errors
    /// [`Gone`](JournalError::Gone) if the record is no longer kept, [`Damaged`](JournalError::Damaged),
    /// [`Version`](JournalError::Version), and what the operating system refuses.
    ///
    /// # Cancel safety
    /// If it is dropped, nothing was taken.
    pub async fn next(&mut self) -> Option<Result<Record, JournalError>> {
        poll_fn(|cx| self.poll_record(cx)).await
    }

    fn poll_record(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Record, JournalError>>> {
        loop {
            match self.follows.take() {
                Some(Follows::Waiting(mut more)) => match more.as_mut().poll(cx) {
                    Poll::Ready(view) => self.follows = Some(Follows::Reading(view)),
                    Poll::Pending => {
                        self.follows = Some(Follows::Waiting(more));
                        return Poll::Pending;
                    }
                },
                follows => self.follows = follows,
            }
            match ready!(self.records.poll_next(cx)) {
                Some(Ok(record)) => {
                    self.next = record.position.next();
                    return Poll::Ready(Some(Ok(record)));
                }
                Some(Err(error)) => {
                    self.follows = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {}
            }
            let Some(Follows::Reading(mut views)) = self.follows.take() else {
                return Poll::Ready(None);
            };
            let view = *views.borrow_and_update();
            if view.end.next > self.next {
                self.follows = Some(Follows::Reading(views));
            } else if view.closed {
                return Poll::Ready(None);
            } else {
                self.follows = Some(Follows::Waiting(Box::pin(async move {
                    // The sender is where the records are read from: it is there for as long as this reader is.
                    let _ = views.changed().await;
                    views
                })));
            }
        }
    }
}

impl Stream for Reader {
    type Item = Result<Record, JournalError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_record(cx)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reader")
            .field("next", &self.next)
            .field("follows", &self.follows.is_some())
            .finish_non_exhaustive()
    }
}
