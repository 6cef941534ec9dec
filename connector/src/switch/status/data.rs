use std::collections::VecDeque;
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// What a switch does at a moment.
///
/// Counts rise as long as the switch runs. Rates are those since somebody looked last, if that is a second ago or more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Status {
    /// Of the program.
    pub version: String,
    /// Whether it lets routers in.
    pub phase: Phase,
    /// How long it has been running, in seconds.
    pub uptime_seconds: f64,
    /// Where it listens.
    pub listen: Vec<String>,
    /// How it knows who is who.
    pub security: Security,
    /// How many connections there are.
    pub counts: Counts,
    /// How connections came to their ends.
    pub ended: Ends,
    /// What waits for all routers together.
    pub queue: Queue,
    /// All networks that somebody is in, by name.
    pub networks: Vec<Members>,
    /// All routers that are connected, by network and number.
    pub connections: Vec<Connection>,
    /// The routers that left last, the latest first.
    pub departed: Vec<Departed>,
}

/// Whether a switch lets routers in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Phase {
    /// It does.
    Running,
    /// It was told to stop.
    Draining,
}

/// How a switch knows who is who.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Security {
    /// Whether connections are encrypted.
    pub tls: bool,
    /// How many tokens there are.
    pub tokens: usize,
    /// How many rules the access list has.
    pub access_rules: usize,
}

/// How many connections there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counts {
    /// All of them.
    pub open: usize,
    /// Those in their handshake.
    pub pending: usize,
    /// How many there may be.
    pub limit: usize,
}

/// How many connections came to which end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ends {
    /// How many have joined, for comparison.
    pub joined: u64,
    /// How many came to be pinged only.
    pub probed: u64,
    /// In order.
    pub closed: u64,
    /// The connection broke.
    pub lost: u64,
    /// Nothing was heard from the router.
    pub silent: u64,
    /// It took nothing.
    pub stalled: u64,
    /// It did not keep up with the news of its network.
    pub too_far_behind: u64,
    /// It came back through another connection.
    pub replaced: u64,
    /// It was not let in.
    pub refused: u64,
    /// It broke the protocol.
    pub violations: u64,
    /// It did not finish its handshake.
    pub unfinished_handshakes: u64,
    /// There was no room for it.
    pub turned_away: u64,
    /// It was in its handshake when others came and there was no room.
    pub gave_way: u64,
}

/// What waits to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Queue {
    /// How many bytes.
    pub bytes: u64,
    /// How many it may be.
    pub limit: u64,
}

/// What flows in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Flow {
    /// How many relays: each holds one frame of a channel or more.
    pub relays: u64,
    /// How many bytes of them.
    pub bytes: u64,
    /// Relays per second.
    pub relays_per_second: f64,
    /// Bytes per second.
    pub bytes_per_second: f64,
}

/// What was dropped, because there was no room for it. Its sender sends it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Dropped {
    /// How many relays.
    pub relays: u64,
    /// How many bytes of them.
    pub bytes: u64,
}

/// A network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Members {
    /// Its name.
    pub name: String,
    /// How many routers are in it.
    pub members: usize,
    /// How many interests they have.
    pub interests: usize,
    /// In how many types of event.
    pub types: usize,
    /// How many bytes of news are kept until everybody has read them.
    pub news_bytes: u64,
    /// What waits for its routers.
    pub queue: Queue,
    /// What came from its routers, those that have left among them.
    pub received: Flow,
    /// What was queued for them.
    pub sent: Flow,
    /// What was dropped instead.
    pub dropped: Dropped,
    /// How many relays were for somebody who was not there.
    pub astray: u64,
    /// How many interests were denied.
    pub denied: u64,
    /// How many frames the routers say that they sent again.
    pub resent: u64,
    /// The round-trip times of its routers, in milliseconds: median, 99th percentile, longest. None where none is known.
    pub round_trip_ms: Option<[f64; 3]>,
}

/// A router that is connected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Connection {
    /// The router.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Who says so: `certificate`, `token` or `nobody`.
    pub vouched_by: String,
    /// Its network.
    pub network: String,
    /// Its number there.
    pub member: u32,
    /// Which of the router's lives it is.
    pub incarnation: u64,
    /// Where it connects from.
    pub peer: String,
    /// Whether the connection is encrypted.
    pub encrypted: bool,
    /// For how long it has been connected, in seconds.
    pub connected_seconds: f64,
    /// How many interests it has.
    pub interests: usize,
    /// What waits for it.
    pub queue: Queue,
    /// How many bytes of news of members and interests it has not read.
    pub behind_bytes: u64,
    /// What came from it.
    pub received: Flow,
    /// What was queued for it.
    pub sent: Flow,
    /// What was dropped instead.
    pub dropped: Dropped,
    /// How many of its relays were for somebody who was not there.
    pub astray: u64,
    /// How many of its interests were denied.
    pub denied: u64,
    /// How many frames it says that it sent again.
    pub resent: u64,
    /// Its round-trip time, in milliseconds; none until it has answered a ping.
    pub round_trip_ms: Option<f64>,
}

/// A router that has left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Departed {
    /// The router.
    pub id: String,
    /// What it was called.
    pub name: String,
    /// Its network.
    pub network: String,
    /// How it left, in a word.
    pub how: String,
    /// How it left, for people.
    pub reason: String,
    /// How long ago, in seconds.
    pub seconds_ago: f64,
}

/// The routers that left last.
#[derive(Debug, Default)]
pub(crate) struct Departures(VecDeque<(Instant, Departed)>);

/// So many are remembered.
const REMEMBERED: usize = 64;

impl Departures {
    pub(crate) fn add(&mut self, departed: Departed, now: Instant) {
        self.0.truncate(REMEMBERED - 1);
        self.0.push_front((now, departed));
    }

    pub(crate) fn list(&self, now: Instant) -> Vec<Departed> {
        let aged = self.0.iter().map(|(at, departed)| {
            let seconds_ago = now.saturating_duration_since(*at).as_secs_f64();
            Departed { seconds_ago, ..departed.clone() }
        });
        aged.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_latest_departures_are_remembered_with_their_age() {
        let (mut departures, began) = (Departures::default(), Instant::now());
        for number in 0..100 {
            let departed = Departed {
                id: number.to_string(),
                name: String::new(),
                network: String::new(),
                how: "lost".to_owned(),
                reason: String::new(),
                seconds_ago: 0.0,
            };
            departures.add(departed, began + Duration::from_secs(number));
        }
        let list = departures.list(began + Duration::from_secs(100));
        assert_eq!(list.len(), REMEMBERED);
        assert_eq!((list[0].id.as_str(), list[0].seconds_ago), ("99", 1.0));
        assert_eq!((list[63].id.as_str(), list[63].seconds_ago), ("36", 64.0));
    }
}
