use edri_event::{Failure, Request};
use edri_router::{RequestError, caught_now};

use super::super::protocol::{Said, Unreadable, read};
use super::{Conversation, Fate};
use crate::child::{Line, Lines, Overlong, Stream};
use crate::crew::Stage;

/// Whose answer a line may have been that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blame {
    Job(u64),
    AnyJob,
    NoJob,
}

/// A worker that writes so many lines in a row that cannot be read is ended.
const BABBLE: u32 = 16;
impl<R: Request> Conversation<R> {
    /// The lines that have been read.
    pub(super) fn hear(&mut self) -> Option<Fate> {
        let mut lines = std::mem::replace(&mut self.lines, Lines::new(1, Overlong::Skip));
        let mut fate = None;
        while self.publishing.is_none() && fate.is_none() {
            let Some(line) = lines.next() else { break };
            fate = match line {
                Line::Whole(line) => match read(line) {
                    Ok(said) => self.take_in(said),
                    Err(Unreadable { id, why }) => {
                        self.voice.say(Stream::Stdout, &String::from_utf8_lossy(line));
                        self.cannot_read(id.map_or(Blame::AnyJob, Blame::Job), why)
                    }
                },
                Line::TooLong(bytes) => {
                    let most = self.work.bounds.line;
                    let why = format!("a line of {bytes} bytes, expected at most {most}");
                    self.cannot_read(Blame::AnyJob, why)
                }
            };
        }
        self.lines = lines;
        fate
    }

    fn take_in(&mut self, said: Said<'_>) -> Option<Fate> {
        let (id, outcome) = match said {
            Said::Response { id, response } => {
                let decode = self.work.decode;
                (id, caught_now(|| decode(response.get())))
            }
            Said::Failure { id, failure } => (id, Err(RequestError::Failed(failure))),
            Said::Progress { id, progress } => {
                if let Some(flight) = self.flights.get(&id) {
                    flight.job.progress(progress);
                }
                return None;
            }
            Said::Notify { event, data } => {
                match self.work.notes.publish(&event, data, &self.work.crew.router) {
                    Ok(publishing) => self.publishing = Some(publishing),
                    Err(why) => return self.cannot_read(Blame::NoJob, why),
                }
                return None;
            }
            Said::Ready(ready) => {
                self.ready = Some(ready);
                self.times.note_ready();
                self.alive.set_room(self.room());
                if !self.retiring {
                    self.life.stage.send_replace(Stage::Up);
                }
                return None;
            }
        };
        let Some(flight) = self.flights.remove(&id) else {
            let why =
                format!("an answer to {id}, which it does not have: it was answered before, or never asked");
            return self.cannot_read(Blame::NoJob, why);
        };
        self.watches.over(id, &flight);
        flight.job.answer(outcome);
        self.unreadable = 0;
        self.answered += 1;
        self.note_use();
        self.recycle();
        self.settle_blame();
        self.is_lost().then_some(Fate::Overdue).filter(|_| !self.flights.is_empty())
    }

    /// A worker is replaced after so many jobs, or when it has grown too much.
    fn recycle(&mut self) {
        let policy = &self.work.crew.policy;
        let is_old = policy.recycle_jobs.is_some_and(|jobs| self.answered >= jobs);
        let too_much = |most| self.process.memory().is_some_and(|memory| memory > most);
        if !self.retiring && (is_old || policy.recycle_memory.is_some_and(too_much)) {
            tracing::debug!(
                worker = &*self.life.worker,
                jobs = self.answered,
                "a worker is replaced in order"
            );
            self.retire();
        }
    }

    /// A line that says nothing. The job that it is about fails, and no other.
    fn cannot_read(&mut self, blame: Blame, why: String) -> Option<Fate> {
        tracing::warn!(worker = &*self.life.worker, "a worker said what is no answer: {why}");
        self.unreadable += 1;
        match blame {
            Blame::Job(id) => {
                if let Some(flight) = self.flights.remove(&id) {
                    self.watches.over(id, &flight);
                    flight.job.answer(malformed(&why));
                }
            }
            Blame::AnyJob if !self.flights.is_empty() => {
                self.unattributed += 1;
                self.suspicion = why;
            }
            Blame::AnyJob | Blame::NoJob => {}
        }
        self.settle_blame();
        (self.unreadable >= BABBLE).then_some(Fate::Babbled)
    }

    /// Lines that may have been the answer to any job are laid to those that are left when all others have been answered.
    /// The worker gets no further job: what it says next might be laid to that.
    fn settle_blame(&mut self) {
        if self.unattributed == 0 {
            return;
        }
        self.retire();
        if self.flights.len() > self.unattributed {
            return;
        }
        self.unattributed = 0;
        for (id, flight) in std::mem::take(&mut self.flights) {
            self.watches.over(id, &flight);
            flight.job.answer(malformed(&self.suspicion));
        }
    }
}

fn malformed<T>(why: &str) -> Result<T, RequestError> {
    Err(RequestError::Failed(Failure::new("malformed-answer", why)))
}
