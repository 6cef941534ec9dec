use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::channel::{Came, Channel, Ends};
use crate::connection::Connection;
use crate::event::Event;
use crate::handshake::{Expected, Peer};
use crate::interest::{Consumer, Heard, Interest, Offered, Schema, Wanted};
use crate::returned::Returned;
use crate::settings::Settings;
use crate::sift::sift;
use crate::wire::{Learner, Limits, Proof};

/// One end of a link between two routers, without any I/O.
///
/// Whoever drives it hands in what was [received](Self::receive) and the [time](Self::handle_timeout), takes out
/// [events](Self::poll_event), and writes what it has to [transmit](Self::transmit). After each of these calls, and after
/// each of those that send, there may be events, something to transmit, and another [time-out](Self::next_timeout).
/// Events are to be taken out before something is sent on the ground of earlier ones.
///
/// # The connection
/// What carries a link may be lost. Where it cannot come back, as with a pipe, the link [is lost](Self::lost) with it.
/// Where it may, it is [told so](Self::transport_lost): with [`Settings::rejoin`] the link is then *suspended*, and what is
/// sent waits. A new connection of the connecting end begins with [`reconnect`](Self::reconnect); at the accepting end a
/// new endpoint greets whoever comes, and is [taken over](Self::take_over) by the one that is suspended, if it is the same
/// router. Nothing is lost then, nothing comes twice, and whatever was under way goes on. When the other router was
/// started anew, what was under way ends, and goes on where that does no harm: see [`Event::Opened`].
///
/// ```
/// use std::time::Instant;
///
/// use edri_event::RouterId;
/// use edri_link::{Endpoint, Event, Identity, Settings};
///
/// let now = Instant::now();
/// let settings = |name| Settings::new(Identity::new(RouterId::fresh(), name));
/// let mut parent = Endpoint::accepting(settings("parent"), now);
/// let mut child = Endpoint::connecting(settings("child"), now);
///
/// // A wire without delay.
/// let mut wire = Vec::new();
/// child.transmit(&mut wire, 64 * 1024, now);
/// parent.receive(&wire, now);
/// wire.clear();
/// parent.transmit(&mut wire, 64 * 1024, now);
/// child.receive(&wire, now);
///
/// let Some(Event::Opened(peer)) = child.poll_event() else { panic!("the link is not open") };
/// assert_eq!(peer.identity.name, "parent");
/// ```
#[derive(Debug)]
pub struct Endpoint {
    pub(super) settings: Arc<Settings>,
    pub(super) side: Side,
    pub(super) phase: Phase,
    pub(super) connection: Option<Connection>,
    /// Whom the channel is with.
    pub(super) peer: Option<Peer>,
    /// By what that is known again, if it connected.
    pub(super) proof: Proof,
    pub(super) channel: Channel,
    pub(super) next_call: u64,
    pub(super) offered: Offered,
    pub(super) wanted: Wanted,
    pub(super) learner: Learner,
    /// Of what the other end announced what is something else here, to be told.
    pub(super) objections: VecDeque<(Interest, Schema)>,
    /// What was sent to an earlier incarnation of the other router, until it is known what this one wants.
    pub(super) returned: Returned,
    pub(super) closing_until: Option<Instant>,
}

/// Which end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Connecting,
    Accepting,
}

/// How far a link has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The ends have not met.
    Fresh,
    Open,
    /// The connection is lost, for a reason; another is waited for until then.
    Suspended(String, Instant),
    /// Nothing new is sent; what waits still is.
    Closing,
    Closed,
}

/// What another end may say of its interests takes at most so much room, in bytes.
pub(super) const DICTIONARY: usize = 4 * 1024 * 1024;

impl Endpoint {
    /// The end that connects: it says hello.
    pub fn connecting(settings: Settings, now: Instant) -> Self {
        let settings = Arc::new(settings);
        let connection = Connection::connecting(&settings, Expected::Router, now);
        Self::new(settings, Side::Connecting, Some(connection))
    }

    /// The end that accepts: it waits for a hello.
    pub fn accepting(settings: Settings, now: Instant) -> Self {
        let settings = Arc::new(settings);
        let connection = Connection::accepting(&settings, now);
        Self::new(settings, Side::Accepting, Some(connection))
    }

    /// The end that connects, before there is anything to connect over: [`reconnect`](Self::reconnect) follows.
    pub fn unconnected(settings: Settings) -> Self {
        Self::new(Arc::new(settings), Side::Connecting, None)
    }

    fn new(settings: Arc<Settings>, side: Side, connection: Option<Connection>) -> Self {
        let limits = settings.limits;
        let nobody = Ends {
            here: settings.identity.incarnation,
            there: 0,
            limits,
            peer: Limits::default(),
            outbox: settings.outbox,
        };
        Self {
            side,
            phase: Phase::Fresh,
            connection,
            peer: None,
            proof: Proof::default(),
            channel: Channel::new(nobody, 1),
            next_call: 0,
            offered: Offered::default(),
            wanted: Wanted::new(limits.interests),
            learner: Learner::new(DICTIONARY),
            objections: VecDeque::new(),
            returned: Returned::default(),
            closing_until: None,
            settings,
        }
    }

    /// What this end consumes.
    pub(crate) fn offered(&mut self) -> &mut Offered {
        &mut self.offered
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the program is to learn next.
    #[inline]
    pub fn poll_event(&mut self) -> Option<Event> {
        loop {
            let event = self.channel.poll_event()?;
            if let Some(event) = sift(event, &self.offered, &mut self.channel) {
                return Some(event);
            }
        }
    }

    /// The same, where notifications that came together are handed out together: also those that are not consumed here.
    #[inline]
    pub(crate) fn poll_came(&mut self) -> Option<Came> {
        loop {
            let event = match self.channel.poll_came()? {
                Came::Event(event) => event,
                notices => return Some(notices),
            };
            if let Some(event) = sift(event, &self.offered, &mut self.channel) {
                return Some(Came::Event(event));
            }
        }
    }

    /// This end consumes events of this schema from here on; as a member of a group, if there is one: each event that goes
    /// to the group goes to one of them.
    ///
    /// A schema whose name is longer than about 4 KiB, or a group's that is longer than 1 KiB, is not announced. What the
    /// other end has no room for (see [`Limits::interests`](crate::Limits::interests)) is announced when others have been
    /// withdrawn.
    pub fn announce(&mut self, schema: Schema, group: Option<&str>, consumer: Consumer) -> Interest {
        self.offered.announce(schema, group, consumer)
    }

    /// What the other end announced as `interest` is another event here: it does not travel, and both ends
    /// [learn](Event::Mismatch) of it.
    pub fn differs(&mut self, interest: Interest, ours: Schema) {
        let Some(mismatch) = self.wanted.differs(interest, ours) else { return };
        // Beyond what could not be said yet, the other end is not told: it does not listen.
        if self.objections.len() < self.settings.limits.interests as usize {
            self.objections.push_back((interest, mismatch.ours.clone()));
        }
        self.channel.push_event(Event::Mismatch(mismatch));
    }

    /// This end consumes them no longer. Some may still be on their way; they are answered that nobody does.
    pub fn withdraw(&mut self, interest: Interest) {
        self.offered.withdraw(interest);
    }

    /// The same, but what is still on its way is handed out all the same: it may be for somebody else by now. Of those that
    /// were retired before the last 1,024, it is answered that nobody consumes it.
    pub fn retire(&mut self, interest: Interest) {
        self.offered.retire(interest);
    }

    /// Says how loaded a consumer is; of subscribers and observers, how many links there are to the nearest.
    pub fn set_load(&mut self, interest: Interest, load: u32) {
        self.offered.set_load(interest, load);
    }

    /// Whether the ends have met and the link has not been closed: also while it is [suspended](Self::is_suspended).
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Suspended(..))
    }

    /// Whether the connection is lost and another is waited for.
    pub fn is_suspended(&self) -> bool {
        matches!(self.phase, Phase::Suspended(..))
    }

    /// Whether it has nothing that carries it, and waits for something: see [`reconnect`](Self::reconnect).
    pub fn wants_connection(&self) -> bool {
        self.connection.is_none() && matches!(self.phase, Phase::Fresh | Phase::Suspended(..))
    }

    /// The router at the other end, once the ends have met.
    pub fn peer(&self) -> Option<&Peer> {
        self.peer.as_ref()
    }

    /// Whether all that this end had to send has arrived, and all that came was acknowledged.
    pub fn is_settled(&self) -> bool {
        self.channel.is_settled() && self.returned.is_empty()
    }

    pub(super) fn note(&mut self, heard: Heard) {
        self.returned.hear(heard, &self.wanted, &mut self.channel);
    }
}
