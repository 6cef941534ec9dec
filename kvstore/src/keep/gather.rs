use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use edri_event::Fingerprint;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use super::line::Line;
use crate::core::{After, Log, Promotion, Record, Room};
use crate::error::{Refusal, StoreError};

/// Changes on their way to the disk.
pub(super) struct Gather {
    gathered: Mutex<Gathered>,
    /// There is something, or there will be nothing more.
    news: Notify,
    room: Arc<Semaphore>,
}

#[derive(Default)]
struct Gathered {
    batch: Batch,
    /// Types whose names have been written.
    known: HashSet<Fingerprint>,
    is_closed: bool,
    /// Nobody will write what comes from here on.
    is_over: bool,
    /// Why the last batch was not stored, until one is.
    trouble: Option<String>,
}

/// Changes that are written together.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) record: Vec<u8>,
    /// In the order of the changes.
    pub(super) promotions: Vec<Promotion>,
}

/// How much may be on its way before writers wait, in units: each change is one, and each 256 bytes of its value.
const ROOM: usize = 1 << 16;

/// How often others are let go first, so that what they write goes along.
const TURNS: usize = 8;

impl Gather {
    pub(super) fn new() -> Self {
        let (gathered, news) = (Mutex::default(), Notify::new());
        Self { gathered, news, room: Arc::new(Semaphore::new(ROOM)) }
    }

    /// What has gathered, as soon as there is something; `spare` is an empty one, to gather in next. `None` when there will be
    /// nothing more.
    ///
    /// Those who wait for the batch before are about to write again: they are let go first, for as long as they do.
    pub(super) async fn next(&self, spare: Batch) -> Option<Batch> {
        loop {
            {
                let mut gathered = self.gathered.lock();
                if !gathered.batch.record.is_empty() {
                    break;
                }
                if gathered.is_closed {
                    gathered.is_over = true;
                    return None;
                }
            }
            self.news.notified().await;
        }
        let mut before = 0;
        for _ in 0..TURNS {
            let now = self.gathered.lock().batch.record.len();
            if now == before {
                break;
            }
            before = now;
            tokio::task::yield_now().await;
        }
        Some(std::mem::replace(&mut self.gathered.lock().batch, spare))
    }

    /// A batch was stored.
    pub(super) fn stored(&self) {
        self.gathered.lock().trouble = None;
    }

    /// A batch was not stored. Nor will be what was written on top of it meanwhile: it was never seen, and what it was made
    /// of will not have been.
    pub(super) fn not_stored(&self, failed: Batch, error: &dyn std::fmt::Display) {
        let reason = error.to_string();
        let mut failed = Some(failed);
        while let Some(batch) = failed.take() {
            for promotion in batch.promotions {
                promotion.give_up(StoreError::refused(Refusal::NotDurable, reason.as_str()));
            }
            let mut gathered = self.gathered.lock();
            gathered.trouble = Some(reason.clone());
            // Names that were in it have to be written again.
            gathered.known.clear();
            if !gathered.batch.record.is_empty() {
                failed = Some(std::mem::take(&mut gathered.batch));
            }
        }
    }

    pub(super) fn trouble(&self) -> Option<String> {
        self.gathered.lock().trouble.clone()
    }

    /// Nobody gets room any more. What has gathered is still written.
    pub(super) fn close(&self) {
        self.room.close();
        self.gathered.lock().is_closed = true;
        self.news.notify_one();
    }
}

impl Log for Gather {
    fn append(&self, record: Record<'_>, promotion: Option<Promotion>) {
        let Record { space, key, version, after } = record;
        let (shared, name, version) = (space.shared(), space.name(), version.get());
        let mut gathered = self.gathered.lock();
        if gathered.is_over {
            // Its writer learns that the store has ended before it was durable.
            return;
        }
        let is_first = gathered.batch.record.is_empty();
        let Gathered { batch, known, .. } = &mut *gathered;
        match after {
            After::Put { content, deadline } => {
                if let Some(kind) = content.kind
                    && known.insert(kind)
                    && let Some(name) = shared.types.name(kind)
                {
                    Line::Type { kind, name: &name }.write(&mut batch.record);
                }
                let deadline = shared.clock.to_world(*deadline);
                let (kind, bytes) = (content.kind, &*content.bytes);
                Line::Put { space: name, key, version, deadline, kind, bytes }.write(&mut batch.record);
            }
            After::Touched { deadline, .. } => {
                let deadline = shared.clock.to_world(*deadline);
                Line::Touched { space: name, key, version, deadline }.write(&mut batch.record);
            }
            After::Gone(_) => Line::Gone { space: name, key, version }.write(&mut batch.record),
        }
        batch.promotions.extend(promotion);
        drop(gathered);
        if is_first {
            self.news.notify_one();
        }
    }

    fn room(&self, bytes: usize) -> Pin<Box<dyn Future<Output = Result<Room, StoreError>> + Send + '_>> {
        let units = (1 + bytes / 256).min(ROOM) as u32;
        Box::pin(async move {
            let room = Arc::clone(&self.room).acquire_many_owned(units).await;
            room.map_err(|_| StoreError::closed())
        })
    }
}
