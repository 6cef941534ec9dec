use bytes::Bytes;
use edri_event::Progress;

use super::close::Closed;
use crate::call::{CallId, IncomingCall};
use crate::handshake::Peer;
use crate::interest::{Consumer, Interest, Mismatch, Schema};
use crate::message::{AnswerError, Circumstances, Ending};
use crate::tunnel::TunnelId;

/// What one end of a link learns. A frame makes one event at most, but for those that end a link and for the answers
/// that it then owes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The handshake has ended well.
    Opened(Peer),
    /// All that the other end wanted when the link began is known.
    Informed,
    /// The other end consumes something, whether or not this end has such an event. If it is another one here, this is
    /// [to be said](super::Endpoint::differs).
    Wanted {
        /// To be named when sending it.
        interest: Interest,
        /// What it is.
        schema: Schema,
        /// The group that shares it, if it does not get all of it.
        group: Option<String>,
        /// Who consumes it.
        consumer: Consumer,
    },
    /// The other end does not want it any more.
    Unwanted {
        /// What it was announced as.
        interest: Interest,
    },
    /// How loaded a consumer is has changed.
    Load {
        /// What it was announced as.
        interest: Interest,
        /// How loaded it is.
        load: u32,
    },
    /// Both ends know an event, and mean different things by it. It does not travel; both ends learn of it.
    Mismatch(Mismatch),
    /// A notification. It has to be [handled](super::Endpoint::handled), or the other end's lane comes to a stand.
    Notification {
        /// What this end announced.
        interest: Interest,
        /// What travels beside it.
        circumstances: Circumstances,
        /// The event, in its codec.
        payload: Bytes,
    },
    /// A request, to be [answered](super::Endpoint::answer). It has to be [handled](super::Endpoint::handled) too, as soon
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
    /// The other end opens a tunnel, to be [accepted](super::Endpoint::accept_tunnel) or [refused](super::Endpoint::refuse_tunnel),
    /// and [handled](super::Endpoint::handled).
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
    /// An item of a tunnel. It has to be [handled](super::Endpoint::item_handled), or the tunnel comes to a stand.
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
    /// The link has ended; nothing follows.
    Closed(Closed),
}
