use std::fs;
use std::io;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::certificates::{Authority, Folder};
use crate::switch::{Clients, TlsSettings};

const DAY: Duration = Duration::from_secs(24 * 3600);

struct Place {
    folder: Folder,
    authority: Authority,
    _place: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = TempDir::new().unwrap();
        let folder = Folder::new(place.path());
        let authority = Authority::create(&folder, "test", DAY).unwrap();
        authority.for_switch(&folder, "switch", &["localhost".into(), "127.0.0.1".into()], DAY).unwrap();
        authority.for_router(&folder, "press-1", DAY).unwrap();
        Self { folder, authority, _place: place }
    }

    fn settings(&self, clients: Clients) -> TlsSettings {
        let folder = &self.folder;
        let mut settings = TlsSettings::mutual(
            folder.certificate("switch"),
            folder.key("switch"),
            folder.certificate("authority"),
        );
        settings.clients = clients;
        settings
    }

    fn server(&self, clients: Clients) -> TlsServer {
        TlsServer::load(&self.settings(clients)).unwrap()
    }

    fn client(&self, name: &str) -> TlsClient {
        let folder = &self.folder;
        let authority = folder.certificate("authority");
        TlsClient::mutual(&authority, &folder.certificate(name), &folder.key(name)).unwrap()
    }

    fn stranger(&self) -> TlsClient {
        TlsClient::trusting(&self.folder.certificate("authority")).unwrap()
    }
}

/// Both sides of a handshake; of the client's side whether it could read what the server said after it.
async fn meet(
    server: &TlsServer,
    client: &TlsClient,
    host: &str,
) -> (io::Result<Option<Vec<String>>>, io::Result<u8>) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let accept = async {
        let (mut stream, names) = server.accept(near).await?;
        stream.write_u8(7).await?;
        stream.flush().await?;
        Ok(names)
    };
    let connect = async { client.connect(host, far).await?.read_u8().await };
    tokio::join!(accept, connect)
}

#[tokio::test]
async fn a_router_that_shows_a_certificate_is_known_by_its_name() {
    let place = Place::new();
    for clients in [Clients::Required, Clients::Optional] {
        let (names, heard) = meet(&place.server(clients), &place.client("press-1"), "localhost").await;
        assert_eq!(names.unwrap(), Some(vec!["press-1".to_owned()]));
        assert_eq!(heard.unwrap(), 7);
    }
}

#[tokio::test]
async fn a_router_without_a_certificate_is_let_in_only_where_none_is_required() {
    let place = Place::new();
    for clients in [Clients::Optional, Clients::NotAsked] {
        let (names, heard) = meet(&place.server(clients), &place.stranger(), "127.0.0.1").await;
        assert_eq!(names.unwrap(), None);
        assert_eq!(heard.unwrap(), 7);
    }
    let (names, heard) = meet(&place.server(Clients::Required), &place.stranger(), "localhost").await;
    assert!(names.is_err() && heard.is_err());
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_not_accepted_on_either_side() {
    let (place, other) = (Place::new(), Place::new());
    // The router's is of another authority.
    let folder = &other.folder;
    let ours = place.folder.certificate("authority");
    let foreign = TlsClient::mutual(&ours, &folder.certificate("press-1"), &folder.key("press-1")).unwrap();
    let (names, heard) = meet(&place.server(Clients::Required), &foreign, "localhost").await;
    assert!(names.is_err() && heard.is_err());
    // The switch's is.
    let (names, heard) = meet(&other.server(Clients::NotAsked), &place.stranger(), "localhost").await;
    assert!(names.is_err() && heard.is_err());
}

#[tokio::test]
async fn a_certificate_of_a_router_is_none_of_a_switch_nor_the_other_way_round() {
    let place = Place::new();
    let folder = &place.folder;
    let false_switch = TlsSettings::one_sided(folder.certificate("press-1"), folder.key("press-1"));
    let (names, _) = meet(&TlsServer::load(&false_switch).unwrap(), &place.stranger(), "press-1").await;
    assert!(names.is_err());
    let (names, _) = meet(&place.server(Clients::Required), &place.client("switch"), "localhost").await;
    assert!(names.is_err());
}

#[tokio::test]
async fn a_switch_of_another_name_is_not_accepted() {
    let place = Place::new();
    let (names, heard) = meet(&place.server(Clients::NotAsked), &place.stranger(), "elsewhere").await;
    assert!(names.is_err() && heard.is_err());
    let nonsense = meet(&place.server(Clients::NotAsked), &place.stranger(), "no host").await.1;
    assert_eq!(nonsense.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn an_expired_certificate_is_not_accepted() {
    let place = Place::new();
    place.authority.for_router_that_is_late(&place.folder, "late").unwrap();
    let (names, _) = meet(&place.server(Clients::Required), &place.client("late"), "localhost").await;
    assert!(names.is_err());
}

#[test]
fn files_that_are_not_what_is_expected_are_named() {
    let place = Place::new();
    let folder = &place.folder;
    let (missing, empty) = (folder.certificate("missing"), folder.certificate("empty"));
    fs::write(&empty, "").unwrap();
    let mut settings = place.settings(Clients::Required);
    let mut refused = |change: &dyn Fn(&mut TlsSettings), expected: &str| {
        let before = settings.clone();
        change(&mut settings);
        let error = TlsServer::load(&settings).err().map(|error| error.to_string()).unwrap();
        assert!(error.contains(expected), "{error}");
        settings = before;
    };
    refused(&|settings| settings.certificate.clone_from(&missing), "missing.pem: it cannot be read");
    refused(
        &|settings| settings.certificate.clone_from(&empty),
        "empty.pem: it holds no certificate: expected one",
    );
    refused(&|settings| settings.key.clone_from(&empty), "empty.pem: it holds no private key: expected one");
    refused(&|settings| settings.key = folder.key("press-1"), "press-1.key: ");
    refused(&|settings| settings.authority = Some(empty.clone()), "empty.pem: it holds no certificate");
    let wrong = TlsClient::mutual(
        &folder.certificate("authority"),
        &folder.certificate("press-1"),
        &folder.key("switch"),
    );
    assert!(wrong.unwrap_err().to_string().contains("expected the private key of"));
}
