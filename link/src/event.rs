use std::sync::Arc;

use bytes::Bytes;
use edri_event::Progress;

use crate::call::{CallId, IncomingCall};
use crate::closed::Closed;
use crate::message::{AnswerError, Circumstances, Ending};
use crate::tunnel::TunnelId;
use crate::wire::{Consumer, Interest, Mismatch, Peer, Permit, Schema};

/// What one end of a link learns.
///
/// The payloads are parts of what was read: whoever keeps a small one keeps what was read with it, 64 KiB and more, and
/// should copy it. Those of tunnels' items, which are kept for longer, are copies if they are small.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The handshake has ended well; or it has with another incarnation of the router that was there before, of which
    /// all was said that there was to say.
    Opened(Peer),
    /// The connection is gone, and another is waited for: see [`Settings::rejoin`](crate::Settings::rejoin). What is sent
    /// meanwhile waits.
    Suspended {
        /// What is known of it.
        reason: String,
    },
    /// There is another connection, and nothing was lost.
    Resumed,
    /// All that the other end wanted when the link began is known.
    Informed,
    /// The other end consumes something, whether or not this end has such an event. If it is another one here, this is
    /// [to be said](crate::Endpoint::differs).
    Wanted {
        /// To be named when sending it.
        interest: Interest,
        /// What it is.
        schema: Schema,
        /// The group of subscribers that share it; without one each gets all of it.
        group: Option<Arc<str>>,
        /// Who consumes it.
        consumer: Consumer,
    },
    /// The other end does not want it any more.
    Unwanted {
        /// What it was announced as.
        interest: Interest,
    },
    /// How loaded a consumer is has changed; of subscribers and observers, how many links there are to the nearest.
    Load {
        /// What it was announced as.
        interest: Interest,
        /// How loaded it is.
        load: u32,
    },
    /// Both ends know an event, and mean different things by it. It does not travel; both ends learn of it.
    Mismatch(Mismatch),
    /// A notification. It has to be [handled](crate::Endpoint::handled), or the other end's lane comes to a stand.
    Notification {
        /// What this end announced.
        interest: Interest,
        /// What travels beside it.
        circumstances: Circumstances,
        /// The event, in its codec.
        payload: Bytes,
    },
    /// A request, to be [answered](crate::Endpoint::answer). It has to be [handled](crate::Endpoint::handled) too, as soon
    /// as it takes no room any more that other events would need.
    Request {
        /// To be named in the answer.
        call: IncomingCall,
        /// What this end announced.
        interest: Interest,
        /// What travels beside it.
        circumstances: Circumstances,
        /// The event, in its codec.
        payload: Bytes,
    },
    /// The other end has cancelled a request; it has been answered so.
    Cancelled {
        /// Which.
        call: IncomingCall,
    },
    /// The answer to a request of this end. Each request gets one, but for those that this end cancelled.
    Answer {
        /// Which.
        call: CallId,
        /// The response in its codec, or why there is none.
        outcome: Result<Bytes, AnswerError>,
    },
    /// How far a request of this end has come. Reports that the other end could not send in time were skipped.
    Progress {
        /// Which.
        call: CallId,
        /// How far.
        progress: Progress,
    },
    /// The other end opens a tunnel, to be [accepted](crate::Endpoint::accept_tunnel) or [refused](crate::Endpoint::refuse_tunnel),
    /// and [handled](crate::Endpoint::handled).
    TunnelOpened {
        /// To be named from here on.
        tunnel: TunnelId,
        /// What this end announced.
        interest: Interest,
        /// What travels beside it.
        circumstances: Circumstances,
        /// The event, in its codec.
        payload: Bytes,
        /// What may be sent into it, in total, in [cost](crate::Cost).
        granted: u64,
    },
    /// More may be sent into a tunnel. For one that this end opened, the first of these says that it was accepted.
    TunnelGranted {
        /// Which.
        tunnel: TunnelId,
        /// In total since it was opened, in [cost](crate::Cost).
        granted: u64,
    },
    /// An item of a tunnel. It has to be [handled](crate::Endpoint::item_handled), or the tunnel comes to a stand.
    TunnelItem {
        /// Which.
        tunnel: TunnelId,
        /// The item, in its codec.
        payload: Bytes,
    },
    /// Nothing more comes out of a tunnel.
    TunnelEnded {
        /// Which.
        tunnel: TunnelId,
        /// Why.
        ending: Ending,
    },
    /// Nothing more can be sent into a tunnel.
    TunnelStopped {
        /// Which.
        tunnel: TunnelId,
        /// Why.
        ending: Ending,
    },
    /// A notification that this end sent, and that will not be delivered, or perhaps was: the other end did not say.
    Undelivered {
        /// What the other end had announced.
        interest: Interest,
        /// What was sent beside it; [`redelivered`](Circumstances::redelivered) if it may have been delivered.
        circumstances: Circumstances,
        /// The event, in its codec.
        payload: Bytes,
        /// Why.
        cause: Undelivered,
    },
    /// Something of a durable flow: see [`durable`](crate::durable).
    Durable {
        /// What the other end says.
        word: Bytes,
        /// Which events it may send.
        permit: Permit,
    },
    /// Both ends have begun anew, with nothing under way: what was on its way of durable flows is lost, and they
    /// [begin](crate::durable::Outbox::begin) anew, too.
    Anew,
    /// The link has ended; nothing follows.
    Closed(Closed),
}

/// Why a notification was not delivered, as far as this end knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Undelivered {
    /// The link ended.
    LinkLost,
    /// The other router was started anew, and does not want it any more.
    Unwanted,
    /// The other router was started anew, and takes nothing as long.
    TooLong,
}
