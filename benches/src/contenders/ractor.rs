//! Ractor, whose mailboxes have no bound; its pool is its factory.

use std::{borrow::Borrow, marker::PhantomData, sync::Arc};

use ractor::{
    Actor, ActorProcessingErr, ActorRef, RpcReplyPort,
    factory::{
        Factory, FactoryArguments, FactoryRef, Job, Worker, WorkerId, queues::DefaultQueue,
        routing::QueuerRouting, worker_builder,
    },
    rpc::CallResult,
};

use super::actor_crate::{self, ActorCrate, pool_of_tasks};
use crate::{
    contender::Contender,
    drive::{Asker, Publisher, Teller},
    event::{Event, Request, Work},
    scenario::WORKERS,
    tally::Tally,
};

pub(crate) fn contenders() -> Vec<Contender> {
    let mut contenders = actor_crate::contenders::<Ractor>();
    contenders.extend(pool_of_tasks("ractor factory", start_factory));
    contenders
}

struct Ractor;

impl ActorCrate for Ractor {
    const NAME: &'static str = "ractor (unbounded)";

    type Teller = ActorRef<Event>;
    type Asker = ActorRef<Question>;
    type Publisher = Vec<ActorRef<Arc<Event>>>;

    async fn start_receiver(tally: Tally) -> Self::Teller {
        start(Receiver(PhantomData), tally).await
    }

    async fn start_answerer() -> Self::Asker {
        start(Answerer, Work::None).await
    }

    async fn start_subscribers(tallies: Vec<Tally>) -> Self::Publisher {
        let mut subscribers = Vec::new();
        for tally in tallies {
            subscribers.push(start(Receiver(PhantomData), tally).await);
        }
        subscribers
    }
}

async fn start<A: Actor>(actor: A, arguments: A::Arguments) -> ActorRef<A::Msg> {
    Actor::spawn(None, actor, arguments).await.expect("actors without a name start").0
}

/// Counts events, be they plain or shared.
struct Receiver<E>(PhantomData<fn(E)>);

impl<E: Borrow<Event> + Send + 'static> Actor for Receiver<E> {
    type Msg = E;
    type State = Tally;
    type Arguments = Tally;

    async fn pre_start(&self, _: ActorRef<E>, tally: Tally) -> Result<Tally, ActorProcessingErr> {
        Ok(tally)
    }

    async fn handle(&self, _: ActorRef<E>, event: E, tally: &mut Tally) -> Result<(), ActorProcessingErr> {
        tally.count(event.borrow());
        Ok(())
    }
}

impl Teller for ActorRef<Event> {
    async fn tell(&mut self, event: Event) {
        self.cast(event).expect("the receiver lives as long as the run");
        // Sending never waits: without this the sender would not let go of its thread before the last event.
        tokio::task::consume_budget().await;
    }
}

impl Publisher for Vec<ActorRef<Arc<Event>>> {
    async fn publish(&mut self, event: Event) {
        let event = Arc::new(event);
        for subscriber in self.iter() {
            subscriber.cast(event.clone()).expect("the subscribers live as long as the run");
            tokio::task::consume_budget().await;
        }
    }
}

/// A request with the place for its answer.
#[derive(Debug)]
struct Question {
    request: Request,
    answer: RpcReplyPort<u64>,
}

impl Question {
    fn answer(self, work: Work) {
        // An asker that is gone needs no answer.
        let _ = self.answer.send(work.answer(self.request));
    }
}

struct Answerer;

impl Actor for Answerer {
    type Msg = Question;
    type State = Work;
    type Arguments = Work;

    async fn pre_start(&self, _: ActorRef<Question>, work: Work) -> Result<Work, ActorProcessingErr> {
        Ok(work)
    }

    async fn handle(
        &self,
        _: ActorRef<Question>,
        question: Question,
        work: &mut Work,
    ) -> Result<(), ActorProcessingErr> {
        question.answer(*work);
        Ok(())
    }
}

impl Asker for ActorRef<Question> {
    async fn ask(&self, request: Request) -> u64 {
        let answer = self.call(|answer| Question { request, answer }, None).await;
        answered(answer.expect("the answerer lives as long as the run"))
    }
}

fn answered(answer: CallResult<u64>) -> u64 {
    match answer {
        CallResult::Success(answer) => answer,
        CallResult::Timeout | CallResult::SenderError => panic!("a request was not answered"),
    }
}

struct PoolWorker;

impl Worker for PoolWorker {
    type Key = u64;
    type Message = Question;
    type State = Work;
    type Arguments = Work;

    async fn pre_start(
        &self,
        _: WorkerId,
        _: &FactoryRef<u64, Question>,
        work: Work,
    ) -> Result<Work, ActorProcessingErr> {
        Ok(work)
    }

    async fn handle(
        &self,
        _: WorkerId,
        _: &FactoryRef<u64, Question>,
        job: Job<u64, Question>,
        work: &mut Work,
    ) -> Result<u64, ActorProcessingErr> {
        job.msg.answer(*work);
        Ok(job.key)
    }
}

struct Pool(FactoryRef<u64, Question>);

impl Asker for Pool {
    async fn ask(&self, request: Request) -> u64 {
        let answer = self.0.call_job(request.number, |answer| Question { request, answer }, None).await;
        answered(answer.expect("the factory lives as long as the run"))
    }
}

async fn start_factory(work: Work) -> Pool {
    type Queue = DefaultQueue<u64, Question>;
    type Routing = QueuerRouting<u64, Question>;
    let arguments = FactoryArguments::builder()
        .worker_builder(Box::new(worker_builder(move |_| (PoolWorker, work))))
        .queue(Queue::default())
        .router(Routing::default())
        .num_initial_workers(WORKERS)
        .build();
    Pool(start(Factory::<u64, Question, Work, PoolWorker, Routing, Queue>::default(), arguments).await)
}
