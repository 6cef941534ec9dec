use std::fs;
use std::path::Path;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::TlsError;

/// At least one certificate.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(file)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(TlsError::new(file, "it holds no certificate: expected one or more in PEM")),
        Err(error) => Err(TlsError::new(file, format!("{error}: expected certificates in PEM"))),
    }
}

/// The first private key.
pub(super) fn key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(file)?).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::new(file, "it holds no private key: expected one in PEM"),
        error => TlsError::new(file, format!("{error}: expected a private key in PEM")),
    })
}

/// Authorities to be trusted, and no others.
pub(super) fn roots(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        let reason = |error| format!("it holds a certificate that cannot be an authority: {error}");
        roots.add(certificate).map_err(|error| TlsError::new(file, reason(error)))?;
    }
    Ok(roots)
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|error| TlsError::new(file, format!("it cannot be read: {error}")))
}
