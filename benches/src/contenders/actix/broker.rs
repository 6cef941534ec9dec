//! `fanout` through actix-broker, with the sender on another arbiter than broker and subscribers.

use std::sync::Arc;

use actix::{Actor, Context, Handler, Message};
use actix_broker::{Broker, BrokerSubscribe, SystemBroker};

use super::{on_an_arbiter, system_arbiter};
use crate::{
    contender::Contender,
    drive::{self, Publisher},
    event::Event,
    measure::Sample,
    pace::{Pace, Progress, pace},
    scenario::{CAPACITY, SUBSCRIBERS, Scenario},
    tally::{Tally, tallies},
};

pub(crate) fn contenders() -> Vec<Contender> {
    vec![Contender::new(Scenario::Fanout, "actix-broker", fanout)]
}

/// The broker wants what it issues to be `Clone` and a message by itself.
#[derive(Clone)]
struct Issued(Arc<Event>);

impl Message for Issued {
    type Result = ();
}

/// Answered when the subscriber has subscribed: the broker drops what nobody has subscribed to.
struct Ready;

impl Message for Ready {
    type Result = ();
}

struct Subscriber {
    tally: Tally,
    progress: Progress,
}

impl Actor for Subscriber {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(CAPACITY);
        self.subscribe_system_async::<Issued>(context);
    }
}

impl Handler<Issued> for Subscriber {
    type Result = ();

    fn handle(&mut self, issued: Issued, _: &mut Self::Context) {
        self.tally.count(&issued.0);
        self.progress.advance();
    }
}

impl Handler<Ready> for Subscriber {
    type Result = ();

    fn handle(&mut self, _: Ready, _: &mut Self::Context) {}
}

/// The broker takes whatever it is given, so its sender waits for the subscribers.
struct Issuer(Pace);

impl Publisher for Issuer {
    async fn publish(&mut self, event: Event) {
        let event = Arc::new(event);
        self.0.until_allowed(event.number).await;
        Broker::<SystemBroker>::issue_async(Issued(event));
    }
}

fn fanout(deliveries: u64) -> Sample {
    on_an_arbiter(async move {
        let events = deliveries / SUBSCRIBERS as u64;
        let (tallies, arrivals) = tallies(SUBSCRIBERS, events);
        let (pace, progress) = pace(SUBSCRIBERS, CAPACITY as u64);
        for (tally, progress) in tallies.into_iter().zip(progress) {
            let subscriber = Subscriber { tally, progress };
            let address = Subscriber::start_in_arbiter(&system_arbiter(), |_| subscriber);
            address.send(Ready).await.expect("the subscribers live as long as the run");
        }
        drive::publish(events, Issuer(pace), arrivals).await
    })
}
