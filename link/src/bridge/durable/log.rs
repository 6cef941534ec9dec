use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use edri_event::{Meta, RouterId};
use edri_journal::{Journal, JournalError, Position, Recovered};
use edri_router::{Back, DeadLetterOffice, Departure, Loss, Reason, Router};

use super::book::{Book, acknowledged};
use super::counts::{Counts, Place};
use super::house::House;
use super::settings::DurableSettings;
use crate::bridge::seam::description_of;
use crate::durable::{Notice, Outbox, Record};
use crate::wire::Schema;

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
    pub(super) journal: Journal,
    pub(super) first: u64,
    pub(super) last: u64,
    /// How many events there are in it, up to the last that needs not be kept, and up to its end.
    pub(super) events: (u64, u64),
}

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

impl fmt::Display for OpenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(error) => error.fmt(formatter),
            Self::Record(error) => error.fmt(formatter),
        }
    }
}

impl From<JournalError> for OpenError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl Shop {
    /// Makes dead letters of the records from one to another. Of how many events.
    pub(super) async fn bury(
        &self,
        destination: RouterId,
        journal: &Journal,
        (from, to): (u64, u64),
        reason: &Reason,
    ) -> u64 {
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
                    self.counts.troubled(Place::Kept(destination), error);
                }
            }
            // Many may be lost at once.
            tokio::task::yield_now().await;
        }
        events
    }

    pub(super) fn lose(&self, schema: &Schema, notice: &Notice, reason: Reason) {
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
