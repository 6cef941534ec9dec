//! The loops that drive the contenders, shared so that all of one scenario are driven alike.
//!
//! A contender implements [`Teller`], [`Asker`], or [`Publisher`] for its handle and hands it to one of
//! these functions once it is set up; each starts the clock, sends, waits for the last event, and stops.

mod ask;
mod publish;
mod tell;
pub mod timers;

pub use ask::{Asker, AskerInTurn, ask, ask_from_tasks, ask_in_flight};
pub use publish::{Publisher, publish};
pub use tell::{Teller, tell, tell_from_tasks};
