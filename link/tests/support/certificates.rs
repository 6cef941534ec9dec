//! What is in `tests/certificates`.

use edri_link::tls::Certified;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub(crate) fn roots(name: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(name)).unwrap();
    roots
}

pub(crate) fn certified(name: &str) -> Certified {
    let key = PrivateKeyDer::from_pem_file(format!("tests/certificates/{name}.key")).unwrap();
    Certified { chain: vec![certificate(name)], key }
}

fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(format!("tests/certificates/{name}.pem")).unwrap()
}
