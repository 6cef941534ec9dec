//! What the actor crates have in common: the kinds of actors they start, and the scenarios that follow.

use std::future::Future;

use crate::{
    contender::Contender,
    drive::{self, Asker, Publisher, Teller},
    event::Work,
    measure::Sample,
    memory,
    runtime::on_two_workers,
    scenario::{ASKS_IN_FLIGHT, JOBS_IN_FLIGHT, SENDERS, SUBSCRIBERS, Scenario},
    tally::{Tally, tallies, tally},
};

/// How a crate starts its actors, each returning the handle that reaches it.
pub(crate) trait ActorCrate: 'static {
    /// The contender's name.
    const NAME: &'static str;

    /// Reaches a receiver of events.
    type Teller: Teller + Clone;
    /// Reaches an actor that answers.
    type Asker: Asker + Clone;
    /// Reaches all subscribers.
    type Publisher: Publisher;

    /// Starts an actor that counts events.
    fn start_receiver(tally: Tally) -> impl Future<Output = Self::Teller> + Send;

    /// Starts an actor that answers.
    fn start_answerer() -> impl Future<Output = Self::Asker> + Send;

    /// Starts an actor for each of the tallies, which counts shared events.
    fn start_subscribers(tallies: Vec<Tally>) -> impl Future<Output = Self::Publisher> + Send;

    /// Runs a contender where this crate's actors live.
    fn run(contender: impl Future<Output = Sample> + Send + 'static) -> Sample {
        on_two_workers(contender)
    }
}

/// The scenarios every actor crate takes part in.
///
/// None of them takes a batch or answers on the caller's task, so there they do what they always do.
pub(crate) fn contenders<C: ActorCrate>() -> Vec<Contender> {
    vec![
        Contender::new(Scenario::Tell, C::NAME, tell::<C>),
        Contender::new(Scenario::TellBatch, C::NAME, tell::<C>),
        Contender::new(Scenario::Ask, C::NAME, ask::<C>),
        Contender::new(Scenario::AskInline, C::NAME, ask::<C>),
        Contender::new(Scenario::AskInflight, C::NAME, ask_in_flight::<C>),
        Contender::new(Scenario::AskInflightTasks, C::NAME, ask_from_tasks::<C>),
        Contender::new(Scenario::Fanout, C::NAME, fanout::<C>),
        Contender::new(Scenario::Fanin, C::NAME, fanin::<C>),
        Contender::new(Scenario::Idle, C::NAME, idle::<C>),
    ]
}

/// A crate's pool of workers in both scenarios with tasks.
pub(crate) fn pool_of_tasks<A: Asker, F>(name: &'static str, start: fn(Work) -> F) -> Vec<Contender>
where
    F: Future<Output = A> + Send + 'static,
{
    [Work::None, Work::Microsecond]
        .into_iter()
        .map(|work| {
            Contender::new(Scenario::PoolTasks(work), name, move |jobs| {
                on_two_workers(
                    async move { drive::ask_in_flight(jobs, JOBS_IN_FLIGHT, start(work).await).await },
                )
            })
        })
        .collect()
}

fn tell<C: ActorCrate>(events: u64) -> Sample {
    C::run(async move {
        let (tally, arrivals) = tally(events);
        drive::tell(events, C::start_receiver(tally).await, arrivals).await
    })
}

fn fanin<C: ActorCrate>(events: u64) -> Sample {
    C::run(async move {
        let (tally, arrivals) = tally(events);
        drive::tell_from_tasks(events, SENDERS, C::start_receiver(tally).await, arrivals).await
    })
}

fn ask<C: ActorCrate>(requests: u64) -> Sample {
    C::run(async move { drive::ask(requests, C::start_answerer().await).await })
}

fn ask_in_flight<C: ActorCrate>(requests: u64) -> Sample {
    C::run(async move { drive::ask_in_flight(requests, ASKS_IN_FLIGHT, C::start_answerer().await).await })
}

fn ask_from_tasks<C: ActorCrate>(requests: u64) -> Sample {
    C::run(async move { drive::ask_from_tasks(requests, ASKS_IN_FLIGHT, C::start_answerer().await).await })
}

fn fanout<C: ActorCrate>(deliveries: u64) -> Sample {
    C::run(async move {
        let events = deliveries / SUBSCRIBERS as u64;
        let (tallies, arrivals) = tallies(SUBSCRIBERS, events);
        drive::publish(events, C::start_subscribers(tallies).await, arrivals).await
    })
}

fn idle<C: ActorCrate>(count: u64) -> Sample {
    C::run(memory::of_each(count, async move {
        let mut held = Vec::with_capacity(count as usize);
        for _ in 0..count {
            held.push(C::start_answerer().await);
        }
        held
    }))
}
