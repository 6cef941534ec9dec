use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};

use edri_event::{EventId, Priority};
use edri_router::{
    DeadLetterOffice, Delivery, Departure, Departures, Head, InboxSettings, Loss, Payload, Shareable, Ticket,
    Wait,
};
use futures_util::task::AtomicWaker;

use super::addresses::Addresses;
use super::lane::{Lane, Then};
use crate::message::head_of_plain;

/// Where what is to go over a link waits for it: in lanes, so that one that has to wait for the other end holds up no other.
pub(super) struct Exit {
    lanes: [Lane; 3],
    task: AtomicWaker,
    office: DeadLetterOffice,
    /// Nothing goes out for now: what another may have as well goes there.
    is_away: AtomicBool,
}

pub(super) const LANES: [Priority; 3] = [Priority::Normal, Priority::High, Priority::Control];

impl Exit {
    pub(super) fn new(settings: InboxSettings, office: DeadLetterOffice) -> Self {
        let lanes = LANES.map(|_| Lane::new(settings));
        Self { lanes, task: AtomicWaker::new(), office, is_away: AtomicBool::new(false) }
    }

    /// Whether the other router cannot be reached for now. What is for it alone waits.
    pub(super) fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    /// Takes nothing more in; what waits still goes out.
    pub(super) fn close(&self) {
        self.lanes.iter().for_each(Lane::close);
        self.task.wake();
    }

    /// For the link's task, which is woken from here on for what it finds no more of.
    pub(super) fn listen(&self, cx: &Context<'_>) {
        self.task.register(cx.waker());
    }

    pub(super) fn lane(&self, lane: Priority) -> &Lane {
        &self.lanes[lane as usize]
    }

    fn then(&self, then: Then) {
        if then == Then::Wake {
            self.task.wake();
        }
    }

    /// Of which lane a ticket is, and which it is there.
    fn in_lane(&self, ticket: Ticket) -> (&Lane, Ticket) {
        let lanes = LANES.len() as u64;
        (&self.lanes[(ticket.number() % lanes) as usize], Ticket::new(ticket.number() / lanes))
    }
}

impl edri_router::Exit for Exit {
    fn depart(
        &self,
        departure: &mut Option<Departure>,
        payload: Payload<'_>,
        lane: Priority,
        wait: Wait<'_>,
    ) -> Delivery {
        if matches!(wait, Wait::Room) && self.is_away.load(Ordering::Relaxed) {
            return Delivery::Full;
        }
        let (delivery, then) = self.lane(lane).push(departure, payload, wait, &self.office);
        self.then(then);
        match delivery {
            Delivery::Waiting(ticket) => {
                Delivery::Waiting(Ticket::new(ticket.number() * LANES.len() as u64 + lane as u64))
            }
            delivery => delivery,
        }
    }

    #[inline]
    fn depart_plain(
        &self,
        (event, to): (&Shareable, u64),
        identity: EventId,
        payload: &[u8],
        lane: Priority,
    ) -> bool {
        // Whether it waits here, or goes to another, depends on who offers it.
        if self.is_away.load(Ordering::Relaxed) {
            return false;
        }
        let head = self.head(to, lane);
        match self.lane(lane).push_plain((event, to), head, identity, payload) {
            Some(then) => {
                self.then(then);
                true
            }
            None => false,
        }
    }

    #[inline]
    fn head(&self, to: u64, lane: Priority) -> Head {
        head_of_plain(Addresses::given_for(to), lane)
    }

    fn depart_many(&self, departures: &mut Departures, lane: Priority) -> bool {
        let (is_open, then) = self.lane(lane).push_many(departures);
        self.then(then);
        is_open
    }

    fn room(&self, lane: Priority) -> usize {
        self.lane(lane).room()
    }

    fn taken_in(&self, ticket: Ticket, waker: &Waker) -> bool {
        let (lane, ticket) = self.in_lane(ticket);
        lane.has_left_line(ticket, waker)
    }

    fn withdraw(&self, ticket: Ticket) {
        let (lane, ticket) = self.in_lane(ticket);
        drop(lane.leave_line(ticket));
    }

    fn lose(&self, ticket: Ticket, loss: Loss) {
        let (lane, ticket) = self.in_lane(ticket);
        if let Some((departure, payload)) = lane.leave_line(ticket) {
            departure.discard(&payload, loss, &self.office);
        }
    }

    fn waiting(&self) -> usize {
        self.lanes.iter().map(Lane::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use edri_event::Meta;
    use edri_router::{Back, Description, Exit as _, RouteKind, Router};

    use super::*;

    #[test]
    fn what_another_may_have_goes_there_while_the_other_router_cannot_be_reached() {
        let router = Router::new();
        let event = router.foreign(Description {
            name: "a".to_owned(),
            kind: RouteKind::Notification,
            version: 1,
            codec: "postcard".to_owned(),
            shapes: Vec::new(),
        });
        let office = DeadLetterOffice::new(&router, "a link".into());
        let exit = Exit::new(InboxSettings::with_capacity(10), office);
        let plain = || exit.depart_plain((&event, 1), EventId::fresh(), b"payload", Priority::Normal);
        let depart = |wait| {
            let mut departure = Some(Departure::new(event.clone(), 1, Meta::new(), Back::Nothing));
            exit.depart(&mut departure, Payload::Short(b"payload"), Priority::Normal, wait)
        };
        assert!(plain());
        exit.set_away(true);
        assert!(!plain() && matches!(depart(Wait::Room), Delivery::Full));
        assert!(matches!(depart(Wait::Never), Delivery::Accepted));
        exit.set_away(false);
        assert!(plain() && exit.waiting() == 3);
    }
}
