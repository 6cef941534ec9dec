use std::cell::Cell;

use edri_event::TraceContext;

thread_local! {
    static CURRENT: Cell<Option<TraceContext>> = const { Cell::new(None) };
}

/// The trace to which what runs here belongs, and the span of its handler: what a handler tells another system, as
/// in the header `traceparent`.
///
/// `None` outside handlers, and while nobody listens to traces.
pub fn current_trace() -> Option<TraceContext> {
    CURRENT.get()
}

/// Until this is dropped, `trace` is the current one.
pub(super) fn enter(trace: TraceContext) -> Entered {
    Entered { before: CURRENT.replace(Some(trace)) }
}

#[must_use = "dropping it leaves the trace"]
pub(super) struct Entered {
    before: Option<TraceContext>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}
