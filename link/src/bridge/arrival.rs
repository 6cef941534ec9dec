use std::any::TypeId;
use std::future::{Future, ready};
use std::marker::PhantomData;
use std::pin::Pin;

use bytes::Bytes;
use edri_event::{CodecError, Failure, Notification, Progress, Request, Tunnel, Wire};
use edri_router::{OpenError, Router};
use tokio::time::Instant;

use super::calls::answer_error;
use super::pump::{Ends, pump};
use crate::interest::Schema;
use crate::message::{AnswerError, Circumstances};

/// An event that may come in, whatever its type.
pub(super) trait Arrives: Send {
    fn schema(&self) -> &Schema;
    fn event(&self) -> TypeId;
    /// What is to be done with one that came. It is under way after its first poll.
    fn dispatch(
        &self,
        router: &Router,
        circumstances: Circumstances,
        payload: &[u8],
        report: Option<Report>,
    ) -> Dispatch;
}

/// Where reports of progress go.
pub(super) type Report = Box<dyn Fn(Progress) + Send + Sync>;

type Doing<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pub(super) enum Dispatch {
    Notification(Doing<()>),
    Request(Doing<Result<Bytes, AnswerError>>),
    Tunnel(Doing<Result<Ends, Failure>>),
}

pub(super) struct Subscribes<E>(Schema, PhantomData<fn(E)>);
pub(super) struct Answers<R>(Schema, PhantomData<fn(R)>);
pub(super) struct Accepts<T>(Schema, PhantomData<fn(T)>);

impl<E> Subscribes<E> {
    pub(super) fn new(schema: Schema) -> Self {
        Self(schema, PhantomData)
    }
}

impl<R> Answers<R> {
    pub(super) fn new(schema: Schema) -> Self {
        Self(schema, PhantomData)
    }
}

impl<T> Accepts<T> {
    pub(super) fn new(schema: Schema) -> Self {
        Self(schema, PhantomData)
    }
}

/// By a wire that is there, because only shareable events are given to a link.
fn decode<T>(wire: Option<Wire<T>>, payload: &[u8]) -> Result<T, CodecError> {
    match wire {
        Some(wire) => wire.decode(payload),
        None => unreachable!("an event without a wire has no schema, and is never announced"),
    }
}

impl<E: Notification> Arrives for Subscribes<E> {
    fn schema(&self) -> &Schema {
        &self.0
    }

    fn event(&self) -> TypeId {
        TypeId::of::<E>()
    }

    fn dispatch(
        &self,
        router: &Router,
        circumstances: Circumstances,
        payload: &[u8],
        _: Option<Report>,
    ) -> Dispatch {
        Dispatch::Notification(match decode(E::wire(), payload) {
            Err(error) => {
                tracing::error!(event = E::name(), %error, "a notification that came over a link cannot be read");
                Box::pin(ready(()))
            }
            Ok(event) => {
                let router = router.clone();
                Box::pin(async move {
                    let mut notify = router.notify(event).priority(circumstances.priority);
                    if let Some(key) = circumstances.key {
                        notify = notify.key(&key);
                    }
                    if let Err(error) = notify.await {
                        tracing::warn!(%error, "a notification that came over a link was refused");
                    }
                })
            }
        })
    }
}

impl<R: Request> Arrives for Answers<R> {
    fn schema(&self) -> &Schema {
        &self.0
    }

    fn event(&self) -> TypeId {
        TypeId::of::<R>()
    }

    fn dispatch(
        &self,
        router: &Router,
        circumstances: Circumstances,
        payload: &[u8],
        report: Option<Report>,
    ) -> Dispatch {
        Dispatch::Request(match decode(R::wire(), payload) {
            Err(error) => Box::pin(ready(Err(AnswerError::Codec { reason: error.to_string() }))),
            Ok(event) => {
                let router = router.clone();
                Box::pin(async move {
                    let mut asking = router.request(event).priority(circumstances.priority);
                    if let Some(key) = circumstances.key {
                        asking = asking.key(&key);
                    }
                    if let Some(deadline) = circumstances.deadline {
                        let left = Instant::from_std(deadline).saturating_duration_since(Instant::now());
                        asking = asking.timeout(left);
                    }
                    if let Some(report) = report {
                        asking = asking.on_progress(report);
                    }
                    let response = asking.await.map_err(answer_error)?;
                    let Some(wire) = R::response_wire() else { return Err(AnswerError::NoResponder) };
                    let mut bytes = Vec::new();
                    match wire.encode(&response, &mut bytes) {
                        Ok(()) => Ok(bytes.into()),
                        Err(error) => Err(AnswerError::Codec { reason: error.to_string() }),
                    }
                })
            }
        })
    }
}

impl<T: Tunnel> Arrives for Accepts<T> {
    fn schema(&self) -> &Schema {
        &self.0
    }

    fn event(&self) -> TypeId {
        TypeId::of::<T>()
    }

    fn dispatch(
        &self,
        router: &Router,
        circumstances: Circumstances,
        payload: &[u8],
        _: Option<Report>,
    ) -> Dispatch {
        Dispatch::Tunnel(match decode(T::wire(), payload) {
            Err(error) => Box::pin(ready(Err(Failure::new("codec", error.to_string())))),
            Ok(event) => {
                let router = router.clone();
                Box::pin(async move {
                    let mut open = router.open(event).priority(circumstances.priority);
                    if let Some(key) = circumstances.key {
                        open = open.key(&key);
                    }
                    let opened = open.await.map_err(open_failure)?;
                    let (Some(inward), Some(outward)) = (T::send_wire(), T::receive_wire()) else {
                        return Err(Failure::new("no acceptor", "it is not shareable"));
                    };
                    let (sender, receiver) = opened.split();
                    Ok(pump(receiver, outward, sender, inward))
                })
            }
        })
    }
}

fn open_failure(error: OpenError) -> Failure {
    let code = match error {
        OpenError::NoAcceptor { .. } => "no acceptor",
        OpenError::Overloaded { .. } => "overloaded",
        _ => Failure::ERROR,
    };
    Failure::new(code, error.to_string())
}
