use edri_event::Request;
use edri_link::CallId;
use tokio::time::Instant;

use super::{Conversation, Fate};
use crate::crew::{Patience, Watched};

impl<R: Request> Conversation<R> {
    /// What has become of a job in the meantime.
    pub(super) fn see(&mut self, watched: Watched<CallId>) -> Option<Fate> {
        let cancel_grace = self.work.crew.policy.cancel_grace;
        let (Watched::GoneAway(call) | Watched::Late(call) | Watched::Lost(call)) = watched else {
            return None;
        };
        let (number, flight) = self.flights.get_mut(&call)?;
        if !flight.told {
            flight.told = true;
            self.untold.push(*number);
        }
        match watched {
            Watched::Over => {}
            Watched::GoneAway(_) => self.watches.push(flight.watch_on(call)),
            Watched::Late(_) => self.watches.push(flight.be_late(call, Instant::now(), cancel_grace)),
            Watched::Lost(_) => {
                flight.patience = Patience::Lost;
                self.times.condemn();
                if self.is_lost() {
                    return Some(Fate::Overdue);
                }
                // It has others, and those that it still answers it may.
                self.retire();
            }
        }
        None
    }
}
