use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use edri_event::RouterId;
use edri_journal::JournalError;

/// What can go wrong with a folder in which a router keeps what lasts.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DurableError {
    /// The folder belongs to another router than the one that is to use it.
    #[error(
        "the folder {} belongs to the router {owner}, and this router is {here}: expected one that was made with the \
         folder's identity",
        folder.display()
    )]
    Router {
        /// The folder.
        folder: PathBuf,
        /// Whose it is.
        owner: RouterId,
        /// Who wants to use it.
        here: RouterId,
    },
    /// The file in which the router's identity is kept is not as it was written.
    #[error("{} is damaged: {found:?} is no identity of a router", path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// The beginning of what is in it.
        found: String,
    },
    /// A setting makes no sense.
    #[error("what lasts cannot be kept with {setting} {value}: expected {expected}")]
    Setting {
        /// Which one.
        setting: &'static str,
        /// What it was set to.
        value: u64,
        /// What it has to be.
        expected: &'static str,
    },
    /// The operating system refused something.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was to be done.
        doing: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// One of the folder's journals: it is in use, damaged, of another version, or full.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A record in one of the folder's journals was not written by this version.
    #[error("a record in {} cannot be read: {reason}", folder.display())]
    Record {
        /// The journal.
        folder: PathBuf,
        /// Why.
        reason: String,
    },
    /// It was closed.
    #[error("what was to last is not kept any more: it was closed")]
    Closed,
}
