use std::sync::Arc;

use edri_event::{Notification, Request};

use super::ask::Ask;
use super::notify::Notify;
use super::scheduled::Scheduled;
use super::source::{Copied, Made, Stamp};
use crate::tick::{Stamped, Tick};

/// What a schedule can send:
///
/// * a notification, of which each run sends a copy;
/// * a closure `|tick: &Tick| …` that makes one for each run;
/// * a notification with room for the tick, as [`Stamp`];
/// * a request, as [`Ask`].
///
/// `M` says which of these it is; the compiler finds it out.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be scheduled",
    label = "not something that a schedule can send",
    note = "a notification that is `Clone`, a closure `|tick: &Tick| Notification`, `Stamp(notification)` or `Ask::new(request)` is expected"
)]
pub trait IntoScheduled<M> {
    /// As what a schedule holds.
    fn into_scheduled(self) -> Scheduled;
}

/// It is a notification.
#[derive(Debug)]
pub enum AsEvent {}

/// It is a closure that makes notifications.
#[derive(Debug)]
pub struct AsClosure<E>(std::marker::PhantomData<fn() -> E>);

/// It is a notification with room for the tick.
#[derive(Debug)]
pub enum AsStamp {}

/// It is a request.
#[derive(Debug)]
pub enum AsAsk {}

impl<E: Notification + Clone> IntoScheduled<AsEvent> for E {
    fn into_scheduled(self) -> Scheduled {
        Scheduled::here(Arc::new(Notify::<E, _>::new(Copied(self))))
    }
}

impl<E: Notification, F: Fn(&Tick) -> E + Send + Sync + 'static> IntoScheduled<AsClosure<E>> for F {
    fn into_scheduled(self) -> Scheduled {
        Scheduled::here(Arc::new(Notify::<E, _>::new(Made(self))))
    }
}

impl<E: Notification + Clone + Stamped> IntoScheduled<AsStamp> for Stamp<E> {
    fn into_scheduled(self) -> Scheduled {
        Scheduled::here(Arc::new(Notify::<E, _>::new(self)))
    }
}

impl<R: Request> IntoScheduled<AsAsk> for Ask<R> {
    fn into_scheduled(self) -> Scheduled {
        Scheduled::here(Arc::new(self))
    }
}
