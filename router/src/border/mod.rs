//! Where a router's events leave it, and those of others come in: what a link to another router attaches to.
//!
//! ```text
//! seam         a border, and all those of one router
//! horizon      what is behind a border, as a whole
//! shareable    an event that may cross, whatever its type
//! typed        the same, of one type
//! foreign      an event of which this router has no type: it passes from border to border
//! description  what two routers have to agree upon to mean the same event
//! demand       who consumes an event, for a border to tell the other side
//! place        somebody on the other side, as he stands on a route here
//! outlet       the place as a subscriber, a responder, an acceptor
//! departure    one event on its way out
//! departures   many of them
//! row          those of them that are alike, as one
//! payload      its bytes
//! lent         memory for long ones
//! exit         where they wait to be carried away
//! scratch      where they are encoded
//! arrival      what comes beside an event that came in
//! run          notifications that came in, one after the other
//! waiting      those of them that have to wait for room
//! ways         by which border the events of another router are taken, where there are several
//! ends         the local end of a tunnel, in bytes
//! ```
//!
//! Links are written without knowing any event: what they need to know of one, they get from here when it first
//! appears on the router.

mod arrival;
mod demand;
mod departure;
mod departures;
mod description;
mod ends;
mod exit;
mod foreign;
mod horizon;
mod lent;
mod outlet;
mod payload;
mod place;
mod row;
mod run;
mod scratch;
mod seam;
mod shareable;
mod typed;
mod waiting;
mod ways;

pub use arrival::{Arrival, Arriving};
pub use demand::{ConsumerId, Demand, Role};
pub use departure::{Answered, Back, Departure};
pub use departures::{Departures, First};
pub use description::Description;
pub use ends::{EncodedEnd, EncodedReceiver, EncodedSender, Unsent};
pub use exit::Exit;
pub(crate) use exit::InLine;
pub use horizon::Horizon;
pub use lent::{long_buffer, long_bytes};
pub use payload::Payload;
pub use place::{InFlight, Load, Place};
pub use row::{Head, Row};
pub use run::{Addressee, Run};
pub use seam::Border;
pub(crate) use seam::Borders;
pub use shareable::{
    Ref, Shareable, ShareableEvent, ShareableNotification, ShareableRequest, ShareableTunnel,
};
pub(crate) use typed::{encode, notification, request, tunnel};
pub use ways::{Direct, Way};
