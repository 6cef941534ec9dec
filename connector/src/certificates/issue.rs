use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    SanType,
};
use time::OffsetDateTime;

use super::authority::Authority;
use super::folder::{Folder, FolderError, Pair};

/// From when until when a certificate is valid.
pub(super) struct Validity {
    from: OffsetDateTime,
    until: OffsetDateTime,
}

/// Clocks differ: a certificate is valid a little before it was made.
const BEFORE: Duration = Duration::from_secs(3600);

const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl Validity {
    pub(super) fn from_now(valid: Duration) -> Result<Self, FolderError> {
        if valid > LONGEST {
            return Err(FolderError::Validity(valid));
        }
        let now = SystemTime::now();
        Ok(Self { from: (now - BEFORE).into(), until: (now + valid).into() })
    }

    /// Over for a minute.
    #[cfg(test)]
    fn expired() -> Self {
        let now = SystemTime::now();
        Self { from: (now - BEFORE).into(), until: (now - Duration::from_secs(60)).into() }
    }

    pub(super) fn put_into(self, params: &mut CertificateParams) {
        params.not_before = self.from;
        params.not_after = self.until;
    }
}

impl Authority {
    /// A certificate for a switch that can be reached at these hosts, names or addresses, kept as `NAME.pem` and
    /// `NAME.key`. A name may begin with `*.`.
    ///
    /// # Errors
    /// There is one of that name already, a host is none, or the files cannot be written.
    pub fn for_switch(
        &self,
        folder: &Folder,
        name: &str,
        hosts: &[String],
        valid: Duration,
    ) -> Result<(), FolderError> {
        let hosts = hosts.iter().map(|host| match host.parse::<IpAddr>() {
            Ok(address) => Ok(SanType::IpAddress(address)),
            Err(_) => host_name(host.strip_prefix("*.").unwrap_or(host)).and_then(|_| dns(host)),
        });
        let hosts = hosts.collect::<Result<_, _>>()?;
        self.issue(folder, name, hosts, ExtendedKeyUsagePurpose::ServerAuth, Validity::from_now(valid)?)
    }

    /// A certificate for a router, kept as `NAME.pem` and `NAME.key`. It lets the router join as `name` and as nobody
    /// else.
    ///
    /// # Errors
    /// There is one of that name already, the name is none that a certificate can be for, or the files cannot be
    /// written.
    pub fn for_router(&self, folder: &Folder, name: &str, valid: Duration) -> Result<(), FolderError> {
        let names = vec![dns(host_name(name)?)?];
        self.issue(folder, name, names, ExtendedKeyUsagePurpose::ClientAuth, Validity::from_now(valid)?)
    }

    /// One for a router that was valid and is so no more.
    #[cfg(test)]
    pub(crate) fn for_router_that_is_late(&self, folder: &Folder, name: &str) -> Result<(), FolderError> {
        let names = vec![dns(host_name(name)?)?];
        self.issue(folder, name, names, ExtendedKeyUsagePurpose::ClientAuth, Validity::expired())
    }

    fn issue(
        &self,
        folder: &Folder,
        name: &str,
        names: Vec<SanType>,
        purpose: ExtendedKeyUsagePurpose,
        validity: Validity,
    ) -> Result<(), FolderError> {
        let name = host_name(name)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names = names;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        params.use_authority_key_identifier_extension = true;
        validity.put_into(&mut params);
        let key = KeyPair::generate().map_err(|error| FolderError::made(&error))?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(|error| FolderError::made(&error))?;
        folder.keep(name, &Pair { key: key.serialize_pem(), certificate: certificate.pem() })
    }
}

fn dns(name: &str) -> Result<SanType, FolderError> {
    Ia5String::try_from(name).map(SanType::DnsName).map_err(|error| FolderError::made(&error))
}

/// What a certificate may be for, and a file be called: as the names of hosts, each label of 1 to 63 characters.
fn host_name(name: &str) -> Result<&str, FolderError> {
    let is_label = |label: &str| {
        let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = label.as_bytes();
        bytes.len() <= 63
            && edge(bytes.first())
            && edge(bytes.last())
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-' || *byte == b'_')
    };
    if name.len() <= 253 && name != "authority" && name.split('.').all(is_label) {
        return Ok(name);
    }
    let expected = "letters, digits, dashes and underscores, in parts of up to 63 with dots between them";
    Err(FolderError::Name { name: name.to_owned(), expected })
}
