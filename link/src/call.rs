use bytes::Bytes;
use edri_event::Progress;

use crate::message::Circumstances;
use crate::numbers::ByNumber;
use crate::wire::Interest;

/// A request of this end that another is to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(u64);

/// A request of the other end that this end is to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IncomingCall {
    session: u64,
    number: u64,
}

impl CallId {
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }
}

impl IncomingCall {
    /// Its number on the wire.
    pub(crate) const fn number(self) -> u64 {
        self.number
    }
}

/// The requests without an answer, in both directions.
#[derive(Debug)]
pub(crate) struct Calls {
    ours: ByNumber<CallId, Ours>,
    theirs: ByNumber<u64, Theirs>,
    /// Those of theirs that came in an earlier one mean nothing any more.
    session: u64,
}

#[derive(Debug)]
struct Ours {
    stage: Stage,
    again: Option<Box<Request>>,
}

/// All there is to a request that may be asked twice.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) to: Interest,
    pub(crate) circumstances: Circumstances,
    pub(crate) payload: Bytes,
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
    pub(crate) fn new(session: u64) -> Self {
        Self { ours: ByNumber::default(), theirs: ByNumber::default(), session }
    }

    /// A request of ours. With all there is to it, if it may be asked again elsewhere.
    pub(crate) fn begin(&mut self, call: CallId, again: Option<Request>) {
        self.ours.insert(call, Ours { stage: Stage::Waiting, again: again.map(Box::new) });
    }

    pub(crate) fn stage(&mut self, call: CallId) -> Option<&mut Stage> {
        self.ours.get_mut(&call).map(|ours| &mut ours.stage)
    }

    /// It is over; how far it had come.
    pub(crate) fn end(&mut self, call: CallId) -> Option<Stage> {
        self.ours.remove(&call).map(|ours| ours.stage)
    }

    /// It was not sent, and is over here; how far it had come, and whether it may be asked twice.
    pub(crate) fn end_unsent(&mut self, call: CallId) -> (Option<Stage>, bool) {
        let ours = self.ours.remove(&call);
        let idempotent = ours.as_ref().is_some_and(|ours| ours.again.is_some());
        (ours.map(|ours| ours.stage), idempotent)
    }

    /// How many requests of ours have no answer.
    #[inline]
    pub(crate) fn ours(&self) -> usize {
        self.ours.len()
    }

    /// All that somebody waits for and the other end may have, in the order in which they were made; with what there is
    /// to them, if they may be asked again.
    pub(crate) fn take_sent(&mut self) -> Vec<(CallId, Option<Box<Request>>)> {
        let sent = self.ours.extract_if(|_, ours| ours.stage != Stage::Waiting);
        let waited_for = sent.filter(|(_, ours)| ours.stage == Stage::Sent);
        let mut sent: Vec<_> = waited_for.map(|(call, ours)| (call, ours.again)).collect();
        sent.sort_unstable_by_key(|(call, _)| *call);
        sent
    }

    /// A request of theirs; `None` if the number is taken.
    pub(crate) fn arrive(&mut self, number: u64) -> Option<IncomingCall> {
        let before = self.theirs.insert(number, Theirs::Unanswered(None));
        before.is_none().then_some(self.incoming(number))
    }

    /// Theirs of this number.
    pub(crate) fn incoming(&self, number: u64) -> IncomingCall {
        IncomingCall { session: self.session, number }
    }

    /// How many requests of theirs have no answer that was sent.
    pub(crate) fn theirs(&self) -> usize {
        self.theirs.len()
    }

    /// `false` if it is not there: it has been answered, or cancelled.
    pub(crate) fn answer(&mut self, call: IncomingCall) -> bool {
        match self.unanswered(call) {
            Some(theirs) => {
                *theirs = Theirs::Answered;
                true
            }
            None => false,
        }
    }

    pub(crate) fn answer_sent(&mut self, call: IncomingCall) {
        if call.session == self.session {
            self.theirs.remove(&call.number);
        }
    }

    /// Forgets theirs, and gives all that have no answer. From here on it is another session.
    pub(crate) fn take_theirs(&mut self, next_session: u64) -> Vec<IncomingCall> {
        let session = self.session;
        let theirs = self.theirs.drain().filter(|(_, theirs)| matches!(theirs, Theirs::Unanswered(_)));
        let mut calls: Vec<_> = theirs.map(|(number, _)| IncomingCall { session, number }).collect();
        calls.sort_unstable();
        self.session = next_session;
        calls
    }

    /// Notes how far it has come. Whether a report has to be queued: one that waits says the latest.
    pub(crate) fn report(&mut self, call: IncomingCall, progress: Progress) -> bool {
        match self.unanswered(call) {
            Some(Theirs::Unanswered(latest)) => latest.replace(progress).is_none(),
            Some(Theirs::Answered) | None => false,
        }
    }

    pub(crate) fn take_report(&mut self, call: IncomingCall) -> Option<Progress> {
        match self.unanswered(call)? {
            Theirs::Unanswered(latest) => latest.take(),
            Theirs::Answered => None,
        }
    }

    fn unanswered(&mut self, call: IncomingCall) -> Option<&mut Theirs> {
        let theirs = self.theirs.get_mut(&call.number).filter(|_| call.session == self.session);
        theirs.filter(|theirs| matches!(theirs, Theirs::Unanswered(_)))
    }
}
