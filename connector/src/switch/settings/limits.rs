use std::time::Duration;

/// What a switch is willing to hold, so that no peer takes more than its share.
///
/// | what | when it is reached |
/// |---|---|
/// | [`connections`](Self::connections), [`per_address`](Self::per_address) | the newcomer is turned away |
/// | [`handshakes`](Self::handshakes) | the oldest one that is pending gives way, of the address that has most of them |
/// | [`handshake`](Self::handshake), [`stall`](Self::stall), [`backlog`](Self::backlog) | the connection is closed |
/// | [`frame`](Self::frame), [`interests`](Self::interests) | the connection is closed: the peer was told |
/// | [`queue`](Self::queue), [`memory`](Self::memory) | what was to be forwarded is dropped and counted; its sender sends it again |
/// | [`networks`](Self::networks) | the newcomer is turned away |
/// | [`types`](Self::types) | the interest is not passed on, and counted |
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SwitchLimits {
    /// How many connections may be open, pending handshakes among them. 16,384 by default.
    pub connections: usize,
    /// How many of them from one address; of IPv6 from one /64. 4,096 by default.
    pub per_address: usize,
    /// How many connections may be in their handshake. 512 by default.
    pub handshakes: usize,
    /// How long a handshake may take, TLS included. 5 s by default.
    pub handshake: Duration,
    /// The longest frame after the handshake, in bytes; from 16 KiB to 16 MiB. 256 KiB by default.
    pub frame: u32,
    /// How many bytes may wait for one router. 16 MiB by default.
    pub queue: u64,
    /// How many bytes may wait for all routers together. 1 GiB by default.
    pub memory: u64,
    /// For how long a router may take nothing while something waits for it. 30 s by default.
    pub stall: Duration,
    /// How many bytes of news of members and interests a router may be behind. 16 MiB by default.
    pub backlog: u64,
    /// How many networks there may be at a time. 1,024 by default.
    pub networks: usize,
    /// How many interests a router may have. 4,096 by default, which is what routers expect of each other: one that expects
    /// fewer is not let in.
    pub interests: u32,
    /// How many event types a network may know. 131,072 by default. What they are called may take some 16 MiB, which is what
    /// routers keep of it.
    pub types: u32,
}

/// What a peer's frames may hold before it has been let in, in bytes.
pub(crate) const FRAME_BEFORE_WELCOME: u32 = 64 * 1024;

impl SwitchLimits {
    /// What is wrong with them: the key as a configuration names it, and why.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        let least = |key: &'static str, value: u64, least: u64| {
            if value >= least { Ok(()) } else { Err((key, format!("is {value}: expected at least {least}"))) }
        };
        let period = |key: &'static str, value: Duration| {
            if value >= Duration::from_millis(1) {
                Ok(())
            } else {
                Err((key, format!("is {value:?}: expected at least 1 ms")))
            }
        };
        least("connections", self.connections as u64, 1)?;
        least("connections-per-address", self.per_address as u64, 1)?;
        least("handshakes", self.handshakes as u64, 1)?;
        least("networks", self.networks as u64, 1)?;
        least("interests", self.interests.into(), 1)?;
        least("types", self.types.into(), 1)?;
        period("handshake-time", self.handshake)?;
        period("stall-time", self.stall)?;
        if !(16 * 1024..=16 * 1024 * 1024).contains(&self.frame) {
            return Err(("frame", format!("is {} bytes: expected 16 KiB to 16 MiB", self.frame)));
        }
        // A queue that holds no frame would forward none.
        least("queue", self.queue, u64::from(self.frame) + 64)?;
        least("memory", self.memory, self.queue)?;
        least("backlog", self.backlog, 64 * 1024)
    }
}

impl Default for SwitchLimits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            per_address: 4_096,
            handshakes: 512,
            handshake: Duration::from_secs(5),
            frame: 256 * 1024,
            queue: 16 << 20,
            memory: 1 << 30,
            stall: Duration::from_secs(30),
            backlog: 16 << 20,
            networks: 1_024,
            interests: 4_096,
            types: 131_072,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_under_which_nothing_would_work_are_refused_by_name() {
        assert_eq!(SwitchLimits::default().check(), Ok(()));
        let wrong = [
            (SwitchLimits { connections: 0, ..Default::default() }, "connections"),
            (SwitchLimits { handshake: Duration::ZERO, ..Default::default() }, "handshake-time"),
            (SwitchLimits { frame: 1, ..Default::default() }, "frame"),
            (SwitchLimits { queue: 100, ..Default::default() }, "queue"),
            (SwitchLimits { memory: 1 << 20, ..Default::default() }, "memory"),
            (SwitchLimits { backlog: 0, ..Default::default() }, "backlog"),
        ];
        for (limits, expected) in wrong {
            let (key, why) = limits.check().unwrap_err();
            assert_eq!(key, expected);
            assert!(why.contains("expected"), "{why}");
        }
    }
}
