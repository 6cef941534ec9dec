use std::sync::Arc;

use crate::call::CallId;
use crate::channel::{Again, Channel};
use crate::event::{Event, Undelivered};
use crate::interest::{Heard, Interest, Schema, Wanted};
use crate::message::AnswerError;

/// What came back from a channel with an earlier incarnation of a router, until it is known what the new one wants. Then it
/// goes before everything else that is sent there: until then the program does not learn what may be.
#[derive(Debug, Default)]
pub(crate) struct Returned {
    messages: Vec<Message>,
    held: Vec<Event>,
}

#[derive(Debug)]
struct Message {
    again: Again,
    sent_as: Option<Sent>,
}

/// What it was sent as, and to which group.
type Sent = (Arc<Schema>, Option<Arc<str>>);

impl Returned {
    /// Takes in what came back, with what the earlier incarnation wanted.
    pub(crate) fn take(&mut self, again: Vec<Again>, wanted: &Wanted) {
        self.messages.extend(again.into_iter().map(|again| {
            let sent_as = wanted.find(again.to).map(|(schema, group)| (Arc::clone(schema), group.cloned()));
            Message { again, sent_as }
        }));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Nobody waits for the answer to a request any more. `false` if it is not here.
    pub(crate) fn cancel(&mut self, call: CallId) -> bool {
        let before = self.messages.len();
        self.messages.retain(|message| message.again.call != Some(call));
        self.messages.len() < before
    }

    /// What the program is to learn of this now.
    pub(crate) fn hold(&mut self, heard: Heard) -> Option<Event> {
        let event = match heard {
            Heard::Wanted { interest, schema, group, consumer } => {
                Event::Wanted { interest, schema: Schema::clone(&schema), group, consumer }
            }
            Heard::Unwanted { interest } => Event::Unwanted { interest },
            Heard::Load { interest, load } => Event::Load { interest, load },
            Heard::Complete => Event::Informed,
        };
        if self.messages.is_empty() {
            return Some(event);
        }
        self.held.push(event);
        None
    }

    /// It is known what the new incarnation wants.
    pub(crate) fn send_again(&mut self, channel: &mut Channel, wanted: &Wanted) {
        // As a rule many of one kind come one after the other.
        let mut last: Option<(Sent, Option<Interest>)> = None;
        for Message { mut again, sent_as } in self.messages.drain(..) {
            let to = match (&last, &sent_as) {
                (Some((before, to)), Some(sent_as)) if before == sent_as => *to,
                (_, Some((schema, group))) => wanted.number(schema, group.as_deref()),
                (_, None) => None,
            };
            last = sent_as.map(|sent_as| (sent_as, to));
            let Some(to) = to else {
                channel.push_event(undelivered(again, Undelivered::Unwanted, AnswerError::NoResponder));
                continue;
            };
            again.to = to;
            if let Err(again) = channel.send_again(again) {
                let error =
                    AnswerError::Codec { reason: "the responder's router takes nothing as long".to_owned() };
                channel.push_event(undelivered(again, Undelivered::TooLong, error));
            }
        }
        self.held.drain(..).for_each(|event| channel.push_event(event));
    }

    /// What came back from the one before that has not gone to the one in between follows.
    pub(crate) fn join(&mut self, earlier: Self) {
        self.messages.splice(0..0, earlier.messages);
    }

    /// The new incarnation is gone, too, before that: what is said of what came back.
    pub(crate) fn give_up(&mut self, error: &AnswerError) -> Vec<Event> {
        self.held.clear();
        let messages = self.messages.drain(..);
        messages.map(|message| undelivered(message.again, Undelivered::LinkLost, error.clone())).collect()
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
