use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use edri_event::RouterId;
use edri_link::wire::{Departure, Identity, Refusal, Refused};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use super::claims::Claims;
use super::member::{Member, Newcomer, Vouched};
use super::network::{Joined, Network, NotJoined};
use super::outgoing::Order;
use crate::switch::settings::SwitchSettings;
use crate::switch::status::Departures;

/// All networks of a switch, and what its connections share.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) identity: Identity,
    pub(crate) began: Instant,
    settings: RwLock<Arc<SwitchSettings>>,
    networks: RwLock<HashMap<String, Arc<Network>>>,
    next: AtomicU32,
    claims: Mutex<Claims>,
    /// How many bytes wait for all members, more or less: it is brought up to date after each batch.
    pub(crate) memory: AtomicI64,
    /// There is something of which somebody has to be told.
    pub(crate) news: Notify,
    draining: AtomicBool,
    pub(crate) tally: Tally,
    pub(crate) departures: Mutex<Departures>,
    /// How many lines about strangers have been written in this second, and how many have not.
    lines: Mutex<Lines>,
}

#[derive(Debug)]
struct Lines {
    second: Instant,
    written: u32,
    left_out: u32,
}

/// How many lines about strangers are written in a second: whoever knocks at the door all the time does not fill the disk.
const LINES: u32 = 10;

/// What happened to connections.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) joined: AtomicU64,
    pub(crate) probed: AtomicU64,
    pub(crate) replaced: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) violations: AtomicU64,
    pub(crate) unfinished_handshakes: AtomicU64,
    pub(crate) silent: AtomicU64,
    pub(crate) stalled: AtomicU64,
    pub(crate) too_far_behind: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) closed: AtomicU64,
    pub(crate) turned_away: AtomicU64,
    pub(crate) gave_way: AtomicU64,
}

impl Hub {
    pub(crate) fn new(settings: SwitchSettings, now: Instant) -> Arc<Self> {
        Arc::new(Self {
            identity: Identity::new(RouterId::fresh(), "switch"),
            began: now,
            settings: RwLock::new(Arc::new(settings)),
            networks: RwLock::default(),
            next: AtomicU32::new(1),
            claims: Mutex::default(),
            memory: AtomicI64::new(0),
            news: Notify::new(),
            draining: AtomicBool::new(false),
            tally: Tally::default(),
            departures: Mutex::default(),
            lines: Mutex::new(Lines { second: now, written: 0, left_out: 0 }),
        })
    }

    /// Writes a line to the log, unless there have been many of its kind in this second.
    pub(crate) fn say_little(&self, say: impl FnOnce()) {
        let mut lines = self.lines.lock();
        if lines.second.elapsed() >= Duration::from_secs(1) {
            if lines.left_out > 0 {
                tracing::warn!("{} more lines of that kind were left out", lines.left_out);
            }
            *lines = Lines { second: Instant::now(), written: 0, left_out: 0 };
        }
        if lines.written < LINES {
            lines.written += 1;
            say();
        } else {
            lines.left_out += 1;
        }
    }

    pub(crate) fn settings(&self) -> Arc<SwitchSettings> {
        Arc::clone(&self.settings.read())
    }

    /// From here on these count. Whoever may do something else by them has to connect again; how many those are.
    pub(crate) fn set_settings(&self, settings: SwitchSettings) -> usize {
        let settings = Arc::new(settings);
        *self.settings.write() = Arc::clone(&settings);
        let members = self.networks().into_iter().flat_map(|network| network.members());
        let changed = members.filter(|member| !member.newcomer.stands_under(&settings));
        changed.map(|member| member.order(Order::Changed)).count()
    }

    /// A router that was admitted joins its network.
    pub(crate) fn join(&self, newcomer: Newcomer, now: Instant) -> Result<(Arc<Network>, Joined), Refused> {
        if self.is_draining() {
            return Err(Refused::new(Refusal::Busy, "the switch is about to stop"));
        }
        let router = newcomer.identity.router;
        if router == self.identity.router {
            return Err(Refused::new(Refusal::Itself, "it says that it is this switch"));
        }
        if let Vouched::Certificate = newcomer.vouched {
            self.claims.lock().claim(&newcomer.identity, now)?;
        }
        loop {
            let network = self.network(&newcomer.identity.network)?;
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            match network.join(number, newcomer.clone()) {
                Ok(joined) => {
                    self.tally.joined.fetch_add(1, Ordering::Relaxed);
                    self.news.notify_one();
                    return Ok((network, joined));
                }
                Err(NotJoined::Taken) => {
                    let reason = format!(
                        "the router {router} has a connection already, and this one does not prove to be the same: \
                         it is tried again whether that one is still alive"
                    );
                    return Err(Refused::new(Refusal::Taken, reason));
                }
                Err(NotJoined::Abandoned) => {}
            }
        }
    }

    /// The network of that name; made if there is none.
    fn network(&self, name: &str) -> Result<Arc<Network>, Refused> {
        if let Some(network) = self.networks.read().get(name) {
            return Ok(Arc::clone(network));
        }
        let mut networks = self.networks.write();
        let limit = self.settings().limits.networks;
        if networks.len() >= limit && !networks.contains_key(name) {
            let reason = format!("there are {limit} networks, and no more are accepted");
            return Err(Refused::new(Refusal::Busy, reason));
        }
        let network =
            networks.entry(name.to_owned()).or_insert_with(|| Arc::new(Network::new(name.to_owned())));
        Ok(Arc::clone(network))
    }

    /// A member leaves: its network is given up when nobody is in it.
    pub(crate) fn leave(&self, network: &Network, member: &Member, departure: Departure, now: Instant) {
        network.leave(member.number, departure);
        self.news.notify_one();
        if let Vouched::Certificate = member.newcomer.vouched {
            // It keeps what it had when it came, for a while from now on.
            let _ = self.claims.lock().claim(&member.newcomer.identity, now);
        }
        let mut networks = self.networks.write();
        if network.abandon() {
            networks.remove(&network.name);
        }
    }

    pub(crate) fn networks(&self) -> Vec<Arc<Network>> {
        self.networks.read().values().map(Arc::clone).collect()
    }

    /// Wakes those who have to be told something, in all networks. How long to wait until it is worth while again: it
    /// costs some microseconds for each that is woken, and what happens meanwhile is told together.
    pub(crate) fn broadcast(&self) -> Duration {
        let backlog = self.settings().limits.backlog;
        let woken: usize = self.networks().iter().map(|network| network.broadcast(backlog)).sum();
        Duration::from_micros(10 * woken as u64).clamp(Duration::from_millis(1), Duration::from_millis(50))
    }

    /// Nobody is let in any more, and those who are in are told to go elsewhere.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        for network in self.networks() {
            network.members().iter().for_each(|member| member.order(Order::Drain));
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }
}

impl Tally {
    pub(crate) fn turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn gave_way(&self) {
        self.gave_way.fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(feature = "tls")]
    pub(crate) fn unfinished_handshake(&self) {
        self.unfinished_handshakes.fetch_add(1, Ordering::Relaxed);
    }
}
