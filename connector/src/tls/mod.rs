//! TLS 1.3, with certificates on both sides where a switch asks for them.
//!
//! ```text
//! server     the side that accepts
//! client     the side that connects
//! files      certificates and keys in PEM
//! names      whom a certificate is for
//! error      which file is wrong, and how
//! ```
//!
//! The cryptography is that of aws-lc-rs. Older versions of TLS are not spoken, and sessions are not resumed: each
//! connection shows its certificate.

mod client;
mod error;
mod files;
mod names;
mod server;

use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};

pub use client::TlsClient;
pub use error::TlsError;
pub(crate) use server::TlsServer;

/// What is spoken inside, so that nothing else is taken for it.
const PROTOCOL: &[u8] = b"edri";

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

#[cfg(test)]
#[cfg(feature = "certificates")]
mod tests;
