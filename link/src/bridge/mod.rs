//! A router at the end of a link: what the other end wants becomes entries on this router's routes, and what comes from
//! there is dispatched here.
//!
//! ```text
//! link      the handle, and how it is started
//! seam      the link as its router knows it: places on the routes for what the other end wants
//! filter    which events may go over
//! exit      where what is to go out waits: in lanes
//! offers    what is consumed here, as the other end is told
//! addresses which interest of the other end a place stands for
//! calls     requests that went out, until they are answered
//! outgoing  all that goes out; incoming: all that comes in
//! pump      one tunnel: between its local end and the link; pumps: all of them
//! outcome   how a request ended, as it travels
//! program   all of it together, as the driver runs it
//! ```

mod addresses;
mod calls;
mod exit;
mod filter;
mod incoming;
mod lane;
mod link;
mod offers;
mod outcome;
mod outgoing;
mod program;
mod pump;
mod pumps;
mod seam;

pub use filter::Filter;
pub use link::{End, Link};
