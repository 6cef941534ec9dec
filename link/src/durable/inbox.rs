use std::collections::VecDeque;

use bytes::Bytes;

use super::word::{Word, Wrong};

/// The destination's end of a durable flow: how far it has come in what one source sends.
///
/// Whoever runs it does what it [says](Self::poll): writes marks, hands records over. A mark that is to be synced comes
/// before the records it is about.
#[derive(Debug)]
pub struct Inbox {
    log: u64,
    interrupted: Interrupted,
    /// How many bytes of records it is willing to hold.
    window: u64,
    connected: bool,
    /// To be said: what it wants next.
    wants: bool,
    /// The last record that has come, and all before it.
    received: u64,
    /// All up to there are marked as handed over.
    handed: u64,
    handled: u64,
    taken: u64,
    /// Those up to there were handed over in an earlier life.
    before: u64,
    /// Those that have come and are not marked.
    unmarked: VecDeque<(u64, Bytes)>,
    /// The mark that is being written.
    marking: Option<Mark>,
    marked: Mark,
    /// The mark is to be written whatever there is in it.
    hurry: bool,
    /// What has come is not to be handed over for now.
    holds: bool,
    /// Those that are marked, and are to be handed over.
    ready: VecDeque<(u64, Bytes)>,
    /// Those that have come, in order, from the first that is not both taken and handled.
    open: VecDeque<Open>,
    held: u64,
    said: (u64, u64),
}

/// A record that has come.
#[derive(Debug)]
struct Open {
    number: u64,
    bytes: u64,
    is_taken: bool,
    is_handled: bool,
}

/// How far a destination has come in a log, as it is on its disk. 0 before the first record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mark {
    /// The name of the log.
    pub log: u64,
    /// All up to there may have been handed over.
    pub handed: u64,
    /// All up to there are handled, or were given up by their source.
    pub handled: u64,
}

/// What becomes of records that were handed over when a destination was killed, and that are not known to be handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interrupted {
    /// They are not handed over again: the source makes dead letters of them. So nothing is ever handled twice.
    #[default]
    DeadLetter,
    /// They are handed over again, marked as redelivered. So nothing is left unhandled.
    Redeliver,
}

/// What is to be done for an [`Inbox`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InboxStep {
    /// To be said to the source.
    Say(Word),
    /// To be written and synced, and then said to be [`marked`](Inbox::marked).
    Mark(Mark),
    /// To be handed over: then it is [`taken`](Inbox::taken), and at last [`handled`](Inbox::handled).
    Hand {
        /// Its log.
        log: u64,
        /// Its number.
        number: u64,
        /// See [`Record`](super::Record).
        content: Bytes,
        /// It may have been handed over before.
        redelivered: bool,
    },
}

/// The last number that a record may have.
const LAST: u64 = (1 << 56) - 1;

impl Mark {
    /// In the log of that name, up to there.
    pub fn new(log: u64, handed: u64, handled: u64) -> Self {
        Self { log, handed, handled: handled.min(handed) }
    }
}

impl Inbox {
    /// What a record counts for at least, in bytes, so that many with nothing in them are not held.
    pub(crate) const LEAST_BYTES: u64 = 8;

    /// One that has come as far as its mark says, and holds about so many bytes of records at a time.
    pub fn new(mark: Mark, interrupted: Interrupted, window: u64) -> Self {
        let Mark { log, handed, handled } = mark;
        let from = match interrupted {
            Interrupted::DeadLetter => handed,
            Interrupted::Redeliver => handled,
        };
        Self {
            log,
            interrupted,
            window,
            connected: false,
            wants: false,
            received: from,
            handed,
            handled,
            taken: from,
            before: handed,
            unmarked: VecDeque::new(),
            marking: None,
            marked: mark,
            hurry: false,
            holds: false,
            ready: VecDeque::new(),
            open: VecDeque::new(),
            held: 0,
            said: (0, 0),
        }
    }

    /// It is connected, for the first time or anew: the source is to say something first.
    pub fn begin(&mut self) {
        self.connected = false;
        self.wants = false;
    }

    /// The source has said something.
    ///
    /// # Errors
    /// It makes no sense: nothing of it is taken.
    pub fn hear(&mut self, word: Word) -> Result<(), Wrong> {
        match word {
            Word::Offer { log, oldest } => self.offered(log, oldest),
            Word::Record { log, number, content } => self.came(log, number, content),
            Word::Next { .. } | Word::Done { .. } => Err(Wrong("only a destination says that".to_owned())),
        }
    }

    fn offered(&mut self, log: u64, oldest: u64) -> Result<(), Wrong> {
        let Some(gone) = oldest.checked_sub(1) else {
            return Err(Wrong("the source begins with record 0: expected 1 at least".to_owned()));
        };
        if gone > LAST {
            return Err(Wrong(format!("the source begins with record {oldest}: expected {LAST} at most")));
        }
        if log != self.log {
            // What is open of the one before will not be asked for any more.
            let (interrupted, window) = (self.interrupted, self.window);
            *self = Self::new(Mark::new(log, gone, gone), interrupted, window);
        }
        // The source has given up what is missing before that.
        if gone > self.handled {
            self.handled = gone;
            self.handed = self.handed.max(gone);
            self.received = self.received.max(gone);
            self.unmarked.retain(|(number, _)| *number > gone);
            self.ready.retain(|(number, _)| *number > gone);
            self.open.retain(|open| open.number > gone);
            self.held = self.open.iter().filter(|open| !open.is_taken).map(|open| open.bytes).sum();
            self.taken = self.taken.max(gone);
            self.advance();
        }
        self.connected = true;
        self.wants = true;
        Ok(())
    }

    fn came(&mut self, log: u64, number: u64, content: Bytes) -> Result<(), Wrong> {
        if number > LAST {
            return Err(Wrong(format!("the source sends record {number}: expected {LAST} at most")));
        }
        if !self.connected || log != self.log || number <= self.received {
            return Ok(());
        }
        if number > self.received + 1 {
            self.wants = true;
            return Ok(());
        }
        let bytes = content.len() as u64;
        let records = (self.unmarked.len() + self.ready.len()) as u64;
        if self.held.max(records * Self::LEAST_BYTES) > self.window.saturating_mul(2) {
            self.connected = false;
            return Err(Wrong(format!(
                "the source sends more than it may: {} bytes are held, and {records} records wait; {} bytes may be",
                self.held, self.window
            )));
        }
        self.received = number;
        self.held += bytes;
        self.open.push_back(Open { number, bytes, is_taken: false, is_handled: false });
        if number <= self.handed {
            self.ready.push_back((number, content));
        } else {
            self.unmarked.push_back((number, content));
        }
        Ok(())
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<InboxStep> {
        if self.wants {
            self.wants = false;
            self.said = (self.taken, self.handled);
            let lost = matches!(self.interrupted, Interrupted::DeadLetter) && self.before > self.handled;
            let interrupted = if lost { self.before } else { 0 };
            return Some(InboxStep::Say(Word::Next {
                log: self.log,
                next: self.received + 1,
                handled: self.handled,
                interrupted,
                held: self.held,
            }));
        }
        let is_ready = self.ready.front().is_some_and(|(number, _)| !self.holds || *number > self.before);
        if is_ready && let Some((number, content)) = self.ready.pop_front() {
            let redelivered = number <= self.before;
            return Some(InboxStep::Hand { log: self.log, number, content, redelivered });
        }
        if self.marking.is_none() {
            let last = self.unmarked.back().filter(|_| !self.holds);
            let handed = last.map_or(self.handed, |(last, _)| *last);
            let mark = Mark { log: self.log, handed, handled: self.handled };
            let due = last.is_some() || std::mem::take(&mut self.hurry);
            if due && mark != self.marked {
                self.marking = Some(mark);
                return Some(InboxStep::Mark(mark));
            }
        }
        if self.connected && self.said != (self.taken, self.handled) {
            self.said = (self.taken, self.handled);
            let (log, taken, handled) = (self.log, self.taken, self.handled);
            return Some(InboxStep::Say(Word::Done { log, taken, handled }));
        }
        None
    }

    /// The mark that was to be written is synced.
    pub fn marked(&mut self, mark: Mark) {
        if self.marking != Some(mark) {
            return;
        }
        self.marking = None;
        self.marked = mark;
        self.handed = self.handed.max(mark.handed);
        while let Some((number, _)) = self.unmarked.front()
            && *number <= mark.handed
        {
            self.ready.extend(self.unmarked.pop_front());
        }
    }

    /// The mark could not be written: it is to be tried again.
    pub fn not_marked(&mut self) {
        self.marking = None;
        self.hurry = true;
    }

    /// Whether what has come and is not marked is kept here, neither marked nor handed over, and so is what would be handed over
    /// again: nobody consumes it for now, for instance.
    pub fn set_holds(&mut self, holds: bool) {
        self.holds = holds;
    }

    /// What has come and is not handed over, in order.
    pub fn waiting(&self) -> impl Iterator<Item = &Bytes> {
        self.ready.iter().chain(&self.unmarked).map(|(_, content)| content)
    }

    /// How many records wait to be handed over, and how many bytes those have that are not taken.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn held_back(&self) -> (usize, u64) {
        (self.ready.len() + self.unmarked.len(), self.held)
    }

    /// Whether what is handled is not on the disk yet.
    pub fn is_behind(&self) -> bool {
        self.handled > self.marked.handled
    }

    /// Has the mark written of what is handled, although nothing else is to be marked.
    pub fn hurry(&mut self) {
        self.hurry = true;
    }

    /// A record that was to be handed over takes no room any more.
    pub fn taken(&mut self, log: u64, number: u64) {
        self.change(log, number, |open| open.is_taken = true);
    }

    /// All who consume a record are done with it.
    pub fn handled(&mut self, log: u64, number: u64) {
        self.change(log, number, |open| open.is_handled = true);
    }

    fn change(&mut self, log: u64, number: u64, change: impl FnOnce(&mut Open)) {
        if log != self.log {
            return;
        }
        if let Some(open) = self.find(number) {
            let was_taken = open.is_taken;
            change(open);
            let freed = if open.is_taken && !was_taken { open.bytes } else { 0 };
            self.held -= freed;
        }
        self.advance();
    }

    /// They are open one after the other.
    fn find(&mut self, number: u64) -> Option<&mut Open> {
        let first = self.open.front()?.number;
        self.open.get_mut(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    fn advance(&mut self) {
        while self.find(self.taken + 1).is_some_and(|open| open.is_taken) {
            self.taken += 1;
        }
        while let Some(open) = self.open.front()
            && open.is_taken
            && open.is_handled
            && open.number == self.handled + 1
        {
            self.handled = open.number;
            self.open.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox(mark: Mark, interrupted: Interrupted) -> Inbox {
        let mut inbox = Inbox::new(mark, interrupted, 1_000);
        inbox.begin();
        inbox
    }

    fn steps(inbox: &mut Inbox) -> Vec<InboxStep> {
        std::iter::from_fn(|| inbox.poll()).collect()
    }

    fn record(number: u64) -> Word {
        Word::Record { log: 5, number, content: Bytes::from_static(b"0123456789") }
    }

    fn hand(number: u64, redelivered: bool) -> InboxStep {
        InboxStep::Hand { log: 5, number, content: Bytes::from_static(b"0123456789"), redelivered }
    }

    fn next(next: u64, handled: u64, interrupted: u64) -> InboxStep {
        InboxStep::Say(Word::Next { log: 5, next, handled, interrupted, held: 0 })
    }

    #[test]
    fn a_record_is_handed_over_when_the_mark_is_synced_and_acknowledged_when_it_is_handled() {
        let mut inbox = inbox(Mark::default(), Interrupted::DeadLetter);
        inbox.hear(Word::Offer { log: 5, oldest: 3 }).unwrap();
        assert_eq!(steps(&mut inbox), [next(3, 2, 0)]);
        (3..=4).for_each(|number| inbox.hear(record(number)).unwrap());
        let mark = Mark::new(5, 4, 2);
        assert_eq!(steps(&mut inbox), [InboxStep::Mark(mark)]);
        inbox.hear(record(5)).unwrap();
        assert_eq!(steps(&mut inbox), [], "one mark is written at a time");
        inbox.marked(mark);
        assert_eq!(steps(&mut inbox), [hand(3, false), hand(4, false), InboxStep::Mark(Mark::new(5, 5, 2))]);
        inbox.taken(5, 4);
        assert_eq!(steps(&mut inbox), []);
        inbox.taken(5, 3);
        inbox.handled(5, 4);
        assert_eq!(steps(&mut inbox), [InboxStep::Say(Word::Done { log: 5, taken: 4, handled: 2 })]);
        inbox.handled(5, 3);
        assert_eq!(steps(&mut inbox), [InboxStep::Say(Word::Done { log: 5, taken: 4, handled: 4 })]);
    }

    #[test]
    fn after_a_kill_what_may_have_been_handed_over_is_not_handed_over_again() {
        let mut inbox = inbox(Mark::new(5, 7, 4), Interrupted::DeadLetter);
        inbox.hear(Word::Offer { log: 5, oldest: 3 }).unwrap();
        assert_eq!(steps(&mut inbox), [next(8, 4, 7)]);
        // The source has told of them.
        inbox.hear(Word::Offer { log: 5, oldest: 8 }).unwrap();
        assert_eq!(steps(&mut inbox), [next(8, 7, 0)]);
    }

    #[test]
    fn or_it_is_and_marked_so() {
        let mut inbox = inbox(Mark::new(5, 6, 4), Interrupted::Redeliver);
        inbox.hear(Word::Offer { log: 5, oldest: 3 }).unwrap();
        assert_eq!(steps(&mut inbox), [next(5, 4, 0)]);
        (5..=7).for_each(|number| inbox.hear(record(number)).unwrap());
        let mark = Mark::new(5, 7, 4);
        assert_eq!(steps(&mut inbox), [hand(5, true), hand(6, true), InboxStep::Mark(mark)]);
        inbox.marked(mark);
        assert_eq!(steps(&mut inbox), [hand(7, false)]);
    }

    #[test]
    fn over_another_connection_nothing_is_taken_twice_and_what_is_missing_is_asked_for() {
        let mut inbox = inbox(Mark::default(), Interrupted::DeadLetter);
        inbox.hear(Word::Offer { log: 5, oldest: 1 }).unwrap();
        steps(&mut inbox);
        (1..=3).for_each(|number| inbox.hear(record(number)).unwrap());
        steps(&mut inbox);
        inbox.begin();
        inbox.hear(record(4)).unwrap();
        assert_eq!(steps(&mut inbox), [], "nothing was offered");
        inbox.hear(Word::Offer { log: 5, oldest: 1 }).unwrap();
        let wanted = InboxStep::Say(Word::Next { log: 5, next: 4, handled: 0, interrupted: 0, held: 30 });
        assert_eq!(steps(&mut inbox), std::slice::from_ref(&wanted));
        inbox.hear(record(3)).unwrap();
        inbox.hear(record(5)).unwrap();
        assert_eq!(steps(&mut inbox), [wanted]);
    }

    #[test]
    fn another_log_begins_anew() {
        let mut inbox = inbox(Mark::new(4, 9, 9), Interrupted::DeadLetter);
        inbox.hear(Word::Offer { log: 5, oldest: 1 }).unwrap();
        assert_eq!(steps(&mut inbox), [next(1, 0, 0)]);
        inbox.hear(record(1)).unwrap();
        let mark = Mark::new(5, 1, 0);
        assert_eq!(steps(&mut inbox), [InboxStep::Mark(mark)]);
        inbox.marked(mark);
        steps(&mut inbox);
        inbox.taken(4, 1);
        inbox.handled(4, 1);
        assert_eq!(steps(&mut inbox), [], "that was of the log before");
    }

    #[test]
    fn a_source_that_sends_more_than_it_may_is_not_listened_to() {
        let mut inbox = inbox(Mark::default(), Interrupted::DeadLetter);
        inbox.hear(Word::Offer { log: 5, oldest: 1 }).unwrap();
        let refused = (1..1_000).find(|number| inbox.hear(record(*number)).is_err());
        assert!(refused.is_some_and(|number| number < 300));
        assert!(inbox.hear(Word::Offer { log: 5, oldest: 0 }).is_err());
    }

    #[test]
    fn what_is_handled_is_marked_when_there_is_time() {
        let mut inbox = inbox(Mark::default(), Interrupted::DeadLetter);
        inbox.hear(Word::Offer { log: 5, oldest: 1 }).unwrap();
        inbox.hear(record(1)).unwrap();
        steps(&mut inbox);
        inbox.marked(Mark::new(5, 1, 0));
        steps(&mut inbox);
        inbox.taken(5, 1);
        inbox.handled(5, 1);
        steps(&mut inbox);
        assert!(inbox.is_behind());
        inbox.hurry();
        assert_eq!(steps(&mut inbox), [InboxStep::Mark(Mark::new(5, 1, 1))]);
        inbox.not_marked();
        assert_eq!(steps(&mut inbox), [InboxStep::Mark(Mark::new(5, 1, 1))]);
        inbox.marked(Mark::new(5, 1, 1));
        assert!(!inbox.is_behind());
    }
}
