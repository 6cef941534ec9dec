use edri_event::Request;
use edri_link::CallId;

use super::{Conversation, Fate};
use crate::crew::{Noticed, Patience};

impl<R: Request> Conversation<R> {
    /// What has become of jobs in the meantime.
    pub(super) fn see(&mut self, noticed: Noticed<CallId>) -> Option<Fate> {
        match noticed {
            Noticed::GoneAway => {
                for (number, flight) in self.flights.values_mut() {
                    if flight.is_left() && !flight.told {
                        flight.told = true;
                        self.untold.push(*number);
                    }
                }
                None
            }
            Noticed::Due(call) => self.be_late(call),
        }
    }

    fn be_late(&mut self, call: CallId) -> Option<Fate> {
        let (number, flight) = self.flights.get_mut(&call)?;
        if !flight.told {
            flight.told = true;
            self.untold.push(*number);
        }
        flight.be_late(call, &mut self.watches, self.work.crew.policy.cancel_grace);
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
