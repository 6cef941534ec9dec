use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// Memory for the bytes of long events, used again and again: fresh memory of that size costs the system more than it takes to
/// fill it. All of a process share what is kept, which is little.
static KEPT: Mutex<Kept> = Mutex::new(Kept { buffers: Vec::new(), bytes: 0 });

struct Kept {
    buffers: Vec<Vec<u8>>,
    /// How many bytes they have room for together.
    bytes: usize,
}

/// So many bytes are kept at most.
const MOST: usize = 8 * 1024 * 1024;

/// Shorter ones than this are not worth it.
const LEAST: usize = 64 * 1024;

/// A buffer that is kept when nobody needs its bytes any more.
struct Lent(Vec<u8>);

/// An empty buffer for something long, which may have room already.
pub fn long_buffer() -> Vec<u8> {
    let mut kept = kept();
    let buffer = kept.buffers.pop().unwrap_or_default();
    kept.bytes -= buffer.capacity();
    buffer
}

/// The bytes of something long; their memory is used again when all have dropped them.
pub fn long_bytes(buffer: Vec<u8>) -> Bytes {
    Bytes::from_owner(Lent(buffer))
}

/// A buffer is not needed any more.
pub(super) fn give_back(mut buffer: Vec<u8>) {
    buffer.clear();
    let room = buffer.capacity();
    let mut kept = kept();
    if room >= LEAST && kept.bytes + room <= MOST {
        kept.bytes += room;
        kept.buffers.push(buffer);
    }
}

/// No code of others runs under the lock, so that it cannot be poisoned.
fn kept() -> std::sync::MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        give_back(std::mem::take(&mut self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_kept_within_its_bound_when_the_last_lets_go_of_it_and_is_empty_when_it_is_lent_again() {
        let all: Vec<_> = (0..100).map(|number| long_bytes(vec![number; 2 * LEAST])).collect();
        let pieces: Vec<_> = all.iter().map(|bytes| bytes.slice(LEAST..)).collect();
        drop(all);
        for (number, piece) in (0..).zip(&pieces) {
            assert!(piece.iter().all(|byte| *byte == number));
        }
        drop(pieces);
        assert!(kept().bytes <= MOST);
        let buffers: Vec<_> = (0..100).map(|_| long_buffer()).collect();
        assert!(buffers.iter().all(Vec::is_empty));
        give_back(Vec::with_capacity(MOST + 1));
        give_back(Vec::with_capacity(LEAST - 1));
        assert!(kept().buffers.iter().all(|buffer| (LEAST..=MOST).contains(&buffer.capacity())));
    }
}
