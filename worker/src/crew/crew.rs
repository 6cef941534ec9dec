use std::collections::VecDeque;
use std::sync::Arc;

use edri_event::{Failure, Meta, Request};
use edri_router::{Asked, ReplyTo, RequestError, Router, SharedReceiver};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::policy::Policy;
use super::standing::Standing;
use crate::leftovers::{Closing, Cut, Leftovers};
use crate::running::Staff;

/// What the slots of a pool share.
pub(crate) struct Crew<R: Request, P> {
    /// The pool's.
    pub(crate) name: Arc<str>,
    pub(crate) router: Router,
    pub(crate) policy: Policy,
    pub(crate) standing: Arc<Standing>,
    /// Makes of a job what a worker gets.
    pub(crate) prepare: Box<dyn Fn(R) -> Result<P, Failure> + Send + Sync>,
    pub(crate) closing: watch::Receiver<Closing>,
    pub(super) in_hand: Cut,
    jobs: SharedReceiver<Asked<R>>,
    /// Jobs that go before those that were not taken yet.
    first: Mutex<VecDeque<Taken<R, P>>>,
    more: Notify,
}

/// A job that is tried again.
pub(crate) struct Again<R: Request, P> {
    pub(super) payload: P,
    pub(super) meta: Meta,
    pub(super) reply: ReplyTo<R::Response>,
    /// How often it was tried.
    pub(super) attempts: u32,
}

/// A job that was taken.
pub(crate) enum Taken<R: Request, P> {
    New(Asked<R>),
    Again(Again<R, P>),
}

impl<R: Request, P: Send + 'static> Crew<R, P> {
    pub(crate) fn new(
        name: Arc<str>,
        router: Router,
        policy: Policy,
        standing: Arc<Standing>,
        jobs: SharedReceiver<Asked<R>>,
        prepare: Box<dyn Fn(R) -> Result<P, Failure> + Send + Sync>,
        staff: &Staff,
    ) -> Self {
        let (closing, in_hand) = (staff.closing.subscribe(), staff.cut.clone());
        let (first, more) = (Mutex::default(), Notify::new());
        Self { name, router, policy, standing, prepare, closing, in_hand, jobs, first, more }
    }

    /// The next job: what is tried again comes first. `None` once the pool is closed and nothing waits.
    ///
    /// Cancel safe.
    pub(crate) async fn next(&self) -> Option<Taken<R, P>> {
        loop {
            let (first, is_last) = {
                let mut first = self.first.lock();
                (first.pop_front(), first.is_empty())
            };
            if first.is_some() {
                if !is_last {
                    self.more.notify_one();
                }
                return first;
            }
            tokio::select! {
                biased;
                () = self.more.notified() => {}
                asked = self.jobs.recv() => return asked.map(Taken::New),
            }
        }
    }

    /// The next job, if there is one now.
    pub(crate) fn try_next(&self) -> Option<Taken<R, P>> {
        let first = self.first.lock().pop_front();
        first.or_else(|| self.jobs.try_recv().map(Taken::New))
    }

    /// Whoever is free next has this job.
    pub(super) fn try_again(&self, job: Again<R, P>) {
        self.first.lock().push_back(Taken::Again(job));
        self.more.notify_one();
    }

    /// It was taken by one who does not take it after all: it is the next again.
    pub(crate) fn put_back(&self, job: Taken<R, P>) {
        self.first.lock().push_front(job);
        self.more.notify_one();
    }

    /// Whether nothing waits, and nothing will.
    pub(crate) fn is_done(&self) -> bool {
        *self.closing.borrow() != Closing::Open && self.jobs.is_empty() && self.first.lock().is_empty()
    }
}

impl<R: Request, P: Send + 'static> Leftovers for Crew<R, P> {
    fn discard(&self) -> usize {
        let first = std::mem::take(&mut *self.first.lock());
        let mut waited_for = 0;
        for Taken::New(Asked { reply, .. }) | Taken::Again(Again { reply, .. }) in first {
            waited_for += usize::from(!reply.is_cancelled());
            reply.answer(Err(RequestError::Stopped));
        }
        waited_for + self.jobs.discard()
    }
}

#[cfg(test)]
mod tests {
    use edri_event::Meta;
    use edri_router::{Asking, Inbox, InboxSettings, Respond, ToInbox};
    use futures_util::FutureExt as _;

    use super::*;

    #[derive(Request)]
    #[request(response = ())]
    struct Job(u64);

    fn crew() -> (Crew<Job, u64>, Arc<dyn Respond<Job>>) {
        let (inbox, jobs) = Inbox::shared(InboxSettings::default());
        let policy = Policy::default();
        let standing = Arc::new(Standing::new(&policy, 1));
        let prepare = Box::new(|job: Job| Ok(job.0));
        let crew =
            Crew::new("crew".into(), Router::new(), policy, standing, jobs, prepare, &Staff::default());
        (crew, Arc::new(ToInbox::new("crew".into(), inbox, std::convert::identity)))
    }

    fn number(taken: Option<Taken<Job, u64>>) -> Option<u64> {
        taken.map(|taken| match taken {
            Taken::New(asked) => asked.event.0,
            Taken::Again(again) => again.payload,
        })
    }

    /// Behaviour 75 of the original: what is put back is the next that is taken, the last put back first; and then what is
    /// tried again, and then what has waited.
    #[tokio::test]
    async fn a_job_that_is_put_back_is_the_next_that_is_taken() {
        let (crew, responder) = crew();
        let router = Router::new();
        let mut asked: Vec<_> = (1..=4).map(|job| Asking::of(&router, &responder, Job(job))).collect();
        assert!(asked.iter_mut().all(|asked| asked.now_or_never().is_none()));
        let (first, second) = (crew.next().await.unwrap(), crew.next().await.unwrap());
        let (Asked { meta, reply, .. }, _waiting) = Asked::<Job>::new(Job(9), Meta::new(), None);
        crew.try_again(Again { payload: 9, meta, reply, attempts: 1 });
        crew.put_back(first);
        crew.put_back(second);
        let mut order = Vec::new();
        for _ in 0..3 {
            order.push(number(crew.next().await));
        }
        order.extend([number(crew.try_next()), number(crew.try_next()), number(crew.try_next())]);
        assert_eq!(order, [Some(2), Some(1), Some(9), Some(3), Some(4), None]);
    }
}
