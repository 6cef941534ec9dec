use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::closed::Closed;
use crate::drive::{Handed, Newcomer};
use crate::endpoint::Endpoint;
use crate::event::Event;
use crate::settings::Settings;
use crate::transport::Transport;
use crate::wire::{Peer, Refusal};

/// A router that has connected and said who it is, and waits to be welcomed: with [`Link::accept`](crate::Link::accept) for
/// the first time, by a [`Door`] when it comes back.
#[derive(Debug)]
pub struct Guest<T> {
    stream: T,
    endpoint: Endpoint,
}

/// Where a link that was accepted takes connections of its other end when that comes back.
#[derive(Clone, Debug)]
pub struct Door<T> {
    newcomers: mpsc::UnboundedSender<Newcomer<T>>,
}

impl<T: Transport> Guest<T> {
    /// Hears who has connected. It takes as long as [`Settings::handshake`] says at most: whoever connects and says nothing, or
    /// nonsense, is told so if it listens, and left.
    ///
    /// Not cancel safe: dropped, the connection is closed.
    ///
    /// # Errors
    /// How it ended.
    pub async fn greet(stream: T, settings: Settings) -> Result<Self, Closed> {
        let began = Instant::now();
        let until = began + settings.handshake;
        let mut guest = Self { stream, endpoint: Endpoint::accepting(settings, began.into_std()) };
        let mut bytes = [0; 1024];
        while guest.endpoint.peer().is_none() && !guest.endpoint.is_closed() {
            match timeout_at(until, guest.stream.read(&mut bytes)).await {
                Ok(Ok(length)) if length > 0 => {
                    guest.endpoint.receive(&bytes[..length], Instant::now().into_std());
                }
                Ok(Ok(_)) => guest.endpoint.lost("the other end closed the connection"),
                Ok(Err(error)) => guest.endpoint.lost(&error.to_string()),
                Err(_) => guest.endpoint.handle_timeout(until.into_std()),
            }
        }
        if guest.endpoint.is_closed() { Err(guest.leave().await) } else { Ok(guest) }
    }

    /// Who it is.
    pub fn peer(&self) -> &Peer {
        match self.endpoint.peer() {
            Some(peer) => peer,
            None => unreachable!("it has said who it is, or would not be there"),
        }
    }

    /// Sends it away.
    pub async fn refuse(mut self, code: Refusal, reason: impl Into<String>) {
        self.endpoint.refuse(code, reason);
        self.leave().await;
    }

    /// Says the last words, if they are taken at once, and how it ended.
    async fn leave(mut self) -> Closed {
        const LAST_WORDS: std::time::Duration = std::time::Duration::from_millis(100);
        let mut out = Vec::new();
        self.endpoint.transmit(&mut out, usize::MAX, Instant::now().into_std());
        let said = async {
            self.stream.write_all(&out).await?;
            self.stream.shutdown().await?;
            io::Result::Ok(())
        };
        // Whether it listens or not, it is left.
        let _ = timeout_at(Instant::now() + LAST_WORDS, said).await;
        let closed = std::iter::from_fn(|| self.endpoint.poll_event()).find_map(|event| match event {
            Event::Closed(closed) => Some(closed),
            _ => None,
        });
        closed.unwrap_or_else(|| Closed::Lost { reason: "it was left".to_owned() })
    }

    /// The streams of its link, beginning with this one, and where further ones come in.
    pub(crate) fn into_streams(self) -> (Endpoint, Handed<T>, Door<T>) {
        let (newcomers, next) = mpsc::unbounded_channel();
        (self.endpoint, Handed { first: Some(self.stream), next }, Door { newcomers })
    }
}

impl<T: Transport> Door<T> {
    /// Lets the link go on over the connection of a guest, if that is its other end: see
    /// [`Endpoint::take_over`](crate::Endpoint::take_over).
    ///
    /// Cancel safe: the guest is welcomed, or left, all the same.
    ///
    /// # Errors
    /// It is somebody else, or cannot prove who it is, or the link has ended: the guest is given back.
    pub async fn welcome(&self, guest: Guest<T>) -> Result<(), Guest<T>> {
        let (not_taken, given_back) = oneshot::channel();
        let Guest { stream, endpoint } = guest;
        if let Err(unsent) = self.newcomers.send(Newcomer { stream, endpoint, not_taken }) {
            let Newcomer { stream, endpoint, .. } = unsent.0;
            return Err(Guest { stream, endpoint });
        }
        match given_back.await {
            Ok((stream, endpoint)) => Err(Guest { stream, endpoint }),
            // Taken, or the link has ended in this moment, and the connection with it.
            Err(_) => Ok(()),
        }
    }

    /// Whether the link has ended.
    pub fn is_closed(&self) -> bool {
        self.newcomers.is_closed()
    }
}
