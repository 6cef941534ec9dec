use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use edri_event::{Failure, Meta};
use edri_journal::{Durability, Journal, JournalError, Pending, Position, Reader, Recovered};
use edri_router::{Back, DeadLetterOffice, Departure, Loss, Payload, Reason, Router};
use futures_util::future::OptionFuture;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::book::{Book, Entry, acknowledged};
use super::counts::Counts;
use super::house::House;
use super::keep::{Keep, Progress};
use super::settings::DurableSettings;
use super::wants::Wanted;
use crate::bridge::exit::LANES;
use crate::bridge::lane::Hand;
use crate::bridge::outgoing::circumstances;
use crate::bridge::seam::description_of;
use crate::durable::{Notice, Outbox, OutboxStep, Record, RecordBuilder};
use crate::wire::Schema;

/// Keeps what is for one destination: from the exit to the disk, from the disk to the link.
pub(super) struct Keeping {
    keep: Arc<Keep>,
    shop: Shop,
    log: Log,
    /// What was taken from each lane.
    hands: [Hand; 3],
    builder: RecordBuilder,
    /// What is to be stored next, and what is being stored.
    next: Batch,
    current: Option<(Batch, Option<Pending>)>,
    /// When storing is tried again.
    retry: Option<Instant>,
    /// The record that is to be read, and may be held since nobody wants it yet.
    reading: Option<u64>,
    held: Option<(u64, Bytes)>,
    reader: Option<(u64, Reader)>,
    /// What is being released, and up to where it is to be.
    releasing: Option<(u64, Releasing)>,
    releasing_to: u64,
    /// Those who wait until so many records have been stored.
    waiting: Vec<(u64, oneshot::Sender<u64>)>,
    /// How many events there are in the log up to the end of records that were read and are not released.
    ends: VecDeque<(u64, u64)>,
    /// How many events were stored so far, and up to the last that was released.
    stored_events: u64,
    released_events: u64,
}

type Releasing = Pin<Box<dyn Future<Output = Result<(), JournalError>> + Send>>;

/// What all who keep something share.
#[derive(Clone)]
pub(super) struct Shop {
    pub(super) router: Router,
    pub(super) office: DeadLetterOffice,
    pub(super) settings: DurableSettings,
    pub(super) book: Arc<Book>,
    pub(super) counts: Arc<Counts>,
    pub(super) house: Weak<House>,
}

/// The log of one destination, on the disk.
pub(super) struct Log {
    pub(super) name: u64,
    pub(super) folder: PathBuf,
    journal: Journal,
    first: u64,
    last: u64,
    /// How many events there are in it, up to the last that needs not be kept, and up to its end.
    events: (u64, u64),
}

/// Records that are stored together: all of them or none.
#[derive(Default)]
struct Batch {
    records: Vec<Vec<u8>>,
    bytes: usize,
    events: u64,
    /// What is to be held until they are stored.
    held: Vec<Meta>,
}

/// A record has so many bytes, about, unless one of its events is larger; and so many events.
const RECORD: usize = 8 * 1024;
const EVENTS: u64 = 64;

/// One that is larger than this has a record of its own.
const LARGE: usize = 4 * 1024;

/// So much is stored together.
const BATCH: usize = 1024 * 1024;

/// What could not be stored is tried again after so long.
const AGAIN: Duration = Duration::from_millis(200);

impl Log {
    /// Opens it.
    pub(super) async fn open(
        settings: &DurableSettings,
        name: u64,
        folder: PathBuf,
    ) -> Result<Self, OpenError> {
        let (journal, recovered) = settings.open_log(folder.clone()).await?;
        let Recovered { first, next, confirmed, .. } = recovered;
        let (gone, last) = (acknowledged(confirmed, first), next.get() - 1);
        let events_after = async |number: u64| match Position::new(number) {
            Some(position) => match journal.read_from(position).next().await {
                Some(record) => {
                    Record::look(&record?.content).map(|(_, _, events)| events).map_err(OpenError::Record)
                }
                None => Ok(0),
            },
            None => Ok(0),
        };
        let end = if last >= first.get() { events_after(last).await? } else { 0 };
        let released = if gone >= last {
            end
        } else if gone >= first.get() {
            events_after(gone).await?
        } else {
            // The first that is kept is the first that is needed.
            let first = journal.read_from(first).next().await.transpose()?;
            let record = first.map(|record| Record::decode(&record.content)).transpose();
            record.map_err(OpenError::Record)?.map_or(0, |record| record.before)
        };
        Ok(Self { name, folder, journal, first: gone, last, events: (released, end) })
    }

    /// The state machine of what it has.
    pub(super) fn outbox(&self) -> Outbox {
        Outbox::new(self.name, self.first, self.last)
    }
}

/// Why a log could not be opened.
pub(super) enum OpenError {
    Journal(JournalError),
    Record(crate::durable::Unreadable),
}

impl From<JournalError> for OpenError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl Shop {
    /// Makes dead letters of the records from one to another. Of how many events.
    async fn bury(&self, journal: &Journal, from: u64, to: u64, reason: &Reason) -> u64 {
        let mut events = 0;
        let Some(position) = Position::new(from).filter(|_| from <= to) else { return events };
        let mut reader = journal.read_from(position);
        while let Some(read) = reader.next().await {
            let record = match read {
                Ok(record) if record.position.get() > to => break,
                Ok(record) => Record::decode(&record.content).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match record {
                Ok(record) => {
                    for notice in &record.notices {
                        self.lose(&record.schemas[notice.schema], notice, reason.clone());
                    }
                    events += record.notices.len() as u64;
                }
                Err(error) => {
                    tracing::error!(error, "what is lost cannot be read");
                    self.counts.troubled(error);
                }
            }
            // Many may be lost at once.
            tokio::task::yield_now().await;
        }
        events
    }

    fn lose(&self, schema: &Schema, notice: &Notice, reason: Reason) {
        let mut meta = Meta::new();
        if let Some(id) = notice.circumstances.id {
            meta.set_id(id);
        }
        if let Some(key) = notice.circumstances.key {
            meta.set_key(key);
        }
        let event = self.router.foreign(description_of(schema));
        let lost = Departure::new(event, 0, meta, Back::Nothing);
        lost.discard(&notice.payload, Loss::unhandled(reason), &self.office);
    }
}

/// What has happened.
enum Came {
    Nothing,
    Stored(Result<u64, JournalError>),
    Read(Option<Result<edri_journal::Record, JournalError>>),
    Released(Result<(), JournalError>),
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
                Some(()) = OptionFuture::from(until.map(tokio::time::sleep_until)) => Came::Nothing,
            };
            match came {
                Came::Nothing => {}
                Came::Stored(stored) => self.stored(stored),
                Came::Read(read) => self.read(read),
                Came::Released(released) => self.released(released),
            }
        }
        self.keep.progress.send_modify(|progress| progress.is_over = true);
    }

    /// Does all that can be done without waiting.
    async fn step(&mut self) -> ControlFlow<()> {
        if let Some(house) = self.shop.house.upgrade() {
            house.forget(&self.keep);
        }
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
                    let events =
                        self.shop.bury(&self.log.journal, from, to, &Reason::Interrupted { peer }).await;
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
        [self.retry, state.wants.next_forgotten(), given_up].into_iter().flatten().min()
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
        {
            match self.log.journal.try_enqueue(&batch.records, Durability::Synced) {
                Ok(enqueued) => *pending = Some(enqueued),
                Err(error) => self.not_stored(&error),
            }
        }
    }

    fn stored(&mut self, stored: Result<u64, JournalError>) {
        match stored {
            Ok(last) => {
                if let Some((batch, _)) = self.current.take() {
                    self.stored_events += batch.events;
                    self.shop.counts.stored(batch.events);
                    self.shop.counts.untroubled();
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
        match error {
            JournalError::Full { .. } => {
                tracing::debug!(destination = %self.keep.router, %error, "what is kept has reached its bound");
            }
            _ => {
                tracing::error!(destination = %self.keep.router, %error, "what is to last could not be stored")
            }
        }
        self.shop.counts.troubled(error.to_string());
        if let Some((_, pending)) = &mut self.current {
            *pending = None;
        }
        self.retry = Some(Instant::now() + AGAIN);
    }

    fn is_stored(&self) -> bool {
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

    fn begin_to_read(&mut self, number: u64) {
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
                self.shop.counts.troubled(error.to_string());
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
                self.shop.counts.troubled(error.to_string());
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
            None => self.releasing = self.begin_to_release(up_to),
        }
    }

    fn begin_to_release(&mut self, up_to: u64) -> Option<(u64, Releasing)> {
        let journal = self.log.journal.clone();
        let position = Position::new(up_to)?;
        self.releasing_to = up_to;
        Some((up_to, Box::pin(async move { journal.confirm(position).await })))
    }

    fn released(&mut self, released: Result<(), JournalError>) {
        if let Err(error) = released {
            tracing::warn!(destination = %self.keep.router, %error, "what need not be kept could not be removed");
            self.shop.counts.troubled(error.to_string());
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

    /// All is stored: the journal is closed.
    async fn close(&mut self) -> ControlFlow<()> {
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

    /// Whether it has waited for its destination for long enough, or there is nothing to wait for.
    fn is_given_up(&self) -> bool {
        let state = self.keep.state();
        let is_away = state.link.is_none() && !state.is_closing;
        let waited = state.away_since.elapsed() >= self.shop.settings.keep;
        let is_idle = state.wants.is_empty() && state.outbox.acknowledged() >= state.outbox.last_stored();
        drop(state);
        is_away && (waited || is_idle && self.is_stored())
    }

    /// The destination does not come back: what was kept for it is lost.
    async fn give_up(&mut self) {
        let is_taken = self.shop.house.upgrade().is_none_or(|house| house.take_away(&self.keep));
        if !is_taken {
            // It is back at this very moment.
            return;
        }
        self.keep.exit().close();
        let peer = self.keep.side.called().to_string();
        let reason = format!("it did not come back within {:?}", self.shop.settings.keep);
        let reason = Reason::LinkLost { peer, reason };
        while let Some((batch, pending)) = self.current.take() {
            match pending {
                Some(pending) => {
                    let stored = pending.await;
                    self.current = Some((batch, None));
                    let is_stored = stored.is_ok();
                    self.stored(stored.map(|positions| positions.end.get() - 1));
                    if !is_stored {
                        let lost = self.current.take().map(|(batch, _)| batch);
                        self.lose_batch(lost, &reason);
                    }
                }
                None => self.lose_batch(Some(batch), &reason),
            }
        }
        let (from, to) = {
            let state = self.keep.state();
            (state.outbox.acknowledged() + 1, state.outbox.last_stored())
        };
        let buried = self.shop.bury(&self.log.journal, from, to, &reason).await;
        self.shop.counts.given_up(buried);
        let next = std::mem::take(&mut self.next);
        self.lose_batch(Some(next), &reason);
        self.lose_waiting(&reason);
        self.keep.state().outbox.give_up(to);
        self.reader = None;
        let _ = self.log.journal.close().await;
        self.shop.book.note(&Entry::Forgotten { router: self.keep.router });
        let folder = self.log.folder.clone();
        let removed = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(folder)).await;
        if let Ok(Err(error)) = removed {
            tracing::warn!(destination = %self.keep.router, %error, "the folder of what is not kept any more could not be removed");
        }
    }

    fn lose_batch(&self, batch: Option<Batch>, reason: &Reason) {
        for record in batch.into_iter().flat_map(|batch| batch.records) {
            if let Ok(record) = Record::decode(&record.into()) {
                let notices = &record.notices;
                notices.iter().for_each(|it| self.shop.lose(&record.schemas[it.schema], it, reason.clone()));
                self.shop.counts.given_up(notices.len() as u64);
            }
        }
    }

    /// What waits in the exit.
    fn lose_waiting(&mut self, reason: &Reason) {
        for (lane, hand) in LANES.into_iter().zip(&mut self.hands) {
            loop {
                let discard = |departure: Departure, payload: Payload<'_>| {
                    self.shop.counts.given_up(1);
                    departure.discard(&payload, Loss::unhandled(reason.clone()), &self.shop.office);
                };
                while hand.departures.take_first(discard).is_some() {}
                self.keep.exit().lane(lane).take(hand);
                if hand.departures.is_empty() {
                    break;
                }
            }
        }
    }
}

/// What is around a record when it travels, in bytes.
const AROUND: usize = 32;

/// Ready when something waited in the exit, and was put together.
async fn gather(
    keep: &Keep,
    hands: &mut [Hand; 3],
    builder: &mut RecordBuilder,
    next: &mut Batch,
    before: u64,
) {
    std::future::poll_fn(|cx| poll_gather(keep, hands, builder, next, before, cx)).await;
}

fn poll_gather(
    keep: &Keep,
    hands: &mut [Hand; 3],
    builder: &mut RecordBuilder,
    next: &mut Batch,
    before: u64,
    cx: &Context<'_>,
) -> Poll<()> {
    keep.exit().listen(cx);
    let mut taken = [0_usize; 3];
    let mut state = keep.state();
    let mut urgent_first = LANES;
    urgent_first.reverse();
    'all: for lane in urgent_first {
        let hand = &mut hands[lane as usize];
        loop {
            if hand.departures.is_empty() {
                keep.exit().lane(lane).take(hand);
            }
            let mut put = |next: &mut Batch, departure: Departure, payload: &[u8]| {
                let Some(schema) = state.wants.schema(departure.to) else { return };
                if payload.len() > LARGE {
                    next.finish(builder, before);
                }
                let circumstances = circumstances(&departure.meta, lane);
                builder.push(schema, &circumstances, circumstances.deadline.and_then(since_1970), payload);
                if circumstances.origin.is_some() {
                    next.held.push(departure.meta);
                }
                if builder.len() >= EVENTS || builder.bytes() >= RECORD {
                    next.finish(builder, before);
                }
            };
            while hand.departures.take_first(|departure, payload| put(next, departure, &payload)).is_some() {
                taken[lane as usize] += 1;
                keep.exit().lane(lane).sent(hand);
                if next.bytes >= BATCH {
                    break 'all;
                }
            }
            if hand.departures.is_empty() && keep.exit().lane(lane).is_empty() {
                break;
            }
        }
    }
    next.finish(builder, before);
    for barrier in &mut state.barriers {
        barrier.left.iter_mut().zip(taken).for_each(|(left, taken)| *left = left.saturating_sub(taken));
    }
    if taken == [0; 3] { Poll::Pending } else { Poll::Ready(()) }
}

impl Batch {
    /// Adds the record that was put together, if there is anything in it. So many events were stored before the batch.
    fn finish(&mut self, builder: &mut RecordBuilder, before: u64) {
        if builder.is_empty() {
            return;
        }
        let events = builder.len();
        let record = builder.finish(before + self.events);
        self.events += events;
        self.bytes += record.len();
        self.records.push(record);
    }
}

/// In microseconds since 1970, by the clock that may jump.
fn since_1970(deadline: std::time::Instant) -> Option<u64> {
    let left = deadline.saturating_duration_since(std::time::Instant::now());
    let at = SystemTime::now().checked_add(left)?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(at.as_micros()).ok()
}
