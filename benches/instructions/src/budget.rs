use crate::callgrind::{CountError, per_event};
use crate::listener::Listener;
use crate::workload::Workload;

/// What one event may cost.
pub(crate) struct Budget {
    workload: Workload,
    /// The plain channel that does the same.
    plain: Workload,
    /// Instructions per event over those of the plain channel.
    ratio: f64,
}

/// How far above its ratio a path may be: compilers and tokio versions differ by as much. An allocation for each
/// event costs more, as does a span.
const TOLERANCE: f64 = 0.06;

/// As measured when there were spans and vitals for the first time. Whoever makes a path cheaper lowers its ratio.
pub(crate) const ALL: &[Budget] = &[
    Budget { workload: Workload::Notify, plain: Workload::Channel, ratio: 1.26 },
    Budget { workload: Workload::NotifyAsync, plain: Workload::Channel, ratio: 1.87 },
    Budget { workload: Workload::InlineNotify, plain: Workload::Channel, ratio: 0.995 },
    Budget { workload: Workload::Request, plain: Workload::ChannelAsk, ratio: 1.25 },
    Budget { workload: Workload::RequestAsync, plain: Workload::ChannelAsk, ratio: 1.36 },
    Budget { workload: Workload::InlineRequest, plain: Workload::ChannelAsk, ratio: 0.262 },
    Budget { workload: Workload::InlineRequestAsync, plain: Workload::ChannelAsk, ratio: 0.495 },
    Budget { workload: Workload::Job, plain: Workload::ChannelAsk, ratio: 1.38 },
];

impl Budget {
    /// Whether it is kept, whoever listens.
    pub(crate) fn check(&self) -> Result<bool, CountError> {
        let plain = per_event(self.plain, Listener::Nobody)?;
        let mut kept = true;
        for listener in [Listener::Nobody, Listener::AtInfo] {
            let counted = per_event(self.workload, listener)?;
            let ratio = counted / plain;
            let verdict = if ratio <= self.ratio * (1.0 + TOLERANCE) { "kept" } else { "EXCEEDED" };
            kept &= verdict == "kept";
            println!(
                "{:<22} {:<8} {counted:>8.1} instructions per event, {ratio:.3} of {} ({plain:.1}); budget {:.3}: {verdict}",
                self.workload.name(),
                listener.name(),
                self.plain.name(),
                self.ratio,
            );
        }
        Ok(kept)
    }
}
