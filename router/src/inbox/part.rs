use std::sync::Arc;
use std::task::{Context, Poll};

use super::queue::Queue;
use super::state::Phase;
use super::{Inbox, InboxMonitor, Message, Receiver};
use crate::sync::atomic::Ordering;
use crate::vitals::{
    Chart, Counts, Current, Health, Meter, Part, PartKind, PartState, Queued, Shifts, Vitals, Workers,
};

/// The life of the one behind an inbox, as far as the inbox cannot tell it itself.
pub(super) mod life {
    /// Nobody whose life is of interest: a subscription.
    pub(crate) const NONE: u8 = 0;
    pub(crate) const STARTING: u8 = 1;
    pub(crate) const RUNNING: u8 = 2;
    /// It was told to.
    pub(crate) const STOPPED: u8 = 3;
    /// It was not.
    pub(crate) const LOST: u8 = 4;
    /// It fell, and is being made anew.
    pub(crate) const RESTARTING: u8 = 5;
    /// It fell once too often, and is about to end.
    pub(crate) const GIVING_UP: u8 = 6;
    /// The same, and it has ended.
    pub(crate) const GAVE_UP: u8 = 7;
}

/// A manager is seen by its inbox, which is there as long as it is: nothing has to be made for those who never ask.
impl<M: Message> Part for Queue<M> {
    fn name(&self) -> &str {
        self.office.consumer().unwrap_or_default()
    }

    fn kind(&self) -> PartKind {
        PartKind::Manager
    }

    fn state(&self) -> PartState {
        match self.hints.life.load(Ordering::Relaxed) {
            life::STOPPED | life::LOST | life::GAVE_UP => PartState::Stopped,
            life::GIVING_UP => PartState::Draining,
            _ if self.is_closed() => PartState::Draining,
            life::RESTARTING => PartState::Restarting,
            life::RUNNING => PartState::Running,
            _ => PartState::Starting,
        }
    }

    fn vitals(&self) -> Vitals {
        let state = self.lock();
        let (tally, waits) = (state.tally, state.waits.as_ref().map(|waits| waits.times.clone()));
        let (high, control) = state.lanes.urgent_lens();
        let (in_line, ended) = (state.parked.len(), state.phase == Phase::Abandoned);
        let normal = state.lanes.normal_len() + self.receiving.in_hand.load(Ordering::Relaxed);
        drop(state);
        let reading = self.receiving.meter.look();
        let shifts = self.shifts();
        let (busy, held_back) = shifts.map_or((0, 0), |shifts| match ended {
            true => (0, 0),
            false => (shifts.busy(), shifts.held_back()),
        });
        let capacity = self.settings().capacity.get();
        let queued = Queued { control, high, normal: normal + held_back, in_line, capacity };
        Vitals {
            counts: Counts {
                // What runs at the same time was counted when it was begun.
                processed: reading.ended.saturating_sub(busy as u64),
                failed: reading.failed,
                panicked: reading.panicked,
                accepted: tally.accepted,
                rejected: tally.rejected,
                dropped: tally.dropped,
                restarts: reading.renewed,
            },
            queued,
            waiting: waits.map(|times| times.times()).unwrap_or_default(),
            handling: Meter::times([&self.receiving.meter]),
            workers: shifts.map(|shifts| Workers {
                busy,
                limit: shifts.limit(),
                waiting: queued.total(),
                oldest: shifts.oldest().map(|stay| stay.age()),
            }),
            uptime: self.hints.made.elapsed(),
        }
    }

    fn current(&self) -> Option<Current> {
        if let Some(shifts) = self.shifts() {
            let oldest = shifts.oldest()?;
            return Some(Current::new(M::name_of(oldest.tag), oldest.number, oldest.age()));
        }
        let now = self.receiving.meter.look().now?;
        let event = match self.chart().name_of(now.tag) {
            None => M::name_of(now.tag),
            Some(named) => named,
        };
        Some(Current::new(event, now.number, now.age))
    }

    fn chart(&self) -> &Chart {
        self.hints.chart.get_or_init(Box::default)
    }

    fn poke(&self) {
        self.hints.asked.store(true, Ordering::Relaxed);
        // Asleep, it is woken; about to sleep, it has to take this lock before, and looks after it. About to end, it
        // takes it, too, and finds the question after; it has ended, if that is seen after the lock. Likewise if it
        // falls.
        let owner = self.lock().owner.take();
        if let Some(waker) = owner {
            waker.wake();
        }
        self.answer_if_absent();
    }
}

impl<M: Message> Queue<M> {
    /// There is no manager that could answer.
    fn answer_if_absent(&self) {
        let health = match self.hints.life.load(Ordering::Relaxed) {
            life::STOPPED => Health { reason: Some("it has stopped".to_owned()), ..Health::ok().not_ready() },
            life::LOST => Health::failed("it has ended, and nobody told it to"),
            life::RESTARTING => Health::warning("it is being restarted").not_ready(),
            life::GIVING_UP | life::GAVE_UP => Health::failed("it fell once too often, and is not restarted"),
            _ => return,
        };
        if let Some(chart) = self.hints.chart.get() {
            chart.answer(health);
        }
    }

    /// There is no manager from here on: the questions of those who ask are answered for it.
    fn leaves(&self, life: u8) {
        self.hints.life.store(life, Ordering::Relaxed);
        self.receiving.meter.rest();
        // Whoever has taken this lock before has asked before.
        drop(self.lock());
        self.answer_if_absent();
    }

    fn shifts(&self) -> Option<&Shifts> {
        self.hints.chart.get()?.shifts()
    }
}

impl<M: Message> Inbox<M> {
    /// The one behind this inbox as a part of a program, to be [attached](crate::Router::attach_part) to its router: it
    /// is starting from here on.
    pub fn part(&self) -> Arc<dyn Part> {
        self.queue.hints.life.store(life::STARTING, Ordering::Relaxed);
        Arc::clone(&self.queue) as Arc<dyn Part>
    }

    /// For those who handle events that do not pass the inbox.
    #[inline]
    pub fn meter(&self) -> &Meter {
        &self.queue.receiving.meter
    }

    /// What is kept beside the part.
    pub fn chart(&self) -> &Chart {
        self.queue.chart()
    }

    /// The one behind this inbox has fallen, and is being made anew. To be told by whoever runs it.
    pub fn restarting(&self) {
        self.queue.leaves(life::RESTARTING);
    }

    /// There is a new one.
    pub fn restarted(&self) {
        self.queue.hints.life.store(life::RUNNING, Ordering::Relaxed);
    }

    /// There will be no new one. Whoever was told to stop before has not failed.
    pub fn gives_up(&self) {
        if !self.is_closed() {
            self.queue.leaves(life::GIVING_UP);
        }
    }
}

impl<M: Message> Receiver<M> {
    /// Where what is handled is noted.
    #[inline]
    pub fn meter(&self) -> &Meter {
        &self.queue.receiving.meter
    }

    /// What is kept beside the part.
    pub fn chart(&self) -> &Chart {
        self.queue.chart()
    }

    /// From here on it runs.
    pub fn started(&self) {
        self.queue.hints.life.store(life::RUNNING, Ordering::Relaxed);
    }

    /// Whether its owner is asked how it is: to be looked at between events, and after [`poll_recv`](Self::poll_recv) or
    /// [`poll_occupied`](Self::poll_occupied) has found nothing, which is woken by the question.
    #[inline]
    pub fn is_asked(&self) -> bool {
        self.queue.hints.asked.load(Ordering::Relaxed)
    }

    /// Answers how its owner is.
    pub fn answer(&self, health: Health) {
        self.queue.hints.asked.store(false, Ordering::Relaxed);
        self.queue.chart().answer(health);
    }

    /// Ready when its owner is asked, for one who waits for something else than events.
    pub fn poll_asked(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.queue.chart().poll_asked(cx)
    }

    /// It ends, with its inbox closed before or not.
    pub(super) fn ends(&self) {
        let life = match self.queue.hints.life.load(Ordering::Relaxed) {
            life::NONE => return,
            life::GIVING_UP => life::GAVE_UP,
            _ if self.queue.is_closed() => life::STOPPED,
            _ => life::LOST,
        };
        self.queue.hints.life.store(life, Ordering::Relaxed);
        self.meter().rest();
    }

    /// It has ended, and nobody else answers.
    pub(super) fn ended(&self) {
        self.queue.answer_if_absent();
    }
}

impl InboxMonitor {
    /// The one behind the inbox as a part of its program.
    pub fn part(&self) -> &dyn Part {
        &*self.0
    }

    /// The same, to keep.
    pub fn into_part(self) -> Arc<dyn Part> {
        self.0
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        if self.hints.life.load(Ordering::Relaxed) != life::NONE {
            self.office.note_end();
        }
    }
}
