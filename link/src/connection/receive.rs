use std::time::Instant;

use super::state::{Connection, Phase};
use crate::closed::Closed;
use crate::handshake::{Peer, admit, check_welcome};
use crate::violation::Violation;
use crate::wire::{CloseCode, Frame, Hello, Welcome};

/// What comes out of a connection for those above it.
#[derive(Debug)]
pub(crate) enum Arrived {
    /// The handshake has ended well.
    Opened(Peer),
    /// A frame that is none of the connection's.
    Frame(Frame),
    /// The other end says that it will send nothing more.
    Finished,
    /// It has ended; [`closed`](Connection::closed) says how.
    Ended,
}

impl Connection {
    /// Takes in what the other end has written, however it was cut; [`next`](Self::next) says what it was.
    pub(crate) fn receive(&mut self, bytes: &[u8], now: Instant) {
        if !bytes.is_empty() && !matches!(self.phase, Phase::Closed(_)) {
            self.last_heard = now;
            self.reader.push(bytes);
        }
    }

    /// What of it is for those above, until there is nothing more.
    pub(crate) fn next(&mut self) -> Option<Arrived> {
        loop {
            if matches!(self.phase, Phase::Closed(_)) {
                return None;
            }
            let frame = match self.reader.next_frame() {
                Ok(frame) => frame?,
                Err(error) => {
                    match error.refused() {
                        Some(refused) if self.phase == Phase::Awaiting => self.refuse(refused),
                        _ => self.violated(&error.into()),
                    }
                    return Some(Arrived::Ended);
                }
            };
            match self.handle(frame) {
                Ok(None) => {}
                Ok(arrived) => return arrived,
                Err(violation) => {
                    self.violated(&violation);
                    return Some(Arrived::Ended);
                }
            }
        }
    }

    fn handle(&mut self, frame: Frame) -> Result<Option<Arrived>, Violation> {
        let name = frame.name();
        let unexpected = |when| Err(Violation::Unexpected { frame: name, when });
        match (&self.phase, frame) {
            (Phase::Open, frame) => return self.handle_open(frame),
            (Phase::Awaiting, Frame::Hello(hello)) => return Ok(Some(self.hello(hello))),
            (Phase::Awaiting, _) => return unexpected("before the greeting"),
            (Phase::Greeting(_), Frame::Welcome(welcome)) => return Ok(Some(self.welcome(welcome))),
            (Phase::Greeting(_), Frame::Refused(refused)) => self.end(Closed::RefusedThere(refused)),
            (Phase::Greeting(_), Frame::Close(close)) => self.end_by(close),
            (Phase::Greeting(_), _) => return unexpected("before the welcome"),
            (Phase::Closed(_), _) => {}
        }
        Ok(Some(Arrived::Ended))
    }

    fn handle_open(&mut self, frame: Frame) -> Result<Option<Arrived>, Violation> {
        match frame {
            Frame::Hello(_) | Frame::Welcome(_) | Frame::Refused(_) => {
                let when = "after the handshake had ended";
                Err(Violation::Unexpected { frame: frame.name(), when })
            }
            Frame::Heartbeat | Frame::Pong(_) => Ok(None),
            Frame::Ping(number) => {
                self.pinged = Some(number);
                Ok(None)
            }
            Frame::Close(close) if close.code == CloseCode::Orderly => {
                self.close_received = true;
                Ok(Some(Arrived::Finished))
            }
            Frame::Close(close) => {
                self.end_by(close);
                Ok(Some(Arrived::Ended))
            }
            frame => Ok(Some(Arrived::Frame(frame))),
        }
    }

    fn hello(&mut self, hello: Hello) -> Arrived {
        let heartbeat = hello.heartbeat;
        self.proof = hello.proof;
        match admit(hello, &self.settings) {
            Ok((welcome, peer)) => {
                self.greeting = Some(Frame::Welcome(welcome));
                self.open(heartbeat);
                Arrived::Opened(peer)
            }
            Err(refused) => {
                self.refuse(refused);
                Arrived::Ended
            }
        }
    }

    fn welcome(&mut self, welcome: Welcome) -> Arrived {
        let Phase::Greeting(expected) = self.phase else { return Arrived::Ended };
        let heartbeat = welcome.heartbeat;
        match check_welcome(welcome, expected, &self.settings) {
            Ok(peer) => {
                self.open(heartbeat);
                Arrived::Opened(peer)
            }
            Err(refused) => {
                self.say_last(CloseCode::GivenUp, refused.reason.clone());
                self.end(Closed::RefusedHere(refused));
                Arrived::Ended
            }
        }
    }

    fn open(&mut self, heartbeat: u32) {
        self.phase = Phase::Open;
        self.reader.set_limit(self.settings.limits.frame);
        self.agree_on_heartbeat(heartbeat);
    }
}
