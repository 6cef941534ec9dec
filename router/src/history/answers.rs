use std::sync::Arc;

use edri_event::{Meta, Request, Retention};

use super::kept::Retained;
use super::record::{History, Past};
use super::replay::Replay;
use crate::envelope::{Envelope, Shared};
use crate::request::{Answer, Observable, RequestError};

/// The past of the answers to one request, for a route that does not know that they can be copied and shared.
pub(crate) trait RetainedAnswers<R: Request>: Send + Sync {
    fn copy_request(&self, request: &R) -> R;

    /// Records an answer, and gives it back as observers are to get it.
    fn record(
        &self,
        request: &R,
        outcome: &Result<R::Response, RequestError>,
        meta: Meta,
    ) -> Envelope<Answer<R>>;

    /// As [`History::replay`].
    fn replay(&self, wanted: Replay, take: &mut dyn FnMut(Past<Answer<R>>));

    fn set_retention(&self, retention: Retention);

    fn retained(&self) -> Retained;
}

/// For those answers that can.
pub(crate) fn retain_answers<R: Observable>(retention: Retention) -> Arc<dyn RetainedAnswers<R>> {
    Arc::new(History::<Answer<R>>::new(retention))
}

impl<R: Observable> RetainedAnswers<R> for History<Answer<R>> {
    fn copy_request(&self, request: &R) -> R {
        request.clone()
    }

    fn record(
        &self,
        request: &R,
        outcome: &Result<R::Response, RequestError>,
        mut meta: Meta,
    ) -> Envelope<Answer<R>> {
        let answer = Arc::new(Answer { request: request.clone(), outcome: outcome.clone() });
        History::record(self, &answer, &mut meta, retained_bytes);
        Envelope { event: Shared::Of(answer), meta }
    }

    fn replay(&self, wanted: Replay, take: &mut dyn FnMut(Past<Answer<R>>)) {
        History::replay(self, wanted, take);
    }

    fn set_retention(&self, retention: Retention) {
        History::set_retention(self, retention, retained_bytes);
    }

    fn retained(&self) -> Retained {
        History::retained(self)
    }
}

/// As [`Notification::retained_bytes`](edri_event::Notification::retained_bytes): in memory without what it points to,
/// or encoded where that can be and is more.
fn retained_bytes<R: Observable>(answer: &Answer<R>) -> usize {
    let mut encoded = Vec::new();
    let mut size = 0;
    if let Some(wire) = R::wire()
        && wire.encode(&answer.request, &mut encoded).is_ok()
    {
        size += encoded.len();
    }
    encoded.clear();
    if let (Some(wire), Ok(response)) = (R::response_wire(), &answer.outcome)
        && wire.encode(response, &mut encoded).is_ok()
    {
        size += encoded.len();
    }
    size.max(size_of::<Answer<R>>())
}
