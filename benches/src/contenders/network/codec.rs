//! What a program would write by hand: tokio's TCP, tokio-util's frames with lengths, and postcard, flushed at 64 KiB.

use futures_util::{SinkExt, StreamExt as _};
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::TcpStream;
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

use super::{
    LARGE,
    event::Large,
    raw::{BATCH, pair},
};
use crate::{
    contender::Contender,
    event::{Event, Small},
    measure::{Sample, Stopwatch},
    runtime::on_two_workers_with_io,
    scenario::Scenario,
    tally::{Tally, tally},
};

pub(super) fn contenders() -> Vec<Contender> {
    let small = |events| tell(events, Small::numbered, |event| event.number);
    let large = |events| {
        tell(events, Large::numbered, |event| {
            assert_eq!(event.bytes.0.len(), LARGE);
            event.number
        })
    };
    vec![
        Contender::new(Scenario::LinkDirect, "raw-codec", small).base(),
        // One hop, where others have two.
        Contender::new(Scenario::LinkHub, "raw-codec-one-hop", small).base(),
        Contender::new(Scenario::LinkBulk, "raw-codec", large).base(),
    ]
}

fn tell<E: Serialize + DeserializeOwned + Send + 'static>(
    events: u64,
    make: fn(u64) -> E,
    number: fn(&E) -> u64,
) -> Sample {
    on_two_workers_with_io(async move {
        let (near, far) = pair().await;
        let (tally, arrivals) = tally(events);
        tokio::spawn(count(far, tally, number));
        let mut frames = FramedWrite::new(near, LengthDelimitedCodec::new());
        frames.set_backpressure_boundary(BATCH);
        let stopwatch = Stopwatch::start();
        let mut encoded = Vec::new();
        for number in 0..events {
            encoded.clear();
            encoded = postcard::to_extend(&make(number), encoded).expect("it is encoded");
            frames.feed(&encoded[..]).await.expect("it is written");
        }
        SinkExt::<&[u8]>::flush(&mut frames).await.expect("it is written");
        arrivals.all().await;
        stopwatch.stop(events)
    })
}

async fn count<E: DeserializeOwned>(stream: TcpStream, mut tally: Tally, number: fn(&E) -> u64) {
    let mut frames = FramedRead::with_capacity(stream, LengthDelimitedCodec::new(), BATCH);
    while let Some(frame) = frames.next().await {
        let event = postcard::from_bytes(&frame.expect("it is read")).expect("it is decoded");
        tally.count(&Event::numbered(number(&event)));
    }
}
