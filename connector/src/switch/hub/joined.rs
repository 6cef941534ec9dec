use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edri_link::wire::{Change, Frame, Interests, LENGTH, Learner, Pong, as_relay, split, write};

use super::ended::Ended;
use super::hub::Hub;
use super::member::Member;
use super::network::{Network, Table};
use super::outgoing::{Order, Pushed};
use super::pace::Pace;
use super::violation::Violation;
use crate::switch::settings::SwitchLimits;

/// A connection whose router is a member.
#[derive(Debug)]
pub(super) struct Joined {
    network: Arc<Network>,
    pub(super) member: Arc<Member>,
    /// What the router means by its numbers.
    learner: Learner,
    /// The last ping, until it is answered.
    asked: Option<(u64, Instant)>,
    pings: u64,
    next_ping: Instant,
    /// Until when something has to be heard: somebody else claims to be this router.
    prove_by: Option<Instant>,
    pace: Pace,
    /// Until when it is not listened to.
    pub(super) deaf_until: Option<Instant>,
}

/// What became of relays.
struct Passed {
    /// How many bytes may wait for a router.
    queue: u64,
    relays: u64,
    length: u64,
    queued: usize,
    astray: u64,
    /// Those for whom nothing waited before.
    idle: Vec<Arc<Member>>,
}

impl Passed {
    fn new(hub: &Hub, limits: &SwitchLimits) -> Self {
        let pressed = hub.memory.load(Ordering::Relaxed) >= i64::try_from(limits.memory).unwrap_or(i64::MAX);
        let queue = if pressed { UNDER_PRESSURE + u64::from(limits.frame) } else { limits.queue };
        Self { queue, relays: 0, length: 0, queued: 0, astray: 0, idle: Vec::new() }
    }
}

/// What a change of interests costs beside its bytes: others are told of each.
const AROUND: usize = 16;

/// About so many bytes of relays are taken to be written at a time.
const TOGETHER: u64 = 256 * 1024;

/// How many bytes may wait for a router when all together take as much as they may: those who are not slow do not suffer
/// from those who are.
const UNDER_PRESSURE: u64 = 64 * 1024;

/// How many bytes the dictionary of a router may take for each interest that it may have.
const DICTIONARY: usize = 256;

impl Joined {
    pub(super) fn new(
        network: Arc<Network>,
        member: Arc<Member>,
        limits: &SwitchLimits,
        now: Instant,
    ) -> Self {
        let newcomer = &member.newcomer;
        tracing::info!(
            network = network.name,
            router = newcomer.identity.name,
            id = %newcomer.identity.router,
            address = %newcomer.address,
            member = member.number,
            "a router joined"
        );
        Self {
            network,
            member,
            learner: Learner::new(DICTIONARY * limits.interests as usize),
            asked: None,
            pings: 0,
            next_ping: now,
            prove_by: None,
            pace: Pace::new(now),
            deaf_until: None,
        }
    }

    pub(super) fn number(&self) -> u32 {
        self.member.number
    }

    pub(super) fn heard(&mut self) {
        self.prove_by = None;
    }

    /// Passes on the relays at the beginning of `bytes`; what is left begins with something else.
    pub(super) fn forward<'b>(
        &self,
        mut bytes: &'b [u8],
        limit: u32,
        hub: &Hub,
        limits: &SwitchLimits,
    ) -> Result<&'b [u8], Violation> {
        let mut passed = Passed::new(hub, limits);
        let table = self.network.table.read();
        let forwarded = loop {
            let relay = match split(bytes, limit) {
                Ok(Some((frame, rest))) => {
                    as_relay(frame).map(|relay| relay.map(|relay| (relay, frame, rest)))
                }
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            };
            let ((to, blob), frame, rest) = match relay {
                Ok(Some(relay)) => relay,
                Ok(None) => break Ok(bytes),
                Err(error) => break Err(error.into()),
            };
            let push = |member: &Member, queue| member.push(self.member.number, blob, queue);
            if let Err(violation) = self.pass(&table, to, frame.len(), &mut passed, push) {
                break Err(violation);
            }
            bytes = rest;
        };
        drop(table);
        self.passed(passed, hub);
        forwarded
    }

    /// Passes on one relay, a whole frame for this member, without a copy.
    pub(super) fn forward_whole(
        &self,
        to: u32,
        frame: Vec<u8>,
        hub: &Hub,
        limits: &SwitchLimits,
    ) -> Result<(), Violation> {
        let mut passed = Passed::new(hub, limits);
        let length = frame.len() - LENGTH;
        let push = |member: &Member, queue| member.push_whole(self.member.number, frame, queue);
        let forwarded = self.pass(&self.network.table.read(), to, length, &mut passed, push);
        self.passed(passed, hub);
        forwarded
    }

    /// Passes on a relay whose frame has so many bytes behind its length.
    fn pass(
        &self,
        table: &Table,
        to: u32,
        length: usize,
        passed: &mut Passed,
        push: impl FnOnce(&Member, u64) -> Pushed,
    ) -> Result<(), Violation> {
        let whole = LENGTH + length;
        passed.relays += 1;
        passed.length += whole as u64;
        let Some(member) = table.get(&to).filter(|_| to != self.member.number) else {
            passed.astray += 1;
            return Ok(());
        };
        // It would take the switch for one that breaks the protocol.
        let limit = member.newcomer.limits.frame;
        if length > limit as usize {
            return Err(Violation::RelayTooLong { member: to, length, limit });
        }
        let pushed = push(member, passed.queue);
        if pushed != Pushed::Dropped {
            passed.queued += whole;
        }
        if pushed == Pushed::First {
            passed.idle.push(Arc::clone(member));
        }
        Ok(())
    }

    /// Counts what was passed on, and wakes those for whom nothing waited before.
    fn passed(&self, passed: Passed, hub: &Hub) {
        if passed.relays > 0 {
            let sent = &self.member.sent;
            sent.relays.fetch_add(passed.relays, Ordering::Relaxed);
            sent.bytes.fetch_add(passed.length, Ordering::Relaxed);
            sent.astray.fetch_add(passed.astray, Ordering::Relaxed);
            hub.memory.fetch_add(passed.queued as i64, Ordering::Relaxed);
        }
        passed.idle.iter().for_each(|member| member.wake());
    }

    /// Takes in what it says of its interests, in so many bytes; what of it is denied.
    pub(super) fn interests(
        &mut self,
        interests: Interests,
        length: usize,
        hub: &Hub,
        limits: &SwitchLimits,
        now: Instant,
    ) -> Result<Vec<Change>, Violation> {
        if interests.member != 0 {
            return Err(Violation::InterestOfAnother { member: interests.member });
        }
        if let Some(until) = self.pace.said(length + AROUND * interests.changes.len(), now) {
            self.deaf_until = Some(until);
        }
        let mut learned = Vec::with_capacity(interests.changes.len());
        for change in interests.changes {
            learned.extend(self.learner.learn(change)?);
        }
        let mut denied = Vec::new();
        self.network.change(&self.member, learned, limits, &mut denied)?;
        hub.news.notify_one();
        Ok(denied)
    }

    pub(super) fn pong(&mut self, pong: Pong, now: Instant) {
        self.member.sent.resent.store(pong.resent, Ordering::Relaxed);
        if let Some((number, asked)) = self.asked
            && number == pong.number
        {
            self.asked = None;
            self.member.sent.set_round_trip(now.saturating_duration_since(asked));
        }
    }

    /// Adds what waits. News of members go before relays: whoever a relay is from is known when it comes.
    pub(super) fn fill(
        &mut self,
        out: &mut VecDeque<Bytes>,
        hub: &Hub,
        heartbeat: Duration,
        now: Instant,
    ) -> Option<Ended> {
        let mut chunks = VecDeque::new();
        let order = {
            let mut outgoing = self.member.outgoing.lock();
            let written = outgoing.written();
            hub.memory.fetch_sub(written as i64, Ordering::Relaxed);
            outgoing.take(TOGETHER, &mut chunks);
            // Who is to go elsewhere is given first what waits for it.
            let later = outgoing.order == Some(Order::Drain) && !chunks.is_empty();
            if later { None } else { outgoing.order.take() }
        };
        let before = self.member.read.load(Ordering::Relaxed);
        let read = self.member.view.log.lock().read(before, self.member.number, out);
        self.member.read.store(read, Ordering::Relaxed);
        if self.next_ping <= now {
            self.ping(out, now);
            self.next_ping = now + heartbeat;
        }
        out.append(&mut chunks);
        match order? {
            Order::Prove => {
                // It has to say something that often in any case.
                self.prove_by.get_or_insert(now + heartbeat);
                self.ping(out, now);
                None
            }
            Order::TooFarBehind => Some(Ended::TooFarBehind),
            Order::Changed => Some(Ended::Changed),
            Order::Drain => Some(Ended::Drained),
            Order::Replaced => Some(Ended::Replaced),
        }
    }

    fn ping(&mut self, out: &mut VecDeque<Bytes>, now: Instant) {
        self.pings += 1;
        self.asked = Some((self.pings, now));
        let mut bytes = Vec::new();
        write(&mut bytes, &Frame::Ping(self.pings));
        out.push_back(bytes.into());
    }

    pub(super) fn next_timeout(&self) -> impl Iterator<Item = Instant> {
        [self.prove_by, self.deaf_until].into_iter().flatten().chain([self.next_ping])
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, last_heard: Instant) -> Option<Ended> {
        if self.prove_by.is_some_and(|by| by <= now) {
            let silence = now.saturating_duration_since(last_heard);
            return Some(Ended::Silent { silence });
        }
        if self.deaf_until.is_some_and(|until| until <= now) {
            self.deaf_until = None;
        }
        let mut outgoing = self.member.outgoing.lock();
        if !outgoing.has_waiting() {
            outgoing.compact();
        }
        None
    }

    pub(super) fn leave(self, hub: &Hub, ended: &Ended, now: Instant) {
        hub.leave(&self.network, &self.member, ended.departure(), now);
        hub.departures.lock().add(self.member.departed(ended.code(), ended.to_string()), now);
        // Nobody finds it any more: nothing is added.
        let left = self.member.outgoing.lock().depth();
        hub.memory.fetch_sub(left as i64, Ordering::Relaxed);
    }
}
