use std::sync::Arc;
use std::task::Waker;

use edri_router::{Context, Inbox, Reason, caught, caught_now};
use tokio::time::Instant;

use super::group::{Round, Spent};
use super::member::Member;
use super::news::{End, ManagerRestarted};
use crate::handling::{reason, settle_hook};
use crate::manager::Manager;

/// Makes new managers in the place of those that fall.
pub(crate) struct Supervisor<M> {
    make: Make<M>,
    pub(crate) standing: Standing,
    /// How often an event that took the manager down is delivered again.
    pub(crate) redeliver: u32,
}

/// Where a manager stands in its group.
pub(crate) struct Standing {
    member: Arc<Member>,
    /// The round of restarts that made the manager there is.
    pub(crate) generation: u64,
}

impl Standing {
    /// Whether its group is being made anew.
    #[inline]
    pub(crate) fn is_recalled(&self) -> bool {
        self.member.group.generation() != self.generation
    }

    /// The same before a wait, which `waker` ends if it becomes true.
    pub(crate) fn is_recalled_or_wakes(&self, waker: &Waker) -> bool {
        self.member.register(waker);
        self.is_recalled()
    }
}

/// Makes a manager.
pub(crate) type Make<M> = Box<dyn FnMut() -> M + Send>;

impl<M: Manager> Supervisor<M> {
    pub(crate) fn new(make: Make<M>, member: Arc<Member>, redeliver: u32) -> Self {
        let generation = member.group.join(&member);
        Self { make, standing: Standing { member, generation }, redeliver }
    }

    /// A new manager, started, in the place of one that fell, or was called back by its group; how it ended if there
    /// are no restarts left.
    pub(crate) async fn revive(
        &mut self,
        fell: Option<Reason>,
        cx: &mut Context,
        inbox: &Inbox<M::Inbox>,
    ) -> Result<M, End> {
        cx.end();
        let member = Arc::clone(&self.standing.member);
        member.restarting();
        inbox.restarting();
        let mut fell = fell;
        loop {
            let round = match &fell {
                Some(reason) => {
                    member.group.fall(self.standing.generation, &member.name, reason, Instant::now())
                }
                None => member.group.round(),
            };
            let round = round.map_err(|spent| self.give_up(spent, inbox))?;
            self.standing.generation = round.generation;
            let Round { at, attempt, fallen, reason, .. } = round;
            tracing::warn!(manager = &*member.name, attempt, "restarting, since {fallen} fell: {reason}");
            member.wait_until(at, inbox).await;
            match self.make_and_start(cx).await {
                Err(reason) => fell = Some(reason),
                Ok(manager) => {
                    member.restarted();
                    inbox.restarted();
                    inbox.meter().renewed();
                    cx.router().announce(|| ManagerRestarted {
                        name: cx.name().to_owned(),
                        fallen: String::from(&*fallen),
                        reason,
                        attempt,
                    });
                    return Ok(manager);
                }
            }
        }
    }

    fn give_up(&self, spent: Spent, inbox: &Inbox<M::Inbox>) -> End {
        let Spent { fallen, reason, restarts } = spent;
        let end = End::GaveUp { fallen: String::from(&*fallen), reason, restarts };
        let member = &self.standing.member;
        tracing::error!(manager = &*member.name, "stopped, and will not be restarted: {end}");
        inbox.gives_up();
        member.leave();
        member.ended(end.clone());
        end
    }

    async fn make_and_start(&mut self, cx: &Context) -> Result<M, Reason> {
        let manager = made(&mut self.make)?;
        started(manager, cx).await
    }
}

/// A new manager, which may panic while it is made.
pub(crate) fn made<M>(make: &mut Make<M>) -> Result<M, Reason> {
    caught_now(|| Ok(make())).map_err(reason)
}

/// The manager, when its `started` hook has ended well.
pub(crate) async fn started<M: Manager>(mut manager: M, cx: &Context) -> Result<M, Reason> {
    settle_hook("started", caught(async { manager.started(cx).await }).await, cx).map(|()| manager)
}
