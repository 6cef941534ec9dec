//! The switch: routers that connect to it talk to each other through it.

#[cfg(feature = "config")]
mod config;
mod settings;

#[cfg(feature = "config")]
pub use config::ConfigError;
pub use settings::{
    Access, AccessList, Clients, Networks, Pattern, PlainText, Secret, SettingsError, Size, Span,
    SwitchLimits, SwitchSettings, TlsSettings, TokenRule, UnitError, UnknownWord,
};
