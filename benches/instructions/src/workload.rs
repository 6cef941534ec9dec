use std::hint::black_box;

use edri::prelude::*;
use tokio::sync::{mpsc, oneshot};

/// What is counted. All run on one thread, so that the same is done in the same order each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    /// Plain: events through a bounded channel to a task.
    Channel,
    /// Plain: the same with an answer by a oneshot channel.
    ChannelAsk,
    /// Notifications to a handler that never waits.
    Notify,
    /// Notifications to a handler that may wait.
    NotifyAsync,
    /// Requests to a handler that never waits.
    Request,
    /// Requests to a handler that may wait and wants its context.
    RequestAsync,
    /// Notifications handled on the sender's task.
    InlineNotify,
    /// Requests handled on the requester's task.
    InlineRequest,
    /// The same by a handler that may wait.
    InlineRequestAsync,
    /// Jobs for a pool of one task.
    Job,
}

/// How many may wait, for channels and managers alike.
const CAPACITY: usize = 1024;

impl Workload {
    const ALL: [Self; 10] = [
        Self::Channel,
        Self::ChannelAsk,
        Self::Notify,
        Self::NotifyAsync,
        Self::Request,
        Self::RequestAsync,
        Self::InlineNotify,
        Self::InlineRequest,
        Self::InlineRequestAsync,
        Self::Job,
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|workload| workload.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::ChannelAsk => "channel-ask",
            Self::Notify => "notify",
            Self::NotifyAsync => "notify-async",
            Self::Request => "request",
            Self::RequestAsync => "request-async",
            Self::InlineNotify => "inline-notify",
            Self::InlineRequest => "inline-request",
            Self::InlineRequestAsync => "inline-request-async",
            Self::Job => "job",
        }
    }

    pub(crate) fn run(self, events: u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
        runtime.block_on(async move {
            match self {
                Self::Channel => channel(events).await,
                Self::ChannelAsk => channel_ask(events).await,
                Self::Notify => notify::<Tell>(Host::new(Handlers::default()), events).await,
                Self::NotifyAsync => notify::<TellAsync>(Host::new(Handlers::default()), events).await,
                Self::Request => request::<Ask>(Host::new(Handlers::default()), events).await,
                Self::RequestAsync => request::<AskAsync>(Host::new(Handlers::default()), events).await,
                Self::InlineNotify => notify::<Tell>(Host::new(Handlers::default()).inline(), events).await,
                Self::InlineRequest => request::<Ask>(Host::new(Handlers::default()).inline(), events).await,
                Self::InlineRequestAsync => {
                    request::<AskAsync>(Host::new(Handlers::default()).inline(), events).await;
                }
                Self::Job => job(events).await,
            }
        });
    }
}

#[derive(Notification)]
struct Tell(u64);

#[derive(Notification)]
struct TellAsync(u64);

#[derive(Request)]
#[request(response = u64)]
struct Ask(u64);

#[derive(Request)]
#[request(response = u64)]
struct AskAsync(u64);

impl From<u64> for Tell {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<u64> for TellAsync {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<u64> for Ask {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<u64> for AskAsync {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

#[derive(Default)]
struct Handlers {
    sum: u64,
}

#[manager(capacity = 1024)]
impl Handlers {
    #[notification]
    fn tell(&mut self, event: &Tell) {
        self.sum = black_box(self.sum.wrapping_add(event.0));
    }

    #[notification]
    async fn tell_async(&mut self, event: &TellAsync) {
        self.sum = black_box(self.sum.wrapping_add(event.0));
    }

    #[request]
    fn ask(&mut self, event: Ask) -> u64 {
        self.sum = self.sum.wrapping_add(event.0);
        self.sum
    }

    #[request]
    async fn ask_async(&mut self, event: AskAsync, cx: &Context) -> u64 {
        black_box(cx.is_cancelled());
        self.sum = self.sum.wrapping_add(event.0);
        self.sum
    }
}

struct Summer(u64);

impl Worker for Summer {
    type Job = Ask;

    async fn run(&mut self, job: Ask, _: &WorkerContext) -> Result<u64, Failure> {
        self.0 = self.0.wrapping_add(job.0);
        Ok(self.0)
    }
}

async fn channel(events: u64) {
    let (sender, mut receiver) = mpsc::channel(CAPACITY);
    let receiving = tokio::spawn(async move {
        let mut sum = 0_u64;
        while let Some(number) = receiver.recv().await {
            sum = black_box(sum.wrapping_add(number));
        }
    });
    for number in 0..events {
        sender.send(number).await.expect("the receiver is there");
    }
    drop(sender);
    receiving.await.expect("the receiver ends");
}

async fn channel_ask(events: u64) {
    let (sender, mut receiver) = mpsc::channel::<(u64, oneshot::Sender<u64>)>(CAPACITY);
    let receiving = tokio::spawn(async move {
        let mut sum = 0_u64;
        while let Some((number, reply)) = receiver.recv().await {
            sum = sum.wrapping_add(number);
            reply.send(sum).expect("the sender waits");
        }
    });
    for number in 0..events {
        let (reply, answer) = oneshot::channel();
        sender.send((number, reply)).await.expect("the receiver is there");
        black_box(answer.await.expect("the receiver answers"));
    }
    drop(sender);
    receiving.await.expect("the receiver ends");
}

async fn notify<E: Notification + From<u64>>(host: Host<Handlers>, events: u64) {
    let router = Router::new();
    let manager = host.start(&router).await.expect("it starts");
    for number in 0..events {
        router.notify(E::from(number)).await.expect("nobody refuses");
    }
    // Answered when all that came before has been handled.
    black_box(router.request(Ask(0)).await.expect("it is there"));
    drop(manager);
}

async fn request<R: edri::event::Request<Response = u64> + From<u64>>(host: Host<Handlers>, events: u64) {
    let router = Router::new();
    let manager = host.start(&router).await.expect("it starts");
    for number in 0..events {
        black_box(router.request(R::from(number)).await.expect("it answers"));
    }
    drop(manager);
}

async fn job(events: u64) {
    let router = Router::new();
    let pool = Pool::tasks(1, || Summer(0)).start(&router).expect("it starts");
    for number in 0..events {
        black_box(router.request(Ask(number)).await.expect("it answers"));
    }
    drop(pool);
}
