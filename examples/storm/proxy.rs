//! What is between a router and its switch: it cuts, delays, throttles and stops.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

use crate::loopback;

/// How it is at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weather {
    /// Each piece is held up for so long.
    pub(crate) delay: Duration,
    /// So many bytes pass in a second.
    pub(crate) rate: Option<u32>,
    /// Nothing passes, and nobody is told.
    pub(crate) stopped: bool,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    cuts: watch::Sender<u64>,
    task: AbortHandle,
}

impl Proxy {
    pub(crate) async fn start(to: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(loopback()).await?;
        let address = listener.local_addr()?;
        let (weather, now) = watch::channel(Weather::default());
        let (cuts, cut) = watch::channel(0);
        let task = tokio::spawn(pass_on(listener, to, now, cut)).abort_handle();
        Ok(Self { address, weather, cuts, task })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    /// Ends all connections that there are.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(
    listener: TcpListener,
    to: SocketAddr,
    weather: watch::Receiver<Weather>,
    mut cut: watch::Receiver<u64>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((near, _)) = listener.accept() => {
                connections.spawn(connection(near, to, weather.clone()));
            }
            Ok(()) = cut.changed() => connections.abort_all(),
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(near: TcpStream, to: SocketAddr, weather: watch::Receiver<Weather>) {
    let Ok(far) = TcpStream::connect(to).await else { return };
    // One that delays small packets would be a fault of its own.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    tokio::select! {
        _ = pass(near_in, far_out, weather.clone()) => {}
        _ = pass(far_in, near_out, weather) => {}
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut weather: watch::Receiver<Weather>,
) -> io::Result<()> {
    let mut piece = vec![0; 32 * 1024];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return Ok(());
        }
        let Weather { delay, rate, .. } =
            *weather.wait_for(|weather| !weather.stopped).await.map_err(io::Error::other)?;
        let slow =
            rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(length as f64 / f64::from(rate)));
        if delay + slow > Duration::ZERO {
            sleep(delay + slow).await;
        }
        to.write_all(&piece[..length]).await?;
    }
}
