use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::Context;

use bytes::Bytes;
use futures_util::task::AtomicWaker;

use super::Durable;
use super::keep::Keep;
use super::receipt::Receipt;
use crate::bridge::toward::Toward;
use crate::drive::Happened;
use crate::durable::Word;
use crate::interest::{Consumer, Interest, Role, Schema};
use crate::line::Line;
use crate::wire::{Peer, Permit};

/// One end of a durable flow, as the links see it over which it talks.
pub(super) trait Speaks {
    /// What it has to say over that link, if that is the one over which it talks.
    fn with_words<T>(&self, link: u64, with: impl FnOnce(&mut VecDeque<Vec<u8>>) -> T) -> Option<T>;

    /// Woken when there is more.
    fn carrier(&self) -> &AtomicWaker;

    /// Says over that link what is to be said; `false` if there was no room for all of it. The task is woken when there is more.
    fn speak(&self, link: u64, line: &mut Line<'_>, cx: &Context<'_>, happened: &mut Happened) -> bool {
        let take = || self.with_words(link, VecDeque::pop_front).flatten();
        while line.has_room_for_durable() {
            let word = take().or_else(|| {
                self.carrier().register(cx.waker());
                take()
            });
            let Some(word) = word else { return true };
            if line.durable(&word).is_err() {
                self.with_words(link, |words| words.push_front(word));
                return false;
            }
            *happened = Happened::Something;
        }
        false
    }
}

/// What of a link with one other router lasts: it carries what is kept for that, and what comes from there.
pub(in crate::bridge) struct Traffic {
    durable: Durable,
    link: u64,
    peer: Option<Peer>,
    keep: Option<Arc<Keep>>,
    receipt: Option<Arc<Receipt>>,
    /// What the other router wants that lasts.
    wants: HashMap<Interest, Schema>,
    /// What it has taken back, if it is still there when that is looked at.
    taken_back: Vec<Schema>,
    /// There is something to be said, or to be looked at, and nobody rings for it.
    is_due: bool,
}

impl Traffic {
    pub(in crate::bridge) fn new(durable: Durable) -> Self {
        Self {
            durable,
            link: 0,
            peer: None,
            keep: None,
            receipt: None,
            wants: HashMap::new(),
            taken_back: Vec::new(),
            is_due: false,
        }
    }

    /// Who is at the other end is known, for the first time or as another incarnation.
    pub(in crate::bridge) fn opened(&mut self, peer: &Peer) {
        self.end();
        if peer.is_durable() {
            self.peer = Some(peer.clone());
            (self.link, self.keep, self.receipt) = self.durable.house().connect(peer);
            self.is_due = true;
        }
    }

    /// Both ends have begun anew: what was said and not heard is lost.
    pub(in crate::bridge) fn begin_anew(&mut self) {
        if let (Some(keep), Some(peer)) = (&self.keep, &self.peer) {
            self.durable.house().carry_on(keep, self.link, peer);
        }
        if let Some(receipt) = &self.receipt {
            receipt.begin(self.link);
        }
        self.is_due = true;
    }

    /// The other router wants something: `false` if that does not last.
    pub(in crate::bridge) fn wanted(
        &mut self,
        interest: Interest,
        schema: &Schema,
        group: Option<&str>,
        consumer: Consumer,
    ) -> bool {
        if schema.role != Role::Subscriber || group.is_some() || consumer.id.is_some() {
            return false;
        }
        let house = self.durable.house();
        if self.keep.is_none()
            && let Some(peer) = &self.peer
        {
            self.keep = house.keep_from_here(peer, self.link);
            self.is_due = true;
        }
        let lasts = self.keep.as_ref().is_some_and(|keep| house.wanted(keep, schema, consumer));
        if lasts {
            self.wants.insert(interest, schema.clone());
            self.taken_back.retain(|taken_back| taken_back != schema);
        }
        lasts
    }

    /// It wants it no more, or is gone: `false` if that did not last.
    pub(in crate::bridge) fn unwanted(&mut self, interest: Interest) -> bool {
        let Some(schema) = self.wants.remove(&interest) else { return false };
        if !self.wants.values().any(|other| *other == schema) {
            self.taken_back.push(schema);
            self.is_due = true;
        }
        true
    }

    /// How far away the nearest is who wants it: `false` if that does not last.
    pub(in crate::bridge) fn loaded(&self, interest: Interest, load: u32) -> bool {
        let (Some(keep), Some(schema)) = (&self.keep, self.wants.get(&interest)) else { return false };
        self.durable.house().loaded(keep, schema, load);
        true
    }

    /// All that it wanted when it connected is known.
    pub(in crate::bridge) fn informed(&mut self) {
        if let Some(keep) = &self.keep {
            self.durable.house().informed(keep);
        }
    }

    /// It cannot be reached for now: what it has taken back it may have taken back since it stops.
    pub(in crate::bridge) fn away(&self) {
        if let Some(keep) = &self.keep {
            keep.state().wants.pause();
        }
    }

    /// Something came from there.
    pub(in crate::bridge) fn hear(&mut self, word: &Bytes, permit: Permit) {
        let word = match Word::decode(word) {
            Ok(word) => word,
            Err(error) => {
                tracing::error!(%error, "another router says what cannot be read");
                return;
            }
        };
        match (word.is_sources(), &self.receipt, &self.keep) {
            (true, Some(receipt), _) => receipt.hear(self.link, word, permit),
            (false, _, Some(keep)) => keep.hear(self.link, &word),
            _ => {}
        }
    }

    /// Whether there is something to be said, or to be looked at, and nobody rings for it.
    pub(in crate::bridge) fn is_due(&self) -> bool {
        self.is_due
    }

    /// Says what is to be said, as far as there is room.
    pub(in crate::bridge) fn poll(&mut self, toward: &mut impl Toward, cx: &Context<'_>) -> Happened {
        let mut happened = Happened::Nothing;
        if let Some(keep) = &self.keep {
            for schema in self.taken_back.drain(..) {
                self.durable.house().taken_back(keep, &schema);
            }
            for (theirs, ours) in self.durable.house().take_differing(keep) {
                let interest = self.wants.iter().find(|(_, schema)| **schema == theirs);
                interest.into_iter().for_each(|(interest, _)| toward.differs(*interest, ours.clone()));
            }
        }
        let mut line = toward.line();
        let mut has_room = true;
        if let Some(receipt) = &self.receipt {
            has_room = receipt.speak(self.link, &mut line, cx, &mut happened);
        }
        if let (Some(keep), true) = (&self.keep, has_room) {
            has_room = keep.speak(self.link, &mut line, cx, &mut happened);
        }
        self.is_due = !has_room;
        happened
    }

    /// The other router is gone.
    pub(in crate::bridge) fn end(&mut self) {
        self.wants.clear();
        self.taken_back.clear();
        self.peer = None;
        if let Some(keep) = self.keep.take() {
            keep.end(self.link);
        }
        if let Some(receipt) = self.receipt.take() {
            receipt.end(self.link);
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.end();
    }
}
