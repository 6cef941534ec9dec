//! What is sent: one event, one request, and the work some requests bring.

use std::{
    hint,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

/// What is told: 24 bytes, of which the receiver adds up one field.
#[derive(Clone, Copy, Debug, edri::event::Notification)]
pub struct Event {
    /// Position among the events of a run, from zero.
    pub number: u64,
    /// A field that is carried and not read.
    pub source: u64,
    /// Another.
    pub value: u64,
}

impl Event {
    /// The event at position `number`.
    pub fn numbered(number: u64) -> Self {
        Self { number, source: 1, value: !number }
    }
}

/// What is told over a network: 64 bytes in postcard, or as good as that, of which the receiver adds up the number.
#[derive(Debug, edri::event::Notification, Serialize, Deserialize)]
#[notification(shareable)]
pub struct Small {
    /// Position among the events of a run, from zero.
    pub number: u64,
    padding: ([u8; 30], [u8; 30]),
}

impl Small {
    /// The event at position `number`.
    pub fn numbered(number: u64) -> Self {
        Self { number, padding: ([1; 30], [1; 30]) }
    }
}

/// What is asked: a number, answered by [`Work::answer`].
#[derive(Clone, Copy, Debug, edri::event::Request)]
#[request(response = u64)]
pub struct Request {
    /// Position among the requests of a run, from zero.
    pub number: u64,
}

/// Arguments with which `sed` is a worker that speaks in lines of JSON, and answers each job with itself.
#[cfg(target_os = "linux")]
pub const SED: [&str; 3] = ["-u", "-e", "s/\"event\":\"[^\"]*\",\"job\"/\"response\"/"];

/// What a worker does before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Nothing.
    None,
    /// Keeps its core busy for a microsecond.
    Microsecond,
}

impl Work {
    /// Does the work and answers with the number after the request's.
    pub fn answer(self, request: Request) -> u64 {
        if self == Self::Microsecond {
            let start = Instant::now();
            while start.elapsed() < Duration::from_micros(1) {
                hint::spin_loop();
            }
        }
        request.number + 1
    }
}
