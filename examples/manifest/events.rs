//! What the parts of the program say to one another.

use std::path::Path;
use std::sync::Arc;

use edri::prelude::*;
use serde::{Deserialize, Serialize};

/// Asks for the SHA-256 of a file's content; answered by [`Hasher`](crate::hasher::Hasher)s, here, in other processes or in
/// other programs. Should one of these die, another hashes the file.
#[derive(Request, Serialize, Deserialize)]
#[request(name = "manifest::HashFile", response = Content, policy = "least_loaded", shareable, idempotent)]
pub struct HashFile {
    #[serde(with = "crate::path")]
    pub path: Arc<Path>,
}

/// What is in a file.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Content {
    pub sha256: [u8; 32],
    pub bytes: u64,
}

/// Announces that a file has been hashed, in the order of the walk.
#[derive(Notification)]
pub struct Hashed {
    pub path: Arc<Path>,
    pub content: Content,
}

/// Announces a file or directory that could not be read.
#[derive(Notification)]
pub struct Unreadable {
    pub path: Arc<Path>,
    pub reason: String,
}

/// Announces something that is not a regular file: a symbolic link, a socket, a device, a FIFO.
#[derive(Notification)]
pub struct Skipped;

/// Announces that the manifest can not be written any more, so that there is no point in going on.
#[derive(Notification)]
pub struct OutputFailed;

/// Asks for the manifest to be completed: every line is where it belongs when this is answered.
#[derive(Request)]
#[request(response = ())]
pub struct Complete;

/// Asks what has been seen so far.
#[derive(Request)]
#[request(response = Totals)]
pub struct CountAll;

#[derive(Clone, Copy, Default)]
pub struct Totals {
    pub files: u64,
    pub bytes: u64,
    pub unreadable: u64,
    pub skipped: u64,
}

/// Asks how many files have had the content of an earlier one so far.
#[derive(Request)]
#[request(response = Copies)]
pub struct CountCopies;

#[derive(Clone, Copy, Default)]
pub struct Copies {
    /// Contents that more than one file has.
    pub groups: u64,
    /// Files beyond the first of each group.
    pub files: u64,
    /// What these take.
    pub bytes: u64,
}
