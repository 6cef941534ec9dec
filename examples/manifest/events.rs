//! What the parts of the program say to one another.

use std::path::Path;
use std::sync::Arc;

use edri::prelude::*;
use serde::{Deserialize, Serialize};

/// Asks for the SHA-256 of a file's content; answered by the pool of [`Hasher`](crate::hasher::Hasher)s, which may be in
/// other processes. Should one of these die, another hashes the file.
#[derive(Request, Serialize, Deserialize)]
#[request(response = Content, shareable, idempotent)]
pub struct HashFile {
    #[serde(with = "name")]
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

/// The name of a file on its way to another process: bytes, which need not be UTF-8.
mod name {
    use std::ffi::OsStr;
    use std::path::Path;
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(name: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(name.as_os_str().as_encoded_bytes())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Path>, D::Error> {
        let bytes = Vec::<u8>::deserialize(deserializer)?;
        Ok(Path::new(of_bytes(&bytes)?).into())
    }

    #[cfg(unix)]
    fn of_bytes<E>(bytes: &[u8]) -> Result<&OsStr, E> {
        Ok(std::os::unix::ffi::OsStrExt::from_bytes(bytes))
    }

    #[cfg(not(unix))]
    fn of_bytes<E: serde::de::Error>(bytes: &[u8]) -> Result<&OsStr, E> {
        std::str::from_utf8(bytes).map(OsStr::new).map_err(E::custom)
    }
}
