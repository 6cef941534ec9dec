use tokio_rustls::rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

/// The routers that a certificate is for: its subject alternative names of the kind DNS.
///
/// The certificate has been checked by the handshake. Names with a star are no router's.
pub(crate) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return Vec::new() };
    certificate.valid_dns_names().filter(|name| !name.contains('*')).map(str::to_owned).collect()
}
