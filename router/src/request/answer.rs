use std::any::TypeId;
use std::sync::Arc;

use edri_event::{Event, Meta, Priority, Request};

use super::error::RequestError;
use crate::envelope::{Envelope, Shared};
use crate::history::RetainedAnswers;
use crate::notify::Outstanding;
use crate::route::{Delivery, Observer, RequestRoute, Roster, Wait};
use crate::router::Router;
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

/// A request that is being observed, before its outcome is known.
pub(crate) struct Observed<R: Request> {
    request: R,
    observers: Roster<Observer<R>>,
    history: Option<Arc<dyn RetainedAnswers<R>>>,
}

impl<R: Request> Observed<R> {
    /// `None` where nobody observes and nothing is retained, which costs nothing.
    pub(crate) fn new(request: &R, route: &RequestRoute<R>) -> Option<Self> {
        let request = match (&route.history, route.observers.iter().next()) {
            (Some(history), _) => history.copy_request(request),
            (None, Some(first)) => (first.copy_request)(request),
            (None, None) => return None,
        };
        Some(Self { request, observers: route.observers.clone(), history: route.history.clone() })
    }

    /// Hands the answer to every observer.
    pub(crate) fn tell(
        &self,
        router: &Router,
        outcome: &Result<R::Response, RequestError>,
        wait: Wait<'_>,
    ) -> Outstanding<Envelope<Answer<R>>> {
        let mut outstanding = Outstanding::new();
        // One that misses an answer for lack of room gets it as a dead letter.
        let mut deliver = |observer: &Observer<R>, answer| {
            let mut parcel = Some(answer);
            match (observer.to.deliver(&mut parcel, R::PRIORITY, wait), parcel) {
                (Delivery::Full | Delivery::Rejected, Some(answer)) => {
                    (observer.miss)(router, answer, observer.to.name());
                }
                (Delivery::Declined, _) => {}
                (Delivery::Gone, _) => router.take_off_observer(&observer.to),
                (delivery, _) => outstanding.note(&observer.to, delivery),
            }
        };
        let Some(history) = &self.history else {
            for observer in self.observers.iter() {
                let request = (observer.copy_request)(&self.request);
                let outcome = outcome.as_ref().map(observer.copy_response).map_err(RequestError::clone);
                let event = Shared::Own(Answer { request, outcome });
                let mut meta = Meta::new();
                mark(&mut meta, SenderSpan::MayEnd);
                deliver(observer, Envelope { event, meta });
            }
            return outstanding;
        };
        let Envelope { event, mut meta } = history.record(&self.request, outcome);
        mark(&mut meta, SenderSpan::MayEnd);
        let answer = event.into_shared();
        // Looked up after the answer was recorded, as for a notification.
        router.table().with(TypeId::of::<R>(), |route: Option<&RequestRoute<R>>| {
            for observer in route.into_iter().flat_map(|route| route.observers.iter()) {
                deliver(observer, Envelope { event: Shared::Of(Arc::clone(&answer)), meta: meta.clone() });
            }
        });
        outstanding
    }
}
