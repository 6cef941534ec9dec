use std::collections::VecDeque;

use super::word::{Word, Wrong};

/// The source's end of a durable flow: what it keeps for one destination.
///
/// Records are numbered from 1 by where they are in the log, one after the other. Whoever runs it stores them, and does
/// what it [says](Self::poll).
#[derive(Debug)]
pub struct Outbox {
    log: u64,
    /// The last record that is synced.
    stored: u64,
    /// All up to there are handled, or were given up.
    acknowledged: u64,
    /// Up to where it was said that they need not be kept.
    released: u64,
    /// How many bytes of records may be on their way or wait at the destination.
    window: u64,
    phase: Phase,
    /// Those that were sent and take room there: their numbers, with their bytes.
    in_flight: VecDeque<(u64, u64)>,
    bytes_in_flight: u64,
    /// How often it has begun to send, from wherever the destination wants it.
    begun: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It is not connected.
    Away,
    /// To be said: where it begins.
    Offering,
    /// The destination is to say what it wants.
    Offered,
    /// The records up to there were interrupted at the destination.
    Interrupted { to: u64, told: bool },
    /// The next record to be sent, and whether it is being read.
    Sending { next: u64, reading: bool },
}

/// What is to be done for an [`Outbox`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutboxStep {
    /// To be said to the destination.
    Say(Word),
    /// The record of this number is to be read and [sent](Outbox::send).
    Read(u64),
    /// These records were handed over at the destination, which was killed before it is known that they were handled. When
    /// that has been told, they are [`given_up`](Outbox::give_up).
    Interrupted {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
    },
    /// The records up to there need not be kept any more.
    Release(u64),
}

impl Outbox {
    /// One whose log of that name has synced records up to `stored`, of which those up to `acknowledged` need not be kept.
    pub fn new(log: u64, acknowledged: u64, stored: u64) -> Self {
        let acknowledged = acknowledged.min(stored);
        Self {
            log,
            stored,
            acknowledged,
            released: acknowledged,
            window: 0,
            phase: Phase::Away,
            in_flight: VecDeque::new(),
            bytes_in_flight: 0,
            begun: 0,
        }
    }

    /// It is connected, for the first time or anew: nothing that was said before counts. At most so many bytes of records
    /// are on their way at a time, and one record more.
    pub fn begin(&mut self, window: u64) {
        self.window = window;
        self.phase = Phase::Offering;
    }

    /// It is connected no longer.
    pub fn end(&mut self) {
        self.phase = Phase::Away;
    }

    /// Records are synced up to there.
    pub fn stored(&mut self, up_to: u64) {
        self.stored = self.stored.max(up_to);
    }

    /// The last record that is synced; 0 before the first.
    pub fn last_stored(&self) -> u64 {
        self.stored
    }

    /// All up to there are handled, or were given up.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// How often it has begun to send: each time, what was to be said before and was not needs not be said any more.
    pub(crate) fn times_begun(&self) -> u64 {
        self.begun
    }

    /// How many bytes are on their way, or held at the destination.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn on_the_way(&self) -> u64 {
        self.bytes_in_flight
    }

    /// The destination has said something.
    ///
    /// # Errors
    /// It makes no sense: nothing more is sent until they [begin](Self::begin) anew.
    pub fn hear(&mut self, word: &Word) -> Result<(), Wrong> {
        let heard = match *word {
            Word::Next { log, next, handled, interrupted, held } if log == self.log => {
                self.wanted(next, handled, interrupted, held)
            }
            Word::Done { log, taken, handled } if log == self.log => self.done(taken, handled),
            // Of a log that is gone.
            Word::Next { .. } | Word::Done { .. } => Ok(()),
            Word::Offer { .. } | Word::Record { .. } => Err(Wrong("only a source says that".to_owned())),
        };
        if heard.is_err() {
            self.phase = Phase::Away;
        }
        heard
    }

    fn wanted(&mut self, next: u64, handled: u64, interrupted: u64, held: u64) -> Result<(), Wrong> {
        // Once all is said that has to be said before: before that, it answers an offer that does not hold any more.
        if !matches!(self.phase, Phase::Offered | Phase::Sending { .. }) {
            return Ok(());
        }
        if next == 0 || next - 1 > self.stored || handled >= next || interrupted >= next {
            return Err(Wrong(format!(
                "the destination wants record {next}, has handled all up to {handled}, and {interrupted} was \
                 interrupted: expected none beyond {}, which is the last",
                self.stored
            )));
        }
        self.acknowledged = self.acknowledged.max(handled);
        if interrupted > self.acknowledged {
            self.phase = Phase::Interrupted { to: interrupted, told: false };
            return Ok(());
        }
        self.in_flight.clear();
        if held > 0 {
            self.in_flight.push_back((next - 1, held));
        }
        self.bytes_in_flight = held;
        self.begun += 1;
        self.phase = Phase::Sending { next: next.max(self.acknowledged + 1), reading: false };
        Ok(())
    }

    fn done(&mut self, taken: u64, handled: u64) -> Result<(), Wrong> {
        // What it has not been sent over this connection, it may have been sent over an earlier one.
        let (last, why) = match self.phase {
            Phase::Sending { next, .. } => (next - 1, "the last that it was sent"),
            _ => (self.stored, "the last"),
        };
        if taken > last || handled > taken {
            return Err(Wrong(format!(
                "the destination has taken {taken} and handled {handled}: expected at most {last}, which is {why}"
            )));
        }
        self.acknowledged = self.acknowledged.max(handled);
        while let Some((number, bytes)) = self.in_flight.front()
            && *number <= taken
        {
            self.bytes_in_flight -= bytes;
            self.in_flight.pop_front();
        }
        Ok(())
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<OutboxStep> {
        if self.acknowledged > self.released {
            self.released = self.acknowledged;
            return Some(OutboxStep::Release(self.acknowledged));
        }
        match &mut self.phase {
            Phase::Offering => {
                self.phase = Phase::Offered;
                Some(OutboxStep::Say(Word::Offer { log: self.log, oldest: self.acknowledged + 1 }))
            }
            Phase::Interrupted { to, told: told @ false } => {
                *told = true;
                Some(OutboxStep::Interrupted { from: self.acknowledged + 1, to: *to })
            }
            Phase::Sending { next, reading: reading @ false }
                if *next <= self.stored && self.bytes_in_flight < self.window =>
            {
                *reading = true;
                Some(OutboxStep::Read(*next))
            }
            _ => None,
        }
    }

    /// A record that was [to be read](OutboxStep::Read): what is to be said, if it still is.
    pub fn send(&mut self, number: u64, content: bytes::Bytes) -> Option<Word> {
        match &mut self.phase {
            Phase::Sending { next, reading } if *next == number && *reading => {
                (*next, *reading) = (number + 1, false);
                let bytes = content.len() as u64;
                self.in_flight.push_back((number, bytes));
                self.bytes_in_flight += bytes;
                Some(Word::Record { log: self.log, number, content })
            }
            _ => None,
        }
    }

    /// The records up to there are given up, and need not be kept.
    pub fn give_up(&mut self, up_to: u64) {
        self.acknowledged = self.acknowledged.max(up_to.min(self.stored));
        match self.phase {
            Phase::Interrupted { to, .. } if self.acknowledged >= to => self.phase = Phase::Offering,
            Phase::Sending { next, .. } if next <= self.acknowledged => self.phase = Phase::Offering,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn steps(outbox: &mut Outbox) -> Vec<OutboxStep> {
        std::iter::from_fn(|| outbox.poll()).collect()
    }

    fn next(next: u64, handled: u64, interrupted: u64) -> Word {
        Word::Next { log: 5, next, handled, interrupted, held: 0 }
    }

    fn sent(outbox: &mut Outbox) -> Vec<u64> {
        let mut sent = Vec::new();
        while let Some(OutboxStep::Read(number)) = outbox.poll() {
            assert!(outbox.send(number, Bytes::from_static(&[0; 10])).is_some());
            sent.push(number);
        }
        sent
    }

    #[test]
    fn what_the_destination_wants_is_sent_and_what_it_has_handled_is_released() {
        let mut outbox = Outbox::new(5, 2, 4);
        assert_eq!(steps(&mut outbox), []);
        outbox.begin(1_000);
        assert_eq!(steps(&mut outbox), [OutboxStep::Say(Word::Offer { log: 5, oldest: 3 })]);
        outbox.hear(&next(4, 3, 0)).unwrap();
        assert_eq!(outbox.poll(), Some(OutboxStep::Release(3)));
        assert_eq!(sent(&mut outbox), [4]);
        outbox.stored(6);
        assert_eq!(sent(&mut outbox), [5, 6]);
        outbox.hear(&Word::Done { log: 5, taken: 6, handled: 5 }).unwrap();
        assert_eq!(steps(&mut outbox), [OutboxStep::Release(5)]);
    }

    #[test]
    fn no_more_is_on_its_way_than_a_window_and_a_record() {
        let mut outbox = Outbox::new(5, 0, 10);
        outbox.begin(25);
        steps(&mut outbox);
        outbox.hear(&next(1, 0, 0)).unwrap();
        assert_eq!(sent(&mut outbox), [1, 2, 3]);
        outbox.hear(&Word::Done { log: 5, taken: 1, handled: 0 }).unwrap();
        assert_eq!(sent(&mut outbox), [4]);
        // Connected anew, what still waits there counts.
        outbox.begin(25);
        steps(&mut outbox);
        outbox.hear(&Word::Next { log: 5, next: 5, handled: 0, interrupted: 0, held: 30 }).unwrap();
        assert_eq!(sent(&mut outbox), []);
        outbox.hear(&Word::Done { log: 5, taken: 4, handled: 0 }).unwrap();
        assert_eq!(sent(&mut outbox), [5, 6, 7]);
    }

    #[test]
    fn what_was_interrupted_is_told_before_anything_more_is_sent() {
        let mut outbox = Outbox::new(5, 0, 9);
        outbox.begin(1_000);
        steps(&mut outbox);
        outbox.hear(&next(5, 2, 4)).unwrap();
        let told = [OutboxStep::Release(2), OutboxStep::Interrupted { from: 3, to: 4 }];
        assert_eq!(steps(&mut outbox), told);
        outbox.give_up(4);
        let offered = [OutboxStep::Release(4), OutboxStep::Say(Word::Offer { log: 5, oldest: 5 })];
        assert_eq!(steps(&mut outbox), offered);
        outbox.hear(&next(5, 4, 0)).unwrap();
        assert_eq!(sent(&mut outbox), [5, 6, 7, 8, 9]);
    }

    #[test]
    fn what_makes_no_sense_is_an_error_and_nothing_more_is_sent() {
        for wrong in [next(0, 0, 0), next(11, 0, 0), next(3, 3, 0), next(3, 2, 3)] {
            let mut outbox = Outbox::new(5, 0, 9);
            outbox.begin(1_000);
            steps(&mut outbox);
            outbox.hear(&wrong).unwrap_err();
            assert_eq!(steps(&mut outbox), []);
        }
        let mut outbox = Outbox::new(5, 0, 9);
        outbox.begin(1_000);
        steps(&mut outbox);
        outbox.hear(&next(3, 2, 0)).unwrap();
        outbox.hear(&Word::Done { log: 5, taken: 3, handled: 3 }).unwrap_err();
        assert_eq!(steps(&mut outbox), [OutboxStep::Release(2)], "it has handled what it was not sent");
        let mut outbox = Outbox::new(5, 0, 9);
        outbox.hear(&Word::Done { log: 5, taken: 10, handled: 0 }).unwrap_err();
        outbox.hear(&Word::Offer { log: 5, oldest: 1 }).unwrap_err();
        outbox.hear(&Word::Done { log: 6, taken: 10, handled: 0 }).unwrap();
        assert_eq!(outbox.acknowledged(), 0, "that was of another log");
    }

    #[test]
    fn a_record_that_was_read_for_a_connection_that_is_gone_is_not_sent() {
        let mut outbox = Outbox::new(5, 0, 9);
        outbox.begin(1_000);
        steps(&mut outbox);
        outbox.hear(&next(4, 0, 0)).unwrap();
        assert_eq!(steps(&mut outbox), [OutboxStep::Read(4)]);
        outbox.begin(1_000);
        assert_eq!(outbox.send(4, Bytes::new()), None);
    }
}
