use std::fmt;
use std::time::Duration;

use super::data::{PartSnapshot, RouteKind, RouteSnapshot, Snapshot};
use super::process::Process;

impl fmt::Display for Snapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "router {}, up {:.1?}", self.router, self.uptime)?;
        write!(formatter, "{}", self.process)?;
        if let Some(busy) = self.busy_processors {
            write!(formatter, ", {busy:.2} processors busy")?;
        }
        writeln!(formatter)?;
        let width = self.parts.iter().map(|part| part.name.chars().count()).max().unwrap_or(0).max(4);
        if !self.parts.is_empty() {
            writeln!(
                formatter,
                "\n{:width$}  kind     state       status    processed   failed  panicked  lost  waiting  busy  p50 wait  p50 work",
                "part"
            )?;
        }
        for part in &self.parts {
            part.row(formatter, width)?;
        }
        let lost: Vec<_> = self.dead_letters.by_reason().filter(|(_, count)| *count > 0).collect();
        if !lost.is_empty() {
            let lost: Vec<_> = lost.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
            writeln!(formatter, "\ndead letters: {}", lost.join(", "))?;
        }
        let width = self.routes.iter().map(|route| route.event.chars().count()).max().unwrap_or(0).max(5);
        if !self.routes.is_empty() {
            writeln!(formatter, "\n{:width$}  kind          for (waiting)", "event")?;
        }
        for route in &self.routes {
            route.row(formatter, width)?;
        }
        Ok(())
    }
}

impl PartSnapshot {
    fn row(&self, formatter: &mut fmt::Formatter<'_>, width: usize) -> fmt::Result {
        let vitals = &self.vitals;
        let counts = &vitals.counts;
        let busy = vitals.workers.map(|workers| format!("{}/{}", workers.busy, workers.limit));
        writeln!(
            formatter,
            "{:width$}  {:7}  {:10}  {:8}  {:9}  {:7}  {:8}  {:4}  {:7}  {:>4}  {:>8}  {:>8}",
            self.name,
            self.kind,
            self.state,
            self.status,
            counts.processed,
            counts.failed,
            counts.panicked,
            counts.rejected + counts.dropped,
            vitals.queued.total(),
            busy.as_deref().unwrap_or("-"),
            Short(vitals.waiting.count, vitals.waiting.p50),
            Short(vitals.handling.count, vitals.handling.p50),
        )
    }
}

/// A time, if any was measured.
struct Short(u64, Duration);

impl fmt::Display for Short {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => formatter.pad("-"),
            _ => formatter.pad(&format!("{:.1?}", self.1)),
        }
    }
}

impl RouteSnapshot {
    fn row(&self, formatter: &mut fmt::Formatter<'_>, width: usize) -> fmt::Result {
        write!(formatter, "{:width$}  {:12}", self.event, self.kind)?;
        for (number, consumer) in self.consumers.iter().enumerate() {
            let separator = if number == 0 { "" } else { "," };
            write!(formatter, "{separator} {} ({}", consumer.name, consumer.waiting)?;
            match consumer.links {
                0 => formatter.write_str(")")?,
                1 => formatter.write_str(", over a link)")?,
                links => write!(formatter, ", over {links} links)")?,
            }
        }
        let more = self.registered - self.consumers.len().min(self.registered);
        if more > 0 {
            write!(formatter, ", and {more} more")?;
        }
        if self.observed > 0 {
            write!(formatter, "; answers seen by {}", self.observed)?;
        }
        if let Some(policy) = self.policy.filter(|_| self.registered > 1) {
            write!(formatter, "; {policy}")?;
        }
        if let Some(retained) = self.retained {
            write!(formatter, "; {} kept", retained.events)?;
            if retained.bytes > 0 {
                write!(formatter, " ({} bytes)", retained.bytes)?;
            }
        }
        writeln!(formatter)
    }
}

impl fmt::Display for RouteKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Notification => "notification",
            Self::Request => "request",
            Self::Tunnel => "tunnel",
        })
    }
}

impl fmt::Display for Process {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "process {}", self.pid)?;
        if let Some(uptime) = self.uptime {
            write!(formatter, ", up {uptime:.1?}")?;
        }
        if let Some(memory) = self.memory {
            write!(formatter, ", memory {} kB", memory / 1024)?;
        }
        if let Some(peak) = self.peak_memory {
            write!(formatter, " (at most {} kB)", peak / 1024)?;
        }
        if let Some(cpu) = self.cpu {
            write!(formatter, ", processor {cpu:.1?}")?;
        }
        if let Some(threads) = self.threads {
            write!(formatter, ", threads {threads}")?;
        }
        if let Some(files) = self.open_files {
            write!(formatter, ", open files {files}")?;
        }
        Ok(())
    }
}
