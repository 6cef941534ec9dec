use bytes::Bytes;

use crate::call::{CallId, IncomingCall};
use crate::channel::Cost;
use crate::interest::Interest;
use crate::message::{AnswerError, Circumstances, Ending};
use crate::tunnel::TunnelId;

/// What waits to be sent. It is encoded when its turn has come: what is left until a deadline is known then, and the
/// latest of what changes meanwhile.
#[derive(Debug)]
pub(crate) enum Body {
    Notify {
        to: Interest,
        circumstances: Circumstances,
        payload: Bytes,
    },
    Request {
        call: CallId,
        to: Interest,
        circumstances: Circumstances,
        payload: Bytes,
    },
    Answer {
        call: IncomingCall,
        outcome: Result<Bytes, AnswerError>,
    },
    Cancel {
        call: CallId,
    },
    /// How far it has come is kept with the call.
    Progress {
        call: IncomingCall,
    },
    Open {
        tunnel: TunnelId,
        to: Interest,
        circumstances: Circumstances,
        payload: Bytes,
    },
    Accept {
        tunnel: TunnelId,
    },
    Item {
        tunnel: TunnelId,
        payload: Bytes,
    },
    /// How much is granted is kept with the tunnel.
    Grant {
        tunnel: TunnelId,
    },
    End {
        tunnel: TunnelId,
        ending: Ending,
    },
    Stop {
        tunnel: TunnelId,
        ending: Ending,
    },
}

impl Body {
    pub(crate) fn cost(&self) -> Cost {
        match self {
            Self::Notify { payload, .. }
            | Self::Request { payload, .. }
            | Self::Answer { outcome: Ok(payload), .. }
            | Self::Open { payload, .. }
            | Self::Item { payload, .. } => Cost::of(payload.len()),
            _ => Cost::of(0),
        }
    }
}
