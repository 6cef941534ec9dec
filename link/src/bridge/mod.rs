//! A router at the end of a link, or in a network: what others want becomes entries on this router's routes, and what comes
//! from them is dispatched here.
//!
//! ```text
//! link      a link to one router: the handle, and how it is started
//! program   a link, as the driver runs it
//! network   the same for a network of routers: one border, one switch, and a peering with each
//! status    how a link or a network stands, for whoever watches
//! peering   all that is under way with one other router
//! toward    the way there, over whatever leads there
//! seam      a border as its router knows it: places on the routes for what those behind it want
//! side      one of those behind it
//! filter    which events may go over
//! exit      where what is to go out waits: in lanes
//! offers    what is consumed here, as the others are told
//! closing   how far an orderly end has come
//! loads     when they are told again how loaded those are who answer
//! addresses which interest of the other router a place stands for
//! calls     requests that went out, until they are answered
//! outgoing  all that goes out; incoming: all that comes in
//! ringing   which of all that has something to do
//! durable   what lasts: on the disk until it is handled
//! pump      one tunnel: between its local end and the link; pumps: all of them
//! outcome   how a request ended, as it travels
//! ```

mod addresses;
mod calls;
mod closing;
mod durable;
mod exit;
mod filter;
mod incoming;
mod lane;
mod link;
mod loads;
mod network;
mod offers;
mod outcome;
mod outgoing;
mod peering;
mod program;
mod pump;
mod pumps;
mod ringing;
mod seam;
mod side;
mod status;
mod toward;

pub use durable::{DestinationStatus, Durable, DurableError, DurableSettings, DurableStatus};
pub use filter::Filter;
pub use link::{End, Link};
pub use network::Network;
pub use status::{LinkStatus, MemberStatus, NetworkStatus, Standing, Watch};
