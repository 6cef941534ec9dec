//! What a switch is told: where it listens, whom it lets in, what it is willing to hold.
//!
//! ```text
//! secret     shared secrets, and who may join by them
//! access     which routers may do what with which events
//! limits     what no peer may go beyond
//! units      sizes and times as people write them
//! ```

mod access;
mod limits;
mod secret;
mod units;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

pub use access::{Access, AccessList};
pub(crate) use access::{Rights, Verb};
pub use edri_link::wire::Pattern;
pub(crate) use limits::FRAME_BEFORE_WELCOME;
pub use limits::SwitchLimits;
pub use secret::{Secret, TokenRule};
pub use units::{Size, Span, UnitError};

/// What a switch is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SwitchSettings {
    /// Where it listens: `HOST:PORT`, IPv6 addresses in brackets. A name stands for all its addresses.
    pub listen: Vec<String>,
    /// Where it says what it does, over HTTP, if anywhere.
    pub status: Option<String>,
    /// Which networks there are.
    pub networks: Networks,
    /// How often it and each router hear from each other at least. 5 s by default, at least 100 ms.
    pub heartbeat: Duration,
    /// How long the routers have to go when the switch is told to stop. 10 s by default.
    pub drain: Duration,
    /// Where it may be spoken to without TLS.
    pub plain_text: PlainText,
    /// How it proves who it is, and whose certificates it accepts.
    pub tls: Option<TlsSettings>,
    /// The shared secrets by which routers may join. With none, no secret is asked for.
    pub tokens: Vec<TokenRule>,
    /// Routers that are not let in, whatever they show: by their names, or by their ids in hexadecimal. For keys that have
    /// been lost.
    pub refuse: Vec<Pattern>,
    /// Which routers may do what.
    pub access: AccessList,
    /// What it is willing to hold.
    pub limits: SwitchLimits,
}

/// Which networks there are. Nothing crosses from one to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Networks {
    /// Those that routers name.
    #[default]
    Any,
    /// These.
    Only(BTreeSet<String>),
}

/// Where a switch may be spoken to without TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainText {
    /// Where only this machine can listen.
    #[default]
    OnLoopback,
    /// Anywhere: whoever is on the way reads and changes what he likes.
    Anywhere,
}

/// The files that TLS needs, in PEM. They are read when the switch starts, and again when it is told to reload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSettings {
    /// The switch's certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authority that routers' certificates have to come from.
    pub authority: Option<PathBuf>,
    /// Whether routers have to show a certificate.
    pub clients: Clients,
}

/// Whether routers have to show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    /// They have to.
    Required,
    /// They may; without one they need a [token](SwitchSettings::tokens), where there are any.
    Optional,
    /// They are not asked.
    NotAsked,
}

/// A word that stands for none of the settings that there are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is none of them: expected {expected}")]
pub struct UnknownWord {
    word: String,
    expected: &'static str,
}

/// Settings that do not work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} {reason}")]
pub struct SettingsError {
    /// Which of them, as a configuration names it.
    pub key: String,
    /// What is wrong, and what was expected.
    pub reason: String,
}

/// The longest name of a network or a router, in bytes.
pub(crate) const LONGEST_NAME: usize = 256;

/// How long the patterns of all that a router may send are together, in bytes.
pub(crate) const LONGEST_PERMIT: usize = 8 * 1024;

impl SwitchSettings {
    /// The defaults, for a switch that listens there.
    pub fn new<T: Into<String>>(listen: impl IntoIterator<Item = T>) -> Self {
        Self {
            listen: listen.into_iter().map(Into::into).collect(),
            status: None,
            networks: Networks::Any,
            heartbeat: Duration::from_secs(5),
            drain: Duration::from_secs(10),
            plain_text: PlainText::OnLoopback,
            tls: None,
            tokens: Vec::new(),
            refuse: Vec::new(),
            access: AccessList::default(),
            limits: SwitchLimits::default(),
        }
    }

    /// Whether a switch can work by them, as far as can be seen without the system's help.
    ///
    /// # Errors
    /// The first thing that does not work.
    pub fn check(&self) -> Result<(), SettingsError> {
        let wrong =
            |key: &str, reason: &str| Err(SettingsError { key: key.to_owned(), reason: reason.to_owned() });
        if self.listen.is_empty() {
            return wrong("listen", "is empty: expected an address such as \"127.0.0.1:8899\"");
        }
        if self.heartbeat < Duration::from_millis(100) {
            return wrong("heartbeat", &format!("is {:?}: expected at least 100 ms", self.heartbeat));
        }
        if let Networks::Only(names) = &self.networks {
            if names.is_empty() {
                return wrong(
                    "networks",
                    "is empty: expected a name, or no such key where any network will do",
                );
            }
            if let Some(long) = names.iter().find(|name| name.len() > LONGEST_NAME) {
                let reason = format!("has a name of {} bytes: expected at most {LONGEST_NAME}", long.len());
                return wrong("networks", &reason);
            }
        }
        if let Some(tls) = &self.tls {
            if tls.authority.is_none() && tls.clients != Clients::NotAsked {
                return wrong(
                    "tls.authority",
                    "is missing: expected the authority of the routers' certificates, or clients = \"not-asked\"",
                );
            }
        } else if !self.tokens.is_empty() && self.plain_text == PlainText::Anywhere {
            return wrong(
                "plain-text",
                "is \"anywhere\" and there are tokens: expected TLS, or tokens would travel in clear",
            );
        }
        if let Some(long) = self.access.too_long_to_tell() {
            let reason = format!(
                "has patterns in `publish` of {long} bytes together: expected at most {LONGEST_PERMIT}, since each router is \
                 told what the others may send"
            );
            return wrong("access", &reason);
        }
        self.limits.check().map_err(|(key, reason)| SettingsError { key: format!("limits.{key}"), reason })
    }

    /// Whether a switch may listen there without TLS.
    pub(crate) fn may_be_plain(&self, address: IpAddr) -> bool {
        self.plain_text == PlainText::Anywhere || address.to_canonical().is_loopback()
    }
}

impl TlsSettings {
    /// With a certificate for each router, too.
    pub fn mutual(
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
        authority: impl Into<PathBuf>,
    ) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            authority: Some(authority.into()),
            clients: Clients::Required,
        }
    }

    /// With a certificate for the switch alone.
    pub fn one_sided(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { certificate: certificate.into(), key: key.into(), authority: None, clients: Clients::NotAsked }
    }
}

impl FromStr for PlainText {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "on-loopback" => Ok(Self::OnLoopback),
            "anywhere" => Ok(Self::Anywhere),
            _ => Err(UnknownWord { word: word.to_owned(), expected: "\"on-loopback\" or \"anywhere\"" }),
        }
    }
}

impl FromStr for Clients {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "required" => Ok(Self::Required),
            "optional" => Ok(Self::Optional),
            "not-asked" => Ok(Self::NotAsked),
            _ => Err(UnknownWord {
                word: word.to_owned(),
                expected: "\"required\", \"optional\" or \"not-asked\"",
            }),
        }
    }
}

impl Networks {
    /// These only.
    pub fn only<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Self {
        Self::Only(names.into_iter().map(Into::into).collect())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(names) => names.contains(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(settings: &SwitchSettings, key: &str) {
        let error = settings.check().unwrap_err();
        assert_eq!(error.key, key);
        assert!(error.reason.contains("expected"), "{error}");
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let good = SwitchSettings::new(["127.0.0.1:0"]);
        assert_eq!(good.check(), Ok(()));
        refused(&SwitchSettings::new([""; 0]), "listen");
        refused(&SwitchSettings { heartbeat: Duration::ZERO, ..good.clone() }, "heartbeat");
        refused(&SwitchSettings { networks: Networks::only([""; 0]), ..good.clone() }, "networks");
        let nobody = TlsSettings { authority: None, ..TlsSettings::mutual("a", "b", "c") };
        refused(&SwitchSettings { tls: Some(nobody), ..good.clone() }, "tls.authority");
        let mut clear = SwitchSettings { plain_text: PlainText::Anywhere, ..good.clone() };
        assert_eq!(clear.check(), Ok(()));
        clear.tokens.push(TokenRule::new(Secret::new("0123456789abcdef").unwrap()));
        refused(&clear, "plain-text");
        let mut endless = good.clone();
        endless.access = [Access::of([]).publish(Pattern::new("x".repeat(9_000)))].into_iter().collect();
        refused(&endless, "access");
        let mut small = good;
        small.limits.queue = 1;
        refused(&small, "limits.queue");
    }

    #[test]
    fn without_tls_it_is_spoken_to_on_loopback_unless_told_otherwise() {
        let mut settings = SwitchSettings::new(["127.0.0.1:0"]);
        for (address, is_loopback) in [
            ("127.3.2.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.1", false),
            ("::", false),
        ] {
            assert_eq!(settings.may_be_plain(address.parse().unwrap()), is_loopback, "{address}");
        }
        settings.plain_text = PlainText::Anywhere;
        assert!(settings.may_be_plain("10.0.0.1".parse().unwrap()));
    }
}
