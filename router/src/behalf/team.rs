use std::sync::Arc;

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

    /// Of one who is nobody else: a part that is never asked, and never in the way.
    pub(crate) fn apart(name: &str) -> Arc<Self> {
        Self::new(name.into(), usize::MAX)
    }
}
