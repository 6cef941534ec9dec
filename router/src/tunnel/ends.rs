use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use edri_event::{Failure, Tunnel};
use futures_core::Stream;
use futures_sink::Sink;

use super::error::TunnelError;
use super::flow::Flow;
use super::verdict::Verdict;
use crate::inbox::Capacity;

/// One end of a tunnel that sends `S` and receives `R`: a `Sink` and a `Stream`.
///
/// Both directions are bounded by a window: a sender that is ahead of its receiver by that many items waits.
/// Items arrive in the order sent. Each direction ends on its own:
///
/// * [`finish`](Self::finish) ends what this end sends: the other end's stream ends (`None`) after the last item;
/// * [`abort`](Self::abort) ends both: the other end gets what was sent, then [`TunnelError::Aborted`];
/// * dropping an end that has not finished shows on the other as [`TunnelError::Lost`].
pub struct TunnelEnd<S, R> {
    sender: TunnelSender<S>,
    receiver: TunnelReceiver<R>,
}

/// The end that opened the tunnel `T`.
pub type Opened<T> = TunnelEnd<<T as Tunnel>::Send, <T as Tunnel>::Receive>;

/// The end that accepted the tunnel `T`.
pub type Accepted<T> = TunnelEnd<<T as Tunnel>::Receive, <T as Tunnel>::Send>;

/// The sending half of a tunnel's end.
pub struct TunnelSender<S> {
    flow: Arc<Flow<S>>,
    /// The last item, while it stands in line.
    in_line: Option<u64>,
}

/// The receiving half of a tunnel's end.
pub struct TunnelReceiver<R> {
    flow: Arc<Flow<R>>,
    ended: bool,
}

/// Two ends that are each other's other end.
pub(crate) fn tunnel<S, R>(window: Capacity) -> (TunnelEnd<S, R>, TunnelEnd<R, S>) {
    let (there, back) = (Flow::new(window), Flow::new(window));
    let end = TunnelEnd::new(Arc::clone(&there), Arc::clone(&back));
    (end, TunnelEnd::new(back, there))
}

impl<S, R> TunnelEnd<S, R> {
    fn new(out: Arc<Flow<S>>, back: Arc<Flow<R>>) -> Self {
        let sender = TunnelSender { flow: out, in_line: None };
        Self { sender, receiver: TunnelReceiver { flow: back, ended: false } }
    }

    /// Sends an item. See [`TunnelSender::send`].
    pub async fn send(&mut self, item: S) -> Result<(), TunnelError> {
        self.sender.send(item).await
    }

    /// Receives an item. See [`TunnelReceiver::recv`].
    pub async fn recv(&mut self) -> Option<Result<R, TunnelError>> {
        self.receiver.recv().await
    }

    /// Says that this end has sent all; it may go on receiving.
    pub fn finish(&mut self) {
        self.sender.flow.finish();
    }

    /// Ends both directions with a failure that the other end gets.
    pub fn abort(self, failure: Failure) {
        self.sender.flow.break_off(TunnelError::Aborted(failure.clone()));
        self.receiver.flow.refuse(TunnelError::Aborted(failure));
    }

    /// Leaves it to the [`Verdict`] what it means that this end, or a half of it, is dropped while the verdict
    /// lives: for whoever hands the end to a handler and learns later how that went.
    pub fn supervise(&self) -> Verdict
    where
        S: Send + 'static,
        R: Send + 'static,
    {
        Verdict::new(Arc::clone(&self.sender.flow), Arc::clone(&self.receiver.flow))
    }

    /// The two halves, to be used on their own.
    pub fn split(self) -> (TunnelSender<S>, TunnelReceiver<R>) {
        (self.sender, self.receiver)
    }
}

impl<S> TunnelSender<S> {
    /// Sends an item; waits while the other end is a window behind.
    ///
    /// Cancel safe: an item that still stands in line when the future is dropped is not sent.
    ///
    /// # Errors
    /// When the other end is gone or has aborted, or this one has finished. The item is dropped.
    pub async fn send(&mut self, item: S) -> Result<(), TunnelError> {
        poll_fn(|cx| self.poll_in_line(cx)).await?;
        let mut item = Some(item);
        let mut sending = Sending { sender: self, done: false };
        poll_fn(|cx| {
            if let Some(item) = item.take() {
                sending.sender.in_line = sending.sender.flow.push(item, cx.waker())?;
            }
            sending.sender.poll_in_line(cx)
        })
        .await?;
        sending.done = true;
        Ok(())
    }

    /// Says that this end has sent all.
    pub fn finish(self) {
        self.flow.finish();
    }

    /// Ends this direction with a failure that the other end gets after what was sent.
    pub fn abort(self, failure: Failure) {
        self.flow.break_off(TunnelError::Aborted(failure));
    }

    /// Ends this direction with an error that the other end gets after what was sent.
    pub(crate) fn break_off(self, error: TunnelError) {
        self.flow.break_off(error);
    }

    fn poll_in_line(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TunnelError>> {
        if let Some(ticket) = self.in_line {
            let taken = ready!(self.flow.poll_taken_in(ticket, cx));
            self.in_line = None;
            taken?;
        }
        Poll::Ready(Ok(()))
    }
}

/// Takes an unsent item back when the future that sends it is dropped.
struct Sending<'a, S> {
    sender: &'a mut TunnelSender<S>,
    done: bool,
}

impl<S> Drop for Sending<'_, S> {
    fn drop(&mut self) {
        if let (false, Some(ticket)) = (self.done, self.sender.in_line.take()) {
            self.sender.flow.unpark(ticket);
        }
    }
}

impl<R> TunnelReceiver<R> {
    /// The next item; `None` when the other end has finished; an error, once, when it ended otherwise.
    ///
    /// Cancel safe: dropped before it is ready, it has taken nothing.
    pub async fn recv(&mut self) -> Option<Result<R, TunnelError>> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Wants no more: what waits is dropped, and the other end gets the error.
    pub(crate) fn refuse(self, error: TunnelError) {
        self.flow.refuse(error);
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<R, TunnelError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let received = ready!(self.flow.poll_pop(cx));
        self.ended = !matches!(received, Some(Ok(_)));
        Poll::Ready(received)
    }
}

impl<S> Sink<S> for TunnelSender<S> {
    type Error = TunnelError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TunnelError>> {
        let this = self.get_mut();
        ready!(this.poll_in_line(cx))?;
        Poll::Ready(this.flow.refusal().map_or(Ok(()), Err))
    }

    /// With no room, the item stands in line until the next `poll_ready` or `poll_flush`.
    fn start_send(self: Pin<&mut Self>, item: S) -> Result<(), TunnelError> {
        let this = self.get_mut();
        this.in_line = this.flow.push(item, Waker::noop())?;
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TunnelError>> {
        self.get_mut().poll_in_line(cx)
    }

    /// Finishes.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TunnelError>> {
        let this = self.get_mut();
        ready!(this.poll_in_line(cx))?;
        this.flow.finish();
        Poll::Ready(Ok(()))
    }
}

impl<R> Stream for TunnelReceiver<R> {
    type Item = Result<R, TunnelError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(cx)
    }
}

impl<S, R> Sink<S> for TunnelEnd<S, R> {
    type Error = TunnelError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TunnelError>> {
        Pin::new(&mut self.get_mut().sender).poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, item: S) -> Result<(), TunnelError> {
        Pin::new(&mut self.get_mut().sender).start_send(item)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TunnelError>> {
        Pin::new(&mut self.get_mut().sender).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TunnelError>> {
        Pin::new(&mut self.get_mut().sender).poll_close(cx)
    }
}

impl<S, R> Stream for TunnelEnd<S, R> {
    type Item = Result<R, TunnelError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().receiver.poll_recv(cx)
    }
}

impl<S> Drop for TunnelSender<S> {
    /// Says nothing new after `finish` or `abort`: what was said first stands.
    fn drop(&mut self) {
        self.flow.drop_sender();
    }
}

impl<R> Drop for TunnelReceiver<R> {
    fn drop(&mut self) {
        self.flow.drop_receiver();
    }
}

impl<S, R> fmt::Debug for TunnelEnd<S, R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TunnelEnd")
    }
}

impl<S> fmt::Debug for TunnelSender<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TunnelSender")
    }
}

impl<R> fmt::Debug for TunnelReceiver<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TunnelReceiver")
    }
}
