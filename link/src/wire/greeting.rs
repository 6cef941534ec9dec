use serde::{Deserialize, Serialize};

use super::identity::{Identity, Proof, Token};
use super::limits::Limits;
use super::{FEATURES, MAGIC, VERSION};

/// The first frame of the end that connects.
///
/// Its magic and its versions stay where they are in all versions of the protocol; what follows may change with the
/// version. [`Frame`](super::Frame) gives one out only where both fit; where they do not, its error says
/// [what to answer](super::FrameError::refused).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`MAGIC`].
    pub magic: [u8; 4],
    /// The lowest and the highest version it speaks.
    pub versions: (u16, u16),
    /// Who it is, and which network it wants to be in.
    pub identity: Identity,
    /// Why it may.
    pub credentials: Credentials,
    /// By what it is known again.
    pub proof: Proof,
    /// What it comes for.
    pub purpose: Purpose,
    /// What it can do beside, in bits.
    pub features: u64,
    /// What it is willing to hold.
    pub limits: Limits,
    /// How often it wants to hear something, in milliseconds: the shorter of both ends' holds.
    pub heartbeat: u32,
}

/// What a router comes for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// To talk to others.
    #[default]
    Join,
    /// To see whether it could, and how far it is: it becomes no member, and sends nothing but signs of life.
    Probe,
}

/// Why a router may come in, as far as it says so itself: beside that there is what the transport knows, such as a
/// certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Credentials {
    /// It says nothing.
    #[default]
    None,
    /// It knows a secret.
    Token(Token),
}

/// The answer to a [`Hello`] that fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version that is spoken from here on.
    pub version: u16,
    /// Who says so.
    pub identity: Identity,
    /// What it is.
    pub station: Station,
    /// The features of both.
    pub features: u64,
    /// What it is willing to hold. Of a switch's, `frame` and `interests` count; what the others in the network are
    /// willing to hold comes with each [`Member`](super::Member).
    pub limits: Limits,
    /// How often it wants to hear something, in milliseconds.
    pub heartbeat: u32,
}

/// What is at the accepting end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Station {
    /// A router: channel frames follow bare.
    Router,
    /// A switch: members, and relays to them, follow.
    Switch {
        /// What the one who is welcomed is to the others.
        member: u32,
    },
}

/// The answer to a greeting that does not fit. It looks the same in all versions of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{reason}")]
#[non_exhaustive]
pub struct Refused {
    /// For programs.
    pub code: Refusal,
    /// For people: what was wrong, and what was expected.
    pub reason: String,
    /// The lowest and the highest version that the refusing end speaks.
    pub versions: (u16, u16),
}

/// What did not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
#[non_exhaustive]
pub enum Refusal {
    /// It did not begin as a router does.
    NoRouter,
    /// There is no version of the protocol that both speak.
    Version,
    /// It belongs to another network.
    Network,
    /// It did not give the right token.
    Token,
    /// It is this very router.
    Itself,
    /// Its limits would stall the link.
    Limits,
    /// Too many links are open or being opened.
    Busy,
    /// The router it says it is belongs to another.
    Taken,
    /// It is known, and may not.
    Forbidden,
    /// A router was expected and a switch is there, or the other way round.
    Station,
    /// A reason that this version of the crate does not know.
    Other,
}

const REFUSALS: [Refusal; 10] = [
    Refusal::NoRouter,
    Refusal::Version,
    Refusal::Network,
    Refusal::Token,
    Refusal::Itself,
    Refusal::Limits,
    Refusal::Busy,
    Refusal::Taken,
    Refusal::Forbidden,
    Refusal::Station,
];

impl From<u8> for Refusal {
    fn from(code: u8) -> Self {
        REFUSALS.get(usize::from(code)).copied().unwrap_or(Self::Other)
    }
}

impl From<Refusal> for u8 {
    fn from(refusal: Refusal) -> Self {
        let known = REFUSALS.iter().position(|known| *known == refusal);
        known.and_then(|code| Self::try_from(code).ok()).unwrap_or(Self::MAX)
    }
}

impl Refused {
    /// A refusal by an end of this version. The reason is cut where it is longer than people read.
    pub fn new(code: Refusal, reason: impl Into<String>) -> Self {
        Self { code, reason: crate::message::cut(reason.into()), versions: (VERSION, VERSION) }
    }
}

impl Hello {
    /// A greeting by an end of this version that can do all that this crate can, wants to join, and cannot be known again.
    pub fn new(identity: Identity, credentials: Credentials, limits: Limits, heartbeat: u32) -> Self {
        Self {
            magic: MAGIC,
            versions: (VERSION, VERSION),
            identity,
            credentials,
            proof: Proof::default(),
            purpose: Purpose::Join,
            features: FEATURES,
            limits,
            heartbeat,
        }
    }
}

impl Credentials {
    /// Whether they contain `token`. Takes a time that does not tell how much of it was right.
    pub fn match_token(&self, token: &Token) -> bool {
        match self {
            Self::Token(given) => given.matches(token),
            Self::None => false,
        }
    }
}
