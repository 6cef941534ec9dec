use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

/// Two ends of a socket, for this process and a child: neither is inherited unless it is given.
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?)
}

/// What a child is handed first: the socket over which its router is linked. It never waits: nothing was sent before.
pub(super) fn hand_over(socket: impl AsFd, link: OwnedFd) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    let descriptors = [link.as_fd()];
    beside.push(SendAncillaryMessage::ScmRights(&descriptors));
    let sent = sendmsg(socket, &[IoSlice::new(HANDED)], &mut beside, SendFlags::NOSIGNAL)?;
    if sent == HANDED.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// What is read beside it, so that nothing else is taken for it.
const HANDED: &[u8] = b"edri child 1\n";

/// What [`hand_over`] has handed over; waits for it.
pub(super) fn take_over(socket: impl AsFd) -> io::Result<OwnedFd> {
    let socket = socket.as_fd();
    let mut read = Vec::new();
    let mut link = None;
    while read.len() < HANDED.len() {
        let mut bytes = [0; HANDED.len()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let missing = HANDED.len() - read.len();
        let mut into = [IoSliceMut::new(&mut bytes[..missing])];
        let received = recvmsg(socket, &mut into, &mut beside, RecvFlags::CMSG_CLOEXEC)?;
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                link = link.or(descriptors.last());
            }
        }
        if received.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        read.extend_from_slice(&bytes[..received.bytes]);
    }
    let unexpected = |expected| io::Error::new(io::ErrorKind::InvalidData, expected);
    if read != HANDED {
        return Err(unexpected("expected the greeting of an EDRI program on it"));
    }
    link.ok_or_else(|| unexpected("expected another socket beside the greeting"))
}

/// What goes beside the bytes of a socket, and comes beside them: each descriptor has a number, which counts up.
#[derive(Debug, Default)]
pub(super) struct Descriptors {
    outgoing: VecDeque<Arc<OwnedFd>>,
    /// How many have been sent.
    sent: u64,
    incoming: VecDeque<OwnedFd>,
    /// The number of the first of them.
    first: u64,
}

/// So many go at once.
const AT_ONCE: usize = 16;
/// So many may have come and not been taken.
const UNTAKEN: usize = 1024;

impl Descriptors {
    /// The number of the next that is added.
    pub(super) fn next(&self) -> u64 {
        self.sent + self.outgoing.len() as u64
    }

    /// How many have come.
    pub(super) fn came(&self) -> u64 {
        self.first + self.incoming.len() as u64
    }

    /// They go with the next bytes, or those that follow.
    pub(super) fn add(&mut self, files: impl Iterator<Item = Arc<OwnedFd>>) {
        self.outgoing.extend(files);
    }

    /// The one of that number, if it has come. Those before it, which nobody has taken, are closed.
    pub(super) fn take(&mut self, number: u64) -> Option<OwnedFd> {
        while self.first < number {
            self.incoming.pop_front()?;
            self.first += 1;
        }
        if self.first != number {
            return None;
        }
        let taken = self.incoming.pop_front()?;
        self.first += 1;
        Some(taken)
    }

    /// Writes bytes, and what goes beside them.
    pub(super) fn send(&mut self, socket: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
        if self.outgoing.is_empty() {
            return Ok(rustix::net::send(socket, bytes, SendFlags::NOSIGNAL)?);
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        let descriptors: Vec<_> = self.outgoing.iter().take(AT_ONCE).map(|file| file.as_fd()).collect();
        let count = descriptors.len();
        beside.push(SendAncillaryMessage::ScmRights(&descriptors));
        let sent = sendmsg(socket, &[IoSlice::new(bytes)], &mut beside, SendFlags::NOSIGNAL)?;
        self.outgoing.drain(..count);
        self.sent += count as u64;
        Ok(sent)
    }

    /// Reads bytes, and what came beside them.
    pub(super) fn receive(&mut self, socket: impl AsFd, bytes: &mut [u8]) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let mut into = [IoSliceMut::new(bytes)];
        let received = recvmsg(socket, &mut into, &mut beside, RecvFlags::CMSG_CLOEXEC)?;
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.incoming.extend(descriptors);
            }
        }
        if received.flags.contains(ReturnFlags::CTRUNC) || self.incoming.len() > UNTAKEN {
            return Err(io::Error::other("there is no room for the descriptors that came"));
        }
        Ok(received.bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_socket_is_handed_over() {
        let (parent, child) = pair().unwrap();
        let (near, far) = pair().unwrap();
        hand_over(&parent, far).unwrap();
        let mut far = UnixStream::from(take_over(&child).unwrap());
        far.write_all(b"x").unwrap();
        let mut byte = [0];
        UnixStream::from(near).read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");
    }

    #[test]
    fn something_else_is_not_taken_for_it() {
        let (parent, child) = pair().unwrap();
        UnixStream::from(parent).write_all(b"{\"id\":1,\"job\":\"hello\"}").unwrap();
        assert_eq!(take_over(&child).unwrap_err().kind(), io::ErrorKind::InvalidData);
        let (parent, child) = pair().unwrap();
        drop(parent);
        assert_eq!(take_over(&child).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn descriptors_come_in_their_order_and_those_that_are_passed_over_are_closed() {
        let (near, far) = pair().unwrap();
        let (mut sending, mut receiving) = (Descriptors::default(), Descriptors::default());
        let pipes: Vec<_> = (0..40).map(|_| std::io::pipe().unwrap()).collect();
        let writers = pipes.iter().map(|(_, writer)| Arc::new(writer.try_clone().unwrap().into()));
        sending.add(writers);
        assert_eq!(sending.next(), 40);
        let mut bytes = [0; 8];
        for _ in 0..4 {
            assert_eq!(sending.send(&near, b"x").unwrap(), 1);
            assert!(receiving.receive(&far, &mut bytes).unwrap() == 1);
        }
        assert_eq!((sending.next(), receiving.incoming.len()), (40, 40));
        std::fs::File::from(receiving.take(25).unwrap()).write_all(b"y").unwrap();
        assert!(receiving.take(25).is_none() && receiving.take(3).is_none() && receiving.take(40).is_none());
        let mut readers = pipes.into_iter().map(|(reader, writer)| {
            drop(writer);
            reader
        });
        let mut told = Vec::new();
        readers.nth(25).unwrap().read_to_end(&mut told).unwrap();
        assert_eq!(told, b"y");
    }
}
