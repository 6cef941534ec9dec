use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use edri_event::Failure;
use edri_journal::{Durability, JournalError, Pending, Position, Reader};
use edri_router::Reason;
use futures_util::future::OptionFuture;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::book::{Entry, log_folder};
use super::counts::Place;
use super::gather::{BATCH, Batch, gather};
use super::keep::{Keep, Progress};
use super::log::{Log, OpenError, Shop};
use super::mend::{Mending, Reopened};
use super::reopen::ReopenError;
use super::wants::Wanted;
use crate::bridge::exit::LANES;
use crate::bridge::lane::Hand;
use crate::durable::{OutboxStep, Record, RecordBuilder};

/// Keeps what is for one destination: from the exit to the disk, from the disk to the link.
pub(super) struct Keeping {
    pub(super) keep: Arc<Keep>,
    pub(super) shop: Shop,
    pub(super) log: Log,
    /// What was taken from each lane.
    pub(super) hands: [Hand; 3],
    builder: RecordBuilder,
    /// What is to be stored next, and what is being stored.
    pub(super) next: Batch,
    pub(super) current: Option<(Batch, Option<Pending>)>,
    /// When storing is tried again.
    pub(super) retry: Option<Instant>,
    /// The log has failed, and is opened again.
    pub(super) mending: Option<Mending>,
    /// The record that is to be read, and may be held since nobody wants it yet.
    pub(super) reading: Option<u64>,
    pub(super) held: Option<(u64, Bytes)>,
    pub(super) reader: Option<(u64, Reader)>,
    /// What is being released, and up to where it is to be.
    pub(super) releasing: Option<(u64, Releasing)>,
    releasing_to: u64,
    /// Those who wait until so many records have been stored.
    waiting: Vec<(u64, oneshot::Sender<u64>)>,
    /// How many events there are in the log up to the end of records that were read and are not released.
    ends: VecDeque<(u64, u64)>,
    /// How many events were stored so far, and up to the last that was released.
    stored_events: u64,
    released_events: u64,
}

pub(super) type Releasing = Pin<Box<dyn Future<Output = Result<(), JournalError>> + Send>>;

/// What could not be stored is tried again after so long.
const AGAIN: Duration = Duration::from_millis(200);

/// What has happened.
enum Came {
    Nothing,
    Stored(Result<u64, JournalError>),
    Read(Option<Result<edri_journal::Record, JournalError>>),
    Released(Result<(), JournalError>),
    Reopened(Result<Reopened, ReopenError>),
}

impl Keeping {
    pub(super) fn new(keep: Arc<Keep>, shop: Shop, log: Log) -> Self {
        keep.open(log.outbox(), log.events.1 - log.events.0);
        keep.progress.send_replace(Progress { stored: log.last, acknowledged: log.first, is_over: false });
        Self {
            keep,
            shop,
            hands: Default::default(),
            builder: RecordBuilder::default(),
            next: Batch::default(),
            current: None,
            retry: None,
            mending: None,
            reading: None,
            held: None,
            reader: None,
            releasing: None,
            releasing_to: 0,
            waiting: Vec::new(),
            ends: VecDeque::new(),
            stored_events: log.events.1,
            released_events: log.events.0,
            log,
        }
    }

    /// Runs it until it is closed, with all that waits on the disk, or until it is given up.
    pub(super) async fn run(mut self) {
        loop {
            if self.step().await.is_break() {
                break;
            }
            let may_gather = self.next.bytes < BATCH && self.has_room();
            let (until, before) = (self.next_time(), self.stored_events + self.events_being_stored());
            let came = tokio::select! {
                () = self.keep.task.notified() => Came::Nothing,
                () = gather(&self.keep, &mut self.hands, &mut self.builder, &mut self.next, before),
                    if may_gather => Came::Nothing,
                Some(stored) = OptionFuture::from(self.current.as_mut().and_then(|(_, pending)| pending.as_mut())) => {
                    Came::Stored(stored.map(|positions| positions.end.get() - 1))
                }
                Some(read) = OptionFuture::from(
                    self.reading.and(self.reader.as_mut()).map(|(_, reader)| reader.next())
                ), if self.held.is_none() => Came::Read(read),
                Some(released) = OptionFuture::from(self.releasing.as_mut().map(|(_, releasing)| releasing)) => {
                    Came::Released(released)
                }
                Some(reopened) = OptionFuture::from(self.mending.as_mut().and_then(|mending| mending.opening.as_mut())) => {
                    Came::Reopened(reopened)
                }
                Some(()) = OptionFuture::from(until.map(tokio::time::sleep_until)) => Came::Nothing,
            };
            match came {
                Came::Nothing => {}
                Came::Stored(stored) => self.stored(stored),
                Came::Read(read) => self.read(read),
                Came::Released(released) => self.released(released),
                Came::Reopened(reopened) => self.reopened(reopened),
            }
        }
        self.keep.progress.send_modify(|progress| progress.is_over = true);
    }

    /// Does all that can be done without waiting.
    async fn step(&mut self) -> ControlFlow<()> {
        if let Some(house) = self.shop.house.upgrade() {
            house.forget(&self.keep);
        }
        self.mend();
        self.store();
        self.tell_barriers();
        if let Some((number, content)) = self.held.take() {
            self.pass_on(number, content);
        }
        loop {
            let step = self.keep.state().outbox.poll();
            match step {
                Some(OutboxStep::Say(word)) => self.keep.say(&word),
                Some(OutboxStep::Read(number)) => self.begin_to_read(number),
                Some(OutboxStep::Interrupted { from, to }) => {
                    let peer = self.keep.side.called().to_string();
                    let (shop, journal) = (&self.shop, &self.log.journal);
                    let reason = Reason::Interrupted { peer };
                    let events = shop.bury(self.keep.router, journal, (from, to), &reason).await;
                    self.shop.counts.interrupted(events);
                    self.keep.state().outbox.give_up(to);
                }
                Some(OutboxStep::Release(up_to)) => self.release(up_to),
                None => break,
            }
        }
        self.note_progress();
        if self.is_closing() && self.is_stored() {
            return self.close().await;
        }
        if self.is_given_up() {
            self.give_up().await;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn note_progress(&self) {
        let mut state = self.keep.state();
        state.events = self.events();
        let (stored, acknowledged) = (state.outbox.last_stored(), state.outbox.acknowledged());
        drop(state);
        self.keep.progress.send_if_modified(|progress| {
            let before = *progress;
            (progress.stored, progress.acknowledged) = (stored, acknowledged);
            *progress != before
        });
    }

    fn has_room(&self) -> bool {
        self.events() < self.shop.settings.events || self.is_closing()
    }

    /// How many events are kept, about.
    fn events(&self) -> u64 {
        let all = self.stored_events + self.events_being_stored() + self.next.events;
        all.saturating_sub(self.released_events)
    }

    fn events_being_stored(&self) -> u64 {
        self.current.as_ref().map_or(0, |(batch, _)| batch.events)
    }

    /// When there is something to be done at the latest.
    fn next_time(&self) -> Option<Instant> {
        let state = self.keep.state();
        let given_up = state.link.is_none().then(|| state.away_since + self.shop.settings.keep);
        let mended = self.mending.as_ref().and_then(|mending| mending.due(state.is_closing));
        [self.retry, state.wants.next_forgotten(), given_up, mended].into_iter().flatten().min()
    }

    /// Begins to store what has gathered, if nothing is being stored.
    fn store(&mut self) {
        let now = Instant::now();
        if self.retry.is_some_and(|retry| retry <= now) {
            self.retry = None;
        }
        if self.current.is_none() && !self.next.records.is_empty() {
            self.current = Some((std::mem::take(&mut self.next), None));
        }
        if let Some((batch, pending @ None)) = &mut self.current
            && self.retry.is_none()
            && self.mending.is_none()
        {
            match self.log.journal.try_enqueue(&batch.records, Durability::Synced) {
                Ok(enqueued) => *pending = Some(enqueued),
                Err(error) => self.not_stored(&error),
            }
        }
    }

    pub(super) fn stored(&mut self, stored: Result<u64, JournalError>) {
        match stored {
            Ok(last) => {
                if let Some((batch, _)) = self.current.take() {
                    self.stored_events += batch.events;
                    self.shop.counts.stored(batch.events);
                    self.shop.counts.untroubled(self.place());
                }
                self.keep.state().outbox.stored(last);
                self.log.last = last;
            }
            Err(error) => self.not_stored(&error),
        }
    }

    /// It is tried again: what waits behind it stays where it is, and when there is no room for more, the policy of the
    /// inbox holds.
    fn not_stored(&mut self, error: &JournalError) {
        if let Some((_, pending)) = &mut self.current {
            *pending = None;
        }
        match error {
            JournalError::Poisoned { .. } => return self.begin_to_mend(error),
            JournalError::Full { .. } => {
                tracing::debug!(destination = %self.keep.router, %error, "what is kept has reached its bound");
            }
            _ => {
                tracing::error!(destination = %self.keep.router, %error, "what is to last could not be stored")
            }
        }
        self.shop.counts.troubled(self.place(), error.to_string());
        self.retry = Some(Instant::now() + AGAIN);
    }

    pub(super) fn is_stored(&self) -> bool {
        self.current.is_none()
            && self.next.records.is_empty()
            && self.hands.iter().all(|hand| hand.departures.is_empty())
            && LANES.into_iter().all(|lane| self.keep.exit().lane(lane).is_empty())
    }

    /// Those whose events have all been gathered wait until those are stored.
    fn tell_barriers(&mut self) {
        let gathered =
            self.current.as_ref().map_or(0, |(batch, _)| batch.records.len()) + self.next.records.len();
        let due = self.log.last + gathered as u64;
        let mut state = self.keep.state();
        for barrier in &mut state.barriers {
            for (lane, left) in LANES.into_iter().zip(&mut barrier.left) {
                // Some of them may have gone for others.
                if self.hands[lane as usize].departures.is_empty() && self.keep.exit().lane(lane).is_empty() {
                    *left = 0;
                }
            }
        }
        let ready = state.barriers.extract_if(.., |barrier| barrier.left == [0; 3]);
        self.waiting.extend(ready.map(|barrier| (due, barrier.told)));
        drop(state);
        let last = self.log.last;
        for (_, told) in self.waiting.extract_if(.., |(due, _)| *due <= last) {
            // Whoever waits no more needs not be told.
            let _ = told.send(last);
        }
    }

    pub(super) fn begin_to_read(&mut self, number: u64) {
        self.held = None;
        self.ends.retain(|(read, _)| *read < number);
        self.reading = Some(number);
        if self.reader.as_ref().is_none_or(|(next, _)| *next != number) {
            self.reader = Position::new(number).map(|position| (number, self.log.journal.follow(position)));
        }
    }

    fn read(&mut self, read: Option<Result<edri_journal::Record, JournalError>>) {
        match read {
            Some(Ok(record)) => {
                let number = record.position.get();
                if let Some((next, _)) = &mut self.reader {
                    *next = number + 1;
                }
                self.pass_on(number, record.content);
            }
            // The journal is closed.
            None => self.reading = None,
            Some(Err(error)) => {
                tracing::error!(destination = %self.keep.router, %error, "what is kept for another router cannot be read");
                self.shop.counts.troubled(self.place(), error.to_string());
                (self.reading, self.reader) = (None, None);
                self.keep.state().outbox.end();
            }
        }
    }

    /// Has a record sent, as far as the destination wants it; it is held while it may want it soon.
    fn pass_on(&mut self, number: u64, content: Bytes) {
        let (schemas, before, after) = match Record::look(&content) {
            Ok(looked) => looked,
            Err(error) => {
                tracing::error!(destination = %self.keep.router, number, %error, "a record is passed over");
                self.shop.counts.troubled(self.place(), error.to_string());
                (Vec::new(), self.released_events, self.released_events)
            }
        };
        let mut state = self.keep.state();
        let wanted: Vec<_> = schemas.iter().map(|schema| state.wants.find(schema)).collect();
        let limit = state.link.map_or(usize::MAX, |link| link.limit);
        let is_first = number == state.outbox.acknowledged() + 1;
        drop(state);
        if wanted.contains(&Wanted::Perhaps) {
            self.held = Some((number, content));
            return;
        }
        let is_too_long = content.len() + AROUND > limit;
        let content = if is_too_long || wanted.contains(&Wanted::Never) {
            self.cut(content, &wanted, is_too_long)
        } else {
            content
        };
        if is_first {
            self.released_events = self.released_events.max(before);
        }
        self.reading = None;
        self.ends.push_back((number, after));
        let word = self.keep.state().outbox.send(number, content);
        if let Some(word) = word {
            self.keep.say(&word);
        }
    }

    /// Without what is not wanted, which is lost; nothing is left of what is too long.
    fn cut(&self, content: Bytes, wanted: &[Wanted], is_too_long: bool) -> Bytes {
        let Ok(mut record) = Record::decode(&content) else { return content };
        let unwanted = record.split_by(|schema| wanted[schema] == Wanted::Now);
        let mut lost: Vec<_> = unwanted.into_iter().map(|notice| (notice, Reason::NoSubscriber)).collect();
        if is_too_long {
            let too_long = Failure::new("too long", "the other router takes nothing as long");
            let rest = std::mem::take(&mut record.notices).into_iter();
            lost.extend(rest.map(|notice| (notice, Reason::Failed(too_long.clone()))));
        }
        for (notice, reason) in &lost {
            self.shop.lose(&record.schemas[notice.schema], notice, reason.clone());
        }
        self.shop.counts.given_up(lost.len() as u64);
        record.encode().into()
    }

    fn release(&mut self, up_to: u64) {
        while let Some((number, after)) = self.ends.front()
            && *number <= up_to
        {
            self.released_events = self.released_events.max(*after);
            self.ends.pop_front();
        }
        if up_to >= self.log.last {
            self.released_events = self.stored_events;
        }
        match &mut self.releasing {
            Some((next, _)) => *next = up_to,
            // Whatever is released is when it is open again.
            None if self.mending.is_some() => {}
            None => self.releasing = self.begin_to_release(up_to),
        }
    }

    pub(super) fn begin_to_release(&mut self, up_to: u64) -> Option<(u64, Releasing)> {
        let journal = self.log.journal.clone();
        let position = Position::new(up_to)?;
        self.releasing_to = up_to;
        Some((up_to, Box::pin(async move { journal.confirm(position).await })))
    }

    fn released(&mut self, released: Result<(), JournalError>) {
        if let Err(error) = released {
            if let JournalError::Poisoned { .. } = error {
                return self.begin_to_mend(&error);
            }
            tracing::warn!(destination = %self.keep.router, %error, "what need not be kept could not be removed");
            self.shop.counts.troubled(self.place(), error.to_string());
        }
        let latest = self.releasing.take().map(|(latest, _)| latest);
        if let Some(latest) = latest.filter(|latest| *latest > self.releasing_to) {
            self.releasing = self.begin_to_release(latest);
        }
        // There may be room now.
        self.retry = self.retry.map(|_| Instant::now());
    }

    fn is_closing(&self) -> bool {
        self.keep.state().is_closing
    }

    pub(super) fn place(&self) -> Place {
        Place::Kept(self.keep.router)
    }

    /// All is stored: the journal is closed.
    async fn close(&mut self) -> ControlFlow<()> {
        self.end_mending().await;
        if let Some((_, releasing)) = self.releasing.take() {
            let released = releasing.await;
            if let Err(error) = released {
                tracing::warn!(destination = %self.keep.router, %error, "what need not be kept could not be removed");
            }
        }
        self.reader = None;
        if let Err(error) = self.log.journal.close().await {
            tracing::error!(destination = %self.keep.router, %error, "what is kept could not be closed in order");
        }
        ControlFlow::Break(())
    }
}

/// What is around a record when it travels, in bytes.
const AROUND: usize = 32;

/// A log that cannot be opened is tried again after so long.
const OPENED_AGAIN: Duration = Duration::from_secs(1);

/// Begins with a destination for which nothing was kept before: that something is, is on the disk before anything is.
pub(super) async fn begin_to_keep(keep: Arc<Keep>, shop: Shop, log: u64, entry: Entry) {
    let folder = log_folder(&shop.settings, keep.router, log);
    loop {
        let noted = match shop.book.write(&entry) {
            Ok(writing) => writing.await,
            Err(error) => Err(error),
        };
        let opened = match noted {
            Ok(()) => Log::open(&shop.settings, log, folder.clone()).await,
            Err(error) => Err(OpenError::Journal(error)),
        };
        let trouble = match opened {
            Ok(log) => {
                shop.counts.untroubled(Place::Kept(keep.router));
                // What was wanted meanwhile was of somebody unknown.
                let wants = keep.state().wants.all();
                let router = keep.router;
                wants
                    .into_iter()
                    .for_each(|schema| shop.book.note(&Entry::Wants { router, schema, hops: 0 }));
                return Keeping::new(keep, shop, log).run().await;
            }
            Err(error) => error.to_string(),
        };
        tracing::error!(destination = %keep.router, trouble, "nothing can be kept for another router for now");
        shop.counts.troubled(Place::Kept(keep.router), trouble);
        if keep.state().is_closing {
            return;
        }
        tokio::time::sleep(OPENED_AGAIN).await;
    }
}
