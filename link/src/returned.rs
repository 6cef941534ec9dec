use std::sync::Arc;
use std::time::Instant;

use crate::call::CallId;
use crate::channel::{Again, Channel};
use crate::event::{Event, Undelivered};
use crate::interest::{Heard, Interest, Schema, Wanted};
use crate::message::AnswerError;

/// What came back from a channel with an earlier incarnation of a router, until it is known what the new one wants. Then it
/// goes before everything else that is sent there: until then the program does not learn what may be.
///
/// What the new one does not want from the beginning it may want when it has started: that waits for a while.
#[derive(Debug, Default)]
pub(crate) struct Returned {
    messages: Vec<Message>,
    held: Vec<Event>,
    /// All that the new incarnation wanted from the beginning is known.
    is_informed: bool,
    until: Option<Instant>,
}

#[derive(Debug)]
struct Message {
    again: Again,
    sent_as: Option<Sent>,
}

/// What it was sent as, and to which group.
type Sent = (Arc<Schema>, Option<Arc<str>>);

impl Returned {
    /// Takes in what came back, with what the earlier incarnation wanted: it waits until then at the longest.
    pub(crate) fn take(&mut self, again: Vec<Again>, wanted: &Wanted, until: Instant) {
        self.messages.extend(again.into_iter().map(|again| {
            let sent_as = wanted.find(again.to).map(|(schema, group)| (Arc::clone(schema), group.cloned()));
            Message { again, sent_as }
        }));
        self.is_informed = false;
        self.until = (!self.messages.is_empty()).then_some(until);
    }

    /// What came back from the one before that has not gone to the one in between goes before this.
    pub(crate) fn join(&mut self, earlier: Self) {
        self.messages.splice(0..0, earlier.messages);
        self.until = self.until.or(earlier.until);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Until when it waits.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.until.filter(|_| !self.messages.is_empty())
    }

    /// Nobody waits for the answer to a request any more. `false` if it is not here.
    pub(crate) fn cancel(&mut self, call: CallId) -> bool {
        let before = self.messages.len();
        self.messages.retain(|message| message.again.call != Some(call));
        self.messages.len() < before
    }

    /// Something was heard of the new incarnation: what came back and is wanted goes there, and the program learns of it
    /// in time.
    pub(crate) fn hear(&mut self, heard: Heard, wanted: &Wanted, channel: &mut Channel) {
        let complete = heard == Heard::Complete;
        let event = Event::from(heard);
        if !self.messages.is_empty() && !self.is_informed && !complete {
            return self.held.push(event);
        }
        if !self.messages.is_empty() && (complete || matches!(event, Event::Wanted { .. })) {
            self.is_informed = true;
            self.send_again(wanted, channel);
        }
        for held in self.held.drain(..).chain([event]) {
            channel.push_event(held);
        }
    }

    /// All that is wanted.
    fn send_again(&mut self, wanted: &Wanted, channel: &mut Channel) {
        // As a rule many of one kind come one after the other.
        let mut last: Option<(Sent, Option<Interest>)> = None;
        for Message { mut again, sent_as } in std::mem::take(&mut self.messages) {
            let to = match (&last, &sent_as) {
                (Some((before, to)), Some(sent_as)) if before == sent_as => *to,
                (_, Some((schema, group))) => wanted.number(schema, group.as_deref()),
                (_, None) => None,
            };
            last = sent_as.clone().map(|sent_as| (sent_as, to));
            let Some(to) = to else {
                self.messages.push(Message { again, sent_as });
                continue;
            };
            again.to = to;
            if let Err(again) = channel.send_again(again) {
                let error =
                    AnswerError::Codec { reason: "the responder's router takes nothing as long".to_owned() };
                channel.push_event(undelivered(*again, Undelivered::TooLong, error));
            }
        }
    }

    /// Nobody wanted it in time: what is said of it.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Event> {
        if self.until().is_none_or(|until| until > now) {
            return Vec::new();
        }
        let messages = self.messages.drain(..);
        messages
            .map(|message| undelivered(message.again, Undelivered::Unwanted, AnswerError::NoResponder))
            .chain(self.held.drain(..))
            .collect()
    }

    /// The new incarnation is gone, too, before that: what is said of what came back.
    pub(crate) fn give_up(&mut self, error: &AnswerError) -> Vec<Event> {
        self.held.clear();
        let messages = self.messages.drain(..);
        messages.map(|message| undelivered(message.again, Undelivered::LinkLost, error.clone())).collect()
    }
}

impl From<Heard> for Event {
    fn from(heard: Heard) -> Self {
        match heard {
            Heard::Wanted { interest, schema, group, consumer } => {
                Self::Wanted { interest, schema: Schema::clone(&schema), group, consumer }
            }
            Heard::Unwanted { interest } => Self::Unwanted { interest },
            Heard::Load { interest, load } => Self::Load { interest, load },
            Heard::Complete => Self::Informed,
        }
    }
}

/// What is said of something that is not sent again.
pub(crate) fn undelivered(again: Again, cause: Undelivered, error: AnswerError) -> Event {
    let Again { call, to, circumstances, payload } = again;
    match call {
        Some(call) => Event::Answer { call, outcome: Err(error) },
        None => Event::Undelivered { interest: to, circumstances, payload, cause },
    }
}
