//! The other end, as a process of its own: it answers numbers, and takes what is large and throws it away.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use edri::prelude::*;
use serde::{Deserialize, Serialize};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
    runtime::Builder,
};

use super::{
    LARGE,
    edri::answer,
    event::{Bytes, Large},
    hub::Hub,
    raw,
};

/// How it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By plain TCP: a connection to ask over, and one for what is large.
    Raw,
    /// It listens.
    Direct,
    /// It joins a switch.
    Switch(SocketAddr),
}

/// How many large ones have come.
#[derive(edri::event::Request, Serialize, Deserialize)]
#[request(response = u64, shareable)]
pub(super) struct Came;

/// Large items, one after the other.
#[derive(edri::event::Tunnel, Serialize, Deserialize)]
#[tunnel(send = Bytes, receive = (), shareable)]
pub(super) struct Pour;

/// Starts it; it ends with what is returned.
pub(super) fn start(way: Way) -> Hub {
    let argument = match way {
        Way::Raw => "raw".to_owned(),
        Way::Direct => "direct".to_owned(),
        Way::Switch(address) => address.to_string(),
    };
    Hub::this(&["--far-child", &argument])
}

/// Be it, until it is killed.
pub(crate) fn run_far(argument: &str) -> ! {
    let way = match argument {
        "raw" => Way::Raw,
        "direct" => Way::Direct,
        address => Way::Switch(address.parse().expect("`raw`, `direct`, or the address of a switch")),
    };
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime with two threads");
    runtime.block_on(async {
        match way {
            Way::Raw => take_streams().await,
            Way::Direct => {
                let listens = Connector::listen(["127.0.0.1:0"]).name("there");
                let connections = listens.connections();
                take_events(listens, || connections.addresses()[0]).await;
            }
            Way::Switch(switch) => {
                let joins = Connector::to_switch([switch.to_string()]).name("there");
                take_events(joins, || switch).await;
            }
        }
        unreachable!("it goes on until it is killed")
    })
}

/// What a connection is for is its first byte.
pub(super) const ASKS: u8 = b'?';
pub(super) const POURS: u8 = b'!';

async fn take_streams() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("it listens");
    println!("{}", listener.local_addr().expect("it has an address"));
    while let Ok((mut stream, _)) = listener.accept().await {
        stream.set_nodelay(true).expect("it does not wait");
        match stream.read_u8().await {
            Ok(ASKS) => _ = tokio::spawn(raw::answer(stream)),
            Ok(POURS) => _ = tokio::spawn(take_large(stream)),
            other => panic!("a connection began with {other:?}"),
        }
    }
}

/// Takes apart nothing: it comes, and is gone.
async fn take_large(mut stream: TcpStream) {
    let mut large = vec![0; LARGE];
    while stream.read_exact(&mut large).await.is_ok() {}
}

struct Taker {
    came: Arc<AtomicU64>,
}

#[manager(concurrency = Unordered(4))]
impl Taker {
    #[tunnel]
    async fn pour(&self, _open: Pour, mut tunnel: Accepted<Pour>) {
        while let Some(Ok(item)) = tunnel.recv().await {
            self.count(&item);
        }
    }

    fn count(&self, bytes: &Bytes) {
        assert_eq!(bytes.0.len(), LARGE);
        self.came.fetch_add(1, Ordering::Relaxed);
    }
}

async fn take_events(connector: Connector, address: impl FnOnce() -> SocketAddr) {
    let came = Arc::<AtomicU64>::default();
    let taker = Taker { came: Arc::clone(&came) };
    let app = App::new().manager(taker).connector(connector).start().await.expect("it starts");
    let router = app.router();
    let _answers = answer(router);
    let counted = Arc::clone(&came);
    let _tells = router.respond(move |_: Came| {
        let came = counted.load(Ordering::Relaxed);
        async move { Ok(came) }
    });
    let mut large = router.subscribe_with::<Large>(InboxSettings::with_capacity(16));
    println!("{}", address());
    while let Some(event) = large.recv().await {
        assert_eq!(event.bytes.0.len(), LARGE);
        came.fetch_add(1, Ordering::Relaxed);
    }
}
