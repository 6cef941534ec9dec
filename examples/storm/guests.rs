//! Somebody joins and leaves every second: nobody else may notice.

use std::net::SocketAddr;
use std::time::Duration;

use edri::prelude::*;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::connector;
use crate::consumer::Tally;
use crate::events::Tick;

#[derive(Default)]
pub(crate) struct Guests {
    pub(crate) visits: u64,
    pub(crate) events: u64,
    pub(crate) disorder: u64,
}

/// One guest after the other until the storm is over. From the first event on that one gets, it gets all, in order.
pub(crate) async fn visit(switch: SocketAddr, storm: watch::Receiver<bool>) -> Result<Guests, edri::Error> {
    let mut guests = Guests::default();
    while !*storm.borrow() {
        let until = Instant::now() + Duration::from_secs(1);
        let app = App::new().connector(connector(&switch.to_string(), "guest")).start().await?;
        let mut ticks = app.router().subscribe::<Tick>();
        let (mut tally, mut expected) = (Tally::default(), None);
        while let Ok(Some(tick)) = timeout_at(until, ticks.recv()).await {
            tally.count(tick.number, expected.get_or_insert(tick.number));
        }
        drop(ticks);
        guests.visits += 1;
        guests.events += tally.got;
        guests.disorder += tally.missing + tally.again;
        app.shutdown(Duration::from_secs(10)).await.into_result()?;
    }
    Ok(guests)
}
