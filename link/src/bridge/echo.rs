//! What came over a link does not go back over it.
//!
//! A router hands an event to everybody on its route, and the link it came over may be among them. Dispatching begins
//! in one poll: while it lasts, the thread knows where the event came from, and the link's own place on the route
//! declines.

use std::any::TypeId;
use std::cell::Cell;

/// One of the links of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinkId(pub(super) u64);

thread_local! {
    static ARRIVING: Cell<Option<(LinkId, TypeId)>> = const { Cell::new(None) };
}

/// Calls `dispatch` for an event of this type that came over `link`.
pub(super) fn arriving<T>(link: LinkId, event: TypeId, dispatch: impl FnOnce() -> T) -> T {
    let before = ARRIVING.replace(Some((link, event)));
    let dispatched = dispatch();
    ARRIVING.set(before);
    dispatched
}

/// Whether the event that is being dispatched came over `link`.
pub(super) fn is_echo(link: LinkId, event: TypeId) -> bool {
    ARRIVING.get() == Some((link, event))
}

/// The same for a notification, which is offered to each once: a handler that runs within the same poll may send
/// another of its type, and that is no echo.
pub(super) fn is_the_echo(link: LinkId, event: TypeId) -> bool {
    let echo = is_echo(link, event);
    if echo {
        ARRIVING.set(None);
    }
    echo
}
