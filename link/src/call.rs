use std::collections::HashMap;

use edri_event::Progress;

/// A request of this end that the other end is to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(u64);

/// A request of the other end that this end is to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IncomingCall(u64);

impl CallId {
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }
}

impl IncomingCall {
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }
}

/// The requests without an answer, in both directions.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    ours: HashMap<CallId, Stage>,
    theirs: HashMap<IncomingCall, Theirs>,
    next: u64,
}

/// How far a request of theirs has come.
#[derive(Debug)]
enum Theirs {
    /// With the report of progress that waits to be sent.
    Unanswered(Option<Progress>),
    /// The answer waits to be sent. Until then it counts, or a peer that does not read could have answers pile up.
    Answered,
}

/// How far a request of ours has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It waits in a lane, or is being sent in parts.
    Waiting,
    /// The other end has it.
    Sent,
    /// Nobody waits for the answer any more; the other end will be told when it has all of it.
    CancelledWhileWaiting,
    /// Nobody waits for the answer any more, and the other end is told.
    Cancelled,
}

impl Calls {
    pub(crate) fn begin(&mut self) -> CallId {
        let call = CallId(self.next);
        self.next += 1;
        self.ours.insert(call, Stage::Waiting);
        call
    }

    pub(crate) fn stage(&mut self, call: CallId) -> Option<&mut Stage> {
        self.ours.get_mut(&call)
    }

    /// It is over; how far it had come.
    pub(crate) fn end(&mut self, call: CallId) -> Option<Stage> {
        self.ours.remove(&call)
    }

    /// How many requests of ours have no answer.
    pub(crate) fn ours(&self) -> usize {
        self.ours.len()
    }

    /// All that somebody waits for, in the order in which they were made.
    pub(crate) fn take_ours(&mut self) -> Vec<CallId> {
        let ours = self.ours.drain().filter(|(_, stage)| matches!(stage, Stage::Waiting | Stage::Sent));
        let mut calls: Vec<_> = ours.map(|(call, _)| call).collect();
        calls.sort_unstable();
        calls
    }

    /// `false` if the number is taken.
    pub(crate) fn arrive(&mut self, call: IncomingCall) -> bool {
        self.theirs.insert(call, Theirs::Unanswered(None)).is_none()
    }

    /// How many requests of theirs have no answer that was sent.
    pub(crate) fn theirs(&self) -> usize {
        self.theirs.len()
    }

    /// `false` if it is not there: it has been answered, or cancelled.
    pub(crate) fn answer(&mut self, call: IncomingCall) -> bool {
        let unanswered = self.theirs.get_mut(&call).filter(|theirs| matches!(theirs, Theirs::Unanswered(_)));
        unanswered.map(|theirs| *theirs = Theirs::Answered).is_some()
    }

    pub(crate) fn answer_sent(&mut self, call: IncomingCall) {
        self.theirs.remove(&call);
    }

    /// All that have no answer.
    pub(crate) fn take_theirs(&mut self) -> Vec<IncomingCall> {
        let theirs = self.theirs.drain().filter(|(_, theirs)| matches!(theirs, Theirs::Unanswered(_)));
        let mut calls: Vec<_> = theirs.map(|(call, _)| call).collect();
        calls.sort_unstable();
        calls
    }

    /// Notes how far it has come. Whether a report has to be queued: one that waits says the latest.
    pub(crate) fn report(&mut self, call: IncomingCall, progress: Progress) -> bool {
        match self.theirs.get_mut(&call) {
            Some(Theirs::Unanswered(latest)) => latest.replace(progress).is_none(),
            Some(Theirs::Answered) | None => false,
        }
    }

    pub(crate) fn take_report(&mut self, call: IncomingCall) -> Option<Progress> {
        match self.theirs.get_mut(&call)? {
            Theirs::Unanswered(latest) => latest.take(),
            Theirs::Answered => None,
        }
    }
}
