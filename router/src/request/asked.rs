use std::task::Waker;

use edri_event::{Key, Meta, Request};

use super::error::RequestError;
use super::reply::{Reply, ReplyTo, reply};
use crate::dead_letter::{DeadLetterOffice, Loss};
use crate::inbox::Message;
use crate::trace::{EventInfo, EventKind};

/// A request as its responder gets it: with the way back.
#[derive(Debug)]
pub struct Asked<R: Request> {
    /// The request.
    pub event: R,
    /// What travels beside it.
    pub meta: Meta,
    /// Where the answer goes.
    pub reply: ReplyTo<R::Response>,
}

impl<R: Request> Asked<R> {
    /// A request and the end at which its answer comes. With `requester`, that is woken by the answer without
    /// having polled for it.
    pub fn new(event: R, meta: Meta, requester: Option<&Waker>) -> (Self, Reply<R::Response>) {
        let (reply_to, reply) = reply(requester);
        (Self { event, meta, reply: reply_to }, reply)
    }

    /// Whether the requester has gone away, asked before the request is handled.
    pub fn is_abandoned(&self) -> bool {
        self.reply.is_abandoned()
    }

    pub(crate) fn take_back(self) -> (R, Meta) {
        (self.event, self.meta)
    }
}

impl<R: Request> Message for Asked<R> {
    fn key(&self) -> Option<Key> {
        self.meta.key().or_else(|| self.event.key())
    }

    fn info(&self) -> Option<EventInfo<'_>> {
        Some(EventInfo::new::<R>(EventKind::Request, &self.meta))
    }

    fn name_of(_tag: u16) -> &'static str {
        R::name()
    }

    /// The requester is told: it is no dead letter.
    fn discard(self, loss: Loss, _office: &DeadLetterOffice) {
        self.reply.answer(Err(RequestError::of_loss(loss.reason, R::name())));
    }
}
