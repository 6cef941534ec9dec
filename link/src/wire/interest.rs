use std::fmt;

use edri_event::{Fingerprint, Notification, Request, Tunnel};
use serde::{Deserialize, Serialize};

/// Who consumes what: changes in it. First after each greeting all that there is is said, up to
/// [`Complete`](Change::Complete), then what changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interests {
    /// Whose: 0 is the sender of this frame. A switch tells each member what the others consume, under their numbers.
    pub member: u32,
    /// What has changed, in this order.
    pub changes: Vec<Change>,
}

/// A change in what a router consumes. What its numbers mean is defined before they are used, once in each direction of a
/// connection: see [`Lexicon`](super::Lexicon).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// From here on this number means this event. It holds for all members.
    Schema {
        /// Chosen by the sender of the frame.
        number: u32,
        /// What it means.
        schema: Schema,
    },
    /// From here on this number means this group. It holds for all members.
    Group {
        /// Chosen by the sender of the frame; schemas are numbered apart.
        number: u32,
        /// Its name.
        name: String,
    },
    /// It is consumed from here on.
    Announce {
        /// The router's number for it, higher than all it used before: it holds for as long as this incarnation of it
        /// lives, through whatever connection.
        interest: Interest,
        /// The event, as defined in this direction of this connection.
        schema: u32,
        /// The group of subscribers that share it, as defined likewise; without one each gets all of it.
        group: Option<u32>,
        /// Who consumes it.
        consumer: Consumer,
    },
    /// It is consumed no longer.
    Withdraw {
        /// As announced.
        interest: Interest,
    },
    /// What was said of the consumer has changed.
    Load {
        /// As announced.
        interest: Interest,
        /// How loaded it is; of subscribers and observers, who are announced together, how many links there are to the nearest.
        load: u32,
    },
    /// All has been said that the member consumed when the connection began; from a switch of itself (0): all that the
    /// network did.
    Complete,
    /// From a switch, of an interest of the one it is said to (0): nobody is told of it.
    Denied {
        /// As announced.
        interest: Interest,
        /// For people: why.
        reason: String,
    },
}

/// Who consumes an event: the router itself, or somebody of whom it has heard over another link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Consumer {
    /// Who, of those who are told from each other: members of a group, responders, acceptors. It is the same through
    /// whatever routers he is heard of. Subscribers and observers are announced together.
    pub id: Option<u64>,
    /// How many links are between him and the router that announces him: 0 for one of its own.
    pub hops: u8,
    /// How loaded he is, which counts where there are several: less is better. Of those who are announced together, how
    /// many links there are to the nearest.
    pub load: u32,
}

impl Consumer {
    /// One of the announcing router's own.
    pub const fn own(id: Option<u64>, load: u32) -> Self {
        Self { id, hops: 0, load }
    }

    /// The same, so many links away.
    #[must_use]
    pub const fn away(self, hops: u8) -> Self {
        Self { hops, ..self }
    }
}

/// The number under which a router announced that it consumes an event. It does not give it again while it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Interest(pub(crate) u32);

impl Interest {
    /// That of a number: for whoever passes on what others announce.
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// What is done with an event where it is consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Role {
    /// It is a notification, and somebody subscribes to it.
    Subscriber,
    /// It is a request, and somebody answers it.
    Responder,
    /// It opens a tunnel, and somebody accepts it.
    Acceptor,
    /// It is a request, and somebody observes the answers to it.
    Observer,
}

/// What an event is called, and how its bytes look: the same at both ends, or it does not travel.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Schema {
    /// The event's name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// What is done with it.
    pub role: Role,
    /// The name of its codec.
    pub codec: String,
    /// The shapes of all that travels: the event; its response; what a tunnel's opener sends and receives.
    pub shapes: Vec<Fingerprint>,
}

impl Schema {
    /// That of a notification; `None` if it is not shareable.
    pub fn of_notification<E: Notification>() -> Option<Self> {
        let wire = E::wire()?;
        Some(Self {
            name: E::name().to_owned(),
            version: E::VERSION,
            role: Role::Subscriber,
            codec: wire.codec().to_owned(),
            shapes: vec![wire.fingerprint()],
        })
    }

    /// That of a request; `None` if it is not shareable.
    pub fn of_request<R: Request>() -> Option<Self> {
        let (wire, response) = (R::wire()?, R::response_wire()?);
        Some(Self {
            name: R::name().to_owned(),
            version: R::VERSION,
            role: Role::Responder,
            codec: wire.codec().to_owned(),
            shapes: vec![wire.fingerprint(), response.fingerprint()],
        })
    }

    /// That of a tunnel; `None` if it is not shareable.
    pub fn of_tunnel<T: Tunnel>() -> Option<Self> {
        let (wire, send, receive) = (T::wire()?, T::send_wire()?, T::receive_wire()?);
        Some(Self {
            name: T::name().to_owned(),
            version: T::VERSION,
            role: Role::Acceptor,
            codec: wire.codec().to_owned(),
            shapes: vec![wire.fingerprint(), send.fingerprint(), receive.fingerprint()],
        })
    }
}

/// Both ends know an event, and mean different things by it: it does not travel. Everything else does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} is not the same event at both ends and does not travel: here {}; there {}",
    .ours.name, Described(.ours), Described(.theirs)
)]
pub struct Mismatch {
    /// What it is here.
    pub ours: Schema,
    /// What it is at the other end.
    pub theirs: Schema,
}

struct Described<'a>(&'a Schema);

impl fmt::Display for Described<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Schema { version, codec, shapes, .. } = self.0;
        write!(formatter, "version {version} in {codec}, fingerprint")?;
        shapes.iter().enumerate().try_for_each(|(index, shape)| {
            formatter.write_str(if index == 0 { " " } else { "+" })?;
            shape.fmt(formatter)
        })
    }
}
