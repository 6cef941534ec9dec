use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use crate::switch::settings::SwitchLimits;

/// How many connections there are, in all and from each address, and which of them have not been greeted.
///
/// `H` is a hold on each, by which it can be cut off.
#[derive(Debug)]
pub(crate) struct Doors<H> {
    next: u64,
    connections: BTreeMap<u64, Connection<H>>,
    places: HashMap<Place, Counts>,
    /// Those that are in their handshake, from the oldest on.
    pending: BTreeMap<u64, Place>,
}

#[derive(Debug)]
struct Connection<H> {
    place: Place,
    standing: Standing,
    /// By this it can be cut off.
    hold: Option<H>,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is in its handshake.
    Pending,
    /// It only looks.
    Guest,
    /// Its router has joined.
    Member,
}

/// Where connections come from that count together: one address; of IPv6 one /64, which is what a subscriber gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Place(IpAddr);

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    all: usize,
    pending: usize,
}

/// Why nobody more is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    #[error("there are {0} connections, and no more are accepted")]
    Everywhere(usize),
    #[error("there are {0} connections from this address, and no more are accepted")]
    FromThere(usize),
}

impl Place {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(IpAddr::from([a, b, c, d, 0, 0, 0, 0]))
            }
            address => Self(address),
        }
    }
}

impl<H> Doors<H> {
    pub(crate) fn new() -> Self {
        Self { next: 0, connections: BTreeMap::new(), places: HashMap::new(), pending: BTreeMap::new() }
    }

    /// Somebody comes. Where too many have not been greeted, the oldest of those gives way, of the place that has most of
    /// them: whoever keeps the doors busy keeps out himself.
    pub(crate) fn arrive(
        &mut self,
        address: IpAddr,
        limits: &SwitchLimits,
    ) -> Result<(u64, Option<H>), Full> {
        let place = Place::of(address);
        if self.connections.len() >= limits.connections {
            return Err(Full::Everywhere(limits.connections));
        }
        if self.places.get(&place).is_some_and(|counts| counts.all >= limits.per_address) {
            return Err(Full::FromThere(limits.per_address));
        }
        let gives_way =
            if self.pending.len() >= limits.handshakes { self.oldest_of_the_busiest() } else { None };
        let cut_off = gives_way.and_then(|number| self.gone(number));
        let number = self.next;
        self.next += 1;
        self.connections.insert(number, Connection { place, standing: Standing::Pending, hold: None });
        let counts = self.places.entry(place).or_default();
        counts.all += 1;
        counts.pending += 1;
        self.pending.insert(number, place);
        Ok((number, cut_off))
    }

    fn oldest_of_the_busiest(&self) -> Option<u64> {
        let pending_from = |place: &Place| self.places.get(place).map_or(0, |counts| counts.pending);
        let most = self.pending.values().map(pending_from).max()?;
        self.pending.iter().find(|(_, place)| pending_from(place) == most).map(|(number, _)| *number)
    }

    /// How it can be cut off. If it is gone already, the hold is returned.
    pub(crate) fn attach(&mut self, number: u64, hold: H) -> Option<H> {
        match self.connections.get_mut(&number) {
            Some(connection) => {
                connection.hold = Some(hold);
                None
            }
            None => Some(hold),
        }
    }

    /// It has been let in.
    pub(crate) fn greeted(&mut self, number: u64, standing: Standing) {
        if let Some(connection) = self.connections.get_mut(&number)
            && connection.standing == Standing::Pending
            && standing != Standing::Pending
        {
            connection.standing = standing;
            self.pending.remove(&number);
            if let Some(counts) = self.places.get_mut(&connection.place) {
                counts.pending -= 1;
            }
        }
    }

    /// It is no more.
    pub(crate) fn gone(&mut self, number: u64) -> Option<H> {
        let connection = self.connections.remove(&number)?;
        let pending = usize::from(connection.standing == Standing::Pending);
        self.pending.remove(&number);
        if let Some(counts) = self.places.get_mut(&connection.place) {
            counts.all -= 1;
            counts.pending -= pending;
            if counts.all == 0 {
                self.places.remove(&connection.place);
            }
        }
        connection.hold
    }

    /// How many there are.
    pub(crate) fn all(&self) -> usize {
        self.connections.len()
    }

    /// How many have not been greeted.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The holds on all that are left.
    pub(crate) fn holds(&self) -> impl Iterator<Item = &H> {
        self.connections.values().filter_map(|connection| connection.hold.as_ref())
    }

    /// The holds on those that are no members.
    pub(crate) fn holds_on_others(&self) -> impl Iterator<Item = &H> {
        let others = self.connections.values().filter(|connection| connection.standing != Standing::Member);
        others.filter_map(|connection| connection.hold.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limits(connections: usize, per_address: usize, handshakes: usize) -> SwitchLimits {
        SwitchLimits { connections, per_address, handshakes, ..SwitchLimits::default() }
    }

    fn arrive(
        doors: &mut Doors<u64>,
        address: &str,
        limits: &SwitchLimits,
    ) -> Result<(u64, Option<u64>), Full> {
        let (number, cut_off) = doors.arrive(address.parse().unwrap(), limits)?;
        doors.attach(number, number);
        Ok((number, cut_off))
    }

    #[test]
    fn connections_are_counted_in_all_and_by_address() {
        let (mut doors, limits) = (Doors::new(), limits(4, 2, 10));
        for address in ["10.0.0.1", "10.0.0.1", "10.0.0.2"] {
            arrive(&mut doors, address, &limits).unwrap();
        }
        assert_eq!(arrive(&mut doors, "::ffff:10.0.0.1", &limits), Err(Full::FromThere(2)));
        arrive(&mut doors, "2001:db8::1", &limits).unwrap();
        assert_eq!(arrive(&mut doors, "10.0.0.3", &limits), Err(Full::Everywhere(4)));
        assert_eq!(doors.gone(0), Some(0));
        assert_eq!(doors.gone(0), None);
        arrive(&mut doors, "10.0.0.1", &limits).unwrap();
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_count_together() {
        let (mut doors, limits) = (Doors::new(), limits(10, 1, 10));
        arrive(&mut doors, "2001:db8:0:1::1", &limits).unwrap();
        assert_eq!(arrive(&mut doors, "2001:db8:0:1:ffff::2", &limits), Err(Full::FromThere(1)));
        arrive(&mut doors, "2001:db8:0:2::1", &limits).unwrap();
    }

    #[test]
    fn whoever_keeps_the_doors_busy_keeps_out_himself() {
        let (mut doors, limits) = (Doors::new(), limits(100, 100, 3));
        let (honest, _) = arrive(&mut doors, "10.0.0.1", &limits).unwrap();
        for _ in 0..50 {
            arrive(&mut doors, "10.6.6.6", &limits).unwrap();
        }
        assert_eq!(doors.pending(), 3);
        doors.greeted(honest, Standing::Member);
        assert_eq!(doors.gone(honest), Some(honest), "it was cut off");
    }

    #[test]
    fn who_has_been_greeted_gives_way_to_nobody() {
        let (mut doors, limits) = (Doors::new(), limits(100, 100, 1));
        let (first, _) = arrive(&mut doors, "10.0.0.1", &limits).unwrap();
        doors.greeted(first, Standing::Guest);
        let (second, cut_off) = arrive(&mut doors, "10.0.0.1", &limits).unwrap();
        assert_eq!(cut_off, None);
        assert_eq!(arrive(&mut doors, "10.0.0.1", &limits), Ok((2, Some(second))));
        assert_eq!((doors.all(), doors.pending()), (2, 1));
    }

    proptest! {
        #[test]
        fn the_counts_are_those_of_the_connections(
            steps in prop::collection::vec((0..3, 0..4_u8, 0..40_u64), 1..200),
        ) {
            let (mut doors, limits) = (Doors::new(), limits(12, 5, 4));
            for (what, address, number) in steps {
                match what {
                    0 => drop(arrive(&mut doors, &format!("10.0.0.{address}"), &limits)),
                    1 => doors.greeted(number, Standing::Member),
                    _ => drop(doors.gone(number)),
                }
                prop_assert!(doors.all() <= 12 && doors.pending() <= 4);
                let pending = doors.connections.values().filter(|connection| connection.standing == Standing::Pending).count();
                prop_assert_eq!(doors.pending(), pending);
                let all: usize = doors.places.values().map(|counts| counts.all).sum();
                prop_assert_eq!(doors.all(), all);
                prop_assert!(doors.places.values().all(|counts| counts.all <= 5 && counts.all > 0));
            }
        }
    }
}
