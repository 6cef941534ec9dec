use std::future::Future as _;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::Sleep;

/// When to tell again how loaded those are who answer here: a while after something was asked of them.
#[derive(Debug, Default)]
pub(super) struct Loads(Option<Pin<Box<Sleep>>>);

/// It is told no more often than this.
const PAUSE: Duration = Duration::from_millis(50);

impl Loads {
    /// Whether it is due; the task is woken when it is. `asked` is whether something was asked of them since this was asked
    /// last.
    pub(super) fn poll_due(&mut self, asked: bool, cx: &mut Context<'_>) -> bool {
        if asked && self.0.is_none() {
            self.0 = Some(Box::pin(tokio::time::sleep(PAUSE)));
        }
        let due = self.0.as_mut().is_some_and(|due| due.as_mut().poll(cx).is_ready());
        if due {
            self.0 = None;
        }
        due
    }
}
