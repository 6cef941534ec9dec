use std::sync::Arc;

use crate::channel::{Again, Channel};
use crate::event::{Event, Undelivered};
use crate::interest::{Heard, Schema, Wanted};
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
    /// What it was sent as, and to which group.
    as_what: Option<(Arc<Schema>, Option<Arc<str>>)>,
}

impl Returned {
    /// Takes in what came back, with what the earlier incarnation wanted.
    pub(crate) fn take(&mut self, again: Vec<Again>, wanted: &Wanted) {
        self.messages.extend(again.into_iter().map(|again| {
            let as_what = wanted.find(again.to).map(|(schema, group)| (Arc::clone(schema), group.cloned()));
            Message { again, as_what }
        }));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
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
        for Message { mut again, as_what } in self.messages.drain(..) {
            let to = as_what.and_then(|(schema, group)| wanted.number(&schema, group.as_deref()));
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

    /// The new incarnation is gone, too, before that.
    pub(crate) fn give_up(&mut self, channel: &mut Channel, error: &AnswerError) {
        for message in self.messages.drain(..) {
            channel.push_event(undelivered(message.again, Undelivered::LinkLost, error.clone()));
        }
        self.held.clear();
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
