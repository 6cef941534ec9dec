use std::io;
use std::net::IpAddr;

use edri_link::{Dial, Tcp};

use super::bearer::Bearer;
use crate::switch::PlainText;
#[cfg(feature = "tls")]
use crate::tls::TlsClient;

/// Connects to whoever listens.
pub(super) struct Wire {
    pub(super) tcp: Tcp,
    pub(super) plain_text: PlainText,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<TlsClient>,
}

impl Dial for Wire {
    type Stream = Bearer;

    async fn dial(&self, address: &str) -> io::Result<Bearer> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            let within = self.tcp.timeout;
            let connect = async {
                let stream = self.tcp.dial(address).await?;
                tls.connect(host(address), stream).await
            };
            let late =
                |_| io::Error::new(io::ErrorKind::TimedOut, format!("no TLS handshake within {within:?}"));
            let stream = tokio::time::timeout(within, connect).await.map_err(late)??;
            return Ok(Bearer::encrypted(stream, ()));
        }
        let stream = self.tcp.dial(address).await?;
        // Nothing has been said yet.
        if !may_be_plain(self.plain_text, stream.peer_addr()?.ip()) {
            let reason = "it is not on this machine and there is no TLS: expected a certificate to trust, or plain \
                          text to be allowed anywhere";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
        }
        Ok(Bearer::plain(stream, ()))
    }
}

/// Whether that address may be spoken to without TLS.
pub(super) fn may_be_plain(plain_text: PlainText, address: IpAddr) -> bool {
    plain_text == PlainText::Anywhere || address.to_canonical().is_loopback()
}

/// What of an address is before its port, without the brackets of an IPv6 address.
#[cfg(feature = "tls")]
fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}
