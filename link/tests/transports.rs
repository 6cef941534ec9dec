//! What every transport has to carry, in the same way: memory, pipes, a Unix socket, TCP, TLS.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]
#![cfg(all(unix, feature = "tcp"))]

mod support;

use std::convert::identity;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use edri_event::Priority;
use edri_link::Closed;
use edri_link::memory::{Conditions, pair};
use edri_router::{Inbox, InboxSettings, Opening, Router, ToInbox};
use support::routers::{Ask, Blob, Ping, Pipe, Routers, link_over};
use tokio::io::{AsyncRead, AsyncWrite, join};
use tokio::net::unix::pipe;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::time::timeout;

/// What carries a link.
#[derive(Clone, Copy, Debug)]
enum Over {
    Memory,
    Pipes,
    UnixSocket,
    Tcp,
    #[cfg(any(feature = "tls", feature = "ring"))]
    Tls,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type Ends = [Box<dyn Stream>; 2];

fn ends<T: Stream + 'static>((near, far): (T, T)) -> Ends {
    [Box::new(near), Box::new(far)]
}

impl Over {
    async fn ends(self) -> Ends {
        match self {
            Self::Memory => ends(pair(Conditions::default())),
            Self::Pipes => {
                let ((to_far, from_near), (to_near, from_far)) =
                    (pipe::pipe().unwrap(), pipe::pipe().unwrap());
                ends((join(from_far, to_far), join(from_near, to_near)))
            }
            Self::UnixSocket => ends(UnixStream::pair().unwrap()),
            Self::Tcp => ends(tcp().await),
            #[cfg(any(feature = "tls", feature = "ring"))]
            Self::Tls => tls::ends().await,
        }
    }

    async fn linked(self) -> Routers {
        let [near, far] = self.ends().await;
        link_over([(Router::new(), near), (Router::new(), far)], |_| {}).await
    }
}

async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (near, listener.accept().await.unwrap().0)
}

#[cfg(any(feature = "tls", feature = "ring"))]
mod tls {
    use std::sync::Arc;

    use edri_link::Dial as _;
    use edri_link::tls::{Tls, acceptor};
    use tokio::net::TcpListener;

    use super::Ends;
    use crate::support::certificates::{certified, roots};

    pub(super) async fn ends() -> Ends {
        #[cfg(feature = "tls")]
        let provider = edri_link::tls::aws_lc_rs();
        #[cfg(not(feature = "tls"))]
        let provider = edri_link::tls::ring();
        let accepting =
            acceptor(Arc::clone(&provider), certified("server"), Some(roots("authority"))).unwrap();
        let tls = Tls::new(provider, roots("authority"), Some(certified("client"))).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("localhost:{}", listener.local_addr().unwrap().port());
        let accept = async { accepting.accept(listener.accept().await.unwrap().0).await };
        let (near, far) = tokio::join!(tls.dial(&address), accept);
        [Box::new(near.unwrap()), Box::new(far.unwrap())]
    }
}

/// Makes of each case a test over every transport.
macro_rules! over_every_transport {
    ($($case:ident),* $(,)?) => {
        over_every_transport!(@over memory Memory $($case),*);
        over_every_transport!(@over pipes Pipes $($case),*);
        over_every_transport!(@over unix_socket UnixSocket $($case),*);
        over_every_transport!(@over tcp Tcp $($case),*);
        #[cfg(any(feature = "tls", feature = "ring"))]
        over_every_transport!(@over over_tls Tls $($case),*);
    };
    (@over $name:ident $over:ident $($case:ident),*) => {
        mod $name {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::within(super::$case(super::Over::$over)).await;
            })*
        }
    };
}

over_every_transport!(
    every_kind_of_event_crosses_in_both_directions,
    notifications_of_all_lengths_arrive_once_and_in_order,
    requests_are_answered_while_much_else_is_on_its_way,
    a_slow_consumer_holds_up_its_producer_and_nothing_urgent,
    an_orderly_close_loses_nothing_that_was_sent_before,
    an_end_that_goes_away_is_noticed_by_the_other,
);

/// Runs a test that would hang for ever where it should fail. The time is never spent by one that passes.
async fn within<T>(test: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), test).await.expect("the test to end within 60 s")
}

/// Ready when the other end's consumers are known: whoever asks is answered then.
async fn known(from: &Router, to: &Router) {
    let _place = to.respond(|ask: Ask| async move { Ok(ask.0) });
    while from.request(Ask(0)).await.is_err() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn every_kind_of_event_crosses_in_both_directions(over: Over) {
    let Routers { left, right, links: _links } = over.linked().await;
    for (here, there) in [(&left, &right), (&right, &left)] {
        let mut heard = there.subscribe::<Ping>();
        let (inbox, mut openings) = Inbox::<Opening<Pipe>>::new(InboxSettings::default());
        let _acceptor = there.attach_acceptor(Arc::new(ToInbox::new("pipe".into(), inbox, identity)));
        known(here, there).await;
        here.notify(Ping(7)).await.unwrap();
        assert_eq!(heard.recv().await.unwrap().0, 7);
        let accepting = async {
            let mut tunnel = openings.recv().await.unwrap().tunnel;
            while let Some(item) = tunnel.recv().await {
                tunnel.send(item.unwrap().to_string()).await.unwrap();
            }
            tunnel.finish();
        };
        let opening = async {
            let mut tunnel = here.open(Pipe(1)).await.unwrap();
            for number in 0..100 {
                tunnel.send(number).await.unwrap();
                assert_eq!(tunnel.recv().await.unwrap().unwrap(), number.to_string());
            }
            tunnel.finish();
            assert!(tunnel.recv().await.is_none());
        };
        tokio::join!(accepting, opening);
    }
}

async fn notifications_of_all_lengths_arrive_once_and_in_order(over: Over) {
    let Routers { left, right, links: _links } = over.linked().await;
    let mut heard = right.subscribe::<Blob>();
    known(&left, &right).await;
    let length = |number: usize| match number % 50 {
        49 => 200_000 + number,
        _ => number % 3_000,
    };
    let telling = async {
        for number in 0..2_000 {
            left.notify(Blob(vec![number as u8; length(number)])).await.unwrap();
        }
    };
    let hearing = async {
        for number in 0..2_000 {
            let blob = heard.recv().await.unwrap();
            assert_eq!(blob.0, vec![number as u8; length(number)]);
        }
    };
    tokio::join!(telling, hearing);
    known(&left, &right).await;
    assert!(heard.try_recv().is_none());
}

async fn requests_are_answered_while_much_else_is_on_its_way(over: Over) {
    let Routers { left, right, links: _links } = over.linked().await;
    let _adder = right.respond(|ask: Ask| async move { Ok(ask.0 + 1) });
    let mut heard = right.subscribe::<Blob>();
    while left.request(Ask(0)).await.is_err() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let telling = async {
        for _ in 0..20 {
            left.notify(Blob(vec![7; 1 << 20])).await.unwrap();
        }
    };
    let hearing = async {
        for _ in 0..20 {
            assert_eq!(heard.recv().await.unwrap().0.len(), 1 << 20);
        }
    };
    let asking = async {
        for number in 0..200 {
            assert_eq!(left.request(Ask(number)).await, Ok(number + 1));
        }
    };
    tokio::join!(telling, hearing, asking);
}

async fn a_slow_consumer_holds_up_its_producer_and_nothing_urgent(over: Over) {
    let Routers { left, right, links: _links } = over.linked().await;
    let mut slow = right.subscribe_with::<Blob>(InboxSettings::with_capacity(1));
    let mut quick = right.subscribe::<Ping>();
    known(&left, &right).await;
    let teller = left.clone();
    let telling = tokio::spawn(async move {
        for number in 0..300_u32 {
            teller.notify(Blob(vec![number as u8; 64 * 1024])).await.unwrap();
        }
    });
    for number in 0..100 {
        left.notify(Ping(number)).priority(Priority::High).await.unwrap();
        assert_eq!(quick.recv().await.unwrap().0, number);
    }
    assert!(!telling.is_finished(), "19 MB went to one who takes nothing");
    for number in 0..300_u32 {
        assert_eq!(slow.recv().await.unwrap().0[0], number as u8);
    }
    telling.await.unwrap();
}

async fn an_orderly_close_loses_nothing_that_was_sent_before(over: Over) {
    let Routers { left, right, links } = over.linked().await;
    let mut heard = right.subscribe_with::<Ping>(InboxSettings::with_capacity(10_000));
    known(&left, &right).await;
    for number in 0..5_000 {
        left.notify(Ping(number)).await.unwrap();
    }
    links[0].close();
    assert_eq!(links[0].closed().await, Closed::Orderly);
    assert_eq!(links[1].closed().await, Closed::Orderly);
    let got: Vec<_> = std::iter::from_fn(|| heard.try_recv()).map(|ping| ping.0).collect();
    assert!(got.into_iter().eq(0..5_000));
}

/// By whatever means: the other end is read to its end, or cannot be written to.
async fn an_end_that_goes_away_is_noticed_by_the_other(over: Over) {
    let [near, far] = over.ends().await;
    let (left, right) = (Router::new(), Router::new());
    let settings = support::routers::settings_of(&left, "left");
    let link = edri_link::Link::start(&left, near, edri_link::End::Connecting, settings);
    let settings = support::routers::settings_of(&right, "right");
    let gone = tokio::spawn(async move {
        let link = edri_link::Link::start(&right, far, edri_link::End::Accepting, settings);
        link.opened().await.unwrap();
        link
    });
    let far = gone.await.unwrap();
    link.opened().await.unwrap();
    drop(far);
    let closed = link.closed().await;
    assert!(matches!(closed, Closed::Orderly | Closed::Lost { .. }), "{closed:?}");
}
