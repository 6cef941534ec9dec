use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::closed::Closed;
use crate::handshake::{Expected, Refused};
use crate::settings::Settings;
use crate::wire::{Credentials, Frame, Hello, Limits, Pong, Proof, Reader, write};

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) settings: Arc<Settings>,
    pub(super) phase: Phase,
    pub(super) began: Instant,
    pub(super) reader: Reader,
    /// Agreed upon by both ends.
    pub(super) heartbeat: Duration,
    pub(super) last_heard: Instant,
    pub(super) last_spoke: Instant,
    /// To be written before everything else.
    pub(super) greeting: Option<Frame>,
    /// The last ping, until it is answered: of several that came before that, only the last is.
    pub(super) pinged: Option<u64>,
    /// By what the one who connects is known again.
    pub(super) proof: Proof,
    /// The last frame of this end, after which it writes nothing.
    pub(super) last_word: Option<Frame>,
    pub(super) close_sent: bool,
    pub(super) close_received: bool,
}

/// How far a connection has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// This end has said hello, to what it expects there.
    Greeting(Expected),
    /// This end waits for a hello.
    Awaiting,
    Open,
    /// Nothing more is read.
    Closed(Closed),
}

impl Connection {
    /// The end that connects: it says hello.
    pub(crate) fn connecting(settings: &Arc<Settings>, expected: Expected, now: Instant) -> Self {
        let credentials = settings.token.clone().map_or(Credentials::None, Credentials::Token);
        let mut hello =
            Hello::new(settings.identity.clone(), credentials, settings.limits, settings.heartbeat_millis());
        hello.proof = settings.proof;
        hello.features = settings.features();
        Self::new(settings, Phase::Greeting(expected), Some(Frame::Hello(hello)), now)
    }

    /// The end that accepts: it waits for a hello.
    pub(crate) fn accepting(settings: &Arc<Settings>, now: Instant) -> Self {
        Self::new(settings, Phase::Awaiting, None, now)
    }

    fn new(settings: &Arc<Settings>, phase: Phase, greeting: Option<Frame>, now: Instant) -> Self {
        Self {
            phase,
            began: now,
            reader: Reader::new(Limits::FRAME_BEFORE_WELCOME),
            heartbeat: settings.heartbeat,
            last_heard: now,
            last_spoke: now,
            greeting,
            pinged: None,
            proof: Proof::default(),
            last_word: None,
            close_sent: false,
            close_received: false,
            settings: Arc::clone(settings),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// How it ended, if it has.
    pub(crate) fn closed(&self) -> Option<&Closed> {
        match &self.phase {
            Phase::Closed(closed) => Some(closed),
            _ => None,
        }
    }

    /// Whether it can still be said that the one who connects is refused.
    pub(crate) fn may_refuse(&self) -> bool {
        self.phase == Phase::Awaiting || matches!(self.greeting, Some(Frame::Welcome(_)))
    }

    /// Refuses whoever connects, before anything was written.
    pub(crate) fn refuse(&mut self, refused: Refused) {
        self.greeting = Some(Frame::Refused(refused.clone()));
        self.end(Closed::RefusedHere(refused));
    }

    /// By what the one who connected is known again.
    pub(crate) fn proof(&self) -> Proof {
        self.proof
    }

    /// Appends what comes before everything else, with how many channel frames this router has sent again.
    pub(crate) fn write_greeting(&mut self, out: &mut Vec<u8>, resent: u64) {
        if let Some(greeting) = self.greeting.take() {
            write(out, &greeting);
        }
        if self.is_open()
            && let Some(number) = self.pinged.take()
        {
            write(out, &Frame::Pong(Pong { number, resent }));
        }
    }

    /// Appends what comes after everything else, where `out` was so long before all of it.
    pub(crate) fn write_end(&mut self, out: &mut Vec<u8>, before: usize, now: Instant) {
        if out.len() == before && self.is_open() && self.heartbeat_is_due(now) {
            write(out, &Frame::Heartbeat);
        }
        if let Some(last_word) = self.last_word.take() {
            write(out, &last_word);
        }
        if out.len() > before {
            self.last_spoke = now;
        }
    }
}
