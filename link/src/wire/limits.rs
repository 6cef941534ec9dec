use serde::{Deserialize, Serialize};

/// What one end of a link is willing to hold. Each end states its own when it greets the other, and the other
/// keeps to it: a peer that goes beyond breaks the protocol, and the link is closed.
///
/// Together they bound the memory that a peer can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// The longest frame, in bytes without its length. Longer messages travel in parts. From 16 KiB to 16 MiB; 64 KiB
    /// by default.
    pub frame: u32,
    /// The longest message, in bytes: an event, a response or a tunnel's item with what travels beside it. 16 MiB by
    /// default.
    pub message: u32,
    /// How many bytes of messages may be in the course of being put together from parts, at least one of the longest.
    /// 32 MiB by default.
    pub reassembly: u32,
    /// How much may have arrived in each priority lane without having been handled, in [cost](crate::Cost). One message
    /// may go beyond it. 4 MiB by default.
    pub window: u32,
    /// How many requests of the peer may be unanswered. 4,096 by default.
    pub calls: u32,
    /// How many tunnels the peer may have open. 1,024 by default.
    pub tunnels: u32,
    /// How many interests the peer may announce. 4,096 by default.
    pub interests: u32,
}

const KIB: u32 = 1024;

impl Limits {
    /// What a frame holds before the peer's limits are known.
    pub(crate) const FRAME_BEFORE_WELCOME: u32 = 64 * KIB;

    /// What is wrong with them.
    ///
    /// # Errors
    /// A text for people, which names the limit.
    pub fn check(&self) -> Result<(), String> {
        let range = |name: &str, value: u32, least: u32, most: u32| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(format!("the limit `{name}` is {value}: expected {least} to {most}"))
            }
        };
        range("frame", self.frame, 16 * KIB, 16 * KIB * KIB)?;
        range("message", self.message, self.frame, u32::MAX / 2)?;
        range("reassembly", self.reassembly, self.message, u32::MAX)?;
        range("window", self.window, 1, u32::MAX)?;
        range("calls", self.calls, 1, u32::MAX)?;
        range("tunnels", self.tunnels, 0, u32::MAX)?;
        range("interests", self.interests, 0, u32::MAX)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame: 64 * KIB,
            message: 16 * KIB * KIB,
            reassembly: 32 * KIB * KIB,
            window: 4 * KIB * KIB,
            calls: 4096,
            tunnels: 1024,
            interests: 4096,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_would_stall_a_link_are_refused_by_name() {
        assert_eq!(Limits::default().check(), Ok(()));
        let wrong = [
            (Limits { frame: 10, ..Limits::default() }, "frame"),
            (Limits { message: 10, ..Limits::default() }, "message"),
            (Limits { reassembly: 64 * KIB, ..Limits::default() }, "reassembly"),
            (Limits { window: 0, ..Limits::default() }, "window"),
            (Limits { calls: 0, ..Limits::default() }, "calls"),
        ];
        for (limits, name) in wrong {
            assert!(limits.check().unwrap_err().contains(name));
        }
    }
}
