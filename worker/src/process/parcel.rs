use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use edri_event::{Apart, CodecError, Place, Wire};
use rustix::fs::fcntl_get_seals;

use super::lent::{Loan, Returns, borrow, is_lent};
use super::memory::{LEAST, Segment, Stretch, copied, is_shared};

/// A job or an answer on its way: its bytes, and long stretches that go by themselves.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    /// Behind a byte that says that there are no stretches.
    content: Content,
    stretches: Vec<(Place, Stretch)>,
}

#[derive(Clone, Debug)]
enum Content {
    /// In memory that is used for the next one when this is dropped.
    Short(Vec<u8>),
    /// Too long to be copied for another attempt.
    Long(Bytes),
}

/// What came in one: a value's bytes, and what belongs between them.
#[derive(Debug)]
pub(super) struct Unpacked {
    bytes: Bytes,
    elsewhere: Vec<(Place, Bytes)>,
}

/// So many stretches of one value go by themselves at most; others go along with its bytes.
const MOST: usize = 8;

thread_local! {
    /// Where the next short one is written: as a rule one is dropped before there is another.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What is longer is not short.
const SHORT: usize = 16 * 1024;

/// In what long stretches go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    /// In some that is theirs, and that nobody changes any more: from a child.
    Own,
    /// In some that goes back, and is used again, where it can be had: from a parent.
    Lent,
}

impl Parcel {
    /// # Errors
    /// What the codec says.
    pub(super) fn pack<T>(wire: Wire<T>, value: &T, memory: Memory) -> Result<Self, CodecError> {
        let (mut out, mut stretches) = (SCRATCH.take(), Vec::new());
        out.clear();
        out.push(0);
        let mut take = |bytes: &[u8]| {
            if stretches.len() == MOST {
                return false;
            }
            let lend = || {
                let loan = if memory == Memory::Lent { Loan::of(bytes)? } else { return None };
                Some(Stretch { file: loan.file()?, loan: Some(Arc::new(loan)), from: 0 })
            };
            let copy =
                || copied(bytes).ok().map(|file| Stretch { file: Arc::new(file), loan: None, from: 0 });
            let stretch = is_shared(bytes).or_else(lend).or_else(copy);
            // Where it cannot be shared, it goes along.
            let is_taken = stretch.is_some();
            stretches.extend(stretch);
            is_taken
        };
        let mut apart = Apart::new(LEAST, &mut take);
        wire.encode_apart(value, &mut out, &mut apart)?;
        let places = apart.into_places();
        let content = if out.capacity() > SHORT { Content::Long(out.into()) } else { Content::Short(out) };
        let stretches =
            if places.is_empty() { Vec::new() } else { places.into_iter().zip(stretches).collect() };
        Ok(Self { content, stretches })
    }

    /// Writes all but the stretches, which go by the descriptors of those numbers on: `first`, and those that follow.
    pub(super) fn write(&self, out: &mut Vec<u8>, first: u64) {
        let bytes = self.content();
        if self.stretches.is_empty() {
            return out.extend_from_slice(bytes);
        }
        // There are few.
        out.push(self.stretches.len() as u8);
        out.extend_from_slice(&first.to_le_bytes());
        for (Place { at, length }, Stretch { from, .. }) in &self.stretches {
            for number in [*at as u64, *length as u64, *from] {
                out.extend_from_slice(&number.to_le_bytes());
            }
        }
        out.extend_from_slice(&bytes[1..]);
    }

    /// All of it, if there are no stretches.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        self.stretches.is_empty().then(|| self.content())
    }

    fn content(&self) -> &[u8] {
        match &self.content {
            Content::Short(bytes) => bytes,
            Content::Long(bytes) => bytes,
        }
    }

    /// The files of the stretches, in their order.
    pub(super) fn files(&self) -> impl Iterator<Item = Arc<OwnedFd>> {
        self.stretches.iter().map(|(_, stretch)| Arc::clone(&stretch.file))
    }

    /// What of them is lent, each by its place among the files.
    pub(super) fn loans(&self) -> impl Iterator<Item = (u64, Arc<Loan>)> {
        let loan = |(_, stretch): &(Place, Stretch)| stretch.loan.clone();
        (0..).zip(self.stretches.iter().map(loan)).filter_map(|(at, loan)| Some((at, loan?)))
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        if let Self::Short(bytes) = self {
            // A thread that ends keeps nothing.
            let _ = SCRATCH.try_with(|scratch| scratch.set(std::mem::take(bytes)));
        }
    }
}

impl Unpacked {
    /// The value.
    ///
    /// # Errors
    /// What the codec says.
    pub(super) fn read<T>(&self, wire: Wire<T>) -> Result<T, CodecError> {
        let Self { bytes, elsewhere } = self;
        if elsewhere.is_empty() { wire.decode(bytes) } else { wire.decode_apart(bytes, elsewhere) }
    }

    /// What came, of which `descriptor` gives those that came beside it, by their numbers. In a child some of it may be lent,
    /// which goes back by `returns`.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(super) fn of(
        mut bytes: Bytes,
        mut descriptor: impl FnMut(u64) -> Option<OwnedFd>,
        returns: Option<&Arc<Returns>>,
    ) -> Result<Self, String> {
        let too_short = || "expected more bytes of a job or an answer".to_owned();
        let count = usize::from(*bytes.first().ok_or_else(too_short)?);
        bytes.advance(1);
        if count == 0 {
            return Ok(Self { bytes, elsewhere: Vec::new() });
        }
        let mut number = || {
            let number = bytes.first_chunk().copied().map(u64::from_le_bytes).ok_or_else(too_short)?;
            bytes.advance(8);
            Ok::<u64, String>(number)
        };
        let first = number()?;
        let mut elsewhere = Vec::new();
        for index in 0..count.min(MOST) as u64 {
            let (at, length, from) = (number()?, number()?, number()?);
            let which = first.checked_add(index).ok_or("expected a lower number of a descriptor")?;
            let file = descriptor(which).ok_or("expected a descriptor beside the bytes")?;
            let segment = match returns {
                None => Segment::of(file),
                Some(returns) => match fcntl_get_seals(&file) {
                    Ok(seals) if is_lent(seals) => borrow(&file, which, Arc::clone(returns)),
                    _ => Segment::kept(file),
                },
            };
            let segment = segment.map_err(|error| error.to_string())?;
            let range = usize::try_from(from).ok().zip(usize::try_from(length).ok());
            let range = range.and_then(|(from, length)| Some(from..from.checked_add(length)?));
            let range = range.filter(|range| range.end <= segment.len() && !range.is_empty());
            let range = range.ok_or("expected a stretch within its memory")?;
            let place = Place { at: usize::try_from(at).unwrap_or(usize::MAX), length: range.len() };
            elsewhere.push((place, segment.slice(range)));
        }
        Ok(Self { bytes, elsewhere })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use edri_event::{Event as _, Request};
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Clone, Debug, PartialEq, Request, Serialize, Deserialize)]
    #[request(response = (), shareable)]
    struct Album {
        name: String,
        #[serde(with = "edri_event::uncopied")]
        first: Bytes,
        rest: Vec<String>,
    }

    fn album(lengths: &[usize]) -> Album {
        let text = |length: &usize| "x".repeat(*length);
        Album {
            name: "a".into(),
            first: vec![7; lengths[0]].into(),
            rest: lengths[1..].iter().map(text).collect(),
        }
    }

    fn there_and_back(album: &Album, first: u64) -> (Result<Album, String>, usize) {
        there_and_back_in(album, first, Memory::Own, None)
    }

    fn there_and_back_in(
        album: &Album,
        first: u64,
        memory: Memory,
        returns: Option<&Arc<Returns>>,
    ) -> (Result<Album, String>, usize) {
        let wire = Album::wire().unwrap();
        let parcel = Parcel::pack(wire, album, memory).unwrap();
        let files: HashMap<u64, _> = (first..).zip(parcel.files()).collect();
        let count = files.len();
        let mut bytes = Vec::new();
        parcel.write(&mut bytes, first);
        let bytes = Bytes::from(bytes);
        let unpacked = Unpacked::of(bytes, |number| Some(files.get(&number)?.try_clone().unwrap()), returns);
        let read = unpacked.and_then(|unpacked| unpacked.read(wire).map_err(|error| error.to_string()));
        (read, count)
    }

    #[test]
    fn what_is_long_goes_by_itself_and_no_more_than_a_few_of_one_value() {
        for (lengths, stretches) in [
            (&[10, 10][..], 0),
            (&[LEAST - 1, LEAST - 1], 0),
            (&[LEAST, LEAST], 2),
            (&[LEAST; 12], MOST),
            (&[3 * LEAST, 5, LEAST + 1], 2),
        ] {
            let album = album(lengths);
            let (read, count) = there_and_back(&album, 1_000);
            assert_eq!((read, count), (Ok(album), stretches));
        }
    }

    #[test]
    fn what_is_lent_is_read_by_a_child_and_by_no_parent_and_does_not_go_on() {
        let album = album(&[100_000, 3, LEAST]);
        let returns = Arc::<Returns>::default();
        let (read, count) = there_and_back_in(&album, 5, Memory::Lent, Some(&returns));
        let read = read.unwrap();
        assert!(read == album && count == 2);
        // A string is always the reader's own.
        assert_eq!(returns.take(), [6]);
        assert!(is_shared(&read.first).is_none());
        drop(read);
        assert_eq!(returns.take(), [5]);
        let refused = there_and_back_in(&album, 5, Memory::Lent, None).0.unwrap_err();
        assert!(refused.contains("nobody can change"), "{refused}");
    }

    #[test]
    fn what_has_come_in_shared_memory_goes_on_in_it() {
        let album = album(&[100_000, 3]);
        let read = there_and_back(&album, 0).0.unwrap();
        let (again, _) = there_and_back(&read, 7);
        assert_eq!(again.as_ref(), Ok(&album));
        let stretch = |album: &Album| is_shared(&album.first).unwrap().file;
        let inode = |album: &Album| rustix::fs::fstat(stretch(album)).unwrap().st_ino;
        assert_eq!(inode(&read), inode(&again.unwrap()));
    }

    proptest! {
        /// Whatever comes, it is read or refused.
        #[test]
        fn what_is_no_parcel_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let file = || copied(&[1; 100]).unwrap();
            if let Ok(unpacked) = Unpacked::of(bytes.into(), |_| Some(file()), None) {
                let _ = unpacked.read(Album::wire().unwrap());
            }
        }
    }
}
