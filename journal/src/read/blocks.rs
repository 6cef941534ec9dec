use std::collections::VecDeque;
use std::panic;
use std::task::{Context, Poll};

use tokio::task::{JoinHandle, spawn_blocking};

use crate::error::JournalError;

/// Something that is read a block at a time, by code that blocks.
pub(super) trait Blocks: Send + 'static {
    type Item: Send + 'static;

    /// The next block: at least one item, or none if there are no more for now.
    fn read(&mut self) -> Result<Vec<Self::Item>, JournalError>;
}

/// A block that was read, and what to read on from.
type Block<B> = (B, Result<Vec<<B as Blocks>::Item>, JournalError>);

/// Gives the items of a block one by one, and has the next block read when they are spent.
pub(super) struct Background<B: Blocks> {
    ready: VecDeque<B::Item>,
    state: State<B>,
}

enum State<B: Blocks> {
    Idle(B),
    Reading(JoinHandle<Block<B>>),
    /// An error was the last there was.
    Over,
}

impl<B: Blocks> Background<B> {
    pub(super) fn new(blocks: B) -> Self {
        Self { ready: VecDeque::new(), state: State::Idle(blocks) }
    }

    /// The next item; none if there is no more for now. What is taken is taken when it is ready, and not before.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<B::Item, JournalError>>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(item)));
            }
            match std::mem::replace(&mut self.state, State::Over) {
                State::Over => return Poll::Ready(None),
                State::Idle(mut blocks) => {
                    self.state = State::Reading(spawn_blocking(move || {
                        let items = blocks.read();
                        (blocks, items)
                    }));
                }
                State::Reading(mut reading) => {
                    let Poll::Ready(read) = std::pin::Pin::new(&mut reading).poll(cx) else {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    };
                    let (blocks, items) = match read {
                        Ok(read) => read,
                        Err(error) => match error.try_into_panic() {
                            Ok(panic) => panic::resume_unwind(panic),
                            // The runtime shuts down.
                            Err(_) => return Poll::Ready(Some(Err(JournalError::Closed))),
                        },
                    };
                    match items {
                        Err(error) => return Poll::Ready(Some(Err(error))),
                        Ok(items) => {
                            self.ready = items.into();
                            self.state = State::Idle(blocks);
                            if self.ready.is_empty() {
                                return Poll::Ready(None);
                            }
                        }
                    }
                }
            }
        }
    }
}
