//! The router of EDRI: who gets an event, and how it gets there.
//!
//! ```text
//! router         the face: notify, request, open, subscribe, respond
//! route          the table from event type to those who are registered
//! border         where events leave for other routers, and those of others come in
//! inbox          where events wait: bounded, in lanes, with an overflow policy
//! notify         sending to all
//! request        asking one, and its answer
//! tunnel         a stream in both directions
//! subscription   notifications as a `Stream`; subscribe: how one begins
//! history        what is retained, and its replay
//! dead_letter    what nobody handled
//! snapshot       the whole picture
//! vitals         managers and pools: what they have done, how they are
//! context        what a handler may know
//! behalf         what is sent while an event is handled: what it inherits
//! wait_graph     who waits for whose answer, and deadlocks
//! overdue        handlers that take longer than they may
//! trace          which event led to which
//! backoff        how long to wait before what failed is tried again
//! ```
//!
//! A sender looks the event's type up in a snapshot of the routes and pushes into the inbox of each subscriber,
//! on its own task: there is no task in the middle.
//!
//! ```
//! use edri_event::{Notification, Request};
//! use edri_router::Router;
//!
//! #[derive(Notification)]
//! struct Added { sum: u64 }
//!
//! #[derive(Request)]
//! #[request(response = u64)]
//! struct Add { a: u64, b: u64 }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let router = Router::new();
//! let mut sums = router.subscribe::<Added>();
//! let _adder = router.respond(|add: Add| async move { Ok(add.a + add.b) });
//!
//! let sum = router.request(Add { a: 1, b: 2 }).await?;
//! router.notify(Added { sum }).await?;
//! assert_eq!(sums.recv().await.map(|added| added.sum), Some(3));
//! # Ok(())
//! # }
//! ```
//!
//! This crate knows nothing of sockets, processes or managers.

mod backoff;
mod behalf;
mod border;
mod budget;
mod context;
mod dead_letter;
mod envelope;
mod history;
mod inbox;
mod notify;
mod overdue;
mod registration;
mod request;
mod route;
mod router;
mod snapshot;
mod subscribe;
mod subscription;
mod sync;
mod trace;
mod tunnel;
mod vitals;
mod wait_graph;

pub use backoff::{Backoff, Delays, Jitter};
pub use behalf::{Membership, has_expired};
pub use border::{
    Addressee, Answered, Arrival, Arriving, Back, Border, ConsumerId, Demand, Departure, Departures,
    Description, Direct, EncodedEnd, EncodedReceiver, EncodedSender, Exit, First, Head, Horizon, InFlight,
    Load, Payload, Place, Ref, Role, Row, Run, Shareable, ShareableEvent, ShareableNotification,
    ShareableRequest, ShareableTunnel, Unsent, Way, long_buffer, long_bytes,
};
pub use context::Context;
pub use dead_letter::{DeadLetter, DeadLetterCounts, DeadLetterOffice, Loss, Reason, Undelivered};
pub use envelope::{Envelope, Shared};
pub use history::{Replay, Retained};
pub use inbox::{
    Capacity, Inbox, InboxMonitor, InboxSettings, Message, Overflow, Receiver, SharedReceiver, Tally,
};
pub use notify::{Delivered, Notify, NotifyError, Refusal};
pub use overdue::{HandlerLimit, Overdue, Watched, Watching};
pub use registration::Registration;
pub use request::{
    Answer, Asked, Asking, DeathCause, LinkLost, Observable, Reply, ReplyTo, RequestError, Requester,
    WorkerDeath, WorkerLimit, caught, caught_now,
};
pub use route::{Answering, Deliver, Delivery, Patience, Respond, Running, Ticket, ToInbox, Wait};
pub use router::Router;
pub use snapshot::{Consumer, PartSnapshot, Process, RouteKind, RouteSnapshot, Snapshot};
pub use subscribe::Subscribe;
pub use subscription::Subscription;
pub use trace::{EventInfo, EventKind, Handler, HandlerSpan, Traced, Within, current_trace, is_traced};
pub use tunnel::{
    Accepted, Open, OpenError, Opened, Opening, TunnelEnd, TunnelError, TunnelReceiver, TunnelSender, Verdict,
};
pub use vitals::{
    Chart, Counts, Current, Health, HealthChanged, HealthReport, Meter, Now, Part, PartHealth, PartKind,
    PartState, Queued, Rates, Reading, Recent, Shift, Shifts, Status, Stuck, Times, Value, Vitals, Workers,
    check_one,
};
pub use wait_graph::{AtATime, WaitGraph, WaitingFor, WaitingPart};
