//! EDRI itself.

use crate::contender::Contender;

/// The scenarios EDRI takes part in; the names of its contenders begin with `edri`.
///
/// ```text
/// Contender::new(Scenario::Tell, "edri", |events| {
///     on_two_workers(async move {
///         let (tally, arrivals) = tally(events);      // the handler calls tally.count(&event)
///         let sender = ...;                           // set up, not timed
///         drive::tell(events, sender, arrivals).await // timed; `sender` is a `drive::Teller`
///     })
/// })
/// ```
///
/// Scenario `table` has no raw equivalent: its steady contender is the base, by `base()`.
pub(crate) fn contenders() -> Vec<Contender> {
    Vec::new()
}
