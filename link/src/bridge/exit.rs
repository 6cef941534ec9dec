use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use edri_event::Priority;
use edri_router::{
    DeadLetterOffice, Deliver, Delivery, Departure, Inbox, InboxSettings, Loss, Receiver, Ticket, ToInbox,
    Wait,
};

/// Where what is to go over a link waits for it: an inbox for each lane, so that a lane that has to wait for the other
/// end holds up no other.
pub(super) struct Exit {
    lanes: [(Inbox<Departure>, ToInbox<Departure, Departure>); 3],
    name: Arc<str>,
}

pub(super) const LANES: [Priority; 3] = [Priority::Normal, Priority::High, Priority::Control];

impl Exit {
    pub(super) fn new(
        name: &Arc<str>,
        settings: InboxSettings,
        office: &DeadLetterOffice,
    ) -> (Self, [Receiver<Departure>; 3]) {
        let [normal, high, control] = LANES.map(|_| {
            let (inbox, receiver) = Inbox::reporting(settings, office.clone());
            let to = ToInbox::new(Arc::clone(name), inbox.clone(), std::convert::identity);
            ((inbox, to), receiver)
        });
        let exit = Self { lanes: [normal.0, high.0, control.0], name: Arc::clone(name) };
        (exit, [normal.1, high.1, control.1])
    }

    /// Takes nothing more in; what waits still goes out.
    pub(super) fn close(&self) {
        self.lanes.iter().for_each(|(inbox, _)| inbox.close());
    }

    fn lane(&self, lane: Priority) -> &ToInbox<Departure, Departure> {
        &self.lanes[lane as usize].1
    }

    /// Of which lane a ticket is, and which it is there.
    fn in_lane(&self, ticket: Ticket) -> (&ToInbox<Departure, Departure>, Ticket) {
        let lanes = LANES.len() as u64;
        let lane = &self.lanes[(ticket.number() % lanes) as usize].1;
        (lane, Ticket::new(ticket.number() / lanes))
    }
}

impl Deliver<Departure> for Exit {
    fn deliver(&self, parcel: &mut Option<Departure>, lane: Priority, wait: Wait<'_>) -> Delivery {
        match self.lane(lane).deliver(parcel, lane, wait) {
            Delivery::Waiting(ticket) => {
                Delivery::Waiting(Ticket::new(ticket.number() * LANES.len() as u64 + lane as u64))
            }
            delivery => delivery,
        }
    }

    fn deliver_many(&self, parcels: &mut VecDeque<Departure>, lane: Priority) -> bool {
        self.lane(lane).deliver_many(parcels, lane)
    }

    fn taken_in(&self, ticket: Ticket, waker: &Waker) -> bool {
        let (lane, ticket) = self.in_lane(ticket);
        Deliver::taken_in(lane, ticket, waker)
    }

    fn withdraw(&self, ticket: Ticket) {
        let (lane, ticket) = self.in_lane(ticket);
        Deliver::withdraw(lane, ticket);
    }

    fn lose(&self, ticket: Ticket, loss: Loss) {
        let (lane, ticket) = self.in_lane(ticket);
        Deliver::lose(lane, ticket, loss);
    }

    fn load(&self) -> usize {
        self.lanes.iter().map(|(inbox, _)| inbox.len()).sum()
    }

    fn name(&self) -> &str {
        &self.name
    }
}
