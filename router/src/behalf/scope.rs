use std::sync::Arc;

use edri_event::Meta;
use tokio::time::Instant;

use super::team::Team;
use crate::request::Audience;

/// Who handles which event. A router that was got from a context has one, and what is sent through it is sent on
/// behalf of that event.
pub(crate) struct Scope {
    pub(crate) name: Arc<str>,
    /// Not there for who handles one event at a time.
    pub(crate) team: Option<Arc<Team>>,
    pub(crate) meta: Meta,
    pub(crate) requester: Option<Audience>,
}

impl Scope {
    /// Nothing is being handled yet.
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self { name, team: None, meta: Meta::new(), requester: None }
    }

    /// The same, in other hands: those of another handler of the same part.
    pub(crate) fn another(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            team: self.team.clone(),
            meta: self.meta.clone(),
            requester: self.requester.clone(),
        }
    }

    /// The same circumstances, for somebody who is not the part: a task it has started, which goes on when the
    /// part does.
    pub(crate) fn apart(&self) -> Self {
        Self { team: Some(Team::apart(&self.name)), ..self.another() }
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
