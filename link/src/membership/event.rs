use super::state::MemberId;
use crate::channel::Notices;
use crate::closed::Closed;
use crate::event::Event;
use crate::wire::{Interest, Peer};

/// What a router learns of its network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkEvent {
    /// The switch has let this router in.
    Joined {
        /// The switch.
        switch: Peer,
    },
    /// Who is there, and what they consume, is known.
    Informed,
    /// The switch tells nobody that this router consumes something.
    Denied {
        /// As it was announced.
        interest: Interest,
        /// Why, as it says.
        reason: String,
    },
    /// The connection to the switch is gone, and another is waited for. What is sent meanwhile waits.
    Suspended {
        /// What is known of it.
        reason: String,
    },
    /// There is another connection to a switch.
    Resumed {
        /// The switch.
        switch: Peer,
    },
    /// A router is there.
    MemberJoined {
        /// To be named from here on.
        member: MemberId,
        /// Who it is.
        peer: Peer,
    },
    /// A member is not there, and may come back: until [`rejoin`](crate::Settings::rejoin) has passed, what is sent to it
    /// waits. While the connection to the switch is gone nothing is said of single members.
    MemberAway {
        /// Which.
        member: MemberId,
    },
    /// It is there again.
    MemberBack {
        /// Which.
        member: MemberId,
    },
    /// It is gone for good: the last that is said of it. What was under way with it has ended, as said before this.
    MemberLeft {
        /// Which.
        member: MemberId,
        /// Why.
        cause: MemberGone,
    },
    /// What concerns one member: see [`Event`]. There is no [`Opened`](Event::Opened), [`Suspended`](Event::Suspended),
    /// [`Resumed`](Event::Resumed) or [`Closed`](Event::Closed) among these.
    From {
        /// Which.
        member: MemberId,
        /// What.
        event: Event,
    },
    /// The membership has ended; nothing follows.
    Closed(Closed),
}

/// The same, where notifications that came together stay together.
#[derive(Debug)]
pub(crate) enum NetworkCame {
    Event(NetworkEvent),
    Notices { member: MemberId, notices: Notices },
}

/// Why a member is gone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemberGone {
    /// It left in order.
    #[error("it left the network")]
    Left,
    /// It was away for too long.
    #[error("it was away for too long")]
    AwayTooLong,
    /// Its router was started anew, and is another member now: what was sent to this one and could be sent again goes to
    /// that.
    #[error("it was started anew")]
    Restarted,
    /// The switch put it out.
    #[error("the switch put it out")]
    Expelled,
    /// It broke the protocol.
    #[error("it broke the link's protocol: {reason}")]
    Violation {
        /// How.
        reason: String,
    },
    /// It says that this end broke the protocol.
    #[error("it says that this end broke the link's protocol: {reason}")]
    Accused {
        /// How, as it says.
        reason: String,
    },
    /// This router's membership has ended.
    #[error("this router is not in the network any more")]
    Closed,
}
