use edri_event::Request;
use tokio::time::Instant;

use super::super::protocol::cancel_line;
use super::{Conversation, Fate};
use crate::crew::{Patience, Watched};

impl<R: Request> Conversation<R> {
    /// What has become of a job in the meantime.
    pub(super) fn see(&mut self, watched: Watched<u64>) -> Option<Fate> {
        let cancel_grace = self.work.crew.policy.cancel_grace;
        let (Watched::GoneAway(id) | Watched::Late(id) | Watched::Lost(id)) = watched else { return None };
        let flight = self.flights.get_mut(&id)?;
        if !flight.told && self.ready.is_some_and(|ready| ready.cancel) {
            flight.told = true;
            cancel_line(id, self.stdin.buffer());
        }
        match watched {
            Watched::Over => {}
            Watched::GoneAway(_) => self.watches.push(flight.watch_on(id)),
            Watched::Late(_) => self.watches.push(flight.be_late(id, Instant::now(), cancel_grace)),
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
