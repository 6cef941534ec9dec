use std::time::SystemTime;

use super::data::{PartSnapshot, Snapshot};
use super::process::Process;
use crate::router::Router;

impl Router {
    /// A picture of all that is on this router: managers and pools with what they have done and what they said of
    /// themselves, routes with who is on them, and the process. It asks nobody, and waits for nobody.
    ///
    /// It takes the lock of each inbox for a moment, one after the other, and none for longer than a sender does. For a
    /// thousand managers it takes about half a millisecond, some more the first time, when what has to be remembered of
    /// each is made; and longer if thousands of files are open, which are counted one by one.
    pub fn snapshot(&self) -> Snapshot {
        let parts = self.parts().alive();
        let parts = parts.iter().map(|part| {
            let vitals = part.vitals();
            let picture = part.chart().picture(vitals.counts, vitals.uptime);
            PartSnapshot {
                name: part.name().to_owned(),
                kind: part.kind(),
                state: part.state(),
                status: picture.status,
                health: picture.said,
                rates: picture.recent.rates(),
                vitals,
            }
        });
        let process = Process::now();
        let busy_processors = process.cpu.and_then(|used| self.checks().busy_processors(used));
        Snapshot {
            router: self.id(),
            at: SystemTime::now(),
            uptime: self.made().elapsed(),
            parts: parts.collect(),
            routes: self.table().describe(),
            dead_letters: self.dead_letter_counts(),
            process,
            busy_processors,
        }
    }
}
