//! What was sent, and what became of it.

use std::collections::BTreeMap;

use super::lasting::Fate;

/// One incarnation of a router.
pub(crate) type Life = (usize, u64);

#[derive(Debug, Default)]
pub(crate) struct Books {
    next: u64,
    notes: BTreeMap<u64, Note>,
    asks: BTreeMap<u64, Ask>,
    tunnels: BTreeMap<u64, [Direction; 2]>,
    /// The last of each lane, by sender and receiver.
    last: BTreeMap<(Life, Life, usize), u64>,
    /// What was to last, and the last that came of it, by sender and receiver.
    pub(crate) lasting: BTreeMap<u64, Fate>,
    pub(crate) lasting_last: BTreeMap<(usize, usize), u64>,
    pub(crate) counts: Counts,
}

/// So that a test that tries nothing is noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) delivered: u64,
    pub(crate) redelivered: u64,
    pub(crate) undelivered: u64,
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    pub(crate) items: u64,
    pub(crate) tunnels_finished: u64,
    pub(crate) tunnels_lost: u64,
    pub(crate) resumed: u64,
    pub(crate) restarted: u64,
    pub(crate) dropped: u64,
    pub(crate) lasting: u64,
    pub(crate) interrupted: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        for (mine, other) in self.all().into_iter().zip({ other }.all()) {
            *mine += *other;
        }
    }

    pub(crate) fn check_that_something_was_tried(mut self) {
        assert!(self.all().iter().all(|count| **count > 0), "{self:?}");
    }

    fn all(&mut self) -> [&mut u64; 13] {
        let Self {
            delivered,
            redelivered,
            undelivered,
            answered,
            failed,
            items,
            tunnels_finished,
            tunnels_lost,
            resumed,
            restarted,
            dropped,
            lasting,
            interrupted,
        } = self;
        [
            delivered,
            redelivered,
            undelivered,
            answered,
            failed,
            items,
            tunnels_finished,
            tunnels_lost,
            resumed,
            restarted,
            dropped,
            lasting,
            interrupted,
        ]
    }
}

#[derive(Debug)]
struct Note {
    from: Life,
    to: usize,
    delivered: Vec<(u64, bool)>,
    /// Whether it may have been delivered, as the sender was told.
    undelivered: Option<bool>,
}

#[derive(Debug)]
struct Ask {
    from: Life,
    idempotent: bool,
    delivered: Vec<u64>,
    cancelled: bool,
    answers: u32,
}

#[derive(Debug, Default)]
struct Direction {
    sent: u64,
    received: u64,
    finished: bool,
    ended: bool,
}

impl Books {
    pub(crate) fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(crate) fn sent(&mut self, id: u64, from: Life, to: usize) {
        self.notes.insert(id, Note { from, to, delivered: Vec::new(), undelivered: None });
    }

    pub(crate) fn delivered(&mut self, id: u64, lane: usize, from: Life, at: Life, redelivered: bool) {
        let note = self.notes.get_mut(&id).expect("nobody sent it");
        assert_eq!(note.to, at.0, "note {id} went astray");
        assert_ne!(note.undelivered, Some(false), "note {id} was delivered after all");
        if redelivered {
            // To the same life, too, if that has given up the sender meanwhile.
            self.counts.redelivered += 1;
        } else {
            assert!(note.delivered.is_empty(), "note {id} came again to {at:?}: {note:?}");
            // One that goes on after a session was given up comes from the life that sent it.
            assert_eq!(note.from, from);
        }
        note.delivered.push((at.1, redelivered));
        let last = self.last.entry((note.from, at, lane)).or_default();
        assert!(*last < id || redelivered, "note {id} came to {at:?} after {last} in lane {lane}");
        *last = id;
        self.counts.delivered += 1;
    }

    pub(crate) fn undelivered(&mut self, id: u64, perhaps: bool) {
        let note = self.notes.get_mut(&id).expect("nobody sent it");
        assert_eq!(note.undelivered, None, "it was told twice of note {id}");
        assert!(perhaps || note.delivered.is_empty(), "note {id} had been delivered: {note:?}");
        note.undelivered = Some(perhaps);
        self.counts.undelivered += 1;
    }

    pub(crate) fn asked(&mut self, id: u64, from: Life, idempotent: bool) {
        let ask = Ask { from, idempotent, delivered: Vec::new(), cancelled: false, answers: 0 };
        self.asks.insert(id, ask);
    }

    pub(crate) fn cancelled(&mut self, id: u64) {
        self.asks.get_mut(&id).expect("nobody asked it").cancelled = true;
    }

    pub(crate) fn ask_came(&mut self, id: u64, at: Life, redelivered: bool) {
        let ask = self.asks.get_mut(&id).expect("nobody asked it");
        let may_come = ask.delivered.is_empty() || redelivered && ask.idempotent;
        assert!(may_come, "ask {id} came again to {at:?}: {ask:?}");
        ask.delivered.push(at.1);
    }

    pub(crate) fn answered(&mut self, id: u64, good: bool) {
        let ask = self.asks.get_mut(&id).expect("nobody asked it");
        ask.answers += 1;
        assert!(ask.answers == 1 && !ask.cancelled, "ask {id} was answered: {ask:?}");
        assert!(!good || !ask.delivered.is_empty(), "ask {id} was answered by nobody");
        if good {
            self.counts.answered += 1;
        } else {
            self.counts.failed += 1;
        }
    }

    pub(crate) fn item_sent(&mut self, tunnel: u64, direction: usize) -> u64 {
        let direction = &mut self.tunnels.entry(tunnel).or_default()[direction];
        direction.sent += 1;
        direction.sent - 1
    }

    pub(crate) fn item_not_sent(&mut self, tunnel: u64, direction: usize) {
        self.tunnels.entry(tunnel).or_default()[direction].sent -= 1;
    }

    pub(crate) fn item_came(&mut self, tunnel: u64, direction: usize, item: u64) {
        let direction = &mut self.tunnels.get_mut(&tunnel).expect("it was opened")[direction];
        assert_eq!(direction.received, item, "an item of tunnel {tunnel} is missing, or came twice");
        assert!(!direction.ended, "an item of tunnel {tunnel} came after its end");
        direction.received += 1;
        self.counts.items += 1;
    }

    pub(crate) fn finished(&mut self, tunnel: u64, direction: usize) {
        self.tunnels.entry(tunnel).or_default()[direction].finished = true;
    }

    /// Nothing more comes; whether that is because all was sent.
    pub(crate) fn ended(&mut self, tunnel: u64, direction: usize, finished: bool) {
        let direction = &mut self.tunnels.entry(tunnel).or_default()[direction];
        assert!(!std::mem::replace(&mut direction.ended, true), "tunnel {tunnel} ended twice");
        if finished {
            assert!(direction.finished, "tunnel {tunnel} was not finished");
            assert_eq!(direction.received, direction.sent, "items of tunnel {tunnel} are missing");
            self.counts.tunnels_finished += 1;
        } else {
            self.counts.tunnels_lost += 1;
        }
    }

    /// When all is quiet: of what those sent who live, everything is known.
    pub(crate) fn check(&self, lives: impl Fn(Life) -> bool) {
        for (id, note) in self.notes.iter().filter(|(_, note)| lives(note.from)) {
            let known = !note.delivered.is_empty() || note.undelivered.is_some();
            assert!(known, "note {id} is lost: {note:?}");
        }
        for (id, ask) in self.asks.iter().filter(|(_, ask)| lives(ask.from)) {
            assert!(ask.answers == 1 || ask.cancelled, "ask {id} was never answered: {ask:?}");
        }
    }
}
