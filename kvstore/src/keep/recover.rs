use std::borrow::Cow;
use std::sync::Arc;

use edri_journal::{Journal, JournalError, Position};

use super::line::{Line, lines};
use crate::core::{Content, Core, Deadline, Space};
use crate::error::StoreError;
use crate::settings::Durability;
use crate::value::ValueType;
use crate::version::Version;

/// Why a store could not be read back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoverError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the record at {position} of {directory}: {reason}")]
    Line { directory: String, position: Position, reason: String },
    #[error("{space} is found in {directory}, and is to be kept in another way: {durability:?}")]
    Elsewhere { space: String, directory: String, durability: Durability },
    #[error("a namespace is to be kept on disk, and there is no directory: expected `Store::directory`")]
    NoDirectory,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads a journal back into its namespaces.
pub(super) struct Recovery<'c> {
    pub(super) core: &'c Core,
    pub(super) directory: &'c str,
    /// Whether a namespace that is kept so belongs there.
    pub(super) belongs: fn(Durability) -> bool,
    /// The last one: lines of one namespace come one after the other.
    pub(super) space: Option<Arc<Space>>,
}

impl Recovery<'_> {
    /// The picture, if there is one, and the records after it; answers how many bytes those were.
    pub(super) async fn read(mut self, journal: &Journal) -> Result<u64, RecoverError> {
        let mut first = journal.first();
        if let Some(mut snapshot) = journal.read_snapshot().await? {
            let position = snapshot.position();
            while let Some(part) = snapshot.next().await {
                self.take(position, &part?)?;
            }
            first = first.max(position.next());
        }
        let mut bytes = 0;
        let mut records = journal.read_from(first);
        while let Some(record) = records.next().await {
            let record = record?;
            bytes += record.content.len() as u64;
            self.take(record.position, &record.content)?;
        }
        Ok(bytes)
    }

    fn take(&mut self, position: Position, record: &[u8]) -> Result<(), RecoverError> {
        let wrong =
            |directory: &str, reason| RecoverError::Line { directory: directory.into(), position, reason };
        for line in lines(record).map_err(|reason| wrong(self.directory, reason))? {
            match line.map_err(|reason| wrong(self.directory, reason))? {
                Line::Put { space, key, version, deadline, kind, bytes } => {
                    let (space, version) = (self.space(space)?, Version::new(version));
                    let deadline = self.deadline(deadline);
                    space.restore(key, Content { kind, bytes: bytes.into() }, version, deadline);
                }
                Line::Touched { space, key, version, deadline } => {
                    let deadline = self.deadline(deadline);
                    self.space(space)?.restore_deadline(key, Version::new(version), deadline);
                }
                Line::Gone { space, key, version } => {
                    self.space(space)?.restore_gone(key, Version::new(version));
                }
                Line::Type { kind, name } => {
                    self.core.types().know(&ValueType::new(kind, Cow::Owned(name.to_owned())));
                }
                Line::Reached { space, version } => self.space(space)?.reached(Version::new(version)),
            }
        }
        Ok(())
    }

    fn deadline(&self, written: u64) -> Deadline {
        self.core.clock().of_world(written)
    }

    fn space(&mut self, name: &str) -> Result<Arc<Space>, RecoverError> {
        if let Some(space) = self.space.as_ref().filter(|space| space.name() == name) {
            return Ok(Arc::clone(space));
        }
        let space = self.core.space(name)?;
        if !(self.belongs)(space.durability()) {
            let (directory, durability) = (self.directory.to_owned(), space.durability());
            return Err(RecoverError::Elsewhere { space: space.title(), directory, durability });
        }
        self.space = Some(Arc::clone(&space));
        Ok(space)
    }
}
