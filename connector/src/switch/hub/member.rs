use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use edri_link::wire::{Identity, Limits, Permit, Proof};
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use super::outgoing::{Order, Outgoing, Pushed};
use super::view::View;
use crate::switch::settings::{Rights, TokenRule};
use crate::switch::status::Rates;

/// A router that has joined a network: what others need of it.
#[derive(Debug)]
pub(crate) struct Member {
    /// Not given again while the switch runs.
    pub(crate) number: u32,
    pub(crate) newcomer: Newcomer,
    pub(crate) view: Arc<View>,
    pub(crate) outgoing: Mutex<Outgoing>,
    /// How far it has read its view's log.
    pub(crate) read: AtomicU64,
    pub(crate) sent: Sent,
    pub(crate) rates: Mutex<Rates>,
    waker: AtomicWaker,
}

/// A router that may join.
#[derive(Clone, Debug)]
pub(crate) struct Newcomer {
    pub(crate) identity: Identity,
    pub(crate) version: u16,
    pub(crate) features: u64,
    pub(crate) limits: Limits,
    pub(crate) proof: Proof,
    pub(crate) vouched: Vouched,
    pub(crate) rights: Rights,
    pub(crate) permit: Permit,
    pub(crate) address: SocketAddr,
    pub(crate) encrypted: bool,
    pub(crate) since: Instant,
}

/// Who says that a router is called what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Vouched {
    /// Its certificate.
    Certificate,
    /// Whoever has a token, by this rule.
    Token(Box<TokenRule>),
    /// Nobody.
    Nobody,
}

/// What came from a member.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) relays: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// For members that are not there.
    pub(crate) astray: AtomicU64,
    /// Interests that were not passed on.
    pub(crate) denied: AtomicU64,
    /// What it says that it sent again.
    pub(crate) resent: AtomicU64,
    /// Its round-trip time, in microseconds, and 1: 0 where it is not known.
    round_trip: AtomicU64,
}

impl Member {
    pub(crate) fn new(number: u32, newcomer: Newcomer, view: Arc<View>, read: u64) -> Self {
        Self {
            number,
            newcomer,
            view,
            outgoing: Mutex::default(),
            read: AtomicU64::new(read),
            sent: Sent::default(),
            rates: Mutex::default(),
            waker: AtomicWaker::new(),
        }
    }

    /// Something waits for it, or there are news.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// Whoever is to be woken. What has been pushed before it is not woken for again.
    pub(crate) fn register(&self, waker: &std::task::Waker) {
        self.waker.register(waker);
    }

    /// Adds a relay from another.
    pub(crate) fn push(&self, source: u32, blob: &[u8], limit: u64) -> Pushed {
        self.outgoing.lock().push(source, blob, limit)
    }

    /// The same for one that is not copied: a frame as it came.
    pub(crate) fn push_whole(&self, source: u32, frame: Vec<u8>, limit: u64) -> Pushed {
        self.outgoing.lock().push_whole(source, frame, limit)
    }

    /// Tells its connection something.
    pub(crate) fn order(&self, order: Order) {
        self.outgoing.lock().order(order);
        self.wake();
    }

    /// Whether a router with this identity and proof may take its place.
    pub(crate) fn is_same(&self, other: &Newcomer) -> bool {
        let (mine, theirs) = (&self.newcomer, other);
        let by_proof =
            mine.identity.incarnation == theirs.identity.incarnation && mine.proof.proves(theirs.proof);
        let by_certificate = mine.vouched == Vouched::Certificate
            && theirs.vouched == Vouched::Certificate
            && mine.identity.name == theirs.identity.name;
        by_proof || by_certificate
    }
}

impl Sent {
    pub(crate) fn set_round_trip(&self, round_trip: Duration) {
        let micros = u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX - 1);
        self.round_trip.store(micros + 1, Ordering::Relaxed);
    }

    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip.load(Ordering::Relaxed).checked_sub(1).map(Duration::from_micros)
    }
}
