use std::time::Instant;

use edri_link::wire::{LENGTH, as_relay, split};

use super::{Phase, Session};

/// A frame that is as long as this, or longer, is read to memory of its own.
const LONG: usize = 16 * 1024;

/// So much memory is taken ahead of what comes.
const AHEAD: usize = 256 * 1024;

impl Session {
    /// Takes in what the peer has written, however it was cut.
    ///
    /// Whatever the bytes are, it never panics; bytes that break the protocol end the connection.
    pub(crate) fn receive(&mut self, mut bytes: &[u8], now: Instant) {
        if bytes.is_empty() || self.is_over() {
            return;
        }
        self.heard(now);
        while !self.held.is_empty() && !bytes.is_empty() {
            // Of the frame that is held, and of no other; of its length first.
            let missing = self.whole().unwrap_or(LENGTH).saturating_sub(self.held.len());
            let (more, rest) = bytes.split_at(missing.min(bytes.len()));
            self.held.extend_from_slice(more);
            bytes = rest;
            self.more_is_held(now);
        }
        if self.held.is_empty() {
            let rest = self.frames(bytes, now);
            self.held.extend_from_slice(rest);
        }
    }

    /// Where what comes next is best read to, and how much of it at most: long relays are passed on in the memory that they
    /// are read to. [`came`](Self::came) says that something was; `None`: it is to be [received](Self::receive).
    pub(crate) fn place(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        let Phase::Joined(_) = self.phase else { return None };
        let most = match self.whole() {
            Some(whole) if whole >= LONG && self.may_be(whole) => whole.saturating_sub(self.held.len()),
            None if self.held.is_empty() && self.expects > 0 => self.expects,
            _ => return None,
        };
        // Memory is taken as bytes arrive, and not for what was only announced.
        let most = most.min(AHEAD);
        self.held.reserve_exact(most);
        Some((&mut self.held, most))
    }

    /// Nothing was there to be read: a connection that is idle keeps no room for it.
    pub(crate) fn nothing_came(&mut self) {
        if self.held.is_empty() {
            self.held = Vec::new();
        }
    }

    /// Something was read to its [place](Self::place).
    pub(crate) fn came(&mut self, now: Instant) {
        self.heard(now);
        self.more_is_held(now);
    }

    /// Handles what is held, if that is a frame, or more; it is the beginning of one then.
    fn more_is_held(&mut self, now: Instant) {
        let Some(whole) = self.whole() else { return };
        if self.held.len() < whole && self.may_be(whole) {
            return;
        }
        let mut held = std::mem::take(&mut self.held);
        self.expects = 0;
        if held.len() == whole
            && whole >= LONG
            && self.may_be(whole)
            && let Phase::Joined(joined) = &self.phase
            && let Ok(Some((to, _))) = as_relay(&held[LENGTH..])
        {
            self.expects = whole;
            // What waits counts by its length, and is to take no more.
            if held.capacity() / 2 > whole {
                held.shrink_to_fit();
            }
            if let Err(violation) = joined.forward_whole(to, held, &self.hub, &self.settings.limits) {
                self.violated(violation, now);
            }
            return;
        }
        let rest = self.frames(&held, now);
        self.held.extend_from_slice(rest);
    }

    fn heard(&mut self, now: Instant) {
        self.last_heard = now;
        if let Phase::Joined(joined) = &mut self.phase {
            joined.heard();
        }
    }

    /// How long the frame is that is held, with its length, if that has come.
    fn whole(&self) -> Option<usize> {
        let length = self.held.first_chunk::<LENGTH>()?;
        Some(LENGTH + u32::from_le_bytes(*length) as usize)
    }

    /// Whether a frame may be as long as that, with its length.
    fn may_be(&self, whole: usize) -> bool {
        whole <= LENGTH + self.limit as usize
    }

    /// Handles all whole frames; what is left is the beginning of one.
    fn frames<'b>(&mut self, mut bytes: &'b [u8], now: Instant) -> &'b [u8] {
        loop {
            let next = match &mut self.phase {
                Phase::Joined(joined) => joined.forward(bytes, self.limit, &self.hub, &self.settings.limits),
                Phase::Greeting | Phase::Probing(_) => Ok(bytes),
                Phase::Closing { .. } | Phase::Closed => return &[],
            };
            let handled = next.and_then(|next| {
                bytes = next;
                let Some((frame, rest)) = split(bytes, self.limit)? else { return Ok(false) };
                bytes = rest;
                self.frame(frame, now)?;
                Ok(true)
            });
            match handled {
                Ok(true) => {}
                Ok(false) => return bytes,
                Err(violation) => {
                    self.violated(violation, now);
                    return &[];
                }
            }
        }
    }
}
