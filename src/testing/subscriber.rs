use std::collections::VecDeque;
use std::fmt;
use std::fmt::Debug;
use std::future::Future;
use std::panic::Location;
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use edri_event::{Failure, Notification, Priority};
use edri_router::{
    DeadLetterOffice, Deliver, Delivery, Envelope, Loss, Message as _, Reason, Registration, Router, Shared,
    Ticket, Wait,
};
use tokio::time::sleep;

use super::journal::{Journal, lock};
use super::record::{Patience, Unread};

/// A subscriber that does with each notification what it was told, in order: one step for one notification. Made by
/// [`Testbed::subscriber`](super::Testbed::subscriber); it subscribes from then on, until it is dropped.
///
/// When no steps are left it takes what comes.
#[must_use = "a subscriber subscribes for as long as it is kept"]
pub struct ScriptedSubscriber<E: Notification> {
    part: Arc<Part<E>>,
    patience: Duration,
    _registration: Registration,
}

struct Part<E> {
    name: String,
    steps: Mutex<VecDeque<Step>>,
    taken: Arc<Unread<Shared<E>>>,
    office: DeadLetterOffice,
    journal: Arc<Journal>,
}

#[derive(Debug)]
enum Step {
    Take,
    Reject,
    Overflow,
    Stall(Duration),
    Fail(Failure),
    Panic(String),
}

impl<E: Notification + Debug> ScriptedSubscriber<E> {
    pub(super) fn new(router: &Router, journal: &Arc<Journal>, patience: Duration) -> Self {
        let name = format!("a scripted subscriber to {}", E::name());
        let part = Arc::new(Part {
            office: DeadLetterOffice::new(router, name.as_str().into()),
            name,
            steps: Mutex::default(),
            taken: Arc::new(Unread::new()),
            journal: Arc::clone(journal),
        });
        let registration = router.attach_subscriber::<E>(Arc::clone(&part) as Arc<_>);
        Self { part, patience, _registration: registration }
    }

    /// Then it takes so many.
    pub fn take(self, events: usize) -> Self {
        lock(&self.part.steps).extend((0..events).map(|_| Step::Take));
        self
    }

    /// Then it refuses one: its sender gets a [`NotifyError`](crate::router::NotifyError).
    pub fn reject(self) -> Self {
        self.step(Step::Reject)
    }

    /// Then it drops one for want of room, which its sender sees as `dropped`: a dead letter.
    pub fn overflow(self) -> Self {
        self.step(Step::Overflow)
    }

    /// Then it has no room for so long: the sender of one waits, or is refused if it does not wait.
    pub fn stall(self, time: Duration) -> Self {
        self.step(Step::Stall(time))
    }

    /// Then it takes one, and fails with it: a dead letter.
    pub fn fail(self, failure: Failure) -> Self {
        self.step(Step::Fail(failure))
    }

    /// Then it takes one, and panics with it, as others see it: a dead letter.
    pub fn panic(self, message: impl Into<String>) -> Self {
        self.step(Step::Panic(message.into()))
    }

    fn step(self, step: Step) -> Self {
        lock(&self.part.steps).push_back(step);
        self
    }

    /// The next notification that it took and that was not read yet; at most 1,024 are kept. Cancel safe.
    ///
    /// # Panics
    /// If none comes within the patience of the testbed.
    #[track_caller]
    pub fn expect(&self) -> impl Future<Output = Shared<E>> {
        let at = Location::caller();
        async move {
            let patience = Patience { at, longest: self.patience, journal: &self.part.journal };
            self.part.taken.expect(E::name(), |_| true, patience).await
        }
    }

    /// That it got at least as many notifications as it was told steps.
    ///
    /// # Panics
    /// If it did not: with the steps that are left.
    #[track_caller]
    pub fn verify(&self) {
        let steps = lock(&self.part.steps);
        if !steps.is_empty() {
            let left: Vec<_> = steps.iter().map(|step| format!("{step:?}")).collect();
            drop(steps);
            panic!(
                "{}: {} steps are left: {}; {}",
                self.part.name,
                left.len(),
                left.join(", "),
                self.part.journal
            );
        }
    }
}

impl<E: Notification + Debug> Deliver<Envelope<E>> for Part<E> {
    fn deliver(&self, parcel: &mut Option<Envelope<E>>, _: Priority, wait: Wait<'_>) -> Delivery {
        let Some(envelope) = parcel.take() else { return Delivery::Gone };
        let step = lock(&self.steps).pop_front().unwrap_or(Step::Take);
        self.journal.note(format_args!("{} for {}: {:?}, {step:?}", E::name(), self.name, &*envelope.event));
        match (step, wait) {
            (Step::Take, _) => self.taken.add(envelope.event),
            (Step::Fail(failure), _) => {
                envelope.discard(Loss::after(1, Reason::Failed(failure)), &self.office);
            }
            (Step::Panic(message), _) => {
                envelope.discard(Loss::after(1, Reason::Panicked { message }), &self.office);
            }
            (Step::Overflow, _) => {
                envelope.discard(Loss::unhandled(Reason::Overflow), &self.office);
                return Delivery::Dropped;
            }
            (Step::Reject, _) => {
                *parcel = Some(envelope);
                return Delivery::Rejected;
            }
            (Step::Stall(time), Wait::Woken(_)) => {
                let taken = Arc::clone(&self.taken);
                return Delivery::Running(Box::pin(async move {
                    sleep(time).await;
                    taken.add(envelope.event);
                }));
            }
            (Step::Stall(_), Wait::Never | Wait::Room) => {
                *parcel = Some(envelope);
                return Delivery::Full;
            }
        }
        Delivery::Accepted
    }

    /// None: one by one, each has its step.
    fn deliver_many(&self, _: &mut VecDeque<Envelope<E>>, _: Priority) -> bool {
        true
    }

    fn taken_in(&self, _: Ticket, _: &Waker) -> bool {
        true
    }

    fn withdraw(&self, _: Ticket) {}

    fn name(&self) -> &str {
        &self.name
    }
}

impl<E: Notification> fmt::Debug for ScriptedSubscriber<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ScriptedSubscriber")
            .field("event", &E::name())
            .field("steps_left", &lock(&self.part.steps).len())
            .finish()
    }
}
