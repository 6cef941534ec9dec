//! What is long goes from one process to another in memory that both have: a file that has no name (`memfd_create`), of which
//! the descriptor goes over the socket.
//!
//! One of the places in this room that need `unsafe`: to map a file is unsafe in Rust because somebody may change, or cut off,
//! what is read as if it stood still. Here nobody can. A file is mapped only if it has been *sealed* against being written,
//! shortened and made longer, which the kernel refuses as long as anybody has it mapped for writing, and which cannot be
//! undone ([`Segment::of`] asks for the seals of what came, whoever sent it). So what is mapped is as constant as any other
//! `&[u8]`, for as long as it is mapped.
//!
//! A mapping is given back when the last [`Bytes`] of it is dropped (a child keeps it for a while, since it may get the same
//! again), and the memory when that has happened in all processes that have it: one that is killed gives it back by that.
//!
//! Tested by what a reader finds, by files that have no seals, too few bytes or none at all, and by looking at what is left
//! in `/proc/self/maps` (`segments_come_and_go`, and `tests/children/memory.rs` with processes that are killed).

#![allow(unsafe_code, reason = "see above")]

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use memmap2::{Mmap, MmapOptions};
use parking_lot::Mutex;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, memfd_create};

use super::lent::Loan;
use super::shelf::{Bounds, Shelf};

/// Shorter stretches go through the socket: to share them would cost more than to copy them.
pub(super) const LEAST: usize = 64 * 1024;

/// Memory that other processes may have, too; its owners share one mapping of it.
pub(super) struct Segment {
    mapped: Arc<Mapped>,
    /// For a while when it is dropped.
    is_kept: bool,
}

struct Mapped {
    map: Mmap,
    /// By what it goes on to others; none where there are enough open already.
    file: Option<Arc<OwnedFd>>,
    which: Which,
}

/// Which file it is, among those that there are: its device and its number there.
pub(super) type Which = (u64, u64);

/// Of what has come, so much stays mapped for a while by a child, which may get it again.
static KEPT_MAPPED: Shelf<Which, Arc<Mapped>> = Shelf::new(Bounds { count: 32, bytes: 64 << 20 });

/// The memory of this process that others may have.
struct Known {
    /// By where it begins: where it ends, and its file.
    by_address: BTreeMap<usize, (usize, Arc<OwnedFd>)>,
    by_file: BTreeMap<Which, Weak<Mapped>>,
}

static KNOWN: Mutex<Known> = Mutex::new(Known { by_address: BTreeMap::new(), by_file: BTreeMap::new() });
/// So many are kept open, so that what has come by them goes on without being copied.
const KEPT: usize = 128;

const SEALS: SealFlags =
    SealFlags::SEAL.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::WRITE);

impl Segment {
    /// What is in a file that came from another process. Where this process has it already, that is what it is.
    ///
    /// # Errors
    /// It is not sealed, or cannot be mapped.
    pub(super) fn of(file: OwnedFd) -> io::Result<Bytes> {
        Ok(Bytes::from_owner(Self { mapped: Self::map(file)?, is_kept: false }))
    }

    /// The same in a child, which keeps it mapped for a while.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub(super) fn kept(file: OwnedFd) -> io::Result<Bytes> {
        Ok(Bytes::from_owner(Self { mapped: Self::map(file)?, is_kept: true }))
    }

    fn map(file: OwnedFd) -> io::Result<Arc<Mapped>> {
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let seals = fcntl_get_seals(&file).map_err(|_| wrong("expected memory that is shared"))?;
        if !seals.contains(SEALS) {
            return Err(wrong("expected memory that nobody can change"));
        }
        let status = fstat(&file)?;
        if status.st_size <= 0 {
            return Err(wrong("expected memory with something in it"));
        }
        let which = (status.st_dev, status.st_ino);
        let known = KNOWN.lock().by_file.get(&which).and_then(Weak::upgrade);
        // It is not kept twice.
        drop(KEPT_MAPPED.take(&which));
        Ok(match known {
            Some(known) => known,
            None => {
                // SAFETY: it is sealed against whatever would change it: see the top of this file.
                let map = unsafe { MmapOptions::new().populate().map(&file)? };
                Mapped::note(map, Arc::new(file), which)
            }
        })
    }
}

impl Mapped {
    fn note(map: Mmap, file: Arc<OwnedFd>, which: Which) -> Arc<Self> {
        let mut known = KNOWN.lock();
        let is_kept = known.by_address.len() < KEPT;
        if is_kept {
            let range = map.as_ptr_range();
            known.by_address.insert(range.start.addr(), (range.end.addr(), Arc::clone(&file)));
        }
        let mapped = Arc::new(Self { map, file: is_kept.then_some(file), which });
        known.by_file.insert(which, Arc::downgrade(&mapped));
        mapped
    }
}

impl AsRef<[u8]> for Segment {
    fn as_ref(&self) -> &[u8] {
        &self.mapped.map
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if self.is_kept && Arc::strong_count(&self.mapped) == 1 {
            KEPT_MAPPED.put(self.mapped.which, self.mapped.map.len(), Arc::clone(&self.mapped));
        }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let mut known = KNOWN.lock();
        if self.file.is_some() {
            known.by_address.remove(&self.map.as_ptr().addr());
        }
        // It may have been mapped anew since nobody has had this one any more.
        if known.by_file.get(&self.which).is_some_and(|known| std::ptr::eq(known.as_ptr(), self)) {
            known.by_file.remove(&self.which);
        }
    }
}

/// Where stretches are that go by themselves.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    pub(super) file: Arc<OwnedFd>,
    /// There if the file is lent.
    pub(super) loan: Option<Arc<Loan>>,
    /// From which byte of the file on.
    pub(super) from: u64,
}

/// The file in which these bytes are already, if they have come in one.
pub(super) fn is_shared(bytes: &[u8]) -> Option<Stretch> {
    let range = bytes.as_ptr_range();
    let known = KNOWN.lock();
    let (start, (end, file)) = known.by_address.range(..=range.start.addr()).next_back()?;
    let from = range.start.addr() - start;
    (range.end.addr() <= *end).then(|| Stretch { file: Arc::clone(file), loan: None, from: from as u64 })
}

/// Copies bytes into memory that other processes may have.
///
/// # Errors
/// What the operating system says: there are too many open files, or there is no memory.
pub(super) fn copied(bytes: &[u8]) -> io::Result<OwnedFd> {
    let file = memfd_create("edri", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut left = bytes;
    while !left.is_empty() {
        let written = rustix::io::write(&file, left)?;
        left = &left[written..];
    }
    seal(&file)?;
    Ok(file)
}

fn seal(file: impl AsFd) -> io::Result<()> {
    Ok(fcntl_add_seals(file, SEALS)?)
}

/// Copies `bytes` into memory that goes to other processes as it is: jobs and answers in which they, or parts of them, are
/// sent again and again cost the same whatever their length. What an answer has brought from another process, in a field that is
/// [not copied](edri_event::uncopied), is such memory already; what a job has brought may be lent, and is copied when it goes on.
///
/// ```
/// let image = edri_worker::share(&[7; 100_000])?;
/// assert_eq!(image.len(), 100_000);
/// # Ok::<_, std::io::Error>(())
/// ```
///
/// # Errors
/// When the operating system gives no memory, or there are too many open files. Of none bytes there is nothing to share.
pub fn share(bytes: &[u8]) -> io::Result<Bytes> {
    if bytes.is_empty() {
        return Ok(Bytes::new());
    }
    Segment::of(copied(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_is_read_as_it_was_and_found_again() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|at| at as u8).collect();
        let shared = share(&bytes).unwrap();
        assert!(shared == bytes);
        let part = shared.slice(70_000..140_000);
        drop(shared);
        let stretch = is_shared(&part).unwrap();
        assert_eq!(stretch.from, 70_000);
        assert!(is_shared(&bytes).is_none());
        let other = Segment::of(stretch.file.try_clone().unwrap()).unwrap();
        assert!(other.slice(70_000..140_000) == part);
        assert_eq!(other[70_000..].as_ptr(), part.as_ptr(), "it is mapped once");
        assert!(share(&[]).unwrap().is_empty());
        // More than are kept open are there all the same.
        let many: Vec<_> = (0..KEPT + 10).map(|_| share(&[1; 10]).unwrap()).collect();
        assert!(KNOWN.lock().by_address.len() <= KEPT);
        drop(many);
    }

    #[test]
    fn what_somebody_may_still_change_is_not_mapped() {
        let open = memfd_create("edri", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        rustix::io::write(&open, b"changing").unwrap();
        assert!(
            Segment::of(open.try_clone().unwrap()).unwrap_err().to_string().contains("nobody can change")
        );
        fcntl_add_seals(&open, SealFlags::WRITE).unwrap();
        assert!(Segment::of(open).is_err(), "it may be cut off");
        let empty = memfd_create("edri", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        seal(&empty).unwrap();
        assert!(Segment::of(empty).unwrap_err().to_string().contains("something in it"));
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        assert!(Segment::of(file.into()).unwrap_err().to_string().contains("shared"));
    }

    #[test]
    fn segments_come_and_go() {
        let address = |bytes: &Bytes| format!("{:x}-", bytes.as_ptr().addr());
        let is_mapped = |address: &str| {
            std::fs::read_to_string("/proc/self/maps").unwrap().lines().any(|line| line.starts_with(address))
        };
        let shared = share(&[1; LEAST]).unwrap();
        let (address, part) = (address(&shared), shared.slice(5..9));
        drop(shared);
        assert!(is_mapped(&address) && part.as_ref() == [1; 4]);
        drop(part);
        assert!(!is_mapped(&address));
    }
}
