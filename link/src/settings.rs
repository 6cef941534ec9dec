use std::time::Duration;

use edri_router::{Horizon, InboxSettings};

use crate::bridge::{Durable, Filter};
use crate::wire::{DURABLE, FEATURES, Identity, Limits, Proof, Token};

/// How one end of a link is to behave.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Who this router is.
    pub identity: Identity,
    /// What this end is willing to hold.
    pub limits: Limits,
    /// What this end keeps of what it has to send: in each lane of events, of answers and of tunnels' items, in
    /// [cost](crate::Cost). A lane that holds that much takes nothing more. 1 MiB by default.
    pub outbox: u32,
    /// Where a router's events wait for a link that has no room: how many in each priority lane, and what becomes of
    /// more.
    pub inbox: InboxSettings,
    /// How often the ends hear from each other at least; an end that hears nothing for three times as long takes the
    /// other for dead. The shorter of both ends' holds. 5 s by default, at least 10 ms.
    pub heartbeat: Duration,
    /// How long the handshake may take. 5 s by default.
    pub handshake: Duration,
    /// How long is waited for another connection when one is lost, and for a member of a network when it is not there any
    /// more; then what was under way fails, and what could not be delivered is given back. `None`, which is the default of
    /// [`new`](Self::new), for what cannot come back, such as a pipe.
    pub rejoin: Option<Duration>,
    /// How long is waited for a member of a network that the switch does not know when it has told this router who is there:
    /// the switch was started anew, or is another, and the member has not come to it. Most such have left while no switch
    /// could hear it. Nobody is waited for longer than `rejoin`, which holds for members that the switch has lost itself.
    ///
    /// One that lives and merely comes later than the others does so within a heartbeat, a pause between two attempts, an
    /// attempt and a handshake, which take 5 s each at the most unless told otherwise: 20 s by default. If it comes later, what
    /// waited for it has been given back as after `rejoin`, and nothing arrives twice.
    pub absence: Duration,
    /// How long an orderly close may take. 5 s by default.
    pub closing: Duration,
    /// What is at the other end, as a whole: nothing goes from one link of this router to another of the same horizon. That
    /// of the [network's name](Identity::network) by default, so that the routers of a network, which are all linked with
    /// each other, hear everything once. A link that leads elsewhere, such as to a child process, needs
    /// [one of its own](Horizon::new).
    pub horizon: Option<Horizon>,
    /// Which events may go over it, in either direction. All that are shareable by default.
    pub filter: Filter,
    /// What is given to the other end when connecting, and expected from it when accepting.
    pub token: Option<Token>,
    /// Where what lasts is kept, if anything does.
    pub durable: Option<Durable>,
    /// By what this incarnation is known again when it connects anew. A fresh one by default.
    pub proof: Proof,
}

impl Settings {
    /// The defaults.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            limits: Limits::default(),
            outbox: 1024 * 1024,
            inbox: InboxSettings::default(),
            heartbeat: Duration::from_secs(5),
            handshake: Duration::from_secs(5),
            rejoin: None,
            absence: Duration::from_secs(20),
            closing: Duration::from_secs(5),
            horizon: None,
            filter: Filter::all(),
            token: None,
            durable: None,
            proof: Proof::fresh(),
        }
    }

    /// The defaults for a link over a network, where connections come back: `rejoin` is 60 s.
    pub fn network(identity: Identity) -> Self {
        Self { rejoin: Some(Duration::from_secs(60)), ..Self::new(identity) }
    }

    /// What it can do beside, in bits.
    pub(crate) fn features(&self) -> u64 {
        FEATURES | if self.durable.is_some() { DURABLE } else { 0 }
    }

    pub(crate) fn heartbeat_millis(&self) -> u32 {
        u32::try_from(self.heartbeat.as_millis()).unwrap_or(u32::MAX)
    }
}
