//! What handlers and the driver have in common: the state under its lock, and what is written of it.
//!
//! ```text
//! commands   what schedules are told      program   what the program itself sets at its start
//! view       looking at schedules
//! ```

mod commands;
mod program;
mod view;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::action::{Act, Declared, Encoded, Scheduled};
use crate::clock::Clock;
use crate::core::{Core, Ended, Flight, Moved, Now, Output};
use crate::durable::{Definition, Ledger, Record, Ticket};
use crate::id::Key;
use crate::options::Keep;
use crate::refusal::{Refusal, Refused};
use crate::time::{Nanoseconds, nanoseconds, nanoseconds_of};

/// What handlers and the driver have in common.
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    declared: Declared,
    clock: Box<dyn Clock>,
    begun: Instant,
    /// Something is due earlier than the driver sleeps for, or there is something else for it to do.
    pub(crate) wake: Notify,
    ledger: Option<Arc<Ledger>>,
}

/// What is changed under the lock.
pub(crate) struct State {
    pub(crate) core: Core<Act>,
    /// What the driver has to do.
    pub(crate) outputs: Vec<Output<Act>>,
    /// Until when the driver sleeps.
    pub(crate) asleep_until: Nanoseconds,
    /// The durable schedules whose events the program says each time it starts.
    of_program: HashSet<Key>,
}

impl Shared {
    pub(crate) fn new(
        make: impl FnOnce(Now) -> Core<Act>,
        declared: Declared,
        clock: Box<dyn Clock>,
        ledger: Option<Arc<Ledger>>,
    ) -> Self {
        let begun = Instant::now();
        let core = make(Now { wall: nanoseconds_of(clock.now()), monotonic: 0 });
        let state =
            State { core, outputs: Vec::new(), asleep_until: Nanoseconds::MIN, of_program: HashSet::new() };
        Self { state: Mutex::new(state), declared, clock, begun, wake: Notify::new(), ledger }
    }

    /// What both clocks say.
    pub(crate) fn now(&self) -> Now {
        Now { wall: nanoseconds_of(self.clock.now()), monotonic: nanoseconds(self.begun.elapsed()) }
    }

    /// A moment of the monotonic clock.
    pub(crate) fn instant(&self, monotonic: Nanoseconds) -> Instant {
        self.begun + Duration::from_nanos(monotonic.max(0).unsigned_abs())
    }

    /// What is in the way of writing durable schedules, if something is.
    pub(crate) fn trouble(&self) -> Option<Arc<str>> {
        self.ledger.as_ref()?.trouble()
    }

    /// What sends an event: itself, or what is declared for its bytes.
    pub(crate) fn action(&self, event: Scheduled) -> Result<Act, Refused> {
        event.into_action(&self.declared)
    }

    /// The same for an event that was written down.
    pub(crate) fn decoded(&self, encoded: Arc<Encoded>) -> Result<Act, Refused> {
        self.declared.action(encoded)
    }

    fn ledger(&self) -> Result<&Ledger, Refused> {
        self.ledger.as_deref().ok_or_else(|| {
            Refusal::NotDurable.because("this scheduler has no journal: one is given by Scheduler::journal")
        })
    }

    /// What is to be written of an event, if its schedule is durable. From now on it is sent as it will be after a restart.
    fn stored(&self, action: &mut Act, keep: Keep) -> Result<Option<Encoded>, Refused> {
        if keep == Keep::InMemory {
            return Ok(None);
        }
        let ledger = self.ledger()?;
        ledger.check()?;
        let refuse = |reason: &str| Refusal::NotDurable.because(format!("it cannot be durable: {reason}"));
        let encoded = action.encode().map_err(|failure| refuse(failure.message()))?;
        let (bytes, longest) = (encoded.bytes.len(), ledger.longest());
        if bytes > longest {
            return Err(refuse(&format!(
                "{} has {bytes} bytes, and there is room for {longest} in the journal",
                encoded.name
            )));
        }
        // What cannot be decoded after a restart would be lost then.
        let decoded = self.declared.action(Arc::new(encoded.clone()));
        *action = decoded.map_err(|refused| refuse(&refused.message))?;
        Ok(Some(encoded))
    }

    fn write(&self, state: &State, key: Key, event: Option<Encoded>, now: Now) -> Option<Ticket> {
        let place = state.core.place(key, now);
        let read = state.core.read(key, now)?;
        let definition =
            Definition { id: read.id.clone(), event, timing: read.timing.into(), options: read.options };
        self.append(Record::Set { key: key.to_bits(), definition: Box::new(definition), place })
    }

    fn append(&self, record: Record) -> Option<Ticket> {
        self.ledger.as_ref()?.append(record);
        self.ticket()
    }

    /// For all that has been put in line so far, if something may be durable.
    pub(crate) fn ticket(&self) -> Option<Ticket> {
        self.ledger.as_ref().map(|ledger| ledger.ticket())
    }

    /// After each change: what has to be written is put in line, and the driver is woken if it has something to do
    /// earlier than it thinks.
    pub(crate) fn settle(&self, state: &mut State, now: Now) -> Option<Ticket> {
        let mut ticket = None;
        if self.ledger.is_some() {
            let is_written =
                |output: &mut Output<Act>| matches!(output, Output::Moved(_) | Output::Ended(..));
            for output in state.outputs.extract_if(.., is_written) {
                ticket = match output {
                    Output::Moved(moved) => {
                        let Moved { key, begun, place } = moved;
                        self.append(Record::Moved { key: key.to_bits(), begun, place })
                    }
                    Output::Ended(key, run) => self.append(Record::Ended { key: key.to_bits(), run }),
                    _ => ticket,
                };
            }
        }
        let is_earlier = || {
            let until = state.core.until_look(now);
            until.is_some_and(|until| now.monotonic.saturating_add(until) < state.asleep_until)
        };
        if !state.outputs.is_empty() || is_earlier() {
            self.wake.notify_one();
        }
        ticket
    }

    /// A run has ended.
    pub(crate) fn ended(&self, flight: Flight, how: Ended) {
        let now = self.now();
        let mut state = self.state.lock();
        let State { core, outputs, .. } = &mut *state;
        core.ended(flight, how, now, outputs);
        self.settle(&mut state, now);
    }

    pub(crate) fn close_ledger(&self) {
        if let Some(ledger) = &self.ledger {
            ledger.close();
        }
    }
}
