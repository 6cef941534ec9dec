//! The switch: routers that connect to it talk to each other through it.
//!
//! ```text
//! settings     what it is told                       (config: the same from a file in TOML)
//! hub          what it does, without any I/O         networks, members, interests, relays
//! serve        sockets and tasks around that         Switch → RunningSwitch
//! status       what it does, to be looked at         JSON, Prometheus
//! ```
//!
//! | what | bounded by |
//! |---|---|
//! | connections, those in their handshake, those of one address | [`SwitchLimits::connections`], [`handshakes`](SwitchLimits::handshakes), [`per_address`](SwitchLimits::per_address) |
//! | a frame that has not come whole | [`SwitchLimits::frame`]; 64 KiB before the handshake has ended |
//! | what waits for one router, and for all | [`SwitchLimits::queue`], [`memory`](SwitchLimits::memory) |
//! | news of members and interests that somebody has not read | [`SwitchLimits::backlog`] |
//! | interests of a router, types and names in a network | [`SwitchLimits::interests`], [`types`](SwitchLimits::types), 16 MiB |

#[cfg(feature = "config")]
mod config;
mod hub;
mod serve;
mod settings;
pub mod status;

#[cfg(feature = "config")]
pub use config::ConfigError;
#[cfg(fuzzing)]
pub(crate) use hub::fuzz_session;
pub(crate) use serve::{Doors, Standing, listen};
pub use serve::{Drained, Reloaded, RunningSwitch, Switch, SwitchError};
pub use settings::{
    Access, AccessList, Clients, Networks, Pattern, PlainText, Secret, SettingsError, Size, Span,
    SwitchLimits, SwitchSettings, TlsSettings, TokenRule, UnitError, UnknownWord,
};
