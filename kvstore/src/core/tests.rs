//! Namespaces with a journal that does what it is told, when it is told.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::{Content, Core, Log, Promotion, Record, Room, Space};
use crate::watch::Watching;
use crate::{Expiry, Namespace, OnlyIf, Outcome, Refusal, StoreError, Version, Watch, Watched};

/// What has been handed in, and is neither durable nor lost.
#[derive(Default)]
struct Slow {
    lines: Mutex<Vec<(String, u64)>>,
    promotions: Mutex<Vec<Promotion>>,
}

impl Log for Slow {
    fn append(&self, record: Record<'_>, promotion: Option<Promotion>) {
        self.lines.lock().push((record.key.to_owned(), record.version.get()));
        self.promotions.lock().extend(promotion);
    }

    fn room(&self, _bytes: usize) -> Pin<Box<dyn Future<Output = Result<Room, StoreError>> + Send + '_>> {
        Box::pin(async {
            let room = Arc::new(Semaphore::new(1)).acquire_owned().await;
            room.map_err(|_| StoreError::closed())
        })
    }
}

impl Slow {
    fn carry_out(&self, count: usize) {
        let promotions: Vec<_> = self.promotions.lock().drain(..count).collect();
        promotions.into_iter().for_each(Promotion::carry_out);
    }

    fn give_up(&self) {
        let promotions = std::mem::take(&mut *self.promotions.lock());
        for promotion in promotions {
            promotion.give_up(StoreError::refused(Refusal::NotDurable, "the disk is full"));
        }
    }
}

fn space() -> (Arc<Core>, Arc<Space>, Arc<Slow>) {
    let slow = Arc::<Slow>::default();
    let log = Arc::clone(&slow) as Arc<dyn Log>;
    let core = Arc::new(Core::new(Namespace::logged(), &HashMap::new(), Some(log)).unwrap());
    let space = core.space("").unwrap();
    (core, space, slow)
}

fn content(byte: u8) -> Content {
    Content { kind: None, bytes: [byte].into() }
}

fn set(space: &Arc<Space>, byte: u8, expiry: Expiry, only_if: OnlyIf) -> Outcome {
    space.set("k", None, content(byte), expiry, only_if).unwrap().output
}

fn put(space: &Arc<Space>, byte: u8, expiry: Expiry) {
    assert!(set(space, byte, expiry, OnlyIf::Any).is_applied());
}

fn seen(space: &Space) -> Option<u8> {
    space.content("k").map(|content| content.bytes[0])
}

/// What the watcher has been told, if it has been told anything.
async fn told(watching: &mut Watching) -> Option<Watched> {
    poll_fn(|cx| match watching.poll_next(cx) {
        Poll::Ready(told) => Poll::Ready(told),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn changes_build_on_those_that_are_not_seen_yet_and_are_seen_in_order() {
    let (_core, space, slow) = space();
    let mut watching = Watching::new(Arc::clone(&space), Watch::key("k")).unwrap();
    let first = set(&space, 1, Expiry::Never, OnlyIf::Absent).applied().unwrap();
    assert_eq!(seen(&space), None);
    assert_eq!(set(&space, 2, Expiry::Never, OnlyIf::Absent), Outcome::Conflict(Some(first)));
    let second = set(&space, 2, Expiry::Never, OnlyIf::Version(first)).applied().unwrap();
    let deleted = space.delete("k", None, OnlyIf::Version(second)).unwrap().output;
    assert_eq!(space.delete("k", None, OnlyIf::Any).unwrap().output, Outcome::Conflict(None));
    assert_eq!(told(&mut watching).await, None);
    assert_eq!(space.gauge().entries, 0, "what is counted is what there will be");

    slow.carry_out(1);
    assert_eq!(seen(&space), Some(1));
    slow.carry_out(1);
    assert_eq!(seen(&space), Some(2));
    slow.carry_out(1);
    assert_eq!(seen(&space), None);
    let versions = [first, second, deleted.applied().unwrap()];
    for version in versions {
        assert_eq!(told(&mut watching).await.unwrap().version(), Some(version));
    }
    let lines = versions.map(|version| ("k".to_owned(), version.get()));
    assert_eq!(*slow.lines.lock(), lines, "in the order of the versions");
}

#[tokio::test(start_paused = true)]
async fn changes_that_are_given_up_leave_what_was_seen() {
    let (_core, space, slow) = space();
    put(&space, 1, Expiry::Never);
    slow.carry_out(1);
    let gauge = space.gauge();
    let lost = space.set("k", None, content(2), Expiry::Never, OnlyIf::Any).unwrap();
    let deleted = space.delete("k", None, OnlyIf::Any).unwrap();
    slow.give_up();
    for commit in [lost.durable().await.map(drop), deleted.durable().await.map(drop)] {
        assert_eq!(commit.unwrap_err().refusal(), Some(Refusal::NotDurable));
    }
    assert_eq!((seen(&space), space.gauge().bytes), (Some(1), gauge.bytes));
    assert_eq!(set(&space, 3, Expiry::Never, OnlyIf::Version(Version::new(1))).applied().unwrap().get(), 4);
    slow.carry_out(1);
    assert_eq!(seen(&space), Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_time_is_over_while_it_is_written_is_told_to_have_expired_if_that_write_is_given_up() {
    let (core, space, slow) = space();
    tokio::spawn(Arc::clone(&core).see_to_what_expires());
    let mut watching = Watching::new(Arc::clone(&space), Watch::prefix("")).unwrap();
    put(&space, 1, Expiry::After(Duration::from_millis(10)));
    slow.carry_out(1);
    put(&space, 2, Expiry::Never);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(seen(&space), None, "it is over, whatever becomes of the write");
    assert!(matches!(told(&mut watching).await, Some(Watched::Set { .. })));
    assert_eq!(told(&mut watching).await, None);
    slow.give_up();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(matches!(told(&mut watching).await, Some(Watched::Expired { .. })));
    assert_eq!(space.gauge().entries, 0);
}

#[tokio::test(start_paused = true)]
async fn clearing_takes_what_is_not_seen_yet_and_touching_keeps_it() {
    let (_core, space, slow) = space();
    put(&space, 1, Expiry::After(Duration::from_millis(10)));
    assert!(space.touch("k", None, Expiry::Never).unwrap().output.is_some());
    slow.carry_out(2);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(seen(&space), Some(1));
    space.set("l", None, content(1), Expiry::Never, OnlyIf::Any).unwrap().output.applied().unwrap();
    let clearing = tokio::spawn({
        let space = Arc::clone(&space);
        async move { space.clear("").await.unwrap() }
    });
    while !clearing.is_finished() {
        tokio::task::yield_now().await;
        let waiting = slow.promotions.lock().len();
        slow.carry_out(waiting);
    }
    assert_eq!((clearing.await.unwrap(), space.gauge().entries, space.gauge().bytes), (2, 0, 0));
    assert!(matches!(slow.lines.lock().last(), Some((_, version)) if *version == space.version().get()));
}
