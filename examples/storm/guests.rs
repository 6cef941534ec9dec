//! Somebody joins and leaves again and again: nobody else may notice.

use std::net::SocketAddr;
use std::time::Duration;

use edri::prelude::*;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::connector;
use crate::consumer::Tally;
use crate::events::Drop;

#[derive(Default)]
pub(crate) struct Guests {
    pub(crate) visits: u64,
    pub(crate) events: u64,
    pub(crate) disorder: u64,
}

/// One guest after the other until the storm is over. From the first event on that one gets, it gets all, in order.
pub(crate) async fn visit(
    switch: SocketAddr,
    in_a_second: u64,
    storm: watch::Receiver<bool>,
) -> Result<Guests, edri::Error> {
    let mut guests = Guests::default();
    while in_a_second > 0 && !*storm.borrow() {
        let until = Instant::now() + Duration::from_secs(1) / in_a_second as u32;
        let app = App::new().connector(connector(&switch.to_string(), "guest")).start().await?;
        let mut drops = app.router().subscribe::<Drop>();
        let (mut tally, mut expected) = (Tally::default(), None);
        while let Ok(Some(event)) = timeout_at(until, drops.recv()).await {
            tally.count(event.number, expected.get_or_insert(event.number));
        }
        std::mem::drop(drops);
        guests.visits += 1;
        guests.events += tally.got;
        guests.disorder += tally.missing + tally.again;
        app.shutdown(Duration::from_secs(10)).await.into_result()?;
    }
    Ok(guests)
}

/// Sends what guests want until the storm is over.
pub(crate) async fn drip(router: Router, storm: watch::Receiver<bool>) {
    let mut number = 0;
    while !*storm.borrow() {
        if router.notify(Drop { number }).await.is_ok() {
            number += 1;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
