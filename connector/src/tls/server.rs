use std::fmt;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::server::TlsStream;

use super::{PROTOCOL, TlsError, files, names, provider};
use crate::switch::{Clients, TlsSettings};

/// The side that accepts.
#[derive(Clone)]
pub(crate) struct TlsServer(TlsAcceptor);

impl TlsServer {
    /// Reads the files.
    pub(crate) fn load(settings: &TlsSettings) -> Result<Self, TlsError> {
        let provider = provider();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| TlsError::new(&settings.certificate, error.to_string()))?;
        let builder = match (&settings.authority, settings.clients) {
            (Some(authority), Clients::Required | Clients::Optional) => {
                let roots = Arc::new(files::roots(authority)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                let verifier = match settings.clients {
                    Clients::Optional => verifier.allow_unauthenticated(),
                    _ => verifier,
                };
                let verifier = verifier.build();
                builder.with_client_cert_verifier(
                    verifier.map_err(|error| TlsError::new(authority, error.to_string()))?,
                )
            }
            _ => builder.with_no_client_auth(),
        };
        let (certificates, key) = (files::certificates(&settings.certificate)?, files::key(&settings.key)?);
        let mut config = builder.with_single_cert(certificates, key).map_err(|error| {
            let reason = format!("{error}: expected the private key of {}", settings.certificate.display());
            TlsError::new(&settings.key, reason)
        })?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// The handshake, and the names in the certificate that was shown; `None` if none was.
    pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<(TlsStream<S>, Option<Vec<String>>)> {
        let stream = self.0.accept(stream).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(|certificates| certificates.first());
        let names = shown.map(names::names);
        Ok((stream, names))
    }
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TlsServer(…)")
    }
}
