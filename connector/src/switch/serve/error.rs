use std::net::SocketAddr;

use crate::switch::settings::SettingsError;

/// Why a switch cannot start, or not go on by other settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SwitchError {
    /// The settings do not work.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// An address is none.
    #[error("{text:?} is no address to listen at: {reason}")]
    Address {
        /// What was given.
        text: String,
        /// Why not.
        reason: String,
    },
    /// It would be spoken to without TLS, and others could listen.
    #[error(
        "{0} can be reached from other machines and there is no TLS: expected certificates (edri cert makes some), \
         a loopback address, or plain-text = \"anywhere\""
    )]
    Plain(SocketAddr),
    /// It cannot listen there.
    #[error("cannot listen at {address}: {reason}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        reason: String,
    },
    /// TLS cannot be set up.
    #[cfg(feature = "tls")]
    #[error(transparent)]
    Tls(#[from] crate::tls::TlsError),
    /// Something was asked for that this build has not.
    #[error("{what} was asked for, and this program was built without the feature `{feature}`")]
    Feature {
        /// What.
        what: &'static str,
        /// Which feature has it.
        feature: &'static str,
    },
}
