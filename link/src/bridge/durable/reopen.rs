use edri_journal::{Journal, JournalError, Position, Recovered};

/// Opens a journal again that has failed, so that nobody knows what is in it: what is there then is read, written again, and
/// counts. What was on its way when it failed is there, all of it, or it is not.
///
/// Nothing that was known to be synced may be missing: its place would be taken by something else.
pub(super) async fn reopen(
    failed: &Journal,
    open: impl Future<Output = Result<(Journal, Recovered), JournalError>>,
) -> Result<(Journal, Recovered), ReopenError> {
    // It has failed, and says so once more; what was on its way is told, and its lock is free.
    let _ = failed.close().await;
    let synced = failed.next();
    let (journal, recovered) = open.await?;
    if recovered.next < synced {
        let _ = journal.close().await;
        return Err(ReopenError::Missing { next: recovered.next, synced });
    }
    Ok((journal, recovered))
}

/// Why a journal that has failed could not be opened again.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReopenError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(
        "the next record would be {next}, and all before {synced} had been synced: expected them to be there"
    )]
    Missing { next: Position, synced: Position },
    #[error("{0}")]
    Record(String),
}

/// What is told of a journal that has failed, and is opened again in a while.
pub(super) fn failed(error: &impl std::fmt::Display, delay: std::time::Duration, tries: u32) -> String {
    match tries {
        0 => format!("{error}; it is tried again in {delay:?}"),
        1 => format!("{error}; it is tried again in {delay:?}, after it has failed once more"),
        more => format!("{error}; it is tried again in {delay:?}, after it has failed {more} times more"),
    }
}
