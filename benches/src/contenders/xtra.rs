//! Xtra, with bounded mailboxes; its pool is one mailbox that several actors share.

use std::sync::Arc;

use xtra::{Actor, Address, Context, Handler, Mailbox};

use super::actor_crate::{self, ActorCrate, pool_of_tasks};
use crate::{
    contender::Contender,
    drive::{self, Asker, Publisher, Teller},
    event::{Event, Request, Work},
    measure::Sample,
    runtime::on_two_workers,
    scenario::{CAPACITY, SUBSCRIBERS, Scenario, WORKERS},
    tally::{Tally, tallies},
};

pub(crate) fn contenders() -> Vec<Contender> {
    let mut contenders = actor_crate::contenders::<Xtra>();
    contenders.push(Contender::new(Scenario::Fanout, "xtra broadcast", broadcast));
    contenders.extend(pool_of_tasks("xtra shared mailbox", start_pool));
    contenders
}

struct Xtra;

impl ActorCrate for Xtra {
    const NAME: &'static str = "xtra";

    type Teller = Address<Receiver>;
    type Asker = Address<Answerer>;
    type Publisher = Vec<Address<Receiver>>;

    async fn start_receiver(tally: Tally) -> Self::Teller {
        xtra::spawn_tokio(Receiver(tally), Mailbox::bounded(CAPACITY))
    }

    async fn start_answerer() -> Self::Asker {
        xtra::spawn_tokio(Answerer(Work::None), Mailbox::bounded(CAPACITY))
    }

    async fn start_subscribers(tallies: Vec<Tally>) -> Self::Publisher {
        tallies
            .into_iter()
            .map(|tally| xtra::spawn_tokio(Receiver(tally), Mailbox::bounded(CAPACITY)))
            .collect()
    }
}

#[derive(Actor)]
struct Receiver(Tally);

impl Handler<Event> for Receiver {
    type Return = ();

    async fn handle(&mut self, event: Event, _: &mut Context<Self>) {
        self.0.count(&event);
    }
}

impl Handler<Arc<Event>> for Receiver {
    type Return = ();

    async fn handle(&mut self, event: Arc<Event>, _: &mut Context<Self>) {
        self.0.count(&event);
    }
}

impl Teller for Address<Receiver> {
    async fn tell(&mut self, event: Event) {
        let _answer = self.send(event).detach().await.expect("the receiver lives as long as the run");
    }
}

impl Publisher for Vec<Address<Receiver>> {
    async fn publish(&mut self, event: Event) {
        let event = Arc::new(event);
        for subscriber in self.iter() {
            let sent = subscriber.send(event.clone()).detach().await;
            let _answer = sent.expect("the subscribers live as long as the run");
        }
    }
}

/// The one address of several subscribers, each of which gets what is broadcast to it.
struct Broadcast(Address<Receiver>);

impl Publisher for Broadcast {
    async fn publish(&mut self, event: Event) {
        let event = Arc::new(event);
        self.0.broadcast(event).await.expect("the subscribers live as long as the run");
    }
}

fn broadcast(deliveries: u64) -> Sample {
    on_two_workers(async move {
        let events = deliveries / SUBSCRIBERS as u64;
        let (tallies, arrivals) = tallies(SUBSCRIBERS, events);
        let (address, mailbox) = Mailbox::bounded(CAPACITY);
        for tally in tallies {
            tokio::spawn(xtra::run(mailbox.clone(), Receiver(tally)));
        }
        // Every mailbox gets what is broadcast, and one that nobody reads would fill up.
        drop(mailbox);
        drive::publish(events, Broadcast(address), arrivals).await
    })
}

#[derive(Actor)]
struct Answerer(Work);

impl Handler<Request> for Answerer {
    type Return = u64;

    async fn handle(&mut self, request: Request, _: &mut Context<Self>) -> u64 {
        self.0.answer(request)
    }
}

impl Asker for Address<Answerer> {
    async fn ask(&self, request: Request) -> u64 {
        self.send(request).await.expect("every request is answered")
    }
}

async fn start_pool(work: Work) -> Address<Answerer> {
    let (address, mailbox) = Mailbox::bounded(CAPACITY);
    for _ in 0..WORKERS {
        tokio::spawn(xtra::run(mailbox.clone(), Answerer(work)));
    }
    address
}
