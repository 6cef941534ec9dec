use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::closed::Closed;
use crate::interest::Mismatch;
use crate::membership::MemberId;
use crate::wire::Peer;

/// How a link, or a membership in a network, stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// There is no connection yet, or the ends are just meeting.
    #[default]
    Connecting,
    /// Events go over it.
    Open,
    /// The connection is lost, and another is waited for: what is sent waits, within its bounds.
    Suspended {
        /// What is known of it.
        reason: String,
    },
    /// It has ended, and does not come back.
    Closed(Closed),
}

/// What is known of a link.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LinkStatus {
    /// How it stands.
    pub standing: Standing,
    /// The router at the other end, once the ends have met.
    pub peer: Option<Peer>,
    /// All that the other end wanted when the link began, or its router was started anew, is known.
    pub informed: bool,
    /// Why the last attempt to connect came to nothing; `None` once one has not.
    pub trouble: Option<String>,
    /// How often it has gone on over another connection.
    pub resumed: u64,
    /// How often the other router was found to have been started anew.
    pub restarted: u64,
    /// The events that both ends know and mean different things by: they do not travel. The first 256 of them.
    pub mismatches: Vec<Mismatch>,
}

/// What is known of a membership in a network.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct NetworkStatus {
    /// How it stands.
    pub standing: Standing,
    /// The switch, once it has let this router in.
    pub switch: Option<Peer>,
    /// Who is there, and what they consume, is known.
    pub informed: bool,
    /// Why the last attempt to connect came to nothing; `None` once one has not.
    pub trouble: Option<String>,
    /// How often it has gone on over another connection.
    pub resumed: u64,
    /// The other routers of the network, in the order in which they came.
    pub members: BTreeMap<MemberId, MemberStatus>,
    /// The events that this router and another know and mean different things by, with what the other is called: between
    /// the two they do not travel. The first 256 of them.
    pub mismatches: Vec<(Arc<str>, Mismatch)>,
    /// The events that the switch tells nobody this router consumes, and why. The first 256 of them.
    pub denied: Vec<(String, String)>,
}

/// What is known of another router of a network.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MemberStatus {
    /// Who it is.
    pub peer: Arc<Peer>,
    /// It is not there for now, and is waited for. Not said of single ones while there is no connection to the switch.
    pub is_away: bool,
    /// All that it wanted when it came is known.
    pub informed: bool,
}

/// So many mismatches, and so many denials, are kept for whoever asks.
pub(super) const KEPT: usize = 256;

/// Watches how something stands.
///
/// It sees the latest: of what changes several times before it looks, it sees the last. Counters tell of the rest.
#[derive(Clone, Debug)]
pub struct Watch<S>(watch::Receiver<S>);

impl<S: Clone> Watch<S> {
    pub(super) fn new(receiver: &watch::Receiver<S>) -> Self {
        Self(receiver.clone())
    }

    /// How it stands now.
    pub fn current(&mut self) -> S {
        self.0.borrow_and_update().clone()
    }

    /// How it stands when that has changed since it was seen here last; `None` when it has ended and that was seen.
    ///
    /// Cancel safe.
    pub async fn changed(&mut self) -> Option<S> {
        self.0.changed().await.ok()?;
        Some(self.current())
    }
}

/// What ends.
pub(super) trait Status: Clone + Send + Sync + 'static {
    fn standing(&self) -> &Standing;

    fn is_informed(&self) -> bool;

    /// Who is at the other end.
    fn peer(&self) -> Option<&Peer>;
}

impl Status for LinkStatus {
    fn standing(&self) -> &Standing {
        &self.standing
    }

    fn is_informed(&self) -> bool {
        self.informed
    }

    fn peer(&self) -> Option<&Peer> {
        self.peer.as_ref()
    }
}

impl Status for NetworkStatus {
    fn standing(&self) -> &Standing {
        &self.standing
    }

    fn is_informed(&self) -> bool {
        self.informed
    }

    fn peer(&self) -> Option<&Peer> {
        self.switch.as_ref()
    }
}

/// Ready when all is known that was there when it began.
pub(super) async fn opened(status: &watch::Receiver<impl Status>) -> Result<Peer, Closed> {
    let mut watching = status.clone();
    let reached = watching.wait_for(|status| status.is_informed() || closed_of(status).is_some()).await;
    let Ok(status) = reached else { return Err(vanished()) };
    match (closed_of(&*status), status.peer()) {
        (Some(closed), _) => Err(closed.clone()),
        (None, Some(peer)) => Ok(peer.clone()),
        (None, None) => Err(vanished()),
    }
}

/// Ready when it has ended.
pub(super) async fn closed(status: &watch::Receiver<impl Status>) -> Closed {
    let mut watching = status.clone();
    match watching.wait_for(|status| closed_of(status).is_some()).await {
        Ok(status) => closed_of(&*status).cloned().unwrap_or_else(vanished),
        Err(_) => vanished(),
    }
}

fn closed_of(status: &impl Status) -> Option<&Closed> {
    match status.standing() {
        Standing::Closed(closed) => Some(closed),
        _ => None,
    }
}

/// Its runtime was shut down, and its task with it.
fn vanished() -> Closed {
    Closed::Lost { reason: "the link's task was stopped".to_owned() }
}
