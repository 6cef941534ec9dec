//! Memory that goes from a parent to its children again and again: fresh memory costs more than to copy something into it.
//!
//! The other place in this room that needs `unsafe`, beside [`memory`](super::memory): to map a file is unsafe in Rust because
//! somebody may change, or cut off, what is read as if it stood still. Here nobody can but the process that has made the
//! file, and that does not:
//!
//! * A block is made by a parent, mapped there for writing once, and then *sealed* against being shortened, made longer, and
//!   written by anybody but through that one mapping (`F_SEAL_FUTURE_WRITE`, which cannot be undone). A child can neither
//!   write it nor map it for writing: what one child is lent no other can spoil.
//! * A [`Loan`] owns its block. It is written before anybody else has the loan, through the only reference there is to it
//!   in the parent, and from then on not touched until the loan is over. A loan is over when its job is, *and* whoever got the
//!   block has said that nobody there reads it any more, or its process has been waited for.
//! * In a child, the [`Bytes`] of a block are the only thing that reads it. When the last of them is dropped, and not before,
//!   [that is said](Returns). What is kept of it then is a mapping that nobody reads.
//!
//! So a child trusts its parent, which is the same program and has started it, to keep to this; a parent trusts no child:
//! it [borrows](borrow) nothing, and what comes from a child is sealed altogether. What is borrowed does not go on to others as
//! it is, since it goes back: there it is copied. A block that was lent before may hold, beyond the bytes of the job, what
//! others were lent in it; no safe code sees that.
//!
//! Tested by what readers find who keep some bytes and drop others (`tests/children/memory.rs`, and below), by files with other
//! seals, and by what is left in `/proc/self/maps`.

#![allow(unsafe_code, reason = "see above")]

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, ThreadId};

use bytes::Bytes;
use memmap2::{Mmap, MmapMut, MmapOptions};
use parking_lot::Mutex;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fstat, ftruncate, memfd_create};
use tokio::sync::Notify;

use super::memory::{LEAST, Which};
use super::shelf::{Bounds, Shelf};

/// Whoever has these and no more is lent.
const SEALS: SealFlags =
    SealFlags::SEAL.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::FUTURE_WRITE);

/// What is longer is not lent.
const LONGEST: usize = 32 << 20;
/// So much is lent or kept by a process.
const ALL: usize = 256 << 20;
/// What a parent keeps of it for the next.
const OURS: Bounds = Bounds { count: 64, bytes: 64 << 20 };
/// What a child keeps mapped of it.
const THEIRS: Bounds = Bounds { count: 64, bytes: 64 << 20 };

/// By their lengths, which are powers of two.
static BLOCKS: Shelf<usize, Block> = Shelf::new(OURS);
static LENT: AtomicUsize = AtomicUsize::new(0);
static MAPPED: Shelf<Which, Mmap> = Shelf::new(THEIRS);

struct Block {
    map: MmapMut,
    file: Arc<OwnedFd>,
}

impl Block {
    fn new(length: usize) -> io::Result<Self> {
        // Counted before there is any.
        if LENT.fetch_add(length, Ordering::Relaxed) > ALL - length {
            LENT.fetch_sub(length, Ordering::Relaxed);
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let made = Self::make(length);
        if made.is_err() {
            LENT.fetch_sub(length, Ordering::Relaxed);
        }
        let (map, file) = made?;
        Ok(Self { map, file: Arc::new(file) })
    }

    fn make(length: usize) -> io::Result<(MmapMut, OwnedFd)> {
        let file = memfd_create("edri lent", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, length as u64)?;
        // SAFETY: nobody else has the file, and when somebody has, it is sealed: see the top of this file.
        let map = unsafe { MmapMut::map_mut(&file)? };
        fcntl_add_seals(&file, SEALS)?;
        Ok((map, file))
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        LENT.fetch_sub(self.map.len(), Ordering::Relaxed);
    }
}

/// Bytes in memory that is used again when this is dropped.
pub(super) struct Loan(Option<Block>);

impl Loan {
    /// Copies bytes into memory that was lent before, or is made for it. `None` where there is none to be had.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let length =
            bytes.len().max(LEAST).checked_next_power_of_two().filter(|length| *length <= LONGEST)?;
        let mut block = match BLOCKS.take(&length) {
            Some(block) => block,
            None => Block::new(length).ok()?,
        };
        block.map[..bytes.len()].copy_from_slice(bytes);
        Some(Self(Some(block)))
    }

    pub(super) fn file(&self) -> Option<Arc<OwnedFd>> {
        self.0.as_ref().map(|block| Arc::clone(&block.file))
    }
}

impl std::fmt::Debug for Loan {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Loan").field(&self.0.as_ref().map(|block| block.map.len())).finish()
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(block) = self.0.take() {
            let length = block.map.len();
            BLOCKS.put(length, length, block);
        }
    }
}

/// What a child gives back, until its parent has been told.
#[derive(Debug, Default)]
pub(super) struct Returns {
    numbers: Mutex<Vec<u64>>,
    is_any: AtomicBool,
    /// Something is given back by another thread than the worker's, which looks by itself.
    pub(super) some: Notify,
    worker: OnceLock<ThreadId>,
}

impl Returns {
    /// This thread looks whenever it has done a job.
    pub(super) fn look_from_here(&self) {
        let _ = self.worker.set(thread::current().id());
    }

    fn put(&self, number: u64) {
        self.numbers.lock().push(number);
        self.is_any.store(true, Ordering::Release);
        if self.worker.get().is_none_or(|worker| *worker != thread::current().id()) {
            self.some.notify_one();
        }
    }

    /// All that were given back.
    pub(super) fn take(&self) -> Vec<u64> {
        if !self.is_any.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut numbers = self.numbers.lock();
        self.is_any.store(false, Ordering::Release);
        std::mem::take(&mut numbers)
    }
}

/// Whether a file with these seals is lent.
pub(super) fn is_lent(seals: SealFlags) -> bool {
    seals.contains(SEALS) && !seals.contains(SealFlags::WRITE)
}

/// What is in a file that was lent by this process's parent under that number: [given back](Returns) when it is dropped.
///
/// # Errors
/// It cannot be mapped.
pub(super) fn borrow(file: &OwnedFd, number: u64, returns: Arc<Returns>) -> io::Result<Bytes> {
    let status = fstat(file)?;
    let which = (status.st_dev, status.st_ino);
    let map = match MAPPED.take(&which) {
        Some(map) => map,
        // SAFETY: it is sealed, and the parent does not write it until it is given back: see the top of this file.
        None => unsafe { MmapOptions::new().populate().map(file)? },
    };
    Ok(Bytes::from_owner(Borrowed { map: Some(map), which, number, returns }))
}

struct Borrowed {
    /// Until it is given back.
    map: Option<Mmap>,
    which: Which,
    number: u64,
    returns: Arc<Returns>,
}

impl AsRef<[u8]> for Borrowed {
    fn as_ref(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(map) = self.map.take() {
            MAPPED.put(self.which, map.len(), map);
        }
        self.returns.put(self.number);
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::fcntl_get_seals;

    use super::*;
    use crate::process::memory::Segment;

    fn inode(loan: &Loan) -> u64 {
        fstat(loan.file().unwrap()).unwrap().st_ino
    }

    /// As a child would have it.
    fn borrowed(loan: &Loan, number: u64, returns: &Arc<Returns>) -> Bytes {
        let file = loan.file().unwrap().try_clone().unwrap();
        assert!(is_lent(fcntl_get_seals(&file).unwrap()));
        borrow(&file, number, Arc::clone(returns)).unwrap()
    }

    #[tokio::test]
    async fn what_is_lent_is_read_as_it_was_until_it_is_given_back_and_then_used_again() {
        let returns = Arc::<Returns>::default();
        let first = Loan::of(&[1; 100_000]).unwrap();
        let bytes = borrowed(&first, 7, &returns);
        let (kept, which) = (bytes.slice(5..99_000), inode(&first));
        drop(bytes);
        assert!(returns.take().is_empty(), "some of it is still read");
        // As long as it is not, another has another.
        let second = Loan::of(&[2; 100_000]).unwrap();
        assert_ne!(inode(&second), which);
        let other = borrowed(&second, 8, &returns);
        assert!(kept.iter().all(|byte| *byte == 1) && other[..100_000].iter().all(|byte| *byte == 2));
        drop(kept);
        assert_eq!((returns.take(), returns.take()), (vec![7], vec![]));
        drop(first);
        let third = Loan::of(&[3; 70_000]).unwrap();
        assert_eq!(inode(&third), which, "it is the same again");
        let again = borrowed(&third, 9, &returns);
        assert!(
            again[..70_000].iter().all(|byte| *byte == 3) && other[..100_000].iter().all(|byte| *byte == 2)
        );
    }

    #[test]
    fn nobody_but_the_lender_writes_it_and_nobody_else_takes_it_for_what_stands_still() {
        let loan = Loan::of(&[1; LEAST]).unwrap();
        let file = loan.file().unwrap().try_clone().unwrap();
        assert!(rustix::io::write(&file, b"x").is_err());
        assert!(ftruncate(&file, 1).is_err() && ftruncate(&file, 1 << 30).is_err());
        assert!(Segment::of(file).unwrap_err().to_string().contains("nobody can change"));
        let sealed = crate::process::memory::copied(&[1; 10]).unwrap();
        assert!(!is_lent(fcntl_get_seals(&sealed).unwrap()));
    }

    #[test]
    fn what_is_too_long_is_not_lent() {
        assert!(Loan::of(&vec![1; LONGEST + 1]).is_none());
        let loan = Loan::of(&vec![1; LONGEST]).unwrap();
        assert!(LENT.load(Ordering::Relaxed) >= LONGEST);
        drop(loan);
    }
}
