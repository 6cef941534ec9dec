use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use edri_event::Request;
use futures_util::task::AtomicWaker;
use tokio::time::{Instant, Sleep, sleep_until};

use super::at_hand::AtHand;

/// A job that a worker has got, and has not answered.
pub(crate) struct Flight<R: Request, P> {
    pub(crate) job: AtHand<R, P>,
    /// How far it has come with its time.
    pub(crate) patience: Patience,
    /// The worker was told that it is not wanted any more.
    pub(crate) told: bool,
    /// It was seen that its requester has gone away.
    left: bool,
    /// When the next of its times is over.
    until: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    InTime,
    /// Its time is over; the worker may still leave it.
    Late,
    /// The worker has had the time to leave it.
    Lost,
}

/// The watch over the jobs that a worker has, each known by what the worker knows it by: whether somebody waits for them,
/// and whether their time is over. It costs a job nothing that has no time and is waited for to its end, but that the
/// requester knows whom to tell.
pub(crate) struct Watches<I> {
    bell: Arc<Bell>,
    waker: Waker,
    /// When something is due, and of which job.
    times: BTreeSet<(Instant, I)>,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// Rung when one of the requesters has gone away.
#[derive(Default)]
struct Bell {
    is_rung: AtomicBool,
    task: AtomicWaker,
}

/// What has become of jobs while they were watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noticed<I> {
    /// Of some of them the requester [has gone away](Flight::is_left).
    GoneAway,
    /// A time of this one [is over](Flight::be_late).
    Due(I),
}

impl<I: Copy + Ord> Watches<I> {
    pub(crate) fn new() -> Self {
        let bell = Arc::<Bell>::default();
        Self { waker: Waker::from(Arc::clone(&bell)), bell, times: BTreeSet::new(), sleep: None }
    }

    /// A job on its way: it is watched from here on, until it is [over](Self::over).
    pub(crate) fn begin<R: Request, P: Clone + Send + 'static>(
        &mut self,
        id: I,
        job: AtHand<R, P>,
    ) -> Flight<R, P> {
        job.context().wake_when_cancelled(&self.waker);
        let until = job.due();
        let flight = Flight { job, patience: Patience::InTime, told: false, left: false, until };
        self.times.extend(until.map(|until| (until, id)));
        flight
    }

    /// It has ended.
    pub(crate) fn over<R: Request, P>(&mut self, id: I, flight: &Flight<R, P>) {
        if let Some(until) = flight.until {
            self.times.remove(&(until, id));
        }
    }

    /// Its next time is over then.
    fn put_off<R: Request, P>(&mut self, id: I, flight: &mut Flight<R, P>, until: Option<Instant>) {
        self.over(id, flight);
        flight.until = until;
        self.times.extend(until.map(|until| (until, id)));
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Noticed<I>> {
        self.bell.task.register(cx.waker());
        if self.bell.is_rung.load(Ordering::Acquire) && self.bell.is_rung.swap(false, Ordering::AcqRel) {
            return Poll::Ready(Noticed::GoneAway);
        }
        let Some(&(until, id)) = self.times.first() else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(until)));
        // As a rule a job is over before its time is: the timer is then left alone.
        if sleep.deadline() > until || sleep.is_elapsed() {
            sleep.as_mut().reset(until);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if until <= sleep.deadline() {
                self.times.pop_first();
                return Poll::Ready(Noticed::Due(id));
            }
            sleep.as_mut().reset(until);
        }
        Poll::Pending
    }
}

impl<R: Request, P: Clone + Send + 'static> Flight<R, P> {
    /// Whether its requester has gone away since this was asked last.
    pub(crate) fn is_left(&mut self) -> bool {
        let was_left = self.left;
        self.left |= self.job.context().is_cancelled();
        self.left && !was_left
    }

    /// A time of it is over: that for the job, and then that in which its worker may still leave it, which is `grace`.
    pub(crate) fn be_late<I: Copy + Ord>(&mut self, id: I, watches: &mut Watches<I>, grace: Duration) {
        let now = Instant::now();
        let until = match self.patience {
            Patience::InTime => {
                self.job.abandon(now);
                self.patience = Patience::Late;
                now.checked_add(grace)
            }
            Patience::Late | Patience::Lost => {
                self.patience = Patience::Lost;
                None
            }
        };
        watches.put_off(id, self, until);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_rung.swap(true, Ordering::AcqRel) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use edri_router::{
        Asked, Asking, Context as Handling, Inbox, InboxSettings, Respond, Router, SharedReceiver, ToInbox,
    };
    use futures_util::FutureExt as _;

    use super::super::crew::{Crew, Taken};
    use super::super::policy::Policy;
    use super::super::seats::Seats;
    use super::super::standing::Standing;
    use super::*;
    use crate::running::Staff;

    #[derive(Request)]
    #[request(response = ())]
    struct Job;

    struct Pool {
        crew: Arc<Crew<Job, ()>>,
        seats: Arc<Seats>,
        responder: Arc<dyn Respond<Job>>,
        jobs: SharedReceiver<Asked<Job>>,
        watches: Watches<u64>,
    }

    impl Pool {
        fn new() -> Self {
            let (inbox, jobs) = Inbox::shared(InboxSettings::default());
            let policy = Policy::default();
            let standing = Arc::new(Standing::new(&policy, 1));
            let prepare = Box::new(|_: Job| Ok(()));
            let (name, staff) = (Arc::<str>::from("pool"), Staff::default());
            let crew =
                Crew::new(Arc::clone(&name), Router::new(), policy, standing, jobs.clone(), prepare, &staff);
            Self {
                crew: Arc::new(crew),
                seats: Seats::new(vec![Arc::default()]),
                responder: Arc::new(ToInbox::new(name, inbox, std::convert::identity)),
                jobs,
                watches: Watches::new(),
            }
        }

        fn begin(&mut self, number: u64) -> Flight<Job, ()> {
            let worker = Handling::new(self.crew.router.clone(), "worker".into());
            let taken = Taken::New(self.jobs.try_recv().unwrap());
            let (job, ()) = AtHand::begin(&self.crew, &worker, self.seats.take(), taken).unwrap();
            self.watches.begin(number, job)
        }

        async fn noticed(&mut self) -> Noticed<u64> {
            poll_fn(|cx| self.watches.poll(cx)).await
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_requester_that_goes_away_is_noticed_once_and_of_the_right_job() {
        let (router, mut pool) = (Router::new(), Pool::new());
        let responder = Arc::clone(&pool.responder);
        let mut asked: Vec<_> = (0..3).map(|_| Asking::of(&router, &responder, Job)).collect();
        assert!(asked.iter_mut().all(|asked| asked.now_or_never().is_none()));
        let mut flights: Vec<_> = (0..3).map(|number| pool.begin(number)).collect();
        assert!(pool.noticed().now_or_never().is_none());
        drop(asked.remove(1));
        assert_eq!(pool.noticed().now_or_never(), Some(Noticed::GoneAway));
        let left: Vec<_> = flights.iter_mut().map(Flight::is_left).collect();
        assert_eq!(left, [false, true, false]);
        assert!(pool.noticed().now_or_never().is_none() && !flights[1].is_left());
        // It had gone away before it was begun.
        let mut gone = Asking::of(&router, &responder, Job);
        assert!((&mut gone).now_or_never().is_none());
        let taken = pool.jobs.try_recv().unwrap();
        drop(gone);
        let worker = Handling::new(router.clone(), "worker".into());
        assert!(AtHand::begin(&pool.crew, &worker, pool.seats.take(), Taken::New(taken)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_times_of_jobs_are_over_in_their_order_and_not_of_those_that_have_ended() {
        let (router, mut pool) = (Router::new(), Pool::new());
        let responder = Arc::clone(&pool.responder);
        let mut asked: Vec<_> = [3, 1, 2, 9]
            .map(|time| Asking::of(&router, &responder, Job).timeout(time * SECOND))
            .into_iter()
            .collect();
        assert!(asked.iter_mut().all(|asked| asked.now_or_never().is_none()));
        let mut flights: Vec<_> = (0..4).map(|number| pool.begin(number)).collect();
        let begun = Instant::now();
        assert_eq!(pool.noticed().await, Noticed::Due(1));
        assert_eq!(begun.elapsed().as_secs(), 1);
        flights[1].be_late(1, &mut pool.watches, 5 * SECOND);
        assert_eq!(flights[1].patience, Patience::Late);
        let ended = flights.remove(2);
        pool.watches.over(2, &ended);
        ended.job.answer(Ok(()));
        assert_eq!(pool.noticed().await, Noticed::Due(0));
        assert_eq!(begun.elapsed().as_secs(), 3);
        assert_eq!(pool.noticed().await, Noticed::Due(1));
        assert_eq!(begun.elapsed().as_secs(), 6);
        flights[1].be_late(1, &mut pool.watches, 5 * SECOND);
        assert_eq!(flights[1].patience, Patience::Lost);
        assert_eq!(pool.noticed().await, Noticed::Due(3));
        assert!(tokio::time::timeout(100 * SECOND, pool.noticed()).await.is_err(), "nothing else is due");
    }
}
