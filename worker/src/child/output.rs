use std::sync::Arc;
use std::time::Duration;

use edri_event::Notification;
use edri_router::Router;
use parking_lot::Mutex;
use tokio::io::Interest;
use tokio::net::unix::pipe;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::lines::{Line, Lines, Overlong};
use super::tail::Tail;

/// A line that a worker's process wrote, and that is no answer. Sent on the router of its pool, where somebody subscribes
/// to it, and never waited for: a subscriber without room misses it.
#[derive(Clone, Debug, PartialEq, Eq, Notification)]
#[notification(name = "edri_worker::WorkerOutput")]
#[non_exhaustive]
pub struct WorkerOutput {
    /// The worker's name.
    pub worker: String,
    /// The number of its process.
    pub process: i32,
    /// Where it wrote the line.
    pub stream: Stream,
    /// The line. What is no UTF-8 has been replaced, and a line of more than 8 KiB has become several.
    pub line: String,
}

/// Where a process writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stream {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// Who speaks, and to whom.
#[derive(Clone)]
pub(crate) struct Voice {
    pub(crate) router: Router,
    pub(crate) worker: Arc<str>,
    pub(crate) process: i32,
}

/// What a child writes to one of its streams, being read.
pub(crate) struct Speaking {
    tail: Arc<Mutex<Tail>>,
    reader: JoinHandle<()>,
}

/// A longer line becomes several.
const LONGEST: usize = 8 * 1024;
/// So many lines a second become events; what is beyond that is counted.
const PER_SECOND: u32 = 1_000;
/// For so long the last words of one that has ended are waited for.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Reads what a child writes to its standard error, to its end.
pub(crate) fn speak(voice: Voice, pipe: pipe::Receiver) -> Speaking {
    speak_of(voice, Stream::Stderr, pipe)
}

/// Reads what a child writes to one of its streams, to its end.
pub(crate) fn speak_of(voice: Voice, stream: Stream, pipe: pipe::Receiver) -> Speaking {
    let tail = Arc::new(Mutex::new(Tail::default()));
    let reader = tokio::spawn(read(voice, stream, pipe, Arc::clone(&tail)));
    Speaking { tail, reader }
}

async fn read(voice: Voice, stream: Stream, pipe: pipe::Receiver, tail: Arc<Mutex<Tail>>) {
    let mut lines = Lines::new(LONGEST, Overlong::Cut);
    let mut ration = Ration::new(Instant::now());
    let mut hear = |line: &[u8]| {
        let line = text(line);
        match ration.take(Instant::now()) {
            Share::Yes { left_out } => {
                if left_out > 0 {
                    tracing::warn!(worker = &*voice.worker, left_out, "lines of a worker were left out");
                }
                voice.say(stream, &line);
            }
            Share::No => {}
        }
        tail.lock().push(line);
    };
    while let Ok(1..) = fill(&pipe, &mut lines).await {
        while let Some(Line::Whole(line)) = lines.next() {
            hear(line);
        }
    }
    if let Some(rest) = lines.rest() {
        hear(rest);
    }
}

/// More bytes for these lines; none at the end.
///
/// Cancel safe.
pub(crate) async fn fill(pipe: &pipe::Receiver, lines: &mut Lines) -> std::io::Result<usize> {
    loop {
        pipe.ready(Interest::READABLE).await?;
        let space = lines.space();
        space.reserve(READ_AT_ONCE);
        match pipe.try_read_buf(space) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

/// As much as a pipe holds, unless told otherwise.
const READ_AT_ONCE: usize = 64 * 1024;

fn text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8_lossy(line).into_owned()
}

impl Voice {
    /// Tells the log, and whoever else wants to know.
    pub(crate) fn say(&self, stream: Stream, line: &str) {
        let Self { router, worker, process } = self;
        let name = stream.name();
        tracing::info!(target: "edri::worker", worker = &**worker, process, stream = name, "{line}");
        router.announce(|| WorkerOutput {
            worker: worker.to_string(),
            process: *process,
            stream,
            line: line.to_owned(),
        });
    }
}

impl Speaking {
    /// Its last lines. The child has ended; somebody may still hold its end of the pipe, and is not waited for.
    pub(crate) async fn last_words(mut self) -> Vec<String> {
        let _ = timeout(LAST_WORDS, &mut self.reader).await;
        self.tail.lock().lines()
    }
}

impl Drop for Speaking {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// How many lines may still be told in this second.
struct Ration {
    since: Instant,
    taken: u32,
    left_out: u64,
}

#[derive(Debug, PartialEq)]
enum Share {
    /// So many were left out before.
    Yes {
        left_out: u64,
    },
    No,
}

impl Ration {
    fn new(now: Instant) -> Self {
        Self { since: now, taken: 0, left_out: 0 }
    }

    fn take(&mut self, now: Instant) -> Share {
        if now - self.since >= Duration::from_secs(1) {
            (self.since, self.taken) = (now, 0);
        }
        if self.taken >= PER_SECOND {
            self.left_out += 1;
            return Share::No;
        }
        self.taken += 1;
        Share::Yes { left_out: std::mem::take(&mut self.left_out) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_rationed_and_what_is_left_out_is_counted() {
        let begun = Instant::now();
        let mut ration = Ration::new(begun);
        let told = (0..PER_SECOND + 5).filter(|_| ration.take(begun) != Share::No).count();
        assert_eq!(told, PER_SECOND as usize);
        let later = begun + Duration::from_secs(1);
        assert_eq!(ration.take(later), Share::Yes { left_out: 5 });
        assert_eq!(ration.take(later), Share::Yes { left_out: 0 });
    }

    #[test]
    fn a_line_is_text_whatever_was_written() {
        assert_eq!(text(b"plain\r"), "plain");
        assert_eq!(text(b"\xff!"), "\u{fffd}!");
    }
}
