use std::fmt;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use super::folder::{Folder, FolderError, Pair};
use super::issue::Validity;

/// An authority whose certificates switches and routers trust.
pub struct Authority {
    pub(super) issuer: Issuer<'static, KeyPair>,
}

/// What its files are called.
const NAME: &str = "authority";

impl Authority {
    /// Makes one and keeps it in the folder, as `authority.pem` and `authority.key`.
    ///
    /// # Errors
    /// There is one already, or the files cannot be written.
    pub fn create(folder: &Folder, name: &str, valid: Duration) -> Result<Self, FolderError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, format!("EDRI authority of {name}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Validity::from_now(valid)?.put_into(&mut params);
        let key = KeyPair::generate().map_err(|error| FolderError::made(&error))?;
        let certificate = params.self_signed(&key).map_err(|error| FolderError::made(&error))?;
        folder.keep(NAME, &Pair { key: key.serialize_pem(), certificate: certificate.pem() })?;
        Ok(Self { issuer: Issuer::new(params, key) })
    }

    /// That of a folder.
    ///
    /// # Errors
    /// There is none, or its files are not what is expected.
    pub fn open(folder: &Folder) -> Result<Self, FolderError> {
        let (key_file, file) = (folder.key(NAME), folder.certificate(NAME));
        let key = KeyPair::from_pem(&Folder::read(&key_file)?).map_err(|error| {
            FolderError::file(&key_file, format!("it holds no private key in PEM: {error}"))
        })?;
        let issuer = Issuer::from_ca_cert_pem(&Folder::read(&file)?, key)
            .map_err(|error| FolderError::file(&file, format!("it holds no certificate in PEM: {error}")))?;
        Ok(Self { issuer })
    }

    /// Whether the folder has one, or a part of one.
    pub fn exists(folder: &Folder) -> bool {
        folder.certificate(NAME).exists() || folder.key(NAME).exists()
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Authority(…)")
    }
}
