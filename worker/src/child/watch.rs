use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use edri_router::WorkerLimit;
use rustix::process::{Pid, Signal, kill_process_group};

use super::limits::Limits;
use super::sample;

/// A watch over the process groups whose memory or number of processes is limited: it looks now and then what they use,
/// and kills those that use more than they may.
pub(super) struct Watch {
    watched: HashMap<Pid, Watched>,
    look_at: Instant,
    suspect_at: Instant,
    /// There if somebody's processes are limited.
    suspicion: Option<Suspicion>,
}

/// When somebody is suspected to multiply.
#[derive(Clone, Copy)]
struct Suspicion {
    /// There have been as few threads as that in this machine.
    low: u64,
    /// There may be so many more.
    more: u64,
}

struct Watched {
    limits: Limits,
    exceeded: Arc<OnceLock<WorkerLimit>>,
}

/// How often it looks at what is limited.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often it looks whether somebody multiplies. A fork bomb doubles every few milliseconds, and when there are
/// thousands, they leave no time to count them.
const SUSPECT_EVERY: Duration = Duration::from_millis(20);
impl Watch {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { watched: HashMap::new(), look_at: now, suspect_at: now, suspicion: None }
    }

    /// From now on. What this gives holds the limit that was exceeded, if one is.
    pub(super) fn begin(&mut self, group: Pid, limits: Limits) -> Arc<OnceLock<WorkerLimit>> {
        let exceeded: Arc<OnceLock<_>> = Arc::default();
        if limits.are_sampled() {
            self.watched.insert(group, Watched { limits, exceeded: Arc::clone(&exceeded) });
            self.look_at = Instant::now();
        }
        exceeded
    }

    pub(super) fn end(&mut self, group: Pid) {
        self.watched.remove(&group);
    }

    /// When it has to look next.
    pub(super) fn due(&self) -> Option<Instant> {
        let look = (!self.watched.is_empty()).then_some(self.look_at);
        look.into_iter().chain(self.suspicion.map(|_| self.suspect_at)).min()
    }

    pub(super) fn look_if_due(&mut self, now: Instant) {
        // In this order: among those that multiply there is no time to look.
        if let Some(suspicion) = self.suspicion
            && now >= self.suspect_at
        {
            self.suspect(suspicion);
        }
        if !self.watched.is_empty() && now >= self.look_at {
            self.look();
        }
    }

    /// Stops those whose processes are limited for as long as it takes to count them, if there are suspiciously many
    /// threads in this machine.
    fn suspect(&mut self, Suspicion { low, more }: Suspicion) {
        self.suspect_at = Instant::now() + SUSPECT_EVERY;
        let threads = sample::threads().unwrap_or(low);
        if threads <= low.saturating_add(more) {
            self.suspicion = Some(Suspicion { low: low.min(threads), more });
            return;
        }
        self.signal_limited(Signal::STOP);
        self.look();
        self.signal_limited(Signal::CONT);
    }

    fn signal_limited(&self, signal: Signal) {
        let limited = self.watched.iter().filter(|(_, watched)| watched.limits.processes.is_some());
        for (group, _) in limited {
            let _ = kill_process_group(*group, signal);
        }
    }

    fn look(&mut self) {
        match sample::groups() {
            Ok(groups) => {
                for (group, watched) in &self.watched {
                    let Some(usage) = groups.get(&group.as_raw_nonzero().get()) else { continue };
                    if let Some(limit) = excess(&watched.limits, *usage) {
                        let _ = watched.exceeded.set(limit);
                        let _ = kill_process_group(*group, Signal::KILL);
                    }
                }
            }
            Err(error) => {
                tracing::warn!("/proc cannot be read, by which memory and processes are limited: {error}");
            }
        }
        let now = Instant::now();
        (self.look_at, self.suspect_at) = (now + LOOK_EVERY, now + SUSPECT_EVERY);
        let fewest = self.watched.values().filter_map(|watched| watched.limits.processes).min();
        self.suspicion = fewest.and_then(|more| Some(Suspicion { low: sample::threads()?, more }));
    }
}

/// The limit that is exceeded, if one is.
fn excess(limits: &Limits, usage: sample::Usage) -> Option<WorkerLimit> {
    let processes = limits.processes.filter(|limit| usage.processes > *limit);
    let memory = limits.memory.filter(|limit| usage.memory > *limit);
    processes
        .map(|limit| WorkerLimit::Processes { used: usage.processes, limit })
        .or(memory.map(|limit| WorkerLimit::Memory { used: usage.memory, limit }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_limits_the_number_of_processes_is_told() {
        let limits = Limits::new().memory(100).processes(2);
        let excess = |processes, memory| excess(&limits, sample::Usage { processes, memory });
        assert_eq!(excess(2, 100), None);
        assert_eq!(excess(2, 101), Some(WorkerLimit::Memory { used: 101, limit: 100 }));
        assert_eq!(excess(3, 101), Some(WorkerLimit::Processes { used: 3, limit: 2 }));
        assert_eq!(super::excess(&Limits::new(), sample::Usage { processes: 99, memory: 99 }), None);
    }
}
