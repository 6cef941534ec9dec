use std::sync::Arc;
use std::time::Duration;

use edri_event::{Codec as _, MessagePack};

use super::clock::Deadline;
use super::edit::{Applied, Commit, Edit, Spot};
use super::pending::Room;
use super::shard::Current;
use super::slot::Content;
use super::space::Space;
use crate::entry::{Entry, Expiry, OnlyIf, Outcome};
use crate::error::{Refusal, StoreError};
use crate::event::{Incremented, Swapped};
use crate::value::{Value, ValueType, encode, fingerprint, is_integer};
use crate::version::Version;

/// The longest key, in bytes.
const LONGEST_KEY: usize = 1024;

/// How many keys are cleared under one lock.
const CLEARED_AT_ONCE: usize = 1024;

/// Refuses what is no key.
pub(crate) fn check_key(key: &str) -> Result<(), StoreError> {
    match key.len() {
        1..=LONGEST_KEY => Ok(()),
        0 => Err(StoreError::refused(Refusal::Invalid, "an empty key: expected 1 byte at least")),
        length => {
            let text = format!("a key of {length} bytes: expected {LONGEST_KEY} at most");
            Err(StoreError::refused(Refusal::TooLarge, text))
        }
    }
}

impl Space {
    /// Room for a change with a value of so many bytes, waited for; `None` where changes take none.
    pub(crate) async fn room(&self, bytes: usize) -> Result<Option<Room>, StoreError> {
        match &self.log {
            None => Ok(None),
            Some(log) => log.room(bytes).await.map(Some),
        }
    }

    /// Whether a change takes time until it is durable.
    pub(crate) fn is_logged(&self) -> bool {
        self.log.is_some()
    }

    pub(crate) fn set(
        self: &Arc<Self>,
        key: &str,
        room: Option<Room>,
        content: Content,
        expiry: Expiry,
        only_if: OnlyIf,
    ) -> Result<Applied<Outcome>, StoreError> {
        check_key(key)?;
        self.check_expiry(expiry)?;
        let (applied, version) = self.edit(key, room, |current| {
            let there = current.map(|current| current.version);
            Ok(match only_if.holds(there) {
                false => (Edit::Leave, there),
                true => {
                    (Edit::Put { content: content.clone(), deadline: self.deadline(expiry, current) }, there)
                }
            })
        })?;
        Ok(applied.map(|there| outcome(version, there)))
    }

    pub(crate) fn delete(
        self: &Arc<Self>,
        key: &str,
        room: Option<Room>,
        only_if: OnlyIf,
    ) -> Result<Applied<Outcome>, StoreError> {
        check_key(key)?;
        let (applied, version) = self.edit(key, room, |current| {
            let there = current.map(|current| current.version);
            Ok((if only_if.holds(there) { Edit::Remove } else { Edit::Leave }, there))
        })?;
        Ok(applied.map(|there| outcome(version, there)))
    }

    pub(crate) fn compare_and_swap(
        self: &Arc<Self>,
        key: &str,
        room: Option<Room>,
        expected: Option<&Content>,
        new: Option<&Content>,
        expiry: Expiry,
    ) -> Result<Applied<Swapped>, StoreError> {
        check_key(key)?;
        self.check_expiry(expiry)?;
        let (applied, version) = self.edit(key, room, |current| {
            if current.map(|current| current.content) != expected {
                let there = current.map(|current| self.entry_of(current));
                return Ok((Edit::Leave, Swapped::Differs(there)));
            }
            let edit = match new {
                Some(new) => Edit::Put { content: new.clone(), deadline: self.deadline(expiry, current) },
                None => Edit::Remove,
            };
            // It is told the version when there is one.
            Ok((edit, Swapped::Applied(self.version())))
        })?;
        Ok(applied.map(|swapped| match (swapped, version) {
            (Swapped::Applied(_), Some(version)) => Swapped::Applied(version),
            (swapped, _) => swapped,
        }))
    }

    pub(crate) fn increment(
        self: &Arc<Self>,
        key: &str,
        room: Option<Room>,
        by: i64,
        expiry: Expiry,
    ) -> Result<Applied<Incremented>, StoreError> {
        check_key(key)?;
        self.check_expiry(expiry)?;
        let (applied, version) = self.edit(key, room, |current| {
            let number = current.map_or(Ok(0), |current| self.integer(key, current.content))?;
            let sum = number.checked_add(by).ok_or_else(|| {
                let text = format!("{number} and {by} under {key:?} are more than an i64 holds");
                StoreError::refused(Refusal::OutOfRange, text)
            })?;
            // A type that is written as an integer stays what it is; of plain ones, the sum needs the largest.
            let kind = match current.and_then(|current| current.content.kind) {
                Some(kind) if !is_integer(kind) => Some(kind),
                _ => {
                    self.types().know(&ValueType::of::<i64>());
                    Some(fingerprint::<i64>())
                }
            };
            let content = Content { kind, bytes: encode(&sum)? };
            Ok((Edit::Put { content, deadline: self.deadline(expiry, current) }, sum))
        })?;
        Ok(applied.map(|value| Incremented { value, version: version.unwrap_or_default() }))
    }

    pub(crate) fn touch(
        self: &Arc<Self>,
        key: &str,
        room: Option<Room>,
        expiry: Expiry,
    ) -> Result<Applied<Option<Version>>, StoreError> {
        check_key(key)?;
        self.check_expiry(expiry)?;
        let (applied, version) = self
            .edit(key, room, |current| Ok((Edit::Touch { deadline: self.deadline(expiry, current) }, ())))?;
        Ok(applied.map(|()| version))
    }

    /// Removes what begins so: a part of it, with where to go on. The last commit is that of all.
    pub(crate) fn clear_some(
        self: &Arc<Self>,
        prefix: &str,
        from: &mut Clearing,
    ) -> Result<Applied<bool>, StoreError> {
        self.shared.check_open()?;
        let Some(part) = self.parts.get(from.part) else { return Ok(Applied::now(true)) };
        let mut shard = part.shard.write();
        let keys = shard.keys_to_clear(prefix, from.after.take().as_deref(), CLEARED_AT_ONCE);
        match keys.last() {
            Some(last) if keys.len() == CLEARED_AT_ONCE => from.after = Some(Arc::clone(last)),
            _ => from.part += 1,
        }
        let mut commit: Option<Commit> = None;
        for key in keys {
            let hash = self.hash(&key);
            if let Some(removed) = self.remove(Spot { part, shard: &mut shard, hash, key: &key })? {
                from.removed += 1;
                commit = removed.or(commit);
            }
        }
        Ok(Applied { output: false, commit })
    }

    /// What is kept under a key, for who writes it.
    fn entry_of(&self, current: Current<'_>) -> Entry {
        let expires_in = self.shared.clock.until(current.deadline);
        Entry::new(self.types().value(current.content), current.version, expires_in)
    }

    fn integer(&self, key: &str, content: &Content) -> Result<i64, StoreError> {
        let kind = content.kind.ok_or_else(|| not_a_number(key, "plain bytes"))?;
        MessagePack::decode::<i64>(&content.bytes).map_err(|_| {
            let name =
                self.types().name(kind).unwrap_or_else(|| format!("a type with the digest {kind}").into());
            match MessagePack::decode::<u64>(&content.bytes) {
                Ok(number) => {
                    let text = format!("{number} under {key:?} is more than an i64 holds");
                    StoreError::refused(Refusal::OutOfRange, text)
                }
                Err(_) => not_a_number(key, &name),
            }
        })
    }

    fn deadline(&self, expiry: Expiry, current: Option<Current<'_>>) -> Deadline {
        match (expiry, current) {
            (Expiry::Never, _) | (Expiry::Keep, None) => Deadline::NEVER,
            (Expiry::After(ttl), _) | (Expiry::KeepOr(ttl), None) => self.shared.clock.after(ttl),
            (Expiry::Keep | Expiry::KeepOr(_), Some(current)) => current.deadline,
        }
    }

    fn check_expiry(&self, expiry: Expiry) -> Result<(), StoreError> {
        match expiry {
            Expiry::After(Duration::ZERO) | Expiry::KeepOr(Duration::ZERO) => {
                let text = "a time to live of nothing: expected more than 0, or to delete the key";
                Err(StoreError::refused(Refusal::Invalid, text))
            }
            _ => Ok(()),
        }
    }

    /// A value as it is kept.
    pub(crate) fn take_in(&self, value: Value) -> Content {
        let (kind, bytes) = value.into_parts();
        if let Some(kind) = &kind {
            self.types().know(kind);
        }
        Content { kind: kind.map(|kind| kind.fingerprint()), bytes }
    }
}

/// How far a namespace has been cleared.
#[derive(Default)]
pub(crate) struct Clearing {
    part: usize,
    after: Option<Arc<str>>,
    pub(crate) removed: u64,
}

impl<O> Applied<O> {
    fn map<P>(self, map: impl FnOnce(O) -> P) -> Applied<P> {
        Applied { output: map(self.output), commit: self.commit }
    }
}

fn outcome(version: Option<Version>, there: Option<Version>) -> Outcome {
    version.map_or(Outcome::Conflict(there), Outcome::Applied)
}

#[cold]
fn not_a_number(key: &str, found: &str) -> StoreError {
    let text = format!("the value under {key:?} is {found}: expected an integer");
    StoreError::refused(Refusal::NotANumber, text)
}
