//! Links over TLS.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]
#![cfg(any(feature = "tls", feature = "ring"))]

mod support;

use std::sync::Arc;
use std::time::Duration;

use edri_link::tls::{Tls, acceptor};
use edri_link::{Dial as _, Dialer, Guest, Identity, Link, Settings};
use edri_router::Router;
use support::certificates::{certified, roots};
use support::routers::{Ask, Blob};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::CryptoProvider;

const LONG: Duration = Duration::from_secs(60);

fn providers() -> Vec<Arc<CryptoProvider>> {
    vec![
        #[cfg(feature = "tls")]
        edri_link::tls::aws_lc_rs(),
        #[cfg(feature = "ring")]
        edri_link::tls::ring(),
    ]
}

#[tokio::test]
async fn a_link_over_tls_carries_everything() {
    for provider in providers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("localhost:{}", listener.local_addr().unwrap().port());
        let accepting =
            acceptor(Arc::clone(&provider), certified("server"), Some(roots("authority"))).unwrap();
        let (left, right) = (Router::new(), Router::new());
        let settings = |router: &Router, name| Settings::network(Identity::new(router.id(), name));
        let tls = Tls::new(provider, roots("authority"), Some(certified("client"))).unwrap();
        let near = Link::dial(&left, Dialer::new(tls, [address]), settings(&left, "left"));
        let (stream, _) = listener.accept().await.unwrap();
        let stream = timeout(LONG, accepting.accept(stream)).await.unwrap().unwrap();
        assert!(stream.get_ref().1.peer_certificates().is_some());
        let guest = Guest::greet(stream, settings(&right, "right")).await.unwrap();
        let (_far, _door) = Link::accept(&right, guest);
        let mut blobs = right.subscribe::<Blob>();
        let _adder = right.respond(|ask: Ask| async move { Ok(ask.0 + 1) });
        timeout(LONG, near.opened()).await.unwrap().unwrap();
        for number in 0..50 {
            assert_eq!(timeout(LONG, left.request(Ask(number))).await.unwrap(), Ok(number + 1));
        }
        left.notify(Blob(vec![7; 3_000_000])).await.unwrap();
        assert_eq!(timeout(LONG, blobs.recv()).await.unwrap().unwrap().0, vec![7; 3_000_000]);
    }
}

#[tokio::test]
async fn whoever_is_not_trusted_is_not_talked_to() {
    for provider in providers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepting =
            acceptor(Arc::clone(&provider), certified("server"), Some(roots("authority"))).unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let accepting = accepting.clone();
                tokio::spawn(async move { accepting.accept(stream).await.map(drop) });
            }
        });
        let dial = async |roots, own, host| {
            let tls = Tls::new(Arc::clone(&provider), roots, own).unwrap();
            timeout(LONG, tls.dial(&format!("{host}:{port}"))).await.unwrap()
        };
        assert!(dial(roots("authority"), Some(certified("client")), "localhost").await.is_ok());
        // An authority that is not trusted, and a name that the certificate is not for.
        assert!(dial(roots("other"), Some(certified("client")), "localhost").await.is_err());
        assert!(dial(roots("authority"), Some(certified("client")), "127.0.0.1").await.is_err());
    }
}
