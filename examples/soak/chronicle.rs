//! The line whose past is kept: one who writes, one who has witnessed all, and readers that come late.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use edri::prelude::*;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::books::Books;
use crate::dice::Dice;
use crate::event::{How, Told};
use crate::lines::RETAINED;
use crate::send::{Parcel, notify};

type Page = Told<RETAINED>;

/// So many events are kept.
const KEPT: usize = 256;

/// What late readers have seen.
#[derive(Default)]
pub struct Replays {
    pub readers: AtomicU64,
    pub pages: AtomicU64,
    /// Pages that did not follow the one before: missed, doubled, or in another order.
    pub breaks: AtomicU64,
}

pub fn begin(router: &Router) -> Subscription<Page> {
    router.retain::<Page>(Retention::last(KEPT));
    router.subscription().named("the witness").start()
}

/// One page after the other, numbered without a gap.
pub async fn write(router: Router, books: Arc<Books>, until: Instant) {
    let mut number = 0;
    while Instant::now() < until {
        for _ in 0..64 {
            number += 1;
            notify::<RETAINED>(&router, &books, Parcel::new(0, number, How::Well)).await;
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// Reads all there is, until `written` says that nothing more will come.
pub async fn witness(
    mut pages: Subscription<Page>,
    books: Arc<Books>,
    replays: Arc<Replays>,
    mut written: oneshot::Receiver<()>,
) {
    let (mut last, mut open) = (0, true);
    loop {
        let page = tokio::select! {
            biased;
            page = pages.recv() => page,
            _ = &mut written, if open => {
                open = false;
                pages.close();
                pages.recv().await
            }
        };
        let Some(page) = page else { break };
        note_break(&replays, last, page.number);
        last = page.number;
        books.line(RETAINED).told.handle(&page);
    }
}

/// Comes late, reads what is kept and some of what follows, and leaves.
pub async fn late_reader(
    mut dice: Dice,
    router: Router,
    replays: Arc<Replays>,
    stay: Duration,
    until: Instant,
) {
    while Instant::now() < until {
        sleep(dice.around(stay)).await;
        let from = dice.one_of(&[Replay::All, Replay::Last(10), Replay::Within(Duration::from_millis(5))]);
        let mut pages = router.subscription::<Page>().named("a late reader").capacity(64).from(from).start();
        replays.readers.fetch_add(1, Ordering::Relaxed);
        let mut last = None;
        for _ in 0..KEPT + dice.below(KEPT) {
            let Ok(Some(page)) = tokio::time::timeout(Duration::from_millis(100), pages.recv()).await else {
                break;
            };
            if let Some(last) = last {
                note_break(&replays, last, page.number);
            }
            last = Some(page.number);
            replays.pages.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn note_break(replays: &Replays, last: u64, number: u64) {
    if number != last + 1 {
        replays.breaks.fetch_add(1, Ordering::Relaxed);
    }
}
