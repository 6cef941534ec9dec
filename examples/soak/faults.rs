//! What goes wrong, at a given rate: at each time a panic, and one fault of another kind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use edri::prelude::*;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::books::{Books, IN_NO_ORDER};
use crate::dice::Dice;
use crate::event::How;
use crate::lines::{ASKED, JOBS, TOLD, on_line};
use crate::send::{Ending, Parcel, ask, ask_within, notify};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Of a handler, in a notification.
    Panic,
    /// A panic that does not come again when the event is delivered again.
    PanicOnce,
    /// Of a handler or worker, in a request.
    PanicAsked,
    /// Of a handler.
    Failure,
    /// Of a handler or worker, in a request.
    FailureAsked,
    SlowHandler,
    SlowJob,
    /// A handler that does not end by itself.
    Hang,
    ExpiredNotification,
    ExpiredRequest,
    /// A requester that goes away.
    DroppedRequest,
    /// More at once than there is room for.
    Burst,
}

use Fault::{
    Burst, DroppedRequest, ExpiredNotification, ExpiredRequest, Failure, FailureAsked, Hang, Panic,
    PanicAsked, PanicOnce, SlowHandler, SlowJob,
};

const PANICS: [Fault; 3] = [Panic, PanicOnce, PanicAsked];

const OTHERS: [Fault; 9] = [
    Failure,
    FailureAsked,
    SlowHandler,
    SlowJob,
    Hang,
    ExpiredNotification,
    ExpiredRequest,
    DroppedRequest,
    Burst,
];

/// How many of each there were.
#[derive(Default)]
pub struct Injected([AtomicU64; 12]);

impl Injected {
    fn note(&self, fault: Fault) {
        self.0[fault as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub fn counts(&self) -> Vec<(String, u64)> {
        let all = PANICS.into_iter().chain(OTHERS);
        all.map(|fault| (fault.name(), self.0[fault as usize].load(Ordering::Relaxed))).collect()
    }
}

impl Fault {
    /// In words: `PanicOnce` is "panic once".
    fn name(self) -> String {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push(' ');
            }
            name.extend(letter.to_lowercase());
        }
        name
    }
}

/// So many may be under way: what they wait for may be stuck behind one of them.
const MOST: usize = 1024;

/// So many events are a burst.
const BURST: u64 = 512;

pub async fn inject(
    every: Duration,
    mut dice: Dice,
    router: Router,
    books: Arc<Books>,
    injected: Arc<Injected>,
    until: Instant,
) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut under_way = JoinSet::new();
    let mut number = 0;
    while ticks.tick().await < until {
        while under_way.try_join_next().is_some() {}
        for fault in [dice.one_of(&PANICS), dice.one_of(&OTHERS)] {
            if under_way.len() >= MOST {
                under_way.join_next().await;
            }
            injected.note(fault);
            let dice = Dice::new(dice.roll(), 0);
            under_way.spawn(one(fault, number, dice, router.clone(), Arc::clone(&books)));
            number += BURST;
        }
    }
    while under_way.join_next().await.is_some() {}
}

async fn one(fault: Fault, number: u64, mut dice: Dice, router: Router, books: Arc<Books>) {
    let (router, books) = (&router, &*books);
    let short = dice.around(Duration::from_millis(2));
    let told = |how| Parcel::new(IN_NO_ORDER, number, how);
    let within = |how| Parcel { within: Some(short), ..told(how) };
    let asked = [&ASKED[..], &JOBS[..]].concat();
    match fault {
        Panic => on_line!(dice.one_of(&TOLD), notify(router, books, told(How::Panics))),
        PanicOnce => on_line!(dice.one_of(&TOLD), notify(router, books, told(How::PanicsFirst))),
        PanicAsked => on_line!(dice.one_of(&asked), ask(router, books, told(How::Panics))),
        Failure => on_line!(dice.one_of(&TOLD), notify(router, books, told(How::Fails))),
        FailureAsked => on_line!(dice.one_of(&asked), ask(router, books, told(How::Fails))),
        SlowHandler => on_line!(dice.one_of(&TOLD), notify(router, books, told(How::Waits(short * 5)))),
        SlowJob => on_line!(dice.one_of(&JOBS), ask(router, books, told(How::Waits(short * 5)))),
        Hang => on_line!(dice.one_of(&TOLD), notify(router, books, told(How::Hangs))),
        ExpiredNotification => on_line!(dice.one_of(&TOLD), notify(router, books, within(How::Well))),
        ExpiredRequest => {
            let parcel = within(How::Waits(short));
            on_line!(dice.one_of(&asked), ask_within(router, books, parcel, Ending::Deadline));
        }
        DroppedRequest => {
            let parcel = within(How::Waits(short));
            on_line!(dice.one_of(&asked), ask_within(router, books, parcel, Ending::Drop));
        }
        Burst => {
            let line = dice.one_of(&TOLD);
            let events = (0..BURST).map(|further| async move {
                let parcel = Parcel::new(IN_NO_ORDER, number + further, How::Well);
                on_line!(line, notify(router, books, parcel));
            });
            futures_util::future::join_all(events).await;
        }
    }
}
