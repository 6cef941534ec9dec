use std::time::Instant;

use super::state::{Endpoint, Phase};
use crate::sift::write_mismatch;
use crate::wire::{Frame, Interests, write};

impl Endpoint {
    /// Appends what is to be written now: whole frames, until `out` holds about `most` bytes more or there is nothing more.
    pub fn transmit(&mut self, out: &mut Vec<u8>, most: usize, now: Instant) {
        let before = out.len();
        let Some(connection) = &mut self.connection else { return };
        connection.write_greeting(out, 0);
        if connection.is_open() && matches!(self.phase, Phase::Open | Phase::Closing) {
            let end = before.saturating_add(most);
            self.write_interests(out, end);
            self.channel.transmit(out, end.saturating_sub(out.len()), now);
            self.write_close(out);
        }
        if let Some(connection) = &mut self.connection {
            connection.write_end(out, before, now);
        }
    }

    fn write_interests(&mut self, out: &mut Vec<u8>, end: usize) {
        let most = self.peer.as_ref().map_or(0, |peer| peer.limits.interests);
        while self.offered.has_untold()
            && !self.is_close_sent()
            && out.len() < end
            && let Some(changes) = self.offered.tell(most)
        {
            write(out, &Frame::Interest(Interests { member: 0, changes }));
        }
        while !self.is_close_sent()
            && out.len() < end
            && let Some((interest, schema)) = self.objections.pop_front()
        {
            write_mismatch(out, interest, &schema);
        }
    }

    /// When all that waited has been sent, the last is that there is nothing more.
    fn write_close(&mut self, out: &mut Vec<u8>) {
        if self.phase == Phase::Closing && !self.is_close_sent() && self.channel.is_flushed() {
            if let Some(connection) = &mut self.connection {
                connection.write_close(out);
            }
            self.channel.finish();
            self.finish_closing();
        }
    }

    fn is_close_sent(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.is_close_sent())
    }
}
