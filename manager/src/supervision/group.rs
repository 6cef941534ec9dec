use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use edri_router::{Backoff, Reason};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::member::Member;
use super::policy::Budget;
use super::restarts::Restarts;

/// Managers that restart together: when one of them is restarted, all are, each after the event it is on. They share
/// one [budget](Budget); when it is spent, all of them stop.
///
/// Make one, and give it to each [host](crate::Host::group). A member's own budget and back-off do not count; its
/// [restart policy](crate::Restart) does, and says what takes it down.
///
/// ```no_run
/// # use edri_manager::{Group, Host, Manager};
/// # use edri_router::Router;
/// # async fn example<R: Manager, W: Manager>(reader: fn() -> R, writer: fn() -> W, router: &Router) -> Result<(), edri_manager::StartError> {
/// let copying = Group::one_for_all("copying");
/// let reader = Host::from_fn(reader).restart_group(&copying).start(router).await?;
/// let writer = Host::from_fn(writer).restart_group(&copying).start(router).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Group {
    shared: Arc<Shared>,
}

struct Shared {
    /// In the log; a manager's own where it is alone.
    name: Arc<str>,
    /// The number of the latest round of restarts. A member of an older one is to be made anew.
    generation: AtomicU64,
    state: Mutex<State>,
}

struct State {
    restarts: Restarts,
    budget: Budget,
    backoff: Backoff,
    latest: Option<Round>,
    spent: Option<Spent>,
    members: Vec<Weak<Member>>,
}

/// All members are made anew, once.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) generation: u64,
    /// When.
    pub(crate) at: Instant,
    /// Which it is in the budget's period, from 1.
    pub(crate) attempt: u32,
    /// Whose fall it was.
    pub(crate) fallen: Arc<str>,
    pub(crate) reason: Reason,
}

/// There are no restarts left, and who would have needed one.
#[derive(Clone, Debug)]
pub(crate) struct Spent {
    pub(crate) fallen: Arc<str>,
    pub(crate) reason: Reason,
    pub(crate) restarts: u32,
}

/// Later than any program ends.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);

impl Group {
    /// When one falls, all are made anew. The name is for the log.
    pub fn one_for_all(name: impl Into<Arc<str>>) -> Self {
        Self::new(name.into(), Budget::default(), Backoff::default())
    }

    pub(crate) fn new(name: Arc<str>, budget: Budget, backoff: Backoff) -> Self {
        let state = State {
            restarts: Restarts::new(budget, backoff),
            budget,
            backoff,
            latest: None,
            spent: None,
            members: Vec::new(),
        };
        Self { shared: Arc::new(Shared { name, generation: AtomicU64::new(0), state: Mutex::new(state) }) }
    }

    /// At most so many restarts of the whole group in a period: 5 in 60 seconds unless told otherwise. The count
    /// begins anew.
    pub fn budget(self, restarts: u32, within: Duration) -> Self {
        self.change(|state| state.budget = Budget { restarts, within });
        self
    }

    /// How long to wait before a restart.
    pub fn backoff(self, backoff: Backoff) -> Self {
        self.change(|state| state.backoff = backoff);
        self
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.shared.state.lock();
        change(&mut state);
        state.restarts = Restarts::new(state.budget, state.backoff);
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Takes a member in; gives the generation it is of.
    pub(crate) fn join(&self, member: &Arc<Member>) -> u64 {
        let mut state = self.shared.state.lock();
        state.members.retain(|member| member.strong_count() > 0);
        state.members.push(Arc::downgrade(member));
        self.generation()
    }

    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        self.shared.generation.load(Ordering::Acquire)
    }

    /// A member of `generation` has fallen: when it is made anew, with all others, which are woken to see to it.
    pub(crate) fn fall(
        &self,
        generation: u64,
        fallen: &Arc<str>,
        reason: &Reason,
        now: Instant,
    ) -> Result<Round, Spent> {
        let mut state = self.shared.state.lock();
        // A fall in a round that is over, or with a new round on its way, is no further one.
        if generation < self.generation() {
            return state.current();
        }
        let generation = generation + 1;
        let (fallen, reason) = (Arc::clone(fallen), reason.clone());
        match state.restarts.next(now) {
            Some(due) => {
                let at = now.checked_add(due.delay).unwrap_or(now + FAR);
                state.latest = Some(Round { generation, at, attempt: due.attempt, fallen, reason });
            }
            None => state.spent = Some(Spent { fallen, reason, restarts: state.budget.restarts }),
        }
        self.shared.generation.store(generation, Ordering::Release);
        let members: Vec<_> = state.members.iter().filter_map(Weak::upgrade).collect();
        let current = state.current();
        drop(state);
        members.iter().for_each(|member| member.wake());
        current
    }

    /// What a member that is called back is called back for.
    pub(crate) fn round(&self) -> Result<Round, Spent> {
        self.shared.state.lock().current()
    }
}

impl State {
    /// The latest round, which there is: somebody has fallen.
    fn current(&self) -> Result<Round, Spent> {
        match (&self.spent, &self.latest) {
            (Some(spent), _) => Err(spent.clone()),
            (None, Some(round)) => Ok(round.clone()),
            (None, None) => unreachable!("a generation ends with a round or with the budget"),
        }
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Group")
            .field("name", &self.shared.name)
            .field("generation", &self.generation())
            .finish()
    }
}
