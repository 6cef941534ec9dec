use crate::tick::{Stamped, Tick};

/// An event that is [stamped](Stamped) with the tick of each run.
///
/// ```
/// # use edri_event::Notification;
/// # use edri_scheduler::{Schedule, Stamp, Stamped, Tick};
/// # #[derive(Notification, Clone)]
/// # struct Heartbeat { tick: Option<Tick> }
/// # impl Stamped for Heartbeat { fn stamp(&mut self, tick: &Tick) { self.tick = Some(tick.clone()) } }
/// let beat = Schedule::send(Stamp(Heartbeat { tick: None }));
/// ```
#[derive(Clone, Debug)]
pub struct Stamp<E>(pub E);

/// Where the event of a run comes from.
pub(crate) trait Source<E>: Send + Sync + 'static {
    /// That of one run.
    fn make(&self, tick: &Tick) -> E;

    /// What can be encoded in its place, where there is something.
    fn event(&self) -> Option<&E>;
}

/// A copy for each run.
pub(super) struct Copied<E>(pub(super) E);

/// What a closure makes of each tick.
pub(super) struct Made<F>(pub(super) F);

impl<E: Clone + Send + Sync + 'static> Source<E> for Copied<E> {
    fn make(&self, _tick: &Tick) -> E {
        self.0.clone()
    }

    fn event(&self) -> Option<&E> {
        Some(&self.0)
    }
}

impl<E: Clone + Stamped + Send + Sync + 'static> Source<E> for Stamp<E> {
    fn make(&self, tick: &Tick) -> E {
        let mut event = self.0.clone();
        event.stamp(tick);
        event
    }

    fn event(&self) -> Option<&E> {
        Some(&self.0)
    }
}

impl<E, F: Fn(&Tick) -> E + Send + Sync + 'static> Source<E> for Made<F> {
    fn make(&self, tick: &Tick) -> E {
        (self.0)(tick)
    }

    fn event(&self) -> Option<&E> {
        None
    }
}
