//! Who gets an event: an immutable table from event type to route, and what stands behind a route.
//!
//! ```text
//! table      event type → route, in snapshots
//! roster     who is registered on one route, in order of arrival
//! kinds      the three kinds of route
//! choose     which of several gets it: the route policies
//! group      several subscribers that share the events, as one
//! deliver    the trait of those who take notifications and tunnels
//! respond    the trait of those who answer requests
//! to_inbox   an inbox as either
//! on_router  whether anybody is there
//! ```

mod choose;
mod deliver;
mod group;
mod kinds;
mod on_router;
mod respond;
mod roster;
mod table;
mod to_inbox;

pub(crate) use choose::Offered;
pub use deliver::{Deliver, Delivery, Running, Ticket, Wait};
pub(crate) use group::Group;
pub(crate) use kinds::{NotificationRoute, Observer, RequestRoute, Seeing, TunnelRoute};
pub use respond::{Answering, Patience, Respond};
pub(crate) use roster::Roster;
pub(crate) use table::{Kept, Route, Table};
pub use to_inbox::ToInbox;
