use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use edri_event::{EventId, Key, Meta, Origin, Priority, ProgressSink, TraceContext};

/// What becomes of something that came in, until it is done.
pub type Arriving<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What came beside an event.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Arrival {
    /// The router that sent it.
    pub origin: Origin,
    /// Its identity there.
    pub id: Option<EventId>,
    /// The key that keeps it in order with others.
    pub key: Option<Key>,
    /// Its lane.
    pub priority: Priority,
    /// When nobody waits for it any more.
    pub deadline: Option<Instant>,
    /// Its place in a trace.
    pub trace: Option<TraceContext>,
    /// Where reports of progress go.
    pub progress: Option<ProgressSink>,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
}

impl Arrival {
    /// From that router, and nothing more.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            id: None,
            key: None,
            priority: Priority::Normal,
            deadline: None,
            trace: None,
            progress: None,
            redelivered: false,
        }
    }

    /// As it travels beside the event here.
    pub fn into_meta(self) -> Meta {
        let Self { origin, id, key, deadline, trace, progress, redelivered, priority: _ } = self;
        let mut meta = Meta::new();
        meta.set_origin(origin);
        if let Some(id) = id {
            meta.set_id(id);
        }
        if let Some(key) = key {
            meta.set_key(key);
        }
        if let Some(deadline) = deadline {
            meta.set_deadline(deadline);
        }
        if let Some(trace) = trace {
            meta.set_trace(trace);
        }
        if let Some(progress) = progress {
            meta.set_progress(progress);
        }
        if redelivered {
            meta.set_redelivered();
        }
        meta
    }
}
