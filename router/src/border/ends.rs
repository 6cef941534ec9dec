use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use edri_event::{Failure, Wire};
use futures_core::Stream as _;
use futures_sink::Sink as _;

use crate::request::LinkLost;
use crate::tunnel::{TunnelEnd, TunnelError, TunnelReceiver, TunnelSender};

/// The local end of a tunnel, for whoever carries its items elsewhere: they are encoded.
pub struct EncodedEnd(Box<dyn End>);

/// What comes from elsewhere goes in here.
pub struct EncodedSender(Box<dyn Sends>);

/// What is to go elsewhere comes out here.
pub struct EncodedReceiver(Box<dyn Receives>);

/// Why an item did not go into a tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// The local end wants none.
    Refused(TunnelError),
    /// It cannot be read; the tunnel is still as it was.
    Unreadable(Failure),
}

trait End: Send {
    fn split(self: Box<Self>) -> (EncodedSender, EncodedReceiver);
    fn break_off(self: Box<Self>, error: TunnelError);
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

struct Whole<S, R> {
    end: TunnelEnd<S, R>,
    send: Wire<S>,
    receive: Wire<R>,
}

trait Sends: Send {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TunnelError>>;
    fn send(&mut self, item: &[u8]) -> Result<(), Unsent>;
    fn finish(self: Box<Self>);
    fn break_off(self: Box<Self>, error: TunnelError);
}

trait Receives: Send {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Vec<u8>, TunnelError>>>;
    fn refuse(self: Box<Self>, error: TunnelError);
}

struct Typed<E, T> {
    end: E,
    wire: Wire<T>,
}

impl EncodedEnd {
    pub(crate) fn new<S: Send + 'static, R: Send + 'static>(
        end: TunnelEnd<S, R>,
        send: Wire<S>,
        receive: Wire<R>,
    ) -> Self {
        Self(Box::new(Whole { end, send, receive }))
    }

    /// The two halves, to be used on their own.
    pub fn split(self) -> (EncodedSender, EncodedReceiver) {
        self.0.split()
    }

    /// Ends both directions with a failure that the other local end gets.
    pub fn abort(self, failure: Failure) {
        self.0.break_off(TunnelError::Aborted(failure));
    }

    /// Ends both directions, because the link was lost.
    pub fn lose(self, lost: LinkLost) {
        self.0.break_off(TunnelError::LinkLost(Box::new(lost)));
    }

    /// What it was made of; `None` if of something else.
    pub(crate) fn into_end<S: Send + 'static, R: Send + 'static>(self) -> Option<TunnelEnd<S, R>> {
        self.0.into_any().downcast::<Whole<S, R>>().ok().map(|whole| whole.end)
    }
}

impl EncodedEnd {
    /// Of a tunnel whose items are encoded already.
    pub(crate) fn passing(end: TunnelEnd<Vec<u8>, Vec<u8>>) -> Self {
        Self(Box::new(end))
    }
}

impl End for TunnelEnd<Vec<u8>, Vec<u8>> {
    fn split(self: Box<Self>) -> (EncodedSender, EncodedReceiver) {
        let (sender, receiver) = Self::split(*self);
        (EncodedSender(Box::new(sender)), EncodedReceiver(Box::new(receiver)))
    }

    fn break_off(self: Box<Self>, error: TunnelError) {
        let (sender, receiver) = Self::split(*self);
        sender.break_off(error.clone());
        receiver.refuse(error);
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl Sends for TunnelSender<Vec<u8>> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TunnelError>> {
        Pin::new(self).poll_flush(cx)
    }

    fn send(&mut self, item: &[u8]) -> Result<(), Unsent> {
        Pin::new(self).start_send(item.to_vec()).map_err(Unsent::Refused)
    }

    fn finish(self: Box<Self>) {
        Self::finish(*self);
    }

    fn break_off(self: Box<Self>, error: TunnelError) {
        Self::break_off(*self, error);
    }
}

impl Receives for TunnelReceiver<Vec<u8>> {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Vec<u8>, TunnelError>>> {
        Pin::new(self).poll_next(cx)
    }

    fn refuse(self: Box<Self>, error: TunnelError) {
        Self::refuse(*self, error);
    }
}

impl<S: Send + 'static, R: Send + 'static> End for Whole<S, R> {
    fn split(self: Box<Self>) -> (EncodedSender, EncodedReceiver) {
        let Self { end, send, receive } = *self;
        let (sender, receiver) = end.split();
        let sender = EncodedSender(Box::new(Typed { end: sender, wire: send }));
        (sender, EncodedReceiver(Box::new(Typed { end: receiver, wire: receive })))
    }

    fn break_off(self: Box<Self>, error: TunnelError) {
        let (sender, receiver) = self.end.split();
        sender.break_off(error.clone());
        receiver.refuse(error);
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl EncodedSender {
    /// Ready when there is room for an item, or never will be.
    ///
    /// Cancel safe.
    pub async fn ready(&mut self) -> Result<(), TunnelError> {
        poll_fn(|cx| self.0.poll_ready(cx)).await
    }

    /// Sends an item, and waits until the local end has room for it.
    ///
    /// # Errors
    /// If the local end wants none, or it cannot be read.
    ///
    /// Cancel safe in that the item is sent once it was polled, or not at all; it must not be sent again.
    pub async fn send(&mut self, item: &[u8]) -> Result<(), Unsent> {
        self.ready().await.map_err(Unsent::Refused)?;
        self.0.send(item)?;
        self.ready().await.map_err(Unsent::Refused)
    }

    /// All was sent.
    pub fn finish(self) {
        self.0.finish();
    }

    /// Ends this direction with a failure.
    pub fn abort(self, failure: Failure) {
        self.0.break_off(TunnelError::Aborted(failure));
    }

    /// Ends this direction, because the link was lost.
    pub fn lose(self, lost: LinkLost) {
        self.0.break_off(TunnelError::LinkLost(Box::new(lost)));
    }
}

impl EncodedReceiver {
    /// The next item; `None` when the local end has finished; an error, once, when it ended otherwise, or the item
    /// cannot be encoded.
    ///
    /// Cancel safe.
    pub async fn recv(&mut self) -> Option<Result<Vec<u8>, TunnelError>> {
        poll_fn(|cx| self.0.poll_recv(cx)).await
    }

    /// Ends this direction, because the link was lost.
    pub fn lose(self, lost: LinkLost) {
        self.0.refuse(TunnelError::LinkLost(Box::new(lost)));
    }
}

impl<S: Send + 'static> Sends for Typed<TunnelSender<S>, S> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TunnelError>> {
        Pin::new(&mut self.end).poll_ready(cx)
    }

    fn send(&mut self, item: &[u8]) -> Result<(), Unsent> {
        let item = self.wire.decode(item).map_err(|error| Unsent::Unreadable(unreadable(&error)))?;
        Pin::new(&mut self.end).start_send(item).map_err(Unsent::Refused)
    }

    fn finish(self: Box<Self>) {
        self.end.finish();
    }

    fn break_off(self: Box<Self>, error: TunnelError) {
        self.end.break_off(error);
    }
}

impl<R: Send + 'static> Receives for Typed<TunnelReceiver<R>, R> {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Vec<u8>, TunnelError>>> {
        let received = std::task::ready!(Pin::new(&mut self.end).poll_next(cx));
        Poll::Ready(received.map(|item| {
            let mut bytes = Vec::new();
            match self.wire.encode(&item?, &mut bytes) {
                Ok(()) => Ok(bytes),
                Err(error) => Err(TunnelError::Aborted(unreadable(&error))),
            }
        }))
    }

    fn refuse(self: Box<Self>, error: TunnelError) {
        self.end.refuse(error);
    }
}

fn unreadable(error: &edri_event::CodecError) -> Failure {
    Failure::new("codec", error.to_string())
}

impl fmt::Debug for EncodedEnd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EncodedEnd")
    }
}

impl fmt::Debug for EncodedSender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EncodedSender")
    }
}

impl fmt::Debug for EncodedReceiver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EncodedReceiver")
    }
}
