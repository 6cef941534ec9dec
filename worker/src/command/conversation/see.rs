use edri_event::Request;

use super::super::protocol::cancel_line;
use super::{Conversation, Fate};
use crate::crew::{Noticed, Patience};

impl<R: Request> Conversation<R> {
    /// What has become of jobs in the meantime.
    pub(super) fn see(&mut self, noticed: Noticed<u64>) -> Option<Fate> {
        match noticed {
            Noticed::GoneAway => {
                let left: Vec<_> = self
                    .flights
                    .iter_mut()
                    .filter_map(|(id, flight)| flight.is_left().then_some(*id))
                    .collect();
                left.into_iter().for_each(|id| self.tell(id));
                None
            }
            Noticed::Due(id) => self.be_late(id),
        }
    }

    /// Nobody wants that job any more.
    fn tell(&mut self, id: u64) {
        if let Some(flight) = self.flights.get_mut(&id)
            && !flight.told
            && self.ready.is_some_and(|ready| ready.cancel)
        {
            flight.told = true;
            cancel_line(id, self.stdin.buffer());
        }
    }

    fn be_late(&mut self, id: u64) -> Option<Fate> {
        self.tell(id);
        let flight = self.flights.get_mut(&id)?;
        flight.be_late(id, &mut self.watches, self.work.crew.policy.cancel_grace);
        if flight.patience == Patience::Lost {
            self.times.condemn();
            if self.is_lost() {
                return Some(Fate::Overdue);
            }
            // It has others, and those that it still answers it may.
            self.retire();
        }
        None
    }
}
