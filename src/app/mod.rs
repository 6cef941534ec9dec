//! A whole program: what it is made of, its life and its end.
//!
//! ```text
//! builder    what it is made of
//! part       a manager or a pool, once started
//! order      who starts after whom, and stops before whom
//! running    its life
//! report     what was left at the end
//! checks     asking all parts how they are
//! signals    when it is told to end
//! ```

mod builder;
mod checks;
mod order;
mod part;
mod report;
mod running;
mod signals;

pub use builder::App;
pub use order::OrderError;
pub use report::{Left, Report};
pub use running::RunningApp;
pub use signals::Signal;
