use std::fmt;

use serde::{Deserialize, Serialize};

/// Which of several responders gets a request, or which of several acceptors a tunnel.
///
/// Whatever the policy, one that is gone is passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RoutePolicy {
    /// Those of this process before those behind a link: with a key the one of that key and no other, as
    /// [`ByKey`](Self::ByKey); without one they take turns, and one without room is passed over. Those behind a
    /// link are asked when all here are full or gone.
    #[default]
    LocalFirst,
    /// They take turns, wherever they are and whatever the key. One without room is passed over.
    RoundRobin,
    /// The one for whom the fewest events wait; those with equally few take turns.
    LeastLoaded,
    /// The same key goes to the same one, in order: if it has no room, its inbox's policy holds, and no other is
    /// asked. When one leaves, only its keys move. All routers that are linked choose the same one. Without a key they
    /// take turns.
    ByKey,
}

impl fmt::Display for RoutePolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::LocalFirst => "local first",
            Self::RoundRobin => "round robin",
            Self::LeastLoaded => "least loaded",
            Self::ByKey => "by key",
        })
    }
}
