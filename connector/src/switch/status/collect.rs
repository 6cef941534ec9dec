use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::data::{Connection, Counts, Dropped, Ends, Flow, Members, Phase, Queue, Security, Status};
use crate::switch::hub::{Hub, Member, Network, Vouched};

/// Sees what there is.
pub(crate) fn collect(hub: &Hub, listen: &[SocketAddr], counts: (usize, usize), now: Instant) -> Status {
    let settings = hub.settings();
    let mut networks = hub.networks();
    networks.sort_by(|one, other| one.name.cmp(&other.name));
    let mut connections = Vec::new();
    let networks = networks.iter().map(|network| {
        let first = connections.len();
        members(network, settings.limits.queue, now, &mut connections);
        sum(network, &connections[first..])
    });
    let networks = networks.collect();
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        phase: if hub.is_draining() { Phase::Draining } else { Phase::Running },
        uptime_seconds: now.saturating_duration_since(hub.began).as_secs_f64(),
        listen: listen.iter().map(ToString::to_string).collect(),
        security: Security {
            tls: settings.tls.is_some(),
            tokens: settings.tokens.len(),
            access_rules: settings.access.len(),
        },
        counts: Counts { open: counts.0, pending: counts.1, limit: settings.limits.connections },
        ended: ends(hub),
        queue: Queue {
            bytes: u64::try_from(hub.memory.load(Ordering::Relaxed)).unwrap_or(0),
            limit: settings.limits.memory,
        },
        networks,
        connections,
        departed: hub.departures.lock().list(now),
    }
}

fn ends(hub: &Hub) -> Ends {
    let tally = &hub.tally;
    let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
    Ends {
        joined: load(&tally.joined),
        probed: load(&tally.probed),
        closed: load(&tally.closed),
        lost: load(&tally.lost),
        silent: load(&tally.silent),
        stalled: load(&tally.stalled),
        too_far_behind: load(&tally.too_far_behind),
        replaced: load(&tally.replaced),
        refused: load(&tally.refused),
        violations: load(&tally.violations),
        unfinished_handshakes: load(&tally.unfinished_handshakes),
        turned_away: load(&tally.turned_away),
        gave_way: load(&tally.gave_way),
    }
}

/// Adds the members of a network.
fn members(network: &Network, limit: u64, now: Instant, connections: &mut Vec<Connection>) {
    let interests = network.interests();
    for member in network.members() {
        let newcomer = &member.newcomer;
        let (counts, depth) = {
            let outgoing = member.outgoing.lock();
            (outgoing.counts, outgoing.depth())
        };
        let sent = &member.sent;
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let totals = [load(&sent.relays), load(&sent.bytes), counts.relays, counts.bytes];
        let rates = member.rates.lock().at(totals, newcomer.since, now);
        let flow = |first: usize| Flow {
            relays: totals[first],
            bytes: totals[first + 1],
            relays_per_second: rates[first],
            bytes_per_second: rates[first + 1],
        };
        let read = member.read.load(Ordering::Relaxed);
        connections.push(Connection {
            id: newcomer.identity.router.to_string(),
            name: newcomer.identity.name.clone(),
            vouched_by: newcomer.vouched.name().to_owned(),
            network: network.name.clone(),
            member: member.number,
            incarnation: newcomer.identity.incarnation,
            peer: newcomer.address.to_string(),
            encrypted: newcomer.encrypted,
            connected_seconds: now.saturating_duration_since(newcomer.since).as_secs_f64(),
            interests: interests.get(&member.number).copied().unwrap_or_default(),
            queue: Queue { bytes: depth, limit },
            behind_bytes: member.view.log.lock().end().saturating_sub(read),
            received: flow(0),
            sent: flow(2),
            dropped: Dropped { relays: counts.dropped, bytes: counts.dropped_bytes },
            astray: load(&sent.astray),
            denied: load(&sent.denied),
            resent: load(&sent.resent),
            round_trip_ms: sent.round_trip().map(|round_trip| round_trip.as_secs_f64() * 1e3),
        });
    }
}

/// What a network is, all of its members together.
fn sum(network: &Network, connections: &[Connection]) -> Members {
    let (sizes, gone) = (network.sizes(), &network.gone);
    let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let mut sum = Members {
        name: network.name.clone(),
        members: sizes.members,
        interests: sizes.interests,
        types: sizes.types,
        news_bytes: sizes.log,
        received: Flow { relays: load(&gone.relays_in), bytes: load(&gone.bytes_in), ..Flow::default() },
        sent: Flow { relays: load(&gone.relays_out), bytes: load(&gone.bytes_out), ..Flow::default() },
        dropped: Dropped { relays: load(&gone.dropped), bytes: load(&gone.dropped_bytes) },
        astray: load(&gone.astray),
        denied: load(&gone.denied),
        resent: load(&gone.resent),
        ..Members::default()
    };
    for connection in connections {
        sum.queue.bytes += connection.queue.bytes;
        sum.queue.limit += connection.queue.limit;
        sum.received.add(&connection.received);
        sum.sent.add(&connection.sent);
        sum.dropped.relays += connection.dropped.relays;
        sum.dropped.bytes += connection.dropped.bytes;
        sum.astray += connection.astray;
        sum.denied += connection.denied;
        sum.resent += connection.resent;
    }
    let mut times: Vec<_> = connections.iter().filter_map(|connection| connection.round_trip_ms).collect();
    times.sort_by(f64::total_cmp);
    sum.round_trip_ms = times.last().map(|longest| {
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        [at(0.5), at(0.99), *longest]
    });
    sum
}

impl Flow {
    fn add(&mut self, other: &Self) {
        self.relays += other.relays;
        self.bytes += other.bytes;
        self.relays_per_second += other.relays_per_second;
        self.bytes_per_second += other.bytes_per_second;
    }
}

impl Vouched {
    fn name(&self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Token(_) => "token",
            Self::Nobody => "nobody",
        }
    }
}

/// Counts when somebody looked last, and the rates then.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    at: Option<Instant>,
    totals: [u64; 4],
    rates: [f64; 4],
}

/// Over less than this nothing can be said.
const SHORTEST: Duration = Duration::from_secs(1);

impl Rates {
    /// The rates since somebody looked last, or since `began`.
    fn at(&mut self, totals: [u64; 4], began: Instant, now: Instant) -> [f64; 4] {
        let passed = now.saturating_duration_since(self.at.unwrap_or(began));
        if passed >= SHORTEST {
            let more = |index: usize| totals[index].saturating_sub(self.totals[index]) as f64;
            self.rates = std::array::from_fn(|index| more(index) / passed.as_secs_f64());
            self.totals = totals;
            self.at = Some(now);
        }
        self.rates
    }
}

/// For those who keep them.
impl Member {
    /// How it left, for those who look later.
    pub(crate) fn departed(&self, how: &str, reason: String) -> super::Departed {
        let identity = &self.newcomer.identity;
        super::Departed {
            id: identity.router.to_string(),
            name: identity.name.clone(),
            network: identity.network.clone(),
            how: how.to_owned(),
            reason,
            seconds_ago: 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_since_somebody_looked_a_second_ago_or_more() {
        let (mut rates, began) = (Rates::default(), Instant::now());
        let second = Duration::from_secs(1);
        assert_eq!(rates.at([5, 0, 0, 0], began, began + second / 2), [0.0; 4]);
        assert_eq!(rates.at([10, 40, 2, 8], began, began + second * 2), [5.0, 20.0, 1.0, 4.0]);
        assert_eq!(rates.at([99, 99, 99, 99], began, began + second * 5 / 2), [5.0, 20.0, 1.0, 4.0]);
        assert_eq!(rates.at([20, 40, 2, 8], began, began + second * 4), [5.0, 0.0, 0.0, 0.0]);
    }
}
