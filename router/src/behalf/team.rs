use std::fmt;
use std::sync::Arc;

use crate::router::WeakRouter;

/// Those who handle the events of one inbox at the same time: the workers of a pool, or the handlers of a manager
/// that lets them overlap.
///
/// The wait graph has to know of them: where one of them waits, the others go on.
pub(crate) struct Team {
    /// Under which name they are asked: the same allocation as [`Respond::part`](crate::Respond::part) gives.
    pub(crate) part: Arc<str>,
    /// How many there are.
    pub(crate) size: usize,
}

impl Team {
    pub(crate) fn new(part: Arc<str>, size: usize) -> Arc<Self> {
        Arc::new(Self { part, size: size.max(1) })
    }
}

/// That somebody handles events at the same time as others. It holds for as long as this is kept.
#[must_use = "dropping it ends the membership"]
pub struct Membership {
    router: WeakRouter,
    member: Arc<str>,
}

impl Membership {
    pub(crate) fn new(router: WeakRouter, member: Arc<str>, team: Arc<Team>) -> Self {
        if let Some(router) = router.upgrade() {
            router.waits().join(&member, team);
        }
        Self { router, member }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if let Some(router) = self.router.upgrade() {
            router.waits().leave(&self.member);
        }
    }
}

impl fmt::Debug for Membership {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Membership").field(&self.member).finish()
    }
}
