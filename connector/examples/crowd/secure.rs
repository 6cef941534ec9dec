//! With certificates.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use edri_connector::certificates::{Authority, Folder};
use edri_connector::switch::TlsSettings;
use edri_connector::tls::TlsClient;
use tempfile::TempDir;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

use crate::Outcome;
use crate::router::Reads;

/// An authority, and a client with a certificate by it.
#[derive(Clone)]
pub(crate) struct Prepared {
    place: Arc<TempDir>,
    client: TlsClient,
}

pub(crate) fn prepare() -> Outcome<Prepared> {
    let place = TempDir::new()?;
    let folder = Folder::new(place.path());
    let day = Duration::from_secs(24 * 3600);
    let authority = Authority::create(&folder, "the crowd", day)?;
    authority.for_switch(&folder, "switch", &["127.0.0.1".to_owned()], day)?;
    authority.for_router(&folder, "router", day)?;
    let client = TlsClient::mutual(
        &folder.certificate("authority"),
        &folder.certificate("router"),
        &folder.key("router"),
    )?;
    Ok(Prepared { place: Arc::new(place), client })
}

pub(crate) fn settings(folder: &str) -> TlsSettings {
    let folder = Folder::new(folder);
    TlsSettings::mutual(folder.certificate("switch"), folder.key("switch"), folder.certificate("authority"))
}

impl Prepared {
    pub(crate) fn folder(&self) -> &Path {
        self.place.path()
    }

    pub(crate) async fn connect(
        &self,
        stream: TcpStream,
    ) -> Outcome<(Reads, Box<dyn AsyncWrite + Send + Unpin>)> {
        let (reads, writes) = tokio::io::split(self.client.connect("127.0.0.1", stream).await?);
        Ok((Box::new(reads), Box::new(writes)))
    }
}
