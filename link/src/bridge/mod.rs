//! A router at the end of a link: what the other end wants becomes entries on this router's routes, and what comes from
//! there is dispatched here.
//!
//! ```text
//! link      the handle, and how it is started
//! events    which events may go over, and which are wanted from there
//! outlet    the link as a subscriber, responder and acceptor on the local routes
//! departure one event on its way out, whatever its type
//! arrival   one event on its way in, whatever its type
//! calls     requests that went out, until they are answered
//! pump      one tunnel: between its local end and the link
//! outgoing  all that goes out; incoming: all that comes in; pumps: all tunnels
//! echo      what came over a link does not go back over it
//! program   all of it together, as the driver runs it
//! ```

mod arrival;
mod calls;
mod departure;
mod echo;
mod events;
mod incoming;
mod link;
mod outgoing;
mod outlet;
mod program;
mod pump;
mod pumps;

pub use events::{Events, NotShareable};
pub use link::{End, Link};
