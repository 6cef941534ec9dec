//! The managers of EDRI: a type whose methods handle events.
//!
//! ```text
//! manager     the trait, which `#[manager]` writes
//! settings    how one is run: inbox, mode, concurrency
//! host        starting one; managed: a running one
//! entrance    its events on the routes: by inbox, or inline
//! run         the loops
//! handling    what happens around each handler; health: how a manager answers how it is
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
mod handling;
mod health;
mod host;
mod managed;
mod manager;
mod outcome;
mod run;
mod settings;

pub use edri_manager_derive::manager;
pub use entrance::Entrance;
pub use host::{Host, IntoHost, StartError};
pub use managed::Managed;
pub use manager::{Manager, SharedManager};
pub use settings::{Concurrency, Mode, Settings};

/// What `#[manager]` writes into your crate. Not part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use edri_event::{Failure, Key, Request};
    pub use edri_router::{
        Answer, Asked, Context, DeadLetterOffice, Envelope, Health, Loss, Message, Opening, Overflow,
        Running, caught, caught_now,
    };

    pub use crate::entrance::{CallNotification, CallRequest};
    pub use crate::handling::{
        begin, begin_request, begin_request_alone, begin_tunnel, note, settle, settle_tunnel,
    };
    pub use crate::manager::SyncFor;
    pub use crate::outcome::IntoAnswer;
    pub use crate::run::{Engine, Held, Run};
}
