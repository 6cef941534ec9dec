//! What carries a link: any stream of bytes in both directions.
//!
//! ```text
//! memory   two ends in one process, with delays, small pieces and sudden ends where a test wants them
//! ```
//!
//! A Unix socket (`tokio::net::UnixStream`) is one as it is, and so are a TCP connection and a TLS session.

pub mod memory;

use tokio::io::{AsyncRead, AsyncWrite};

/// A stream of bytes in both directions, in order and without loss until it ends.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport for T {}
