use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, ConfigBuilder, WantsVerifier};

use super::{PROTOCOL, TlsError, files, provider};

/// The side that connects: whom it trusts, and how it proves who it is.
#[derive(Clone)]
pub struct TlsClient(TlsConnector);

impl TlsClient {
    /// Trusts switches whose certificates come from this authority, and shows none of its own.
    ///
    /// # Errors
    /// The file cannot be read, or is not what is expected.
    pub fn trusting(authority: &Path) -> Result<Self, TlsError> {
        let roots = files::roots(authority)?;
        let config = builder(authority)?.with_root_certificates(roots).with_no_client_auth();
        Ok(Self::new(config))
    }

    /// Trusts switches whose certificates come from this authority, and shows a certificate itself.
    ///
    /// # Errors
    /// A file cannot be read, or is not what is expected.
    pub fn mutual(authority: &Path, certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let roots = files::roots(authority)?;
        let (certificates, private) = (files::certificates(certificate)?, files::key(key)?);
        let config = builder(authority)?
            .with_root_certificates(roots)
            .with_client_auth_cert(certificates, private)
            .map_err(|error| {
                let reason = format!("{error}: expected the private key of {}", certificate.display());
                TlsError::new(key, reason)
            })?;
        Ok(Self::new(config))
    }

    fn new(mut config: ClientConfig) -> Self {
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        config.resumption = Resumption::disabled();
        Self(TlsConnector::from(Arc::new(config)))
    }

    /// The handshake with the switch of that name, or of that address, which its certificate has to bear.
    ///
    /// # Errors
    /// It proves to be another, it does not accept this side, or the connection is lost.
    ///
    /// # Cancel safety
    /// Not to be gone on with: the stream is lost.
    pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        stream: S,
    ) -> io::Result<TlsStream<S>> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            let told = format!("{host:?} is neither the name of a host nor an address");
            io::Error::new(io::ErrorKind::InvalidInput, told)
        })?;
        self.0.connect(name, stream).await
    }
}

fn builder(file: &Path) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, TlsError> {
    ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| TlsError::new(file, error.to_string()))
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TlsClient(…)")
    }
}
