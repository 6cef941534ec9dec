use std::collections::VecDeque;

use bytes::Bytes;

use super::body::Body;

/// One queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Body>,
    cost: u64,
    pub(crate) partial: Option<Partial>,
}

/// A long message that is being sent in parts.
#[derive(Debug)]
pub(crate) struct Partial {
    pub(crate) bytes: Bytes,
    /// How much of it has been sent.
    pub(crate) sent: usize,
    /// What it is, without its payload.
    pub(crate) what: What,
}

/// Of what it has to be noted that it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Request(crate::call::CallId),
    Open(crate::tunnel::TunnelId),
    Other,
}

impl What {
    pub(crate) fn of(body: &Body) -> Self {
        match body {
            Body::Request { call, .. } => Self::Request(*call),
            Body::Open { tunnel, .. } => Self::Open(*tunnel),
            _ => Self::Other,
        }
    }
}

impl Queue {
    pub(crate) fn push(&mut self, body: Body) {
        self.cost += body.cost().get();
        self.waiting.push_back(body);
    }

    pub(crate) fn pop(&mut self) -> Option<Body> {
        let body = self.waiting.pop_front()?;
        self.cost -= body.cost().get();
        Some(body)
    }

    /// Takes out what is not to be sent any more. Whether there was such a thing.
    pub(crate) fn remove(&mut self, mut is_it: impl FnMut(&Body) -> bool) -> bool {
        let before = self.waiting.len();
        let cost = &mut self.cost;
        self.waiting.retain(|body| {
            let goes = is_it(body);
            if goes {
                *cost -= body.cost().get();
            }
            !goes
        });
        self.waiting.len() < before
    }

    /// What waits, in [cost](crate::Cost), and what of a long message is still to be sent.
    pub(crate) fn cost(&self) -> u64 {
        self.cost + self.partial.as_ref().map_or(0, |partial| (partial.bytes.len() - partial.sent) as u64)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.partial.is_none()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
