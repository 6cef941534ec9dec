use std::sync::Arc;

use super::answer::{Answered, Operation, Reach};
use super::door::Inside;
use crate::core::{Applied, Clearing, Room, Space, check_key};
use crate::entry::{Entry, Outcome};
use crate::error::{Refusal, StoreError};
use crate::event::{
    Clear, CompareAndSwap, Delete, Get, GetMany, Increment, Incremented, Page, Scan, Set, Swapped, Touch,
};
use crate::version::Version;

/// Carries out a write: at once, or where it is to be durable first, when there is room.
fn write<T: Send + 'static>(
    inside: &Arc<Inside>,
    namespace: &str,
    bytes: usize,
    write: impl FnOnce(&Arc<Space>, Option<Room>) -> Result<Applied<T>, StoreError> + Send + 'static,
) -> Answered<T> {
    let answered = inside.core.with_space(namespace, |space| {
        if !space.is_logged() {
            return write(space, None).map(|applied| Answered::Now(Ok(applied.output)));
        }
        let space = Arc::clone(space);
        Ok(Answered::Later(Box::pin(async move {
            let room = space.room(bytes).await?;
            write(&space, room)?.durable().await
        })))
    });
    answered.unwrap_or_else(|error| Answered::Now(Err(error)))
}

impl Operation for Reach {
    fn carry_out(self, inside: &Arc<Inside>) -> Answered<Arc<Inside>> {
        Answered::Now(Ok(Arc::clone(inside)))
    }
}

impl Operation for Get {
    fn carry_out(self, inside: &Arc<Inside>) -> Answered<Option<Entry>> {
        Answered::Now(inside.core.with_space(&self.namespace, |space| {
            check_key(&self.key)?;
            Ok(space.entry(&self.key))
        }))
    }
}

impl Operation for GetMany {
    fn carry_out(self, inside: &Arc<Inside>) -> Answered<Vec<Option<Entry>>> {
        Answered::Now(inside.core.with_space(&self.namespace, |space| self.read(space)))
    }
}

impl GetMany {
    pub(crate) fn read(&self, space: &Space) -> Result<Vec<Option<Entry>>, StoreError> {
        if self.keys.len() > Self::MAX_KEYS {
            let text = format!("{} keys at once: expected {} at most", self.keys.len(), Self::MAX_KEYS);
            return Err(StoreError::refused(Refusal::TooLarge, text));
        }
        let (mut entries, mut bytes) = (Vec::with_capacity(self.keys.len()), 0);
        for key in &self.keys {
            check_key(key)?;
            let entry = space.entry(key);
            bytes += entry.as_ref().map_or(0, |entry| entry.value.as_bytes().len());
            if bytes > Self::MAX_BYTES {
                let text =
                    format!("values of more than {} bytes at once: ask for fewer keys", Self::MAX_BYTES);
                return Err(StoreError::refused(Refusal::TooLarge, text));
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

impl Operation for Scan {
    fn carry_out(self, inside: &Arc<Inside>) -> Answered<Page> {
        Answered::Now(inside.core.with_space(&self.namespace, |space| self.read(space)))
    }
}

impl Scan {
    pub(crate) fn read(&self, space: &Space) -> Result<Page, StoreError> {
        if self.limit == 0 {
            let text = "a page of no entries: expected 1 at least";
            return Err(StoreError::refused(Refusal::Invalid, text));
        }
        let limit = self.limit.min(Self::MAX_ENTRIES) as usize;
        Ok(space.page_of_entries(&self.range, self.after.as_deref(), limit))
    }
}

impl Operation for Set {
    fn carry_out(self, inside: &Arc<Inside>) -> Answered<Outcome> {
        let Self { namespace, key, value, expiry, only_if } = self;
        write(inside, &namespace, value.as_bytes().len(), move |space, room| {
            let content = space.take_in(value);
            space.set(&key, room, content, expiry, only_if)
        })
    }
}

impl Operation for Delete {
    fn carry_out(self, inside: &Arc<Inside>) -> Answered<Outcome> {
        let Self { namespace, key, only_if } = self;
        write(inside, &namespace, 0, move |space, room| space.delete(&key, room, only_if))
    }
}

impl Operation for CompareAndSwap {
    fn carry_out(self, inside: &Arc<Inside>) -> Answered<Swapped> {
        let Self { namespace, key, expected, new, expiry } = self;
        let bytes = new.as_ref().map_or(0, |new| new.as_bytes().len());
        write(inside, &namespace, bytes, move |space, room| {
            let expected = expected.map(|value| space.take_in(value));
            let new = new.map(|value| space.take_in(value));
            space.compare_and_swap(&key, room, expected.as_ref(), new.as_ref(), expiry)
        })
    }
}

impl Operation for Increment {
    fn carry_out(self, inside: &Arc<Inside>) -> Answered<Incremented> {
        let Self { namespace, key, by, expiry } = self;
        write(inside, &namespace, 0, move |space, room| space.increment(&key, room, by, expiry))
    }
}

impl Operation for Touch {
    fn carry_out(self, inside: &Arc<Inside>) -> Answered<Option<Version>> {
        let Self { namespace, key, expiry } = self;
        write(inside, &namespace, 0, move |space, room| space.touch(&key, room, expiry))
    }
}

impl Operation for Clear {
    fn carry_out(self, inside: &Arc<Inside>) -> Answered<u64> {
        match inside.core.space(&self.namespace) {
            Err(error) => Answered::Now(Err(error)),
            Ok(space) => Answered::Later(Box::pin(async move { space.clear(&self.prefix).await })),
        }
    }
}

impl Space {
    /// Removes what begins so, some of it at a time; answers how many there were.
    pub(crate) async fn clear(self: &Arc<Self>, prefix: &str) -> Result<u64, StoreError> {
        let mut clearing = Clearing::default();
        loop {
            let is_over = self.clear_some(prefix, &mut clearing)?.durable().await?;
            if is_over {
                return Ok(clearing.removed);
            }
            tokio::task::coop::consume_budget().await;
        }
    }
}
