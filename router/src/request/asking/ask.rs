//! Whom a request asks, and what comes of it at once.

use std::any::TypeId;
use std::sync::Arc;
use std::task::Waker;

use edri_event::{EventId, Key, Request};

use super::super::answer::Observed;
use super::super::error::RequestError;
use super::{Asking, Outcome, Stage, Via};
use crate::behalf::{OnBehalf, Overdue, Scope};
use crate::border::{self, ConsumerId};
use crate::route::{Answering, Offered, Patience, RequestRoute, Respond};
use crate::trace::{SenderSpan, mark};

impl<R: Request> Asking<'_, R> {
    /// Asks, and moves on to the stage that follows; with an outcome if there is one at once.
    #[inline(always)]
    pub(super) fn ask(&mut self, waker: &Waker) -> Option<Outcome<R>> {
        if let Some((_, meta)) = &mut self.call {
            if R::SHAREABLE && meta.id().is_none() {
                meta.set_id(EventId::fresh());
            }
            mark(meta, SenderSpan::Outlasts);
        }
        if (self.rare.is_some() || self.router.scope().is_some())
            && let Err(error) = self.take_limits()
        {
            return Some(Err(error));
        }
        let table = self.router.table();
        match std::mem::replace(&mut self.via, Via::Table) {
            Via::Table => table.with(TypeId::of::<R>(), |route| self.ask_route(route, waker)),
            Via::Kept(route) => self.ask_route(route.current(table, TypeId::of::<R>()), waker),
            Via::Responder(responder) => self.ask_only(responder, waker),
            Via::Chosen(responder) => {
                table.with(TypeId::of::<R>(), |route| self.ask_chosen(route, responder, waker))
            }
        }
    }

    #[inline(always)]
    fn ask_route(&mut self, route: Option<&RequestRoute<R>>, waker: &Waker) -> Option<Outcome<R>> {
        let Some(route) = route else { return self.ask_nobody(waker) };
        if route.is_observed() {
            self.observe(route);
        }
        match route.responders.only() {
            Some(only) => self.ask_only(only, waker),
            None => self.ask_one_of(route, |_| true, waker),
        }
    }

    /// Nobody is on the route; but somebody far away may be found there who has not known that there is such an event.
    #[cold]
    fn ask_nobody(&mut self, waker: &Waker) -> Option<Outcome<R>> {
        if !self.router.introduce(border::request::<R>()) {
            return no_responder::<R>();
        }
        self.router.table().with(TypeId::of::<R>(), |route: Option<&RequestRoute<R>>| {
            let Some(route) = route else { return no_responder::<R>() };
            if route.is_observed() {
                self.observe(route);
            }
            self.ask_one_of(route, |_| true, waker)
        })
    }

    /// Asks the one who was chosen. Without a key, it is for another one of this router if he has no room; and with one,
    /// too, if he has left.
    #[cold]
    fn ask_chosen(
        &mut self,
        route: Option<&RequestRoute<R>>,
        chosen: ConsumerId,
        waker: &Waker,
    ) -> Option<Outcome<R>> {
        let Some(route) = route else { return no_responder::<R>() };
        if let Some(responder) = route.responders.of(chosen, |responder| responder.place()) {
            let has_key = self.its_key().is_some();
            let patience = if has_key || !responder.is_local() { Patience::Policy } else { Patience::Room };
            match responder.ask(&mut self.call, self.lane, patience, waker) {
                Answering::Full if patience == Patience::Room => {}
                Answering::Gone => {}
                taken => return self.go_on(responder, taken),
            }
        }
        self.ask_one_of(route, |responder| responder.is_local(), waker)
    }

    fn its_key(&self) -> Option<Key> {
        self.call.as_ref().and_then(|(event, meta)| meta.key().or_else(|| event.key()))
    }

    #[cold]
    fn observe(&mut self, route: &RequestRoute<R>) {
        if let Some((event, _)) = &self.call {
            let observed = Observed::new(event, route);
            self.rare().observed = observed;
        }
    }

    /// The time runs from here on. Says why not to ask at all, if there is a reason.
    fn take_limits(&mut self) -> Result<(), RequestError> {
        if let Some(deadline) = self.router.scope().and_then(Scope::deadline) {
            self.rare().limit.set_at(deadline);
        }
        if let Some(rare) = &mut self.rare {
            let due = rare.limit.begin().map_err(|Overdue| RequestError::Expired)?;
            if let (Some(due), Some((_, meta))) = (due, &mut self.call) {
                meta.set_deadline(due.into_std());
            }
        }
        match self.router.scope().is_some_and(Scope::is_cancelled) {
            true => Err(RequestError::Cancelled),
            false => Ok(()),
        }
    }

    #[inline(always)]
    fn ask_only(&mut self, responder: &Arc<dyn Respond<R>>, waker: &Waker) -> Option<Outcome<R>> {
        let on_behalf = self.router.scope().is_some();
        match responder.ask(&mut self.call, self.lane, Patience::Policy, waker) {
            // The usual ones are moved by themselves, and not with all the room that an error would take: that costs
            // a call that is answered inline a third of its time.
            Answering::Answered(Ok(response)) => return Some(Ok(response)),
            Answering::Queued(reply, None) if !on_behalf => self.stage = Stage::Queued(reply),
            Answering::Running(running) if !on_behalf => self.stage = Stage::Running(running),
            other => return self.go_on(responder, other),
        }
        None
    }

    /// Asks by the route's policy; where none that may be asked has room, the overflow policy of one of them holds.
    fn ask_one_of(
        &mut self,
        route: &RequestRoute<R>,
        may: impl Fn(&Arc<dyn Respond<R>>) -> bool,
        waker: &Waker,
    ) -> Option<Outcome<R>> {
        let key = self.its_key();
        let mut outcome = None;
        let taken = route.choose(key, |responder, patience| {
            if !may(responder) {
                return Offered::Gone;
            }
            match responder.ask(&mut self.call, self.lane, patience, waker) {
                Answering::Full if patience == Patience::Room => return Offered::Full,
                Answering::Gone => return Offered::Gone,
                taken => outcome = self.go_on(responder, taken),
            }
            Offered::Taken
        });
        if taken { outcome } else { no_responder::<R>() }
    }

    #[inline(never)]
    fn go_on(&mut self, responder: &Arc<dyn Respond<R>>, answering: Answering<R>) -> Option<Outcome<R>> {
        if let (Some(scope), Answering::Queued(..) | Answering::Running(_)) =
            (self.router.scope(), &answering)
        {
            self.rare().on_behalf = Some(OnBehalf::new(scope, responder.part()));
        }
        match answering {
            Answering::Queued(reply, ticket) => {
                self.stage = Stage::Queued(reply);
                if let Some(ticket) = ticket {
                    self.rare().in_line = Some((Arc::clone(responder), ticket));
                }
            }
            Answering::Running(running) => self.stage = Stage::Running(running),
            Answering::Answered(outcome) => return Some(outcome),
            Answering::Full | Answering::Refused => return Some(Err(RequestError::Overloaded)),
            Answering::Gone => return no_responder::<R>(),
        }
        None
    }
}

fn no_responder<R: Request>() -> Option<Outcome<R>> {
    Some(Err(RequestError::NoResponder { event: R::name() }))
}
