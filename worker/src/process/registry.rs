use std::any::TypeId;

use super::child::Post;
use crate::worker::Worker;

/// A worker that may run in a process of its own. Implemented by `#[worker]` on the worker's `impl` block, which also enters
/// it into the program's table of workers; without that a pool of them does not [start](crate::PoolError::NotEnlisted).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot run in a process of its own: nothing would find it there",
    label = "not a worker with a name",
    note = "put `#[worker]` on `impl Worker for {Self}`"
)]
pub trait ProcessWorker: Worker {
    /// Its name: the same in a program and in that which replaces it.
    const NAME: &'static str;

    /// A new one, in its own process.
    fn make() -> Self;
}

/// An entry in the program's table of workers.
#[derive(Debug)]
pub struct Enlisted {
    name: &'static str,
    is: fn() -> TypeId,
    pub(super) work: fn(Post) -> Result<(), String>,
}

inventory::collect!(Enlisted);

impl Enlisted {
    /// That of a worker.
    #[doc(hidden)]
    pub const fn of<W: ProcessWorker>() -> Self {
        Self { name: W::NAME, is: TypeId::of::<W>, work: super::child::work::<W> }
    }
}

/// What is wrong with the entry of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Amiss {
    NotThere,
    /// There are others of that name.
    Ambiguous,
}

/// Whether a child of this program would find this worker.
pub(super) fn check<W: ProcessWorker>() -> Result<(), Amiss> {
    let mut named = inventory::iter::<Enlisted>().filter(|entry| entry.name == W::NAME);
    match (named.next(), named.next()) {
        (None, _) => Err(Amiss::NotThere),
        (Some(entry), None) if (entry.is)() == TypeId::of::<W>() => Ok(()),
        _ => Err(Amiss::Ambiguous),
    }
}

/// The worker of that name.
pub(super) fn find(name: &str) -> Option<&'static Enlisted> {
    inventory::iter::<Enlisted>().find(|entry| entry.name == name)
}

/// All there are, for people.
pub(super) fn names() -> String {
    let mut names: Vec<_> = inventory::iter::<Enlisted>().map(|entry| entry.name).collect();
    names.sort_unstable();
    names.join(", ")
}
