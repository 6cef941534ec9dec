use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::clock::Moment;
use super::health::{Health, Status};
use super::numbers::{Counts, Recent};
use super::shifts::Shifts;
use crate::sync::Mutex;

/// What is kept beside a [`Part`](crate::Part): the question how it is, while it is open, and what was seen of it
/// before. Made when the part is first asked.
#[derive(Default)]
pub struct Chart {
    question: Mutex<Question>,
    pub(super) notes: Mutex<Notes>,
    /// The events that its handlers are called for without an inbox.
    names: Mutex<Vec<&'static str>>,
    shifts: OnceLock<Arc<Shifts>>,
}

/// Tags from here on are given by the chart, those below by the inbox.
const FIRST_NAMED: u16 = 1 << 15;
const LAST_NAMED: u16 = FIRST_NAMED - 2;

#[derive(Default)]
struct Question {
    /// One at a time: who asks meanwhile waits for the same answer.
    open: Option<Arc<Slot>>,
    /// Whoever is to answer it, asleep elsewhere than before its inbox.
    asleep: Option<Waker>,
}

/// What the one who checks remembers of a part.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) checked: Option<(Moment, Counts)>,
    pub(super) pictured: Option<(Moment, Counts)>,
    /// What it said last.
    pub(super) said: Option<Health>,
    /// How it was at the last check.
    pub(super) status: Status,
    /// The number of the event on which it was last reported stuck.
    pub(super) reported: Option<u64>,
}

impl Chart {
    /// Answers the question, if one is open.
    pub fn answer(&self, health: Health) {
        let open = self.question.lock().open.take();
        if let Some(slot) = open {
            slot.answer(health);
        }
    }

    /// Ready while a question is open; the task is woken when one is asked.
    pub fn poll_asked(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut question = self.question.lock();
        if question.open.is_some() {
            return Poll::Ready(());
        }
        match &mut question.asleep {
            Some(asleep) => asleep.clone_from(cx.waker()),
            asleep => *asleep = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// A [tag](crate::Message::tag) for events of that name which reach their handlers without an inbox.
    pub fn tag(&self, event: &'static str) -> u16 {
        let mut names = self.names.lock();
        let known = names.iter().position(|name| *name == event);
        let place = known.unwrap_or_else(|| {
            names.push(event);
            names.len() - 1
        });
        // Beyond the last tag all share it.
        FIRST_NAMED + u16::try_from(place).map_or(LAST_NAMED, |place| place.min(LAST_NAMED))
    }

    /// The event with a tag of that kind.
    pub(crate) fn name_of(&self, tag: u16) -> Option<&'static str> {
        let place = tag.checked_sub(FIRST_NAMED)?;
        Some(self.names.lock().get(usize::from(place)).copied().unwrap_or("an event"))
    }

    /// Its handlers run at the same time, up to so many.
    pub fn set_shifts(&self, limit: usize) -> Arc<Shifts> {
        Arc::clone(self.shifts.get_or_init(|| Arc::new(Shifts::new(limit))))
    }

    pub(crate) fn shifts(&self) -> Option<&Shifts> {
        self.shifts.get().map(|shifts| &**shifts)
    }

    /// What is known of its part without asking, and what was counted since the last picture.
    pub(crate) fn picture(&self, counts: Counts, uptime: Duration) -> Picture {
        let mut notes = self.notes.lock();
        let recent = Notes::recent(&mut notes.pictured, counts, uptime);
        Picture { recent, said: notes.said.clone(), status: notes.status }
    }

    /// The open question, or a new one; `true` for a new one, of which the part has to be told.
    pub(super) fn ask(&self) -> (Inquiry, bool) {
        let mut question = self.question.lock();
        if let Some(open) = &question.open {
            return (Inquiry(Arc::clone(open)), false);
        }
        let slot = Arc::new(Slot { asked: Moment::now(), state: Mutex::default() });
        question.open = Some(Arc::clone(&slot));
        let asleep = question.asleep.take();
        drop(question);
        if let Some(waker) = asleep {
            waker.wake();
        }
        (Inquiry(slot), true)
    }
}

/// What is known of a part without asking it.
pub(crate) struct Picture {
    pub(crate) recent: Recent,
    pub(crate) said: Option<Health>,
    pub(crate) status: Status,
}

impl Notes {
    /// What was counted since the last call with the same `mark`, or since the start.
    pub(super) fn recent(mark: &mut Option<(Moment, Counts)>, counts: Counts, uptime: Duration) -> Recent {
        let now = Moment::now();
        let (over, counts_before) = match *mark {
            Some((then, before)) => (now.since(then), before),
            None => (uptime, Counts::default()),
        };
        *mark = Some((now, counts));
        Recent { over, counts: counts.since(&counts_before) }
    }
}

/// A question that was asked, and maybe answered.
pub(super) struct Inquiry(Arc<Slot>);

struct Slot {
    asked: Moment,
    state: Mutex<SlotState>,
}

#[derive(Default)]
struct SlotState {
    answer: Option<(Health, Duration)>,
    waiting: Vec<(u64, Waker)>,
    next: u64,
}

impl Slot {
    fn answer(&self, health: Health) {
        let mut state = self.state.lock();
        state.answer = Some((health, self.asked.elapsed()));
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

impl Inquiry {
    /// The answer and how long it took, if it has come.
    pub(super) fn answer(&self) -> Option<(Health, Duration)> {
        self.0.state.lock().answer.clone()
    }

    /// For how long it has been open.
    pub(super) fn age(&self) -> Duration {
        self.0.asked.elapsed()
    }

    /// Ready when the answer has come.
    pub(super) fn answered(&self) -> impl Future<Output = ()> + Send + use<'_> {
        Answered { slot: &self.0, place: None }
    }
}

struct Answered<'i> {
    slot: &'i Slot,
    /// Under which number it waits.
    place: Option<u64>,
}

impl Future for Answered<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.slot.state.lock();
        if state.answer.is_some() {
            return Poll::Ready(());
        }
        let place = self.place;
        match state.waiting.iter_mut().find(|(known, _)| Some(*known) == place) {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => {
                let place = state.next;
                state.next += 1;
                state.waiting.push((place, cx.waker().clone()));
                drop(state);
                self.place = Some(place);
            }
        }
        Poll::Pending
    }
}

impl Drop for Answered<'_> {
    /// Whoever has waited in vain leaves nothing behind: a question may be open for long.
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.slot.state.lock().waiting.retain(|(known, _)| *known != place);
        }
    }
}

impl fmt::Debug for Chart {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Chart").field("asked", &self.question.lock().open.is_some()).finish()
    }
}
