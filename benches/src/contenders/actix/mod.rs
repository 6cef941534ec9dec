//! Actix, with the sender on the actor's arbiter or on another, its broker, and its pool of threads.
//!
//! An arbiter is one thread with a runtime of its own, so these do not run on the runtime of the others.

mod broker;
mod pool;

use std::{future::Future, sync::Arc};

use actix::{
    Actor, Addr, Arbiter, ArbiterHandle, Context, Handler, Message, System, dev::ToEnvelope,
    prelude::SendError,
};
use tokio::sync::oneshot;

use super::actor_crate::{self, ActorCrate};
use crate::{
    contender::Contender,
    drive::{Asker, Publisher, Teller},
    event::{Event, Request, Work},
    measure::Sample,
    scenario::{CAPACITY, Scenario},
    tally::Tally,
};

pub(crate) fn contenders() -> Vec<Contender> {
    let mut contenders = actor_crate::contenders::<Same>();
    for contender in actor_crate::contenders::<Other>() {
        // Each of its requests wakes two sleeping threads.
        let one_at_a_time = matches!(contender.scenario, Scenario::Ask | Scenario::AskInline);
        contenders.push(if one_at_a_time { contender.with_share(0.02) } else { contender });
    }
    contenders.extend(broker::contenders());
    contenders.extend(pool::contenders());
    contenders
}

/// Sender and actors on one arbiter.
struct Same;

impl ActorCrate for Same {
    const NAME: &'static str = "actix same arbiter";

    type Teller = Addr<Receiver>;
    type Asker = Addr<Answerer>;
    type Publisher = Vec<Addr<Receiver>>;

    async fn start_receiver(tally: Tally) -> Self::Teller {
        Receiver(tally).start()
    }

    async fn start_answerer() -> Self::Asker {
        Answerer.start()
    }

    async fn start_subscribers(tallies: Vec<Tally>) -> Self::Publisher {
        tallies.into_iter().map(|tally| Receiver(tally).start()).collect()
    }

    fn run(contender: impl Future<Output = Sample> + Send + 'static) -> Sample {
        on_an_arbiter(contender)
    }
}

/// The sender on one arbiter, the actors on the system's.
struct Other;

impl ActorCrate for Other {
    const NAME: &'static str = "actix other arbiter";

    type Teller = Addr<Receiver>;
    type Asker = Addr<Answerer>;
    type Publisher = Vec<Addr<Receiver>>;

    async fn start_receiver(tally: Tally) -> Self::Teller {
        Receiver::start_in_arbiter(&system_arbiter(), |_| Receiver(tally))
    }

    async fn start_answerer() -> Self::Asker {
        Answerer::start_in_arbiter(&system_arbiter(), |_| Answerer)
    }

    async fn start_subscribers(tallies: Vec<Tally>) -> Self::Publisher {
        tallies
            .into_iter()
            .map(|tally| Receiver::start_in_arbiter(&system_arbiter(), |_| Receiver(tally)))
            .collect()
    }

    fn run(contender: impl Future<Output = Sample> + Send + 'static) -> Sample {
        on_an_arbiter(contender)
    }
}

/// Runs `contender` on a fresh arbiter of a fresh system.
fn on_an_arbiter(contender: impl Future<Output = Sample> + Send + 'static) -> Sample {
    let system = System::new();
    let sample = system.block_on(async {
        let (finish, finished) = oneshot::channel();
        Arbiter::new().spawn(async move {
            let _ = finish.send(contender.await);
        });
        finished.await.expect("the contender panicked")
    });
    System::current().stop();
    system.run().expect("the system stops when it is told to");
    sample
}

fn system_arbiter() -> ArbiterHandle {
    System::current().arbiter().clone()
}

impl Message for Event {
    type Result = ();
}

impl Message for Request {
    type Result = u64;
}

/// Sends a message, giving way to the actor while its mailbox is full.
async fn send<A, M>(address: &Addr<A>, message: M)
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    let mut next = Some(message);
    while let Some(message) = next.take() {
        match address.try_send(message) {
            Ok(()) => {}
            Err(SendError::Full(message)) => {
                next = Some(message);
                tokio::task::yield_now().await;
            }
            Err(SendError::Closed(_)) => panic!("an actor ended before its last event"),
        }
    }
}

struct Receiver(Tally);

impl Actor for Receiver {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(CAPACITY);
    }
}

impl Handler<Event> for Receiver {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        self.0.count(&event);
    }
}

impl Handler<Arc<Event>> for Receiver {
    type Result = ();

    fn handle(&mut self, event: Arc<Event>, _: &mut Self::Context) {
        self.0.count(&event);
    }
}

impl Teller for Addr<Receiver> {
    async fn tell(&mut self, event: Event) {
        send(self, event).await;
    }
}

impl Publisher for Vec<Addr<Receiver>> {
    async fn publish(&mut self, event: Event) {
        let event = Arc::new(event);
        for subscriber in self.iter() {
            send(subscriber, event.clone()).await;
        }
    }
}

struct Answerer;

impl Actor for Answerer {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(CAPACITY);
    }
}

impl Handler<Request> for Answerer {
    type Result = u64;

    fn handle(&mut self, request: Request, _: &mut Self::Context) -> u64 {
        Work::None.answer(request)
    }
}

impl Asker for Addr<Answerer> {
    async fn ask(&self, request: Request) -> u64 {
        self.send(request).await.expect("every request is answered")
    }
}
