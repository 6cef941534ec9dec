//! Links over real sockets: connections that break, and whoever connects and is no router.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]
#![cfg(feature = "tcp")]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use edri_event::RouterId;
use edri_link::wire::{Credentials, Frame, Hello, Reader, write};
use edri_link::{Closed, Dialer, Door, Guest, Identity, Limits, Link, Refusal, Settings, Tcp};
use edri_router::{Backoff, InboxSettings, Router};
use support::routers::{Ask, Blob, Ping};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(60);

fn settings(router: &Router, name: &str) -> Settings {
    Settings::network(Identity::new(router.id(), name))
}

/// Accepts for a router: the first that comes is its link, and what comes later goes on with that, or is refused.
fn accept(router: &Router, listener: TcpListener, settings: Settings) -> oneshot::Receiver<Link> {
    let (tell, told) = oneshot::channel();
    let router = router.clone();
    tokio::spawn(async move {
        let mut tell = Some(tell);
        let mut door: Option<Door<TcpStream>> = None;
        while let Ok((stream, _)) = listener.accept().await {
            Tcp::default().prepare(&stream).unwrap();
            let Ok(guest) = Guest::greet(stream, settings.clone()).await else { continue };
            match &door {
                None => {
                    let (link, its_door) = Link::accept(&router, guest);
                    door = Some(its_door);
                    drop(tell.take().map(|tell| tell.send(link)));
                }
                Some(door) => {
                    if let Err(guest) = door.welcome(guest).await {
                        guest.refuse(Refusal::Taken, "another is here").await;
                    }
                }
            }
        }
    });
    told
}

/// Passes on to `to`, until it is told to cut what there is.
async fn proxy(to: SocketAddr) -> (SocketAddr, mpsc::UnboundedSender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (cut, mut cuts) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let Ok((mut near, _)) = listener.accept().await else { return };
            let Ok(mut far) = TcpStream::connect(to).await else { continue };
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                cut = cuts.recv() => if cut.is_none() { return },
            }
        }
    });
    (address, cut)
}

fn dialer(address: SocketAddr) -> Dialer<Tcp> {
    let pauses = Backoff::doubling(Duration::from_millis(1), Duration::from_millis(20));
    // The first is nobody's.
    Dialer::new(Tcp::default(), ["127.0.0.1:1".to_owned(), address.to_string()]).backoff(pauses)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_over_tcp_does_not_notice_that_its_connections_break() {
    let (left, right) = (Router::new(), Router::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (through, cut) = proxy(listener.local_addr().unwrap()).await;
    let accepted = accept(&right, listener, settings(&right, "right"));
    let mut pings = right.subscribe_with::<Ping>(InboxSettings::with_capacity(64));
    let mut blobs = left.subscribe::<Blob>();
    let _adder = right.respond(|ask: Ask| async move { Ok(ask.0 + 1) });
    let near = Link::dial(&left, dialer(through), settings(&left, "left"));
    let far = timeout(LONG, accepted).await.unwrap().unwrap();
    near.opened().await.unwrap();
    far.opened().await.unwrap();

    let says = left.clone();
    let saying = tokio::spawn(async move {
        for number in 0..5_000 {
            says.notify(Ping(number)).await.unwrap();
        }
    });
    let asks = left.clone();
    let asking = tokio::spawn(async move {
        for number in 0..300 {
            assert_eq!(asks.request(Ask(number)).await, Ok(number + 1));
        }
    });
    let back = tokio::spawn(async move {
        for number in 0..20 {
            right.notify(Blob(vec![number; 200_000])).await.unwrap();
        }
    });
    for number in 0..5_000 {
        if number % 250 == 0 {
            cut.send(()).unwrap();
        }
        assert_eq!(timeout(LONG, pings.recv()).await.expect("it stalls").unwrap().0, number);
    }
    for number in 0..20 {
        if number % 5 == 0 {
            cut.send(()).unwrap();
        }
        let blob = timeout(LONG, blobs.recv()).await.expect("it stalls").unwrap();
        assert!(blob.0.len() == 200_000 && blob.0[0] == number);
    }
    for task in [saying, asking, back] {
        timeout(LONG, task).await.expect("it stalls").unwrap();
    }
    near.close();
    assert_eq!(timeout(LONG, near.closed()).await.unwrap(), Closed::Orderly);
    assert_eq!(timeout(LONG, far.closed()).await.unwrap(), Closed::Orderly);
}

#[tokio::test]
async fn a_link_waits_for_a_router_that_is_not_there_yet() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (left, right) = (Router::new(), Router::new());
    let link = Link::dial(&left, dialer(address), settings(&left, "left"));
    assert!(timeout(Duration::from_millis(50), link.opened()).await.is_err());
    let listener = TcpListener::bind(address).await.unwrap();
    let accepted = accept(&right, listener, settings(&right, "right"));
    timeout(LONG, link.opened()).await.unwrap().unwrap();
    let there = timeout(LONG, accepted).await.unwrap().unwrap();
    drop(link);
    assert_eq!(timeout(LONG, there.closed()).await.unwrap(), Closed::Orderly);
}

/// What becomes of somebody who says `words`, and what he hears.
async fn greeted_by(words: &[u8], then_closes: bool) -> (Closed, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (accepted, _) = listener.accept().await.unwrap();
    stream.write_all(words).await.unwrap();
    if then_closes {
        stream.shutdown().await.unwrap();
    }
    let mut settings = Settings::new(Identity::new(RouterId::from_bits(1), "here"));
    settings.handshake = Duration::from_millis(100);
    let closed = timeout(LONG, Guest::greet(accepted, settings)).await.unwrap().unwrap_err();
    let mut heard = Vec::new();
    // What he has not read may have been reset.
    let _ = timeout(LONG, stream.read_to_end(&mut heard)).await.unwrap();
    (closed, heard)
}

fn hello(change: impl FnOnce(&mut Hello)) -> Vec<u8> {
    let identity = Identity::new(RouterId::from_bits(2), "there");
    let mut hello = Hello::new(identity, Credentials::None, Limits::default(), 5_000);
    change(&mut hello);
    let mut out = Vec::new();
    write(&mut out, &Frame::Hello(hello));
    out
}

fn refusal(heard: &[u8]) -> Refusal {
    let mut reader = Reader::new(1_000);
    reader.push(heard);
    match reader.next_frame() {
        Ok(Some(Frame::Refused(refused))) => refused.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn b40_whoever_says_nothing_or_half_a_greeting_is_left_after_the_deadline() {
    let half = hello(|_| {});
    for words in [&[][..], &half[..half.len() / 2], &half[..3]] {
        let (closed, _) = greeted_by(words, false).await;
        assert!(matches!(closed, Closed::HandshakeTimedOut { .. }), "{closed}");
        let (closed, _) = greeted_by(words, true).await;
        assert!(matches!(closed, Closed::Lost { .. }), "{closed}");
    }
}

#[tokio::test]
async fn whoever_is_no_router_of_this_network_and_version_is_told_so() {
    let mut other = hello(|_| {});
    other[5..9].copy_from_slice(b"HTTP");
    let mut later = hello(|_| {});
    later[9..11].copy_from_slice(&[7, 9]);
    let cases = [
        (other, Refusal::NoRouter),
        (later, Refusal::Version),
        (hello(|hello| hello.identity.network = "another".to_owned()), Refusal::Network),
        (hello(|hello| hello.identity.router = RouterId::from_bits(1)), Refusal::Itself),
        (hello(|hello| hello.limits.window = 0), Refusal::Limits),
    ];
    for (words, code) in cases {
        let (closed, heard) = greeted_by(&words, false).await;
        assert!(matches!(&closed, Closed::RefusedHere(refused) if refused.code == code), "{closed}");
        assert_eq!(refusal(&heard), code);
    }
}

#[tokio::test]
async fn nonsense_and_enormous_lengths_are_no_greeting() {
    let huge = [0xff, 0xff, 0xff, 0x7f, 1, b'E', b'D', b'R', b'I'];
    for words in [&b"GET / HTTP/1.1\r\n\r\n"[..], &huge, &[0; 64], &[1, 0, 0, 0, 200]] {
        let (closed, heard) = greeted_by(words, false).await;
        assert!(matches!(closed, Closed::Violation { .. }), "{closed}");
        assert!(!heard.is_empty(), "nobody was told");
    }
}
