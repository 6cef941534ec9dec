use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::{AbortHandle, JoinSet};

use super::super::hub::Hub;
use super::accept::{House, accept};
use super::doors::Doors;
use super::error::SwitchError;
use super::listen::listen;
use crate::switch::settings::SwitchSettings;
#[cfg(feature = "status")]
use crate::switch::status;
use crate::switch::status::Status;

/// A switch about to be started.
///
/// ```
/// use edri_connector::switch::{Switch, SwitchSettings};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), edri_connector::switch::SwitchError> {
/// let switch = Switch::new(SwitchSettings::new(["127.0.0.1:0"])).start().await?;
/// println!("routers may connect to {}", switch.addresses()[0]);
/// switch.drain().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a switch runs when it is started"]
pub struct Switch {
    settings: SwitchSettings,
}

/// A switch at work, on tasks of the runtime it was started in. When it is dropped it is as if it had been killed: its
/// routers find another, or wait until it is there again, and lose nothing.
pub struct RunningSwitch {
    house: Arc<House>,
    addresses: Arc<[SocketAddr]>,
    /// Where it says what it does.
    status: Option<SocketAddr>,
    tasks: JoinSet<()>,
}

/// How a switch that was told to stop came to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// How many connections were closed in order.
    pub closed: usize,
    /// How many had not taken what waited for them within [`SwitchSettings::drain`], and were cut off.
    pub cut_off: usize,
}

/// What became of new settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloaded {
    /// How many routers may do something else by them, and were told to connect again.
    pub reconnecting: usize,
    /// The keys that have changed and need a restart: the old ones still count.
    pub need_restart: Vec<&'static str>,
}

impl Switch {
    /// A switch with these settings.
    pub fn new(settings: SwitchSettings) -> Self {
        Self { settings }
    }

    /// Listens, and lets routers in from here on.
    ///
    /// # Errors
    /// The settings do not work, a file that they name cannot be read, or an address cannot be listened to.
    ///
    /// # Cancel safety
    /// It has not been started then.
    pub async fn start(self) -> Result<RunningSwitch, SwitchError> {
        let settings = self.settings;
        settings.check()?;
        #[cfg(feature = "tls")]
        let tls = settings.tls.as_ref().map(crate::tls::TlsServer::load).transpose()?;
        #[cfg(not(feature = "tls"))]
        if settings.tls.is_some() {
            return Err(SwitchError::Feature { what: "TLS", feature: "tls" });
        }
        #[cfg(not(feature = "status"))]
        if settings.status.is_some() {
            return Err(SwitchError::Feature { what: "the status over HTTP", feature: "status" });
        }
        let may_listen = |address| settings.tls.is_some() || settings.may_be_plain(address);
        let listeners = listen(&settings.listen, may_listen).await?;
        let status = settings.status.clone();
        let now = tokio::time::Instant::now().into_std();
        let house = Arc::new(House {
            hub: Hub::new(settings, now),
            doors: Mutex::new(Doors::new()),
            gone: tokio::sync::Notify::new(),
            #[cfg(feature = "tls")]
            tls: Mutex::new(tls),
        });
        let mut tasks = JoinSet::new();
        let mut addresses = Vec::new();
        for listener in listeners {
            addresses.extend(listener.local_addr());
            tasks.spawn(accept(listener, Arc::clone(&house)));
        }
        for address in &addresses {
            tracing::info!(%address, "the switch listens");
        }
        tasks.spawn(broadcast(Arc::clone(&house.hub)));
        let mut switch = RunningSwitch { house, addresses: addresses.into(), status: None, tasks };
        switch.tell_status(status).await?;
        Ok(switch)
    }
}

/// How long is waited for more that is to be told.
const TOGETHER: Duration = Duration::from_millis(2);

/// Tells members of what happens, all of it that happens within some milliseconds together.
async fn broadcast(hub: Arc<Hub>) {
    loop {
        hub.news.notified().await;
        // Whoever joins is told of the others first; and what happens together is told together.
        tokio::time::sleep(TOGETHER).await;
        let pause = hub.broadcast();
        tokio::time::sleep(pause).await;
    }
}

impl RunningSwitch {
    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Goes on by other settings: access list, tokens, networks, limits, heartbeat, and certificates, whose files are
    /// read again. Routers that may do something else by them are told to connect again, and lose nothing.
    ///
    /// # Errors
    /// They do not work; then the old ones still count.
    pub fn reload(&self, settings: SwitchSettings) -> Result<Reloaded, SwitchError> {
        settings.check()?;
        let before = self.house.hub.settings();
        let mut settings = settings;
        let mut need_restart = Vec::new();
        if settings.listen != before.listen {
            settings.listen.clone_from(&before.listen);
            need_restart.push("listen");
        }
        if settings.status != before.status {
            settings.status.clone_from(&before.status);
            need_restart.push("status");
        }
        if settings.tls.is_some() != before.tls.is_some() || settings.plain_text != before.plain_text {
            settings.tls.clone_from(&before.tls);
            settings.plain_text = before.plain_text;
            need_restart.push("tls");
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &settings.tls {
            *self.house.tls.lock() = Some(crate::tls::TlsServer::load(tls)?);
        }
        let reconnecting = self.house.hub.set_settings(settings);
        Ok(Reloaded { reconnecting, need_restart })
    }

    /// Lets nobody in any more, gives each router what waits for it and tells it to go elsewhere, and ends when all have
    /// gone, or after [`SwitchSettings::drain`].
    ///
    /// # Cancel safety
    /// Whoever has not gone by then is cut off.
    pub async fn drain(mut self) -> Drained {
        self.house.hub.drain();
        let all = {
            let doors = self.house.doors.lock();
            // Nothing waits for those who are no members.
            doors.holds_on_others().for_each(AbortHandle::abort);
            doors.all()
        };
        let within = self.house.hub.settings().drain;
        let until = tokio::time::Instant::now() + within;
        let mut left = all;
        while left > 0 && tokio::time::timeout_at(until, self.house.gone.notified()).await.is_ok() {
            left = self.house.doors.lock().all();
        }
        self.stop();
        Drained { closed: all.saturating_sub(left), cut_off: left }
    }

    /// What it does, as of now.
    pub fn status(&self) -> Status {
        self.house.status(&self.addresses)
    }

    /// Where it says so over HTTP; `None` where it was not told to, or the address was taken.
    pub fn status_address(&self) -> Option<SocketAddr> {
        self.status
    }

    /// Says over HTTP what it does. That the address is taken stops nothing.
    #[cfg(feature = "status")]
    async fn tell_status(&mut self, address: Option<String>) -> Result<(), SwitchError> {
        let Some(text) = address else { return Ok(()) };
        let addresses = super::listen::resolve(&text).await?;
        match status::listen(&addresses).await {
            Ok(listener) => {
                self.status = listener.local_addr().ok();
                let (house, addresses) = (Arc::clone(&self.house), Arc::clone(&self.addresses));
                self.tasks.spawn(status::serve(listener, Arc::new(move || house.status(&addresses))));
                if let Some(address) = self.status {
                    tracing::info!("the status is told at http://{address}/status, /metrics and /health");
                }
            }
            Err(error) => tracing::warn!("the status is not told: cannot listen at {text}: {error}"),
        }
        Ok(())
    }

    #[cfg(not(feature = "status"))]
    #[allow(clippy::unused_async, reason = "it is with the feature")]
    async fn tell_status(&mut self, _: Option<String>) -> Result<(), SwitchError> {
        Ok(())
    }

    fn stop(&mut self) {
        self.tasks.abort_all();
        // Their tickets lock the doors.
        let holds: Vec<AbortHandle> = self.house.doors.lock().holds().cloned().collect();
        holds.iter().for_each(AbortHandle::abort);
    }

    /// Ends at once.
    pub fn kill(mut self) {
        self.stop();
    }
}

impl Drop for RunningSwitch {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for RunningSwitch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RunningSwitch").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}
