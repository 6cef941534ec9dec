//! For those who test their managers: time that passes at once, events that are waited for with a bound, and others
//! that play a part in between. Behind the Cargo feature `testing`, for `[dev-dependencies]`:
//!
//! ```toml
//! edri = { path = "../edri", features = ["testing"] }
//! ```
//!
//! ```text
//! bed          the Testbed: a router, what runs on it, and the time
//! expect       what is expected of it
//! script       responders that answer as they are told, in order
//! subscriber   subscribers that take, refuse, fail or stall as they are told
//! record       what comes in between, unread; journal: the same as lines, for messages
//! ```
//!
//! ```
//! use edri::prelude::*;
//! use edri::testing;
//!
//! #[derive(Request, Debug)]
//! #[request(response = u64)]
//! struct Price { item: u64 }
//!
//! #[derive(Notification)]
//! struct Order { item: u64 }
//!
//! #[derive(Notification, Debug)]
//! struct Billed { cents: u64 }
//!
//! /// Under test: asks for a price, again after a second if that fails, and bills it.
//! struct Shop;
//!
//! #[manager]
//! impl Shop {
//!     #[notification]
//!     async fn order(&mut self, order: &Order, cx: &Context) -> Result<(), Failure> {
//!         let price = match cx.router().request(Price { item: order.item }).await {
//!             Ok(price) => price,
//!             Err(_) => {
//!                 tokio::time::sleep(std::time::Duration::from_secs(1)).await;
//!                 cx.router().request(Price { item: order.item }).await?
//!             }
//!         };
//!         cx.router().notify(Billed { cents: price }).await?;
//!         Ok(())
//!     }
//! }
//!
//! // In a test: `#[test] fn a_price_is_asked_for_twice() { … }`
//! testing::run(async |bed| {
//!     let prices = bed.script::<Price>().panic("out of paper").answer(250);
//!     bed.watch::<Billed>();
//!     bed.start(Shop).await;
//!
//!     bed.router().notify(Order { item: 7 }).await.unwrap();
//!     assert_eq!(bed.expect::<Billed>().await.cents, 250);
//!     prices.verify();
//! });
//! ```

mod bed;
mod expect;
mod journal;
mod record;
mod script;
mod subscriber;

pub use bed::Testbed;
pub use script::Script;
pub use subscriber::ScriptedSubscriber;

/// Runs a test on a thread and a clock of its own: the clock stands still while anything can go on, and jumps to
/// the next timer when everything waits. An hour of `sleep` takes no time.
///
/// What runs on other threads is not seen by the clock: a pool of threads looks infinitely slow, and every bound is
/// over at once. Test its worker with `Pool::tasks`, or with a [`Testbed`] in a test on the real clock.
///
/// # Panics
/// If the test does, or the operating system gives no runtime.
pub fn run<T>(test: impl AsyncFnOnce(Testbed) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.unwrap_or_else(|error| panic!("the runtime could not be started: {error}"));
    let output = runtime.block_on(async { test(Testbed::new()).await });
    // A handler that blocks its thread does not keep the test from ending.
    runtime.shutdown_background();
    output
}
