//! By hand: frames of postcard over a Unix socket, without a runtime, without anything that they are not.

use std::error::Error;
use std::io::{Read, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::job::{Echo, look};

pub(crate) const CHILD: &str = "raw-child";

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A socket with a buffer in each direction.
struct Frames {
    socket: UnixStream,
    inbound: Vec<u8>,
    begin: usize,
    outbound: Vec<u8>,
}

impl Frames {
    fn new(socket: UnixStream) -> Self {
        Self { socket, inbound: Vec::new(), begin: 0, outbound: Vec::new() }
    }

    fn put<T: Serialize>(&mut self, value: &T) -> Outcome<()> {
        let begin = self.outbound.len();
        self.outbound.extend([0; 4]);
        postcard::to_io(value, &mut self.outbound)?;
        let length = (self.outbound.len() - begin - 4) as u32;
        self.outbound[begin..begin + 4].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }

    fn flush(&mut self) -> Outcome<()> {
        self.socket.write_all(&self.outbound)?;
        self.outbound.clear();
        Ok(())
    }

    /// A frame that is there already.
    fn take<T: DeserializeOwned>(&mut self) -> Outcome<Option<T>> {
        let bytes = &self.inbound[self.begin..];
        let Some(length) = bytes.first_chunk().map(|length| u32::from_le_bytes(*length) as usize) else {
            return Ok(None);
        };
        let Some(frame) = bytes.get(4..4 + length) else { return Ok(None) };
        let value = postcard::from_bytes(frame)?;
        self.begin += 4 + length;
        Ok(Some(value))
    }

    /// Reads what there is, at least something; `false` at the end.
    fn fill(&mut self) -> Outcome<bool> {
        self.inbound.drain(..self.begin);
        self.begin = 0;
        let filled = self.inbound.len();
        self.inbound.resize(filled + 64 * 1024, 0);
        let read = self.socket.read(&mut self.inbound[filled..])?;
        self.inbound.truncate(filled + read);
        Ok(read > 0)
    }
}

pub(crate) fn child() -> Outcome<()> {
    let mut frames = Frames::new(UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?));
    if std::env::args().nth(2).as_deref() == Some("large") {
        let mut bytes = Vec::new();
        loop {
            let mut length = [0; 8];
            if frames.socket.read_exact(&mut length).is_err() {
                return Ok(());
            }
            bytes.resize(u64::from_le_bytes(length) as usize, 0);
            frames.socket.read_exact(&mut bytes)?;
            frames.socket.write_all(&look(&bytes).to_le_bytes())?;
        }
    }
    loop {
        while let Some(job) = frames.take::<Echo>()? {
            frames.put(&job)?;
        }
        frames.flush()?;
        if !frames.fill()? {
            return Ok(());
        }
    }
}

fn start(kind: &str) -> Outcome<(std::process::Child, UnixStream)> {
    let (near, far) = UnixStream::pair()?;
    let child =
        Command::new("/proc/self/exe").args([CHILD, kind]).stdin(Stdio::from(OwnedFd::from(far))).spawn()?;
    Ok((child, near))
}

pub(crate) fn echo(window: u64, count: u64) -> Outcome<Duration> {
    let (mut child, socket) = start("echo")?;
    let mut frames = Frames::new(socket);
    run(&mut frames, window, count / 10)?;
    let begun = Instant::now();
    run(&mut frames, window, count)?;
    let took = begun.elapsed();
    drop(frames);
    child.wait()?;
    Ok(took)
}

fn run(frames: &mut Frames, window: u64, count: u64) -> Outcome<()> {
    let (mut sent, mut answered) = (0, 0);
    while answered < count {
        while sent < count && sent - answered < window {
            frames.put(&Echo::new(sent))?;
            sent += 1;
        }
        frames.flush()?;
        frames.fill()?;
        while let Some(answer) = frames.take::<Echo>()? {
            assert_eq!(answer.number, answered | 1 << 62);
            answered += 1;
        }
    }
    Ok(())
}

pub(crate) fn large(length: usize, count: u64) -> Outcome<Duration> {
    let (mut child, mut socket) = start("large")?;
    let bytes = vec![7; length];
    let expected = look(&bytes);
    let mut once = |count| -> Outcome<()> {
        for _ in 0..count {
            socket.write_all(&(length as u64).to_le_bytes())?;
            socket.write_all(&bytes)?;
            let mut answer = [0; 8];
            socket.read_exact(&mut answer)?;
            assert_eq!(u64::from_le_bytes(answer), expected);
        }
        Ok(())
    };
    once(count / 10)?;
    let begun = Instant::now();
    once(count)?;
    let took = begun.elapsed();
    drop(socket);
    child.wait()?;
    Ok(took)
}

/// From nothing to the first answer.
pub(crate) fn ready(count: u64) -> Outcome<Duration> {
    let mut took = Duration::ZERO;
    for _ in 0..count {
        let begun = Instant::now();
        let (mut child, socket) = start("echo")?;
        let mut frames = Frames::new(socket);
        run(&mut frames, 1, 1)?;
        took += begun.elapsed();
        drop(frames);
        child.wait()?;
    }
    Ok(took)
}
