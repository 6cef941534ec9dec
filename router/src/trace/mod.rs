//! Which event led to which: a span for each event that is handled, joined over managers.
//!
//! ```text
//! send       the sender's trace, put beside the event
//! handler    the span of a handler
//! info       what an event is, whatever its type
//! current    the trace of whatever runs on this thread
//! otel       the same in OpenTelemetry's terms
//! ```
//!
//! All of it costs a load and a comparison for as long as nobody listens at the level `DEBUG`.

mod current;
mod handler;
mod info;
#[cfg(feature = "opentelemetry")]
mod otel;
mod send;

pub use current::current_trace;
pub(crate) use handler::failed;
pub use handler::{Handler, HandlerSpan, Traced, Within};
pub use info::{EventInfo, EventKind};
pub(crate) use send::{SenderSpan, mark};
use tracing::Level;
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};

/// What the spans are filtered by, as in `RUST_LOG=info,edri::event=debug`.
const TARGET: &str = "edri::event";

/// Whether somebody listens to each event being handled: a load and a comparison while nobody does.
#[inline]
pub fn is_traced() -> bool {
    Level::DEBUG <= STATIC_MAX_LEVEL && Level::DEBUG <= LevelFilter::current() && is_wanted()
}

#[cold]
fn is_wanted() -> bool {
    tracing::span_enabled!(target: TARGET, Level::DEBUG)
}
