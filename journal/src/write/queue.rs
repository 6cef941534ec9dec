use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::{Semaphore, oneshot};

use super::group::Group;
use super::pending::{Flushing, Pending};
use crate::error::JournalError;
use crate::log::Batch;
use crate::position::Position;
use crate::settings::{Durability, Settings};

/// With so many bytes a group is written without waiting for more: a sync takes about as long for fewer.
const ENOUGH: usize = 256 << 10;

/// Where records gather for the next group.
#[derive(Debug)]
pub(crate) struct Queue {
    gathering: Mutex<Gathering>,
    /// There is something for the writer.
    work: Condvar,
    /// One permit for each byte that may still be put in.
    room: Semaphore,
    waiting: usize,
    company: usize,
}

#[derive(Debug)]
struct Gathering {
    batch: Batch,
    /// How many calls put records into it.
    calls: usize,
    group: Arc<Group>,
    /// How much of the room they take.
    room: usize,
    /// What it needs beyond being written.
    sync: bool,
    confirm: Option<Position>,
    commands: Vec<Command>,
    /// Set when nothing more is taken in, and why.
    closed: Option<JournalError>,
    /// How many calls the writer sleeps until; none while it is awake.
    sleeping: Option<usize>,
}

/// What else the writer is asked to do, after all that was gathered before it.
#[derive(Debug)]
pub(crate) enum Command {
    /// The snapshot of a position is complete, under its unfinished name.
    Adopt(Position, PathBuf, oneshot::Sender<Result<(), JournalError>>),
    /// The snapshot of this unfinished name was given up.
    Discard(PathBuf),
}

/// What the writer has to do next.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) batch: Batch,
    pub(super) calls: usize,
    pub(super) group: Arc<Group>,
    pub(super) sync: bool,
    pub(super) confirm: Option<Position>,
    pub(super) commands: Vec<Command>,
    /// Whether it is the last.
    pub(super) closing: bool,
}

impl Work {
    /// Whether nobody asked for anything, and something was due.
    pub(super) fn is_idle(&self) -> bool {
        self.calls == 0
    }
}

/// How long the writer waits for more, and for how many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) calls: usize,
    pub(super) delay: Duration,
    /// When something is due even if nothing comes.
    pub(super) due: Option<Instant>,
}

impl Queue {
    pub(crate) fn new(settings: &Settings) -> Self {
        let waiting = settings.waiting as usize;
        Self {
            gathering: Mutex::new(Gathering {
                batch: Batch::default(),
                calls: 0,
                room: 0,
                group: Arc::default(),
                sync: false,
                confirm: None,
                commands: Vec::new(),
                closed: None,
                sleeping: None,
            }),
            work: Condvar::new(),
            room: Semaphore::new(waiting),
            waiting,
            company: settings.company,
        }
    }

    /// Waits until there is room for `bytes`, in line. A batch larger than all the room there is waits for all of it.
    pub(crate) async fn wait_for_room(&self, bytes: usize) -> Result<Room<'_>, JournalError> {
        let permits = bytes.min(self.waiting) as u32;
        match self.room.acquire_many(permits).await {
            Ok(permit) => Ok(Room { permit }),
            Err(_) => Err(self.why_closed()),
        }
    }

    /// Room for `bytes` if there is some now.
    pub(crate) fn room_now(&self, bytes: usize) -> Result<Room<'_>, JournalError> {
        let permits = bytes.min(self.waiting) as u32;
        match self.room.try_acquire_many(permits) {
            Ok(permit) => Ok(Room { permit }),
            Err(tokio::sync::TryAcquireError::NoPermits) => Err(JournalError::Busy { waiting: self.waiting }),
            Err(tokio::sync::TryAcquireError::Closed) => Err(self.why_closed()),
        }
    }

    /// Puts records in, for which there is room.
    pub(crate) fn push(
        &self,
        room: Room<'_>,
        durability: Durability,
        records: impl FnOnce(&mut Batch),
    ) -> Result<Pending, JournalError> {
        let mut gathering = self.open()?;
        gathering.room += room.permit.num_permits();
        room.permit.forget();
        let before = gathering.batch.records;
        records(&mut gathering.batch);
        gathering.calls += 1;
        gathering.sync |= durability == Durability::Synced;
        let pending = Pending::new(gathering.group.clone(), before, gathering.batch.records - before);
        self.wake(gathering);
        Ok(pending)
    }

    /// Asks for a sync of all that was put in before, and for a confirmation with it.
    pub(crate) fn flush(&self, confirm: Option<Position>) -> Result<Flushing, JournalError> {
        let mut gathering = self.open()?;
        gathering.calls += 1;
        gathering.sync = true;
        gathering.confirm = gathering.confirm.max(confirm);
        let flushing = Flushing::new(gathering.group.clone());
        self.wake(gathering);
        Ok(flushing)
    }

    pub(crate) fn command(&self, command: Command) -> Result<(), JournalError> {
        let mut gathering = self.open()?;
        gathering.commands.push(command);
        self.wake(gathering);
        Ok(())
    }

    /// Takes nothing more in, for this reason. What was gathered is still written.
    pub(crate) fn close(&self, why: JournalError) {
        let mut gathering = self.gathering.lock();
        gathering.closed.get_or_insert(why);
        self.wake(gathering);
        self.room.close();
    }

    /// Nobody will write what has gathered.
    pub(crate) fn abandon(&self, why: JournalError) {
        self.close(why.clone());
        let work = self.gathering.lock().take(Batch::default());
        work.group.fail(&why);
    }

    fn why_closed(&self) -> JournalError {
        self.gathering.lock().closed.clone().unwrap_or(JournalError::Closed)
    }

    fn open(&self) -> Result<MutexGuard<'_, Gathering>, JournalError> {
        let gathering = self.gathering.lock();
        match &gathering.closed {
            None => Ok(gathering),
            Some(why) => Err(why.clone()),
        }
    }

    fn wake(&self, mut gathering: MutexGuard<'_, Gathering>) {
        if let Some(calls) = gathering.sleeping
            && gathering.is_enough(calls, self.company)
        {
            gathering.sleeping = None;
            drop(gathering);
            self.work.notify_one();
        }
    }

    /// What there is to do, as soon as there is something. Waits no longer for more than `patience` says.
    ///
    /// `batch` is an empty one, to gather in next.
    pub(super) fn next(&self, batch: Batch, patience: Patience) -> Work {
        let mut gathering = self.gathering.lock();
        while !gathering.is_enough(1, self.company) {
            gathering.sleeping = Some(1);
            match patience.due {
                None => self.work.wait(&mut gathering),
                Some(due) => {
                    if self.work.wait_until(&mut gathering, due).timed_out() {
                        gathering.sync = true;
                        break;
                    }
                }
            }
        }
        if gathering.sync && patience.calls > 1 && !patience.delay.is_zero() {
            let until = Instant::now() + patience.delay;
            while !gathering.is_enough(patience.calls, self.company) {
                gathering.sleeping = Some(patience.calls);
                if self.work.wait_until(&mut gathering, until).timed_out() {
                    break;
                }
            }
        }
        gathering.sleeping = None;
        let room = std::mem::take(&mut gathering.room);
        let work = gathering.take(batch);
        drop(gathering);
        self.room.add_permits(room);
        work
    }
}

impl Gathering {
    fn is_enough(&self, calls: usize, company: usize) -> bool {
        self.calls >= calls
            || self.batch.records >= company as u64
            || self.batch.bytes.len() >= ENOUGH
            || !self.commands.is_empty()
            || self.closed.is_some()
    }

    fn take(&mut self, batch: Batch) -> Work {
        Work {
            batch: std::mem::replace(&mut self.batch, batch),
            calls: std::mem::take(&mut self.calls),
            group: std::mem::take(&mut self.group),
            sync: std::mem::take(&mut self.sync),
            confirm: self.confirm.take(),
            commands: std::mem::take(&mut self.commands),
            closing: self.closed.is_some(),
        }
    }
}

/// Room for some records.
#[derive(Debug)]
pub(crate) struct Room<'q> {
    permit: tokio::sync::SemaphorePermit<'q>,
}
