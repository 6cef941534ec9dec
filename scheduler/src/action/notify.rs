use std::marker::PhantomData;
use std::sync::Arc;

use edri_event::{Failure, Notification};
use edri_router::Router;
use tokio::time::Instant;

use super::source::Source;
use super::{Action, Encoded, Kind, Sending};
use crate::tick::Tick;

/// Sends a notification.
pub(super) struct Notify<E, S> {
    source: S,
    event: PhantomData<fn() -> E>,
}

impl<E, S> Notify<E, S> {
    pub(super) const fn new(source: S) -> Self {
        Self { source, event: PhantomData }
    }
}

impl<E: Notification, S: Source<E>> Action for Notify<E, S> {
    fn event(&self) -> &str {
        E::name()
    }

    fn kind(&self) -> Kind {
        Kind::Notification
    }

    fn send(self: Arc<Self>, router: Router, tick: Tick, _patience: Instant) -> Sending {
        Box::pin(async move {
            router.notify(self.source.make(&tick)).await?;
            Ok(())
        })
    }

    fn encode(&self) -> Result<Encoded, Failure> {
        Encoded::of(Kind::Notification, self.source.event())
    }
}
