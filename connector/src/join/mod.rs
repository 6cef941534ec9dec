//! The manager that joins a router to others.
//!
//! ```text
//! connector    what is told to it, and the manager
//! settings     what it is told, checked and put together for each link
//! dial         one connection after the other to whoever listens
//! accept       whoever connects
//! watch        one link, from its first moment to its last
//! bearer       a connection, with TLS or without
//! connections  what it sees, for others to look at
//! news         what it tells the managers of its router
//! ```

mod accept;
mod bearer;
mod connections;
mod connector;
mod dial;
mod news;
mod settings;
mod watch;

pub use connections::{Connections, Stopped};
pub use connector::Connector;
pub use news::{Neighbour, NeighbourChange, NeighbourChanged, NeighbourKind};
