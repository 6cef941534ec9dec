use std::any::TypeId;
use std::sync::Arc;
use std::task::{Context, Poll};

use edri_event::{Event, Failure, Meta, Priority, Request};

use super::error::RequestError;
use crate::border::{self, Back, Horizon, InLine, Place};
use crate::dead_letter::{DeadLetterOffice, Loss, Reason};
use crate::envelope::{Envelope, Shared};
use crate::history::RetainedAnswers;
use crate::notify::Outstanding;
use crate::route::{Delivery, Observer, RequestRoute, Roster, Seeing, Wait};
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
    /// There if somebody here observes it, or it is retained.
    request: Option<R>,
    /// There if somebody on another router does.
    encoded: Option<Vec<u8>>,
    observers: Roster<Observer<R>>,
    history: Option<Arc<dyn RetainedAnswers<R>>>,
    /// What travels beside the answer.
    meta: Meta,
    /// Who is behind it knows the answer already.
    knows: Option<Horizon>,
}

impl<R: Request> Observed<R> {
    /// `None` where nobody observes and nothing is retained, which costs nothing.
    pub(crate) fn new(request: &R, route: &RequestRoute<R>) -> Option<Self> {
        let here = route.observers.iter().find_map(|observer| match observer {
            Observer::Here(seeing) => Some(seeing),
            Observer::Afar(_) => None,
        });
        let afar = route.observers.iter().any(|observer| matches!(observer, Observer::Afar(_)));
        let copy = match (&route.history, here) {
            (Some(history), _) => Some(history.copy_request(request)),
            (None, Some(seeing)) => Some((seeing.copy_request)(request)),
            (None, None) => None,
        };
        if copy.is_none() && !afar {
            return None;
        }
        let mut meta = Meta::new();
        mark(&mut meta, SenderSpan::MayEnd);
        Some(Self {
            request: copy,
            // One that cannot be encoded cannot have been asked there either.
            encoded: if afar { border::encode(R::wire(), request).ok() } else { None },
            observers: route.observers.clone(),
            history: route.history.clone(),
            meta,
            knows: None,
        })
    }

    /// The same of one whose outcome is known, behind that horizon.
    pub(crate) fn arrived(
        (request, encoded): (R, Vec<u8>),
        route: Option<&RequestRoute<R>>,
        meta: Meta,
        horizon: Horizon,
    ) -> Self {
        Self {
            request: Some(request),
            encoded: Some(encoded),
            observers: route.map(|route| route.observers.clone()).unwrap_or_default(),
            history: route.and_then(|route| route.history.clone()),
            meta,
            knows: Some(horizon),
        }
    }

    /// Hands the answer to every observer.
    pub(crate) fn tell(
        &self,
        router: &Router,
        outcome: &Result<R::Response, RequestError>,
        wait: Wait<'_>,
    ) -> Told<R> {
        let mut told = Told { here: Outstanding::new(), afar: InLine::default() };
        let Some((request, history)) = self.request.as_ref().zip(self.history.as_ref()) else {
            for observer in self.observers.iter() {
                match (observer, &self.request) {
                    (Observer::Here(seeing), Some(request)) => {
                        let request = (seeing.copy_request)(request);
                        let outcome = outcome.as_ref().map(seeing.copy_response).map_err(RequestError::clone);
                        let event = Shared::Own(Answer { request, outcome });
                        told.tell(router, seeing, Envelope { event, meta: self.meta.clone() }, wait);
                    }
                    (Observer::Here(_), None) => {}
                    (Observer::Afar(place), _) => self.tell_afar(router, place, outcome, wait, &mut told),
                }
            }
            return told;
        };
        let Envelope { event, meta } = history.record(request, outcome, self.meta.clone());
        let answer = event.into_shared();
        // Looked up after the answer was recorded, as for a notification.
        router.table().with(TypeId::of::<R>(), |route: Option<&RequestRoute<R>>| {
            for observer in route.into_iter().flat_map(|route| route.observers.iter()) {
                match observer {
                    Observer::Here(seeing) => {
                        let event = Shared::Of(Arc::clone(&answer));
                        told.tell(router, seeing, Envelope { event, meta: meta.clone() }, wait);
                    }
                    Observer::Afar(place) => self.tell_afar(router, place, outcome, wait, &mut told),
                }
            }
        });
        told
    }

    #[cold]
    fn tell_afar(
        &self,
        router: &Router,
        place: &Place,
        outcome: &Result<R::Response, RequestError>,
        wait: Wait<'_>,
        told: &mut Told<R>,
    ) {
        if self.knows == Some(place.horizon()) {
            return;
        }
        // Who observes it since the request was made: it is encoded now.
        let late = match (&self.encoded, &self.request) {
            (None, Some(request)) => border::encode(R::wire(), request).ok(),
            _ => None,
        };
        let (Some(event), Some(request)) = (border::request::<R>(), self.encoded.as_ref().or(late.as_ref()))
        else {
            return;
        };
        let outcome = match outcome {
            Ok(response) => border::encode(R::response_wire(), response)
                .map_err(|error| RequestError::Failed(Failure::new("codec", error.to_string()))),
            Err(error) => Err(error.clone()),
        };
        let back = Back::Outcome(Box::new(outcome));
        let mut departure = Some(place.departure(event, self.meta.clone(), back));
        match place.exit.depart(&mut departure, request[..].into(), R::PRIORITY, wait) {
            Delivery::Waiting(ticket) => told.afar.stand(&place.exit, ticket),
            Delivery::Gone => {}
            _ => {
                if let Some(left) = departure {
                    let office = DeadLetterOffice::new(router, place.name().into());
                    left.discard(request, Loss::unhandled(Reason::Overflow), &office);
                }
            }
        }
    }
}

/// The observers to whom an answer has been handed, until all of them have it.
pub(crate) struct Told<R: Request> {
    here: Outstanding<Envelope<Answer<R>>>,
    afar: InLine,
}

impl<R: Request> Told<R> {
    /// One that misses an answer for lack of room gets it as a dead letter.
    fn tell(&mut self, router: &Router, observer: &Seeing<R>, answer: Envelope<Answer<R>>, wait: Wait<'_>) {
        let mut parcel = Some(answer);
        match (observer.to.deliver(&mut parcel, R::PRIORITY, wait), parcel) {
            (Delivery::Full | Delivery::Rejected, Some(answer)) => {
                (observer.miss)(router, answer, observer.to.name());
            }
            (Delivery::Gone, _) => router.take_off_observer(&observer.to),
            (delivery, _) => self.here.note(&observer.to, delivery),
        }
    }

    pub(crate) fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let here = self.here.poll_settled(cx);
        let afar = self.afar.poll_taken_in(cx);
        if here.is_ready() && afar.is_ready() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Nobody can wait any longer for those that are in line: they are dead letters.
    pub(crate) fn lose_waiting(&mut self) {
        self.here.lose_waiting();
        self.afar.lose(&Loss::unhandled(Reason::Overflow));
    }
}
