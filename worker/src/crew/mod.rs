//! Workers that are processes: kept alive, given jobs, replaced when they die.
//!
//! ```text
//! crew       what the slots of a pool share: the jobs, and what to do when a worker dies
//! policy     how long, how often, how many
//! slot       one place in the pool: a worker after the other, each a life
//! life       what a slot and the life in it tell each other
//! at_hand    a job in the hands of a worker: answered, tried again, or given up
//! flight     one that was sent to its process and not answered, and the watch over it
//! seats      where jobs at hand are measured
//! times      what is due in a life without anybody telling
//! standing   how the pool stands: workers alive, and its breaker
//! breaker    when no further worker is started for a while
//! control    what may be asked of a running pool: new workers from the program as it is now
//! news       what others are told
//! ```
//!
//! How a job gets to a worker, and its answer back, is not known here: see [`Lives`].

mod at_hand;
mod breaker;
mod control;
#[expect(clippy::module_inception, reason = "it is what the folder is about")]
mod crew;
mod flight;
mod life;
mod news;
mod policy;
mod seats;
mod slot;
mod standing;
mod times;

pub(crate) use at_hand::AtHand;
pub use control::{PoolControl, ReloadError};
pub(crate) use control::{Reload, Replaceable};
pub(crate) use crew::{Crew, Taken};
pub(crate) use flight::{Flight, Noticed, Patience, Watches};
pub(crate) use life::{Begun, End, How, LifeContext, Lives, Stage};
pub use news::{CrashLoop, CrashLoopOver, WorkerLost};
pub(crate) use policy::Policy;
pub(crate) use seats::Seats;
pub(crate) use slot::Slot;
pub(crate) use standing::{Alive, Standing};
pub(crate) use times::{Due, Times};
