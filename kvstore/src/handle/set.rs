use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::{Place, StoreHandle};
use crate::entry::{Expiry, OnlyIf, Outcome};
use crate::error::{Refusal, StoreError};
use crate::event::Set;
use crate::value::Value;
use crate::version::Version;

/// A value about to be set: await it. Made by [`StoreHandle::set`].
///
/// Its output is the version of the change, and with a condition an [`Outcome`].
#[must_use = "a value is set when it is awaited"]
pub struct Setting<'h, O = Version> {
    handle: &'h StoreHandle,
    key: &'h str,
    value: Option<Result<Value, StoreError>>,
    expiry: Expiry,
    only_if: OnlyIf,
    stage: Stage<'h>,
    output: fn(Outcome) -> Result<O, StoreError>,
}

enum Stage<'h> {
    New,
    /// It is on its way to the disk, or asked for elsewhere.
    Asking(Asking<'h>),
}

type Asking<'h> = Pin<Box<dyn Future<Output = Result<Outcome, StoreError>> + Send + 'h>>;

impl<'h> Setting<'h> {
    pub(super) fn new(handle: &'h StoreHandle, key: &'h str, value: Result<Value, StoreError>) -> Self {
        let (expiry, only_if, stage) = (Expiry::Never, OnlyIf::Any, Stage::New);
        Self { handle, key, value: Some(value), expiry, only_if, stage, output: always }
    }

    /// Only if there is nothing.
    pub fn if_absent(self) -> Setting<'h, Outcome> {
        self.only_if(OnlyIf::Absent)
    }

    /// Only if there is something.
    pub fn if_present(self) -> Setting<'h, Outcome> {
        self.only_if(OnlyIf::Present)
    }

    /// Only if it is still what that change has put there.
    pub fn if_version(self, version: Version) -> Setting<'h, Outcome> {
        self.only_if(OnlyIf::Version(version))
    }

    /// Only under that condition.
    pub fn only_if(self, only_if: OnlyIf) -> Setting<'h, Outcome> {
        let Self { handle, key, value, expiry, stage, .. } = self;
        Setting { handle, key, value, expiry, only_if, stage, output: Ok }
    }
}

impl<'h, O> Setting<'h, O> {
    /// It expires after that time, to the millisecond. Without this, it does not, whatever was said before.
    pub fn ttl(self, ttl: Duration) -> Self {
        self.expiry(Expiry::After(ttl))
    }

    /// For how long it is kept.
    pub fn expiry(self, expiry: Expiry) -> Self {
        Self { expiry, ..self }
    }

    /// Sets it at once, where nothing has to be waited for.
    #[inline]
    fn begin(&mut self) -> Result<Option<Outcome>, StoreError> {
        let Some(value) = self.value.take() else { return Ok(None) };
        let value = value?;
        match self.handle.here() {
            Some(space) if !space.is_logged() => {
                let content = space.take_in(value);
                Ok(Some(space.set(self.key, None, content, self.expiry, self.only_if)?.output))
            }
            _ => {
                self.stage = Stage::Asking(self.ask(value));
                Ok(None)
            }
        }
    }

    fn ask(&self, value: Value) -> Asking<'h> {
        let Self { handle, key, expiry, only_if, .. } = *self;
        Box::pin(async move {
            match handle.place().await? {
                Place::Here(space) => {
                    let room = space.room(value.as_bytes().len()).await?;
                    let content = space.take_in(value);
                    space.set(key, room, content, expiry, only_if)?.durable().await
                }
                Place::Elsewhere(router) => {
                    let (namespace, key) = (handle.namespace.to_string(), key.to_owned());
                    Ok(router.request(Set { namespace, key, value, expiry, only_if }).await?)
                }
            }
        })
    }
}

fn always(outcome: Outcome) -> Result<Version, StoreError> {
    let refused = || StoreError::refused(Refusal::Invalid, "the store saw a condition where there was none");
    outcome.applied().ok_or_else(refused)
}

impl<O> Future for Setting<'_, O> {
    type Output = Result<O, StoreError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Some(outcome) = this.begin()? {
            return Poll::Ready((this.output)(outcome));
        }
        match &mut this.stage {
            Stage::New => Poll::Pending,
            Stage::Asking(asking) => {
                let outcome = ready!(asking.as_mut().poll(cx));
                this.stage = Stage::New;
                Poll::Ready(outcome.and_then(this.output))
            }
        }
    }
}

impl<O> fmt::Debug for Setting<'_, O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Setting")
            .field("key", &self.key)
            .field("expiry", &self.expiry)
            .field("only_if", &self.only_if)
            .finish()
    }
}
