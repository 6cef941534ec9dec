use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::deadlock::Analysis;
use super::graph::{self, WaitGraph};
use crate::behalf::Team;
use crate::request::{RequestId, Unanswered};
use crate::sync::Mutex;

/// Somebody who handles an event waits for the answer to a request.
pub(crate) struct Wait {
    /// The name of who waits.
    pub(crate) asker: Arc<str>,
    /// Not there if it handles one event at a time; looked up when the wait is entered.
    pub(crate) team: Option<Arc<Team>>,
    /// Tells the events apart that are being handled.
    pub(crate) handling: usize,
    /// The request that is being handled, if it is one.
    pub(crate) serves: Option<RequestId>,
    /// The request whose answer is awaited.
    pub(crate) request: RequestId,
    /// Not there if it is answered on the asker's own task, which then knows at once.
    pub(crate) unanswered: Option<Unanswered>,
    /// The name of who was asked.
    pub(crate) responder: Arc<str>,
    pub(crate) event: &'static str,
    pub(crate) since: Instant,
}

/// One who is asked, whoever of its team handles it: the address of its name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PartId(usize);

impl PartId {
    pub(super) fn of(name: &Arc<str>) -> Self {
        Self(Arc::as_ptr(name).addr())
    }
}

impl Wait {
    /// The part that waits.
    pub(super) fn part(&self) -> PartId {
        PartId::of(self.team.as_ref().map_or(&self.asker, |team| &team.part))
    }

    /// The part that is waited for.
    pub(super) fn target(&self) -> PartId {
        PartId::of(&self.responder)
    }

    /// How many events the part that waits handles at a time.
    pub(super) fn at_a_time(&self) -> usize {
        self.team.as_ref().map_or(1, |team| team.size)
    }

    /// A request may have been answered whose asker has not run since.
    pub(super) fn is_unanswered(&self) -> bool {
        self.unanswered.as_ref().is_none_or(Unanswered::is_true)
    }
}

/// The waits of one router, by the part that waits.
///
/// A request that has to wait takes the lock of one shard when it begins and when it ends, and that of another to see
/// whether the part it waits for waits itself. No two are held at a time.
pub(crate) struct Waits {
    shards: Box<[Shard]>,
    /// The cycles last told, as the sorted addresses of their waits: two that close one at the same moment both find
    /// it. The waits are held, so that no address means another one.
    told: Mutex<VecDeque<Vec<Arc<Wait>>>>,
}

const SHARDS: usize = 16;

/// How many waits a shard holds; there may be more, which are not seen.
const WAITS_PER_SHARD: usize = 4_096;

/// How many waits are looked at, at the most, to find out whether a new one closes a cycle. A handler that asks thousands
/// of a part that asks thousands is not to pay for each pair.
const LOOKED_AT: usize = 256;

/// More cycles than can close while one is being told.
const TOLD: usize = 16;

#[repr(align(64))]
struct Shard(Mutex<Entered>);

#[derive(Default)]
struct Entered {
    by_part: HashMap<PartId, Vec<Arc<Wait>>>,
    /// Of the members whose names belong here.
    teams: HashMap<PartId, Arc<Team>>,
    len: usize,
    omitted: usize,
}

/// A wait that is seen for as long as this lives.
pub(crate) struct Waiting<'r> {
    waits: &'r Waits,
    part: PartId,
    /// Not there if there are too many.
    wait: Option<Arc<Wait>>,
}

impl Waits {
    pub(crate) fn new() -> Self {
        let shards = (0..SHARDS).map(|_| Shard(Mutex::new(Entered::default()))).collect();
        Self { shards, told: Mutex::new(VecDeque::new()) }
    }

    /// From here on this wait is seen. If it closes a cycle of parts that wait for each other, the log is told.
    pub(crate) fn enter(&self, mut wait: Wait) -> Waiting<'_> {
        let asker = PartId::of(&wait.asker);
        let mut entered = self.shard(asker).lock();
        wait.team = entered.teams.get(&asker).cloned();
        let part = wait.part();
        if part != asker {
            drop(entered);
            entered = self.shard(part).lock();
        }
        if entered.len >= WAITS_PER_SHARD {
            entered.omitted += 1;
            return Waiting { waits: self, part, wait: None };
        }
        let wait = Arc::new(wait);
        entered.len += 1;
        entered.by_part.entry(part).or_default().push(Arc::clone(&wait));
        drop(entered);
        // Entered first and looked afterwards: of two that close a cycle, the later one sees it.
        match self.obstacles(&wait) {
            Some(ahead) if !ahead.is_empty() => self.look_ahead(&wait, ahead),
            Some(_) | None => {}
        }
        Waiting { waits: self, part, wait: Some(wait) }
    }

    /// From here on the graph knows that `member` belongs to a team.
    pub(crate) fn join(&self, member: &Arc<str>, team: Arc<Team>) {
        let member = PartId::of(member);
        self.shard(member).lock().teams.insert(member, team);
    }

    pub(crate) fn leave(&self, member: &Arc<str>) {
        let member = PartId::of(member);
        let team = self.shard(member).lock().teams.remove(&member);
        drop(team);
    }

    /// All waits at this moment, but for those that have just been answered.
    pub(crate) fn graph(&self) -> WaitGraph {
        let mut omitted = 0;
        let mut waits = Vec::new();
        for shard in &*self.shards {
            let entered = shard.0.lock();
            omitted += entered.omitted;
            waits.extend(entered.by_part.values().flatten().cloned());
        }
        waits.retain(|wait| wait.is_unanswered());
        waits.sort_by_key(|wait| wait.since);
        graph::draw(&waits, omitted)
    }

    /// The waits that may keep this one from ending: those of the handler that works on its request, or, where none
    /// is seen to, those of all handlers of the part that is asked, if none of them can be free. `None` if they are
    /// too many to be looked at.
    fn obstacles(&self, wait: &Wait) -> Option<Vec<Arc<Wait>>> {
        let target = wait.target();
        let entered = self.shard(target).lock();
        let Some(waits) = entered.by_part.get(&target) else { return Some(Vec::new()) };
        if waits.len() > LOOKED_AT {
            return None;
        }
        let serving: Vec<_> =
            waits.iter().filter(|other| other.serves == Some(wait.request)).cloned().collect();
        let busy = waits.first().is_some_and(|other| waits.len() >= other.at_a_time());
        Some(if serving.is_empty() && busy { waits.clone() } else { serving })
    }

    #[cold]
    fn look_ahead(&self, new: &Arc<Wait>, ahead: Vec<Arc<Wait>>) {
        let mut seen = HashSet::from([Arc::as_ptr(new)]);
        let mut waits = vec![Arc::clone(new)];
        let mut next = ahead;
        let home = new.part();
        let mut comes_home = new.target() == home;
        while let Some(wait) = next.pop() {
            if seen.insert(Arc::as_ptr(&wait)) {
                let Some(ahead) = self.obstacles(&wait) else { return };
                if waits.len() >= LOOKED_AT {
                    return;
                }
                comes_home |= wait.target() == home;
                next.extend(ahead);
                waits.push(wait);
            }
        }
        // The usual case: it ends somewhere else.
        if !comes_home {
            return;
        }
        // Asked when all have been seen: those that are unanswered now were so together.
        waits.retain(|wait| wait.is_unanswered());
        let mut cycles = Analysis::of(&waits).cycles().into_iter();
        // There may be others ahead, which have been told.
        let new = cycles.find(|cycle| cycle.iter().any(|&index| Arc::ptr_eq(&waits[index], new)));
        if let Some(cycle) = new {
            self.tell(cycle.into_iter().map(|index| Arc::clone(&waits[index])).collect());
        }
    }

    fn tell(&self, cycle: Vec<Arc<Wait>>) {
        let mut waits = cycle.clone();
        waits.sort_by_key(Arc::as_ptr);
        let mut told = self.told.lock();
        let is_told = told.iter().any(|other| {
            other.len() == waits.len() && other.iter().zip(&waits).all(|(one, two)| Arc::ptr_eq(one, two))
        });
        if is_told {
            return;
        }
        let oldest = if told.len() >= TOLD { told.pop_front() } else { None };
        told.push_back(waits);
        drop(told);
        drop(oldest);
        tracing::warn!("a deadlock: {}", graph::Cycle(&cycle));
    }

    fn shard(&self, part: PartId) -> &Mutex<Entered> {
        // Allocations are aligned: the lowest bits say nothing.
        &self.shards[(part.0 >> 4) % self.shards.len()].0
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut entered = self.waits.shard(self.part).lock();
        let Some(wait) = &self.wait else {
            entered.omitted -= 1;
            return;
        };
        let Some(waits) = entered.by_part.get_mut(&self.part) else { return };
        if let Some(index) = waits.iter().position(|other| Arc::ptr_eq(other, wait)) {
            waits.swap_remove(index);
            if waits.is_empty() {
                entered.by_part.remove(&self.part);
            }
            entered.len -= 1;
        }
    }
}
