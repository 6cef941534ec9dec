//! How the parts of a program are: what they have done, and whether they are well.
//!
//! ```text
//! part        a manager or a pool as the router sees it; parts: all of them
//! meter       what a part notes while it works; shifts: those of its handlers that run at the same time
//! histogram   of the times that are measured
//! clock       a moment in one word
//! numbers     what can be read of a part at any time
//! health      what a part says of itself
//! chart       what is kept beside a part: the question that is open, what was seen before
//! report      what a check finds; check: asking everybody; checks: what is kept of it
//! seconds     how times are serialized; router_id: how identities are
//! ```

mod chart;
mod check;
mod checks;
mod clock;
mod health;
mod histogram;
mod meter;
mod numbers;
mod part;
mod parts;
mod report;
pub(crate) mod router_id;
pub(crate) mod seconds;
mod shifts;

pub use chart::Chart;
pub use check::check_one;
pub(crate) use checks::Checks;
pub(crate) use clock::Moment;
pub use health::{Health, Status, Value};
pub(crate) use histogram::Histogram;
pub(crate) use meter::SAMPLED;
pub use meter::{Meter, Now, Reading};
pub use numbers::{Counts, Queued, Rates, Recent, Times, Vitals, Workers};
pub use part::{Current, Part, PartKind, PartState};
pub(crate) use parts::Parts;
pub use report::{HealthChanged, HealthReport, PartHealth, Stuck};
pub use shifts::{Shift, Shifts};
