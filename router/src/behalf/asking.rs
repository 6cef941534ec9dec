use std::cell::Cell;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::scope::Scope;
use crate::request::{RequestId, Unanswered, Watch};
use crate::route::Running;
use crate::router::Router;
use crate::wait_graph::{Wait, Waiting};

/// What a request has that is made on behalf of an event and was not answered at once.
pub(crate) struct OnBehalf<'r> {
    responder: Arc<str>,
    watch: Option<Watch<'r>>,
    /// Once the task waits.
    waiting: Option<Waiting<'r>>,
}

impl<'r> OnBehalf<'r> {
    pub(crate) fn new(scope: &'r Scope, responder: Arc<str>) -> Self {
        Self { responder, watch: scope.requester.as_ref().map(Watch::new), waiting: None }
    }

    /// The request is under way. Ready when the event's requester has gone away; until then the task is woken for
    /// that, and is seen to wait.
    pub(crate) fn poll_cancelled(
        &mut self,
        router: &'r Router,
        event: &'static str,
        under_way: impl FnOnce() -> Option<(RequestId, Option<Unanswered>)>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let polled = self.watch.as_mut().map_or(Poll::Pending, |watch| watch.poll_cancelled(cx));
        if polled.is_pending()
            && self.waiting.is_none()
            && let Some(scope) = router.scope()
            && let Some((request, unanswered)) = under_way()
        {
            let requester = scope.requester.as_ref().map(|requester| requester.request());
            self.waiting = Some(router.waits().enter(Wait {
                asker: Arc::clone(&scope.name),
                team: None,
                // A context handles one event at a time, and nobody moves it while something is asked through it.
                handling: std::ptr::from_ref(router).addr(),
                serves: requester.or_else(|| HERE.get()),
                request,
                unanswered,
                responder: Arc::clone(&self.responder),
                event,
                since: tokio::time::Instant::now(),
            }));
        }
        polled
    }
}

thread_local! {
    /// The request that is being answered on this thread by the call at hand, where it is its requester who polls.
    static HERE: Cell<Option<RequestId>> = const { Cell::new(None) };
}

/// Which of the requests under way this is.
pub(crate) fn running_here<T>(running: &Running<T>) -> RequestId {
    RequestId::of(&**running)
}

/// Polls an answer that is being made on this task; what is asked meanwhile is seen to be asked for it.
pub(crate) fn poll_here<T>(running: &mut Running<T>, cx: &mut Context<'_>) -> Poll<T> {
    struct Restore(Option<RequestId>);

    impl Drop for Restore {
        fn drop(&mut self) {
            HERE.set(self.0);
        }
    }

    let _restore = Restore(HERE.replace(Some(running_here(running))));
    running.as_mut().poll(cx)
}
