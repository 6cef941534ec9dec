//! Without certificates there is no TLS.

use std::path::Path;

use edri_connector::switch::TlsSettings;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

use crate::Outcome;
use crate::router::Reads;

#[derive(Clone)]
pub(crate) enum Prepared {}

pub(crate) fn prepare() -> Outcome<Prepared> {
    Err("tls needs the feature `certificates`".into())
}

pub(crate) fn settings(folder: &str) -> TlsSettings {
    TlsSettings::one_sided(folder, folder)
}

impl Prepared {
    pub(crate) fn folder(&self) -> &Path {
        match *self {}
    }

    pub(crate) async fn connect(&self, _: TcpStream) -> Outcome<(Reads, Box<dyn AsyncWrite + Send + Unpin>)> {
        match *self {}
    }
}
