//! The link of EDRI.

mod call;
mod channel;
mod endpoint;
mod frame;
mod handshake;
mod interest;
mod lanes;
mod limits;
mod message;
mod settings;
mod tunnel;
mod violation;

pub use call::{CallId, IncomingCall};
pub use channel::Cost;
pub use endpoint::{Closed, Endpoint, Event, SendError};
pub use handshake::{Identity, Peer, Refusal, Refused, Token, VERSION};
pub use interest::{Interest, Mismatch, Role, Schema};
pub use limits::Limits;
pub use message::{AnswerError, Circumstances, Ending, Trace};
pub use settings::Settings;
pub use tunnel::TunnelId;
