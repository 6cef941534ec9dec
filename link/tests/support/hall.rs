//! A switch and those who are connected with it, without delay.

use std::time::{Duration, Instant};

use edri_link::wire::Departure;
use edri_link::{Event, MemberId, Membership, NetworkEvent, Settings};

use crate::network::switch::Switch;

pub(crate) struct Hall {
    pub(crate) now: Instant,
    pub(crate) switch: Switch,
    pub(crate) guests: Vec<Guest>,
}

pub(crate) struct Guest {
    pub(crate) membership: Membership,
    /// What it has learned.
    pub(crate) events: Vec<NetworkEvent>,
    /// Its connection, as the switch knows it.
    link: Option<usize>,
    /// It reads and writes nothing.
    pub(crate) stalls: bool,
}

impl Hall {
    pub(crate) fn new() -> Self {
        Self { now: Instant::now(), switch: Switch::new(1_000, usize::MAX, None), guests: Vec::new() }
    }

    /// Another comes in; its number.
    pub(crate) fn enter(&mut self, settings: Settings) -> usize {
        self.enter_with(settings, |_, _| {})
    }

    /// The same for one that does something before.
    pub(crate) fn enter_with(&mut self, settings: Settings, before: impl FnOnce(&mut Self, usize)) -> usize {
        let membership = Membership::unconnected(settings);
        self.guests.push(Guest { membership, events: Vec::new(), link: None, stalls: false });
        let guest = self.guests.len() - 1;
        before(self, guest);
        self.connect(guest);
        guest
    }

    pub(crate) fn connect(&mut self, guest: usize) {
        let link = 1_000 * guest + self.switch.connections();
        self.switch.connect(link, self.now);
        self.guests[guest].membership.reconnect(self.now);
        self.guests[guest].link = Some(link);
        self.exchange();
    }

    /// The connection of a guest is lost.
    pub(crate) fn lose(&mut self, guest: usize) {
        if let Some(link) = self.guests[guest].link.take() {
            self.switch.disconnect(link, Departure::Lost);
            self.guests[guest].membership.transport_lost("it was cut", self.now);
        }
        self.exchange();
    }

    /// Until nobody has anything to say at this time.
    pub(crate) fn exchange(&mut self) {
        let mut happened = true;
        let mut turns = 0;
        while happened {
            turns += 1;
            assert!(turns < 100_000, "they never come to rest");
            happened = false;
            for index in 0..self.guests.len() {
                happened |= self.exchange_with(index);
            }
        }
    }

    fn exchange_with(&mut self, index: usize) -> bool {
        let (now, guest) = (self.now, &mut self.guests[index]);
        let mut happened = false;
        if let Some(link) = guest.link.filter(|_| !guest.stalls) {
            let mut out = Vec::new();
            guest.membership.transmit(&mut out, 64 * 1024, now);
            self.switch.receive(link, &out, now);
            let back = self.switch.transmit(link, 64 * 1024, now);
            happened |= !out.is_empty() || back.as_ref().is_some_and(|back| !back.is_empty());
            match back {
                Some(back) => guest.membership.receive(&back, now),
                None => {
                    guest.link = None;
                    guest.membership.transport_lost("the switch closed it", now);
                }
            }
        }
        while let Some(event) = guest.membership.poll_event() {
            happened = true;
            guest.events.push(event);
        }
        happened
    }

    /// Lets so much time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            self.exchange();
            let timers = self.guests.iter().filter(|guest| !guest.stalls);
            let timers = timers.filter_map(|guest| guest.membership.next_timeout());
            let next = timers.chain(self.switch.next_timeout()).min().filter(|next| *next <= until);
            let Some(next) = next.filter(|_| self.now < until) else { break };
            self.now = next.max(self.now + Duration::from_millis(1));
            for guest in self.guests.iter_mut().filter(|guest| !guest.stalls) {
                guest.membership.handle_timeout(self.now);
            }
        }
        self.now = until;
    }

    /// How one knows another.
    pub(crate) fn id(&self, guest: usize, other: usize) -> MemberId {
        let router = self.settings_of(other);
        let members = self.guests[guest].membership.members();
        let is_it = |id: &MemberId| {
            self.guests[guest]
                .membership
                .peer(*id)
                .is_some_and(|peer| peer.identity.router.to_bits() == router)
        };
        members.into_iter().find(is_it).expect("they know each other")
    }

    fn settings_of(&self, guest: usize) -> u128 {
        self.guests[guest].membership.identity().router.to_bits()
    }

    /// Takes out what a guest has learned.
    pub(crate) fn take(&mut self, guest: usize) -> Vec<NetworkEvent> {
        std::mem::take(&mut self.guests[guest].events)
    }

    /// Takes out what a guest has learned of others' channels, without who it was.
    pub(crate) fn take_events(&mut self, guest: usize) -> Vec<Event> {
        let events = self.take(guest).into_iter().filter_map(|event| match event {
            NetworkEvent::From { event, .. } => Some(event),
            _ => None,
        });
        events.collect()
    }
}
