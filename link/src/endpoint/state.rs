use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::event::Event;
use crate::call::Calls;
use crate::channel::{Allowance, Arrivals, Grants, Outbox, Parts};
use crate::frame::{Frame, FrameReader};
use crate::handshake::{FEATURES, Hello, MAGIC, VERSION};
use crate::interest::{Consumer, Interest, Offered, Schema, Wanted};
use crate::lanes::Lanes;
use crate::settings::Settings;
use crate::tunnel::Tunnels;
use crate::wire::Limits;

/// One end of a link, without any I/O.
///
/// Whoever drives it hands in what was [received](Self::receive) and the [time](Self::handle_timeout), takes out
/// [events](Self::poll_event), and writes what it has to [transmit](Self::transmit). After each of these calls, and after
/// each of those that send, there may be events, something to transmit, and another [time-out](Self::next_timeout).
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
    pub(super) settings: Settings,
    pub(super) phase: Phase,
    pub(super) began: Instant,
    pub(super) reader: FrameReader,
    pub(super) events: VecDeque<Event>,
    /// What the other end is willing to hold; known when the link is open.
    pub(super) peer: Limits,
    /// Agreed upon by both ends.
    pub(super) heartbeat: Duration,
    pub(super) last_heard: Instant,
    pub(super) last_spoke: Instant,
    /// Greetings to be written, before everything else.
    pub(super) greeting: Option<Frame<'static>>,
    /// The last frame of this end, after which it writes nothing.
    pub(super) last_word: Option<Frame<'static>>,
    pub(super) offered: Offered,
    pub(super) wanted: Wanted,
    pub(super) lanes: Lanes,
    /// The lengths of the long messages whose parts are being sent.
    pub(super) parts_announced: u64,
    /// Control, high, normal.
    pub(super) allowances: [Allowance; 3],
    pub(super) grants: [Grants; 3],
    pub(super) outbox: Outbox,
    pub(super) arrivals: Arrivals,
    pub(super) parts: Parts,
    pub(super) calls: Calls,
    pub(super) tunnels: Tunnels,
    pub(super) closing_until: Option<Instant>,
    pub(super) close_sent: bool,
    pub(super) close_received: bool,
    /// Where messages are encoded.
    pub(super) scratch: Vec<u8>,
}

/// How far a link has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// This end has said hello.
    Greeting,
    /// This end waits for a hello.
    Awaiting,
    Open,
    /// Nothing new is sent; what waits still is.
    Closing,
    Closed,
}

impl Endpoint {
    /// The end that connects: it says hello.
    pub fn connecting(settings: Settings, now: Instant) -> Self {
        let hello = Hello {
            magic: MAGIC,
            versions: (VERSION, VERSION),
            identity: settings.identity.clone(),
            token: settings.token.clone(),
            features: FEATURES,
            limits: settings.limits,
            heartbeat: settings.heartbeat_millis(),
        };
        Self::new(settings, Phase::Greeting, Some(Frame::Hello(hello)), now)
    }

    /// The end that accepts: it waits for a hello.
    pub fn accepting(settings: Settings, now: Instant) -> Self {
        Self::new(settings, Phase::Awaiting, None, now)
    }

    fn new(settings: Settings, phase: Phase, greeting: Option<Frame<'static>>, now: Instant) -> Self {
        let limits = settings.limits;
        Self {
            phase,
            began: now,
            reader: FrameReader::new(Limits::FRAME_BEFORE_WELCOME),
            events: VecDeque::new(),
            peer: Limits::default(),
            heartbeat: settings.heartbeat,
            last_heard: now,
            last_spoke: now,
            greeting,
            last_word: None,
            offered: Offered::default(),
            wanted: Wanted::new(limits.interests),
            lanes: Lanes::default(),
            parts_announced: 0,
            allowances: Default::default(),
            grants: std::array::from_fn(|_| Grants::new(limits.window)),
            outbox: Outbox::new(),
            arrivals: Arrivals::default(),
            parts: Parts::new(limits),
            calls: Calls::default(),
            tunnels: Tunnels::default(),
            closing_until: None,
            close_sent: false,
            close_received: false,
            scratch: Vec::new(),
            settings,
        }
    }

    /// What the program is to learn next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// This end consumes events of this schema from here on, shared with others of a group if there is one.
    ///
    /// A schema whose name is longer than about 4 KiB is not announced. What the other end has no room for (see
    /// [`Limits::interests`](crate::Limits::interests)) is announced when others have been withdrawn.
    pub fn announce(&mut self, schema: Schema, group: Option<String>, consumer: Consumer) -> Interest {
        self.offered.announce(schema, group, consumer)
    }

    /// This end consumes them no longer. Some may still be on their way; they are answered that nobody does.
    pub fn withdraw(&mut self, interest: Interest) {
        self.offered.withdraw(interest);
    }

    /// Says how loaded a consumer is.
    pub fn set_load(&mut self, interest: Interest, load: u32) {
        self.offered.set_load(interest, load);
    }

    /// Whether the handshake has ended well and the link has not been closed.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// What the other end announced as `interest` is another event here: it does not travel, and both ends
    /// [learn](Event::Mismatch) of it.
    pub fn differs(&mut self, interest: Interest, ours: Schema) {
        if let Some(mismatch) = self.wanted.differs(interest, ours) {
            self.offered.object(interest, mismatch.ours.clone(), self.settings.limits.interests);
            self.events.push_back(Event::Mismatch(mismatch));
        }
    }
}
