use edri_event::Failure;

use crate::channel::Channel;
use crate::event::Event;
use crate::interest::{Interest, Offered};
use crate::message::AnswerError;
use crate::numbers::ByNumber;
use crate::wire::Permit;

/// What a member of a network may send to this router, as the switch says; the switch itself does not look.
#[derive(Debug)]
pub(crate) struct Permits {
    permit: Permit,
    /// Of what was asked before: it takes a while to find out.
    known: ByNumber<Interest, bool>,
}

impl Permits {
    pub(crate) fn new(permit: Permit) -> Self {
        Self { permit, known: ByNumber::default() }
    }

    /// Whether it may send everything.
    #[inline]
    pub(crate) fn are_all(&self) -> bool {
        self.permit == Permit::All
    }

    /// The event, if it may be sent; whoever waits for what becomes of another is told.
    #[inline]
    pub(crate) fn check(&mut self, event: Event, offered: &Offered, channel: &mut Channel) -> Option<Event> {
        if self.are_all() {
            return Some(event);
        }
        if let Event::Durable { word, .. } = event {
            // Whoever reads it looks at the names in it.
            return Some(Event::Durable { word, permit: self.permit.clone() });
        }
        if self.covers(&event, offered) { Some(event) } else { refuse(&event, channel) }
    }

    fn covers(&mut self, event: &Event, offered: &Offered) -> bool {
        let (Event::Notification { interest, .. }
        | Event::Request { interest, .. }
        | Event::TunnelOpened { interest, .. }) = event
        else {
            return true;
        };
        // What is not consumed is answered as that.
        let Some(name) = offered.name(*interest) else { return true };
        *self.known.entry(*interest).or_insert_with(|| {
            let covered = self.permit.covers(name);
            if !covered {
                tracing::warn!(
                    event = name,
                    "a member of the network sends what it may not, which is not taken"
                );
            }
            covered
        })
    }
}

fn refuse(event: &Event, channel: &mut Channel) -> Option<Event> {
    let failure = || Failure::new("forbidden", "the switch does not let this router send it");
    match event {
        Event::Notification { circumstances, payload, .. } => {
            channel.handled(circumstances.priority, payload.len());
        }
        Event::Request { call, circumstances, payload, .. } => {
            channel.handled(circumstances.priority, payload.len());
            channel.answer(*call, Err(AnswerError::Failed(failure())));
        }
        Event::TunnelOpened { tunnel, circumstances, payload, .. } => {
            channel.handled(circumstances.priority, payload.len());
            channel.refuse_tunnel(*tunnel, failure());
        }
        _ => {}
    }
    None
}
