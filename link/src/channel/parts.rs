use edri_router::long_buffer;

use super::frames::Part;
use crate::violation::Violation;
use crate::wire::Limits;

/// Long messages in the course of being put together: at most one from each of the other end's queues.
///
/// Memory is taken as parts arrive, and never for what was only announced.
#[derive(Debug)]
pub(crate) struct Parts {
    unfinished: [Option<Unfinished>; QUEUES],
    /// The announced lengths of all that is unfinished.
    announced: u64,
    limits: Limits,
}

#[derive(Debug)]
struct Unfinished {
    bytes: Vec<u8>,
    left: u32,
}

/// So many times as much memory is taken as is filled, where there is no room for a part: what is long is moved that seldom.
const AHEAD: usize = 4;

/// Where the first part has so many bytes, memory is used that there is already.
const LONG: usize = 16 * 1024;

/// How many queues an end has: four lanes, each with one that is metered and one that is not.
pub(crate) const QUEUES: usize = 8;

impl Parts {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { unfinished: Default::default(), announced: 0, limits }
    }

    /// The message, if this was its last part.
    pub(crate) fn add(&mut self, part: &Part<'_>) -> Result<Option<Vec<u8>>, Violation> {
        let length = part.bytes.len() as u64;
        let slot = self
            .unfinished
            .get_mut(usize::from(part.queue))
            .ok_or_else(|| wrong(format!("came from queue {}: expected 0 to {}", part.queue, QUEUES - 1)))?;
        match slot {
            None => {
                let total = length + u64::from(part.left);
                if total > self.limits.message.into() {
                    return Err(wrong(format!(
                        "is {total} bytes long: expected at most {}",
                        self.limits.message
                    )));
                }
                if self.announced + total > self.limits.reassembly.into() {
                    return Err(wrong(format!(
                        "of {total} bytes began while {} were unfinished: expected at most {} together",
                        self.announced, self.limits.reassembly
                    )));
                }
                self.announced += total;
                *slot = Some(Unfinished::begin(part));
            }
            Some(unfinished) => {
                if length + u64::from(part.left) != u64::from(unfinished.left) {
                    return Err(wrong(format!(
                        "had {} bytes left, and got {length} with {} to follow",
                        unfinished.left, part.left
                    )));
                }
                unfinished.make_room(part);
                unfinished.bytes.extend_from_slice(part.bytes);
                unfinished.left = part.left;
            }
        }
        if part.left > 0 {
            return Ok(None);
        }
        let finished = slot.take().map(|unfinished| unfinished.bytes);
        self.announced -= finished.as_ref().map_or(0, |bytes| bytes.len() as u64);
        Ok(finished)
    }
}

impl Unfinished {
    fn begin(part: &Part<'_>) -> Self {
        let mut bytes = if part.bytes.len() >= LONG { long_buffer() } else { Vec::new() };
        bytes.extend_from_slice(part.bytes);
        Self { bytes, left: part.left }
    }

    fn make_room(&mut self, part: &Part<'_>) {
        let (there, comes) = (self.bytes.len(), part.bytes.len());
        if self.bytes.capacity() < there + comes {
            let all = there + comes + part.left as usize;
            self.bytes.reserve_exact(all.min(AHEAD * (there + comes)) - there);
        }
    }
}

fn wrong(what: String) -> Violation {
    Violation::Parts { what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(queue: u8, left: u32, bytes: &[u8]) -> Part<'_> {
        Part { number: 0, queue, left, bytes }
    }

    fn parts() -> Parts {
        Parts::new(Limits { frame: 1024, message: 10_000, reassembly: 15_000, ..Limits::default() })
    }

    #[test]
    fn messages_of_several_queues_are_put_together_side_by_side() {
        let mut parts = parts();
        assert_eq!(parts.add(&part(0, 3, b"ab")), Ok(None));
        assert_eq!(parts.add(&part(5, 1, b"x")), Ok(None));
        assert_eq!(parts.add(&part(0, 1, b"cd")), Ok(None));
        assert_eq!(parts.add(&part(5, 0, b"y")), Ok(Some(b"xy".to_vec())));
        assert_eq!(parts.add(&part(0, 0, b"e")), Ok(Some(b"abcde".to_vec())));
        assert_eq!(parts.announced, 0);
    }

    #[test]
    fn a_length_that_was_only_announced_takes_no_memory() {
        let mut parts = Parts::new(Limits::default());
        parts.add(&part(0, 15 * 1024 * 1024, b"a")).unwrap();
        assert!(parts.unfinished[0].as_ref().unwrap().bytes.capacity() < 1024);
    }

    #[test]
    fn too_long_too_many_and_inconsistent_parts_are_refused() {
        assert!(parts().add(&part(0, 10_000, b"a")).is_err());
        assert!(parts().add(&part(8, 0, b"a")).is_err());
        let mut together = parts();
        together.add(&part(0, 9_000, b"a")).unwrap();
        assert!(together.add(&part(1, 9_000, b"a")).is_err());
        let mut inconsistent = parts();
        inconsistent.add(&part(0, 10, b"a")).unwrap();
        assert!(inconsistent.add(&part(0, 10, b"a")).is_err());
        let mut longer = parts();
        longer.add(&part(0, 1, b"a")).unwrap();
        assert!(longer.add(&part(0, 0, b"bc")).is_err());
    }
}
