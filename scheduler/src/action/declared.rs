use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use edri_event::{Codec as _, Event, Failure, MessagePack, Notification, Request, Wire};
use edri_router::Router;
use tokio::time::Instant;

use super::ask::{Answer, Answered, ask, pass_on};
use super::{Act, Action, Encoded, Kind, Sending};
use crate::refusal::{Refusal, Refused};
use crate::tick::{Stamped, Tick};

/// The types of event that may be made of bytes: nothing else is ever decoded.
#[derive(Default)]
pub(crate) struct Declared {
    notifications: BTreeMap<&'static str, Box<dyn Declare>>,
    requests: BTreeMap<&'static str, Box<dyn Declare>>,
    /// By request and notification: kept apart, since either may be declared first.
    answers: BTreeMap<(&'static str, &'static str), Box<dyn std::any::Any + Send + Sync>>,
}

trait Declare: Send + Sync {
    fn make(&self, encoded: Arc<Encoded>, declared: &Declared) -> Result<Act, Refused>;
}

/// How events get the tick, if they have room for it.
type StampWith<E> = Option<fn(&mut E, &Tick)>;

struct DeclaredNotification<E>(StampWith<E>);

struct DeclaredRequest<R>(StampWith<R>);

impl Declared {
    pub(crate) fn notification<E: Notification>(&mut self, stamp: StampWith<E>) {
        self.notifications.insert(E::name(), Box::new(DeclaredNotification(stamp)));
    }

    pub(crate) fn request<R: Request>(&mut self, stamp: StampWith<R>) {
        self.requests.insert(R::name(), Box::new(DeclaredRequest(stamp)));
    }

    pub(crate) fn answer<R: Request, N: Notification + From<Answered<R>>>(&mut self) {
        self.answers.insert((R::name(), N::name()), Box::new(Answer::<R>::to::<N>()));
    }

    /// What sends an event, if its type is declared and is the one that was encoded.
    pub(crate) fn action(&self, encoded: Arc<Encoded>) -> Result<Act, Refused> {
        match self.of(encoded.kind).get(&*encoded.name) {
            Some(declared) => declared.make(encoded, self),
            None => Err(self.unknown(&encoded)),
        }
    }

    const fn of(&self, kind: Kind) -> &BTreeMap<&'static str, Box<dyn Declare>> {
        match kind {
            Kind::Notification => &self.notifications,
            Kind::Request => &self.requests,
        }
    }

    #[cold]
    fn unknown(&self, encoded: &Encoded) -> Refused {
        let Encoded { kind, name, .. } = encoded;
        let known: Vec<_> = self.of(*kind).keys().copied().collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let method = if *kind == Kind::Request { "asks" } else { "sends" };
        Refusal::Event.because(format!(
            "the {kind} {name} is not declared to this scheduler, by Scheduler::{method}; declared are: {known}"
        ))
    }
}

/// Stands for an event whose type is not declared: it is kept, and cannot be sent.
struct Undeclared(Arc<Encoded>);

pub(crate) fn undeclared(encoded: Arc<Encoded>) -> Act {
    Arc::new(Undeclared(encoded))
}

impl Action for Undeclared {
    fn event(&self) -> &str {
        &self.0.name
    }

    fn kind(&self) -> Kind {
        self.0.kind
    }

    fn send(self: Arc<Self>, _router: Router, _tick: Tick, _patience: Instant) -> Sending {
        Box::pin(std::future::ready(self.check().map_err(Into::into)))
    }

    fn check(&self) -> Result<(), Refused> {
        Err(Refusal::Event
            .because(format!("{} is not declared to this scheduler: nothing of it is sent", self.0.name)))
    }

    fn encode(&self) -> Result<Encoded, Failure> {
        Ok((*self.0).clone())
    }
}

pub(crate) fn stamp<E: Stamped>(event: &mut E, tick: &Tick) {
    event.stamp(tick);
}

/// The wire of an event, if the bytes are its.
fn understood<E: Event>(encoded: &Encoded) -> Result<Wire<E>, Refused> {
    let name = E::name();
    let wire = E::wire().ok_or_else(|| Refusal::Event.because(format!("{name} is not shareable")))?;
    if (encoded.version, &*encoded.codec) != (E::VERSION, wire.codec()) {
        return Err(Refusal::Event.because(format!(
            "{name} was sent as version {} in {}; version {} in {} is expected",
            encoded.version,
            encoded.codec,
            E::VERSION,
            wire.codec()
        )));
    }
    // What evolves is understood in another shape, too: whether these bytes are is seen in a moment.
    if wire.codec() != MessagePack::NAME && encoded.fingerprint != wire.fingerprint() {
        return Err(Refusal::Event.because(format!(
            "{name} was sent with another shape, {} in place of {}: its fields are not the same on both sides",
            encoded.fingerprint,
            wire.fingerprint()
        )));
    }
    wire.decode(&encoded.bytes).map_err(|error| Refusal::Event.because(error.to_string()))?;
    Ok(wire)
}

impl<E: Notification> Declare for DeclaredNotification<E> {
    fn make(&self, encoded: Arc<Encoded>, _declared: &Declared) -> Result<Act, Refused> {
        let wire = understood::<E>(&encoded)?;
        Ok(Arc::new(NotifyDecoded { encoded, wire, stamp: self.0 }))
    }
}

impl<R: Request> Declare for DeclaredRequest<R> {
    fn make(&self, encoded: Arc<Encoded>, declared: &Declared) -> Result<Act, Refused> {
        let wire = understood::<R>(&encoded)?;
        let answer = encoded.answer_to.as_deref().map(|name| {
            let known = declared.answers.iter().find(|((request, to), _)| (*request, *to) == (R::name(), name));
            let answer = known.and_then(|(_, answer)| answer.downcast_ref::<Answer<R>>()).cloned();
            answer.ok_or_else(|| {
                Refusal::Event.because(format!(
                    "that the answer to {} becomes {name} is not declared to this scheduler, by Scheduler::answers",
                    R::name()
                ))
            })
        });
        Ok(Arc::new(AskDecoded { answer: answer.transpose()?, encoded, wire, stamp: self.0 }))
    }
}

/// Decodes a notification and sends it.
struct NotifyDecoded<E> {
    encoded: Arc<Encoded>,
    wire: Wire<E>,
    stamp: StampWith<E>,
}

/// Decodes a request and asks.
struct AskDecoded<R: Request> {
    encoded: Arc<Encoded>,
    wire: Wire<R>,
    stamp: StampWith<R>,
    answer: Option<Answer<R>>,
}

fn decode<E: Event>(
    wire: &Wire<E>,
    encoded: &Encoded,
    stamp: StampWith<E>,
    tick: &Tick,
) -> Result<E, Failure> {
    let mut event = wire.decode(&encoded.bytes)?;
    if let Some(stamp) = stamp {
        stamp(&mut event, tick);
    }
    Ok(event)
}

impl<E: Notification> Action for NotifyDecoded<E> {
    fn event(&self) -> &str {
        &self.encoded.name
    }

    fn kind(&self) -> Kind {
        Kind::Notification
    }

    fn send(self: Arc<Self>, router: Router, tick: Tick, _patience: Instant) -> Sending {
        Box::pin(async move {
            router.notify(decode(&self.wire, &self.encoded, self.stamp, &tick)?).await?;
            Ok(())
        })
    }

    fn encode(&self) -> Result<Encoded, Failure> {
        Ok((*self.encoded).clone())
    }
}

impl<R: Request> Action for AskDecoded<R> {
    fn event(&self) -> &str {
        &self.encoded.name
    }

    fn kind(&self) -> Kind {
        Kind::Request
    }

    fn send(self: Arc<Self>, router: Router, tick: Tick, patience: Instant) -> Sending {
        Box::pin(async move {
            let make = || decode(&self.wire, &self.encoded, self.stamp, &tick);
            let outcome = ask(&router, make, self.encoded.timeout, patience).await?;
            pass_on(router, tick, outcome, self.answer.as_ref()).await
        })
    }

    fn encode(&self) -> Result<Encoded, Failure> {
        Ok((*self.encoded).clone())
    }
}

impl fmt::Debug for Declared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.notifications.keys().chain(self.requests.keys())).finish()
    }
}
