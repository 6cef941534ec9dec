use std::sync::Arc;

use edri_event::{Event, Meta, Priority, Request};

use super::error::RequestError;
use crate::envelope::{Envelope, Shared};
use crate::route::{Deliver, Observer, Roster};
use crate::trace::{SenderSpan, mark};

/// The outcome of one request, as observers see it: exactly what its requester saw, failures included.
///
/// Observers get it when the requester does. A requester that went away before the answer came is an outcome
/// too: [`RequestError::Cancelled`].
#[derive(Clone, Debug)]
pub struct Answer<R: Request> {
    /// What was asked.
    pub request: R,
    /// What was answered.
    pub outcome: Result<R::Response, RequestError>,
}

/// A request whose answers can be observed: observers get copies of it and of its response.
///
/// Every request is one whose type and response are `Clone + Sync`.
#[diagnostic::on_unimplemented(
    message = "the answers to `{Self}` cannot be observed",
    label = "not observable",
    note = "observers get copies: the request and its response have to be `Clone` and `Sync`"
)]
pub trait Observable: Request<Response: Clone + Sync> + Clone + Sync {}

impl<R: Request<Response: Clone + Sync> + Clone + Sync> Observable for R {}

impl<R: Request<Response: Sync> + Sync> Event for Answer<R> {
    const PRIORITY: Priority = R::PRIORITY;

    /// The name of the request.
    fn name() -> &'static str {
        R::name()
    }
}

type Watcher<R> = Arc<dyn Deliver<Envelope<Answer<R>>>>;

/// A request that is being observed, before its outcome is known.
pub(crate) struct Observed<R: Request> {
    request: R,
    observers: Roster<Observer<R>>,
}

impl<R: Request> Observed<R> {
    /// `None` where nobody observes, which costs nothing.
    pub(crate) fn new(request: &R, observers: &Roster<Observer<R>>) -> Option<Self> {
        let first = observers.iter().next()?;
        Some(Self { request: (first.copy_request)(request), observers: observers.clone() })
    }

    /// What each observer is to get.
    pub(crate) fn answers(
        &self,
        outcome: &Result<R::Response, RequestError>,
    ) -> impl Iterator<Item = (&Watcher<R>, Envelope<Answer<R>>)> {
        self.observers.iter().map(move |observer| {
            let request = (observer.copy_request)(&self.request);
            let outcome = outcome.as_ref().map(observer.copy_response).map_err(RequestError::clone);
            let mut meta = Meta::new();
            mark(&mut meta, SenderSpan::MayEnd);
            (&observer.to, Envelope { event: Shared::Own(Answer { request, outcome }), meta })
        })
    }
}
