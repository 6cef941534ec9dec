use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use super::clock::Deadline;
use super::pending::{After, Pending, Promotion, Record, Room, Why};
use super::shard::{Current, Part, Shard};
use super::slot::{Content, Slot, Stamp, size};
use super::space::Space;
use crate::error::{Refusal, StoreError};
use crate::settings::WhenFull;
use crate::version::Version;
use crate::watch::{Told, What};

/// What a write wants to do, given what is there.
pub(super) enum Edit {
    /// Nothing.
    Leave,
    /// Put this in its place.
    Put { content: Content, deadline: Deadline },
    /// Let it be kept until then.
    Touch { deadline: Deadline },
    /// Take it away.
    Remove,
}

/// What came of a write.
#[must_use]
pub(crate) struct Applied<O> {
    pub(crate) output: O,
    /// When it is durable, where that takes time.
    pub(crate) commit: Option<Commit>,
}

/// Ready when a change is durable and seen.
pub(crate) type Commit = oneshot::Receiver<Result<(), StoreError>>;

/// A key and the shard that it belongs to, locked.
pub(super) struct Spot<'s> {
    pub(super) part: &'s Part,
    pub(super) shard: &'s mut Shard,
    pub(super) hash: u64,
    pub(super) key: &'s str,
}

impl<O> Applied<O> {
    pub(crate) fn now(output: O) -> Self {
        Self { output, commit: None }
    }

    /// Waits until it is durable. Dropped before, it becomes durable all the same.
    pub(crate) async fn durable(self) -> Result<O, StoreError> {
        if let Some(commit) = self.commit {
            commit.await.unwrap_or_else(|_| {
                let text = "the store ended before the change was durable";
                Err(StoreError::refused(Refusal::NotDurable, text))
            })?;
        }
        Ok(self.output)
    }
}

impl Spot<'_> {
    fn slot(&self) -> Option<&Slot> {
        self.shard.find(self.hash, self.key)
    }

    fn current(&self) -> Option<Current<'_>> {
        self.shard.current(self.hash, self.key)
    }

    /// The key in the allocation that is there, if it is there.
    fn shared_key(&self) -> Arc<str> {
        self.slot().map_or_else(|| self.key.into(), |slot| Arc::clone(&slot.key))
    }
}

impl Space {
    /// Writes a key: `decide` is shown what is there, and says what is to be there, and what the writer is told. It may be
    /// asked more than once, until there is room. Answers with the version of the change, if there was one.
    pub(super) fn edit<O>(
        self: &Arc<Self>,
        key: &str,
        mut room: Option<Room>,
        mut decide: impl FnMut(Option<Current<'_>>) -> Result<(Edit, O), StoreError>,
    ) -> Result<(Applied<O>, Option<Version>), StoreError> {
        self.shared.check_open()?;
        let hash = self.hash(key);
        let part = self.part(hash);
        loop {
            let mut shard = part.shard.write();
            let mut spot = Spot { part, shard: &mut shard, hash, key };
            self.expire_if_over(&mut spot);
            let there = spot.current().filter(|current| !current.deadline.is_over(&self.shared.clock));
            let (edit, output) = decide(there)?;
            match self.carry_out(&mut spot, edit, &mut room)? {
                Carried::Out { version, commit } => return Ok((Applied { output, commit }, version)),
                Carried::NoRoom => {
                    drop(shard);
                    self.make_room()?;
                }
            }
        }
    }

    /// Removes a key, if it is there.
    pub(super) fn remove(self: &Arc<Self>, mut spot: Spot<'_>) -> Result<Option<Option<Commit>>, StoreError> {
        self.expire_if_over(&mut spot);
        match self.carry_out(&mut spot, Edit::Remove, &mut None)? {
            Carried::Out { version: Some(_), commit } => Ok(Some(commit)),
            Carried::Out { version: None, .. } | Carried::NoRoom => Ok(None),
        }
    }

    fn carry_out(
        self: &Arc<Self>,
        spot: &mut Spot<'_>,
        edit: Edit,
        room: &mut Option<Room>,
    ) -> Result<Carried, StoreError> {
        let key = spot.key;
        let (after, version, entries, bytes) = match (edit, spot.current()) {
            (Edit::Leave, _) | (Edit::Touch { .. } | Edit::Remove, None) => return Ok(Carried::NOTHING),
            (Edit::Touch { deadline }, Some(current)) => {
                let content = current.content.clone();
                (After::Touched { content, deadline }, Some(current.version), 0, 0)
            }
            (Edit::Remove, Some(current)) => {
                (After::Gone(Why::Deleted), None, -1, -signed(size(key, &current.content.bytes)))
            }
            (Edit::Put { content, deadline }, current) => {
                let new = size(key, &content.bytes);
                self.check_size(&content, new)?;
                let (entries, old) = match current {
                    None => (1, 0),
                    Some(current) => (0, size(key, &current.content.bytes)),
                };
                (After::Put { content, deadline }, None, entries, signed(new) - signed(old))
            }
        };
        if !self.reserve(entries, bytes) {
            return Ok(Carried::NoRoom);
        }
        let version = version.unwrap_or_else(|| self.next_version());
        let Some(log) = &self.log else {
            self.apply(spot, version, after);
            return Ok(Carried::Out { version: Some(version), commit: None });
        };
        let key = spot.shared_key();
        let (done, commit) = oneshot::channel();
        let promotion = Promotion {
            space: Arc::clone(self),
            hash: spot.hash,
            key: Arc::clone(&key),
            _room: room.take(),
            done,
        };
        log.append(Record { space: self, key: &key, version, after: &after }, Some(promotion));
        let pending = Pending { after, version, entries, bytes };
        spot.shard.pending.entry(key).or_default().push_back(pending);
        Ok(Carried::Out { version: Some(version), commit: Some(commit) })
    }

    fn check_size(&self, content: &Content, size: usize) -> Result<(), StoreError> {
        let (value, most) = (content.bytes.len(), self.bounds.value);
        if value > most {
            let text = format!("a value of {value} bytes: expected {most} at most in {}", self.title());
            return Err(StoreError::refused(Refusal::TooLarge, text));
        }
        if size > self.bounds.bytes {
            let most = self.bounds.bytes;
            let text =
                format!("an entry of {size} bytes does not fit in {}, which holds {most}", self.title());
            return Err(StoreError::refused(Refusal::TooLarge, text));
        }
        Ok(())
    }

    fn make_room(self: &Arc<Self>) -> Result<(), StoreError> {
        if self.bounds.when_full == WhenFull::EvictLeastRecentlyUsed && self.evict() {
            return Ok(());
        }
        let gauge = self.gauge();
        let text =
            format!("{} is full: it has {} entries of {} bytes", self.title(), gauge.entries, gauge.bytes);
        Err(StoreError::refused(Refusal::Full, text))
    }

    pub(crate) fn title(&self) -> String {
        match &*self.name {
            "" => "the default namespace".into(),
            name => format!("the namespace {name:?}"),
        }
    }

    /// A change is seen from here on.
    fn apply(&self, spot: &mut Spot<'_>, version: Version, after: After) {
        let what = match after {
            After::Put { content, deadline } => {
                let what = self.listeners.any().then(|| What::Set(content.clone()));
                self.put(spot, version, content, deadline);
                what
            }
            After::Touched { deadline, .. } => {
                if let Some(slot) = spot.shard.find_mut(spot.hash, spot.key) {
                    slot.deadline = deadline;
                    slot.mark_used(Stamp::read_after(self.version.load(Ordering::Relaxed)));
                }
                self.touches.fetch_add(1, Ordering::Relaxed);
                self.schedule(spot);
                None
            }
            After::Gone(why) => {
                if spot.shard.remove(spot.hash, spot.key).is_some() && self.evicts() {
                    spot.part.publish_oldest(spot.shard);
                }
                Some(match why {
                    Why::Deleted => What::Deleted,
                    Why::Expired => What::Expired,
                    Why::Evicted => What::Evicted,
                })
            }
        };
        if let Some(what) = what
            && self.listeners.any()
        {
            let key = spot.shared_key();
            self.listeners.tell(spot.shard.watchers.get(&*key), &Arc::new(Told { key, version, what }));
        }
    }

    fn put(&self, spot: &mut Spot<'_>, version: Version, content: Content, deadline: Deadline) {
        match spot.shard.find_mut(spot.hash, spot.key) {
            Some(slot) => {
                slot.content = content;
                slot.version = version;
                slot.deadline = deadline;
                slot.mark_used(Stamp::written(version));
            }
            None => {
                let slot = Slot::new(spot.key.into(), content, version, deadline);
                spot.shard.insert(&self.hasher, spot.hash, slot, self.evicts());
                if self.evicts() {
                    spot.part.publish_oldest(spot.shard);
                }
            }
        }
        if !deadline.is_never() {
            self.schedule(spot);
        }
    }

    /// A pending change is durable: the first of its key.
    pub(super) fn promote(&self, hash: u64, key: &str) {
        let part = self.part(hash);
        let mut shard = part.shard.write();
        if let Some(Pending { after, version, .. }) = shard.pop_pending(key) {
            self.apply(&mut Spot { part, shard: &mut shard, hash, key }, version, after);
        }
    }

    /// A pending change will never be durable.
    pub(super) fn forget(&self, hash: u64, key: &str) {
        let part = self.part(hash);
        let mut shard = part.shard.write();
        if let Some(Pending { entries, bytes, .. }) = shard.pop_pending(key) {
            self.release(entries, bytes);
        }
        // What was over meanwhile was left alone because of it.
        self.schedule(&mut Spot { part, shard: &mut shard, hash, key });
    }

    /// Removes what nobody is asked about: it has expired, or has to make room. It is gone at once, also where changes are to
    /// be durable first: lost by a crash, it would come back as something that is over, or that has room again.
    pub(super) fn remove_now(&self, spot: &mut Spot<'_>, why: Why) {
        let Some(slot) = spot.slot() else { return };
        self.release(1, signed(size(spot.key, &slot.content.bytes)));
        let version = self.next_version();
        let after = After::Gone(why);
        if let Some(log) = &self.log {
            log.append(Record { space: self, key: spot.key, version, after: &after }, None);
        }
        self.apply(spot, version, after);
    }
}

enum Carried {
    Out {
        /// `None` if nothing was to be done.
        version: Option<Version>,
        commit: Option<Commit>,
    },
    NoRoom,
}

impl Carried {
    const NOTHING: Self = Self::Out { version: None, commit: None };
}

impl Shard {
    /// The first pending change of a key.
    fn pop_pending(&mut self, key: &str) -> Option<Pending> {
        let pending = self.pending.get_mut(key)?;
        let first = pending.pop_front();
        if pending.is_empty() {
            self.pending.remove(key);
        }
        first
    }
}

/// Sizes are far below what an `isize` holds: no allocation is larger.
fn signed(size: usize) -> isize {
    size as isize
}
