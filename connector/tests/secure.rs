//! A switch behind TLS, and who gets in.

#![cfg(feature = "certificates")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use edri_connector::Connector;
use edri_connector::certificates::{Authority, Folder};
use edri_connector::switch::{
    Access, AccessList, Clients, RunningSwitch, Secret, Switch, SwitchSettings, TlsSettings, TokenRule,
};
use edri_connector::tls::TlsClient;
use edri_link::wire::{Credentials, Frame, Hello, Refusal, Token};
use support::routers::{Joined, LONG, Ping, subscribed, until};
use support::{Client, hello, switch};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const DAY: Duration = Duration::from_secs(24 * 3600);
const SECRET: &str = "a secret of some length";

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
        authority.for_switch(&folder, "switch", &["127.0.0.1".into()], DAY).unwrap();
        Self { folder, authority, _place: place }
    }

    fn tls(&self, clients: Clients) -> TlsSettings {
        let folder = &self.folder;
        let mut tls = TlsSettings::mutual(
            folder.certificate("switch"),
            folder.key("switch"),
            folder.certificate("authority"),
        );
        tls.clients = clients;
        tls
    }

    async fn switch(&self, clients: Clients, change: impl FnOnce(&mut SwitchSettings)) -> RunningSwitch {
        switch(|settings| {
            settings.tls = Some(self.tls(clients));
            change(settings);
        })
        .await
    }

    fn router(&self, name: &str) -> TlsClient {
        let folder = &self.folder;
        if !folder.certificate(name).exists() {
            self.authority.for_router(folder, name, DAY).unwrap();
        }
        let authority = folder.certificate("authority");
        TlsClient::mutual(&authority, &folder.certificate(name), &folder.key(name)).unwrap()
    }

    fn stranger(&self) -> TlsClient {
        TlsClient::trusting(&self.folder.certificate("authority")).unwrap()
    }
}

async fn connect(tls: &TlsClient, address: SocketAddr) -> Client {
    let stream = TcpStream::connect(address).await.unwrap();
    Client::over(tls.connect("127.0.0.1", stream).await.unwrap())
}

async fn greet(tls: &TlsClient, address: SocketAddr, hello: Hello) -> Client {
    let mut client = connect(tls, address).await;
    client.say(&Frame::Hello(hello)).await;
    client.until(|picture| picture.is_complete || picture.refused.is_some()).await;
    client
}

fn with_token(name: &str) -> Hello {
    Hello { credentials: Credentials::Token(Token::new(SECRET)), ..hello(name) }
}

#[tokio::test]
async fn routers_with_certificates_talk_and_are_known_by_their_names() {
    let place = Place::new();
    let switch = place.switch(Clients::Required, |_| {}).await;
    let address = switch.addresses()[0];
    let mut a = greet(&place.router("press-1"), address, hello("press-1")).await;
    let mut b = greet(&place.router("press-2"), address, hello("")).await;
    a.until(|picture| picture.member("press-2").is_some()).await;
    let blob: Vec<u8> = (0..200_000_u32).map(|byte| byte as u8).collect();
    b.relay(a.number(), &blob).await;
    a.until(|picture| picture.relays.len() == 1).await;
    assert_eq!(a.picture.relays[0].1, blob);
    let status = switch.status();
    assert!(status.security.tls);
    assert!(status.connections.iter().all(|connection| connection.vouched_by == "certificate"));
    let thief = greet(&place.router("press-1"), address, hello("press-2")).await;
    assert_eq!(thief.picture.refused.unwrap().code, Refusal::Forbidden);
}

#[tokio::test]
async fn whoever_has_no_certificate_or_speaks_no_tls_does_not_get_in() {
    let place = Place::new();
    let switch = place.switch(Clients::Required, |_| {}).await;
    let address = switch.addresses()[0];
    // In TLS 1.3 the client learns of it when it reads.
    let mut stranger = connect(&place.stranger(), address).await;
    let _ = stranger.stream.write_all(&support::framed(&Frame::Hello(hello("a")))).await;
    stranger.until_end().await;
    assert!(stranger.picture.welcome.is_none());
    let mut plain = TcpStream::connect(address).await.unwrap();
    let _ = plain.write_all(&support::framed(&Frame::Hello(hello("a")))).await;
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(answer.len() < 16, "nothing but an alert: {answer:?}");
    let good = greet(&place.router("a"), address, hello("a")).await;
    assert!(good.picture.welcome.is_some());
    assert_eq!(switch.status().counts.open, 1);
}

#[tokio::test]
async fn a_token_inside_tls_lets_in_who_has_no_certificate() {
    let place = Place::new();
    let switch = place
        .switch(Clients::Optional, |settings| {
            settings.tokens.push(TokenRule::new(Secret::new(SECRET).unwrap()));
        })
        .await;
    let address = switch.addresses()[0];
    let stranger = place.stranger();
    assert!(greet(&stranger, address, with_token("a")).await.picture.welcome.is_some());
    let without = greet(&stranger, address, hello("b")).await;
    assert_eq!(without.picture.refused.unwrap().code, Refusal::Token);
    assert!(greet(&place.router("c"), address, hello("c")).await.picture.welcome.is_some());
}

#[tokio::test]
async fn one_that_begins_tls_and_stops_harms_nobody() {
    let place = Place::new();
    let switch = place
        .switch(Clients::Required, |settings| settings.limits.handshake = Duration::from_millis(300))
        .await;
    let address = switch.addresses()[0];
    // The beginning of a record, and nothing after it.
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await.unwrap();
    let silent = TcpStream::connect(address).await.unwrap();
    let good = greet(&place.router("a"), address, hello("a")).await;
    assert!(good.picture.welcome.is_some());
    let mut answer = Vec::new();
    let _ = half.read_to_end(&mut answer).await;
    drop(silent);
    assert!(switch.status().ended.unfinished_handshakes >= 1);
}

#[tokio::test]
async fn a_certificate_that_was_renewed_is_shown_after_a_reload() {
    let place = Place::new();
    let switch = place.switch(Clients::Required, |_| {}).await;
    let address = switch.addresses()[0];
    let inside = greet(&place.router("a"), address, hello("a")).await;
    // From another authority, so that it can be told apart.
    let other = Place::new();
    let mut settings = SwitchSettings::new(["127.0.0.1:0"]);
    settings.tls = Some(other.tls(Clients::Required));
    assert_eq!(switch.reload(settings).unwrap().reconnecting, 0);
    let stream = TcpStream::connect(address).await.unwrap();
    assert!(place.router("b").connect("127.0.0.1", stream).await.is_err());
    let new = greet(&other.router("b"), address, hello("b")).await;
    assert_eq!(new.picture.member("a"), Some(inside.number()));
}

#[tokio::test]
async fn the_access_list_goes_by_the_names_that_certificates_vouch_for() {
    let place = Place::new();
    let switch = place
        .switch(Clients::Required, |settings| {
            settings.access = AccessList::from_iter([
                Access::of(["press-*".into()]).publish("press::*"),
                Access::of(["panel".into()]).subscribe("press::*"),
            ]);
        })
        .await;
    let address = switch.addresses()[0];
    let mut press = greet(&place.router("press-1"), address, hello("press-1")).await;
    let mut panel = greet(&place.router("panel"), address, hello("panel")).await;
    panel.announce("press::Stopped").await;
    panel.announce("oven::Hot").await;
    panel.until(|picture| picture.denied.len() == 1).await;
    press.until(|picture| picture.consumed_by("panel") == ["press::Stopped"]).await;
    let oven = greet(&place.router("oven"), address, hello("oven")).await;
    assert_eq!(oven.picture.refused.unwrap().code, Refusal::Forbidden);
}

#[tokio::test]
async fn files_that_do_not_fit_are_named_when_it_starts() {
    let place = Place::new();
    let mut settings = SwitchSettings::new(["127.0.0.1:0"]);
    let mut tls = place.tls(Clients::Required);
    tls.key = place.folder.key("authority");
    settings.tls = Some(tls);
    let error = Switch::new(settings).start().await.unwrap_err().to_string();
    assert!(error.contains("authority.key: ") && error.contains("switch.pem"), "{error}");
}

/// A router joins, and hears what another says.
async fn hears(a: &Joined, b: &Joined) {
    let mut pings = b.router.subscribe::<Ping>();
    subscribed::<Ping>(&a.router, 1).await;
    a.router.notify(Ping(7)).await.unwrap();
    assert_eq!(tokio::time::timeout(LONG, pings.recv()).await.unwrap().unwrap().0, 7);
}

#[tokio::test]
async fn routers_join_a_switch_by_their_certificates_and_no_other_gets_in() {
    let place = Place::new();
    let switch = place.switch(Clients::Required, |_| {}).await;
    let address = switch.addresses()[0].to_string();
    let join =
        |name: &str, tls: TlsClient| Joined::start(Connector::to_switch([&address]).name(name).tls(tls));
    let (a, b) = (join("a", place.router("a")).await, join("b", place.router("b")).await);
    a.sees("b").await;
    hears(&a, &b).await;
    // Another's name, no certificate, and no TLS at all.
    let strangers = [
        join("a-impostor", place.router("a")).await,
        join("stranger", place.stranger()).await,
        Joined::start(Connector::to_switch([&address]).name("plain")).await,
    ];
    for stranger in &strangers {
        until(|| stranger.connections.trouble().is_some_and(|trouble| !trouble.contains("yet"))).await;
    }
    assert_eq!(a.connections.routers().len(), 1);
}

#[tokio::test]
async fn routers_that_are_linked_directly_show_each_other_their_certificates() {
    let place = Place::new();
    let listens =
        Connector::listen(["127.0.0.1:0"]).name("switch").certificates(place.tls(Clients::Required));
    let there = Joined::start(listens).await;
    let address = there.connections.addresses()[0].to_string();
    let connect =
        |name: &str, tls: TlsClient| Joined::start(Connector::connect([&address]).name(name).tls(tls));
    let here = connect("here", place.router("here")).await;
    there.sees("here").await;
    hears(&here, &there).await;
    let strangers = [
        connect("impostor", place.router("here")).await,
        connect("stranger", place.stranger()).await,
        Joined::start(Connector::connect([&address]).name("plain")).await,
    ];
    for stranger in &strangers {
        until(|| stranger.connections.trouble().is_some_and(|trouble| !trouble.contains("yet"))).await;
    }
    assert_eq!(there.connections.routers().len(), 1);
    // The certificate is for another host.
    let elsewhere = address.replace("127.0.0.1", "localhost");
    let lost = Joined::start(Connector::connect([elsewhere]).name("lost").tls(place.router("lost"))).await;
    until(|| lost.connections.trouble().is_some_and(|trouble| trouble.contains("certificate"))).await;
}

#[tokio::test]
async fn a_token_travels_through_tls() {
    let place = Place::new();
    let mut tls = place.tls(Clients::NotAsked);
    tls.authority = None;
    let listens = Connector::listen(["127.0.0.1:0"]).name("there").certificates(tls).token(SECRET);
    let there = Joined::start(listens).await;
    let address = there.connections.addresses()[0].to_string();
    let connect = |name: &str| Connector::connect([&address]).name(name).tls(place.stranger());
    let here = Joined::start(connect("here").token(SECRET)).await;
    there.sees("here").await;
    hears(&here, &there).await;
    let wrong = Joined::start(connect("wrong").token("another secret of some length")).await;
    until(|| wrong.connections.trouble().is_some_and(|trouble| trouble.contains("token"))).await;
}
