//! The switch: routers that connect to it talk to each other through it.

#[cfg(feature = "config")]
mod config;
mod hub;
mod serve;
mod settings;
pub mod status;

#[cfg(feature = "config")]
pub use config::ConfigError;
pub use serve::{Drained, Reloaded, RunningSwitch, Switch, SwitchError};
pub use settings::{
    Access, AccessList, Clients, Networks, Pattern, PlainText, Secret, SettingsError, Size, Span,
    SwitchLimits, SwitchSettings, TlsSettings, TokenRule, UnitError, UnknownWord,
};
