use std::path::PathBuf;

use clap::Args;
use edri_connector::certificates::Folder;
use edri_connector::tls::TlsClient;

use crate::Failed;

/// How to prove who one is, for commands that connect to a switch.
#[derive(Args)]
#[command(next_help_heading = "Security")]
pub(crate) struct Identification {
    /// The folder of certificates, as made by `edri cert`: trusts its authority, and shows the certificate of --name.
    #[arg(long, value_name = "FOLDER")]
    tls: Option<PathBuf>,
    /// Trusts this authority instead, in PEM.
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
    /// Shows this certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "key", requires = "authority")]
    certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// The host that the switch's certificate has to be for, if it is not the one that is connected to.
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// A file with a shared secret.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Identification {
    /// TLS with the switch at `host`, as the router `name`; none where none was asked for.
    pub(crate) fn client(&self, host: &str, name: &str) -> Result<Option<(TlsClient, String)>, Failed> {
        let client = match (&self.tls, &self.authority) {
            (Some(folder), None) => {
                let folder = Folder::new(folder);
                let (certificate, key) = (folder.certificate(name), folder.key(name));
                let authority = folder.certificate("authority");
                if certificate.exists() {
                    TlsClient::mutual(&authority, &certificate, &key)?
                } else {
                    TlsClient::trusting(&authority)?
                }
            }
            (None, Some(authority)) => match (&self.certificate, &self.key) {
                (Some(certificate), Some(key)) => TlsClient::mutual(authority, certificate, key)?,
                _ => TlsClient::trusting(authority)?,
            },
            (Some(_), Some(_)) => {
                return Err("both --tls and --authority were given: expected one of them".into());
            }
            (None, None) => return Ok(None),
        };
        Ok(Some((client, self.host.clone().unwrap_or_else(|| host.to_owned()))))
    }

    /// The shared secret.
    pub(crate) fn token(&self) -> Result<Option<String>, Failed> {
        let Some(file) = &self.token_file else { return Ok(None) };
        let read = std::fs::read_to_string(file);
        let text = read.map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
        Ok(Some(text.trim().to_owned()))
    }
}
