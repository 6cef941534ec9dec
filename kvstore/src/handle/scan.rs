use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::StoreHandle;
use crate::entry::Entry;
use crate::error::StoreError;
use crate::event::{Page, Range, Scan};
use crate::value::Storable;

/// Keys of a range with their values, in order: a `Stream`. Made by [`StoreHandle::scan`].
///
/// They are read page by page, as far as they are asked for: a page is a picture of one moment, and a key that is set behind
/// the pages that have been read is found. A value of another type is an error in its place, and the scan goes on; when a page
/// cannot be read, the scan has ended.
#[must_use = "it reads when it is polled"]
pub struct Scanning<T> {
    handle: StoreHandle,
    next: Next,
    read: VecDeque<(String, Entry)>,
    of: PhantomData<fn() -> T>,
}

type Reading = Pin<Box<dyn Future<Output = Result<Page, StoreError>> + Send>>;

enum Next {
    /// A page that has not been asked for.
    Page(Scan),
    Reading(Scan, Reading),
    End,
}

impl<T: Storable> Scanning<T> {
    pub(super) fn new(handle: StoreHandle, range: Range) -> Self {
        Self { handle, next: Next::Page(Scan::new(range)), read: VecDeque::new(), of: PhantomData }
    }

    /// Reads so many keys at a time, 1 at least.
    pub fn page_size(mut self, keys: u32) -> Self {
        if let Next::Page(scan) = &mut self.next {
            scan.limit = keys.max(1);
        }
        self
    }

    /// The next key and its value; `None` at the end.
    ///
    /// Cancel safe: dropped before it is ready, it has taken nothing.
    ///
    /// # Errors
    /// As [`StoreHandle::get`].
    pub async fn next(&mut self) -> Option<Result<(String, T), StoreError>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// All that are left.
    ///
    /// # Errors
    /// The first error. As [`StoreHandle::get`].
    pub async fn all(mut self) -> Result<Vec<(String, T)>, StoreError> {
        let mut all = Vec::new();
        while let Some(found) = self.next().await {
            all.push(found?);
        }
        Ok(all)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<(String, T), StoreError>>> {
        loop {
            if let Some((key, entry)) = self.read.pop_front() {
                return Poll::Ready(Some(entry.decode().map(|value| (key, value))));
            }
            match std::mem::replace(&mut self.next, Next::End) {
                Next::End => return Poll::Ready(None),
                Next::Page(scan) => {
                    let (handle, asked) = (self.handle.clone(), scan.clone());
                    let reading = Box::pin(async move { handle.page(asked).await });
                    self.next = Next::Reading(scan, reading);
                }
                Next::Reading(scan, mut reading) => {
                    let Poll::Ready(page) = reading.as_mut().poll(cx) else {
                        self.next = Next::Reading(scan, reading);
                        return Poll::Pending;
                    };
                    let page = match page {
                        Ok(page) => page,
                        Err(error) => return Poll::Ready(Some(Err(error))),
                    };
                    self.read = page.entries.into();
                    if let Some(next) = page.next {
                        self.next = Next::Page(scan.after(next));
                    }
                }
            }
        }
    }
}

impl<T: Storable> Stream for Scanning<T> {
    type Item = Result<(String, T), StoreError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.get_mut().poll(cx));
        Poll::Ready(next)
    }
}

impl<T> fmt::Debug for Scanning<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Scanning").field("handle", &self.handle).finish()
    }
}
