use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::queue::{Missed, Next, Queue, Told, What};
use crate::condition::Condition;
use crate::core::{Row, Space, check_key};
use crate::error::{Refusal, StoreError};
use crate::event::{Begin, Range, Target, Watch, Watched};
use crate::value::Value;

/// One watcher. It is removed when it is dropped.
pub(crate) struct Watching {
    space: Arc<Space>,
    queue: Arc<Queue>,
    target: Target,
    condition: Condition,
    begin: Begin,
    stage: Stage,
    /// What has been found out and not been given away.
    ready: VecDeque<Watched>,
}

enum Stage {
    /// What is there is looked at, page by page.
    Looking { after: Option<Arc<str>>, looked: Vec<Looked> },
    /// What happens is told, but for what has been seen when pages were looked at.
    Told { looked: Vec<Looked> },
}

/// Up to which key a page went, if it was not the last, and how many changes had been told then.
struct Looked {
    last: Option<Arc<str>>,
    mark: u64,
}

/// How many keys are looked at at once.
const PAGE: usize = 256;

/// How many changes are passed over in a row before others have their turn.
const IN_A_ROW: usize = 256;

impl Watching {
    pub(crate) fn new(space: Arc<Space>, watch: Watch) -> Result<Self, StoreError> {
        let Watch { namespace: _, target, condition, begin, buffer } = watch;
        condition.check()?;
        if !(1..=Watch::MAX_BUFFER).contains(&buffer) {
            let text = format!("a buffer for {buffer} changes: expected 1 to {}", Watch::MAX_BUFFER);
            return Err(StoreError::refused(Refusal::Invalid, text));
        }
        if let Target::Key(key) = &target {
            check_key(key)?;
        }
        space.listeners.enter()?;
        let queue = Arc::new(Queue::new(buffer as usize));
        match &target {
            Target::Key(key) => space.add_watcher(key, Arc::clone(&queue)),
            Target::Prefix(prefix) => space.listeners.add_prefix(prefix, Arc::clone(&queue)),
        }
        if !space.is_open() {
            queue.close();
        }
        let stage = match begin {
            Begin::Changes => Stage::Told { looked: Vec::new() },
            Begin::Current => Stage::Looking { after: None, looked: Vec::new() },
        };
        Ok(Self { space, queue, target, condition, begin, stage, ready: VecDeque::new() })
    }

    /// What is to be told next; `None` when the store has stopped.
    ///
    /// Ready or not, what has not been given away stays.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Watched>> {
        for _ in 0..IN_A_ROW {
            if let Some(watched) = self.ready.pop_front() {
                return Poll::Ready(Some(watched));
            }
            if let Stage::Looking { .. } = self.stage {
                self.look();
                continue;
            }
            match ready!(self.queue.poll_next(cx)) {
                Next::Told(number, change) => {
                    if self.is_news(number, &change)
                        && let Some(watched) = self.matching(&change)
                    {
                        return Poll::Ready(Some(watched));
                    }
                }
                Next::Missed(Missed { from, count }) => {
                    if self.begin == Begin::Current {
                        self.stage = Stage::Looking { after: None, looked: Vec::new() };
                    }
                    return Poll::Ready(Some(Watched::Lagged { from, missed: count }));
                }
                Next::Closed => return Poll::Ready(None),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Looks at the next page of what is there.
    fn look(&mut self) {
        let Stage::Looking { after, looked } = &mut self.stage else { return };
        let sheet = match &self.target {
            Target::Key(key) => self.space.page_of_key(key, &self.queue),
            Target::Prefix(prefix) => {
                let range = Range::Prefix(prefix.clone());
                self.space.page(&range, after.as_deref(), PAGE, Some(&self.queue))
            }
        };
        for Row { key, content, version, .. } in sheet.rows {
            let value = self.space.types().value(&content);
            if self.condition.holds(Some(&value)) {
                self.ready.push_back(Watched::Current { key: key.as_ref().to_owned(), version, value });
            }
        }
        looked.push(Looked { last: sheet.next.clone(), mark: sheet.mark });
        match sheet.next {
            Some(next) => *after = Some(next),
            None => {
                self.ready.push_back(Watched::Live);
                self.stage = Stage::Told { looked: std::mem::take(looked) };
            }
        }
    }

    /// Whether a change, the so-manieth, had not happened yet when its key was looked at.
    fn is_news(&mut self, number: u64, change: &Told) -> bool {
        let Stage::Told { looked } = &mut self.stage else { return true };
        if looked.last().is_none_or(|last| last.mark <= number) {
            // So it is with all that follow.
            looked.clear();
            return true;
        }
        let page = looked.partition_point(|page| page.last.as_ref().is_some_and(|last| *last < change.key));
        looked.get(page).is_none_or(|page| page.mark <= number)
    }

    /// What is told of a change, if its condition holds.
    fn matching(&self, change: &Told) -> Option<Watched> {
        let value = match &change.what {
            What::Set(content) => Some(self.space.types().value(content)),
            What::Deleted | What::Expired | What::Evicted => None,
        };
        let holds = self.condition.is_always() || self.condition.holds(value.as_ref());
        holds.then(|| watched(change, value))
    }
}

fn watched(change: &Told, value: Option<Value>) -> Watched {
    let (key, version) = (change.key.as_ref().to_owned(), change.version);
    match (&change.what, value) {
        (What::Set(_), Some(value)) => Watched::Set { key, version, value },
        (What::Expired, _) => Watched::Expired { key, version },
        (What::Evicted, _) => Watched::Evicted { key, version },
        (What::Set(_) | What::Deleted, _) => Watched::Deleted { key, version },
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        match &self.target {
            Target::Key(key) => self.space.remove_watcher(key, &self.queue),
            Target::Prefix(_) => self.space.listeners.remove_prefix(&self.queue),
        }
        self.space.listeners.leave();
    }
}
