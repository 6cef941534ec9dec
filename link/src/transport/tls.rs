//! TLS 1.3 over TCP.
//!
//! Which cryptography is used is said explicitly, by a provider of rustls's: [`aws_lc_rs`] with the feature `tls`, `ring`
//! with the feature of that name, or another.

use std::fmt;
use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, Error, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{Dial, Tcp};

/// What is spoken inside, so that nothing else is taken for it.
pub const PROTOCOL: &[u8] = b"edri";

/// The cryptography of aws-lc-rs.
#[cfg(feature = "tls")]
pub fn aws_lc_rs() -> Arc<CryptoProvider> {
    Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider())
}

/// The cryptography of ring.
#[cfg(feature = "ring")]
pub fn ring() -> Arc<CryptoProvider> {
    Arc::new(tokio_rustls::rustls::crypto::ring::default_provider())
}

/// A certificate with those that vouch for it, and its key: who an end is.
#[derive(Debug)]
pub struct Certified {
    /// The certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of the first.
    pub key: PrivateKeyDer<'static>,
}

/// Connects over TLS. An address is a host and a port, as for [`Tcp`]; the certificate of whoever is there has to be for
/// that host.
#[derive(Clone)]
pub struct Tls {
    /// How the connection below is made; its time-out holds for both together.
    pub tcp: Tcp,
    /// How TLS is spoken.
    pub connector: TlsConnector,
}

impl Tls {
    /// Trusts whomever one of `roots` vouches for; shows `own`, where it is asked for that.
    ///
    /// # Errors
    /// The certificates and the key are of no use together, or to the provider.
    pub fn new(
        provider: Arc<CryptoProvider>,
        roots: RootCertStore,
        own: Option<Certified>,
    ) -> Result<Self, Error> {
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots);
        let mut config = match own {
            Some(own) => config.with_client_auth_cert(own.chain, own.key)?,
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Self { tcp: Tcp::default(), connector: TlsConnector::from(Arc::new(config)) })
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").field("tcp", &self.tcp).finish_non_exhaustive()
    }
}

impl Dial for Tls {
    type Stream = TlsStream<TcpStream>;

    async fn dial(&self, address: &str) -> io::Result<Self::Stream> {
        let name = ServerName::try_from(host(address).to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let within = self.tcp.timeout;
        let connect = async {
            let stream = self.tcp.dial(address).await?;
            self.connector.connect(name, stream).await
        };
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {within:?}"));
        timeout(within, connect).await.map_err(late)?
    }
}

/// The accepting side: shows `own`; with `clients`, whoever connects has to show a certificate that one of these vouches
/// for.
///
/// # Errors
/// The certificates and the key are of no use together, or to the provider.
pub fn acceptor(
    provider: Arc<CryptoProvider>,
    own: Certified,
    clients: Option<RootCertStore>,
) -> Result<TlsAcceptor, Error> {
    let config =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&[&TLS13])?;
    let config = match clients {
        Some(roots) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| Error::General(error.to_string()))?;
            config.with_client_cert_verifier(verifier)
        }
        None => config.with_no_client_auth(),
    };
    let mut config = config.with_single_cert(own.chain, own.key)?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What of an address is before its port, without the brackets of an IPv6 address.
fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_address_is_what_a_certificate_is_for() {
        assert_eq!(host("switch.local:8899"), "switch.local");
        assert_eq!(host("[::1]:8899"), "::1");
        assert_eq!(host("127.0.0.1:1"), "127.0.0.1");
    }
}
