//! Two hundred idle routers: all know of all, and they cost next to nothing. The example `crowd` has thousands.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use edri_link::wire::{Change, Frame, Interests, Pong, split};
use support::{Client, PATIENCE, framed, hello, switch};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const ROUTERS: usize = 200;

/// Of what it hears, it keeps how many members there are and which interests it heard of.
struct Counter {
    stream: TcpStream,
    held: BytesMut,
    members: usize,
    announced: usize,
}

impl Counter {
    async fn join(address: SocketAddr, index: usize) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&framed(&Frame::Hello(hello(&format!("router {index}"))))).await.unwrap();
        Self { stream, held: BytesMut::new(), members: 0, announced: 0 }
    }

    async fn until(&mut self, is_so: impl Fn(&Self) -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !is_so(self) {
                assert!(self.stream.read_buf(&mut self.held).await.unwrap() > 0, "it was closed");
                while let Some((frame, _)) = split(&self.held, 1 << 20).unwrap() {
                    let frame = Bytes::copy_from_slice(frame);
                    let _ = self.held.split_to(4 + frame.len());
                    self.take(Frame::decode(frame).unwrap()).await;
                }
            }
            self.held = BytesMut::new();
        });
        assert!(waited.await.is_ok(), "it knows of {} members, {} interests", self.members, self.announced);
    }

    async fn take(&mut self, frame: Frame) {
        match frame {
            Frame::Member(_) => self.members += 1,
            Frame::Left(_) => self.members -= 1,
            Frame::Interest(Interests { changes, .. }) => {
                let is_announcement = |change: &&Change| matches!(change, Change::Announce { .. });
                self.announced += changes.iter().filter(is_announcement).count();
            }
            Frame::Ping(number) => {
                let pong = framed(&Frame::Pong(Pong { number, resent: 0 }));
                self.stream.write_all(&pong).await.unwrap();
            }
            _ => {}
        }
    }
}

/// The resident memory of this process, in KiB.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn all_know_of_all_and_each_costs_less_than_64_kib() {
    let switch = switch(|_| {}).await;
    let address = switch.addresses()[0];
    // What is needed once is there.
    drop(Client::join(address, "first").await);
    let before = memory();
    let mut crowd = Vec::new();
    for index in 0..ROUTERS {
        crowd.push(Counter::join(address, index).await);
    }
    for router in &mut crowd {
        router.until(|router| router.members == ROUTERS - 1).await;
    }
    // Their own side is in this process, too.
    let each = memory().saturating_sub(before) / ROUTERS;
    assert!(each <= 64, "{each} KiB for each router");
    // One more comes, consumes something, and goes: all learn of it.
    let mut late = Client::join(address, "late").await;
    assert_eq!(late.picture.members.len(), ROUTERS);
    late.announce("late::Event").await;
    for router in &mut crowd {
        router.until(|router| router.announced == 1 && router.members == ROUTERS).await;
    }
    drop(late);
    for router in &mut crowd {
        router.until(|router| router.members == ROUTERS - 1).await;
    }
    let status = switch.status();
    assert_eq!((status.counts.open, status.networks[0].members), (ROUTERS, ROUTERS));
    assert!(status.networks[0].news_bytes < 64 * 1024, "{:?}", status.networks);
}
