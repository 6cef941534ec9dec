//! The load: each sender does one thing after the other, as fast as it can.

use std::sync::Arc;

use edri::prelude::*;
use tokio::task::{coop, yield_now};
use tokio::time::Instant;

use crate::arguments::Load;
use crate::books::Books;
use crate::dice::Dice;
use crate::event::How;
use crate::lines::{ASKED, BATCHED, JOBS, TOLD, on_line};
use crate::send::{Parcel, ask, notify, notify_all, try_notify};

const BATCH: u64 = 32;

pub async fn send(
    sender: u32,
    mix: Vec<Load>,
    mut dice: Dice,
    router: Router,
    books: Arc<Books>,
    until: Instant,
) {
    let mut number = 0;
    let (router, books) = (&router, &*books);
    while Instant::now() < until {
        number += 1;
        let mut parcel = Parcel::new(sender, number, How::Well);
        if dice.below(16) == 0 {
            parcel.lane = dice.one_of(&[Priority::High, Priority::Control]);
        }
        match dice.one_of(&mix) {
            Load::Notify => on_line!(dice.one_of(&TOLD), notify(router, books, parcel)),
            Load::Try => {
                parcel.lane = Priority::Normal;
                if on_line!(dice.one_of(&TOLD), try_notify(router, books, parcel)) {
                    coop::consume_budget().await;
                } else {
                    yield_now().await;
                }
            }
            Load::Batch => {
                parcel.lane = Priority::Normal;
                on_line!(dice.one_of(&BATCHED), notify_all(router, books, parcel, BATCH));
                number += BATCH - 1;
            }
            Load::Request => on_line!(dice.one_of(&ASKED), ask(router, books, parcel)),
            Load::Job => on_line!(dice.one_of(&JOBS), ask(router, books, parcel)),
        }
    }
}
