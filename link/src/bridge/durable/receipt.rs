use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use edri_event::{Hold, Meta, Origin, Priority, RouterId};
use edri_journal::JournalError;
use edri_router::{
    Addressee, Arrival, Arriving, Horizon, Role, Router, Run, Shareable, ShareableEvent as _, Way,
};
use futures_util::StreamExt as _;
use futures_util::future::OptionFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

use super::book::{Book, Entry, Writing};
use super::counts::{Counts, Place};
use super::traffic::Speaks;
use crate::bridge::filter::Filter;
use crate::bridge::seam::description_of;
use crate::durable::{Inbox, InboxStep, Interrupted, Mark, Notice, Record, Word};
use crate::wire::{Permit, Schema};

/// What one source sends that lasts, from what comes over a link until it is handled.
pub(super) struct Receipt {
    pub(super) source: RouterId,
    state: Mutex<State>,
    task: Notify,
    /// That of the link over which it comes.
    carrier: AtomicWaker,
}

struct State {
    inbox: Inbox,
    /// To be said to the source.
    out: VecDeque<Vec<u8>>,
    /// The link over which it comes.
    link: Option<u64>,
    permit: Permit,
    is_closing: bool,
}

/// What a receipt hands over to.
pub(super) struct Desk {
    pub(super) router: Router,
    pub(super) horizon: Horizon,
    pub(super) filter: Filter,
    pub(super) book: Arc<Book>,
    pub(super) counts: Arc<Counts>,
}

/// Told when all who consume a record's events are done with them.
struct Guard {
    receipt: Arc<Receipt>,
    log: u64,
    number: u64,
}

impl Speaks for Receipt {
    fn with_words<T>(&self, link: u64, with: impl FnOnce(&mut VecDeque<Vec<u8>>) -> T) -> Option<T> {
        let mut state = self.state();
        if state.link == Some(link) { Some(with(&mut state.out)) } else { None }
    }

    fn carrier(&self) -> &AtomicWaker {
        &self.carrier
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.receipt.state().inbox.handled(self.log, self.number);
        self.receipt.task.notify_one();
    }
}

/// What is handled is on the disk after so long, at the latest.
const LAZY: Duration = Duration::from_millis(100);

/// What came for nobody is kept for so long, and looked at so often.
const UNWANTED: Duration = Duration::from_secs(10);
const LOOKED_AT: Duration = Duration::from_millis(50);

/// What could not be written is tried again after so long.
const AGAIN: Duration = Duration::from_millis(500);

impl Receipt {
    pub(super) fn new(source: RouterId, mark: Mark, interrupted: Interrupted, window: u32) -> Self {
        let inbox = Inbox::new(mark, interrupted, window.into());
        let (out, permit) = (VecDeque::new(), Permit::All);
        let state = State { inbox, out, link: None, permit, is_closing: false };
        Self { source, state: Mutex::new(state), task: Notify::new(), carrier: AtomicWaker::new() }
    }

    /// It comes over that link from here on, and nothing of what was said before counts.
    pub(super) fn begin(&self, link: u64) {
        let mut state = self.state();
        state.link = Some(link);
        state.out.clear();
        state.inbox.begin();
    }

    /// That link is gone.
    pub(super) fn end(&self, link: u64) {
        let mut state = self.state();
        if state.link == Some(link) {
            state.link = None;
            state.out.clear();
            state.inbox.begin();
        }
    }

    /// The source has said something over that link.
    pub(super) fn hear(&self, link: u64, word: Word, permit: Permit) {
        let mut state = self.state();
        if state.link != Some(link) || state.is_closing {
            return;
        }
        state.permit = permit;
        if let Err(error) = state.inbox.hear(word) {
            tracing::error!(source = %self.source, %error, "the source of a durable flow is not listened to");
        }
        drop(state);
        self.task.notify_one();
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.state().inbox.waiting().count()
    }

    #[cfg(test)]
    pub(super) fn freeze(&self) {
        let mut state = self.state();
        (state.link, state.out) = (None, VecDeque::new());
    }

    /// Nothing more is taken in; what is handled is still written down.
    pub(super) fn close(&self) {
        self.state().is_closing = true;
        self.task.notify_one();
    }

    /// No code of others runs under the lock, so that it cannot be poisoned.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs it until it is closed, and what is handled then is on the disk.
    pub(super) async fn run(self: Arc<Self>, desk: Desk) {
        let way = desk.router.open_way();
        let mut marking: Option<(Mark, Writing)> = None;
        let mut taking: FuturesUnordered<Taking> = FuturesUnordered::new();
        let mut later: Option<tokio::time::Instant> = None;
        let mut unwanted_since = None;
        loop {
            if marking.is_none()
                && let Some(recheck) = self.hold_what_nobody_wants(&desk, &mut unwanted_since)
            {
                later = Some(later.map_or(recheck, |later| later.min(recheck)));
            }
            let (is_closing, is_behind) = loop {
                let mut state = self.state();
                if state.is_closing && state.inbox.is_behind() {
                    state.inbox.hurry();
                }
                let Some(step) = state.inbox.poll() else {
                    break (state.is_closing, state.inbox.is_behind());
                };
                match step {
                    InboxStep::Say(word) => {
                        word.line_up(&mut state.out);
                        drop(state);
                        self.carrier.wake();
                    }
                    InboxStep::Mark(mark) => {
                        drop(state);
                        marking = self.write(&desk, mark);
                        if marking.is_none() {
                            later = Some(tokio::time::Instant::now() + AGAIN);
                            break (self.state().is_closing, true);
                        }
                    }
                    InboxStep::Hand { log, number, content, redelivered } => {
                        let permit = state.permit.clone();
                        drop(state);
                        let waits =
                            self.hand_over(&desk, &way, (log, number), &content, redelivered, &permit);
                        match waits {
                            None => self.state().inbox.taken(log, number),
                            Some(arriving) => taking.push(Taking { number: (log, number), arriving }),
                        }
                    }
                }
            };
            if is_closing && !is_behind && marking.is_none() {
                return;
            }
            if is_behind && later.is_none() {
                later = Some(tokio::time::Instant::now() + LAZY);
            }
            tokio::select! {
                () = self.task.notified() => {}
                Some(written) = OptionFuture::from(marking.as_mut().map(|(_, pending)| pending)) => {
                    if let Some((mark, _)) = marking.take() {
                        match written {
                            Ok(()) => {
                                desk.counts.untroubled(Place::Coming(self.source));
                                self.state().inbox.marked(mark);
                            }
                            Err(error) => {
                                self.not_written(&desk, &error);
                                later = Some(tokio::time::Instant::now() + AGAIN);
                                tokio::time::sleep(AGAIN).await;
                                self.state().inbox.not_marked();
                            }
                        }
                    }
                }
                Some((log, number)) = taking.next(), if !taking.is_empty() => {
                    self.state().inbox.taken(log, number);
                }
                Some(()) = OptionFuture::from(later.map(tokio::time::sleep_until)) => {
                    later = None;
                    let mut state = self.state();
                    if state.inbox.is_behind() {
                        state.inbox.hurry();
                    }
                }
            }
        }
    }

    /// What came for nobody stays where it is: whoever consumes it may be about to start, or this program to stop. When that is to
    /// be looked at again, if it does.
    fn hold_what_nobody_wants(
        &self,
        desk: &Desk,
        since: &mut Option<tokio::time::Instant>,
    ) -> Option<tokio::time::Instant> {
        let now = tokio::time::Instant::now();
        let mut state = self.state();
        let mut seen: Vec<(Schema, bool)> = Vec::new();
        let all_wanted = state.inbox.waiting().all(|content| {
            let schemas = Record::look(content).map(|(schemas, ..)| schemas).unwrap_or_default();
            schemas.into_iter().all(|schema| match seen.iter().find(|(known, _)| *known == schema) {
                Some((_, is_wanted)) => *is_wanted,
                None => {
                    let is_wanted = is_wanted(desk, &schema);
                    seen.push((schema, is_wanted));
                    is_wanted
                }
            })
        });
        if all_wanted {
            *since = None;
            let is_closing = state.is_closing;
            state.inbox.set_holds(is_closing);
            return None;
        }
        let until = *since.get_or_insert(now) + UNWANTED;
        let holds = state.is_closing || now < until;
        state.inbox.set_holds(holds);
        holds.then_some(now + LOOKED_AT)
    }

    fn write(&self, desk: &Desk, mark: Mark) -> Option<(Mark, Writing)> {
        let Mark { log, handed, handled } = mark;
        match desk.book.write(&Entry::Mark { source: self.source, log, handed, handled }) {
            Ok(writing) => Some((mark, writing)),
            Err(error) => {
                self.not_written(desk, &error);
                self.state().inbox.not_marked();
                None
            }
        }
    }

    fn not_written(&self, desk: &Desk, error: &JournalError) {
        if let JournalError::Poisoned { .. } = error {
            // The book tells of that, and until when nothing can be written.
            tracing::debug!(source = %self.source, %error, "what is handed over cannot be written down for now");
        } else {
            tracing::error!(source = %self.source, %error, "what is handed over could not be written down");
            desk.counts.troubled(Place::Coming(self.source), error.to_string());
        }
    }

    /// Hands over a record; what has to wait for room is given back.
    fn hand_over(
        self: &Arc<Self>,
        desk: &Desk,
        way: &Way,
        (log, number): (u64, u64),
        content: &Bytes,
        redelivered: bool,
        permit: &Permit,
    ) -> Option<Arriving<()>> {
        let guard = Hold::new(Guard { receipt: Arc::clone(self), log, number });
        let record = match Record::decode(content) {
            Ok(record) => record,
            Err(error) => {
                tracing::error!(source = %self.source, number, %error, "a record that came cannot be read");
                desk.counts.troubled(Place::Coming(self.source), error.to_string());
                return None;
            }
        };
        let origin = Origin { router: self.source, hops: 1 };
        let mut beside = Meta::new();
        beside.set_origin(origin);
        beside.set_hold(guard.clone());
        let mut runs: Vec<Option<Box<dyn Run>>> =
            record.schemas.iter().map(|schema| self.run_of(desk, schema, permit)).collect();
        let mut waiting = Vec::new();
        let mut current: Option<(usize, Priority)> = None;
        for notice in record.notices {
            let place = (notice.schema, notice.circumstances.priority);
            if current.is_some_and(|current| current != place) {
                flush(desk, &mut runs, current.take(), &mut waiting);
            }
            let before = notice.circumstances.origin;
            if before.is_some_and(|before| !way.takes(before.further())) {
                continue;
            }
            let Some(run) = &mut runs[notice.schema] else { continue };
            let meta = meta(&notice, origin, redelivered, &beside, &guard);
            if let Err(error) = run.add(&notice.payload, meta) {
                tracing::error!(%error, "a notification that came over a link cannot be read");
            }
            desk.counts.came(redelivered);
            current = Some(place);
        }
        flush(desk, &mut runs, current, &mut waiting);
        if waiting.is_empty() {
            return None;
        }
        Some(Box::pin(async move {
            for arriving in waiting {
                arriving.await;
            }
        }))
    }

    /// Nothing for what may not be sent.
    fn run_of(&self, desk: &Desk, schema: &Schema, permit: &Permit) -> Option<Box<dyn Run>> {
        if !permit.covers(&schema.name) || !desk.filter.allows(&schema.name) {
            let event = &*schema.name;
            tracing::warn!(source = %self.source, event, "another router sends what it may not, which is not taken");
            return None;
        }
        match desk.router.foreign(description_of(schema)) {
            Shareable::Notification(event) => Some(event.run()),
            _ => None,
        }
    }
}

/// Whether anybody consumes it, here or behind other borders.
fn is_wanted(desk: &Desk, schema: &Schema) -> bool {
    let demands = desk.router.foreign(description_of(schema)).demands(&desk.router, desk.horizon);
    demands.iter().any(|demand| demand.role == Role::Subscriber)
}

fn flush(
    desk: &Desk,
    runs: &mut [Option<Box<dyn Run>>],
    current: Option<(usize, Priority)>,
    waiting: &mut Vec<Arriving<()>>,
) {
    if let Some((schema, priority)) = current
        && let Some(Some(run)) = runs.get_mut(schema)
    {
        waiting.extend(run.hand_over(&desk.router, desk.horizon, &Addressee::Subscribers, priority));
    }
}

/// What travels beside an event: shared with its neighbours, where it has nothing of its own.
fn meta(notice: &Notice, origin: Origin, redelivered: bool, beside: &Meta, hold: &Hold) -> Meta {
    let circumstances = &notice.circumstances;
    let is_plain = circumstances.key.is_none()
        && circumstances.trace.is_none()
        && circumstances.origin.is_none()
        && notice.deadline.is_none()
        && !redelivered;
    if is_plain {
        let mut meta = beside.clone();
        if let Some(id) = circumstances.id {
            meta.set_id(id);
        }
        return meta;
    }
    let from = circumstances.origin.map_or(origin, Origin::further);
    let mut arrival = Arrival::new(from);
    (arrival.id, arrival.key, arrival.trace) = (circumstances.id, circumstances.key, circumstances.trace);
    arrival.redelivered = redelivered;
    arrival.deadline = notice.deadline.and_then(instant_of);
    let mut meta = arrival.into_meta();
    meta.set_hold(hold.clone());
    meta
}

/// When that is by the clock that does not jump: microseconds since 1970. One that is past is now.
fn instant_of(deadline: u64) -> Option<Instant> {
    let at = UNIX_EPOCH + Duration::from_micros(deadline);
    let left = at.duration_since(SystemTime::now()).unwrap_or_default();
    Instant::now().checked_add(left)
}

/// A record that waits for room.
struct Taking {
    number: (u64, u64),
    arriving: Arriving<()>,
}

impl Future for Taking {
    type Output = (u64, u64);

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> std::task::Poll<(u64, u64)> {
        let number = self.number;
        self.arriving.as_mut().poll(cx).map(|()| number)
    }
}
