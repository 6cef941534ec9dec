//! What a journal needs of a disk.
//!
//! ```text
//! file system   this trait: names, directories, locks; and File: what is in one
//! disk          the operating system's
//! ```
//!
//! [`testing`](crate::testing) has another, in memory, which loses what a crash may lose.

mod disk;

use std::fmt;
use std::io;
use std::path::Path;

pub(crate) use disk::Disk;

/// Where files are: the operating system's, or one for tests.
///
/// What is promised is what POSIX and common file systems promise, and no more: a change of a directory lasts when
/// [`sync_directory`](Self::sync_directory) has returned, what is written into a file when [`File::sync`] has. Until then,
/// a crash may undo any of it, and leave the rest.
pub(crate) trait FileSystem: fmt::Debug + Send + Sync + 'static {
    /// Makes a directory, and those above it, where they are not there yet, and makes that last.
    fn create_directory(&self, path: &Path) -> io::Result<()>;

    /// Takes the lock of the file at `path`, which is created where it is not there; none if another holds it. The lock
    /// is held until what is returned is dropped, or the process ends in whatever way.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>>;

    /// The names in a directory, in any order.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;

    /// Creates an empty file, or empties the one that is there, to read and write.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Opens a file to read and write.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Opens a file to read: it can be read for as long as it is open, even if it is removed meanwhile.
    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Gives a file another name in the same directory, at once and in place of what had that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory last.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;

    /// A number that nobody can foresee: the salt of a file.
    fn draw(&self) -> u64;
}

/// An open file.
pub(crate) trait File: fmt::Debug + Send + Sync {
    /// Reads from `offset` on until `buffer` is full or the file ends; gives the number of bytes read.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`. After an error, any part of it may be written.
    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// The length of the file, in bytes.
    fn length(&self) -> io::Result<u64>;

    /// Cuts the file, or makes it longer by zeros that take no room yet.
    fn set_length(&self, length: u64) -> io::Result<()>;

    /// Makes the file as long as this, if it is shorter, and finds room for all of it: what is written there later needs
    /// none. [`Unsupported`](io::ErrorKind::Unsupported) where that cannot be done.
    fn allocate(&self, length: u64) -> io::Result<()>;

    /// Makes all that was written, and the length, last. After an error it is not known what lasts; what was not synced
    /// before it may be lost even if a later sync succeeds.
    fn sync(&self) -> io::Result<()>;
}

/// A lock that is held; dropping it gives it back.
pub(crate) trait Lock: fmt::Debug + Send {}
