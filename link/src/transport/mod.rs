//! What carries a link: any stream of bytes in both directions, and where streams come from.
//!
//! ```text
//! memory   two ends in one process, with delays, small pieces and sudden ends where a test wants them
//! tcp      over the network
//! tls      over the network, and nobody listens
//! dialer   one stream after the other: several addresses, longer and longer pauses
//! ```
//!
//! A Unix socket (`tokio::net::UnixStream`) is one as it is, and so are a TCP connection and a TLS session.

mod dialer;
pub mod memory;
#[cfg(feature = "tcp")]
mod tcp;
#[cfg(feature = "rustls")]
pub mod tls;

use std::future::Future;
use std::io;

pub use dialer::Dialer;
#[cfg(feature = "tcp")]
pub use tcp::Tcp;
use tokio::io::{AsyncRead, AsyncWrite};

/// A stream of bytes in both directions, in order and without loss until it ends.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport for T {}

/// Connects to addresses: what an address is, is its own to say.
pub trait Dial: Send + Sync + 'static {
    /// What a connection is.
    type Stream: Transport;

    /// Connects once. It has to come to an end in a bounded time.
    fn dial(&self, address: &str) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}
