//! Events that outlast both ends: on the disk before they go out, marked on the disk where they arrive, acknowledged when they
//! are handled.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use edri::connector::DurableSettings;
use edri::prelude::{App, Connector, Router};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;

use super::SMALL;
use super::edri::{count, until};
use super::raw::{BATCH as WRITTEN, pair};
use crate::contender::Contender;
use crate::event::Small;
use crate::measure::{Sample, Stopwatch};
use crate::runtime::on_two_workers_with_io;
use crate::scenario::{BATCH, Scenario};
use crate::tally::tally;

pub(super) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Scenario::LinkDurable, "raw", raw).base(),
        Contender::new(Scenario::LinkDurable, "edri", |events| run(events, 1)),
        Contender::new(Scenario::LinkDurable, "edri-batches", |events| run(events, BATCH as u64)),
    ]
}

/// Until all has been handled and the source knows it.
fn run(events: u64, together: u64) -> Sample {
    on_two_workers_with_io(async move {
        let folder = TempDir::new().expect("a temporary directory can be made");
        let settings =
            |name: &str| DurableSettings::in_folder(folder.path().join(name)).bytes(1 << 30).events(1 << 32);
        let listens = Connector::listen(["127.0.0.1:0"]).name("there").durable(settings("there"));
        let connections = listens.connections();
        let router = settings("there").router().expect("the folder can be made");
        let there = App::on(router).connector(listens).start().await.expect("it listens");
        let connects = Connector::connect([connections.addresses()[0].to_string()]).durable(settings("here"));
        let connections = connects.connections();
        let router: Router = settings("here").router().expect("the folder can be made");
        let here = App::on(router.clone()).connector(connects).start().await.expect("it starts");
        let (tally, arrivals) = tally(events);
        count(there.router(), tally);
        until(|| router.has_subscribers::<Small>()).await;
        let durable = connections.durable().expect("it keeps something");
        let stopwatch = Stopwatch::start();
        for first in (0..events).step_by(together as usize) {
            if together == 1 {
                router.notify(Small::numbered(first)).await.expect("it is taken");
            } else {
                router
                    .notify_all((first..first + together).map(Small::numbered))
                    .await
                    .expect("they are taken");
            }
        }
        arrivals.all().await;
        durable.delivered().await.expect("it is open");
        let sample = stopwatch.stop(events);
        assert_eq!(durable.status().stored, events, "not all was stored");
        drop((here, there));
        sample
    })
}

/// The same by hand: 64 KiB are written, synced and sent at a time; whoever gets them writes and syncs how far he is, and says
/// so.
fn raw(events: u64) -> Sample {
    on_two_workers_with_io(async move {
        let folder = TempDir::new().expect("a temporary directory can be made");
        let file = |name| File::create(folder.path().join(name)).expect("a file can be made");
        let (log, marks) = (file("log"), file("marks"));
        let (near, far) = pair().await;
        let (mut said, mut sending) = near.into_split();
        let receiving = tokio::spawn(receive(far, marks, events));
        let stopwatch = Stopwatch::start();
        let mut at = 0;
        let mut log = Some(log);
        let mut batch = Vec::with_capacity(2 * WRITTEN);
        for number in 0..events {
            batch.extend((SMALL as u32).to_le_bytes());
            batch.extend(number.to_le_bytes());
            batch.extend_from_slice(&[1; SMALL - 8]);
            if batch.len() >= WRITTEN || number + 1 == events {
                let (writes, bytes) = (log.take(), std::mem::take(&mut batch));
                let written = spawn_blocking(move || {
                    let file = writes.expect("it is given back");
                    file.write_all_at(&bytes, at).and_then(|()| file.sync_data()).expect("the disk works");
                    (file, bytes)
                });
                let (file, bytes) = written.await.expect("it does not panic");
                at += bytes.len() as u64;
                sending.write_all(&bytes).await.expect("it is written");
                (log, batch) = (Some(file), bytes);
                batch.clear();
            }
        }
        while said.read_u64_le().await.expect("it is acknowledged") < events {}
        receiving.await.expect("it does not panic");
        stopwatch.stop(events)
    })
}

async fn receive(mut stream: TcpStream, marks: File, events: u64) {
    let (mut bytes, mut got) = (Vec::with_capacity(4 * WRITTEN), 0_u64);
    let mut marks = Some(marks);
    while got < events {
        let read = stream.read_buf(&mut bytes).await.expect("it is read");
        assert!(read > 0, "the sender is gone");
        let whole = bytes.len() / (4 + SMALL);
        got += whole as u64;
        bytes.drain(..whole * (4 + SMALL));
        let file = marks.take().expect("it is given back");
        let marked = spawn_blocking(move || {
            file.write_all_at(&got.to_le_bytes(), 0).and_then(|()| file.sync_data()).expect("the disk works");
            file
        });
        marks = Some(marked.await.expect("it does not panic"));
        stream.write_u64_le(got).await.expect("it is written");
    }
}
