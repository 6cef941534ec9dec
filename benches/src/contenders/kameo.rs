//! Kameo, with bounded mailboxes; its pool is that of `kameo_actors`.

use std::sync::Arc;

use kameo::{
    Actor,
    actor::{ActorRef, Spawn},
    mailbox,
    message::{Context, Message},
};
use kameo_actors::pool::{ActorPool, Dispatch};

use super::actor_crate::{self, ActorCrate, pool_of_tasks};
use crate::{
    contender::Contender,
    drive::{Asker, Publisher, Teller},
    event::{Event, Request, Work},
    scenario::{CAPACITY, WORKERS},
    tally::Tally,
};

pub(crate) fn contenders() -> Vec<Contender> {
    let mut contenders = actor_crate::contenders::<Kameo>();
    contenders.extend(pool_of_tasks("kameo pool", start_pool));
    contenders.extend(pool_of_tasks("kameo 8 actors", start_workers));
    contenders
}

struct Kameo;

impl ActorCrate for Kameo {
    const NAME: &'static str = "kameo";

    type Teller = ActorRef<Receiver>;
    type Asker = ActorRef<Answerer>;
    type Publisher = Vec<ActorRef<Receiver>>;

    async fn start_receiver(tally: Tally) -> Self::Teller {
        Receiver::spawn_with_mailbox(Receiver(tally), mailbox::bounded(CAPACITY))
    }

    async fn start_answerer() -> Self::Asker {
        start_worker(Work::None)
    }

    async fn start_subscribers(tallies: Vec<Tally>) -> Self::Publisher {
        tallies
            .into_iter()
            .map(|tally| Receiver::spawn_with_mailbox(Receiver(tally), mailbox::bounded(CAPACITY)))
            .collect()
    }
}

#[derive(Actor)]
struct Receiver(Tally);

impl Message<Event> for Receiver {
    type Reply = ();

    async fn handle(&mut self, event: Event, _: &mut Context<Self, Self::Reply>) {
        self.0.count(&event);
    }
}

impl Message<Arc<Event>> for Receiver {
    type Reply = ();

    async fn handle(&mut self, event: Arc<Event>, _: &mut Context<Self, Self::Reply>) {
        self.0.count(&event);
    }
}

impl Teller for ActorRef<Receiver> {
    async fn tell(&mut self, event: Event) {
        ActorRef::tell(self, event).await.expect("the receiver lives as long as the run");
    }
}

impl Publisher for Vec<ActorRef<Receiver>> {
    async fn publish(&mut self, event: Event) {
        let event = Arc::new(event);
        for subscriber in self.iter() {
            ActorRef::tell(subscriber, event.clone()).await.expect("the subscribers live as long as the run");
        }
    }
}

#[derive(Actor)]
struct Answerer(Work);

impl Message<Request> for Answerer {
    type Reply = u64;

    async fn handle(&mut self, request: Request, _: &mut Context<Self, Self::Reply>) -> u64 {
        self.0.answer(request)
    }
}

impl Asker for ActorRef<Answerer> {
    async fn ask(&self, request: Request) -> u64 {
        ActorRef::ask(self, request).await.expect("every request is answered")
    }
}

fn start_worker(work: Work) -> ActorRef<Answerer> {
    Answerer::spawn_with_mailbox(Answerer(work), mailbox::bounded(CAPACITY))
}

struct Pool(ActorRef<ActorPool<Answerer>>);

impl Asker for Pool {
    async fn ask(&self, request: Request) -> u64 {
        self.0.ask(Dispatch(request)).await.expect("every job is answered")
    }
}

async fn start_pool(work: Work) -> Pool {
    let pool = ActorPool::new(WORKERS, move || start_worker(work));
    Pool(ActorPool::spawn_with_mailbox(pool, mailbox::bounded(CAPACITY)))
}

/// Workers that take turns by the number of the job.
struct Workers(Vec<ActorRef<Answerer>>);

impl Asker for Workers {
    async fn ask(&self, request: Request) -> u64 {
        Asker::ask(&self.0[request.number as usize % WORKERS], request).await
    }
}

async fn start_workers(work: Work) -> Workers {
    Workers((0..WORKERS).map(|_| start_worker(work)).collect())
}
