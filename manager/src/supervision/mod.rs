//! Managers that are made anew when they fall.
//!
//! ```text
//! policy       what is asked for: when to restart, how often, how soon
//! restarts     how many there have been, and when the next is due
//! group        those that restart together; one that is alone is a group of one
//! member       one manager of a group, as its loop and whoever holds it see it
//! supervisor   makes the new ones
//! news         what others are told
//! ```

mod group;
mod member;
mod news;
mod policy;
mod restarts;
mod supervisor;

pub use group::Group;
pub(crate) use member::Member;
pub use news::{End, ManagerRestarted, ManagerStopped};
pub use policy::{Budget, Essential, HandlerTimeout, Restart, Supervision};
pub(crate) use supervisor::{Make, Standing, Supervisor, made, started};
