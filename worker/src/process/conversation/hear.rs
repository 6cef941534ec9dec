use bytes::Bytes;
use edri_event::{Failure, Request};
use edri_link::{AnswerError, CallId, Event, Interest, Role, Schema};
use edri_router::{RequestError, caught_now};

use super::{Conversation, Fate};
use crate::crew::Stage;
use crate::process::language::{cancel, numbers};

impl<R: Request> Conversation<R> {
    /// All that it has said.
    pub(super) fn hear(&mut self) -> Option<Fate> {
        while let Some(event) = self.carrier.next() {
            let fate = match event {
                Event::Wanted { interest, schema, .. } => self.wanted(interest, &schema),
                Event::Unwanted { interest } if self.jobs_to == Some(interest) => {
                    // It was asked to end, by whomever.
                    self.retire();
                    None
                }
                Event::Answer { call, outcome } => self.answer(call, outcome),
                Event::Progress { call, progress } => {
                    if let Some((_, flight)) = self.flights.get(&call) {
                        flight.job.progress(progress);
                    }
                    None
                }
                Event::Notification { interest, circumstances, payload } => {
                    self.carrier.endpoint.handled(circumstances.priority, payload.len());
                    for number in numbers(&payload).filter(|_| interest == self.returns) {
                        self.loans.remove(&number);
                    }
                    None
                }
                Event::Closed(closed) => Some(Fate::Closed(closed)),
                _ => None,
            };
            if fate.is_some() {
                return fate;
            }
        }
        None
    }

    fn wanted(&mut self, interest: Interest, schema: &Schema) -> Option<Fate> {
        if *schema == cancel() {
            self.cancels_to = Some(interest);
            return None;
        }
        let ours = &self.work.schema;
        if schema != ours {
            let what = |schema: &Schema| {
                let Schema { name, version, codec, shapes, .. } = schema;
                format!("{name}, version {version}, in {codec}, {shapes:?}")
            };
            let kind = if schema.role == Role::Responder { "job" } else { "event" };
            return Some(Fate::Misfit(format!(
                "its {kind} is not what this program has: expected {}, got {}",
                what(ours),
                what(schema)
            )));
        }
        self.jobs_to = Some(interest);
        self.times.note_ready();
        self.alive.set_room(self.work.jobs);
        self.work.image.is_up(self.life.begun);
        if !self.retiring {
            self.life.stage.send_replace(Stage::Up);
        }
        None
    }

    fn answer(&mut self, call: CallId, outcome: Result<Bytes, AnswerError>) -> Option<Fate> {
        if let Err(AnswerError::LinkLost { peer: None, .. }) = outcome {
            // It was not the worker who said so. What has become of it is told when the process has ended.
            return None;
        }
        let (_, flight) = self.flights.remove(&call)?;
        self.watches.over(call, &flight);
        match outcome {
            Err(AnswerError::Cancelled) if self.times.was_asked() => flight.job.cut(),
            outcome => flight.job.answer(outcome.map_err(|error| told::<R>(error)).and_then(|response| {
                let response = self.carrier.unpack(response).map_err(malformed)?;
                caught_now(|| {
                    let wire = R::response_wire();
                    let wire = wire.ok_or_else(|| Failure::new("codec", "expected a shareable response"))?;
                    Ok(response.read(wire)?)
                })
            })),
        }
        self.answered += 1;
        self.note_use();
        self.recycle();
        self.is_lost().then_some(Fate::Overdue).filter(|_| !self.flights.is_empty())
    }

    /// A worker is replaced after so many jobs, or when it has grown too much.
    fn recycle(&mut self) {
        let policy = &self.work.crew.policy;
        let is_old = policy.recycle_jobs.is_some_and(|jobs| self.answered >= jobs);
        let too_much = |most| self.process.memory().is_some_and(|memory| memory > most);
        if !self.retiring && (is_old || policy.recycle_memory.is_some_and(too_much)) {
            tracing::debug!(
                worker = &*self.life.worker,
                jobs = self.answered,
                "a worker is replaced in order"
            );
            self.retire();
        }
    }
}

fn malformed(why: String) -> RequestError {
    RequestError::Failed(Failure::new("malformed-answer", why))
}

/// What the worker's failure is called here.
fn told<R: Request>(error: AnswerError) -> RequestError {
    error.into_request_error(R::name(), "the worker")
}
