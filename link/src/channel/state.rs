use std::collections::VecDeque;
use std::time::Instant;

use super::arrivals::Arrivals;
use super::came::{Came, CameQueue, Notices};
use super::kept::Kept;
use super::pace::Pace;
use super::parts::Parts;
use super::window::{Allowance, Grants};
use crate::call::Calls;
use crate::event::Event;
use crate::lanes::{Lanes, Long, Place};
use crate::tunnel::Tunnels;
use crate::wire::Limits;

/// The numbered flow between two routers, in both directions, from one incarnation to the other.
///
/// It is given whole frames and the time, and gives frames, events, and the time when it has to be called again. What it
/// is carried by may be lost and replaced, and may drop frames: it notices, and nothing above it does.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(super) ends: Ends,
    pub(super) session: u64,
    pub(super) path: Option<Path>,
    pub(super) pace: Pace,
    // What goes out.
    pub(super) lanes: Lanes,
    /// The place whose turn had come when a frame was full.
    pub(super) next: Option<Place>,
    /// Control, high, normal.
    pub(super) allowances: [Allowance; 3],
    /// The lengths of the long messages whose parts are being sent.
    pub(super) parts_announced: u64,
    pub(super) kept: Kept,
    /// How many frames were written again because they had been lost.
    pub(super) resent: u64,
    /// The long messages whose last parts are not acknowledged: the numbers of those, and all of them.
    pub(super) long: VecDeque<(u64, Long)>,
    /// Nothing numbered is made any more.
    pub(super) finished: bool,
    // What comes in.
    pub(super) arrivals: Arrivals,
    pub(super) parts: Parts,
    pub(super) grants: [Grants; 3],
    // What is under way in both directions.
    pub(super) calls: Calls,
    pub(super) tunnels: Tunnels,
    pub(super) events: CameQueue,
}

/// Whom a channel is between, and what each is willing to hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// The incarnation of the router at this end.
    pub(crate) here: u64,
    /// That at the other end.
    pub(crate) there: u64,
    pub(crate) limits: Limits,
    pub(crate) peer: Limits,
    /// What this end keeps in each queue of what it has to send, in cost.
    pub(crate) outbox: u32,
}

/// What carries a channel at present.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) way: Way,
    /// How long a frame may be that is written to it, with its length.
    pub(super) frame: u32,
    /// This end has said over it how far it has come.
    pub(super) said: bool,
    /// The other end has, in this session; or in an earlier one.
    pub(super) heard: Heard,
    /// To be said next.
    pub(super) say: Say,
}

/// What frames may meet on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// They all arrive, one after the other, until the transport is lost.
    Direct,
    /// Some may be missing; those that arrive do so one after the other.
    Relayed,
}

impl Way {
    /// From one router to another, or to a switch and from there.
    pub(super) fn hops(self) -> u64 {
        match self {
            Self::Direct => 1,
            Self::Relayed => 2,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Nothing,
    Earlier,
    Now,
}

/// What is due to be said in a resume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Say {
    pub(super) due: bool,
    pub(super) probe: bool,
    pub(super) missing: bool,
    pub(super) echo: Option<u64>,
    /// When and for what the other end was asked last to send again what is missing.
    pub(super) asked: Option<(u64, Instant)>,
}

impl Channel {
    /// One that nothing carries yet, in the session of this number; the first is 1.
    pub(crate) fn new(ends: Ends, session: u64) -> Self {
        Self {
            session,
            path: None,
            pace: Pace::new(Way::Direct.hops()),
            lanes: Lanes::default(),
            next: None,
            allowances: std::array::from_fn(|_| Allowance::new(ends.peer.window)),
            parts_announced: 0,
            kept: Kept::new(),
            resent: 0,
            long: VecDeque::new(),
            finished: false,
            arrivals: Arrivals::default(),
            parts: Parts::new(ends.limits),
            grants: std::array::from_fn(|_| Grants::new(ends.limits.window)),
            calls: Calls::new(session),
            tunnels: Tunnels::new(session),
            events: CameQueue::default(),
            ends,
        }
    }

    pub(crate) fn session(&self) -> u64 {
        self.session
    }

    /// What the program is to learn next.
    #[inline]
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_event()
    }

    /// The same, where notifications that came together are handed out together.
    #[inline]
    pub(crate) fn poll_came(&mut self) -> Option<Came> {
        self.events.pop()
    }

    /// Notifications that came together, if they are next.
    #[inline]
    pub(crate) fn poll_notices(&mut self) -> Option<Notices> {
        self.events.pop_notices()
    }

    /// Something else that the program is to learn, after what came before.
    pub(crate) fn push_event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Whether all has been written that this end has to send.
    pub(crate) fn is_flushed(&self) -> bool {
        self.lanes.is_empty() && self.kept.is_written()
    }

    /// Whether all has arrived that this end had to send, and all that came is acknowledged.
    pub(crate) fn is_settled(&self) -> bool {
        // What came over an earlier path the other end asks for, if it does not know that it came.
        let heard = self.path.as_ref().is_some_and(|path| path.heard == Heard::Now);
        self.lanes.is_empty() && self.kept.is_empty() && !(heard && self.arrivals.is_waiting())
    }

    /// Whether anything has ever gone over it or is about to.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_settled()
            && self.calls.ours() + self.calls.theirs() + self.tunnels.ours() + self.tunnels.theirs() == 0
    }

    /// How many frames were written again since this was asked last.
    pub(crate) fn take_resent(&mut self) -> u64 {
        std::mem::take(&mut self.resent)
    }

    /// Nothing more is sent but acknowledgements.
    pub(crate) fn finish(&mut self) {
        self.finished = true;
    }

    /// Gives back what room it has for nothing.
    pub(crate) fn shrink(&mut self) {
        self.kept.shrink();
        self.lanes.shrink();
        self.events.shrink();
        self.long.shrink_to(0);
    }
}
