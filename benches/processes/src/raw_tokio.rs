//! By hand, as a program with a runtime does it: frames of postcard over a Unix socket, through tokio and its codec of frames.
//!
//! The window slides: where an answer made room there is another job at once, and what was said is written when there is
//! nothing more to be heard.

use std::error::Error;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{FutureExt as _, SinkExt, StreamExt as _};
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use crate::job::Echo;

pub(crate) const CHILD: &str = "raw-tokio-child";

type Outcome<T> = Result<T, Box<dyn Error>>;
type Frames = Framed<UnixStream, LengthDelimitedCodec>;

/// Read, and written, at a time.
const BATCH: usize = 64 * 1024;

fn runtime() -> Outcome<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn frames(socket: StdUnixStream) -> Outcome<Frames> {
    socket.set_nonblocking(true)?;
    let codec = LengthDelimitedCodec::new();
    let mut frames = Framed::with_capacity(UnixStream::from_std(socket)?, codec, BATCH);
    frames.set_backpressure_boundary(BATCH);
    Ok(frames)
}

async fn put(frames: &mut Frames, value: &Echo) -> Outcome<()> {
    let frame = Bytes::from(postcard::to_stdvec(value)?);
    frames.feed(frame).await?;
    Ok(())
}

/// The next, if it is there; else the next after all that was said has been written.
async fn take(frames: &mut Frames) -> Outcome<Option<Echo>> {
    let frame = match frames.next().now_or_never() {
        Some(frame) => frame,
        None => {
            SinkExt::<Bytes>::flush(frames).await?;
            frames.next().await
        }
    };
    Ok(match frame {
        Some(frame) => Some(postcard::from_bytes(&frame?)?),
        None => None,
    })
}

pub(crate) fn child() -> Outcome<()> {
    let socket = StdUnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    runtime()?.block_on(async move {
        let mut frames = frames(socket)?;
        while let Some(job) = take(&mut frames).await? {
            put(&mut frames, &job).await?;
        }
        Ok(())
    })
}

fn start() -> Outcome<(std::process::Child, StdUnixStream)> {
    let (near, far) = StdUnixStream::pair()?;
    let child = Command::new("/proc/self/exe").arg(CHILD).stdin(Stdio::from(OwnedFd::from(far))).spawn()?;
    Ok((child, near))
}

pub(crate) fn echo(window: u64, count: u64) -> Outcome<Duration> {
    let (mut child, socket) = start()?;
    let took = runtime()?.block_on(async {
        let mut frames = frames(socket)?;
        run(&mut frames, window, count / 10).await?;
        let begun = Instant::now();
        run(&mut frames, window, count).await?;
        Outcome::Ok(begun.elapsed())
    })?;
    child.wait()?;
    Ok(took)
}

async fn run(frames: &mut Frames, window: u64, count: u64) -> Outcome<()> {
    let (mut sent, mut answered) = (0, 0);
    while answered < count {
        while sent < count && sent - answered < window {
            put(frames, &Echo::new(sent)).await?;
            sent += 1;
        }
        let answer = take(frames).await?.ok_or("expected an answer")?;
        assert_eq!(answer.number, answered | 1 << 62);
        answered += 1;
    }
    Ok(())
}
