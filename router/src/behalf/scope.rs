use std::sync::Arc;

use edri_event::Meta;
use tokio::time::Instant;

use crate::request::Audience;

/// Who handles which event. A router that was got from a context has one, and what is sent through it is sent on
/// behalf of that event.
pub(crate) struct Scope {
    pub(crate) name: Arc<str>,
    pub(crate) meta: Meta,
    pub(crate) requester: Option<Audience>,
}

impl Scope {
    /// Nothing is being handled yet.
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self { name, meta: Meta::new(), requester: None }
    }

    /// The same, in other hands: those of another handler of the same part.
    pub(crate) fn another(&self) -> Self {
        Self { name: Arc::clone(&self.name), meta: self.meta.clone(), requester: self.requester.clone() }
    }

    /// The same circumstances, for somebody who is not the part: a task it has started. It has the same name, in an
    /// allocation of its own, by which nobody asks for it.
    pub(crate) fn apart(&self) -> Self {
        Self { name: self.name.as_ref().into(), ..self.another() }
    }

    /// What all that is asked on its behalf inherits.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.meta.deadline().map(Instant::from_std)
    }

    /// Whether there is nobody left on whose behalf to ask.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.requester.as_ref().is_some_and(Audience::is_cancelled)
    }
}
