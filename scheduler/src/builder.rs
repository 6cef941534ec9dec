use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::BuildHasher as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use edri_event::{Failure, Notification, Request};
use edri_manager::{Concurrency, Host, IntoHost};

use crate::action::{Act, Answered, Declared, IntoScheduled, stamp, undeclared};
use crate::clock::{Clock, SystemClock};
use crate::core::{Core, Kept, Settings};
use crate::durable::{Book, Entry, Writer, open};
use crate::id::{Key, ScheduleId};
use crate::manager::SchedulerManager;
use crate::refusal::Refused;
use crate::schedule::Schedule;
use crate::shared::Shared;
use crate::tick::Stamped;
use crate::time::nanoseconds;
use crate::when::When;
use crate::zone::TimeZone;

/// A scheduler about to be started: a manager that sends events at set times.
///
/// It is given to `App::scheduler`, or to a [`Host`]. Whoever can reach its router sets schedules, by the requests
/// [`Set`](crate::Set) and those beside it, or through [`Schedules`](crate::Schedules).
///
/// ```
/// # use edri_event::Notification;
/// # use edri_manager::IntoHost as _;
/// # use edri_router::Router;
/// # use edri_scheduler::{Cron, Scheduler};
/// #[derive(Notification, Clone)]
/// struct Heartbeat;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let router = Router::new();
/// let mut beats = router.subscribe::<Heartbeat>();
/// let scheduler = Scheduler::new().job("beat", Cron::parse("*/5 * * * * *")?, Heartbeat);
/// let _scheduler = scheduler.into_host().start(&router).await?;
/// assert!(beats.recv().await.is_some());
/// # Ok(())
/// # }
/// ```
#[must_use = "a scheduler runs when it is started"]
pub struct Scheduler {
    name: &'static str,
    beginning: Beginning,
}

/// What a scheduler begins with.
pub(crate) struct Beginning {
    schedules: Vec<Schedule>,
    declared: Declared,
    clock: Box<dyn Clock>,
    settings: Settings,
    journal: Option<(PathBuf, edri_journal::Settings)>,
    pub(crate) patience: Duration,
}

impl Scheduler {
    /// One with nothing to send yet.
    pub fn new() -> Self {
        let settings = Settings {
            zone: TimeZone::system(),
            on_time: nanoseconds(Duration::from_secs(2)),
            schedules: 10_000_000,
            flights: 10_000,
        };
        let beginning = Beginning {
            schedules: Vec::new(),
            declared: Declared::default(),
            clock: Box::new(SystemClock),
            settings,
            journal: None,
            patience: Duration::from_secs(10),
        };
        Self { name: "scheduler", beginning }
    }

    /// With a schedule from the start: under a name, when, and what.
    pub fn job<M>(
        self,
        id: impl Into<ScheduleId>,
        when: impl Into<When>,
        what: impl IntoScheduled<M>,
    ) -> Self {
        self.schedule(Schedule::send(what).id(id).when(when))
    }

    /// With a schedule from the start. What is wrong with it keeps the scheduler from starting.
    ///
    /// A durable one needs a name, and is set anew at each start: where its time and its options are those of the last
    /// start it goes on where it was; where they are not, it has the new ones.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.beginning.schedules.push(schedule);
        self
    }

    /// Declares a shareable notification: schedules that come from other processes, and those that are durable, may
    /// send it. No other type is ever made of bytes.
    pub fn sends<E: Notification>(mut self) -> Self {
        self.beginning.declared.notification::<E>(None);
        self
    }

    /// The same for a notification that is [stamped](Stamped) with the tick of each run.
    pub fn sends_stamped<E: Notification + Stamped>(mut self) -> Self {
        self.beginning.declared.notification::<E>(Some(stamp::<E>));
        self
    }

    /// Declares a shareable request: schedules that come from other processes, and those that are durable, may
    /// make it.
    pub fn asks<R: Request>(mut self) -> Self {
        self.beginning.declared.request::<R>(None);
        self
    }

    /// The same for a request that is [stamped](Stamped) with the tick of each run.
    pub fn asks_stamped<R: Request + Stamped>(mut self) -> Self {
        self.beginning.declared.request::<R>(Some(stamp::<R>));
        self
    }

    /// Declares that the answers to a request may become such notifications: for
    /// [`Ask::answer_to`](crate::Ask::answer_to).
    pub fn answers<R: Request, N: Notification + From<Answered<R>>>(mut self) -> Self {
        self.beginning.declared.answer::<R, N>();
        self
    }

    /// By whose clocks patterns go that have no zone of their own: the [system's](TimeZone::system) unless told
    /// otherwise.
    pub fn time_zone(mut self, zone: TimeZone) -> Self {
        self.beginning.settings.zone = zone;
        self
    }

    /// How late a run may be and still count as on time: 2 seconds unless told otherwise. One that is later is late, and
    /// for [`Missed::Skip`](crate::Missed::Skip) has been missed.
    pub fn on_time(mut self, within: Duration) -> Self {
        self.beginning.settings.on_time = nanoseconds(within);
        self
    }

    /// How many schedules there may be: 10 million unless told otherwise.
    pub fn capacity(mut self, schedules: usize) -> Self {
        self.beginning.settings.schedules = schedules.min(u32::MAX as usize - 1);
        self
    }

    /// How many runs of all schedules may be under way at a time: 10,000 unless told otherwise. What falls due beyond is
    /// left out, and told as [`Overload`](crate::SkipReason::Overload).
    pub fn max_running(mut self, runs: usize) -> Self {
        self.beginning.settings.flights = runs.clamp(1, u32::MAX as usize - 1);
        self
    }

    /// How long after the start a request that nobody answers is asked again, in place of being a run that has failed: 10
    /// seconds unless told otherwise. Those who answer may start later, or be elsewhere; and what had not ended before a
    /// restart is asked for at once.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.beginning.patience = patience;
        self
    }

    /// Keeps [durable](Schedule::durable) schedules in a journal in that directory, which is made if it is not there.
    ///
    /// # What is promised
    ///
    /// * What was answered is on the disk, and there again after any end of the program or the machine.
    /// * That a run begins is on the disk before it is sent. After a crash it is run again, with the same number and due
    ///   time, unless it is on the disk, too, that it has ended: at least once, and once more at the most for each crash.
    ///   Whoever must not do a thing twice looks at these two.
    /// * A request has ended when it was answered, well or not; a notification when its subscribers have it in their
    ///   inboxes. What must not be lost with an inbox is sent as a request.
    /// * A run whose end is on the disk is not run again.
    /// * What fell due while the program did not run has been missed: see [`Missed`](crate::Missed).
    /// * Intervals go on by the wall clock: what is left of one at the end of the program is counted on.
    ///
    /// A program that ends in order waits for runs that have begun, as long as its grace allows. If the journal cannot be
    /// written any more, runs go on, commands for durable schedules are refused, and [health](edri_manager::Managed::health)
    /// says so.
    pub fn journal(self, directory: impl Into<PathBuf>) -> Self {
        self.journal_with(directory, edri_journal::Settings::default())
    }

    /// The same with settings for the journal. Its [limit](edri_journal::Settings::limit) bounds what durable schedules may
    /// send: by 2 KiB less than that, and by 4 MiB.
    pub fn journal_with(mut self, directory: impl Into<PathBuf>, settings: edri_journal::Settings) -> Self {
        self.beginning.journal = Some((directory.into(), settings));
        self
    }

    /// With another clock: for tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.beginning.clock = Box::new(clock);
        self
    }

    /// Gives the manager another name.
    pub fn name(self, name: &'static str) -> Self {
        Self { name, ..self }
    }
}

/// Inline where nothing is waited for: a command is a call. With a journal several commands wait for the disk together.
impl IntoHost for Scheduler {
    type Manager = SchedulerManager;

    fn into_host(self) -> Host<SchedulerManager> {
        let waits = self.beginning.journal.is_some();
        let host = Host::new(SchedulerManager::new(self.beginning)).name(self.name).source();
        if waits { host.concurrency(Concurrency::Unordered(1_024)) } else { host.inline() }
    }
}

impl Beginning {
    pub(crate) async fn begin(self) -> Result<(Shared, Option<Writer>), Failure> {
        let Self { schedules, declared, clock, settings, journal, patience: _ } = self;
        let (ledger, book, writer) = match journal {
            None => (None, Book::default(), None),
            Some((directory, settings)) => {
                let (ledger, book, writer) = open(&directory, settings).await.map_err(|reason| {
                    Failure::new("schedule_journal", format!("the journal {}: {reason}", directory.display()))
                })?;
                (Some(ledger), book, Some(writer))
            }
        };
        let seed = RandomState::new().hash_one(0);
        let shared = Shared::new(|now| Core::new(settings, seed, now), declared, clock, ledger);
        restore(&shared, book, &schedules)?;
        let mut named = HashSet::new();
        for schedule in schedules {
            let id = schedule.id.clone();
            if let Some(id) = &id
                && !named.insert(id.clone())
            {
                return Err(name_it(Refused::duplicate(id), Some(id)));
            }
            shared.declare(schedule).map_err(|refused| name_it(refused, id.as_ref()))?;
        }
        Ok((shared, writer))
    }
}

/// Durable schedules go on: with the events that were written, or with those that the program says.
fn restore(shared: &Shared, book: Book, schedules: &[Schedule]) -> Result<(), Failure> {
    let of_program: HashMap<_, _> =
        schedules.iter().filter_map(|schedule| Some((schedule.id.clone()?, schedule))).collect();
    let mut kept = Vec::new();
    for (key, Entry { definition, place, unfinished }) in book.into_entries() {
        let id = definition.id;
        let said = of_program.get(&id).and_then(|schedule| schedule.event.clone());
        let (action, held): (Act, bool) = match (said.map(|said| shared.action(said)), definition.event) {
            (Some(Ok(action)), _) => (action, false),
            (_, Some(encoded)) => {
                let encoded = Arc::new(encoded);
                match shared.decoded(Arc::clone(&encoded)) {
                    Ok(action) => (action, false),
                    Err(refused) => {
                        tracing::error!(schedule = %id, "a durable schedule is kept, and not run: {refused}");
                        (undeclared(encoded), true)
                    }
                }
            }
            // The program does not say it any more.
            (_, None) => {
                tracing::info!(schedule = %id, "a schedule that the program had set is not among its schedules any more");
                shared.forget(Key::from_bits(key));
                continue;
            }
        };
        let timing = definition.timing.read().map_err(|reason| {
            Failure::new("schedule_journal", format!("the durable schedule {id} cannot be read: {reason}"))
        })?;
        let key = Key::from_bits(key);
        kept.push(Kept { key, id, action, timing, options: definition.options, place, unfinished, held });
    }
    shared.restore(kept);
    Ok(())
}

fn name_it(refused: Refused, id: Option<&ScheduleId>) -> Failure {
    match id {
        None => refused.into(),
        Some(id) => Refused { message: format!("the schedule {id}: {refused}"), ..refused }.into(),
    }
}

impl Default for Scheduler {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Scheduler")
            .field("name", &self.name)
            .field("schedules", &self.beginning.schedules)
            .field("declared", &self.beginning.declared)
            .finish()
    }
}
