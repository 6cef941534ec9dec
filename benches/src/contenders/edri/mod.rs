//! EDRI itself, as its users write it: managers by `#[manager]`, pools by `Pool`, everything through a router.

mod ask;
#[cfg(target_os = "linux")]
mod command;
mod idle;
mod pool;
mod table;
mod tell;

use edri::prelude::{Context, manager};

use crate::{
    contender::Contender,
    drive::{Asker, AskerInTurn, Publisher, Teller},
    event::{Event, Request, Work},
    tally::Tally,
};

/// The scenarios EDRI takes part in; the names of its contenders begin with `edri`.
pub(crate) fn contenders() -> Vec<Contender> {
    [
        tell::contenders(),
        ask::contenders(),
        pool::contenders(),
        table::contenders(),
        idle::contenders(),
        #[cfg(target_os = "linux")]
        command::contenders(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Counts what it is told.
struct Receiver(Tally);

#[manager(capacity = crate::scenario::CAPACITY)]
impl Receiver {
    #[notification]
    fn told(&mut self, event: &Event) {
        self.0.count(event);
    }
}

/// Answers at once.
struct Answerer;

#[manager(capacity = crate::scenario::CAPACITY)]
impl Answerer {
    #[request]
    fn asked(&mut self, request: Request) -> u64 {
        Work::None.answer(request)
    }
}

/// The same by an async handler that is given its context.
struct AsyncAnswerer;

#[manager(capacity = crate::scenario::CAPACITY)]
impl AsyncAnswerer {
    #[request]
    async fn asked(&mut self, request: Request, _cx: &Context) -> u64 {
        Work::None.answer(request)
    }
}

/// A router, and what keeps those behind it at work.
struct Reached<K> {
    router: edri::router::Router,
    _kept: K,
}

impl<K: Send + Sync + 'static> Teller for Reached<K> {
    async fn tell(&mut self, event: Event) {
        self.router.notify(event).await.expect("nobody refuses");
    }
}

impl<K: Send + Sync + 'static> Publisher for Reached<K> {
    async fn publish(&mut self, event: Event) {
        self.router.notify(event).await.expect("nobody refuses");
    }
}

impl<K: Send + Sync + 'static> Asker for Reached<K> {
    async fn ask(&self, request: Request) -> u64 {
        self.router.request(request).await.expect("every request is answered")
    }
}

/// A handle that keeps its route, and what keeps those behind it at work.
struct Kept<K> {
    requester: edri::router::Requester<Request>,
    _kept: K,
}

impl<K: Send + Sync + 'static> AskerInTurn for Kept<K> {
    async fn ask(&mut self, request: Request) -> u64 {
        self.requester.request(request).await.expect("every request is answered")
    }
}

impl<K> From<Reached<K>> for Kept<K> {
    fn from(reached: Reached<K>) -> Self {
        Self { requester: reached.router.requester(), _kept: reached._kept }
    }
}

impl<K: Clone> Clone for Reached<K> {
    fn clone(&self) -> Self {
        Self { router: self.router.clone(), _kept: self._kept.clone() }
    }
}
