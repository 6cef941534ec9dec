use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use edri_event::RouterId;
use edri_journal::{Durability, Journal, JournalError, Pending, Position, Recovered};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};

use super::counts::Counts;
use super::error::DurableError;
use super::settings::DurableSettings;
use crate::durable::Mark;
use crate::wire::Schema;

/// What a router remembers of others, beside the events themselves: for whom it keeps something, and how far it has come
/// in what others send.
pub(super) struct Book {
    pub(super) settings: DurableSettings,
    pub(super) counts: Arc<Counts>,
    written: Mutex<Written>,
    /// How the disk stands to what is known here.
    pub(super) standing: watch::Sender<Standing>,
    /// Held by whoever tells the disk all anew.
    pub(super) mending: tokio::sync::Mutex<()>,
    /// It is about to be closed, and is not to be waited for any longer than need be.
    pub(super) hurry: Arc<Notify>,
}

pub(super) struct Written {
    pub(super) journal: Journal,
    /// How often the journal was opened again.
    pub(super) life: u64,
    /// Why it has to be opened again, if it has to.
    pub(super) poisoned: Option<JournalError>,
    pub(super) known: Known,
    /// How many entries were written since all was written anew.
    pub(super) entries: u64,
    /// How often the disk was not told something.
    pub(super) failures: u64,
    pub(super) is_closing: bool,
    pub(super) is_closed: bool,
}

/// How the disk stands to what is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// So many entries that nobody waits for are on their way.
    pub(super) noting: usize,
    /// The disk was not told something, and will be told all anew.
    pub(super) is_behind: bool,
}

/// An entry on its way to the disk.
pub(super) struct Writing {
    book: Arc<Book>,
    life: u64,
    pending: Pending,
}

impl Future for Writing {
    type Output = Result<(), JournalError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let written = ready!(Pin::new(&mut self.pending).poll(cx)).map(drop);
        if let Err(error @ JournalError::Poisoned { .. }) = &written {
            self.book.fall_behind(error, self.life);
        }
        Poll::Ready(written)
    }
}

/// All that is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Known {
    pub(super) destinations: BTreeMap<RouterId, Destination>,
    pub(super) marks: BTreeMap<RouterId, Mark>,
}

/// A router for which something is kept.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Destination {
    pub(super) name: String,
    /// The name of the log of what is kept for it.
    pub(super) log: u64,
    /// What it consumes, with how many links away the nearest consumer is.
    pub(super) wants: Vec<(Schema, u32)>,
}

/// One entry: a change of what is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Entry {
    /// All that was known before is said anew, in the entries that follow.
    Anew,
    Destination {
        router: RouterId,
        name: String,
        log: u64,
    },
    Wants {
        router: RouterId,
        schema: Schema,
        hops: u32,
    },
    Unwants {
        router: RouterId,
        schema: Schema,
    },
    Forgotten {
        router: RouterId,
    },
    Mark {
        source: RouterId,
        log: u64,
        handed: u64,
        handled: u64,
    },
}

/// All is written anew when there are so many entries, and four times as many as it takes.
const OFTEN: u64 = 4096;

/// Marks are kept of so many sources at most.
const SOURCES: usize = 65_536;

impl Book {
    /// Opens it, with all that is known.
    pub(super) async fn open(
        settings: &DurableSettings,
        counts: Arc<Counts>,
    ) -> Result<(Arc<Self>, Known), DurableError> {
        let (journal, recovered) = settings.open_book().await?;
        let (known, entries) = read(settings, &journal, &recovered).await?;
        let written = Mutex::new(Written {
            journal,
            life: 0,
            poisoned: None,
            known: known.clone(),
            entries,
            failures: 0,
            is_closing: false,
            is_closed: false,
        });
        let book = Self {
            settings: settings.clone(),
            counts,
            written,
            standing: watch::Sender::new(Standing::default()),
            mending: tokio::sync::Mutex::default(),
            hurry: Arc::default(),
        };
        Ok((Arc::new(book), known))
    }

    /// Writes an entry: it is on the disk when what is given back is ready.
    pub(super) fn write(self: &Arc<Self>, entry: &Entry) -> Result<Writing, JournalError> {
        let mut written = self.written();
        if let Some(error) = &written.poisoned {
            return Err(error.clone());
        }
        if let Entry::Mark { source, .. } = entry
            && written.known.marks.len() >= SOURCES
            && !written.known.marks.contains_key(source)
        {
            return Err(JournalError::Busy { waiting: SOURCES });
        }
        let life = written.life;
        let pending = match written.journal.try_enqueue([encode(entry)], Durability::Synced) {
            Ok(pending) => pending,
            Err(error) => {
                drop(written);
                if let JournalError::Poisoned { .. } = &error {
                    self.fall_behind(&error, life);
                }
                return Err(error);
            }
        };
        written.known.apply(entry);
        written.entries += 1;
        if written.entries > OFTEN.max(4 * written.known.entries()) {
            self.write_anew(&mut written);
        }
        Ok(Writing { book: Arc::clone(self), life, pending })
    }

    /// The same, where nobody waits for it: what cannot be written now is written later.
    pub(super) fn note(self: &Arc<Self>, entry: &Entry) {
        match self.write(entry) {
            Ok(writing) => {
                self.standing.send_modify(|standing| standing.noting += 1);
                let book = Arc::clone(self);
                tokio::spawn(async move {
                    let life = writing.life;
                    if let Err(error) = writing.await {
                        tracing::error!(%error, "what is known of another router could not be written down yet");
                        book.fall_behind(&error, life);
                    }
                    book.standing.send_modify(|standing| standing.noting -= 1);
                });
            }
            Err(error) => {
                tracing::error!(%error, ?entry, "what is known of another router could not be written down yet");
                let life = {
                    let mut written = self.written();
                    written.known.apply(entry);
                    written.life
                };
                self.fall_behind(&error, life);
            }
        }
    }

    /// All that is known takes the place of all that was written.
    fn write_anew(self: &Arc<Self>, written: &mut Written) {
        // It is tried again with the next entry.
        let Ok(pending) = written.enqueue_all() else { return };
        let (book, life) = (Arc::clone(self), written.life);
        tokio::spawn(async move {
            if let Err(error) = book.replace_by(pending).await {
                tracing::warn!(%error, "old entries of the book of what lasts could not be removed");
                if let JournalError::Poisoned { .. } = &error {
                    book.fall_behind(&error, life);
                }
            }
        });
    }

    /// Lets go of all that was written before what is on its way.
    pub(super) async fn replace_by(&self, pending: Pending) -> Result<(), JournalError> {
        let positions = pending.await?;
        let journal = self.written().journal.clone();
        match positions.start.previous() {
            Some(before) => journal.confirm(before).await,
            None => Ok(()),
        }
    }

    /// No code of others runs under the lock, so that it cannot be poisoned.
    pub(super) fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Written {
    /// Puts all that is known in line.
    pub(super) fn enqueue_all(&mut self) -> Result<Pending, JournalError> {
        let entries = self.known.all();
        let pending = self.journal.try_enqueue(entries.iter().map(encode), Durability::Synced)?;
        self.entries = entries.len() as u64;
        Ok(pending)
    }
}

/// All that is known by what is in its journal, and how many entries that are.
pub(super) async fn read(
    settings: &DurableSettings,
    journal: &Journal,
    recovered: &Recovered,
) -> Result<(Known, u64), DurableError> {
    let mut known = Known::default();
    let from = recovered.confirmed.map_or(recovered.first, |confirmed| confirmed.next().max(recovered.first));
    let mut reader = journal.read_from(from);
    while let Some(record) = reader.next().await {
        let record = record?;
        let entry = postcard::from_bytes(&record.content).map_err(|error| {
            let (folder, position) = (settings.folder.join("book"), record.position);
            DurableError::Record { folder, reason: format!("that at {position} is no entry: {error}") }
        })?;
        known.apply(&entry);
    }
    Ok((known, recovered.next.get() - from.get()))
}

fn encode(entry: &Entry) -> Vec<u8> {
    match postcard::to_allocvec(entry) {
        Ok(bytes) => bytes,
        Err(error) => unreachable!("an entry is numbers and text, which can always be written: {error}"),
    }
}

impl Known {
    fn apply(&mut self, entry: &Entry) {
        match entry.clone() {
            Entry::Anew => *self = Self::default(),
            Entry::Destination { router, name, log } => {
                let wants = self.destinations.remove(&router).filter(|known| known.log == log);
                let wants = wants.map(|known| known.wants).unwrap_or_default();
                self.destinations.insert(router, Destination { name, log, wants });
            }
            Entry::Wants { router, schema, hops } => {
                if let Some(destination) = self.destinations.get_mut(&router) {
                    destination.wants.retain(|(known, _)| *known != schema);
                    destination.wants.push((schema, hops));
                }
            }
            Entry::Unwants { router, schema } => {
                if let Some(destination) = self.destinations.get_mut(&router) {
                    destination.wants.retain(|(known, _)| *known != schema);
                }
            }
            Entry::Forgotten { router } => drop(self.destinations.remove(&router)),
            Entry::Mark { source, log, handed, handled } => {
                self.marks.insert(source, Mark::new(log, handed, handled));
            }
        }
    }

    fn entries(&self) -> u64 {
        let wants: usize = self.destinations.values().map(|known| known.wants.len()).sum();
        (1 + self.destinations.len() + wants + self.marks.len()) as u64
    }

    fn all(&self) -> Vec<Entry> {
        let mut all = vec![Entry::Anew];
        for (router, Destination { name, log, wants }) in &self.destinations {
            let router = *router;
            all.push(Entry::Destination { router, name: name.clone(), log: *log });
            let wants = wants.iter().cloned();
            all.extend(wants.map(|(schema, hops)| Entry::Wants { router, schema, hops }));
        }
        let marks = self.marks.iter().map(|(source, Mark { log, handed, handled })| Entry::Mark {
            source: *source,
            log: *log,
            handed: *handed,
            handled: *handled,
        });
        all.extend(marks);
        all
    }
}

/// Where what is kept for a destination is.
pub(super) fn log_folder(settings: &DurableSettings, router: RouterId, log: u64) -> PathBuf {
    settings.folder.join("outbox").join(format!("{router}-{log:016x}"))
}

/// After which position records are kept.
pub(super) fn acknowledged(confirmed: Option<Position>, first: Position) -> u64 {
    confirmed.map_or(0, Position::get).max(first.get() - 1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use edri_journal::testing::{Disk, Loss};

    use super::*;
    use crate::wire::Role;

    fn schema(name: &str) -> Schema {
        let (name, codec) = (name.to_owned(), "postcard".to_owned());
        Schema { name, version: 1, role: Role::Subscriber, codec, shapes: Vec::new() }
    }

    #[tokio::test]
    async fn what_was_written_is_known_after_a_crash_and_old_entries_make_room() {
        let disk = Disk::new(1);
        let settings = DurableSettings::in_folder("state").on(disk.clone());
        let (book, known) = Book::open(&settings, Arc::default()).await.unwrap();
        assert_eq!(known, Known::default());
        let (here, there) = (RouterId::from_bits(1), RouterId::from_bits(2));
        let mut entries = vec![
            Entry::Destination { router: here, name: "here".to_owned(), log: 7 },
            Entry::Wants { router: here, schema: schema("a"), hops: 0 },
            Entry::Wants { router: here, schema: schema("b"), hops: 1 },
            Entry::Unwants { router: here, schema: schema("a") },
            Entry::Destination { router: there, name: "there".to_owned(), log: 8 },
            Entry::Forgotten { router: there },
        ];
        entries.extend((1..20_000).map(|handed| Entry::Mark { source: there, log: 3, handed, handled: 0 }));
        for entry in &entries {
            let written = loop {
                match book.write(entry) {
                    Err(JournalError::Busy { .. }) => tokio::task::yield_now().await,
                    other => break other.unwrap(),
                }
            };
            if matches!(entry, Entry::Mark { handed: 19_999, .. }) {
                written.await.unwrap();
            }
        }
        // What is old is let go of beside the writing.
        let is_old = |position: Position| position.get() > 12_000;
        let confirmed = async {
            while !book.written().journal.confirmed().is_some_and(is_old) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), confirmed).await.expect("old entries are let go of");
        let disk = disk.crash(Loss::Everything);
        let settings = DurableSettings::in_folder("state").on(disk);
        let (book, known) = Book::open(&settings, Arc::default()).await.unwrap();
        let wants = vec![(schema("b"), 1)];
        let destination = Destination { name: "here".to_owned(), log: 7, wants };
        assert_eq!(known.destinations, BTreeMap::from([(here, destination)]));
        assert_eq!(known.marks, BTreeMap::from([(there, Mark::new(3, 19_999, 0))]));
        assert!(book.written().entries < 10_000);
    }
}
