//! Attribute macros of EDRI: `#[manager]`, `#[worker]` and `#[main]`. Use them from `edri`, which re-exports them.
//!
//! ```text
//! options     what `#[manager(…)]` asks for; supervision: to keep it up
//! marker      what a method is for          signature   how it wants to be called
//! replay      how much of the past it begins with
//! handlers    all methods of a block
//! expand      the implementations, made of all that: of the inbox in inbox, the calls of handlers in calls
//! enlisted    `#[worker]`
//! entry       `#[main]`
//! paths       where `edri-manager`, `edri-worker` and `edri` are
//! tokens      what is done to tokens
//! ```

mod calls;
mod enlisted;
mod entry;
mod expand;
mod handlers;
mod inbox;
mod marker;
mod options;
mod paths;
mod replay;
mod signature;
mod supervision;
mod tokens;

use proc_macro::TokenStream;
use syn::{Item, ItemFn, ItemImpl, parse_macro_input};

use crate::enlisted::Enlisted;
use crate::entry::Runtime;
use crate::options::Options;

/// Makes a type a manager: put it on the inherent `impl` block that holds its handlers.
///
/// The block stays as it is, without the attributes below. Beside it come the manager's inbox (an enum with a
/// variant for each handler) and `Manager` for the type; if all handlers take `&self`, `SharedManager` too, for a
/// type that is `Sync`. A block may be generic in types and constants, not in lifetimes: a manager owns its data.
///
/// # Handlers and hooks
///
/// | attribute | signature | called with |
/// |---|---|---|
/// | `#[notification]` | `fn heard(&mut self, event: &E)` | each notification `E` |
/// | `#[request]` | `fn add(&mut self, event: R) -> R::Response` | each request `R`, which it answers |
/// | `#[response]` | `fn answered(&mut self, answer: &Answer<R>)` | each answer to `R`, whoever gave it; `R` and its response are `Clone` and `Sync` |
/// | `#[tunnel]` | `fn accept(&mut self, open: T, tunnel: Accepted<T>)` | each tunnel `T`, with its own end of it |
/// | `#[started]` | `fn begin(&mut self)` | nothing, once, before the first event; a failure stops the manager |
/// | `#[stopping]` | `fn end(&mut self)` | nothing, once, after the last event |
/// | `#[health]` | `fn health(&self) -> Health` | nothing, between two events, when it is asked how it is |
///
/// Each of them but `#[health]`, which is written as it stands here, may
///
/// * be `async`. A manager handles one event at a time, unless it says `concurrency`: the next one waits meanwhile.
/// * take `&self` in place of `&mut self`, which lets handlers run at the same time if all do. (An async handler
///   with `&self` needs a manager that is `Sync`: it holds the reference while it waits.)
/// * take `cx: &Context` last: the router, and the circumstances of the event.
/// * return a `Result` of what it returns, whose error is `Into<Failure>`: a `Failure`, or any `Error`.
///
/// `#[notification(from = All)]` and `#[response(from = All)]` begin with what the router has retained, before anything
/// that comes live; in place of `All`, `Last(100)`, `Within(duration)` or `Since(instant)`, each with any expression. It
/// waits in the manager's inbox, beyond its capacity if need be.
///
/// There is one handler for each event. A failure or a panic ends the handler: a request is answered with it, anything
/// else is logged, and a notification becomes a dead letter. The manager goes on, or is replaced by a new one if it can be
/// restarted. `#[cfg(…)]` on a handler takes its event off the manager with it.
///
/// # Options
///
/// | option | meaning | without it |
/// |---|---|---|
/// | `name = "billing"` | its name in errors, logs and reports | the type's |
/// | `capacity = 64` | how many events may wait in its inbox: any expression of type `usize`, at least 1 | 1,024 |
/// | `overflow = Reject` | what happens to an event when that many wait: `Wait`, `Reject`, `DropOldest`, `DropNewest` | `Wait` |
/// | `inline` | handlers are called on the sender's task while the manager is free | on a task of its own |
/// | `concurrency = PerKey(8)` | up to 8 handlers at a time; those of one key one at a time, in order | one at a time |
/// | `concurrency = Unordered(8)` | up to 8 handlers at a time, begun in order | one at a time |
/// | `restart = Always` | when it is replaced by a new one: `Never`, `OnPanic`, `Always` | `OnPanic` where its host can make new ones |
/// | `redeliver = 3` | how often a notification it fell by is delivered to the new one, at least 1 | not at all |
/// | `handler_timeout = "5s"` | how long an async handler may take until it is told: a time in `ms`, `s`, `m` or `h`, or any expression of type `Duration` | as long as it likes |
/// | `abandon` | such a handler is given up | it is told |
/// | `essential` | the program does not go on without it | it does |
///
/// To be restarted, a manager is given to its host as a function that makes new ones: `Host::from_fn`.
///
/// `inline` and `concurrency` exclude each other; `concurrency` needs handlers that all take `&self`. Whoever hosts
/// the manager may change each of them. A capacity of 0 is refused here if it is a literal; otherwise it panics where
/// the manager's settings are asked for, which is `Host::new`.
///
/// # Example
///
/// ```
/// use edri_event::{Failure, Notification, Request, Tunnel};
/// use edri_manager::{Host, manager};
/// use edri_router::{Accepted, Answer, Context, Router};
///
/// #[derive(Request, Clone)]
/// #[request(response = u64)]
/// struct Add { a: u64, b: u64 }
///
/// #[derive(Notification)]
/// struct Reset;
///
/// #[derive(Tunnel)]
/// #[tunnel(send = u64, receive = u64)]
/// struct Sums;
///
/// #[derive(Default)]
/// struct Calculator { total: u64, answers: u64 }
///
/// #[manager(capacity = 64)]
/// impl Calculator {
///     #[request]
///     async fn add(&mut self, event: Add, cx: &Context) -> Result<u64, Failure> {
///         self.total = self.total.checked_add(event.a + event.b).ok_or_else(|| {
///             Failure::new("overflow", format!("{} has no room for more", cx.name()))
///         })?;
///         Ok(self.total)
///     }
///
///     #[notification]
///     fn reset(&mut self, _event: &Reset) {
///         self.total = 0;
///     }
///
///     #[response]
///     fn answered(&mut self, answer: &Answer<Add>) {
///         self.answers += u64::from(answer.outcome.is_ok());
///     }
///
///     /// Answers each number with the sum so far.
///     #[tunnel]
///     async fn sums(&mut self, _open: Sums, mut tunnel: Accepted<Sums>) -> Result<(), Failure> {
///         while let Some(number) = tunnel.recv().await {
///             self.total += number?;
///             tunnel.send(self.total).await?;
///         }
///         tunnel.finish();
///         Ok(())
///     }
///
///     #[stopping]
///     fn end(&self) {
///         assert_eq!(self.answers, 1);
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let router = Router::new();
/// let _calculator = Host::new(Calculator::default()).start(&router).await?;
/// assert_eq!(router.request(Add { a: 1, b: 2 }).await?, 3);
///
/// let mut sums = router.open(Sums).await?;
/// sums.send(4).await?;
/// assert_eq!(sums.recv().await, Some(Ok(7)));
/// # Ok(())
/// # }
/// ```
#[proc_macro_attribute]
pub fn manager(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut asked = Options::default();
    let parser = syn::meta::parser(|meta| asked.read(&meta));
    let read = syn::parse::Parser::parse(parser, options);
    let refused = read.and_then(|()| asked.supervision.check()).err();
    let item = parse_macro_input!(item as Item);
    expand::expand(&asked, item, refused).into()
}

/// Lets a worker run in a process of its own: put it on the block that makes the type a worker. It is entered into the
/// program's table of workers, in which its process finds it; nobody keeps a list.
///
/// | option | meaning | without it |
/// |---|---|---|
/// | `make = Hasher::new` | what makes a new worker, in its own process: any expression that is called without arguments | the type's `Default` |
/// | `name = "hasher"` | its name in the table: the same in a program and in that which replaces it | the type's, with its module |
///
/// The job has to be shareable. The block is of one type, without parameters; for one that has them filled in there is
/// `edri::worker::enlist!`. Without the attribute the worker still runs as a task or on a thread.
///
/// ```ignore
/// #[worker(make = Hasher::new)]
/// impl Worker for Hasher {
///     type Job = HashFile;
///
///     async fn run(&mut self, job: HashFile, cx: &WorkerContext) -> Result<[u8; 32], Failure> {
///         // …
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn worker(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut asked = Enlisted::default();
    let parser = syn::meta::parser(|meta| asked.read(&meta));
    parse_macro_input!(options with parser);
    let block = parse_macro_input!(item as ItemImpl);
    let expanded = asked.expand(&block);
    expanded
        .unwrap_or_else(|error| {
            let error = error.into_compile_error();
            quote::quote!(#block #error)
        })
        .into()
}

/// Runs an `async fn main` on a runtime of its own; in a process that was started as a worker it enters there instead, and
/// nothing of the program is run.
///
/// | option | meaning | without it |
/// |---|---|---|
/// | `flavor = "current_thread"` | all tasks on one thread; `"multi_thread"`: spread over several | `"multi_thread"` |
/// | `worker_threads = 4` | how many threads the flavor `"multi_thread"` has, at least 1 | one per processor |
///
/// The function takes no arguments and is not generic; it may return what any `main` may.
///
/// ```ignore
/// #[edri::main(flavor = "current_thread")]
/// async fn main() -> Result<(), edri::Error> {
///     edri::App::new().start().await?.run().await
/// }
/// ```
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut runtime = Runtime::default();
    let parser = syn::meta::parser(|meta| runtime.read(&meta));
    parse_macro_input!(options with parser);
    let program = parse_macro_input!(item as ItemFn);
    runtime.expand(&program).unwrap_or_else(syn::Error::into_compile_error).into()
}
