use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tracing::Span;

use crate::hash::StableHasher;
use crate::id::EventId;
use crate::origin::Origin;
use crate::progress::ProgressSink;
use crate::trace::TraceContext;

/// What events have to have in common to be handled in order: same key, same order.
///
/// Made from any value by a hash that is the same in every process. Two values may share a key by chance; they
/// are then handled in order too, which is never wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key(u64);

impl Key {
    /// The key of a value.
    pub fn of<T: Hash + ?Sized>(value: &T) -> Self {
        let mut hasher = StableHasher::new();
        value.hash(&mut hasher);
        Self(hasher.finish())
    }

    /// The hash behind it.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// Something that is kept for as long as anybody has to do with an event: it waits in an inbox, or a handler is at it. When
/// the last is done with it, handled or lost, it is dropped. What a router retains of the past does not count.
///
/// Of several events that hold the same, the last counts.
#[derive(Clone)]
pub struct Hold(#[expect(dead_code, reason = "it is there to be dropped")] Arc<dyn Send + Sync>);

impl Hold {
    /// Something whose end is the point of it.
    pub fn new(something: impl Send + Sync + 'static) -> Self {
        Self(Arc::new(something))
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Hold(…)")
    }
}

/// What travels beside an event. Two words; the rare parts are allocated only when one of them is set.
#[derive(Clone, Debug, Default)]
pub struct Meta {
    id: Option<EventId>,
    rare: RareBox,
}

/// Dropped by a call only where there is something to drop: every event that is sent passes here. Copies share it until
/// one of them is changed: those for several subscribers, and those of a run of events from one router.
#[derive(Clone, Debug, Default)]
struct RareBox(Option<Arc<Rare>>);

impl Drop for RareBox {
    #[inline]
    fn drop(&mut self) {
        #[cold]
        fn let_go(rare: Arc<Rare>) {
            drop(rare);
        }
        if let Some(rare) = self.0.take() {
            let_go(rare);
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Rare {
    key: Option<Key>,
    deadline: Option<Instant>,
    progress: Option<ProgressSink>,
    sequence: Option<u64>,
    attempts: u32,
    trace: Option<TraceContext>,
    sender: Option<Span>,
    origin: Option<Origin>,
    redelivered: bool,
    hold: Option<Hold>,
}

impl Meta {
    /// Nothing set, nothing allocated.
    pub const fn new() -> Self {
        Self { id: None, rare: RareBox(None) }
    }

    /// Sets the identity.
    pub fn set_id(&mut self, id: EventId) {
        self.id = Some(id);
    }

    /// Sets the key.
    pub fn set_key(&mut self, key: Key) {
        self.rare().key = Some(key);
    }

    /// Sets the time after which nobody waits for the work any more.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.rare().deadline = Some(deadline);
    }

    /// Takes the deadline away, and gives it.
    pub fn take_deadline(&mut self) -> Option<Instant> {
        self.deadline()?;
        self.rare().deadline.take()
    }

    /// Sets where reports of progress go.
    pub fn set_progress(&mut self, sink: ProgressSink) {
        self.rare().progress = Some(sink);
    }

    /// Sets its place in what a router retains of its type.
    pub fn set_sequence(&mut self, sequence: u64) {
        self.rare().sequence = Some(sequence);
    }

    /// Sets how often a handler has begun with it and not ended well.
    pub fn set_attempts(&mut self, attempts: u32) {
        self.rare().attempts = attempts;
    }

    /// Sets the trace it belongs to, and the span under which it is sent.
    pub fn set_trace(&mut self, trace: TraceContext) {
        self.rare().trace = Some(trace);
    }

    /// Sets the span of a sender that waits until the event has been handled: the span stays open until then.
    pub fn set_sender(&mut self, sender: Span) {
        self.rare().sender = Some(sender);
    }

    /// Sets where it came from.
    pub fn set_origin(&mut self, origin: Origin) {
        self.rare().origin = Some(origin);
    }

    /// Says that it may have been delivered before.
    pub fn set_redelivered(&mut self) {
        self.rare().redelivered = true;
    }

    /// Has something dropped when the last who has to do with the event is done with it.
    pub fn set_hold(&mut self, hold: Hold) {
        self.rare().hold = Some(hold);
    }

    /// Whether something is [held](Self::set_hold).
    #[inline]
    pub fn is_held(&self) -> bool {
        self.rare.0.as_ref().is_some_and(|rare| rare.hold.is_some())
    }

    /// The identity; local events that nobody needs to tell apart have none.
    pub const fn id(&self) -> Option<EventId> {
        self.id
    }

    /// The identity, if there is one and nothing else is set.
    #[inline]
    pub const fn plain(&self) -> Option<EventId> {
        match self.rare.0 {
            None => self.id,
            Some(_) => None,
        }
    }

    /// The key.
    pub fn key(&self) -> Option<Key> {
        self.rare.0.as_ref().and_then(|rare| rare.key)
    }

    /// The time after which nobody waits for the work any more.
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        self.rare.0.as_ref().and_then(|rare| rare.deadline)
    }

    /// Where reports of progress go.
    pub fn progress(&self) -> Option<&ProgressSink> {
        self.rare.0.as_ref().and_then(|rare| rare.progress.as_ref())
    }

    /// The trace it belongs to, and the span under which it was sent; there if somebody listens to traces, or the
    /// sender gave one.
    pub fn trace(&self) -> Option<TraceContext> {
        self.rare.0.as_ref().and_then(|rare| rare.trace)
    }

    /// The span of a sender that waits for it to be handled.
    pub fn sender(&self) -> Option<&Span> {
        self.rare.0.as_ref().and_then(|rare| rare.sender.as_ref())
    }

    /// How often a handler has begun with it before, and not ended well: 0 unless it is delivered again.
    pub fn attempts(&self) -> u32 {
        self.rare.0.as_ref().map_or(0, |rare| rare.attempts)
    }

    /// Its place in what a router [retains](crate::Retention) of its type, from 1; of other types, and before it is
    /// sent, none.
    pub fn sequence(&self) -> Option<u64> {
        self.rare.0.as_ref().and_then(|rare| rare.sequence)
    }

    /// Whether it may have been delivered before, to a consumer on this router that was there before it was started anew:
    /// its sender does not know.
    pub fn is_redelivered(&self) -> bool {
        self.rare.0.as_ref().is_some_and(|rare| rare.redelivered)
    }

    /// The router it came from, if that is another.
    #[inline]
    pub fn origin(&self) -> Option<Origin> {
        self.rare.0.as_ref().and_then(|rare| rare.origin)
    }

    fn rare(&mut self) -> &mut Rare {
        Arc::make_mut(self.rare.0.get_or_insert_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meta_is_two_words() {
        assert_eq!(size_of::<Meta>(), 16);
    }

    #[test]
    fn copies_share_the_rare_parts_until_one_of_them_changes() {
        let mut one = Meta::new();
        one.set_origin(Origin { router: crate::RouterId::from_bits(7), hops: 1 });
        let mut other = one.clone();
        other.set_key(Key::of("tea"));
        assert_eq!(other.origin(), one.origin());
        assert_eq!((one.key(), other.key()), (None, Some(Key::of("tea"))));
    }

    #[test]
    fn what_is_held_is_dropped_with_the_last_copy() {
        let held = Arc::new(());
        let mut one = Meta::new();
        one.set_hold(Hold::new(Arc::clone(&held)));
        let mut other = one.clone();
        other.set_sequence(1);
        drop(one);
        assert_eq!(Arc::strong_count(&held), 2);
        drop(other);
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn keys_of_equal_values_are_equal_and_of_others_differ() {
        assert_eq!(Key::of("file-1"), Key::of(&String::from("file-1")));
        assert_ne!(Key::of("file-1"), Key::of("file-2"));
    }
}
