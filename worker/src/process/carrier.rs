use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use edri_event::RouterId;
use edri_link::{Endpoint, Event, Identity, Settings};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::descriptors::Descriptors;
use super::lent::Returns;
use super::parcel::Unpacked;

/// One end of the link's protocol over a socket, driven by whoever waits for what comes: a task, or a thread that waits for
/// the socket itself.
pub(super) struct Carrier {
    socket: Arc<StdUnixStream>,
    /// The same, by which a task learns that it can be read or written; none while a thread waits.
    ears: Option<UnixStream>,
    pub(super) endpoint: Endpoint,
    inbound: Box<[u8]>,
    outbound: Vec<u8>,
    /// So much of it has been written.
    written: usize,
    writes: Writes,
    beside: Descriptors,
    /// By what goes back that was lent to this end.
    returns: Option<Arc<Returns>>,
    timer: Pin<Box<Sleep>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writes {
    Fine,
    /// The other end reads no more. What it has written may still say why.
    Failed,
}

/// Read, and written, at a time.
const BATCH: usize = 64 * 1024;
/// The ends hear from each other so often: a process that has ended is known by other means, and one that was stopped may go
/// on.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// What both ends of a job's way, and of the link, are set to.
pub(super) fn settings(router: RouterId, name: &str, greeting: Duration) -> Settings {
    let mut settings = Settings::new(Identity::new(router, name));
    settings.heartbeat = HEARTBEAT;
    settings.handshake = greeting;
    settings
}

/// A socket for tokio.
pub(super) fn stream(socket: OwnedFd) -> io::Result<UnixStream> {
    let socket = StdUnixStream::from(socket);
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket)
}

impl Carrier {
    /// Driven by a task.
    pub(super) fn new(socket: OwnedFd, endpoint: Endpoint) -> io::Result<Self> {
        let socket = StdUnixStream::from(socket);
        socket.set_nonblocking(true)?;
        Ok(Self {
            ears: Some(UnixStream::from_std(socket.try_clone()?)?),
            socket: Arc::new(socket),
            endpoint,
            inbound: vec![0; BATCH].into_boxed_slice(),
            outbound: Vec::with_capacity(BATCH),
            written: 0,
            writes: Writes::Fine,
            beside: Descriptors::default(),
            returns: None,
            timer: Box::pin(sleep_until(Instant::now())),
        })
    }

    /// From here on this end takes what it is lent by the other: that of a child does, from its parent.
    pub(super) fn borrow(&mut self) -> Arc<Returns> {
        Arc::clone(self.returns.get_or_insert_default())
    }

    /// Of those that go beside what is said next, the number of the first.
    pub(super) fn next_descriptor(&self) -> u64 {
        self.beside.next()
    }

    /// What goes beside a parcel that was said just now.
    pub(super) fn send_along(&mut self, files: impl Iterator<Item = Arc<OwnedFd>>) {
        self.beside.add(files);
    }

    /// A parcel that has come, with what came beside it.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(super) fn unpack(&mut self, bytes: Bytes) -> Result<Unpacked, String> {
        Unpacked::of(bytes, |number| self.beside.take(number), self.returns.as_ref())
    }

    /// From here on a task drives it, which is told of what can be read and written.
    pub(super) fn listen(&mut self) -> io::Result<()> {
        if self.ears.is_none() {
            self.ears = Some(UnixStream::from_std(self.socket.try_clone()?)?);
        }
        Ok(())
    }

    /// From here on a thread drives it, which waits for the [socket](Self::socket): no task is woken by what comes.
    pub(super) fn deafen(&mut self) {
        self.ears = None;
    }

    pub(super) fn socket(&self) -> Arc<StdUnixStream> {
        Arc::clone(&self.socket)
    }

    /// For a thread: takes in what is there. Whether anything was, be it the end.
    pub(super) fn take_in(&mut self) -> bool {
        while !self.endpoint.is_closed() {
            let Self { socket, inbound, beside, .. } = self;
            match beside.receive(&*socket, inbound) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => self.came(read),
            }
            return true;
        }
        false
    }

    /// For a thread: does what is due.
    pub(super) fn note_time(&mut self) {
        let now = now();
        if self.endpoint.next_timeout().is_some_and(|due| due <= now) {
            self.endpoint.handle_timeout(now);
        }
    }

    /// What was read.
    fn came(&mut self, read: io::Result<usize>) {
        match read {
            Err(error) => self.endpoint.lost(&error.to_string()),
            Ok(0) => self.endpoint.lost("the other end closed it"),
            Ok(length) => self.endpoint.receive(&self.inbound[..length], now()),
        }
    }

    /// What has come.
    pub(super) fn next(&mut self) -> Option<Event> {
        self.endpoint.poll_event()
    }

    /// Ready when there may be something that has come, or what is to be written has got on. What comes is to be
    /// [taken](Self::next) before.
    ///
    /// Cancel safe.
    pub(super) async fn moves(&mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }

    /// As [`moves`](Self::moves).
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.endpoint.is_closed() && self.is_flushed() {
            // Its own last word was written, and it has ended by that: nothing else will tell.
            return Poll::Ready(());
        }
        let wrote = self.poll_write(cx);
        let read = self.poll_read(cx);
        if wrote.is_ready() || read.is_ready() {
            return Poll::Ready(());
        }
        let Some(next) = self.endpoint.next_timeout() else { return Poll::Pending };
        let next = Instant::from_std(next);
        // As a rule what is due is put off again and again, and the timer is left alone.
        if self.timer.deadline() > next || self.timer.is_elapsed() {
            self.timer.as_mut().reset(next);
        }
        std::task::ready!(self.timer.as_mut().poll(cx));
        self.endpoint.handle_timeout(now());
        Poll::Ready(())
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.endpoint.is_closed() {
            return Poll::Pending;
        }
        loop {
            let Self { socket, ears: Some(ears), inbound, beside, .. } = self else { return Poll::Pending };
            if std::task::ready!(ears.poll_read_ready(cx)).is_err() {
                self.endpoint.lost("it cannot be read");
                return Poll::Ready(());
            }
            let mut received = None;
            let read = ears.try_io(Interest::READABLE, || {
                let came = beside.came();
                let length = beside.receive(&*socket, inbound)?;
                if length == 0 || length == inbound.len() || beside.came() > came {
                    return Ok(length);
                }
                // That was all: it need not be asked whether there is more. (Beside descriptors less is read at a time.)
                received = Some(length);
                Err(ErrorKind::WouldBlock.into())
            });
            match received.map_or(read, Ok) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => self.came(read),
            }
            return Poll::Ready(());
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut wrote = self.flush();
        while !self.is_flushed()
            && let Some(ears) = &self.ears
        {
            match ears.poll_write_ready(cx) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) => wrote |= self.flush(),
                Poll::Ready(Err(_)) => self.writes = Writes::Failed,
            }
        }
        if wrote { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Writes what can be written at once. Whether anything was.
    pub(super) fn flush(&mut self) -> bool {
        let mut wrote = false;
        while self.writes == Writes::Fine {
            if self.written == self.outbound.len() {
                self.outbound.clear();
                self.written = 0;
                self.endpoint.transmit(&mut self.outbound, BATCH, now());
                if self.outbound.is_empty() {
                    break;
                }
            }
            let Self { socket, ears, outbound, written, beside, .. } = self;
            let mut send = || beside.send(&*socket, &outbound[*written..]);
            let sent = match ears {
                Some(ears) => ears.try_io(Interest::WRITABLE, send),
                None => send(),
            };
            match sent {
                Ok(sent) => self.written += sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.writes = Writes::Failed,
            }
            wrote = true;
        }
        wrote
    }

    /// Whether all that was said has been written, as far as it can be.
    pub(super) fn is_flushed(&self) -> bool {
        self.written == self.outbound.len() || self.writes == Writes::Failed
    }

    /// Closes it in order, and waits until both ends have.
    ///
    /// Cancel safe.
    pub(super) async fn close(&mut self) {
        self.endpoint.close(now());
        loop {
            while self.next().is_some() {}
            self.flush();
            if self.endpoint.is_closed() && self.is_flushed() {
                return;
            }
            self.moves().await;
        }
    }
}

pub(super) fn now() -> std::time::Instant {
    Instant::now().into_std()
}
