//! Child processes: started, watched, limited, and ended with all that they have started themselves.
//!
//! ```text
//! spec          which program, with what: arguments, environment, directory, limits
//! limits        what it may use
//! process       one child, from its start to its burial
//! keeper        the one thread that starts all children
//! before_exec   what a child does before it becomes the program
//! guard         a process beside ours that ends the children when we cannot
//! watch         those that use more than they may; sample: what groups of processes use, read from /proc
//! ending        how a child is asked to end, and then made to
//! lines         bytes into lines, bounded
//! output        what a child writes, as events of the log; tail: its last lines
//! ```
//!
//! Each child leads a session and a process group of its own: whatever it starts is ended with it, unless that makes a
//! group of its own in turn.
//!
//! **When the parent dies**, however it does, the kernel kills each child (`PR_SET_PDEATHSIG`), and the guard kills each
//! child's group. The kernel's signal comes when the *thread* ends that started the child, which is why one thread
//! starts them all, and lives as long as the process.

mod before_exec;
mod ending;
mod guard;
mod keeper;
mod limits;
mod lines;
mod output;
mod process;
mod sample;
mod spec;
mod tail;
mod watch;

pub(crate) use ending::Ending;
pub use limits::Limits;
pub(crate) use lines::{Line, Lines, Overlong};
pub(crate) use output::{Speaking, Voice, fill, speak, speak_of};
pub use output::{Stream, WorkerOutput};
pub(crate) use process::{Ends, Exit, OutputEnds, Process};
pub(crate) use spec::{Spec, Value};
