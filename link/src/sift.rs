use edri_event::Failure;

use crate::channel::{Channel, MISMATCH};
use crate::event::Event;
use crate::interest::{Interest, Offered, Role, Schema};
use crate::message::{AnswerError, Cursor, Malformed, put_number};
use crate::violation::Violation;
use crate::wire::{framed, put};

/// What of a channel's events is for the program: what came for something that is not consumed here, or no longer, is
/// answered at once.
#[inline]
pub(crate) fn sift(event: Event, offered: &Offered, channel: &mut Channel) -> Option<Event> {
    match &event {
        Event::Notification { interest, circumstances, payload }
            if !matches!(offered.role(*interest), Some(Role::Subscriber | Role::Observer)) =>
        {
            channel.handled(circumstances.priority, payload.len());
            None
        }
        Event::Request { call, interest, circumstances, payload }
            if !offered.consumes(*interest, Role::Responder) =>
        {
            channel.handled(circumstances.priority, payload.len());
            channel.answer(*call, Err(AnswerError::NoResponder));
            None
        }
        Event::TunnelOpened { tunnel, interest, circumstances, payload, .. }
            if !offered.consumes(*interest, Role::Acceptor) =>
        {
            channel.handled(circumstances.priority, payload.len());
            let failure = Failure::new("no acceptor", "nobody at the other end accepts it any more");
            channel.refuse_tunnel(*tunnel, failure);
            None
        }
        _ => Some(event),
    }
}

/// Appends the frame that tells a router that what it announced is something else here.
pub(crate) fn write_mismatch(out: &mut Vec<u8>, interest: Interest, ours: &Schema) {
    framed(out, MISMATCH, |out| {
        put_number(out, interest.number().into());
        put(out, ours);
    });
}

/// What such a frame says.
pub(crate) fn read_mismatch(body: &[u8]) -> Result<(Interest, Schema), Violation> {
    let mut cursor = Cursor::new(body);
    let read = |cursor: &mut Cursor<'_>| {
        let (interest, schema) = (Interest(cursor.small_number()?), cursor.value()?);
        if cursor.is_at_end() { Ok((interest, schema)) } else { Err(Malformed::LeftOver) }
    };
    read(&mut cursor).map_err(|error| Violation::Channel {
        kind: MISMATCH,
        length: body.len(),
        reason: error.to_string(),
    })
}
