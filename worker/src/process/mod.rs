//! Workers that are processes of the same program: `Pool::processes`.
//!
//! ```text
//! registry       the workers that a program has, by name: `#[worker]`
//! entrance       where a child enters: at the beginning of `main`
//! image          which executable a child runs
//! pool           what is told of a pool; start: how it begins
//! lives          one worker after the other
//! conversation     one of them, from its start to its burial
//! carrier        the link's protocol over a socket, driven by hand
//! descriptors    what goes over a socket beside its bytes
//! parcel         a job or an answer on its way; memory: what is long in it, which two processes share; lent: what goes back
//! shelf          what is kept for a while for the next
//! language       what is said on it besides jobs and answers
//! child          the other side: a process that is a worker
//! ```
//!
//! # How a child finds its worker
//! A child has to know which type it is to be, and there is nothing but its executable and its arguments to tell it.
//! A function's address would do only as long as the executable is the same, and a pool is to be reloaded with another.
//! So a worker has a *name*, and the program a table of them, which the linker puts together from what `#[worker]` writes
//! beside each: nobody keeps a list. A type without `#[worker]` is no [`ProcessWorker`], which is an error where it is
//! compiled; one that has it and is not in the table, or is there twice, is an error where the pool is
//! [started](crate::PoolError), by looking it up in the very executable that the children will be.
//!
//! A child begins like any program, at `main`, and has to turn off there: `#[edri::main]` does that, or
//! [`enter`] called by hand. A program whose `main` has not been there cannot start such pools: that it would be run
//! as a whole by its own child, and that one by its own, is found out before there is any.
//!
//! # Two sockets
//! A child's standard input is a socket, on which the protocol of [links](edri_link) carries jobs, answers, progress and
//! what else belongs to them; jobs go to this child and no other, so no router is at its ends. The first thing that comes
//! over it is another socket, and over that the child's own router is linked with that of its parent.

mod carrier;
mod child;
mod conversation;
mod descriptors;
mod entrance;
mod image;
mod language;
mod lent;
mod lives;
mod memory;
mod parcel;
mod pool;
mod registry;
mod shelf;
mod start;

pub use entrance::enter;
pub use memory::share;
pub use pool::{ProcessPool, Processes};
pub use registry::{Enlisted, ProcessWorker};
