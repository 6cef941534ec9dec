//! tokio's TCP with lengths in front of bytes that nobody encodes or decodes, and 64 KiB written at a time.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{LARGE, SMALL, hub::Hub};
use crate::{
    contender::Contender,
    drive::{self, AskerInTurn},
    event::{Event, Request, Work},
    measure::{Sample, Stopwatch},
    runtime::on_two_workers_with_io,
    scenario::Scenario,
    tally::{Tally, tally},
};

pub(super) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Scenario::LinkDirect, "raw-bytes", |events| tell(events, SMALL)),
        // One hop, where others have two.
        Contender::new(Scenario::LinkHub, "raw-bytes-one-hop", |events| tell(events, SMALL)),
        Contender::new(Scenario::LinkAsk, "raw", ask).base(),
        Contender::new(Scenario::LinkAsk, "raw-process", ask_process),
        Contender::new(Scenario::LinkBulk, "raw-bytes", |events| tell(events, LARGE)),
    ]
}

/// Written, and read, at a time.
pub(super) const BATCH: usize = 64 * 1024;

pub(super) async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("it listens");
    let address = listener.local_addr().expect("it has an address");
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (near, far) = (near.expect("it connects"), far.expect("it accepts").0);
    near.set_nodelay(true).expect("it does not wait");
    far.set_nodelay(true).expect("it does not wait");
    (near, far)
}

fn tell(events: u64, length: usize) -> Sample {
    on_two_workers_with_io(async move {
        let (mut near, far) = pair().await;
        let (tally, arrivals) = tally(events);
        tokio::spawn(count(far, tally, length));
        let stopwatch = Stopwatch::start();
        let mut batch = Vec::with_capacity(2 * BATCH);
        let rest = vec![1; length - 8];
        for number in 0..events {
            batch.extend((length as u32).to_le_bytes());
            batch.extend(number.to_le_bytes());
            batch.extend_from_slice(&rest);
            if batch.len() >= BATCH {
                near.write_all(&batch).await.expect("it is written");
                batch.clear();
            }
        }
        near.write_all(&batch).await.expect("it is written");
        arrivals.all().await;
        stopwatch.stop(events)
    })
}

/// Takes apart what comes; each is copied out, as whoever hands it on would.
async fn count(mut stream: TcpStream, mut tally: Tally, length: usize) {
    let mut bytes = Vec::with_capacity(2 * BATCH + length);
    while stream.read_buf(&mut bytes).await.expect("it is read") > 0 {
        let mut start = 0;
        while let Some(header) = bytes[start..].first_chunk::<4>() {
            let end = start + 4 + u32::from_le_bytes(*header) as usize;
            let Some(event) = bytes.get(start + 4..end) else { break };
            let event = event.to_vec();
            let number = event.first_chunk().map_or(0, |number| u64::from_le_bytes(*number));
            tally.count(&Event::numbered(number));
            start = end;
        }
        bytes.drain(..start);
    }
}

pub(super) struct Asks(TcpStream);

impl Asks {
    pub(super) fn over(stream: TcpStream) -> Self {
        Self(stream)
    }
}

impl AskerInTurn for Asks {
    async fn ask(&mut self, request: Request) -> u64 {
        self.0.write_u64_le(request.number).await.expect("it is written");
        self.0.read_u64_le().await.expect("it is answered")
    }
}

fn ask(requests: u64) -> Sample {
    on_two_workers_with_io(async move { drive::ask(requests, asks().await).await })
}

/// Somebody who answers, and who is to ask.
pub(super) async fn asks() -> Asks {
    let (near, far) = pair().await;
    tokio::spawn(answer(far));
    Asks(near)
}

/// The same with a process at the other end, so that each hop is to another, as it is by something in the middle.
fn ask_process(requests: u64) -> Sample {
    on_two_workers_with_io(async move {
        let echo = Hub::echo();
        let near = TcpStream::connect(echo.address).await.expect("it connects");
        near.set_nodelay(true).expect("it does not wait");
        drive::ask(requests, Asks(near)).await
    })
}

pub(super) async fn answer(mut stream: TcpStream) {
    while let Ok(number) = stream.read_u64_le().await {
        let answer = Work::None.answer(Request { number });
        if stream.write_u64_le(answer).await.is_err() {
            return;
        }
    }
}
