use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use edri_event::{Failure, Meta, Priority, Request};
use edri_router::{
    Answering, EventInfo, EventKind, Handler, HandlerSpan, Patience, Registration, RequestError, Respond,
    Router, Ticket, caught, caught_now, has_expired,
};

use super::door::Inside;
use crate::error::StoreError;

/// Asks for the store on this very router, so that it need not be asked by events.
#[derive(Request)]
#[request(name = "edri::store::Reach", response = Arc<Inside>)]
pub(crate) struct Reach;

/// A request that the store answers.
pub(super) trait Operation: Request {
    /// Carries it out.
    fn carry_out(self, inside: &Arc<Inside>) -> Answered<Self::Response>;
}

/// An answer.
pub(super) enum Answered<T> {
    Now(Result<T, StoreError>),
    /// When it is durable.
    Later(Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>),
}

/// Answers requests of one type on the task of whoever asks: any number at a time, and without a wait where none is needed.
struct Answerer {
    inside: Arc<Inside>,
    name: Arc<str>,
}

/// The store answers requests of that type until the registration ends.
pub(super) fn register<R: Operation>(router: &Router, name: &Arc<str>, inside: &Arc<Inside>) -> Registration {
    let (inside, name) = (Arc::clone(inside), Arc::clone(name));
    router.attach_responder::<R>(Arc::new(Answerer { inside, name }))
}

impl<R: Operation> Respond<R> for Answerer {
    fn ask(&self, call: &mut Option<(R, Meta)>, _: Priority, _: Patience, _: &Waker) -> Answering<R> {
        let Some((event, meta)) = call.take() else { return Answering::Gone };
        if has_expired(&meta) {
            return Answering::Answered(Err(RequestError::Expired));
        }
        let info = || EventInfo::new::<R>(EventKind::Request, &meta);
        let span = HandlerSpan::nested(info, Handler::Manager(&self.name));
        let within = span.enter();
        let answered = caught_now(|| match event.carry_out(&self.inside) {
            Answered::Now(answer) => answer.map(Step::Over).map_err(StoreError::into_failure),
            Answered::Later(later) => Ok(Step::Later(later)),
        });
        within.left();
        match answered {
            Ok(Step::Over(answer)) => Answering::Answered(Ok(answer)),
            Ok(Step::Later(later)) => {
                let later = async move { later.await.map_err(StoreError::into_failure) };
                Answering::Running(Box::pin(span.around(caught(later))))
            }
            Err(error) => Answering::Answered(Err(error)),
        }
    }

    /// Nothing ever stands in line here.
    fn withdraw(&self, _ticket: Ticket) {}

    fn name(&self) -> &str {
        &self.name
    }

    fn part(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }
}

/// How far a request has been answered.
enum Step<T> {
    Over(T),
    Later(Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>),
}

/// The failure of a store that has been started twice, or beside another.
pub(super) fn refuse_to_start(reason: &str) -> Failure {
    Failure::new("store.not_alone", reason)
}
