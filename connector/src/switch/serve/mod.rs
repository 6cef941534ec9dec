//! A switch at work: sockets, tasks and clocks around the [hub](super::hub).
//!
//! ```text
//! switch       Switch → RunningSwitch
//! listen       where it listens
//! accept       connections, through TLS where there is any
//! doors        how many there may be, in all and from one address
//! driver       one connection: reads, writes, waits
//! error        why it cannot start
//! ```

mod accept;
mod doors;
mod driver;
mod error;
mod listen;
mod switch;

pub(crate) use doors::{Doors, Standing};
pub use error::SwitchError;
pub(crate) use listen::listen;
pub use switch::{Drained, Reloaded, RunningSwitch, Switch};
