//! The managers of EDRI: a type whose methods handle events.
//!
//! ```text
//! manager     the trait, which `#[manager]` writes
//! settings    how one is run: inbox, mode, concurrency
//! host        starting one; managed: a running one
//! placement   where it stands among others at the end of a program
//! entrance    its events on the routes: by inbox, or inline
//! run         the loops
//! handling    what happens around each handler; handled: what comes of it
//! health      how a manager answers how it is
//! supervision restarts: policies, budgets, groups
//! ```
//!
//! ```
//! use edri_event::{Failure, Notification, Request};
//! use edri_manager::{Host, manager};
//! use edri_router::{Context, Router};
//!
//! #[derive(Request)]
//! #[request(response = u64)]
//! struct Add { a: u64, b: u64 }
//!
//! #[derive(Notification)]
//! struct Reset;
//!
//! struct Calculator { total: u64 }
//!
//! #[manager]
//! impl Calculator {
//!     #[request]
//!     async fn add(&mut self, event: Add) -> u64 {
//!         self.total += event.a + event.b;
//!         self.total
//!     }
//!
//!     #[notification]
//!     fn reset(&mut self, _event: &Reset) {
//!         self.total = 0;
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let router = Router::new();
//! let _calculator = Host::new(Calculator { total: 0 }).start(&router).await?;
//! assert_eq!(router.request(Add { a: 1, b: 2 }).await?, 3);
//! router.notify(Reset).await?;
//! assert_eq!(router.request(Add { a: 1, b: 2 }).await?, 3);
//! # Ok(())
//! # }
//! ```

extern crate self as edri_manager;

mod entrance;
mod handled;
mod handling;
mod health;
mod host;
mod managed;
mod manager;
mod outcome;
mod placement;
mod run;
mod settings;
mod supervision;

pub use edri_manager_derive::manager;
pub use edri_router::{Backoff, Jitter, Overdue};
pub use entrance::Entrance;
pub use handled::{Handled, Undone};
pub use host::{Host, IntoHost, StartError};
pub use managed::{Managed, State, Troubles};
pub use manager::{Manager, SharedManager};
pub use placement::{Placement, Role};
pub use settings::{Concurrency, Mode, Settings};
pub use supervision::{
    Budget, End, Essential, Group, HandlerTimeout, ManagerRestarted, ManagerStopped, Restart, Supervision,
};

/// What `#[manager]` writes into your crate. Not part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use edri_event::{Failure, Key, Request};
    pub use edri_router::{
        Answer, Asked, Context, DeadLetterOffice, Envelope, EventInfo, EventKind, Health, Loss, Message,
        Opening, Overflow, Replay, Running, Watched, caught, caught_now,
    };

    pub use crate::entrance::{CallNotification, CallRequest};
    pub use crate::handling::{
        Entrusted, Lent, begin, begin_request, begin_request_alone, begin_tunnel, event_name, judge,
        settle_tunnel,
    };
    pub use crate::manager::SyncFor;
    pub use crate::outcome::IntoAnswer;
    pub use crate::run::{Engine, Held, HeldLent, Run};
}
