use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection, and what is kept for as long as it lasts.
pub(super) struct Bearer<K = ()> {
    stream: Stream,
    _kept: K,
}

enum Stream {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Encrypted(Box<tokio_rustls::TlsStream<TcpStream>>),
}

impl<K> Bearer<K> {
    /// As it is.
    pub(super) fn plain(stream: TcpStream, kept: K) -> Self {
        Self { stream: Stream::Plain(stream), _kept: kept }
    }

    /// Through TLS.
    #[cfg(feature = "tls")]
    pub(super) fn encrypted(stream: impl Into<tokio_rustls::TlsStream<TcpStream>>, kept: K) -> Self {
        Self { stream: Stream::Encrypted(Box::new(stream.into())), _kept: kept }
    }
}

/// Does something with the stream, whichever it is.
macro_rules! through {
    ($bearer:ident, $stream:ident => $what:expr) => {
        match &mut $bearer.get_mut().stream {
            Stream::Plain(stream) => {
                let $stream = Pin::new(stream);
                $what
            }
            #[cfg(feature = "tls")]
            Stream::Encrypted(stream) => {
                let $stream = Pin::new(&mut **stream);
                $what
            }
        }
    };
}

impl<K: Unpin> AsyncRead for Bearer<K> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        through!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl<K: Unpin> AsyncWrite for Bearer<K> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        through!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        through!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        through!(self, stream => stream.poll_shutdown(cx))
    }
}
