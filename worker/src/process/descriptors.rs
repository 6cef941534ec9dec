use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
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
}
