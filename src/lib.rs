//! Event-driven programs that start in one process and grow to many threads, processes and machines without
//! being rewritten.
//!
//! A program is a set of *managers* that exchange typed *events* through a *router*, with pools of *workers*
//! for the heavy parts.
//!
//! ```
//! use edri::prelude::*;
//!
//! #[derive(Request)]
//! #[request(response = u64)]
//! struct Add { a: u64, b: u64 }
//!
//! #[derive(Notification)]
//! struct Added { sum: u64 }
//!
//! struct Calculator { total: u64 }
//!
//! #[manager]
//! impl Calculator {
//!     #[request]
//!     async fn add(&mut self, event: Add, cx: &Context) -> Result<u64, Failure> {
//!         self.total += event.a + event.b;
//!         cx.router().notify(Added { sum: self.total }).await?;
//!         Ok(self.total)
//!     }
//! }
//!
//! #[edri::main]
//! async fn main() -> Result<(), edri::Error> {
//!     let app = App::new().manager(Calculator { total: 0 }).start().await?;
//!     let mut sums = app.router().subscribe::<Added>();
//!
//!     assert_eq!(app.router().request(Add { a: 1, b: 2 }).await?, 3);
//!     assert_eq!(sums.recv().await.map(|added| added.sum), Some(3));
//!     app.shutdown(std::time::Duration::from_secs(5)).await.into_result()
//! }
//! ```
//!
//! | room | holds |
//! |---|---|
//! | [`event`] | the event kinds, their derives, identity, failures, codecs |
//! | [`router`] | routes, inboxes, requests, tunnels, subscriptions, dead letters |
//! | [`mod@worker`] | the `Worker` trait and pools of tasks, threads, processes and commands |
//! | [`mod@manager`] | `#[manager]`, the `Manager` trait and the loops that run managers |
//! | [`scheduler`] | events at set times: delays, intervals, cron, durable if asked for |
//! | [`kvstore`] | a store of keys, with watches, expiry and durability |
//! | [`mod@connector`] | the connector, which joins a router to others, and the switch |
//! | this crate | [`App`], [`prelude`], [`macro@main`] |
//!
//! Features that are on by default: `scheduler`, `kvstore` and `connector` are the rooms of those names.
//!
//! Features that are off by default: `opentelemetry` joins traces by OpenTelemetry's ids, `metrics` tells the facade of that
//! name what managers and pools have done, `prometheus` serves that over HTTP, `testing` is what tests of programs need, `tls` has
//! connectors and switches speak TLS, `switch` is what a switch of one's own needs beside, and `cli` the command `edri` that runs one.

extern crate self as edri;

mod app;
mod error;
#[cfg(feature = "metrics")]
mod observe;
pub mod prelude;
pub mod runtime;
#[cfg(feature = "testing")]
pub mod testing;

pub use app::{App, Left, OrderError, Report, RunningApp, Signal};
#[cfg(feature = "connector")]
pub use edri_connector as connector;
pub use edri_event as event;
#[cfg(feature = "kvstore")]
pub use edri_kvstore as kvstore;
pub use edri_manager as manager;
pub use edri_manager::manager;
pub use edri_manager_derive::{main, worker};
pub use edri_router as router;
#[cfg(feature = "scheduler")]
pub use edri_scheduler as scheduler;
pub use edri_worker as worker;
pub use error::Error;

/// The programs of the README and the guide.
#[cfg(doctest)]
mod guide {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../docs/src/introduction.md")]
    mod introduction {}
    #[doc = include_str!("../docs/src/events.md")]
    mod events {}
    #[doc = include_str!("../docs/src/requests.md")]
    mod requests {}
    #[doc = include_str!("../docs/src/managers.md")]
    mod managers {}
    #[doc = include_str!("../docs/src/workers.md")]
    mod workers {}
    #[cfg(feature = "scheduler")]
    #[doc = include_str!("../docs/src/scheduling.md")]
    mod scheduling {}
    #[cfg(feature = "scheduler")]
    #[doc = include_str!("../docs/src/cron.md")]
    mod cron {}
    #[cfg(target_os = "linux")]
    #[doc = include_str!("../docs/src/processes.md")]
    mod processes {}
    #[cfg(target_os = "linux")]
    #[doc = include_str!("../docs/src/commands.md")]
    mod commands {}
    #[cfg(target_os = "linux")]
    #[doc = include_str!("../docs/src/limits.md")]
    mod limits {}
    #[doc = include_str!("../docs/src/replay.md")]
    mod replay {}
    #[doc = include_str!("../docs/src/sharing.md")]
    mod sharing {}
    #[doc = include_str!("../docs/src/deadlines.md")]
    mod deadlines {}
    #[doc = include_str!("../docs/src/errors.md")]
    mod errors {}
    #[cfg(feature = "kvstore")]
    #[doc = include_str!("../docs/src/store.md")]
    mod store {}
    #[doc = include_str!("../docs/src/dead-letters.md")]
    mod dead_letters {}
    #[doc = include_str!("../docs/src/supervision.md")]
    mod supervision {}
    #[cfg(feature = "connector")]
    #[doc = include_str!("../docs/src/links.md")]
    mod links {}
    #[cfg(feature = "connector")]
    #[doc = include_str!("../docs/src/durable-links.md")]
    mod durable_links {}
    #[doc = include_str!("../docs/src/promises.md")]
    mod promises {}
    #[doc = include_str!("../docs/src/observing.md")]
    mod observing {}
    #[doc = include_str!("../docs/src/shutdown.md")]
    mod shutdown {}
    #[doc = include_str!("../docs/src/tracing.md")]
    mod tracing {}
    #[cfg(feature = "testing")]
    #[doc = include_str!("../docs/src/testing.md")]
    mod testing {}
    #[cfg(feature = "connector")]
    #[doc = include_str!("../docs/src/switch.md")]
    mod switch {}
    #[doc = include_str!("../docs/src/security.md")]
    mod security {}
    #[doc = include_str!("../docs/src/benchmarks.md")]
    mod benchmarks {}
}
